from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sync.models import Binding, Change, Connection, Gate, Minute, State, Sweep
from sync.models.minute import APPLIED_BUCKETS, CALL_BUCKETS
from sync.monitoring import heaps
from sync.monitoring.standing import report, shown

Run = Callable[..., str]


def bind(connection: Connection, object_id: str, state: State, *, due: bool = False, age_s: float = 0.0) -> Binding:
    at = timezone.now()
    return Binding.objects.create(
        connection=connection,
        object_type="product",
        object_id=object_id,
        state=state,
        due_at=at if due else None,
        dirty_since=at - dt.timedelta(seconds=age_s) if due else None,
    )


def swept() -> None:
    Sweep.objects.update_or_create(name="sweep", defaults={"at": timezone.now()})


def test_all_is_well_where_nothing_waits(connection: Connection, run: Run) -> None:
    text = run("crudsync_status")
    assert "shop/default: open" in text
    assert "objects: none" in text
    assert "inbox: 0" in text
    assert "last sweep: never" in text


def test_it_counts_by_state_and_names_the_oldest(connection: Connection, run: Run) -> None:
    swept()
    bind(connection, "1", State.SYNCED)
    bind(connection, "2", State.PENDING, due=True, age_s=50)
    bind(connection, "3", State.RETRYING, due=True, age_s=90)
    Change.objects.create(model="shop.product", object_id="9", created_at=timezone.now() - dt.timedelta(seconds=7))
    text = run("crudsync_status")
    assert "objects: 1 pending, 1 retrying, 1 synced" in text
    assert "backlog: 2, oldest unsent 90 s" in text
    assert "inbox: 1, oldest 7 s" in text
    assert "last sweep: 0 s ago" in text


@pytest.mark.parametrize("state", [State.HELD, State.IN_DOUBT, State.DEAD])
def test_it_exits_1_where_a_person_is_needed(state: State, connection: Connection, run: Run) -> None:
    bind(connection, "1", state)
    with pytest.raises(SystemExit) as caught:
        run("crudsync_status")
    assert caught.value.code == 1


def test_nobody_is_needed_for_what_is_ignored(connection: Connection, run: Run) -> None:
    bind(connection, "1", State.HELD)
    Binding.objects.update(ignored="known to shop")
    text = run("crudsync_status")
    assert "1 held" in text
    assert "1 of them ignored" in text
    (one,) = report([connection]).connections
    assert (one.stuck, one.ignored, dict(one.counts)) == (0, 1, {"held": 1})


def test_it_exits_1_where_a_gate_is_shut(connection: Connection) -> None:
    until = timezone.now() + dt.timedelta(seconds=60)
    Gate.objects.update(blocked_until=until, reason="429")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("crudsync_status", stdout=out)
    assert "shut until" in out.getvalue()
    assert "429" in out.getvalue()


def test_a_gate_whose_time_has_passed_is_open(connection: Connection, run: Run) -> None:
    Gate.objects.update(blocked_until=timezone.now() - dt.timedelta(seconds=1))
    assert "shop/default: open" in run("crudsync_status")


def test_a_pause_is_somebody_s_wish(connection: Connection, run: Run) -> None:
    Connection.objects.update(paused=True, paused_reason="migration")
    assert "paused (migration)" in run("crudsync_status")
    Connection.objects.update(paused_reason="")
    assert "paused (no reason given)" in run("crudsync_status")


def test_it_exits_1_where_work_waits_and_nobody_sweeps(connection: Connection) -> None:
    bind(connection, "1", State.PENDING, due=True)
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("crudsync_status", stdout=out, no_color=True)
    assert "work waits and nobody sweeps" in out.getvalue()
    Sweep.objects.create(name="sweep", at=timezone.now() - dt.timedelta(hours=1))
    with pytest.raises(SystemExit):
        call_command("crudsync_status", stdout=out)
    swept()
    call_command("crudsync_status", stdout=out)


def test_an_integrator_that_is_gone_is_named(connection: Connection) -> None:
    Connection.objects.create(integrator="gone")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("crudsync_status", stdout=out, no_color=True)
    assert "gone/default: not registered in this process" in out.getvalue()


def test_one_connection_can_be_named(connection: Connection, run: Run) -> None:
    Connection.objects.create(integrator="shop", name="berlin")
    assert "berlin" in run("crudsync_status", "shop")
    text = run("crudsync_status", "shop/default")
    assert "berlin" not in text


def test_an_unknown_connection_is_an_error_that_names_those_there_are(connection: Connection, run: Run) -> None:
    with pytest.raises(CommandError, match="there is no connection 'shop/paris' \\(there are: shop/default\\)"):
        run("crudsync_status", "shop/paris")


def test_as_json_it_is_one_object(connection: Connection, run: Run) -> None:
    bind(connection, "1", State.SYNCED)
    told = json.loads(run("crudsync_status", "--json"))
    assert told["well"] is True
    assert told["connections"][0]["connection"] == "shop/default"
    assert told["connections"][0]["counts"] == {"synced": 1}
    assert "config" not in told


def test_config_shows_where_each_option_was_said(connection: Connection, run: Run) -> None:
    Connection.objects.update(options={"threads": 3})
    text = run("crudsync_status", "--config")
    assert "threads = 3  (connection)" in text
    assert "(class)" in text
    assert "retry = " in text
    told = json.loads(run("crudsync_status", "--config", "--json"))
    assert told["config"]["shop/default"]["threads"] == {"value": "3", "source": "connection"}


def test_a_wrong_option_is_shown_as_such(connection: Connection, run: Run) -> None:
    Connection.objects.update(options={"threads": "many"})
    assert "error = " in run("crudsync_status", "--config")


def test_watch_shows_it_again_until_it_is_interrupted(connection: Connection) -> None:
    class Screen(io.StringIO):
        shown = 0

        def write(self, text: str) -> int:
            self.shown += text.startswith("last sweep")
            if self.shown == 3:
                raise KeyboardInterrupt
            return super().write(text)

    screen = Screen()
    call_command("crudsync_status", "--watch", "0.01", stdout=screen, no_color=True)
    assert screen.getvalue().count("shop/default: open") == 3


def test_watching_ends_with_the_exit_code_of_what_was_shown_last(connection: Connection) -> None:
    bind(connection, "1", State.DEAD)

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            if self.getvalue().count("Ctrl-C ends") == 2:
                raise KeyboardInterrupt
            return super().write(text)

    screen = Screen()
    with pytest.raises(SystemExit):
        call_command("crudsync_status", "--watch", "0.01", stdout=screen, no_color=True)
    assert "1 wait for a person: crudsync_replay --list --integrator shop" in screen.getvalue()
    with pytest.raises(CommandError, match="--watch"):
        call_command("crudsync_status", "--watch", "0")


def test_figures_of_the_last_minutes_are_told(connection: Connection, run: Run) -> None:
    at = timezone.now() - dt.timedelta(minutes=2)
    counted = {"calls": 40, "succeeded": 38, "failed": 2, "throttled": 3, "applied": 36}
    Minute.objects.create(connection=connection, at=at, **counted, **{CALL_BUCKETS[3]: 40, APPLIED_BUCKETS[9]: 36})
    text = run("crudsync_status")
    assert "last 5 min: 40 calls, 95.0% succeeded, " in text
    assert "(p95 " in text
    assert "3 throttled" in text
    assert "applied: 36 objects; from save to applied, " in text
    told = json.loads(run("crudsync_status", "--json"))["figures"]["shop/default"]
    assert (told["calls"], told["success_share"], told["applied"]) == (40, 0.95, 36)
    assert told["call_p50_ms"] < told["applied_p50_ms"]


def test_without_figures_nothing_is_made_up(connection: Connection, run: Run) -> None:
    assert "last 5 min" not in run("crudsync_status")
    told = json.loads(run("crudsync_status", "--json"))["figures"]["shop/default"]
    assert (told["calls"], told["call_p95_ms"]) == (0, None)


def test_no_count_goes_beyond_its_bound(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heaps, "COUNTED", 2)
    for n in range(4):
        bind(connection, f"s{n}", State.SYNCED)
        bind(connection, f"h{n}", State.HELD)
        bind(connection, f"p{n}", State.PENDING, due=True)
    Change.objects.bulk_create([Change(model="m", object_id=str(n), created_at=timezone.now()) for n in range(4)])
    found = report([connection])
    assert dict(found.connections[0].counts) == {"held": 2, "pending": 2, "synced": 2}
    assert (found.inbox, shown(found.inbox), shown(1)) == (2, "2+", "1")


def test_the_number_of_queries_does_not_grow_with_the_rows(connection: Connection) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            report([connection])
        return len(context)

    few = queries()
    for n in range(30):
        bind(connection, str(n), State.PENDING, due=True)
    assert queries() == few


def test_without_an_integrator_it_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.registry.ensure_connections", list)
    assert "no connection: no integrator is registered" in run("crudsync_status")


def test_a_typed_error_becomes_one_of_the_command(run: Run, connection: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "no_such_key": 1}
    bind(connection, "1", State.PENDING, due=True)
    swept()
    with pytest.raises(CommandError, match=r"no_such_key.*unknown_setting"):
        run("crudsync_status")
