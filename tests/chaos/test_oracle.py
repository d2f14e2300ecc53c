"""The oracle finds what is planted."""

from __future__ import annotations

import json
from typing import Any

from sync.testing.remote import JournalEntry
from tests.chaos.oracle import disordered, doubled, slow, uneven, unexcused, unrecorded


def entry(seq: int, method: str, object_id: str, **more: Any) -> JournalEntry:
    values = {"collection": "customers", "path": f"/customers/{object_id}", "applied": True, "applied_at": float(seq)}
    return JournalEntry(seq=seq, at=seq, monotonic=seq, method=method, id=object_id, **{**values, **more})


def created(seq: int, object_id: str, email: str = "a@shop.test", **more: Any) -> JournalEntry:
    return entry(seq, "POST", object_id, body=json.dumps({"email": email}), **more)


def test_two_objects_of_one_row_are_doubled() -> None:
    [found] = doubled([created(1, "c1"), created(2, "c2"), created(3, "c3", "b@shop.test")])
    assert found == "customers: a@shop.test was created as c1, c2"


def test_a_replay_a_refusal_and_a_new_life_are_no_doubles() -> None:
    replayed = created(2, "c1", replayed=True)
    refused = created(3, "", applied=False)
    assert list(doubled([created(1, "c1"), replayed, refused, entry(4, "DELETE", "c1"), created(5, "c2")])) == []


def test_what_lands_late_is_judged_by_when_it_was_applied() -> None:
    late = created(1, "c1", applied_at=9.0)
    assert len(list(doubled([late, created(2, "c2")]))) == 1


def test_a_write_to_an_id_that_was_never_given_is_out_of_order() -> None:
    [found] = disordered([created(1, "c1"), entry(2, "PATCH", "c1"), entry(3, "PATCH", "c9", applied=False)])
    assert found == "PATCH /customers/c9 came for an id that was never given"


def test_an_applied_write_without_a_record_is_found() -> None:
    journal = [created(1, "c1"), entry(2, "PATCH", "c1"), entry(3, "PATCH", "c1", applied=False)]
    assert list(unrecorded(journal, {("customers", "POST"): 1, ("customers", "PATCH"): 1})) == []
    [found] = unrecorded(journal, {("customers", "POST"): 1})
    assert found == "1 PATCH of customers were applied, 0 are recorded"


def test_slow_saves_are_found_but_not_where_the_database_ended_them() -> None:
    quick = [{"ms": 5, "error": ""}] * 100
    assert list(slow([*quick, {"ms": 9000, "error": "OperationalError"}])) == []
    assert list(slow([*quick, *[{"ms": 2000, "error": ""}] * 5])) == ["p99 of 105 saves is 2000 ms"]


def test_only_what_has_a_reason_is_excused() -> None:
    sentences = ["customers: a@shop.test is missing", "customers: b@shop.test is missing"]
    assert unexcused(sentences, [("customers", "a@shop.test")]) == sentences[1:]
    assert unexcused(sentences, []) == sentences


def test_under_our_own_ids_a_put_creates_and_is_no_double() -> None:
    put = {"collection": "entries", "body": json.dumps({"slug": "a"})}
    journal = [entry(1, "PUT", "7", **put), entry(2, "PUT", "7", **put), entry(3, "PATCH", "7", collection="entries")]
    assert list(doubled(journal)) == []
    assert list(disordered(journal)) == []


def test_whatever_differs_at_a_remote_is_named() -> None:
    ours = {"a": {"name": "A"}, "b": {"name": "B"}, "c": {"name": "C"}}
    theirs = [{"slug": "a", "name": "A"}, {"slug": "b", "name": "?"}, {"slug": "d"}, {"slug": "a", "name": "A"}]
    assert list(uneven("entries", ours, theirs)) == [
        "entries: a is there twice",
        "entries: b has name '?', not 'B'",
        "entries: c is missing",
        "entries: d is there and should not be",
    ]
