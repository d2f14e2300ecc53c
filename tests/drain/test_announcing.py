from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connections, transaction
from django.db.models import F

from sync import bindings, correlated, correlation_id, dead, failed, paused, registry, signals, synced
from sync.drain import Report
from sync.models import Binding, Connection, State
from sync.models.database import alias
from sync.resync.pausing import pause
from sync.types import Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, lost, row, status

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


class Heard(list[tuple[str, dict[str, Any]]]):
    """What was announced, in order."""

    def of(self, name: str) -> list[dict[str, Any]]:
        return [told for heard, told in self if heard == name]


@pytest.fixture
def heard(settings: Any) -> Iterator[Heard]:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": True}
    told = Heard()
    receivers = []
    for name in ("synced", "failed", "dead", "paused"):
        signal = getattr(signals, name)

        def receive(sender: Any, signal: Any, name: str = name, **more: Any) -> None:
            told.append((name, {"sender": sender, **more}))

        signal.connect(receive)
        receivers.append((signal, receive))
    yield told
    for signal, receive in receivers:
        signal.disconnect(receive)


def test_a_send_is_announced_with_what_it_was(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    assert heard == [
        (
            "synced",
            {
                "sender": integrator,
                "connection": connection,
                "object_type": "group",
                "object_id": str(group.pk),
                "model": "auth.group",
                "remote_id": "r1",
                "verb": "create",
                "deleted": False,
            },
        )
    ]


def test_a_receiver_goes_by_the_id_of_the_request_that_saved(
    connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    ids: list[str] = []

    def receive(**_: Any) -> None:
        ids.append(correlation_id())

    signals.synced.connect(receive)
    try:
        for id_ in ("first", "second"):
            with correlated(id_):
                Group.objects.create(name=id_)
        deliver()
    finally:
        signals.synced.disconnect(receive)
    assert sorted(ids) == ["first", "second"]
    assert correlation_id() == ""


def test_a_delete_is_announced_as_one(connection: Connection, deliver: Deliver, heard: Heard) -> None:
    group = Group.objects.create(name="a")
    deliver()
    group.delete()
    deliver()
    assert [(one["verb"], one["deleted"], one["remote_id"]) for one in heard.of("synced")] == [
        ("create", False, "r1"),
        ("delete", True, "r1"),
    ]


def test_what_had_not_to_be_sent_is_no_news(connection: Connection, deliver: Deliver, heard: Heard) -> None:
    group = Group.objects.create(name="a")
    deliver()
    group.save()
    deliver()
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    deliver()
    assert len(heard) == 1


def test_a_failure_says_when_it_is_tried_again(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    remote.faults = [status(500)]
    Group.objects.create(name="a")
    deliver()
    ((name, told),) = heard
    assert (name, told["verb"], told["status_code"], told["code"], told["attempt"]) == (
        "failed",
        "create",
        500,
        "500",
        1,
    )
    assert told["retry_in_s"] is not None


def test_a_dead_letter_is_announced_once_with_its_cause(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    remote.faults = [status(422)]
    group = Group.objects.create(name="a")
    deliver(2)
    assert [name for name, _ in heard] == ["failed", "dead"]
    assert heard.of("failed")[0]["retry_in_s"] is None
    told = heard.of("dead")[0]
    assert (told["state"], told["code"], told["object_id"]) == ("held", "422", str(group.pk))
    assert told["cause_id"] == row(connection, group).cause_id


def test_what_an_edit_has_revived_meanwhile_is_no_dead_letter(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    original = integrator.read_answer

    def read(self: Any, call: Any, answer: Any) -> Any:
        Binding.objects.update(seq=F("seq") + 1)
        integrator.read_answer = original  # type: ignore[method-assign]
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]
    remote.faults = [status(422)]
    group = Group.objects.create(name="a")
    deliver(2)
    assert row(connection, group).state == State.SYNCED
    assert [name for name, _ in heard] == ["failed", "synced"]


def test_what_cannot_be_built_is_a_dead_letter_without_an_attempt(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    integrator.poison = {"a"}
    Group.objects.create(name="a")
    deliver()
    assert [name for name, _ in heard] == ["dead"]


def test_two_objects_of_one_remote_id_are_told_apart(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    first = Group.objects.create(name="a")
    deliver()
    Binding.objects.filter(object_id=str(first.pk)).update(remote_id="r2")
    second = Group.objects.create(name="b")
    deliver()
    assert row(connection, second).state == State.DEAD
    assert [one["object_id"] for one in heard.of("synced")] == [str(first.pk)]
    assert [(one["object_id"], one["code"]) for one in heard.of("dead")] == [(str(second.pk), "duplicate_remote")]


def test_an_answer_that_came_too_late_is_not_announced(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    original = integrator.read_answer

    def read(self: Any, call: Any, answer: Any) -> Any:
        Binding.objects.update(lease_token=99)
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]
    Group.objects.create(name="a")
    deliver()
    assert not heard


def test_a_receiver_that_raises_harms_nothing_and_tells_no_secret(
    connection: Connection, deliver: Deliver, heard: Heard, caplog: Any
) -> None:
    def broken(**told: Any) -> None:
        raise RuntimeError("password=hunter2hunter2")

    synced.connect(broken)
    try:
        group = Group.objects.create(name="a")
        deliver()
    finally:
        synced.disconnect(broken)
    assert row(connection, group).state == State.SYNCED
    assert len(heard.of("synced")) == 1
    assert "broken" in caplog.text
    assert "hunter2hunter2" not in caplog.text


def test_where_nobody_listens_nothing_more_is_asked(connection: Connection, deliver: Deliver, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": True}
    counted = []

    def count(execute: Any, *args: Any) -> Any:
        counted.append('"crudsync_connection"."id" IN' in args[0])
        return execute(*args)

    def queries(name: str) -> int:
        Group.objects.create(name=name)
        del counted[:]
        with connections[alias()].execute_wrapper(count):
            deliver()
        return sum(counted)

    def receive(**told: Any) -> None:
        """Somebody."""

    assert queries("a") == 0
    synced.connect(receive)
    try:
        assert queries("b") == 1
    finally:
        synced.disconnect(receive)


def test_a_receiver_may_listen_to_one_integrator(
    integrator: Any, connection: Connection, deliver: Deliver, heard: Heard
) -> None:
    mine: list[str] = []

    def receive(object_id: str, **told: Any) -> None:
        mine.append(object_id)

    synced.connect(receive, sender=object)
    failed.connect(receive, sender=integrator)
    dead.connect(receive, sender=object)
    try:
        Group.objects.create(name="a")
        deliver()
    finally:
        for signal, sender in ((synced, object), (failed, integrator), (dead, object)):
            signal.disconnect(receive, sender=sender)
    assert not mine
    assert len(heard.of("synced")) == 1


def test_a_pause_is_announced_once(connection: Connection, heard: Heard) -> None:
    pause(connection, reason="they move house", actor="grace")
    pause(connection, reason="again")
    assert heard == [
        (
            "paused",
            {
                "sender": registry.get("memory"),
                "connection": connection,
                "reason": "they move house",
                "actor": "grace",
            },
        )
    ]


@pytest.mark.django_db(transaction=True)
def test_a_pause_that_is_rolled_back_is_not_announced(connection: Connection, heard: Heard, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": False}

    def receive(**told: Any) -> None:
        inside.append(connections[alias()].in_atomic_block)

    inside: list[bool] = []
    paused.connect(receive)
    try:
        with transaction.atomic():
            pause(connection)
            transaction.set_rollback(True)
        assert not heard
        connection.refresh_from_db()
        with transaction.atomic():
            pause(connection)
            assert not heard
        assert [name for name, _ in heard] == ["paused"]
    finally:
        paused.disconnect(receive)
    assert inside == [False]


@pytest.mark.django_db(transaction=True)
def test_receivers_of_a_send_are_called_after_its_commit(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    seen: list[tuple[bool, str]] = []

    def receive(connection: Connection, **told: Any) -> None:
        found = Binding.objects.get(object_id=told["object_id"])
        seen.append((connections[alias()].in_atomic_block, found.state))

    for signal in (synced, failed):
        signal.connect(receive)
    try:
        remote.faults = [lost, None]
        Group.objects.create(name="a")
        deliver()
    finally:
        for signal in (synced, failed):
            signal.disconnect(receive)
    assert seen
    assert not any(atomic for atomic, _ in seen)
