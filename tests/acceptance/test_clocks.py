"""A worker whose clock is an hour wrong: due times, leases, rests, gates and keys go by the database's clock."""

from __future__ import annotations

import datetime as dt
import time
from email.utils import format_datetime
from pathlib import Path

import pytest

from examples.shop.models import Customer
from sync.models import Binding, Connection
from tests.acceptance.scene import Scene
from tests.acceptance.shifted import INCLUDE
from tests.acceptance.waiting import until

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

HOUR_S = 3600
STATIC = ("--scheduler", "celery.beat:PersistentScheduler", "--schedule")
"""Unlike that of django-celery-beat it tells each message when it is stale, by its own clock."""


AHEAD = pytest.param(HOUR_S, id="ahead")
BEHIND = pytest.param(-HOUR_S, id="behind", marks=pytest.mark.chaos)


@pytest.mark.parametrize("shift_s", [AHEAD, BEHIND])
def test_nothing_is_late_or_doubled_by_a_clock_that_is_an_hour_wrong(
    scene: Scene,
    tmp_path: Path,
    shift_s: float,
) -> None:
    scene.account(drains=2, options={"retry": {"attempts": 10, "base_delay": 0.3, "max_delay": 1.0}})
    wrong = {**scene.short, "CLOCK_SHIFT_S": shift_s, "slice_s": 0.5}  # what waits longer is found by the sweep alone
    scene.worker(arguments=INCLUDE, knobs=wrong)
    right = scene.worker(arguments=INCLUDE, knobs=scene.short)
    scene.beat(knobs=scene.short, arguments=(*STATIC, str(tmp_path / "schedule")))
    rows = scene.customers(6)
    scene.until_equal()
    right.kill()  # from now on the wrong one does it all
    scene.remote.fault("status", collection="customers", status=500, times=4)  # backoff
    scene.remote.fault("hold_after", collection="customers", seconds=3.0, method="POST", times=1)  # a key is replayed
    began = time.monotonic()
    for row in rows:
        row.name = "Changed"
        row.save()
    rows.append(Customer.objects.create(email="late@shop.test", name="Late"))
    scene.until_equal(40)
    scene.measured(recovered_after_s=round(time.monotonic() - began, 2))
    scene.assert_each_created_once(rows)
    assert not Binding.objects.exclude(uncertain="").exists()


@pytest.mark.chaos
@pytest.mark.parametrize("shift_s", [HOUR_S, -HOUR_S], ids=["ahead", "behind"])
def test_a_date_to_wait_for_is_read_by_the_remotes_own_clock(scene: Scene, shift_s: float) -> None:
    now = dt.datetime.now(dt.UTC)
    dates = {"Date": now, "Retry-After": now + dt.timedelta(seconds=4)}
    headers = {name: format_datetime(moment, usegmt=True) for name, moment in dates.items()}
    scene.remote.fault("status", collection="customers", status=429, headers=headers, times=1)
    scene.worker(arguments=INCLUDE, knobs={**scene.short, "CLOCK_SHIFT_S": shift_s})
    scene.beat(knobs=scene.short)
    Customer.objects.create(email="1@shop.test", name="Ada")
    until(lambda: Connection.objects.get().gate.blocked_until is not None)
    scene.until_equal(40)
    first, second = [entry.monotonic for entry in scene.remote.calls("customers", "POST")]
    scene.measured(waited_s=round(second - first, 2))
    assert 3 < second - first < 20
