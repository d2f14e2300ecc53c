"""Rules, readings, incidents and messages together, on real rows."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sync import alerted
from sync.models import AlertRule, Binding, Connection, Gate, Incident, Minute, Notice, State, Sweep
from sync.models.clock import now
from sync.monitoring import rollup
from sync.monitoring.alerts import deliver, evaluate, prune, rules
from sync.monitoring.alerts.notices import TRIES
from sync.monitoring.alerts.readings import readings
from sync.monitoring.pulse import pings
from sync.resync.pausing import pause, resume
from tasks.alerting import alerts as task

pytestmark = pytest.mark.django_db

HOOK = "https://hooks.test/own"


@pytest.fixture(autouse=True)
def _quiet_world(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two channels, a worker that answers, a sweep just now."""
    settings.CRUDSYNC = {
        **settings.CRUDSYNC,
        "inline": True,
        "alert_channels": {
            "mail": {"kind": "email", "to": ["ops@example.test"]},
            "hook": {"kind": "webhook", "url": HOOK},
        },
    }
    monkeypatch.setattr(pings, "_ask", lambda: ("celery@here",))
    pings.forget()
    Sweep.objects.create(name="sweep", at=now())
    yield
    pings.forget()


@pytest.fixture
def hook() -> Iterator[Any]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(HOOK, status=204)
        yield mock


def dead(account: Connection, object_id: str = "1") -> Binding:
    return Binding.objects.create(
        connection=account, object_type="product", object_id=object_id, state=State.DEAD, code="refused"
    )


def told(hook: Any) -> list[tuple[str, str]]:
    bodies = [json.loads(call.request.body) for call in hook.calls]
    return [(event["event"], event["title"]) for body in bodies for event in body["events"]]


def again() -> Any:
    """Look once more, whenever the last look was, and send."""
    found = evaluate(at_once=True)
    deliver()
    return found


def test_an_incident_is_told_once_on_each_channel_and_so_is_its_end(account: Connection, hook: Any) -> None:
    letter = dead(account)
    for _ in range(3):
        again()
    title = "shop/default: one object is a dead letter"
    assert [one.subject for one in mail.outbox] == [f"[crudsync] alert: {title}"]
    assert told(hook) == [("firing", title)]
    letter.delete()
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
        letter.delete()
        evaluate(at_once=True)
    finally:
        alerted.disconnect(receive)
    assert heard == [("firing", "dead_letters"), ("resolved", "dead_letters")]


def test_a_channel_that_fails_is_tried_again_and_holds_up_no_other(account: Connection) -> None:
    dead(account)
    with responses.RequestsMock() as mock:
        mock.post(HOOK, status=500, body="a secret page")
        again()
    assert len(mail.outbox) == 1
    notice = Notice.objects.get(channel="hook")
    assert (notice.sent_at, notice.tries) == (None, 1)
    assert notice.due_at is not None
    assert notice.due_at > now()
    assert "500" in notice.error
    with responses.RequestsMock() as mock:
        mock.post(HOOK, status=204)
        Notice.objects.filter(pk=notice.pk).update(due_at=now())
        assert deliver().messages == 1
        assert told(mock) == [("firing", "shop/default: one object is a dead letter")]
    notice.refresh_from_db()
    assert notice.sent_at is not None
    assert (notice.due_at, notice.error, notice.tries) == (None, "", 2)
    assert len(mail.outbox) == 1


def test_a_message_is_given_up_at_last(account: Connection) -> None:
    dead(account)
    evaluate(at_once=True)
    Notice.objects.filter(channel="hook").update(tries=TRIES - 1)
    with responses.RequestsMock() as mock:
        mock.post(HOOK, status=500)
        deliver()
    assert Notice.objects.get(channel="hook").due_at is None


def test_many_at_once_are_one_message(account: Connection, hook: Any) -> None:
    for number in range(5):
        dead(Connection.objects.create(integrator="shop", name=f"account{number}"))
    again()
    assert len(mail.outbox) == len(hook.calls) == 1
    assert len(told(hook)) == 5
    assert mail.outbox[0].subject.endswith("(and 4 more)")


def test_without_channels_incidents_are_kept_all_the_same(account: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {}}
    dead(account)
    again()
    assert Incident.objects.get().state == "open"
    assert not Notice.objects.exists()


def test_a_channel_that_is_gone_gives_its_messages_up_in_time(account: Connection, settings: Any, hook: Any) -> None:
    dead(account)
    evaluate(at_once=True)
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {"mail": {"kind": "email", "to": "ops@example.test"}}}
    deliver()
    assert Notice.objects.get(channel="hook").error == "there is no channel 'hook'"
    assert len(mail.outbox) == 1


def test_wrong_channels_end_no_evaluation(account: Connection, settings: Any, caplog: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {"x": {"kind": "pigeon"}}}
    dead(account)
    again()
    assert Incident.objects.get().state == "open"
    assert "kind must be one of" in caplog.text


def test_a_link_leads_to_the_incident(account: Connection, settings: Any, hook: Any, admin_client: Client) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "site_url": "https://shop.example.test/"}
    dead(account)
    again()
    path = reverse("admin:crudsync_incident_change", args=[Incident.objects.get().pk])
    assert f"https://shop.example.test{path}" in mail.outbox[0].body
    page = admin_client.get(path)
    assert page.status_code == 200
    assert "one object is a dead letter" in page.content.decode()


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
    letter.delete()
    again()
    dead(account)
    again()
    Incident.objects.filter(state="resolved").update(resolved_at=now() - dt.timedelta(days=2))
    assert prune(86_400.0) == 1
    assert [one.state for one in Incident.objects.all()] == ["open"]
    assert set(Notice.objects.values_list("incident_id", flat=True)) == {Incident.objects.get().pk}


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("crudsync_alerts", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_looks_and_sends(account: Connection, hook: Any) -> None:
    dead(account)
    assert "1 incidents began, 0 ended; 2 messages sent, 0 notices failed" in command()
    found = json.loads(command("--json"))
    assert (found["opened"], found["messages"]) == ([], 0)
    assert found["read"] >= 8


def test_the_command_sends_a_test(hook: Any) -> None:
    assert command("--test") == "mail: sent\nhook: sent\n"
    assert mail.outbox[0].subject == "[crudsync] test"
    assert command("--test", "mail") == "mail: sent\n"
    with pytest.raises(CommandError, match="there is no channel 'pigeon'"):
        command("--test", "pigeon")


def test_the_command_says_which_channel_failed(settings: Any) -> None:
    with responses.RequestsMock() as mock:
        mock.post(HOOK, status=403)
        with pytest.raises(CommandError, match="1 of 1 channels failed"):
            command("--test", "hook")
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {}}
    with pytest.raises(CommandError, match="there are no channels"):
        command("--test")
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {"x": {"kind": "pigeon"}}}
    with pytest.raises(CommandError, match="kind must be one of"):
        command("--test")


def test_the_command_lists_the_rules_in_force(account: Connection) -> None:
    AlertRule.objects.create(name="berlin", kind="paused", connection=account, for_s=60)
    assert f"berlin: paused from 1 for 60 s, connection {account.pk}\n" in command("--rules")
    assert {rule["name"] for rule in json.loads(command("--rules", "--json"))} >= {"oldest_unsent", "berlin"}
