from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from examples.shop.models import Product
from sync.models import Binding, Change, Connection, Operation, State, Sweep

Run = Callable[..., str]


@pytest.fixture
def row(connection: Connection) -> Binding:
    at = timezone.now()
    Sweep.objects.create(name="sweep", at=at)
    row = Binding.objects.create(
        connection=connection,
        object_type="product",
        object_id="7",
        model="shop.product",
        remote_id="r-7",
        state=State.HELD,
        code="refused",
        detail="the remote answered 422: too dear",
        seq=2,
        attempts=3,
        actor="anna (price import)",
        dirty_since=at - dt.timedelta(minutes=3),
        sent='{"name":"Saw"}',
    )
    for seq, status, values in (
        (1, "succeeded", {"verb": "create", "status_code": 201, "duration_ms": 0.2}),
        (2, "failed", {"verb": "update", "code": "refused", "status_code": 422, "detail": row.detail}),
        (2, "failed", {"verb": "update", "code": "conflict", "status_code": 409, "detail": "the remote answered 409"}),
    ):
        Operation.objects.create(
            connection=connection,
            binding=row,
            object_type="product",
            object_id="7",
            seq=seq,
            status=status,
            actor="anna",
            started_at=at - dt.timedelta(minutes=3),
            response="their words",
            **values,
        )
    return row


def test_it_tells_why_and_since_when_and_what_to_do(row: Binding, run: Run) -> None:
    lines = [line.strip() for line in run("crudsync_explain", "shop.Product", "7").splitlines()]
    assert lines[0] == "shop.product 7: held under shop/default"
    assert lines[1].startswith("there is no such row (any more); told at ")
    assert "shop/default · product 7 · remote id r-7" in lines
    assert (
        "held: The last change is not at shop yet: 422: too dear. "
        "It is held until somebody edits it, or pushes it again."
    ) in lines
    assert "why: refused. The remote refused it as it is." in lines
    assert not any(line.startswith("said: ") for line in lines)  # the sentence has it
    assert any(line.startswith("unsent for 3 min, since ") and "3 failed attempts" in line for line in lines)
    assert "taken in 2 times, last by anna (price import)" in lines
    assert "next: Nothing by itself: it is held until somebody edits the row, or replays it." in lines
    assert f"/admin/crudsync/binding/{row.pk}/change/" in lines


def test_an_answer_of_which_the_sentence_has_a_part_is_told_in_full(row: Binding, run: Run) -> None:
    answer = 'the remote answered 422: {"errors":{"price":["must be below 1000"]}}'
    Binding.objects.filter(pk=row.pk).update(detail=answer)
    text = run("crudsync_explain", "shop.Product", "7")
    assert "the remote refused “price” (422: must be below 1000). It is held until" in text
    assert f"said: {answer}" in text


def test_attempts_are_told_newest_first_and_nothing_twice(row: Binding, run: Run) -> None:
    text = run("crudsync_explain", "shop.Product", "7")
    conflict, refused, created = (text.index(words) for words in ("409 conflict", "422 refused", "(201), 1 ms"))
    assert conflict < refused < created
    assert text.count("too dear") == 1
    assert "The remote has something under this key already." in text
    assert "the same again, by anna" in text
    assert "…and older ones" in run("crudsync_explain", "shop.Product", "7", "--limit", "1")


def test_payloads_are_told_only_where_that_is_asked(row: Binding, run: Run) -> None:
    assert "Saw" not in run("crudsync_explain", "shop.Product", "7")
    text = run("crudsync_explain", "shop.Product", "7", "--reveal")
    assert 'sent: {"name":"Saw"}' in text
    assert "answer: their words" in text


def test_an_object_can_be_named_by_its_remote_id_or_its_binding(row: Binding, run: Run) -> None:
    for words in (["--remote-id", "r-7"], ["shop.Product", "--remote-id", "r-7"], ["--binding", str(row.pk)]):
        assert run("crudsync_explain", *words).startswith("shop.product 7: held")


def test_one_connection_can_be_named(row: Binding, run: Run) -> None:
    berlin = Connection.objects.create(integrator="shop", name="berlin")
    Binding.objects.create(connection=berlin, object_type="product", object_id="7", model="shop.product")
    assert run("crudsync_explain", "shop.Product", "7").startswith(
        "shop.product 7: held under shop/default, pending under shop/berlin"
    )
    assert "shop/default" not in run("crudsync_explain", "shop.Product", "7", "--connection", "shop/berlin")


def test_of_an_unknown_row_it_says_so_and_exits_1(connection: Connection, run: Run, capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        run("crudsync_explain", "shop.Product", "99")
    assert caught.value.code == 1


def test_a_row_that_waits_in_the_inbox_is_known(products: list[Product], run: Run) -> None:
    pk = products[0].pk
    assert "never sent, and nobody has asked for it" in run("crudsync_explain", "shop.Product", str(pk))
    Change.objects.create(
        model="shop.product", object_id=str(pk), actor="anna", reason="import", created_at=timezone.now()
    )
    text = run("crudsync_explain", "shop.Product", str(pk))
    assert "changed, and not taken in yet" in text
    assert "save by anna (import) now" in text
    assert "next: A change waits in the inbox" in text


def test_a_parent_s_standing_is_told_below(row: Binding, run: Run) -> None:
    Binding.objects.create(
        connection=row.connection,
        object_type="product",
        object_id="8",
        model="shop.product",
        state=State.WAITING,
        waits_for="product:7",
        due_at=timezone.now() + dt.timedelta(seconds=500),
    )
    text = run("crudsync_explain", "shop.Product", "8")
    assert "It waits for product:7, and goes as soon as that is there; it looks by itself in 8 min" in text
    assert "  shop/default · product 7 · remote id r-7 (parent)" in text


def test_as_json_it_is_one_object(row: Binding, run: Run) -> None:
    told = json.loads(run("crudsync_explain", "shop.Product", "7", "--json"))
    assert (told["known"], told["accounts"][0]["code"]) == (True, "refused")
    assert told["accounts"][0]["remedies"][0]["sentence"].startswith("Correct the row")


@pytest.mark.parametrize(
    "words", [[], ["shop.Product"], ["product", "7"], ["--binding", "999"], ["--remote-id", "none"]]
)
def test_what_is_not_said_is_asked_for(words: list[str], connection: Connection, run: Run) -> None:
    with pytest.raises(CommandError):
        run("crudsync_explain", *words)


def test_a_negative_limit_is_an_error(run: Run) -> None:
    with pytest.raises(CommandError, match="--limit"):
        run("crudsync_explain", "shop.Product", "7", "--limit", "-1")
