"""Answers that are cut off, huge, packed or dripping, a remote that half works, and searches that lag behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.shop.models import Customer
from sync.models import Binding, Connection, Operation, State
from sync.testing.remote import Remote
from tests.acceptance.load import Load
from tests.acceptance.marks import once
from tests.acceptance.stand_ins import ByName, LookUpOnly
from tests.acceptance.waiting import until
from tests.servers.celery import Beat, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), once]

Start = Callable[..., Worker]
Wait = Callable[..., None]

MIB = 1024 * 1024
PATIENT = {"retry": {"attempts": 10, "base_delay": 0.3, "max_delay": 1.0}}
BODIES: list[list[dict[str, Any]]] = [
    [{"do": "truncate"}, {"do": "oversized", "bytes": 40 * MIB}, {"do": "drip_body", "bytes": 1, "seconds": 0.3}],
    [{"do": "empty"}, {"do": "gzip_bomb", "bytes": 400 * MIB}, {"do": "drip_headers", "bytes": 1, "seconds": 0.3}],
    [{"do": "endless"}],
]
"""Few at a time: more would be taken for an outage of the connection."""


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process ever had."""
    told = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(told[1]) * 1024 if told else 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_broken_bodies_are_doubts_that_end_and_cost_no_memory(
    sandbox: Remote, worker: Start, short: dict[str, float], account: Callable[..., Connection], until_quiet: Wait
) -> None:
    account(options=PATIENT)
    load = Load(sandbox)
    running = worker(concurrency=1, knobs=short)
    load.add(10)
    until_quiet(60, sweeping=True)
    (child,) = running.children()
    before = peak_bytes(child)
    for rules in BODIES:
        for number, rule in enumerate(rules, start=load.count):
            sandbox.fault(**rule, method="POST", body=f"{number:04d}@", times=1)
        load.add(10)
        until_quiet(60, sweeping=True)
    grown = peak_bytes(child) - before
    fired = sum(rule["fired"] for rule in sandbox.faults())
    print(f"{fired} broken bodies, the worker grew by {grown / MIB:.0f} MiB; {load.report()}")  # noqa: T201 - with -rP
    assert running.children() == [child]
    assert fired == sum(map(len, BODIES))
    assert load.against() == []
    assert grown < 60 * MIB  # several answers of 10 MiB at the most, at a time


@pytest.mark.chaos
def test_a_remote_that_half_works_for_a_while_loses_and_doubles_nothing(
    sandbox: Remote,
    worker: Start,
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_quiet: Wait,
) -> None:
    account(options={"retry": {"attempts": 3, "base_delay": 0.3, "max_delay": 1.0}})
    load = Load(sandbox)
    sandbox.fault("status", status=500, probability=0.3, seed=1)
    sandbox.fault("status_after", status=502, probability=0.2, seed=2)
    sandbox.fault("hold_after", seconds=3, probability=0.1, seed=3)
    sandbox.fault("delay", seconds=0.3, probability=0.5, seed=4)
    worker(knobs=short)
    beat(knobs=short)
    for _ in range(3):
        before = load.applied()
        load.add(20)
        until(lambda so_far=before: load.applied() >= so_far + 5, 90)
    fired = {rule["do"]: rule["fired"] for rule in sandbox.faults()}
    sandbox.clear_faults()
    until_quiet(120)
    print(fired, load.report())  # noqa: T201 - shown with -rP
    assert not Binding.objects.filter(state=State.DEAD).exists()
    assert load.against() == []


def test_a_search_that_lags_behind_doubles_nothing_where_the_lag_is_known(
    sandbox: Remote, worker: Start, short: dict[str, float], until_quiet: Wait, stand_in: Callable[..., dict[str, Any]]
) -> None:
    sandbox.configure(idempotency=False, lookup_lag_s=2.0)
    sandbox.fault("reset_after", method="POST", times=5)
    options = stand_in(LookUpOnly, **short, lookup_lag_s=2.5)
    load = Load(sandbox)
    load.add(5)
    worker(**options)
    until_quiet(90, sweeping=True)
    assert load.against() == []
    assert len(sandbox.calls("customers", "POST", applied=True)) == 5
    assert Operation.objects.filter(verb="lookup").count() >= 5


def test_two_rows_that_find_the_same_remote_object_share_it_never(
    sandbox: Remote, worker: Start, short: dict[str, float], until_quiet: Wait, stand_in: Callable[..., dict[str, Any]]
) -> None:
    sandbox.configure(idempotency=False, unique=["name"])
    there = sandbox.add("customers", name="Twin", email="older@shop.test", country="")
    options = stand_in(ByName, **short, lookup_lag_s=0.2)
    rows = [Customer.objects.create(email=f"{number}@shop.test", name="Twin") for number in range(2)]
    worker(**options)
    until_quiet(90, sweeping=True)
    assert [found["id"] for found in sandbox.objects("customers")] == [there["id"]]
    first, second = sorted(Binding.objects.all(), key=lambda row: row.state != State.SYNCED)
    assert (first.state, first.remote_id) == (State.SYNCED, there["id"])
    assert (second.state, second.code, second.remote_id) == (State.DEAD, "duplicate_remote", None)
    assert there["id"] in second.detail
    assert f"customer:{first.object_id}" in second.detail
    winner = next(row for row in rows if str(row.pk) == first.object_id)
    assert sandbox.get("customers", there["id"])["email"] == winner.email  # type: ignore[index]
