from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from examples.shop.models import Product
from sync.models import Binding, Cause, Change, Connection, Gate, Operation, State, Sweep
from sync.monitoring import account as accounts
from sync.monitoring.account import Account
from sync.monitoring.story import RECENT, named, story
from sync.monitoring.verdict import verdict
from sync.types import Wanted
from tests.monitoring.told import _swept, _uncaptured, attempt, bind, category, connection, products
from tests.servers.redis import RedisServer

__all__ = ["_swept", "_uncaptured", "attempt", "bind", "category", "connection", "products"]

Bind = Callable[..., Binding]
Attempt = Callable[..., Operation]


def ago(seconds: float) -> dt.datetime:
    return timezone.now() - dt.timedelta(seconds=seconds)


def only(object_id: object = "7", **options: Any) -> Account:
    (one,) = story("shop.Product", str(object_id), **options).accounts
    return one


def kinds(one: Account) -> list[str]:
    """What comes next, without what stands in the way because no test has a Redis unless it asks for one."""
    return [each.kind for each in one.next if each.kind != "limiter"]


def test_of_an_unknown_row_nothing_is_known(connection: Connection) -> None:
    found = story("shop.Product", "99")
    assert (found.known, found.exists, found.accounts) == (False, False, ())
    assert found.next[0].kind == "nothing"


def test_of_a_model_that_is_gone_its_bindings_are_told(bind: Bind) -> None:
    bind(model="gone.thing")
    found = story("gone.Thing", "7")
    assert (found.known, found.exists, len(found.accounts)) == (True, None, 1)


def test_a_row_that_nobody_asked_for_says_so(products: list[Product]) -> None:
    found = story("shop.product", str(products[0].pk))
    assert (found.known, found.exists, found.registered) == (True, True, ("shop",))
    assert found.next[0].kind == "unasked"


def test_a_row_of_an_unregistered_model_says_so(connection: Connection) -> None:
    assert story("auth.User", "1").next[0].kind == "unregistered"


def test_an_id_is_told_as_bindings_have_it(bind: Bind) -> None:
    bind("7")
    assert story("shop.Product", "007").accounts[0].object_id == "7"


def test_saves_that_wait_are_told_oldest_first(connection: Connection) -> None:
    for who, kind in (("anna", "save"), ("bert", "delete")):
        Change.objects.create(model="shop.product", object_id="7", kind=kind, actor=who, created_at=ago(5))
    Change.objects.create(model="shop.product", object_id="8", created_at=ago(5))
    found = story("shop.Product", "7")
    assert [(save.actor, save.kind) for save in found.inbox] == [("anna", "save"), ("bert", "delete")]
    assert (found.next[0].kind, found.inbox_deeper) == ("inbox", False)


def test_an_inbox_deeper_than_is_looked_through_is_admitted(connection: Connection) -> None:
    Change.objects.create(pk=1, model="shop.product", object_id="7", created_at=ago(5))
    Change.objects.create(pk=2 + RECENT, model="shop.product", object_id="8", created_at=ago(5))
    found = story("shop.Product", "7")
    assert (found.inbox, found.inbox_deeper) == ((), True)


def test_attempts_say_what_was_taken_in_before_each(bind: Bind, attempt: Attempt) -> None:
    row = bind(seq=5)
    for seq, verb in ((1, "create"), (1, "create"), (5, "update")):
        attempt(row, seq=seq, verb=verb)
    one = only()
    assert [(each.verb, each.merged) for each in one.attempts] == [("update", 4), ("create", 0), ("create", 1)]
    assert (one.older, one.unsent, one.skipped) == (False, 0, False)


def test_attempts_are_bounded_and_say_that_there_are_older_ones(bind: Bind, attempt: Attempt) -> None:
    row = bind()
    for seq in (1, 2, 4):
        attempt(row, seq=seq)
    one = only(limit=2)
    assert ([each.merged for each in one.attempts], one.older) == ([2, 1], True)
    assert (only(limit=0).attempts, only(limit=0).older) == ((), True)


def test_what_needed_no_call_is_told(bind: Bind, attempt: Attempt) -> None:
    attempt(bind(seq=1))
    Binding.objects.update(seq=3)
    one = only()
    assert (one.unsent, one.skipped) == (2, True)


def test_a_code_is_told_in_plain_words(bind: Bind, attempt: Attempt) -> None:
    row = bind(state=State.HELD, code="refused", detail="the remote answered 422: price")
    attempt(row, status="failed", code="refused", status_code=422)
    one = only()
    assert one.meaning == "The remote refused it as it is."
    assert one.attempts[0].meaning == one.meaning
    Binding.objects.update(code="of_the_host")
    assert "does not know the code" in only().meaning


def test_bodies_are_told_only_where_they_are_revealed_and_without_secrets(bind: Bind, attempt: Attempt) -> None:
    row = bind(sent='{"name":"Saw","password":"hunter22"}', seen='{"name":"Saw"}')
    attempt(row, request='{"token": "s3cr3t-s3cr3t"}', response="thanks", url="https://a.test/x?token=s3cr3t-s3cr3t")
    hidden, shown = only(), only(reveal=True)
    assert (hidden.sent, hidden.seen, hidden.attempts[0].request, hidden.attempts[0].response) == ("", "", "", "")
    assert "Saw" in shown.sent
    assert shown.attempts[0].response == "thanks"
    assert "s3cr3t" not in repr(shown)
    assert "hunter22" not in repr(shown)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"state": State.SYNCED}, "nothing"),
        ({"state": State.HELD}, "person"),
        ({"state": State.IN_DOUBT}, "person"),
        ({"state": State.DEAD}, "person"),
        ({"state": State.PENDING, "due_at": -3}, "due"),
        ({"state": State.PENDING, "due_at": 3, "rests_until": 3}, "later"),
        ({"state": State.RETRYING, "due_at": 30}, "retry"),
        ({"state": State.WAITING, "due_at": 30, "waits_for": "category:1"}, "parent"),
        ({"state": State.WAITING, "due_at": -3, "waits_for": "category:1"}, "parent"),
        ({"state": State.SYNCED, "due_at": 30, "uncertain": "late"}, "look"),
        ({"state": State.PENDING, "due_at": 30, "leased": True}, "under_way"),
        ({"state": State.PENDING, "due_at": -30, "leased": True}, "abandoned"),
    ],
)
def test_what_comes_next_and_when(values: dict[str, Any], kind: str, bind: Bind) -> None:
    times = {name: ago(-values[name]) for name in ("due_at", "rests_until") if name in values}
    bind(**{**values, **times})
    one = only()
    assert kinds(one)[-1] == kind
    assert one.next[-1].at == times.get("due_at")


def test_what_holds_up_the_connection_stands_first(bind: Bind, connection: Connection) -> None:
    bind(state=State.PENDING, due_at=ago(3))
    assert kinds(only()) == ["due"]
    Connection.objects.update(paused=True, paused_reason="migration")
    Gate.objects.update(blocked_until=ago(-60), reason="the remote answered 429")
    Sweep.objects.update(at=ago(3600))
    one = only()
    assert kinds(one) == ["paused", "gate", "unswept", "due"]
    assert "migration" in one.next[0].sentence
    assert "429" in next(each.sentence for each in one.next if each.kind == "gate")
    assert "--resume" in one.remedies[0].command
    Gate.objects.update(blocked_until=ago(1))
    assert "probe" in kinds(only())


def test_nothing_holds_up_what_is_not_to_be_sent(bind: Bind, connection: Connection) -> None:
    bind(state=State.SYNCED)
    Connection.objects.update(paused=True)
    assert [each.kind for each in only().next] == ["nothing"]


def test_an_integrator_that_is_gone_is_named(bind: Bind) -> None:
    gone = Connection.objects.create(integrator="gone")
    bind(state=State.PENDING, due_at=ago(3), connection=gone)
    assert "unregistered" in kinds(only())


def test_switched_off_it_says_so(bind: Bind, settings: Any, products: list[Product]) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    bind(state=State.PENDING, due_at=ago(3))
    assert kinds(only())[0] == "disabled"
    Binding.objects.all().delete()
    assert story("shop.product", str(products[0].pk)).next[0].kind == "disabled"


def test_how_many_go_before_it(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        bind(f"a{n}", state=State.PENDING, due_at=ago(60))
    bind(state=State.PENDING, due_at=ago(3))
    assert "about 3 objects go before it" in only().next[-1].sentence
    monkeypatch.setattr(accounts, "COUNTED", 2)
    assert "about 2 objects" in only().next[-1].sentence


def test_asking_at_once_is_offered_where_it_helps(
    bind: Bind, connection: Connection, redis_server: RedisServer, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": redis_server.url}
    bind(state=State.RETRYING, due_at=ago(-30))
    assert [each.command for each in only().remedies] == ["manage.py crudsync_resync shop.product 7"]
    Connection.objects.update(paused=True)
    assert [each.command for each in only().remedies] == ["manage.py crudsync_pause shop/default --resume"]
    Connection.objects.update(paused=False)
    Binding.objects.update(state=State.PENDING, due_at=ago(3))
    assert only().remedies == ()
    bind("8", state=State.PENDING, due_at=ago(60))
    assert [each.command for each in only().remedies] == ["manage.py crudsync_resync shop.product 7"]


def test_what_waits_for_a_parent_is_not_to_be_replayed_itself(bind: Bind) -> None:
    bind(state=State.HELD, code="parent_dead", waits_for="category:3")
    assert ["category 3" in each.sentence for each in only().remedies] == [True]


def test_without_its_redis_the_limiter_is_what_stands_in_the_way(bind: Bind) -> None:
    bind(state=State.PENDING, due_at=ago(3))
    one = only()
    assert one.next[0].kind == "limiter"
    assert "manage.py crudsync_doctor" in [each.command for each in one.remedies]


def test_the_next_token_is_told_by_the_limiter(
    bind: Bind, connection: Connection, redis_server: RedisServer, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": redis_server.url}
    bind(state=State.PENDING, due_at=ago(3))
    Connection.objects.update(options={"rate_limit": [{"limit": 1, "per": 600}]})
    one = only()
    assert [each.kind for each in one.next] == ["token", "due"]
    at = one.next[0].at
    assert at is not None
    assert 60 < (at - timezone.now()).total_seconds() <= 1300


def test_a_parent_is_told_in_the_same_way(bind: Bind) -> None:
    bind(state=State.WAITING, due_at=ago(-9), waits_for="category:3", code="waits_for_parent")
    bind("3", object_type="category", model="shop.category", state=State.DEAD, code="refused", waits_for="category:2")
    one = only()
    assert one.parent is not None
    assert (one.parent.object_type, one.parent.state, one.parent.meaning) == (
        "category",
        "dead",
        "The remote refused it as it is.",
    )
    assert one.parent.parent is not None
    assert (one.parent.parent.state, one.parent.parent.binding) == ("unknown", None)
    assert "category 3" in one.remedies[-1].sentence


def test_a_circle_of_parents_has_an_end(bind: Bind) -> None:
    bind(state=State.WAITING, due_at=ago(-9), waits_for="product:8")
    bind("8", state=State.WAITING, due_at=ago(-9), waits_for="product:7")
    one = only()
    assert one.parent is not None
    assert one.parent.parent is None


def test_a_long_chain_of_parents_has_an_end(bind: Bind) -> None:
    for n in range(15):
        bind(n, state=State.WAITING, due_at=ago(-9), waits_for=f"product:{n + 1}")
    depth, one = 0, only(0)
    while one.parent is not None:
        depth, one = depth + 1, one.parent
    assert depth == accounts.HOPS


def test_a_letter_s_remedies_are_its_cure_and_a_replay(bind: Bind) -> None:
    at = timezone.now()
    cause = Cause.objects.create(fingerprint="f", integrator="shop", code="refused", first_seen=at, last_seen=at)
    row = bind(state=State.HELD, code="refused", cause=cause)
    one = only()
    assert [each.command for each in one.remedies] == ["", f"manage.py crudsync_replay --binding {row.pk}"]
    assert one.remedies[0].page == "/admin/shop/product/7/change/"
    bind("8", state=State.HELD, code="refused", cause=cause)
    assert only().remedies[-1].command == f"manage.py crudsync_replay --cause {cause.pk}"
    assert "all 2" in only().remedies[-1].sentence


def test_a_doubt_s_remedy_is_a_person_s_word(bind: Bind) -> None:
    row = bind(state=State.IN_DOUBT, code="in_doubt")
    (remedy,) = only().remedies
    assert f"--binding {row.pk} --arrived REMOTE_ID" in remedy.command
    assert remedy.page == f"/admin/crudsync/binding/{row.pk}/doubt/"


def test_several_connections_are_told_apart_and_can_be_named(bind: Bind, connection: Connection) -> None:
    berlin = Connection.objects.create(integrator="shop", name="berlin")
    bind()
    bind(connection=berlin, state=State.DEAD)
    found = story("shop.Product", "7")
    assert [(one.connection, one.state) for one in found.accounts] == [
        ("shop/default", "synced"),
        ("shop/berlin", "dead"),
    ]
    assert only(connection_ids=[berlin.pk]).connection == "shop/berlin"
    assert story("shop.Product", "7", connection_ids=[]).accounts == ()


def test_a_remote_id_leads_to_its_objects(bind: Bind) -> None:
    bind("7", remote_id="r-1")
    bind("7", remote_id="r-1", object_type="category", model="shop.category")
    bind("8", remote_id="r-2")
    assert named("r-1") == [("shop.product", "7"), ("shop.category", "7")]
    assert named("r-1", connection_ids=[]) == []


def test_what_was_asked_and_what_is_unknown_is_told_as_it_is(bind: Bind) -> None:
    bind(wanted=Wanted.VERIFY, ignored="known to shop (anna)")
    assert (only().wanted, only().ignored, only().well) == ("verify", "known to shop (anna)", True)
    Binding.objects.update(wanted=9, state="new_state")
    assert only().wanted == "9"
    assert only().standing.startswith("Its state is “new_state”, which this version does not know")


def test_it_is_told_by_the_sentence_of_the_pages(bind: Bind) -> None:
    row = bind(state=State.HELD, code="refused", detail="the remote answered 422: too dear", due_at=None)
    said = verdict(row, row.connection, None, now=timezone.now())
    assert (only().standing, only().tone) == (said.sentence, "bad")
    assert "too dear" in only().standing


def test_the_number_of_queries_does_not_grow_with_what_there_is(bind: Bind, attempt: Attempt) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            story("shop.Product", "7")
        return len(context)

    row = bind(state=State.PENDING, due_at=ago(3))
    attempt(row)
    Change.objects.create(model="shop.product", object_id="7", created_at=ago(5))
    few = queries()
    for n in range(20):
        attempt(row, seq=n)
        bind(f"a{n}", state=State.PENDING, due_at=ago(60))
        Change.objects.create(model="shop.product", object_id="7", created_at=ago(5))
    assert queries() == few <= 9


def test_a_story_is_plain_values(bind: Bind, attempt: Attempt) -> None:
    attempt(bind(state=State.RETRYING, due_at=ago(-3)))
    told = json.loads(json.dumps(dataclasses.asdict(story("shop.Product", "7")), cls=DjangoJSONEncoder))
    assert told["accounts"][0]["attempts"][0]["verb"] == "update"
