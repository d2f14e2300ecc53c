"""Rules, readings and incidents together, on real rows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sync import alerted
from sync.models import AlertRule, Binding, Connection, Gate, Incident, Minute, Notice, State, Sweep
from sync.models.clock import now
from sync.monitoring import rollup
from sync.monitoring.alerts import deliver, evaluate, prune, rules
from sync.monitoring.alerts.readings import readings
from sync.monitoring.pulse import pings
from sync.resync.pausing import pause, resume
from tasks.alerting import alerts as task
from tests.monitoring.alerts.world import _quiet_world, again, dead, hook, remove, together, told

__all__ = ["_quiet_world", "hook"]

pytestmark = pytest.mark.django_db


def test_an_incident_is_told_once_on_each_channel_and_so_is_its_end(account: Connection, hook: Any) -> None:
    letter = dead(account)
    for _ in range(3):
        again()
    title = "shop/default: one object is a dead letter"
    assert [one.subject for one in mail.outbox] == [f"[crudsync] alert: {title}"]
    assert told(hook) == [("firing", title)]
    remove(letter)
    for _ in range(3):
        again()
    assert [one.subject for one in mail.outbox][1:] == [f"[crudsync] recovered: {title}"]
    assert told(hook)[1:] == [("resolved", title)]
    assert Incident.objects.get().state == "resolved"


def test_two_beats_are_one(account: Connection, hook: Any) -> None:
    dead(account)
    assert evaluate() is not None
    assert evaluate() is None
    deliver()
    deliver()
    assert len(mail.outbox) == len(hook.calls) == 1


def test_the_signal_is_sent_at_the_beginning_and_at_the_end(account: Connection) -> None:
    heard: list[tuple[str, str]] = []

    def receive(sender: Any, incident: Incident, event: str, **more: Any) -> None:
        heard.append((event, incident.theme))

    alerted.connect(receive)
    try:
        letter = dead(account)
        evaluate(at_once=True)
        remove(letter)
        evaluate(at_once=True)
    finally:
        alerted.disconnect(receive)
    assert heard == [("firing", "dead_letters"), ("resolved", "dead_letters")]


@pytest.mark.django_db(transaction=True)
def test_two_looks_at_once_tell_once(account: Connection, hook: Any) -> None:
    letter = dead(account)
    together(4, lambda: evaluate(at_once=True))
    remove(letter)
    together(4, lambda: evaluate(at_once=True))
    assert [row.state for row in Incident.objects.all()] == ["resolved"]
    assert sorted(Notice.objects.filter(channel="mail").values_list("event", flat=True)) == ["firing", "resolved"]


def test_letters_that_are_replayed_and_fail_again_are_one_incident(account: Connection) -> None:
    letter = dead(account)
    for state in (State.DEAD, State.PENDING, State.DEAD, State.PENDING, State.DEAD):
        Binding.objects.filter(pk=letter.pk).update(state=state, due_at=now() if state == State.PENDING else None)
        evaluate(at_once=True)
    assert Notice.objects.filter(channel="mail").count() == 1


def test_a_clock_that_was_put_back_stops_nobody(account: Connection) -> None:
    Sweep.objects.update_or_create(name="alerts", defaults={"at": now() + dt.timedelta(hours=1)})
    assert evaluate() is not None
    assert evaluate() is None


# --- what rules see --------------------------------------------------------------------------------------------------


def value(name: str) -> float | None:
    return next(one.value for one in readings(rules()) if one.rule.name == name)


def test_a_pause_is_seen_and_what_follows_from_it_is_not(account: Connection) -> None:
    Binding.objects.create(
        connection=account, object_type="product", object_id="1", state=State.PENDING, due_at=now(),
        dirty_since=now() - dt.timedelta(hours=1),
    )  # fmt: skip
    Gate.objects.update_or_create(connection=account, defaults={"blocked_until": now(), "reason": "it was down"})
    assert value("oldest_unsent") > 3000  # type: ignore[operator]
    assert (value("gate_shut"), value("paused")) == (1.0, None)
    pause(account, reason="they move house")
    assert (value("oldest_unsent"), value("gate_shut"), value("paused")) == (None, None, 1.0)
    resume(account)
    assert value("paused") is None


def test_a_gate_whose_time_has_come_holds_up_nothing_where_there_is_no_work(account: Connection) -> None:
    Gate.objects.update_or_create(connection=account, defaults={"blocked_until": now() - dt.timedelta(hours=1)})
    assert value("gate_shut") is None
    Gate.objects.update(blocked_until=now() + dt.timedelta(hours=1))
    assert value("gate_shut") == 1.0


@pytest.mark.parametrize(
    ("succeeded", "failed", "share"), [(10, 10, 0.5), (40, 0, 0.0), (0, 30, 1.0), (5, 5, None), (0, 0, None)]
)
def test_the_share_of_failures_needs_some_calls(
    account: Connection, succeeded: int, failed: int, share: float | None
) -> None:
    at = rollup.floor(now())
    Minute.objects.create(
        connection=account,
        at=at,
        calls=succeeded + failed,
        succeeded=succeeded,
        failed=failed - failed // 2,
        unknown=failed // 2,
    )
    assert value("failure_share") == share


@pytest.mark.parametrize(("calls", "deviates"), [(1000, False), (990, False), (100, True), (0, True), (9000, True)])
def test_a_deviation_is_from_the_same_hour_of_days_before(account: Connection, calls: int, deviates: bool) -> None:
    at = rollup.floor(now()) - dt.timedelta(minutes=5)
    for days in (1, 2, 7, 14):
        Minute.objects.create(connection=account, at=at - dt.timedelta(days=days), calls=1000)
    Minute.objects.create(connection=account, at=at - dt.timedelta(days=1, hours=8), calls=1_000_000)
    Minute.objects.create(connection=account, at=at, calls=calls)
    found = value("deviation")
    assert found is not None
    assert (found >= 5.0) is deviates


def test_from_minutes_that_are_not_counted_yet_nothing_follows(account: Connection) -> None:
    at = rollup.floor(now())
    Minute.objects.create(connection=account, at=at, calls=40, failed=40)
    again()
    Incident.objects.update(state="open", opened_at=now())
    Minute.objects.all().delete()
    Sweep.objects.create(name="roll_up", at=now() - dt.timedelta(hours=1))
    for _ in range(2):
        again()
    (reason,) = Incident.objects.get().reasons.values()
    assert (reason["rule"], reason["clear_since"]) == ("failure_share", None)
    Sweep.objects.filter(name="roll_up").update(at=now())
    again()
    (reason,) = Incident.objects.get().reasons.values()
    assert reason["clear_since"] is not None


def test_what_is_usual_needs_some_days(account: Connection) -> None:
    at = rollup.floor(now()) - dt.timedelta(minutes=5)
    for days in (1, 2):
        Minute.objects.create(connection=account, at=at - dt.timedelta(days=days), calls=1000)
    assert value("deviation") is None


def test_an_old_sweep_and_no_worker_are_seen(account: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (value("no_sweep") or 0.0) < 120
    assert value("no_worker") is None
    Sweep.objects.update(at=now() - dt.timedelta(hours=1))
    monkeypatch.setattr(pings, "_ask", lambda: ())
    pings.forget()
    assert value("no_sweep") > 3000  # type: ignore[operator]
    assert value("no_worker") == 1.0


def test_the_number_of_queries_does_not_depend_on_how_many_connections_there_are(account: Connection) -> None:
    with CaptureQueriesContext(database) as few:
        readings(rules())
    for number in range(30):
        dead(Connection.objects.create(integrator="shop", name=f"account{number}"))
    with CaptureQueriesContext(database) as many:
        readings(rules())
    assert len(many) == len(few)


# --- rules as rows ---------------------------------------------------------------------------------------------------


def test_a_row_stands_in_place_of_the_shipped_rule_of_its_name(account: Connection, hook: Any) -> None:
    AlertRule.objects.create(name="dead_letters", kind="dead_letters", threshold=3, for_s=0, quiet_s=0)
    dead(account)
    again()
    assert not Incident.objects.exists()
    dead(account, "2")
    dead(account, "3")
    again()
    assert Incident.objects.get().title == "shop/default: 3 objects are dead letters"


def test_a_disabled_row_switches_a_shipped_rule_off(account: Connection) -> None:
    AlertRule.objects.create(name="dead_letters", kind="dead_letters", enabled=False)
    dead(account)
    again()
    assert not Incident.objects.exists()


def test_a_rule_of_one_connection_stands_there_in_place_of_the_general_one(account: Connection, hook: Any) -> None:
    other = Connection.objects.create(integrator="shop", name="berlin")
    AlertRule.objects.create(
        name="berlin", kind="dead_letters", connection=other, threshold=2, for_s=0, channels=["mail"]
    )
    dead(account)
    dead(other)
    again()
    assert [one.title for one in Incident.objects.all()] == ["shop/default: one object is a dead letter"]
    dead(other, "2")
    again()
    assert len(mail.outbox) == 2
    assert len(hook.calls) == 1


def test_the_admin_refuses_rules_that_cannot_be(admin_client: Client, account: Connection) -> None:
    given = {
        "name": "x", "kind": "no_sweep", "connection": account.pk, "threshold": "5", "recovery": "9", "for_s": "1",
        "quiet_s": "1", "renotify_s": "0", "window_s": "60", "least": "1", "channels": '["pigeon"]',
    }  # fmt: skip
    page = admin_client.post(reverse("admin:crudsync_alertrule_add"), given).content.decode()
    assert "leave the connection empty" in page
    assert "Not above the threshold" in page
    assert "of these: mail, hook" in page
    assert not AlertRule.objects.exists()
    admin_client.post(
        reverse("admin:crudsync_alertrule_add"),
        {**given, "connection": "", "recovery": "4", "channels": '["mail"]', "enabled": "on"},
    )
    assert AlertRule.objects.get().channels == ["mail"]
    assert admin_client.get(reverse("admin:crudsync_alertrule_changelist")).status_code == 200
    assert admin_client.get(reverse("admin:crudsync_incident_changelist")).status_code == 200


# --- the task, the command, retention --------------------------------------------------------------------------------


def test_the_task_looks_and_sends(account: Connection, hook: Any) -> None:
    dead(account)
    result = task.apply().get()
    assert len(result["opened"]) == 1
    assert result["messages"] == 2
    assert len(mail.outbox) == 1


def test_where_the_engine_is_off_nobody_looks(account: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    dead(account)
    assert task.apply().get() == {}
    assert evaluate(at_once=True) is None
    assert [one.value for one in readings(rules()) if one.rule.of_system] == [None, None]


def test_old_incidents_are_removed_with_their_messages(account: Connection, hook: Any) -> None:
    letter = dead(account)
    again()
    remove(letter)
    again()
    dead(account)
    again()
    Incident.objects.filter(state="resolved").update(resolved_at=now() - dt.timedelta(days=2))
    assert prune(86_400.0) == 1
    assert [one.state for one in Incident.objects.all()] == ["open"]
    assert set(Notice.objects.values_list("incident_id", flat=True)) == {Incident.objects.get().pk}
