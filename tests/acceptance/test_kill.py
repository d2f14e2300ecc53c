"""Workers killed with SIGKILL: afterwards there is one object at the remote, equal to the row, and none is doubled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.shop.models import Customer
from sync import drain, registry
from sync.models import Binding, Connection, Operation, Status
from sync.testing.remote import Remote
from tests.acceptance.stand_ins import INCLUDE, LookUpOnly
from tests.acceptance.waiting import describe, gone, until
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

POINTS = ("claimed", "planned", "journaled", "sending", "sent", "settling", "settled", "folded")
BEFORE_THE_CALL = ("claimed", "planned", "journaled", "sending", "folded")
WRITES = {"create": "POST", "update": "PATCH", "delete": "DELETE"}

Start = Callable[..., Worker]
Wait = Callable[..., None]
Replace = Callable[..., dict[str, Any]]


def chaotic_but(*always: str) -> list[Any]:
    """Return all points; the long run has those that are not named."""
    return [point if point in always else pytest.param(point, marks=pytest.mark.chaos) for point in POINTS]


def customer(number: int) -> Customer:
    return Customer.objects.create(email=f"{number}@shop.test", name=f"Customer {number}")


def write(verb: str, row: Customer | None) -> None:
    """Create a customer, or change or delete the one given."""
    if row is None:
        customer(9)
    elif verb == "update":
        row.name = "Changed"
        row.save()
    else:
        row.delete()


def killed(arm: Path) -> list[int]:
    """Return the processes that were armed by this file and are dead by now."""
    armed = [int(taken.suffix[1:]) for taken in arm.parent.glob(f"{arm.name}.*") if taken.suffix[1:].isdigit()]
    return [pid for pid in armed if gone(pid)]


def updates(point: str) -> int:
    """Return how often an update is applied whose worker died there: one in doubt is sent again, as a whole."""
    return 2 if point in ("sent", "settling") else 1


def applied(sandbox: Remote, verb: str) -> int:
    return len(sandbox.calls("customers", WRITES[verb], applied=True))


@pytest.mark.parametrize("point", chaotic_but("journaled", "sent", "folded"))
def test_a_process_of_the_pool_that_is_killed_there_neither_loses_nor_doubles_a_write(
    sandbox: Remote,
    worker: Start,
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Wait,
    tmp_path: Path,
    point: str,
) -> None:
    arm = tmp_path / "armed"
    account(drains=4)  # a dead drain keeps its slot for a while
    worker(concurrency=4, arguments=INCLUDE, knobs={**short, "ARM_FILE": arm})
    rows = {"create": None, "update": customer(1), "delete": customer(2)}
    until_equal(sweeping=True)
    for dead, (verb, row) in enumerate(rows.items(), start=1):
        arm.with_suffix(".new").write_text(point)
        arm.with_suffix(".new").rename(arm)
        write(verb, row)
        # A sweep of ours would take the change in itself: nobody would reach "folded".
        until(lambda count=dead: len(killed(arm)) == count, 20, sweeping=point != "folded")
    until_equal(sweeping=True)
    assert len(sandbox.objects("customers")) == 2
    assert {verb: applied(sandbox, verb) for verb in rows} == {"create": 3, "update": updates(point), "delete": 1}
    assert not Operation.objects.filter(status=Status.STARTED).exists()
    if point in BEFORE_THE_CALL:  # nobody but the second attempt spoke to the remote
        writes = [call for call in sandbox.calls("customers") if call.method != "GET"]  # what was in doubt is read, too
        assert len(writes) == 5


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize(
    "point",
    chaotic_but("sent"),
)
def test_a_worker_that_is_killed_as_a_whole_is_made_up_for_by_the_next(
    sandbox: Remote, worker: Start, short: dict[str, float], until_equal: Wait, point: str, verb: str
) -> None:
    row = None
    if verb != "create":
        row = customer(1)
        drain.drain(registry.connection("shop").pk, wait=False)
        until_equal()
    broken = worker(pool="solo", concurrency=1, knobs={**short, "CRUDSYNC_FAULTS": point})
    write(verb, row)
    until(lambda: not broken.running, 20, sweeping=True)
    assert broken.exit_code == -9
    worker(pool="solo", concurrency=1, knobs=short)
    until_equal(sweeping=True)
    assert applied(sandbox, verb) == (updates(point) if verb == "update" else 1)
    assert len(sandbox.objects("customers")) == (0 if verb == "delete" else 1)


@pytest.mark.parametrize("kind", ["keys", "look-up only"])
def test_a_worker_killed_in_the_middle_of_a_create_leaves_one_object(
    sandbox: Remote,
    worker: Start,
    short: dict[str, float],
    until_quiet: Wait,
    stand_in: Replace,
    kind: str,
) -> None:
    options: dict[str, Any] = {"knobs": {**short, "lookup_lag_s": 0.2}}
    if kind != "keys":
        sandbox.configure(idempotency=False)
        options = stand_in(LookUpOnly, **options["knobs"])
    sandbox.fault("delay_after", method="POST", times=1, seconds=3.0)
    first = worker(**options)
    row = customer(1)
    until(lambda: sandbox.calls("customers", "POST", applied=True) != [])
    first.kill()
    assert Binding.objects.get().remote_id is None
    worker(**options)
    until_quiet(sweeping=True)
    (there,) = sandbox.objects("customers")
    assert there["email"] == row.email
    assert Binding.objects.get().remote_id == there["id"]
    assert applied(sandbox, "create") == 1
    methods = [entry.method for entry in sandbox.calls("customers")]
    assert methods[:2] == (["POST", "POST"] if kind == "keys" else ["POST", "GET"])


@pytest.mark.parametrize("point", chaotic_but("sent"))
def test_a_create_that_only_a_look_up_can_tell_of_is_never_doubled(
    sandbox: Remote,
    worker: Start,
    short: dict[str, float],
    until_quiet: Wait,
    stand_in: Replace,
    tmp_path: Path,
    point: str,
) -> None:
    sandbox.configure(idempotency=False)
    arm = tmp_path / "armed"
    arm.write_text(point)
    worker(**stand_in(LookUpOnly, **short, lookup_lag_s=0.2, ARM_FILE=arm))
    row = customer(1)
    until(lambda: killed(arm), 20, sweeping=point != "folded")
    until_quiet(sweeping=True)
    assert describe() == "0 changes, 0 bindings: []"
    (there,) = sandbox.objects("customers")
    assert (there["email"], there["name"]) == (row.email, row.name)
    assert applied(sandbox, "create") == 1
