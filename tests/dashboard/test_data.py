from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sync import ratelimit
from sync.drain.sweep import sweep
from sync.integrators.options import limits
from sync.models import Binding, Cause, Change, Connection, Gate, Minute, State, Sweep
from sync.models.clock import now
from sync.monitoring import board as boards
from sync.monitoring.rollup import roll_up
from tests.servers.redis import RedisServer

User = Callable[..., Client]
pytestmark = pytest.mark.django_db
DATA = "/crudsync/data/"


@pytest.fixture
def ask(user: User) -> Callable[..., Any]:
    browser = user("view_connection", "view_cause", "view_binding")
    return lambda **query: browser.get(DATA, query).json()


Ask = Callable[..., Any]


def bind(connection: Connection, state: State, *, age_s: float | None = None, **values: Any) -> Binding:
    at = now()
    return Binding.objects.create(
        connection=connection,
        object_type="product",
        object_id=str(Binding.objects.count()),
        state=state,
        due_at=None if age_s is None else at,
        dirty_since=None if age_s is None else at - dt.timedelta(seconds=age_s),
        **values,
    )


def alive() -> None:
    sweep(scheduled=True)
    roll_up()


def test_all_is_well_where_nothing_waits_and_everybody_is_alive(ask: Ask, connection: Connection) -> None:
    alive()
    told = ask()
    assert told["attention"] == []
    assert told["pulse"] == {
        "workers": ["celery@a"],
        "beat": True,
        "working": True,
        "swept_s": 0,
        "rolled_s": 0,
        "swept": True,
    }


def test_the_panel_tells_the_last_day_and_how_it_stands_now(
    ask: Ask, connection: Connection, minute: dt.datetime, cause: Cause
) -> None:
    Minute.objects.create(connection=connection, at=minute - dt.timedelta(days=2), calls=100, failed=100)
    bind(connection, State.RETRYING, age_s=300)
    bind(connection, State.DEAD, cause=cause)
    bind(connection, State.HELD, cause=cause, ignored="known")
    panel = ask()["panel"]
    assert (panel["success"], panel["calls"], panel["mean_ms"]) == (0.9, 10, 100.0)
    assert (panel["retrying"], panel["dead"], panel["backlog"]) == (1, 1, 1)
    assert panel["oldest_s"] == pytest.approx(300, abs=60)


def test_before_the_first_call_nothing_is_claimed(ask: Ask, connection: Connection) -> None:
    panel = ask()["panel"]
    assert (panel["success"], panel["mean_ms"], panel["oldest_s"]) == (None, None, None)


def test_a_connection_tells_of_its_span(ask: Ask, connection: Connection, minute: dt.datetime) -> None:
    (told,) = ask()["connections"]
    assert (told["name"], told["state"], told["calls"], told["success"]) == ("shop/default", "open", 10, 0.9)
    assert (told["tokens"], told["waited_ms"], told["throttled"]) == (10, 1500.0, 1)
    assert told["per_minute"] == 2.0
    assert 56.2 <= told["call"]["p50"] <= told["call"]["p95"] <= 100
    assert 562 <= told["applied"]["p50"] <= told["applied"]["p95"] <= 1000


@pytest.mark.parametrize(("span", "step_s", "steps"), [("1h", 60, 60), ("24h", 900, 97), ("7d", 7200, 85)])
def test_charts_have_steps_over_the_whole_span(
    ask: Ask, minute: dt.datetime, span: str, step_s: int, steps: int
) -> None:
    told = ask(range=span)
    series = told["series"]
    assert (told["span"], series["step_s"]) == (span, step_s)
    assert steps - 1 <= len(series["at"]) <= steps
    assert {len(values) for values in series.values() if isinstance(values, list)} == {len(series["at"])}
    assert (sum(series["succeeded"]), sum(series["failed"]), sum(series["waited_s"])) == (9, 1, 1.5)
    assert sum(value is not None for value in series["call_p95"]) == 1
    assert all(later - earlier == step_s for earlier, later in zip(series["at"], series["at"][1:], strict=False))


def test_charts_of_one_connection_are_its_own(ask: Ask, connection: Connection, minute: dt.datetime) -> None:
    other = Connection.objects.create(integrator="shop", name="berlin")
    Minute.objects.create(connection=other, at=minute, calls=4, succeeded=4)
    assert sum(ask()["series"]["succeeded"]) == 13
    assert sum(ask(connection=other.pk)["series"]["succeeded"]) == 4
    assert ask(connection=other.pk)["connection"] == other.pk


@pytest.mark.parametrize("query", [{"range": "1y"}, {"connection": "x"}, {"connection": "9" * 40}, {"range": "\x00"}])
def test_nonsense_shows_what_there_is(ask: Ask, connection: Connection, query: dict[str, str]) -> None:
    assert ask(**query)["span"] == "1h"


def test_a_shut_gate_a_pause_and_a_stranger_are_named(ask: Ask, connection: Connection) -> None:
    alive()
    Gate.objects.update(blocked_until=now() + dt.timedelta(minutes=5), reason="503 from the remote")
    Connection.objects.create(integrator="shop", name="berlin", paused=True, paused_reason="stock-taking")
    Connection.objects.create(integrator="gone")
    told = ask()
    assert {one["name"]: (one["state"], one["reason"]) for one in told["connections"]} == {
        "gone/default": ("unregistered", ""),
        "shop/berlin": ("paused", "stock-taking"),
        "shop/default": ("shut", "503 from the remote"),
    }
    assert [(each["level"], each["text"]) for each in told["attention"]] == [
        ("bad", "shop/default is shut: 503 from the remote"),
        ("warn", "gone/default: its integrator is not registered here."),
        ("warn", "shop/berlin is paused: stock-taking"),
    ]


def test_dead_letters_need_a_look_and_ignored_ones_do_not(ask: Ask, connection: Connection, cause: Cause) -> None:
    alive()
    bind(connection, State.HELD, cause=cause, ignored="known")
    assert ask()["attention"] == []
    bind(connection, State.DEAD, cause=cause)
    (said,) = ask()["attention"]
    assert (said["level"], said["url"]) == ("bad", "/admin/crudsync/cause/")
    assert said["text"] == "shop/default: 1 object waits for a person."


def test_silence_is_told_of_workers_beat_and_sweep(
    ask: Ask, connection: Connection, workers: Callable[..., None]
) -> None:
    workers()
    bind(connection, State.PENDING, age_s=1)
    assert [each["text"] for each in ask()["attention"]] == [
        "No worker answers: nothing is sent.",
        "Work waits, and nobody sweeps.",
    ]
    workers("celery@a")
    sweep()
    assert [each["text"] for each in ask()["attention"]] == ["Beat is silent: retries wait for the next save."]


def test_where_the_engine_is_off_that_is_what_is_said(ask: Ask, connection: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    assert [each["text"] for each in ask()["attention"]] == [
        "Switched off by CRUDSYNC['enabled']: nothing is captured or sent."
    ]


def test_of_many_sentences_the_worst_come_first_and_the_rest_is_counted(ask: Ask, connection: Connection) -> None:
    alive()
    for number in range(20):
        Connection.objects.create(integrator="shop", name=f"n{number}", paused=True)
    Gate.objects.filter(connection=connection).update(blocked_until=now() + dt.timedelta(minutes=5))
    said = ask()["attention"]
    assert len(said) == 9
    assert said[0]["level"] == "bad"
    assert said[-1]["text"] == "and 13 more, below."


def test_what_has_not_changed_is_not_sent_again(user: User, connection: Connection, minute: dt.datetime) -> None:
    browser = user("view_connection")
    first = browser.get(DATA)
    assert first["Cache-Control"] == "private, no-cache"
    again = browser.get(DATA, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    Connection.objects.update(paused=True)
    changed = browser.get(DATA, headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


def test_the_number_of_queries_is_the_same_for_little_and_for_much(
    user: User, connection: Connection, minute: dt.datetime, cause: Cause
) -> None:
    browser = user("view_connection", "view_cause", "view_binding")
    bind(connection, State.HELD, cause=cause)
    Change.objects.create(model="shop.product", object_id="1", created_at=now())

    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            assert browser.get(DATA, {"range": "7d"}).status_code == 200
        return len(context)

    few = queries()
    for number in range(20):
        other = Connection.objects.create(integrator="shop", name=str(number))
        Gate.objects.create(connection=other)
        minutes = [Minute(connection=other, at=minute - dt.timedelta(minutes=each), calls=1) for each in range(30)]
        Minute.objects.bulk_create(minutes)
        for _ in range(5):
            bind(other, State.HELD, cause=cause)
            bind(other, State.PENDING, age_s=1)
    assert queries() == few
    assert few <= 20


def test_a_limit_in_use_is_shown_while_redis_answers(
    ask: Ask, connection: Connection, redis_server: RedisServer
) -> None:
    assert [each["known"] for each in ask()["connections"][0]["buckets"]] == [False]
    ratelimit.take(connection.pk, limits(connection), 1, horizon_s=5)
    (bucket,) = ask()["connections"][0]["buckets"]
    assert bucket["known"] is True
    assert 0 <= bucket["used"] <= 1
    assert (bucket["limit"], bucket["per_s"]) == (limits(connection)[0].limit, 60.0)


def test_without_redis_the_rest_is_shown(ask: Ask, connection: Connection) -> None:
    assert ask()["connections"][0]["buckets"] == []


def test_a_count_that_took_long_is_told_again_for_a_while_and_a_pause_is_seen_at_once(
    ask: Ask, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(connection, State.RETRYING, age_s=300)
    assert ask()["panel"]["retrying"] == 1
    bind(connection, State.RETRYING, age_s=300)
    assert ask()["panel"]["retrying"] == 2
    monkeypatch.setattr(boards, "DEAR_S", -1.0)
    monkeypatch.setattr(boards, "SPARED", 1e9)
    assert ask()["panel"]["retrying"] == 2
    bind(connection, State.RETRYING, age_s=300)
    Connection.objects.update(paused=True)
    told = ask()
    assert told["panel"]["retrying"] == 2
    assert told["connections"][0]["state"] == "paused"
    boards._counts.clear()
    assert ask()["panel"]["retrying"] == 3


def test_without_a_database_it_says_so_and_mails_nobody(
    user: User, connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    browser = user("view_connection")

    def away(*args: Any, **options: Any) -> None:
        raise OperationalError("database is locked, says host db-7")

    monkeypatch.setattr(boards, "heaps", away)
    answer = browser.get(DATA)
    assert (answer.status_code, answer.json()) == (503, {"error": "The database does not answer."})
    assert [each.name for each in caplog.records if each.levelname in ("WARNING", "ERROR")] == ["crudsync.dashboard"]
    assert "db-7" not in caplog.text


def test_what_happened_is_read_once_for_each_roll_up(user: User, connection: Connection, minute: dt.datetime) -> None:
    browser = user("view_connection")
    roll_up()

    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            assert sum(browser.get(DATA).json()["series"]["succeeded"]) == 9
        return sum("sum_calls" in each["sql"] for each in context.captured_queries)

    asked = [queries() for _ in range(3)]
    assert asked[1] == 0 or asked[2] == 0  # a minute may begin in between
    assert max(asked) <= 4
    Minute.objects.create(connection=connection, at=minute - dt.timedelta(minutes=1), succeeded=5)
    Sweep.objects.update(at=now())
    assert sum(browser.get(DATA).json()["series"]["succeeded"]) == 14
