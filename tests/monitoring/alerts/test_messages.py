"""Messages: on which channels, in which order, again and again, and never twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses
from django.core import mail
from django.test import Client
from django.urls import reverse

from sync.models import AlertRule, Connection, Incident, Notice
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.alerts import deliver, evaluate
from sync.monitoring.alerts.notices import TRIES, _settle
from tests.monitoring.alerts.world import HOOK, _quiet_world, again, dead, hook, remove, told

__all__ = ["_quiet_world", "hook"]

pytestmark = pytest.mark.django_db


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


def test_a_wrong_channel_takes_no_other_with_it_and_is_told_once_it_is_mended(
    account: Connection, settings: Any, hook: Any
) -> None:
    right = settings.CRUDSYNC["alert_channels"]
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {**right, "hook": {"kind": "webhook", "uri": HOOK}}}
    dead(account)
    again()
    assert (len(mail.outbox), len(hook.calls)) == (1, 0)
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": right}
    Notice.objects.filter(sent_at=None).update(due_at=now())
    deliver()
    assert told(hook) == [("firing", "shop/default: one object is a dead letter")]


def test_an_end_is_told_only_where_its_beginning_was(account: Connection, settings: Any, hook: Any) -> None:
    both = settings.CRUDSYNC["alert_channels"]
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {"hook": both["hook"]}}
    letter = dead(account)
    again()
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": both}
    remove(letter)
    again()
    assert [event for event, _ in told(hook)] == ["firing", "resolved"]
    assert mail.outbox == []


def test_a_rule_whose_channels_are_all_gone_is_told_on_all(account: Connection, hook: Any) -> None:
    AlertRule.objects.create(name="dead_letters", kind="dead_letters", for_s=0, channels=["pigeon"])
    dead(account)
    again()
    assert (len(mail.outbox), len(hook.calls)) == (1, 1)


def test_an_end_is_never_told_before_its_beginning(account: Connection) -> None:
    letter = dead(account)
    with responses.RequestsMock() as mock:
        mock.post(HOOK, status=500)
        again()
    remove(letter)
    with responses.RequestsMock() as mock:  # nothing is called: the beginning is not due yet
        again()
        assert len(mock.calls) == 0
    Notice.objects.filter(channel="hook", sent_at=None).update(due_at=now())
    with responses.RequestsMock() as mock:
        mock.post(HOOK, status=204)
        deliver()
        assert [event for event, _ in told(mock)] == ["firing", "resolved"]


def test_what_is_told_again_with_more_beside_it_has_another_id(account: Connection) -> None:
    ids = []
    for number in range(7):
        dead(Connection.objects.create(integrator="shop", name=f"account{number}"))
        with responses.RequestsMock() as mock:
            mock.post(HOOK, status=500)
            again()
            ids.append(json.loads(mock.calls[0].request.body)["id"])
        Notice.objects.filter(channel="hook").update(due_at=now())
    assert len(set(ids)) == 7
    with responses.RequestsMock() as mock:
        mock.post(HOOK, status=204)
        deliver()
        assert json.loads(mock.calls[0].request.body)["id"] == ids[-1]


def test_a_failure_that_comes_late_takes_back_nothing(account: Connection, hook: Any) -> None:
    dead(account)
    evaluate(at_once=True)
    (mine,) = list(Notice.objects.filter(channel="hook"))  # as whoever was suspended in the middle has it
    deliver()
    _settle([mine], "TimeoutError", alias())
    notice = Notice.objects.get(channel="hook")
    assert (notice.due_at, notice.error) == (None, "")
    assert notice.sent_at is not None


def test_a_link_leads_to_the_incident(account: Connection, settings: Any, hook: Any, admin_client: Client) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "site_url": "https://shop.example.test/"}
    dead(account)
    again()
    path = reverse("admin:crudsync_incident_change", args=[Incident.objects.get().pk])
    assert f"https://shop.example.test{path}" in mail.outbox[0].body
    page = admin_client.get(path)
    assert page.status_code == 200
    assert "one object is a dead letter" in page.content.decode()
