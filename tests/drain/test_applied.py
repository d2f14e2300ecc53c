"""How long it took from a save until the remote had it, on the operation that brought it there."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import F

from sync import ratelimit
from sync.drain import Report
from sync.models import Binding, Change, Operation
from sync.types import BulkSpec, Grant, Grants, RateLimit
from tests.drain.memory import MemoryIntegrator, MemoryRemote, lost, status

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


def operations() -> list[Operation]:
    return list(Operation.objects.order_by("pk"))


def saved_earlier(seconds: float) -> None:
    """Make what waits in the inbox older."""
    Change.objects.update(created_at=F("created_at") - dt.timedelta(seconds=seconds))


def test_it_is_counted_from_the_save(deliver: Deliver) -> None:
    Group.objects.create(name="a")
    saved_earlier(60)
    deliver()
    (create,) = operations()
    assert create.applied_ms is not None
    assert 60_000 <= create.applied_ms < 120_000


def test_it_is_counted_over_all_attempts_and_stands_at_the_one_that_succeeded(
    remote: MemoryRemote, deliver: Deliver
) -> None:
    remote.faults = [status(500), lost(applied=False)]
    Group.objects.create(name="a")
    saved_earlier(60)
    deliver(3)
    *failed, last = operations()
    assert [one.applied_ms for one in failed] == [None] * len(failed)
    assert last.applied_ms is not None
    assert last.applied_ms >= 60_000


def test_each_edit_is_counted_from_its_own_save(deliver: Deliver) -> None:
    group = Group.objects.create(name="a")
    saved_earlier(600)
    deliver()
    group.name = "b"
    group.save()
    deliver()
    first, second = (one.applied_ms for one in operations())
    assert first is not None and second is not None
    assert first >= 600_000 > second


def test_an_edit_under_way_starts_anew(integrator: type[MemoryIntegrator], deliver: Deliver) -> None:
    """What was saved before is applied; what is saved meanwhile is measured by the send that follows."""
    group = Group.objects.create(name="a")
    saved_earlier(600)
    original = integrator.read_answer
    edits = ["b"]

    def edited(self: MemoryIntegrator, call: Any, answer: Any) -> Any:
        if edits:
            Group.objects.filter(pk=group.pk).update(name=edits.pop())
            Binding.objects.update(seq=F("seq") + 1)
        return original(self, call, answer)

    integrator.read_answer = edited  # type: ignore[method-assign]
    deliver(2)
    first, second = (one.applied_ms for one in operations())
    assert first is not None and second is not None
    assert first >= 600_000 > second


def test_a_delete_is_applied_too(deliver: Deliver) -> None:
    group = Group.objects.create(name="a")
    deliver()
    group.delete()
    deliver()
    assert [(one.verb, one.applied_ms is not None) for one in operations()] == [("create", True), ("delete", True)]


def test_what_is_refused_or_held_was_not_applied(remote: MemoryRemote, deliver: Deliver) -> None:
    remote.faults = [status(422)]
    Group.objects.create(name="a")
    deliver()
    assert [one.applied_ms for one in operations()] == [None]


def test_where_no_limit_holds_no_token_is_counted(deliver: Deliver) -> None:
    Group.objects.create(name="a")
    deliver()
    assert [one.waited_ms for one in operations()] == [None]


def test_a_call_for_many_took_one_token_and_says_how_long_that_had_to_be_waited_for(
    integrator: type[MemoryIntegrator], deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(connection_id: int, limits: Any, n: int, **_: Any) -> Grants:
        at = time.monotonic() + 0.2
        return Grants(granted=[Grant(at=at, until=at + 60.0)])

    monkeypatch.setattr(ratelimit, "take", take)
    monkeypatch.setattr(ratelimit, "forecast", lambda *_: 100)
    integrator.rate_limits = (RateLimit(1000),)
    integrator.spec.bulk = BulkSpec(key="name", create="groups/bulk", size=8)
    for number in range(5):
        Group.objects.create(name=f"g{number}")
    deliver()
    first, *others = operations()
    assert len(others) == 4
    assert first.waited_ms is not None
    assert 0 < first.waited_ms <= 200
    assert [one.waited_ms for one in others] == [None] * 4
    assert all(one.applied_ms is not None for one in operations())
