"""The story of one object, as the change form and the history page show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib.admin.sites import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from sync import registry
from sync.admin import show
from sync.admin.permissions import REVEAL, may
from sync.integrators.web import web_url
from sync.models import Binding, Operation
from sync.models.identity import object_id_of
from sync.monitoring import inbox
from sync.monitoring.badge import UNKNOWN
from sync.monitoring.verdict import Said, verdict
from sync.operations import DEEDS
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models import Model

Links = Callable[[Binding], Mapping[str, str]]

RECENT = 5
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the object stands under one connection.

    ``said`` is the sentence at the top; ``links`` are addresses of pages about it, by the name of what is done there.
    ``known`` is False where it has no binding there.
    """

    binding: Binding
    said: Said
    badge: str
    reason: str
    next_attempt: str
    unsent_since: str
    synced_at: str
    url: str
    remote_url: str = ""
    known: bool = True
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: what, when, who, how long, and what came back; ``deed``: a person's, of which nothing was sent."""

    operation: Operation
    at: str
    duration: str
    answer: str
    request: str
    response: str
    url: str
    deed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Standings and attempts of one object; ``older`` is the cursor of the next page, 0 where there is none.

    ``changed``: it was changed, and no worker has taken that yet. ``several``: it has more than one connection.
    ``may_ask``: this user may have it sent.
    """

    title: str
    standings: Sequence[Standing]
    attempts: Sequence[Attempt]
    changed: bool = False
    several: bool = False
    older: int = 0
    history_url: str = ""
    may_ask: bool = False

    @property
    def known(self) -> Sequence[Standing]:
        """The standings under accounts that know the object."""
        return [one for one in self.standings if one.known]

    @classmethod
    def of_object(
        cls,
        instance: Model,
        request: HttpRequest,
        site: AdminSite,
        *,
        size: int = RECENT,
        before: int = 0,
        url: str = "",
        links: Links | None = None,
        may_ask: bool = False,
    ) -> Panel:
        """Return the panel of a local object, in four queries.

        Args:
            instance: the object.
            request: whose user decides what may be seen.
            site: for links.
            size: attempts at the most.
            before: only operations with a lower id; 0: from the newest.
            url: address of the whole history.
            links: gives the pages about a binding.
            may_ask: this user may have it sent.
        """
        label, object_id = model_label(type(instance)), object_id_of(instance.pk)
        rows = list(bindings_of(label, [object_id]))
        attempts, older = _attempts(rows, request, site, size=size, before=before)
        linked = request.user.has_perm("crudsync.view_binding")
        changed = bool(inbox.waiting(label, [object_id]))
        every = [*rows, *_strangers(label, object_id, rows)]
        return cls(
            title=_("Sync"),
            standings=[_standing(row, site, linked=linked, changed=changed, links=links) for row in every],
            attempts=attempts,
            changed=changed,
            several=len(rows) > 1,
            older=older,
            history_url=url,
            may_ask=may_ask,
        )

    @classmethod
    def of_binding(cls, binding: Binding, request: HttpRequest, site: AdminSite) -> Panel:
        """Return the attempts of one binding; where it stands is on its own page already."""
        attempts, older = _attempts([binding], request, site, size=PAGE, before=0)
        return cls(title=_("Attempts"), standings=[], attempts=attempts, older=older)


def bindings_of(label: str, object_ids: Sequence[str]) -> QuerySet[Binding]:
    """Return the bindings of these objects of a model, under every connection: one query, by an index."""
    rows = Binding.objects.filter(model=label, object_id__in=object_ids)
    return rows.select_related("connection__gate").order_by("connection_id", "object_type")


def _attempts(
    rows: Sequence[Binding], request: HttpRequest, site: AdminSite, *, size: int, before: int
) -> tuple[Sequence[Attempt], int]:
    operations = list(_operations(rows, before)[: size + 1]) if rows else []
    shown, more = operations[:size], len(operations) > size
    linked, whole = request.user.has_perm("crudsync.view_operation"), may(request, REVEAL)
    return [_attempt(row, site, linked=linked, whole=whole) for row in shown], shown[-1].pk if more else 0


def _operations(rows: Sequence[Binding], before: int) -> QuerySet[Operation]:
    found = Operation.objects.filter(binding__in=[row.pk for row in rows]).select_related("connection")
    return (found.filter(pk__lt=before) if before else found).order_by("-pk")


def _strangers(label: str, object_id: str, rows: Sequence[Binding]) -> list[Binding]:
    """What stands for the object under the accounts that do not know it: bindings that are not in the database."""
    types = {(cls.name, spec.name) for cls, spec in registry.types_for(label)}
    there = {(row.connection_id, row.object_type) for row in rows}
    return [
        Binding(connection=connection, object_type=name, object_id=object_id, model=label)
        for connection in registry.connections_of({integrator for integrator, _name in types})
        for integrator, name in sorted(types)
        if integrator == connection.integrator and (connection.pk, name) not in there
    ]


def _standing(
    row: Binding, site: AdminSite, *, linked: bool, changed: bool = False, links: Links | None = None
) -> Standing:
    known = row.pk is not None
    gate = getattr(row.connection, "gate", None)
    return Standing(
        binding=row,
        said=verdict(row if known else None, row.connection, gate, now=timezone.now(), changed=changed),
        badge=show.badge(row.state if known else UNKNOWN),
        reason=_reason(row) if known else show.NOTHING,
        next_attempt=show.next_attempt(row),
        unsent_since=show.moment(row.dirty_since),
        synced_at=show.moment(row.synced_at),
        url=show.admin_url(site, "crudsync_binding_change", row.pk) if linked and known else "",
        remote_url=web_url(row.connection, row.object_type, row.remote_id),
        known=known,
        links=links(row) if links is not None else {},
    )


def _reason(row: Binding) -> str:
    """Its own reason, else its connection's, where it waits for that."""
    own = show.reason(row)
    closed = show.closed(row.connection) if row.due_at is not None else ""
    if not closed:
        return own
    repeated = own == show.NOTHING or (row.detail and row.detail in closed)
    return closed if repeated else f"{own}; {closed}"


def _attempt(row: Operation, site: AdminSite, *, linked: bool, whole: bool) -> Attempt:
    return Attempt(
        operation=row,
        at=show.moment(row.started_at),
        duration=show.duration(row.duration_ms),
        answer=show.answer(row),
        request=show.indented(row.request) if whole else "",
        response=show.indented(row.response) if whole else "",
        url=show.admin_url(site, "crudsync_operation_change", row.pk) if linked else "",
        deed=row.verb in DEEDS,
    )
