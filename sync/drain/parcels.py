"""Which attempts travel in one request: one each, or a batch where an object type has a bulk endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sync.drain.attempt import Attempt
from sync.types import RateLimit, Request, Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Attempts that go out in one request, and the limits that it counts against."""

    attempts: tuple[Attempt, ...]
    bulk: bool = False

    @property
    def unit(self) -> Any:
        """The integrator instance that speaks for the first of them."""
        return self.attempts[0].plan.unit

    @property
    def overridden(self) -> bool:
        """Whether its integrator has a verb of its own for it."""
        return bool(self.unit.overrides(self.attempts[0].verb))

    @property
    def limits(self) -> Sequence[RateLimit]:
        """The limits that its call counts against."""
        found: Sequence[RateLimit] = self.unit.limits(self.attempts[0].verb)
        return found

    def request(self) -> Request:
        """Build the request; hooks run here."""
        request: Request
        if self.bulk:
            request = self.unit.build_bulk_request([item.call for item in self.attempts])
        else:
            request = self.unit.build_request(self.attempts[0].call)
        return request


def parcels(attempts: Sequence[Attempt]) -> list[Parcel]:
    """Return attempts as parcels, in their order; batches are filled in the order of their first object."""
    found: list[Parcel] = []
    open_batches: dict[tuple[str, Verb], list[Attempt]] = {}
    places: dict[tuple[str, Verb], int] = {}
    for item in attempts:
        size = bulk_size(item)
        if size < 2:
            found.append(Parcel(attempts=(item,)))
            continue
        key = (item.call.object_type, item.verb)
        batch = open_batches.setdefault(key, [])
        if not batch:
            places[key] = len(found)
            found.append(Parcel(attempts=(item,)))
        batch.append(item)
        found[places[key]] = Parcel(attempts=tuple(batch), bulk=len(batch) > 1)
        if len(batch) == size:
            open_batches[key] = []
    return found


def split(attempts: Sequence[Attempt]) -> list[Parcel]:
    """Return the halves of a refused batch, so that in the end the bad object stands alone."""
    middle = len(attempts) // 2
    halves = [tuple(attempts[:middle]), tuple(attempts[middle:])]
    return [Parcel(attempts=half, bulk=len(half) > 1) for half in halves if half]


def bulk_size(item: Attempt) -> int:
    """Return how many objects may travel with this one, 1 where it travels alone."""
    bulk = item.plan.spec.bulk
    if bulk is None or item.plan.claim.lone or item.plan.unit.overrides(item.verb):
        return 1
    path = {Verb.CREATE: bulk.create, Verb.UPDATE: bulk.update}.get(item.verb, "")
    replays = item.plan.claim.uncertain == "create"
    return bulk.size if path and not replays else 1
