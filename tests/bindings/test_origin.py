"""Which request an object is sent for: that of the last change, through every step until it is claimed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sync import bindings
from sync.bindings import Fold
from sync.correlation import correlated
from sync.correlation.origin import SIZE, Origin, parse
from sync.models import Binding, Connection
from sync.types import Lane

Folder = Callable[..., None]
TRACES = [f"{number:032x}-{number:016x}-01" for number in range(3)]


def claimed(connection: Connection) -> Any:
    return bindings.claim(connection.pk, 10, 60)[0]


def test_a_claimed_object_names_the_request_of_its_change(connection: Connection, fold: Folder) -> None:
    fold("1", origin="request-7")
    assert Binding.objects.get().correlation_id == "request-7"
    assert claimed(connection).correlation_id == "request-7"


def test_the_last_change_wins(connection: Connection, fold: Folder) -> None:
    fold("1", origin="first")
    fold("1", origin="last")
    assert claimed(connection).correlation_id == "last"


def test_a_change_without_a_request_is_not_laid_at_the_door_of_the_one_before(
    connection: Connection, fold: Folder
) -> None:
    fold("1", origin="first")
    fold("1", origin="")
    assert claimed(connection).correlation_id == ""


def test_changes_folded_as_one_keep_the_traces_of_each(connection: Connection) -> None:
    rows = [
        Fold(
            connection_id=connection.pk,
            object_type="coin",
            object_id="1",
            model="vault.coin",
            origin=f"request-{number} {trace}",
        )
        for number, trace in enumerate(TRACES)
    ]
    bindings.fold(rows)
    assert claimed(connection).origin == f"request-2 {' '.join(reversed(TRACES))}"


def test_changes_folded_one_after_the_other_keep_the_traces_of_what_was_not_sent_yet(
    connection: Connection, fold: Folder
) -> None:
    for number, trace in enumerate([*TRACES, *TRACES[:1]]):
        fold("1", origin=f"request-{number} {trace}")
    fold("1", origin="the-last")
    assert parse(Binding.objects.get().origin) == Origin("the-last", (TRACES[0], TRACES[2], TRACES[1]))
    fold("1", origin=f"one-more {TRACES[1]}")
    assert parse(Binding.objects.get().origin) == Origin("one-more", (TRACES[1], TRACES[0], TRACES[2]))
    fold("1", origin="")
    assert Binding.objects.get().origin == ""


def test_what_was_sent_is_no_part_of_the_next_change(connection: Connection, fold: Folder) -> None:
    fold("1", origin=f"request-1 {TRACES[0]}")
    Binding.objects.update(due_at=None, state="synced")
    fold("1", origin=f"request-2 {TRACES[1]}")
    assert Binding.objects.get().origin == f"request-2 {TRACES[1]}"


def test_what_other_programs_write_there_stops_no_intake(connection: Connection, fold: Folder) -> None:
    for text in ("a " * (SIZE // 2), "x" * SIZE, " " * SIZE):
        fold("1", origin=text)
        fold("1", origin=f"request-1 {TRACES[0]}")
        assert Binding.objects.get().origin == f"request-1 {TRACES[0]}"


def test_whoever_asks_for_an_object_is_its_origin(connection: Connection, fold: Folder) -> None:
    fold("1", origin="the save")
    with correlated("the-replay"):
        bindings.ask(connection.pk, "coin", ["1"], lane=Lane.LIVE)
        bindings.ensure(connection.pk, "coin", ["2"], model="vault.coin")
    assert {row.correlation_id for row in Binding.objects.all()} == {"the-replay"}


def test_a_verifying_read_is_for_the_request_of_the_claim(connection: Connection, fold: Folder) -> None:
    fold("1", origin="request-7")
    claim = claimed(connection)
    Binding.objects.update(origin="")
    bindings.verify(claim)
    assert Binding.objects.get().correlation_id == "request-7"


def test_the_direct_claim_of_one_object_is_for_whoever_makes_it(connection: Connection, fold: Folder) -> None:
    fold("1", origin="the save")
    Binding.objects.update(due_at=None)
    with correlated("the-view"):
        row = Fold(connection_id=connection.pk, object_type="coin", object_id="1", model="vault.coin")
    assert bindings.claim_one(row, 60).correlation_id == "the-view"
