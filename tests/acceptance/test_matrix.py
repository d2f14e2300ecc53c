"""The crash-point matrix: each fault point × create, update, delete × each kind of remote, by death, error, suspension.

A worker feeds six remotes of different kinds at once; in one go a process of its pool is struck for each of them. The
oracle is in ``judging``. What a kind does not promise is shown as what is promised instead: a doubled object of a
remote that can only be searched is named, a create of one that offers nothing waits for a person, or is there twice.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from examples.shop.models import Customer
from sync import registry
from sync.models import Binding, Connection, Operation, State, Status
from sync.testing.remote import Remote
from tests.acceptance import arming, judging, kinds
from tests.acceptance.arming import ANY, Armoury
from tests.acceptance.marks import beside_postgres
from tests.acceptance.waiting import gone, quiet, until
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), beside_postgres]

POINTS = ("claimed", "planned", "journaled", "sending", "sent", "settling", "settled")
VERBS = ("create", "update", "delete")
ROWS = 2
PROCESSES = len(kinds.KINDS) + 3
LEASE = {"window_s": 1.0, "timeout_s": 2.5, "settle_s": 0.5}
KNOBS = {**LEASE, "connect_s": 2.0, "lookup_lag_s": 0.2, "slice_s": 60.0, "threads": 3 * ROWS}
"""A long slice, so that the pool's time limit does not end whoever is suspended."""

NEVER = ("keyed", "own", "held")
"""Kinds of which nothing is ever there twice."""

TRIES = 4
SEARCHED = ("searched", "referenced")


class Field:
    """Customers, six remotes of them, and a worker to be struck.

    Args:
        remote: the sandbox.
        armoury: of the worker.
    """

    def __init__(self, remote: Remote, armoury: Armoury) -> None:
        self.remote = remote
        self.armoury = armoury
        self.ids = {row.integrator: row.pk for row in registry.ensure_connections()}
        self.counts: Counter[str] = Counter()
        self._number = 0

    def rows(self, count: int) -> list[Customer]:
        """Make customers, in one transaction."""
        first, self._number = self._number, self._number + count
        with transaction.atomic():
            return [
                Customer.objects.create(email=f"{number}@shop.test", name=f"Customer {number}")
                for number in range(first, self._number)
            ]

    def strike(self, points: Mapping[str, str], how: str, verbs: Sequence[str]) -> None:
        """Have whoever gets to a point for a kind struck there, while customers are written; then let all settle.

        Args:
            points: kind → point; ``any`` stands for whoever comes first.
            how: ``exit``, ``raise`` or ``stop``.
            verbs: what is done to customers, in one transaction.
        """
        changed, removed = self.rows(ROWS * ("update" in verbs)), self.rows(ROWS * ("delete" in verbs))
        until(quiet, 60, sweeping=True)
        self.armoury.clear()
        with transaction.atomic():
            self.rows(ROWS * ("create" in verbs))
            for row in changed:
                row.name = f"{row.name}, changed"
                row.save()
            for row in removed:
                row.delete()
            for name, point in points.items():  # at the very last: a drain that finds nothing gets to "folded", too
                self.armoury.arm(self.ids.get(name, ANY), point, how)
        folded = "folded" in points.values()  # a sweep of ours would take the changes in itself
        until(lambda: self._struck(how) == len(points), 40, sweeping=not folded)
        self.counts[how] += len(points)
        if how == "stop":
            self._outlast(inside=folded)
        until(quiet, 90, sweeping=True)

    def _struck(self, how: str) -> int:
        pids = list(self.armoury.struck())
        if how == "exit":
            return sum(map(gone, pids))
        return sum(map(stopped, pids)) if how == "stop" else self.armoury.ended()

    def _outlast(self, *, inside: bool) -> None:
        """Wait until the others have made up for those that are suspended; then let these go on."""
        if inside:  # they hold locks, so nobody can: until their leases would have ended
            time.sleep(sum(LEASE.values()))
        else:
            until(quiet, 60, sweeping=True)
        pids = list(self.armoury.struck())
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        until(lambda: self.armoury.ended() == len(pids), 60)

    def force(self, points: Mapping[str, str], windows: Sequence[str]) -> None:
        """Suspend processes right before they send creates, until one was sent late at each of these kinds.

        A call that gets no time to connect when its process goes on is not sent, and doubles nothing.
        """
        for _ in range(TRIES):
            self.strike(points, "stop", ["create"])
            if all(self.doubled(name) for name in windows):
                return

    def answer(self, client: Client) -> None:
        """End each doubt as a person does: look at the remote, and say on the admin's page what is there."""
        for binding in Binding.objects.filter(state=State.IN_DOUBT):
            self.counts["held in doubt"] += 1
            email = Customer.objects.get(pk=binding.object_id).email
            there = [each["id"] for each in self.remote.objects(binding.object_type) if each["email"] == email]
            given = {"answer": "arrived", "remote_id_given": there[0]} if there else {"answer": "never"}
            page = reverse("admin:crudsync_binding_doubt", args=[binding.pk])
            assert client.post(page, given).status_code == 302
        until(quiet, 60, sweeping=True)

    def against(self) -> list[str]:
        """Return what speaks against the invariants 1, 3, 6 and 9, for all kinds."""
        entries = self.remote.journal()
        found = [*judging.silent(), *judging.unrecorded(entries)]
        for name in kinds.NAMES:
            found += [*judging.lost(self.remote, name), *judging.disordered(entries, name)]
        return found

    def doubled(self, name: str) -> set[str]:
        """Return the addresses that were made into more than one object."""
        return {email for email, count in judging.made(self.remote.journal(), name).items() if count > 1}

    def named(self, name: str) -> set[str]:
        """Return the addresses that the library says are doubled, each with the ids of all its objects."""
        found = set()
        for row in Binding.objects.filter(object_type=name, code="duplicate_remote", state=State.DEAD):
            email = Customer.objects.get(pk=row.object_id).email
            there = {e["id"] for e in self.remote.objects(name) if judging.address(name, e) == email}
            if all(other in row.detail for other in there - {row.remote_id}):
                found.add(email)
        return found

    def report(self, tell: Callable[[str, object], None]) -> None:
        """Tell the counts."""
        entries = self.remote.journal()
        operations = Operation.objects.all()
        self.counts["requests"] = len(entries)
        self.counts["applied"] = sum(entry.applied for entry in entries)
        self.counts["answers lost"] = operations.filter(code="worker_lost").count()
        self.counts["answers stale"] = operations.filter(status=Status.STALE).count()
        for name in kinds.NAMES:
            self.counts[f"doubled at {name}"] = len(self.doubled(name))
        for name, count in self.counts.items():
            tell(name, count)
        print(dict(self.counts))  # noqa: T201 - shown where the test fails, and with -rP


def stopped(pid: int) -> bool:
    """Whether a process is suspended."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    return False


@pytest.fixture
def field(sandbox: Remote, worker: Callable[..., Worker], short: dict[str, float], tmp_path: Path) -> Iterator[Field]:
    """A worker that feeds all kinds; every process of its pool may be struck."""
    sandbox.configure(**kinds.SANDBOX)
    home = tmp_path / "armed"
    home.mkdir()
    with kinds.installed(f"{sandbox.url}/"):
        made = Field(sandbox, Armoury(home))
        Connection.objects.update(drains=4)  # a dead drain keeps its slot for a while
        knobs = {**short, **KNOBS, "ARM_HOME": home}
        worker(concurrency=PROCESSES, arguments=("-I", f"{kinds.__name__},{arming.__name__}"), knobs=knobs)
        yield made


@pytest.fixture
def judged(field: Field, admin_client: Client, settings: Any, record_property: Any) -> Callable[..., None]:
    """A function that judges a field: ``windows`` says that a process was suspended right before it sent a create."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("whitenoise")]

    def judge(*, windows: Sequence[str] = ()) -> None:
        doubtful = Binding.objects.filter(state=State.IN_DOUBT)
        assert set(doubtful.values_list("object_type", "code", "uncertain")) <= {("held", "in_doubt", "create")}
        field.answer(admin_client)
        field.report(record_property)
        assert field.against() == []
        assert [email for name in NEVER for email in field.doubled(name)] == []
        for name in SEARCHED:
            assert bool(field.doubled(name)) == (name in windows)
            assert field.named(name) == field.doubled(name)

    return judge


def rounds(point: str) -> list[Sequence[str]]:
    """Return what is written in each go: in a sending thread a point is reached by one verb, elsewhere by all."""
    return [[verb] for verb in VERBS] if point in ("sending", "sent") else [VERBS]


@pytest.mark.chaos
@pytest.mark.parametrize("how", ["exit", "raise", "stop"])
@pytest.mark.parametrize("point", [*POINTS, "folded"])
def test_whoever_is_struck_at_a_point_neither_loses_nor_doubles_what_its_remote_can_tell(
    field: Field, judged: Callable[..., None], point: str, how: str
) -> None:
    points = {ANY: point} if point == "folded" else dict.fromkeys(kinds.NAMES, point)
    windows = SEARCHED if (point, how) == ("sending", "stop") else ()
    for verbs in rounds(point):
        field.strike(points, how, verbs)
    if windows:
        field.force(points, windows)
    judged(windows=windows)


def test_processes_that_die_at_a_point_each_are_made_up_for(field: Field, judged: Callable[..., None]) -> None:
    field.strike(dict(zip(kinds.NAMES, POINTS, strict=False)), "exit", VERBS)
    judged()


def test_processes_suspended_beyond_their_leases_double_nothing_that_is_not_named(
    field: Field, judged: Callable[..., None]
) -> None:
    points = ("sending", "sending", "sent", "sent", "sending", "settling")
    field.force(dict(zip(kinds.NAMES, points, strict=True)), windows=["searched"])
    judged(windows=["searched"])
