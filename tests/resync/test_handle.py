from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from examples.shop.models import Category
from sync import capture, no_sync
from sync.exceptions import NotSyncable, Refused
from sync.models import Binding, Connection, Operation, State
from sync.resync import SyncField, of
from sync.testing import Remote, SandboxServer, captured, redirected
from sync.types import Wanted


def bind(connection: Connection, category: Category, **values: Any) -> Binding:
    return Binding.objects.create(
        connection=connection, object_type="category", object_id=str(category.pk), model="shop.category", **values
    )


def test_an_object_that_nobody_asked_for_is_unknown(category: Category) -> None:
    handle = of(category)
    assert (handle.status, handle.state, handle.remote_id, handle.error) == ("unknown", None, None, "")
    assert handle.label == "unknown"
    assert handle.next_attempt_at is None
    assert handle.synced_at is None
    assert list(handle.history()) == []


def test_a_synced_object_says_where_it_is(category: Category, connection: Connection) -> None:
    at = timezone.now()
    bind(connection, category, state=State.SYNCED, remote_id="r1", synced_at=at)
    handle = of(category, "shop")
    assert (handle.status, handle.state, handle.remote_id) == ("synced", State.SYNCED, "r1")
    assert handle.label == "synced"
    assert handle.synced_at == at
    assert "synced" in repr(handle)


def test_a_held_object_says_why(category: Category, connection: Connection) -> None:
    bind(connection, category, state=State.HELD, code="refused", detail="name is too long")
    assert of(category).error == "refused: name is too long"


def test_a_change_in_the_inbox_makes_it_pending(category: Category, connection: Connection) -> None:
    bind(connection, category, state=State.SYNCED)
    with capture.enabled():
        category.save()
    assert of(category).status == "pending"


def test_another_object_s_change_does_not(category: Category, connection: Connection) -> None:
    bind(connection, category, state=State.SYNCED)
    with capture.enabled():
        Category.objects.create(name="Other", slug="other")
    assert of(category).status == "synced"


def test_the_account_most_in_need_speaks_for_all(category: Category, connection: Connection) -> None:
    other = Connection.objects.create(integrator="shop", name="berlin")
    soon = timezone.now() + dt.timedelta(seconds=9)
    bind(connection, category, state=State.SYNCED, remote_id="r1")
    bind(other, category, state=State.RETRYING, code="server_error", due_at=soon)
    handle = of(category)
    assert (handle.status, handle.error, handle.remote_id) == ("retrying", "server_error", "r1")
    assert handle.next_attempt_at == soon
    assert of(category, "shop", "default").status == "synced"


def test_push_asks_for_the_whole_state(category: Category, connection: Connection) -> None:
    handle = of(category)
    assert handle.status == "unknown"
    assert handle.push(actor="ada", reason="lost") == 1
    row = Binding.objects.get()
    assert (row.wanted, row.actor) == (Wanted.PUSH, "ada (lost)")
    assert handle.status == "pending"


def test_push_now_sends_at_once(category: Category) -> None:
    with captured(), SandboxServer() as server, redirected(server.url):
        remote = Remote(server.url)
        handle = of(category, "shop")
        assert handle.push(now=True) == 1
        assert [row["name"] for row in remote.objects("categories")] == ["Tools"]
        assert handle.status == "synced"
        category.name = "Good tools"
        with no_sync("the test sends it itself"):
            category.save()
        handle.push(now=True)
        assert [row["name"] for row in remote.objects("categories")] == ["Good tools"]
        assert [one.verb for one in handle.history()] == ["update", "create"]


def test_push_now_tells_what_went_wrong(category: Category) -> None:
    with captured(), SandboxServer() as server, redirected(server.url):
        Remote(server.url).fault("status", status=422)
        with pytest.raises(Refused):
            of(category, "shop").push(now=True)
    assert of(category).state == State.HELD


def test_pull_asks_for_a_verifying_read(category: Category, connection: Connection) -> None:
    assert of(category, "shop").pull() == 1
    assert Binding.objects.get().wanted == Wanted.VERIFY


def test_push_reaches_every_account(category: Category, connection: Connection) -> None:
    Connection.objects.create(integrator="shop", name="berlin")
    assert of(category).push() == 2
    assert of(category, connection="berlin").push() == 1


def test_an_unsaved_object_can_be_looked_at_but_not_pushed() -> None:
    handle = of(Category(name="new"))
    assert handle.status == "unknown"
    with pytest.raises(NotSyncable):
        handle.push()


def test_an_unregistered_model_has_no_handle() -> None:
    with pytest.raises(NotSyncable):
        of(Group(name="x"))


def test_the_history_comes_newest_first(category: Category, connection: Connection) -> None:
    row = bind(connection, category)
    for verb in ("create", "update"):
        Operation.objects.create(
            connection=connection,
            binding=row,
            object_type="category",
            object_id=row.object_id,
            verb=verb,
            started_at=timezone.now(),
        )
    Operation.objects.create(
        connection=connection, object_type="category", object_id="0", verb="read", started_at=timezone.now()
    )
    assert [operation.verb for operation in of(category).history()] == ["update", "create"]


def test_a_sync_field_gives_the_handle_of_its_object(
    category: Category, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Category, "sync", SyncField("shop"), raising=False)
    bind(connection, category, state=State.SYNCED)
    assert Category.objects.get().sync.status == "synced"  # type: ignore[attr-defined]
    assert isinstance(Category.sync, SyncField)  # type: ignore[attr-defined]


def test_a_handle_reads_its_bindings_once_until_it_is_refreshed(category: Category, connection: Connection) -> None:
    row = bind(connection, category, state=State.PENDING)
    handle = of(category)
    assert handle.state == State.PENDING
    Binding.objects.filter(pk=row.pk).update(state=State.SYNCED)
    assert handle.state == State.PENDING
    assert handle.refresh().state == State.SYNCED
