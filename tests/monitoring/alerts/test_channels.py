from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import responses
from django.core import mail

from sync.exceptions import AddressRefused, ConfigurationError, SecretError, ServerError
from sync.monitoring.alerts.channels import SIGNATURE, Message, channel, channels, names, signature
from sync.monitoring.checks import check_channels, check_secrets

MESSAGE = Message(
    id="crudsync-7",
    subject="[crudsync] alert: shop/default: the gate is shut",
    text="Since 09:00: <down> & out",
    events=({"event": "firing", "incident": 3},),
)


@pytest.fixture
def hooked() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server of the host's own, and what it was told."""
    told: list[tuple[dict[str, str], bytes]] = []

    class Told(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nothing is printed."""

    server = HTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", told
    server.shutdown()
    server.server_close()
    thread.join()


def test_mail_goes_by_the_hosts_own_settings(settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "shop@example.test"
    channel("ops", {"kind": "email", "to": ["ops@example.test", "b@example.test"]}).send(MESSAGE)
    channel("ops", {"kind": "email", "to": "c@example.test", "sender": "sync@example.test"}).send(MESSAGE)
    first, second = mail.outbox
    assert (first.from_email, first.to, first.subject) == (
        "shop@example.test",
        ["ops@example.test", "b@example.test"],
        MESSAGE.subject,
    )
    assert "<down> & out" in first.body
    assert (second.from_email, second.to) == ("sync@example.test", ["c@example.test"])


@responses.activate
def test_slack_gets_text_that_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK", "https://hooks.slack.test/services/T1/B2/secret")
    rule = responses.post("https://hooks.slack.test/services/T1/B2/secret", body="ok")
    channel("slack", {"kind": "slack", "url": "env:SLACK"}).send(MESSAGE)
    told = json.loads(rule.calls[0].request.body or b"")["text"]
    assert told.startswith("*[crudsync] alert")
    assert "&lt;down&gt; &amp; out" in told


def test_a_webhook_can_prove_who_told_it(
    hooked: tuple[str, list[tuple[dict[str, str], bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, told = hooked
    monkeypatch.setenv("HOOK_SECRET", "shared between us")
    channel("own", {"kind": "webhook", "url": url, "secret": "env:HOOK_SECRET"}).send(MESSAGE)
    ((headers, body),) = told
    assert json.loads(body) == {
        "id": "crudsync-7",
        "subject": MESSAGE.subject,
        "events": [{"event": "firing", "incident": 3}],
    }
    assert headers["Idempotency-Key"] == "crudsync-7"
    at, proof = (part.partition("=")[2] for part in headers[SIGNATURE].split(","))
    assert proof == hmac.new(b"shared between us", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == signature("shared between us", body, int(at))


def test_without_a_secret_it_is_not_signed(hooked: tuple[str, list[tuple[dict[str, str], bytes]]]) -> None:
    url, told = hooked
    channel("own", {"kind": "webhook", "url": url}).send(MESSAGE)
    assert SIGNATURE not in told[0][0]


@responses.activate
def test_an_answer_that_says_no_is_an_error() -> None:
    responses.post("https://hooks.test/x", status=500)
    with pytest.raises(ServerError):
        channel("own", {"kind": "webhook", "url": "https://hooks.test/x"}).send(MESSAGE)


def test_a_webhook_leads_to_no_address_that_is_not_allowed(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "allow_networks": []}
    with pytest.raises(AddressRefused):
        channel("own", {"kind": "webhook", "url": "http://127.0.0.1:9/"}).send(MESSAGE)


def test_an_address_that_names_nothing_is_an_error_without_it() -> None:
    with pytest.raises(SecretError):
        channel("slack", {"kind": "slack", "url": "env:NO_SUCH_VARIABLE"}).send(MESSAGE)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "pigeon"}, "kind must be one of email, slack, webhook"),
        ({}, "kind must be one of"),
        ({"kind": "slack"}, "'url' is missing"),
        ({"kind": "slack", "url": "env:X", "chanel": "#ops"}, "there is no 'chanel'"),
        ({"kind": "email", "to": []}, "'to' is missing"),
        ({"kind": "email", "to": [7]}, "all values are texts"),
        ({"kind": "email", "to": 7}, "all values are texts"),
        ({"kind": ["email"], "to": "a@example.test"}, "kind must be one of"),
        ({"kind": "webhook", "url": 7}, "all values are texts"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_and_a_check_says_so(given: Any, says: str, settings: Any) -> None:
    with pytest.raises(ConfigurationError, match="alert channel 'ops'") as caught:
        channel("ops", given)
    assert says in caught.value.message
    assert caught.value.code == "bad_channel"
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {"ops": given}}
    assert [found.id for found in check_channels()] == ["crudsync.E010"]


def test_a_channel_that_is_no_dict_is_refused(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {"ops": "env:SLACK"}}
    with pytest.raises(ConfigurationError):
        channels()


def test_a_name_that_no_message_can_be_kept_under_is_refused(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "alert_channels": {"x" * 51: {"kind": "email", "to": "a@example.test"}}}
    assert [found.id for found in check_channels()] == ["crudsync.E010"]
    assert names() == []


def test_secrets_in_the_code_are_named_by_a_check_and_never_shown(settings: Any) -> None:
    settings.CRUDSYNC = {
        **settings.CRUDSYNC,
        "monitor_token": "a long token",
        "alert_channels": {
            "slack": {"kind": "slack", "url": "https://hooks.slack.test/secret"},
            "own": {"kind": "webhook", "url": "env:URL", "secret": "env:SECRET"},
            "odd": "nothing",
        },
    }
    found = check_secrets()
    assert [(each.id, each.msg) for each in found] == [
        ("crudsync.W023", "CRUDSYNC['monitor_token'] stands in the code."),
        ("crudsync.W023", "'url' of alert channel 'slack' stands in the code."),
    ]
    settings.CRUDSYNC = {**settings.CRUDSYNC, "monitor_token": "env:TOKEN", "alert_channels": {}}
    assert check_secrets() == []
    assert check_channels() == []


def test_settings_that_cannot_be_read_are_for_another_check(settings: Any) -> None:
    settings.CRUDSYNC = {"no_such_key": 1}
    assert check_channels() == check_secrets() == []


def test_a_channel_shows_no_secret() -> None:
    assert "hooks" not in repr(channel("x", {"kind": "webhook", "url": "https://hooks.test", "secret": "hooks"}))
