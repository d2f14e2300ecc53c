"""The drain against a remote in memory, on the database of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group

from sync import bindings
from sync.drain import Report
from sync.exceptions import ConnectFailed
from sync.models import Binding, Connection, Gate, Operation, State, Status
from sync.types import BulkSpec, Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, error, lost, row, status

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


def test_a_saved_row_is_created(remote: MemoryRemote, connection: Connection, deliver: Deliver) -> None:
    group = Group.objects.create(name="a")
    report = deliver()
    assert (report.taken, report.calls, report.succeeded, report.failed) == (1, 1, 1, 0)
    assert remote.objects == {"r1": {"name": "a"}}
    binding = row(connection, group)
    assert (binding.remote_id, binding.state, binding.due_at, binding.uncertain) == ("r1", State.SYNCED, None, "")
    assert (binding.sent, binding.intent, binding.attempts, binding.claims) == ('{"name":"a"}', None, 0, 0)
    operation = Operation.objects.get()
    assert (operation.verb, operation.status, operation.remote_id) == ("create", Status.SUCCEEDED, "r1")
    assert len(operation.key) == 32


def test_many_saves_before_a_send_are_one_call(remote: MemoryRemote, deliver: Deliver) -> None:
    group = Group.objects.create(name="a")
    for number in range(100):
        group.name = f"a{number}"
        group.save()
    deliver()
    assert remote.journal == [("create", "a99", True)]


def test_create_and_delete_before_a_send_are_no_call(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    pk = group.pk
    group.delete()
    deliver()
    assert remote.journal == []
    assert connection.bindings.get(object_id=str(pk)).state == State.ABSENT


def test_an_edit_is_an_update_and_an_equal_save_is_no_call(remote: MemoryRemote, deliver: Deliver) -> None:
    group = Group.objects.create(name="a")
    deliver()
    group.save()
    assert deliver().unchanged == 1
    group.name = "b"
    group.save()
    deliver()
    assert [entry[0] for entry in remote.journal] == ["create", "update"]
    assert remote.names() == ["b"]


def test_a_deleted_row_is_deleted_and_404_means_done(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    remote.objects.clear()
    pk = group.pk
    group.delete()
    deliver()
    binding = connection.bindings.get(object_id=str(pk))
    assert (binding.state, binding.remote_id, binding.due_at) == (State.ABSENT, None, None)


def test_a_push_is_never_a_no_op(remote: MemoryRemote, connection: Connection, deliver: Deliver) -> None:
    group = Group.objects.create(name="a")
    deliver()
    remote.objects["r1"]["name"] = "edited there"
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.PUSH)
    deliver()
    assert remote.names() == ["a"]
    assert row(connection, group).wanted == Wanted.AUTO


def test_a_verifying_read_sends_only_where_the_remote_differs(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    deliver(2)
    assert (remote.calls("read"), remote.calls("update")) == (1, 0)
    remote.objects["r1"]["name"] = "edited there"
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    deliver(2)
    assert (remote.calls("read"), remote.calls("update")) == (2, 1)
    assert remote.names() == ["a"]


def test_an_object_gone_at_the_remote_is_created_anew(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    remote.objects.clear()
    group.name = "b"
    group.save()
    deliver(2)
    assert remote.objects == {"r2": {"name": "b"}}
    assert row(connection, group).remote_id == "r2"


@pytest.mark.parametrize(("policy", "code"), [("detach", "gone"), ("hold", "gone")])
def test_an_object_gone_at_the_remote_is_held_where_the_type_says_so(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    deliver: Deliver,
    policy: str,
    code: str,
) -> None:
    integrator.spec.on_gone = policy
    group = Group.objects.create(name="a")
    deliver()
    remote.objects.clear()
    group.name = "b"
    group.save()
    deliver(2)
    binding = row(connection, group)
    assert (binding.state, binding.code, binding.due_at) == (State.HELD, code, None)
    assert remote.objects == {}


@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_to_a_create_is_replayed_with_the_same_key(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, applied: bool
) -> None:
    remote.faults = [lost(applied=applied)]
    group = Group.objects.create(name="a")
    deliver()
    binding = row(connection, group)
    assert (binding.uncertain, binding.attempts, binding.state) == ("create", 1, State.RETRYING)
    deliver()
    assert len(remote.objects) == 1
    assert len(set(Operation.objects.values_list("key", flat=True))) == 1
    assert row(connection, group).state == State.SYNCED


def test_an_edit_between_an_attempted_create_and_its_replay_follows_as_an_update(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=True)]
    group = Group.objects.create(name="a")
    deliver()
    group.name = "b"
    group.save()
    deliver(2)
    assert [entry[0] for entry in remote.journal] == ["create", "create", "update", "read"]  # it was in doubt
    assert remote.objects == {"r1": {"name": "b"}}


def test_a_lost_answer_is_looked_up_where_keys_are_not_honoured(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.can_lookup, remote.honours_keys = False, True, False
    Binding.objects.all()
    remote.faults = [lost(applied=True)]
    group = Group.objects.create(name="a")
    deliver()
    _end_lease(connection)
    deliver(3)
    assert len(remote.objects) == 1
    assert row(connection, group).remote_id == "r1"
    assert row(connection, group).state == State.SYNCED


def test_a_look_up_that_finds_nothing_leads_to_a_new_intent(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.can_lookup, remote.honours_keys = False, True, False
    remote.faults = [lost(applied=False)]
    Group.objects.create(name="a")
    deliver()
    _end_lease(connection)
    deliver(2)
    assert len(remote.objects) == 1
    assert Operation.objects.filter(verb="create").values("key").distinct().count() == 2


def test_where_nothing_can_tell_a_lost_create_is_held_for_a_person(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed = False
    remote.honours_keys = False
    remote.faults = [lost(applied=True)]
    group = Group.objects.create(name="a")
    deliver()
    group.save()
    deliver(2)
    binding = row(connection, group)
    assert (binding.state, binding.due_at) == (State.IN_DOUBT, None)
    assert len(remote.objects) == 1
    bindings.resolve(binding.pk, remote_id="r1", actor="ann")
    deliver()
    assert row(connection, group).state == State.SYNCED
    assert remote.calls("create") == 1


def test_a_lost_create_of_a_row_deleted_meanwhile_is_found_and_deleted(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=True)]
    group = Group.objects.create(name="a")
    deliver()
    group.delete()
    deliver(3)
    assert remote.objects == {}
    assert Binding.objects.get().state == State.ABSENT


def test_a_refused_object_is_held_until_it_is_edited(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [status(422)]
    group = Group.objects.create(name="a")
    deliver()
    binding = row(connection, group)
    assert (binding.state, binding.code, binding.due_at, binding.uncertain) == (State.HELD, "422", None, "")
    deliver()
    assert remote.objects == {}
    group.save()
    deliver()
    assert remote.names() == ["a"]


def test_attempts_used_up_make_an_object_dead_and_an_edit_revives_it(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    remote.faults = [status(500), status(500), status(500)]
    group.name = "b"
    group.save()
    deliver(3)
    binding = row(connection, group)
    assert (binding.state, binding.due_at, binding.attempts) == (State.DEAD, None, 3)
    deliver()
    assert remote.names() == ["a"]
    group.save()
    deliver()
    assert remote.names() == ["b"]
    assert row(connection, group).state == State.SYNCED


def test_a_poisonous_payload_holds_its_own_object_only(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.poison = {"bad"}
    bad = Group.objects.create(name="bad")
    Group.objects.create(name="good")
    deliver()
    assert remote.names() == ["good"]
    assert (row(connection, bad).state, row(connection, bad).code) == (State.HELD, "hook_error")


def test_429_shuts_the_gate_and_is_not_counted(remote: MemoryRemote, connection: Connection, deliver: Deliver) -> None:
    remote.faults = [status(429)]
    group = Group.objects.create(name="a")
    report = deliver()
    assert report.shut == "gate"
    gate = Gate.objects.get(connection=connection)
    assert gate.blocked_until is not None
    assert gate.closures == 1
    assert row(connection, group).attempts == 0
    assert row(connection, group).uncertain == ""
    deliver()
    gate.refresh_from_db()
    assert (gate.blocked_until, gate.closures) == (None, 0)
    assert remote.names() == ["a"]


def test_a_shut_gate_lets_one_probe_through_and_lengthens_where_it_fails(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [error(ConnectFailed("refused"))] * 4
    for number in range(4):
        Group.objects.create(name=f"g{number}")
    deliver()
    remote.faults = [error(ConnectFailed("refused"))] * 2
    calls = Operation.objects.count()
    deliver(2)
    assert Operation.objects.count() == calls + 2
    assert Gate.objects.get(connection=connection).closures == 3
    deliver(2)
    assert len(remote.objects) == 4
    assert not Binding.objects.exclude(attempts=0).exists()


def test_failures_of_several_objects_in_a_row_are_the_connections(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.workers = 1
    remote.faults = [status(500)] * 5
    for number in range(8):
        Group.objects.create(name=f"g{number}")
    report = deliver()
    assert report.shut == "gate"
    assert Gate.objects.get(connection=connection).blocked_until is not None
    assert not Binding.objects.exclude(attempts=0).exists()
    assert remote.calls("create") < 8
    deliver(3)
    assert len(remote.objects) == 8


def test_a_refused_token_is_renewed_once_and_then_the_gate_shuts(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.renewals = [True]
    remote.faults = [status(401)]
    group = Group.objects.create(name="a")
    deliver(2)
    assert remote.names() == ["a"]
    remote.faults = [status(401)]
    group.name = "b"
    group.save()
    assert deliver().shut == "gate"
    assert row(connection, group).attempts == 0


def test_a_paused_connection_takes_changes_in_and_sends_nothing(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    Connection.objects.update(paused=True)
    Group.objects.create(name="a")
    report = deliver()
    assert (report.taken, report.shut) == (1, "paused")
    assert remote.journal == []


def test_batches_are_paired_by_key_and_a_refused_one_is_split_down_to_the_bad_row(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.bulk = BulkSpec(key="name", create="groups/bulk", size=8)
    remote.bulk_refuses = {"g5"}
    groups = [Group.objects.create(name=f"g{number}") for number in range(8)]
    remote.faults = []
    integrator.poison = set()
    original = MemoryRemote._create

    def refusing(self: MemoryRemote, remote_id: str, body: dict[str, str], request: object) -> object:
        return status(422)(self, request) if body["name"] == "g5" else original(self, remote_id, body, request)  # type: ignore[arg-type]

    remote._create = refusing.__get__(remote)  # type: ignore[method-assign]
    deliver()
    assert remote.names() == [f"g{n}" for n in range(8) if n != 5]
    for number, group in enumerate(groups):
        binding = row(connection, group)
        if number == 5:
            assert (binding.state, binding.code) == (State.HELD, "422")
        else:
            assert remote.objects[binding.remote_id]["name"] == group.name


def test_a_worker_that_died_leaves_an_operation_that_the_next_claim_closes(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=True)]
    group = Group.objects.create(name="a")
    deliver()
    binding = row(connection, group)
    Operation.objects.update(status=Status.STARTED)
    Binding.objects.filter(pk=binding.pk).update(leased=True)
    _end_lease(connection)
    deliver()
    first, second = Operation.objects.order_by("pk")
    assert (first.status, first.code) == (Status.UNKNOWN, "worker_lost")
    assert second.status == Status.SUCCEEDED
    assert len(remote.objects) == 1


def test_an_object_that_ends_its_worker_again_and_again_is_dead_at_last(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    group.name = "b"
    group.save()
    for _ in range(4):
        _intake()
        _end_lease(connection)
        assert len(bindings.claim(connection.pk, 10, 60.0)) == 1
    _end_lease(connection)
    deliver()
    binding = row(connection, group)
    assert (binding.state, binding.code) == (State.DEAD, "crash_loop")
    assert remote.names() == ["a"]


def test_a_late_answer_teaches_the_remote_id_and_asks_for_a_read(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    def steal(remote: MemoryRemote, request: object) -> None:
        Binding.objects.update(lease_token=99)

    integrator.workers = 1
    group = Group.objects.create(name="a")
    stolen = _stealing_transmit(integrator)
    deliver()
    assert stolen
    binding = row(connection, group)
    assert (binding.remote_id, binding.wanted) == ("r1", Wanted.VERIFY)
    assert Operation.objects.get().status == Status.STALE
    Binding.objects.update(leased=False)
    deliver(2)
    assert row(connection, group).state == State.SYNCED
    assert len(remote.objects) == 1


def test_two_rows_cannot_adopt_one_remote_object(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    first = Group.objects.create(name="a")
    deliver()
    second = Group.objects.create(name="b")
    Binding.objects.filter(object_id=str(first.pk)).update(remote_id="r2")
    deliver()
    binding = row(connection, second)
    assert (binding.state, binding.code) == (State.DEAD, "duplicate_remote")
    assert f"group:{first.pk}" in binding.detail


def test_what_the_remote_owns_is_written_back_unless_the_row_changed_meanwhile(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.written = {"name": "a at the remote"}
    group = Group.objects.create(name="a")
    deliver()
    group.refresh_from_db()
    assert group.name == "a at the remote"


def _intake() -> None:
    from sync.drain.intake import intake

    intake()


def _end_lease(connection: Connection) -> None:
    import datetime as dt
    import json

    from django.utils import timezone

    past = timezone.now() - dt.timedelta(hours=1)
    for binding in connection.bindings.exclude(due_at=None):
        if binding.intent:
            intent = json.loads(binding.intent)
            intent["until"] = past.timestamp()
            binding.intent = json.dumps(intent)
        binding.due_at = past
        binding.save()


def _stealing_transmit(integrator: type[MemoryIntegrator]) -> list[bool]:
    """Lose the lease while the request is under way, in the drain's own thread: just before the answer is read."""
    stolen: list[bool] = []
    original = integrator.read_answer

    def read(self: MemoryIntegrator, call: object, answer: object) -> object:
        if not stolen:
            stolen.append(True)
            Binding.objects.update(lease_token=99)
        return original(self, call, answer)  # type: ignore[arg-type]

    integrator.read_answer = read  # type: ignore[method-assign, assignment]
    return stolen
