from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone

from examples.shop.models import Category, Product
from sync import bindings, capture, registry, wake
from sync.drain import Report, drain
from sync.drain.plan import changes, same
from sync.exceptions import ParentNotSynced
from sync.models import Binding, Connection, Operation, State, Status
from sync.types import Wanted
from tests.drain.conftest import hurry
from tests.drain.family import FamilyIntegrator, kinds
from tests.drain.memory import MemoryIntegrator, MemoryRemote, lost, row, status

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


@pytest.fixture
def family(integrator: type[MemoryIntegrator]) -> Iterator[type[FamilyIntegrator]]:
    """Categories and products beside the groups, at a remote of their own."""

    class Fresh(FamilyIntegrator):
        kinds = kinds()
        remote = MemoryRemote()

    registry.register(Fresh)
    capture.install()
    with wake.muted():
        yield Fresh


def run(times: int = 1) -> Connection:
    connection = registry.connection("family")
    for _ in range(times):
        hurry(connection)
        drain(connection.pk, wait=False)
    return connection


def product(category: Category, name: str = "p") -> Product:
    return Product.objects.create(category=category, name=name, sku=name, price=1)


def binding(connection: Connection, what: Any) -> Binding:
    return connection.bindings.get(object_type=what._meta.model_name, object_id=str(what.pk))


# --- parents ---------------------------------------------------------------------------------------------------------


def test_a_child_goes_after_its_parent_and_carries_its_remote_id(family: type[FamilyIntegrator]) -> None:
    child = product(Category.objects.create(name="c", slug="c"))
    connection = run(2)
    parent_id = binding(connection, child.category).remote_id
    assert [entry[1] for entry in family.remote.journal] == ["c", "p"]
    assert family.remote.objects[binding(connection, child).remote_id or ""] == {"name": "p", "category": parent_id}
    assert binding(connection, child).waits_for == ""


def test_a_parent_older_than_its_registration_is_asked_for(family: type[FamilyIntegrator]) -> None:
    with capture.disabled():
        parent = Category.objects.create(name="c", slug="c")
    product(parent)
    connection = run()
    assert binding(connection, parent).state in (State.PENDING, State.SYNCED)
    run(2)
    assert family.remote.names() == ["c", "p"]


def test_a_child_waits_with_a_time_and_no_attempt(family: type[FamilyIntegrator]) -> None:
    family.remote.faults = [lost(applied=False)]
    child = product(Category.objects.create(name="c", slug="c"))
    found = binding(run(), child)
    assert (found.state, found.code, found.attempts) == (State.WAITING, "waits_for_parent", 0)
    assert found.waits_for == f"category:{child.category_id}"
    assert found.due_at is not None
    assert 1 < (found.due_at - timezone.now()).total_seconds() <= 5


def test_a_child_that_has_waited_for_hours_looks_once_an_hour(family: type[FamilyIntegrator]) -> None:
    family.remote.faults = [lost(applied=False)] * 2
    child = product(Category.objects.create(name="c", slug="c"))
    connection = run()
    Binding.objects.filter(object_type="product").update(dirty_since=timezone.now() - dt.timedelta(days=2))
    Binding.objects.filter(object_type="category").update(due_at=None, state=State.PENDING)
    run()
    found = binding(connection, child)
    assert found.due_at is not None
    assert 3500 < (found.due_at - timezone.now()).total_seconds() <= 3600


@pytest.mark.parametrize("state", [State.DEAD, State.HELD, State.IN_DOUBT, State.ABSENT])
def test_a_child_of_a_parent_that_nobody_is_at_work_on_is_held_and_says_so(
    family: type[FamilyIntegrator], state: State
) -> None:
    child = product(Category.objects.create(name="c", slug="c"))
    family.remote.faults = [status(422)]
    connection = run()
    Binding.objects.filter(object_type="category").update(state=state, due_at=None)
    run()
    found = binding(connection, child)
    assert (found.state, found.code, found.due_at) == (State.HELD, f"parent_{state}", None)
    assert f"category:{child.category_id}" in found.detail
    Category.objects.get().save()
    if state is State.IN_DOUBT:
        assert bindings.resolve(Binding.objects.get(object_type="category").pk, remote_id=None)
    run(2)
    assert family.remote.names() == ["c", "p"]


def test_a_held_child_that_gets_another_parent_goes_at_once(family: type[FamilyIntegrator]) -> None:
    good = Category.objects.create(name="good", slug="good")
    run()
    family.remote.faults = [status(422)]
    child = product(Category.objects.create(name="bad", slug="bad"))
    connection = run(2)
    assert binding(connection, child).state == State.HELD
    child.category = good
    child.save()
    run()
    assert family.remote.names() == ["good", "p"]


def test_a_cycle_of_nullable_references_is_sent_null_first_and_closed_after(family: type[FamilyIntegrator]) -> None:
    first = Category.objects.create(name="a", slug="a")
    second = Category.objects.create(name="b", slug="b", parent=first)
    Category.objects.filter(pk=first.pk).update(parent=second)
    connection = run(5)
    ids = {each.name: binding(connection, each).remote_id or "" for each in (first, second)}
    assert family.remote.objects[ids["a"]]["parent"] == ids["b"]
    assert family.remote.objects[ids["b"]]["parent"] == ids["a"]
    assert set(connection.bindings.values_list("state", "due_at")) == {(State.SYNCED, None)}
    assert family.remote.calls("create") == 2


def test_a_row_that_refers_to_itself_is_sent_null_first(family: type[FamilyIntegrator]) -> None:
    alone = Category.objects.create(name="a", slug="a")
    Category.objects.filter(pk=alone.pk).update(parent=alone)
    connection = run(3)
    remote_id = binding(connection, alone).remote_id or ""
    assert family.remote.objects == {remote_id: {"name": "a", "parent": remote_id}}


def test_a_reference_that_is_still_null_is_not_forgotten(family: type[FamilyIntegrator]) -> None:
    first = Category.objects.create(name="a", slug="a")
    second = Category.objects.create(name="b", slug="b", parent=first)
    connection = run(2)
    Category.objects.filter(pk=first.pk).update(parent=second)
    later = timezone.now() + dt.timedelta(hours=1)
    other = Binding.objects.filter(object_id=str(second.pk))
    other.update(remote_id=None, state=State.WAITING, waits_for=f"category:{first.pk}", due_at=later, leased=True)
    Category.objects.get(pk=first.pk).save()
    run()
    found = binding(connection, first)
    assert (found.state, found.waits_for) == (State.WAITING, f"category:{second.pk}")
    assert found.due_at is not None


def test_a_hook_may_say_by_itself_that_a_parent_is_missing(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver
) -> None:
    def build(self: Any, remote_ids: Any) -> Any:
        raise ParentNotSynced(parent="group:0")

    integrator.build_payload = build  # type: ignore[method-assign]
    group = Group.objects.create(name="a")
    deliver()
    assert (row(connection, group).state, row(connection, group).waits_for) == (State.WAITING, "group:0")


# --- absent, or as good as --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [Q(name__startswith="in"), lambda group: group.name.startswith("in")])
@pytest.mark.parametrize(("on_leave", "left"), [("delete", []), ("keep", ["in"])])
def test_a_row_that_leaves_the_scope_is_deleted_or_kept_there(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    deliver: Deliver,
    condition: Any,
    on_leave: str,
    left: list[str],
) -> None:
    integrator.spec.sync_when, integrator.spec.on_leave = condition, on_leave
    group = Group.objects.create(name="in")
    Group.objects.create(name="out")
    deliver()
    assert remote.names() == ["in"]
    group.name = "out now"
    group.save()
    deliver()
    assert remote.names() == left
    group.name = "in again"
    group.save()
    deliver()
    assert remote.names() == ["in again"]


@pytest.mark.parametrize(("on_delete", "left"), [("delete", []), ("keep", ["a"])])
def test_a_deleted_row_is_deleted_or_kept_there(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    deliver: Deliver,
    on_delete: str,
    left: list[str],
) -> None:
    integrator.spec.on_delete, integrator.spec.on_leave = on_delete, "delete" if on_delete == "keep" else "keep"
    Group.objects.create(name="a")
    deliver()
    Group.objects.all().delete()
    deliver()
    assert remote.names() == left
    assert Binding.objects.get().code == ("left" if left else "")


def test_a_row_that_is_routed_elsewhere_is_absent_here(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, deliver: Deliver
) -> None:
    integrator.route = lambda self, instance: ["default"] if instance.name == "here" else ["other"]  # type: ignore[method-assign, assignment]
    Group.objects.create(name="here")
    Group.objects.create(name="there")
    deliver()
    assert remote.names() == ["here"]


def test_a_delete_that_was_asked_for_needs_neither_payload_nor_parent(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    integrator.poison = {"a"}
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.DELETE)
    deliver(2)
    assert remote.objects == {}
    assert not Group.objects.exists()


# --- hooks that fail -------------------------------------------------------------------------------------------------


def broken(*names: str) -> Callable[..., Any]:
    def hook(group: Any) -> bool:
        if group.name in names:
            raise ValueError("broken")
        return True

    return hook


def test_a_condition_that_raises_holds_its_own_row_only(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.sync_when = broken("bad")
    bad = Group.objects.create(name="bad")
    Group.objects.create(name="good")
    deliver()
    assert remote.names() == ["good"]
    assert (row(connection, bad).state, row(connection, bad).code) == (State.HELD, "hook_error")


def test_a_condition_that_is_wrong_holds_its_own_type_only(
    integrator: type[MemoryIntegrator], family: type[FamilyIntegrator]
) -> None:
    family.kinds["product"].sync_when = Q(no_such_field=1)
    child = product(Category.objects.create(name="c", slug="c"))
    connection = run(2)
    assert family.remote.names() == ["c"]
    assert binding(connection, child).state == State.HELD


def test_references_that_cannot_be_read_hold_their_own_row_only(family: type[FamilyIntegrator]) -> None:
    original = FamilyIntegrator.parent_ids

    def parent_ids(self: Any) -> Any:
        if self.instance.name == "bad":
            raise ValueError("broken")
        return original(self)

    family.parent_ids = parent_ids  # type: ignore[method-assign]
    Category.objects.create(name="bad", slug="bad")
    Category.objects.create(name="good", slug="good")
    run()
    assert family.remote.names() == ["good"]


def test_a_hook_that_raises_anything_holds_its_own_object(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    def build(self: Any, remote_ids: Any) -> Any:
        raise ZeroDivisionError

    integrator.build_payload = build  # type: ignore[method-assign]
    group = Group.objects.create(name="a")
    deliver()
    assert (row(connection, group).state, row(connection, group).code) == (State.HELD, "hook_error")
    assert "ZeroDivisionError" in row(connection, group).detail


def test_a_hook_whose_database_was_away_is_asked_again(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    original = integrator.build_payload
    failures = [OperationalError("gone away")]

    def build(self: Any, remote_ids: Any) -> Any:
        if failures:
            raise failures.pop()
        return original(self, remote_ids)

    integrator.build_payload = build  # type: ignore[method-assign]
    group = Group.objects.create(name="a")
    deliver()
    assert (row(connection, group).state, row(connection, group).code) == (State.PENDING, "database_away")
    deliver()
    assert remote.names() == ["a"]


# --- small rules -----------------------------------------------------------------------------------------------------


def test_only_the_fields_that_differ_are_sent() -> None:
    assert changes(None, {"a": 1}) is None
    assert changes('{"a":1,"b":"x"}', {"a": 1, "b": "y", "c": None}) == {"b": "y", "c": None}


@pytest.mark.parametrize(
    ("before", "value"), [(1, True), (0, False), (1, 1.0), ({"a": 1}, {"a": True}), ([0], [False])]
)
def test_what_python_takes_for_equal_and_a_remote_does_not_is_a_difference(before: Any, value: Any) -> None:
    assert before == value
    assert not same(before, value)


@pytest.mark.parametrize("value", ["a", None, 1, 1.5, {"a": [1]}, True])
def test_equal_values_are_the_same(value: Any) -> None:
    assert same(value, value)


def test_a_leftover_of_a_lost_worker_is_closed_by_whoever_claims_next(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    operation = Operation.objects.get()
    Operation.objects.update(status=Status.STARTED)
    past = timezone.now() - dt.timedelta(seconds=1)
    Binding.objects.filter(pk=row(connection, group).pk).update(leased=True, due_at=past, claims=1)
    deliver()
    operation.refresh_from_db()
    assert (operation.status, operation.code) == (Status.UNKNOWN, "worker_lost")
