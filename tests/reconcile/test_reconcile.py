"""Drift is found, confirmed, and asked for; and nothing is done where that would do harm."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Q
from django.test import override_settings

from sync import registry
from sync.exceptions import PaginationError, UnknownIntegrator
from sync.models import Binding, Connection, Gate, State
from sync.models.clock import now
from sync.reconcile import Stop, look, reconcile
from sync.types import Lane, Wanted

pytestmark = pytest.mark.django_db


class Remote:
    """A remote in memory, and the integrator that lists it."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.listings: list[Callable[[], list[tuple[str, Any]]]] = []
        self.pages = 0
        self.spec = SimpleNamespace(
            name="group", model=Group, sync_when=None, can_read=True, lookup_lag=2.0, lane=Lane.LIVE
        )

    def rows(self) -> list[tuple[str, Any]]:
        return self.listings.pop(0)() if self.listings else list(self.objects.items())

    def integrator(self) -> type[Any]:
        remote = self

        class Listed:
            name = "shop"

            def __init__(self, object_type: str, model: Any = None, connection: Any = "default") -> None:
                assert (object_type, connection.name) == ("group", "default")

            @classmethod
            def types(cls) -> dict[str, Any]:
                return {"group": remote.spec}

            def listing(self, *, before_each: Callable[[], None] | None = None) -> Iterator[tuple[str, Any]]:
                if before_each is not None:
                    before_each()
                yield from remote.rows()

        return Listed


@pytest.fixture
def remote() -> Iterator[Remote]:
    there = Remote()
    before = registry.integrators()
    registry.clear()
    registry.register(there.integrator())
    yield there
    registry.clear()
    for cls in before.values():
        registry.register(cls)


@pytest.fixture
def connection(remote: Remote) -> Connection:
    row = Connection.objects.create(integrator="shop")
    Gate.objects.create(connection=row)
    return row


@pytest.fixture
def agreed(remote: Remote, connection: Connection) -> Callable[[int], list[Binding]]:
    """Make rows here and there, as agreed an hour ago."""

    def make(count: int, **values: Any) -> list[Binding]:
        start = Group.objects.count()
        groups = Group.objects.bulk_create(Group(name=f"group {start + number}") for number in range(count))
        at = now() - dt.timedelta(hours=1)
        rows = []
        for group in groups:
            sent = {"name": group.name}
            remote.objects[f"r{group.pk}"] = sent | {"id": f"r{group.pk}", "views": 1}
            usual = {"state": State.SYNCED, "synced_at": at, "sent": json.dumps(sent), "remote_id": f"r{group.pk}"}
            rows.append(
                Binding(
                    connection=connection,
                    object_type="group",
                    object_id=str(group.pk),
                    model="auth.group",
                    seen=json.dumps(remote.objects[f"r{group.pk}"]),
                    **(usual | values),
                )
            )
        return Binding.objects.bulk_create(rows)

    return make


def due() -> dict[str, int]:
    return dict(Binding.objects.filter(due_at__isnull=False).values_list("remote_id", "wanted"))


def no_sleep(seconds: float) -> None:
    raise AssertionError("nothing to wait for")


def change(remote: Remote, binding: Binding) -> str:
    assert binding.remote_id is not None
    remote.objects[binding.remote_id] = remote.objects[binding.remote_id] | {"name": "changed there"}
    return binding.remote_id


def test_where_both_sides_agree_nothing_is_asked(remote: Remote, connection: Connection, agreed: Any) -> None:
    agreed(3)
    report = reconcile(connection, sleep=no_sleep)
    entry = report.types[0]
    assert (entry.listed, entry.bound, entry.drift, entry.unbound, entry.asked) == (3, 3, 0, 0, 0)
    assert (report.moved, report.stopped, report.drift) == (False, "", 0)
    assert due() == {}


def test_what_differs_is_asked_to_be_read_again_first(remote: Remote, connection: Connection, agreed: Any) -> None:
    changed = change(remote, agreed(3)[1])
    report = reconcile(connection, sleep=no_sleep)
    assert (report.types[0].differ, report.asked, report.moved) == (1, 1, True)
    assert due() == {changed: Wanted.VERIFY}
    binding = Binding.objects.get(remote_id=changed)
    assert (binding.lane, binding.seq) == (Lane.BULK, 2)
    assert binding.actor == "reconciliation (differs at the remote)"


def test_what_is_missing_is_asked_to_be_read_again_first(remote: Remote, connection: Connection, agreed: Any) -> None:
    gone = agreed(3)[1].remote_id
    del remote.objects[gone]
    report = reconcile(connection, sleep=no_sleep)
    assert (report.types[0].missing, report.asked) == (1, 1)
    assert due() == {gone: Wanted.VERIFY}


def test_what_the_remote_alone_knows_of_an_object_is_no_difference(
    remote: Remote, connection: Connection, agreed: Any
) -> None:
    agreed(2)
    for row in remote.objects.values():
        row["views"] += 1
    assert reconcile(connection).asked == 0


def test_a_row_here_that_was_never_bound_is_asked_for(remote: Remote, connection: Connection, agreed: Any) -> None:
    agreed(2)
    group = Group.objects.create(name="written past capture")
    Binding.objects.filter(object_id=str(group.pk)).delete()
    report = reconcile(connection)
    assert (report.types[0].unbound, report.asked) == (1, 1)
    binding = Binding.objects.get(object_id=str(group.pk))
    assert (binding.model, binding.wanted, binding.remote_id) == ("auth.group", Wanted.AUTO, None)
    assert binding.due_at is not None


@pytest.mark.parametrize("inside", [True, False])
def test_a_row_outside_the_types_condition_is_not_missed(
    remote: Remote, connection: Connection, agreed: Any, inside: bool
) -> None:
    remote.spec.sync_when = Q(name="a") if inside else Q(name="b")
    Group.objects.create(name="a")
    assert reconcile(connection).types[0].unbound == int(inside)


def test_a_foreign_object_is_counted_and_left_alone(remote: Remote, connection: Connection, agreed: Any) -> None:
    agreed(1)
    remote.objects["foreign"] = {"name": "theirs"}
    report = reconcile(connection)
    assert (report.types[0].foreign, report.asked) == (1, 0)


def test_a_report_alone_asks_for_nothing(remote: Remote, connection: Connection, agreed: Any) -> None:
    change(remote, agreed(3)[1])
    report = reconcile(connection, apply=False)
    assert (report.drift, report.asked) == (1, 0)
    assert due() == {}


@pytest.mark.parametrize(
    "values",
    [
        {"state": State.HELD},
        {"state": State.DEAD},
        {"state": State.IN_DOUBT},
        {"code": "left"},
        {"state": State.PENDING, "due_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)},
        {"leased": True, "due_at": dt.datetime(2100, 1, 1, tzinfo=dt.UTC)},
        {"synced_at": dt.datetime(2100, 1, 1, tzinfo=dt.UTC)},
    ],
)
def test_an_object_in_hand_or_held_is_not_judged(
    remote: Remote, connection: Connection, agreed: Any, values: dict[str, Any]
) -> None:
    agreed(1)
    (changed,) = agreed(1, **values)
    (gone,) = agreed(1, **values)
    change(remote, changed)
    del remote.objects[gone.remote_id]
    report = reconcile(connection)
    assert (report.drift, report.asked) == (0, 0)


def test_an_object_settled_within_the_lag_of_the_listing_is_not_judged(
    remote: Remote, connection: Connection, agreed: Any
) -> None:
    rows = agreed(2)
    for row in rows:
        change(remote, row)
    Binding.objects.filter(pk=rows[0].pk).update(synced_at=now())
    Binding.objects.filter(pk=rows[1].pk).update(synced_at=None)
    reconcile(connection)
    assert set(due()) == {rows[1].remote_id}


def test_an_object_that_became_due_during_the_listing_is_left_to_its_drain(
    remote: Remote, connection: Connection, agreed: Any
) -> None:
    row, other = agreed(2)
    change(remote, row)
    listed = list(remote.objects.items())
    del remote.objects[other.remote_id]

    def meanwhile() -> list[tuple[str, Any]]:
        Binding.objects.filter(pk=row.pk).update(due_at=now(), wanted=Wanted.AUTO)
        return listed

    remote.listings = [meanwhile]
    assert reconcile(connection).asked == 0
    assert Binding.objects.get(pk=row.pk).wanted == Wanted.AUTO


def test_an_object_that_became_due_before_it_was_asked_for_is_left_out(
    remote: Remote, connection: Connection, agreed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = agreed(1)[0]
    change(remote, row)
    about = look.subject(connection, "group", now=now(), lag_s=0.0)
    found = look.look(about, remote.rows(), share=0.2)
    assert list(look.object_ids(about, found.differ)) == [row.object_id]
    Binding.objects.filter(pk=row.pk).update(due_at=now())
    assert list(look.object_ids(about, found.differ)) == []


class TestWithoutReads:
    """A type whose objects cannot be read one by one is listed a second time."""

    @pytest.fixture(autouse=True)
    def no_reads(self, remote: Remote) -> None:
        remote.spec.can_read = False

    def test_what_still_differs_at_the_second_look_is_pushed(
        self, remote: Remote, connection: Connection, agreed: Any
    ) -> None:
        rows = agreed(3)
        changed = change(remote, rows[0])
        del remote.objects[rows[1].remote_id]
        slept: list[float] = []
        report = reconcile(connection, sleep=slept.append)
        assert slept == [2.0]
        assert report.asked == 2
        assert due() == {changed: Wanted.PUSH, rows[1].remote_id: Wanted.PUSH}

    def test_what_agrees_at_the_second_look_is_left_alone(
        self, remote: Remote, connection: Connection, agreed: Any
    ) -> None:
        rows = agreed(3)
        before = list(remote.objects.items())
        changed = change(remote, rows[1])
        first = [(key, row) for key, row in remote.objects.items() if key != rows[0].remote_id]
        remote.listings = [lambda: first, lambda: before]
        assert reconcile(connection, sleep=lambda seconds: None).asked == 0
        remote.listings = [lambda: first]
        assert reconcile(connection, sleep=lambda seconds: None).asked == 1
        assert due() == {changed: Wanted.PUSH}

    def test_a_difference_seen_only_at_the_second_look_waits_for_the_next_time(
        self, remote: Remote, connection: Connection, agreed: Any
    ) -> None:
        rows = agreed(3)
        first = list(remote.objects.items())[1:]
        change(remote, rows[2])
        remote.listings = [lambda: first]
        assert reconcile(connection, sleep=lambda seconds: None).asked == 0

    def test_where_nothing_differs_the_remote_is_listed_once(
        self, remote: Remote, connection: Connection, agreed: Any
    ) -> None:
        agreed(2)
        assert reconcile(connection, sleep=no_sleep).asked == 0


class TestStops:
    def test_a_remote_that_looks_empty_is_not_filled_anew(
        self, remote: Remote, connection: Connection, agreed: Any
    ) -> None:
        agreed(2)
        remote.objects.clear()
        report = reconcile(connection, sleep=no_sleep)
        assert report.types[0].stopped == Stop.REMOTE_EMPTY
        assert "2 objects should be there" in report.stopped
        assert (report.asked, report.moved, due()) == (0, True, {})

    def test_an_empty_remote_that_never_had_anything_is_no_reason_to_stop(
        self, remote: Remote, connection: Connection
    ) -> None:
        Group.objects.create(name="first")
        report = reconcile(connection)
        assert (report.stopped, report.asked) == ("", 1)

    def test_too_many_missing_objects_stop_it(self, remote: Remote, connection: Connection, agreed: Any) -> None:
        for row in agreed(40)[:11]:
            del remote.objects[row.remote_id]
        report = reconcile(connection)
        assert report.types[0].stopped == Stop.TOO_DIFFERENT
        assert "11 of 40" in report.stopped
        assert due() == {}

    def test_too_many_different_objects_stop_it_before_the_listing_ends(
        self, remote: Remote, connection: Connection, agreed: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(look, "BATCH", 12)
        for row in agreed(40)[:12]:
            change(remote, row)
        report = reconcile(connection)
        assert (report.types[0].stopped, report.types[0].listed) == (Stop.TOO_DIFFERENT, 12)
        assert due() == {}

    def test_the_share_is_the_sites(self, remote: Remote, connection: Connection, agreed: Any) -> None:
        for row in agreed(40)[:11]:
            change(remote, row)
        with override_settings(CRUDSYNC={"reconcile_stop_share": 0.5}):
            assert reconcile(connection).asked == 11

    def test_rows_that_were_there_before_the_registration_are_left_to_the_backfill(
        self, remote: Remote, connection: Connection
    ) -> None:
        Group.objects.bulk_create(Group(name=str(number)) for number in range(11))
        report = reconcile(connection)
        assert report.types[0].stopped == Stop.NOT_FILLED
        assert "crudsync_backfill" in report.stopped
        assert not Binding.objects.exists()

    def test_a_listing_that_fails_halfway_asks_for_nothing(
        self, remote: Remote, connection: Connection, agreed: Any
    ) -> None:
        changed = agreed(3)[0]
        change(remote, changed)

        def listing() -> list[tuple[str, Any]]:
            raise PaginationError("it loops", code="repeated_url")

        remote.listings = [listing]
        report = reconcile(connection)
        assert report.types[0].stopped == Stop.LISTING
        assert "it loops" in report.stopped
        assert due() == {}


def test_a_listing_in_which_objects_come_twice_counts_as_a_set(
    remote: Remote, connection: Connection, agreed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "BATCH", 2)
    rows = agreed(5)
    listed = list(remote.objects.items())
    older = [(key, row | {"name": "as it was before"}) for key, row in listed]
    remote.listings = [lambda: older + listed[::-1] + listed]
    report = reconcile(connection)
    assert (report.types[0].listed, report.drift) == (15, 0)
    assert len(rows) == report.types[0].bound


def test_many_batches_find_the_same_as_one(
    remote: Remote, connection: Connection, agreed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "BATCH", 3)
    monkeypatch.setattr("sync.reconcile.unbound.BATCH", 3)
    rows = agreed(20)
    expected = {change(remote, row) for row in rows[::7]} | {rows[1].remote_id, rows[19].remote_id}
    del remote.objects[rows[1].remote_id]
    del remote.objects[rows[19].remote_id]
    Group.objects.create(name="unbound")
    report = reconcile(connection)
    assert (report.types[0].differ, report.types[0].missing, report.types[0].unbound) == (3, 2, 1)
    assert {key for key in due() if key} == expected


def test_objects_bound_during_the_listing_are_not_missing(remote: Remote, connection: Connection, agreed: Any) -> None:
    agreed(2)
    listed = list(remote.objects.items())

    def meanwhile() -> list[tuple[str, Any]]:
        agreed(1)
        return listed

    remote.listings = [meanwhile]
    assert reconcile(connection).drift == 0


def test_a_token_is_taken_through_the_callers_hands(remote: Remote, connection: Connection, agreed: Any) -> None:
    agreed(1)
    taken: list[int] = []
    reconcile(connection, ["group"], before_each=lambda: taken.append(1))
    assert taken == [1]


def test_only_the_named_types_are_reconciled(remote: Remote, connection: Connection) -> None:
    assert reconcile(connection, []).types == ()


def test_an_integrator_that_is_not_registered_is_an_error(remote: Remote) -> None:
    with pytest.raises(UnknownIntegrator):
        reconcile(Connection(integrator="other"))
