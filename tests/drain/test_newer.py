"""Rows that a newer version wrote, met by this one: they wait for a worker that knows them, and are never misread."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError
from django.db import connection as database
from django.utils import timezone

from sync import bindings
from sync.drain import Report, direct, drain
from sync.drain.intent import Intent
from sync.exceptions import ObjectBusy
from sync.models import Binding, Connection, State
from sync.types import Verb, Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, lost, row

pytestmark = pytest.mark.django_db
Deliver = Callable[..., Report]


def synced(deliver: Deliver) -> Group:
    group = Group.objects.create(name="a")
    deliver()
    return group


@pytest.mark.parametrize(
    ("newer", "named"),
    [
        ({"uncertain": "patch"}, "the doubt 'patch'"),
        ({"wanted": 9}, "the request 9"),
        ({"object_type": "team"}, "'team'"),
    ],
)
def test_what_this_version_does_not_know_is_left_as_it_is_and_looked_at_later(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, newer: dict[str, Any], named: str
) -> None:
    group = synced(deliver)
    group.name = "b"
    group.save()
    drain(connection.pk, wait=False, slice_s=0.0)
    remote.journal.clear()
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.PUSH)
    Binding.objects.update(**newer, due_at=timezone.now())
    before = Binding.objects.values("uncertain", "wanted", "object_type", "remote_id", "sent", "seen", "intent").get()
    deliver()
    found = Binding.objects.get()
    assert {name: getattr(found, name) for name in before} == before
    assert (found.state, found.code, found.attempts, found.claims) == (State.PENDING, "newer_version", 0, 0)
    assert named in found.detail
    assert found.due_at is not None
    assert found.due_at > timezone.now() + dt.timedelta(seconds=5)
    assert remote.journal == []


def test_however_often_an_older_worker_meets_it_it_is_neither_dead_nor_held(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    synced(deliver)
    Binding.objects.update(uncertain="patch", due_at=timezone.now())
    deliver(8)
    assert Binding.objects.get().state == State.PENDING
    Binding.objects.update(uncertain="")  # the newer worker has settled it
    deliver()
    assert Binding.objects.get().state == State.SYNCED


def test_a_type_that_is_gone_for_good_is_looked_at_ever_less_often(connection: Connection, deliver: Deliver) -> None:
    bindings.ask(connection.pk, "forgotten", ["1"], wanted=Wanted.PUSH)
    Binding.objects.update(dirty_since=timezone.now() - dt.timedelta(days=3))
    deliver()
    due_at = Binding.objects.get().due_at
    assert due_at is not None
    assert dt.timedelta(minutes=50) < due_at - timezone.now() < dt.timedelta(minutes=70)


def test_fields_that_an_intent_has_from_a_newer_version_are_ignored(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=True)]
    group = Group.objects.create(name="a")
    deliver()
    binding = row(connection, group)
    Binding.objects.update(intent=json.dumps({**json.loads(binding.intent), "shard": 3, "until": 0.0}))
    parsed = Intent.parse(row(connection, group).intent)
    assert parsed is not None
    assert parsed.key == json.loads(binding.intent)["key"]
    deliver(2)
    assert remote.names() == ["a"]


def test_a_verb_called_directly_says_so(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": True}
    group = synced(deliver)
    Binding.objects.update(uncertain="patch")
    with pytest.raises(ObjectBusy, match="does not know the doubt") as caught:
        direct.run(integrator("group", group, connection), Verb.UPDATE, str(group.pk))
    assert caught.value.code == "newer_version"
    assert Binding.objects.get().uncertain == "patch"


# --- a worker that is ahead of its tables ----------------------------------------------------------------------------


def renamed(before: str, after: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(f"ALTER TABLE crudsync_binding RENAME COLUMN {before} TO {after}")


def test_a_worker_that_starts_before_the_migration_loses_nothing_and_doubles_nothing(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    Group.objects.create(name="a")
    Group.objects.create(name="b")
    renamed("ignored", "not_there_yet")
    try:
        with pytest.raises(DatabaseError):
            drain(connection.pk, wait=False)
    finally:
        renamed("not_there_yet", "ignored")
    Binding.objects.update(due_at=timezone.now())
    deliver(4)
    assert remote.names() == ["a", "b"]
    assert set(Binding.objects.values_list("state", "leased", "claims")) == {(State.SYNCED, False, 0)}
