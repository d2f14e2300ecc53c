from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sync import registry
from sync.capture.record import connections_for, lane_of, snapshot_of, watched
from sync.models import Change, Connection
from sync.types import Lane
from tests.capture.conftest import Register
from tests.zoo.models import Feeding, Note, Ticket
from tests.zoo.registration import Kind


def snapshot(instance: Any) -> Any:
    return json.loads(snapshot_of(instance))


def test_a_snapshot_holds_values_of_every_kind() -> None:
    ticket = Ticket(code="a", price=Decimal("1.50"), serial=UUID(int=7), extra={"when": dt.date(2026, 1, 2)})
    assert snapshot(ticket) == {
        "code": "a",
        "price": "1.50",
        "serial": "00000000-0000-0000-0000-000000000007",
        "extra": {"when": "2026-01-02"},
    }
    assert snapshot(Feeding(animal=1, day=dt.date(2026, 1, 2))) == {"animal": 1, "day": "2026-01-02", "grams": 0}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"\xff", "b'\\xff'"),
        (dt.time(1, tzinfo=dt.UTC), "01:00:00+00:00"),
        ({(1, 2): "no key of JSON", "a": 1}, {"a": 1}),
        ("\x00 \ud800", "\x00 \ud800"),
        (complex(1), "(1+0j)"),
    ],
    ids=["bytes", "aware time", "odd key", "odd text", "odd type"],
)
def test_a_snapshot_never_breaks_a_delete(value: Any, kept: Any) -> None:
    assert snapshot(Ticket(extra=value))["extra"] == kept
    assert "\x00" not in snapshot_of(Ticket(extra=value))


def test_a_snapshot_leaves_out_secrets_and_what_was_not_read() -> None:
    ticket = Ticket(code="a", access_token="s3cret")
    del ticket.__dict__["serial"]
    assert set(snapshot(ticket)) == {"code", "price", "extra"}


def test_the_most_urgent_lane_of_a_models_types_counts(register: Register) -> None:
    register(Kind("slow", Note, lane=Lane.BULK), Ticket, named="one")
    assert lane_of("zoo.note") == Lane.BULK
    register(Kind("fast", Note, lane=Lane.RETRY), named="two")
    assert lane_of("zoo.note") == Lane.RETRY
    assert lane_of("zoo.ticket") == lane_of("nobody.knows") == Lane.LIVE


@pytest.mark.django_db
def test_a_change_has_the_lane_of_its_type(register: Register) -> None:
    register(Kind("slow", Note, lane=Lane.BULK))
    Note.objects.create(text="a")
    Note.objects.bulk_create([Note(text="b")])
    assert list(Change.objects.values_list("lane", flat=True)) == [Lane.BULK, Lane.BULK]


def test_a_model_is_watched_in_our_own_database_only(register: Register) -> None:
    register(Note)
    assert watched("zoo.note", "default")
    assert not watched("zoo.note", "other")
    assert not watched("zoo.ticket", "default")


@pytest.mark.django_db
def test_a_change_rings_for_the_default_connections_of_its_integrators(register: Register) -> None:
    register(Note, Ticket, named="one")
    register(Note, named="two")
    ids = list(connections_for({"zoo.note", "zoo.ticket"}))
    assert ids == [registry.connection("one").pk, registry.connection("two").pk]
    Connection.objects.create(integrator="two", name="second")
    assert list(connections_for({"zoo.note"})) == ids


@pytest.mark.django_db
def test_which_connections_to_ring_for_is_remembered_for_a_while(
    register: Register, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(Note)
    first = list(connections_for({"zoo.note"}))
    with django_assert_num_queries(0):
        assert list(connections_for({"zoo.note"})) == first
    monkeypatch.setattr("sync.capture.record.RESOLVED_FOR_S", -1.0)
    with django_assert_num_queries(1):
        assert list(connections_for({"zoo.note"})) == first
