from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.utils import timezone

from sync.management.following import left
from sync.models import Binding, Connection, Gate, Minute, State
from sync.monitoring import arrival as arriving
from sync.monitoring.arrival import Arrival, arrival
from tests.monitoring.told import _uncaptured, bind, connection

__all__ = ["_uncaptured", "bind", "connection"]

Bind = Callable[..., Binding]
SLOW = Arrival(left=120, bounded=False, limit_per_s=1.0, measured_per_s=None, held_up=())


def test_it_goes_as_fast_as_the_limit_allows_where_nothing_is_measured() -> None:
    assert (SLOW.per_s, SLOW.eta_s) == (1.0, 120.0)
    assert replace(SLOW, measured_per_s=0.5).eta_s == 240.0
    assert replace(SLOW, measured_per_s=7.0).per_s == 1.0
    assert replace(SLOW, limit_per_s=None).eta_s is None
    assert replace(SLOW, held_up=("shop/default",)).eta_s is None
    assert replace(SLOW, left=0, limit_per_s=None).eta_s == 0.0


def test_what_is_due_is_counted_and_what_arrived_is_measured(bind: Bind, connection: Connection) -> None:
    for n in range(3):
        bind(n, state=State.PENDING, due_at=timezone.now())
    bind("done")
    Connection.objects.update(options={"rate_limit": [{"limit": 120, "per": 60}]})
    row = Connection.objects.select_related("gate").get()
    found = arrival([row], more=2)
    assert (found.left, found.limit_per_s, found.measured_per_s, found.held_up) == (5, 2.0, None, ())
    Minute.objects.create(connection=row, at=timezone.now() - dt.timedelta(minutes=2), applied=30)
    assert arrival([row]).measured_per_s == 0.1


def test_counts_have_a_bound(bind: Bind, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "COUNTED", 2)
    for n in range(3):
        bind(n, state=State.PENDING, due_at=timezone.now())
    found = arrival([connection])
    assert (found.left, found.bounded) == (2, True)
    assert left(found).startswith("2+ left to send")


def test_what_holds_it_up_is_named(bind: Bind, connection: Connection) -> None:
    Gate.objects.update(blocked_until=timezone.now() + dt.timedelta(seconds=60))
    row = Connection.objects.select_related("gate").get()
    assert arrival([row]).held_up == ("shop/default",)
    assert "held up: shop/default" in left(replace(SLOW, held_up=("shop/default",)))


def test_a_wrong_option_leaves_the_limit_unknown(connection: Connection) -> None:
    Connection.objects.update(options={"rate_limit": "many"})
    assert arrival([Connection.objects.select_related("gate").get()]).limit_per_s is None


def test_it_is_told_in_a_line() -> None:
    assert left(SLOW) == "120 left to send, 1.0 a second by the rate limit, about 2 min left"
    assert left(replace(SLOW, measured_per_s=0.5)) == "120 left to send, 30.0 a minute, about 4 min left"
    assert left(replace(SLOW, limit_per_s=None)) == "120 left to send"
