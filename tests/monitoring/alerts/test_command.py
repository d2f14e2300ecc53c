"""``crudsync_alerts``: look and send, try the channels, list the rules."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import responses
from django.core import mail
from django.core.management import CommandError, call_command

from sync.models import AlertRule, Connection
from tests.monitoring.alerts.world import HOOK, _quiet_world, dead, hook

__all__ = ["_quiet_world", "hook"]

pytestmark = pytest.mark.django_db


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


def test_the_command_sends_a_test_and_tells_it_as_json(hook: Any) -> None:
    assert json.loads(command("--test", "--json")) == {"sent": ["mail", "hook"], "failed": {}}


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
