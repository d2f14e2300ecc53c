"""A worker whose clock is an hour wrong: due times, leases, rests, gates and keys go by the database's clock."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable
from email.utils import format_datetime
from pathlib import Path

import pytest

from examples.shop.models import Customer
from sync.models import Binding, Connection
from sync.testing.remote import Remote
from tests.acceptance.shifted import INCLUDE
from tests.acceptance.waiting import until
from tests.servers.celery import Beat, Worker

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

HOUR_S = 3600
STATIC = ("--scheduler", "celery.beat:PersistentScheduler", "--schedule")
"""Unlike that of django-celery-beat it tells each message when it is stale, by its own clock."""


AHEAD = pytest.param(HOUR_S, id="ahead")
BEHIND = pytest.param(-HOUR_S, id="behind", marks=pytest.mark.chaos)


@pytest.mark.parametrize("shift_s", [AHEAD, BEHIND])
def test_nothing_is_late_or_doubled_by_a_clock_that_is_an_hour_wrong(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
    measured: Callable[..., None],
    tmp_path: Path,
    shift_s: float,
) -> None:
    account(drains=2, options={"retry": {"attempts": 10, "base_delay": 0.3, "max_delay": 1.0}})
    wrong = {**short, "CLOCK_SHIFT_S": shift_s, "slice_s": 0.5}  # what waits longer is found by the sweep alone
    worker(arguments=INCLUDE, knobs=wrong)
    right = worker(arguments=INCLUDE, knobs=short)
    beat(knobs=short, arguments=(*STATIC, str(tmp_path / "schedule")))
    rows = [Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}") for n in range(6)]
    until_equal()
    right.kill()  # from now on the wrong one does it all
    sandbox.fault("status", collection="customers", status=500, times=4)  # backoff
    sandbox.fault("hold_after", collection="customers", seconds=3.0, method="POST", times=1)  # a key is replayed
    began = time.monotonic()
    for row in rows:
        row.name = "Changed"
        row.save()
    rows.append(Customer.objects.create(email="late@shop.test", name="Late"))
    until_equal(40)
    measured(recovered_after_s=round(time.monotonic() - began, 2))
    created = Counter(entry.data["email"] for entry in sandbox.calls("customers", "POST", applied=True))
    assert created == {row.email: 1 for row in rows}
    assert not Binding.objects.exclude(uncertain="").exists()


@pytest.mark.chaos
@pytest.mark.parametrize("shift_s", [HOUR_S, -HOUR_S], ids=["ahead", "behind"])
def test_a_date_to_wait_for_is_read_by_the_remotes_own_clock(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    until_equal: Callable[..., None],
    measured: Callable[..., None],
    shift_s: float,
) -> None:
    now = dt.datetime.now(dt.UTC)
    dates = {"Date": now, "Retry-After": now + dt.timedelta(seconds=4)}
    headers = {name: format_datetime(moment, usegmt=True) for name, moment in dates.items()}
    sandbox.fault("status", collection="customers", status=429, headers=headers, times=1)
    worker(arguments=INCLUDE, knobs={**short, "CLOCK_SHIFT_S": shift_s})
    beat(knobs=short)
    Customer.objects.create(email="1@shop.test", name="Ada")
    until(lambda: Connection.objects.get().gate.blocked_until is not None)
    until_equal(40)
    first, second = [entry.monotonic for entry in sandbox.calls("customers", "POST")]
    measured(waited_s=round(second - first, 2))
    assert 3 < second - first < 20
