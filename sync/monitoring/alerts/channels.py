"""Where messages go: mail, Slack, a webhook of the host's own. Each is named in ``CRUDSYNC["alert_channels"]``."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings as django_settings
from django.core.mail import EmailMessage, get_connection

from sync import conf
from sync.connectors import classify
from sync.exceptions import ConfigurationError, CrudSyncError
from sync.http import Transport
from sync.secrets import resolve
from sync.types import Request, Verb

TIMEOUT_S = 10.0
CONNECT_S = 3.0
MAX_ANSWER = 64 * 1024
LONGEST_NAME = 50
SIGNATURE = "X-Crudsync-Signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent: for people ``subject`` and ``text``, for machines ``events``; repeated, it keeps its ``id``."""

    id: str
    subject: str
    text: str
    events: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


class Channel(Protocol):
    """A way to somebody."""

    def send(self, message: Message) -> None:
        """Send a message, within some seconds.

        Raises:
            CrudSyncError, OSError: it was not sent.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Mail, by Django's own settings."""

    to: tuple[str, ...]
    sender: str = ""

    def send(self, message: Message) -> None:
        """Send a mail; a backend that knows a timeout gets one."""
        connection: Any = get_connection()
        if hasattr(connection, "timeout") and connection.timeout is None:
            connection.timeout = TIMEOUT_S
        sender = self.sender or django_settings.DEFAULT_FROM_EMAIL
        mail = EmailMessage(message.subject, message.text, sender, list(self.to), connection=connection)
        mail.extra_headers = {"X-Crudsync-Message": message.id}
        mail.send()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """A Slack incoming webhook; https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/."""

    url: str = field(repr=False)

    def send(self, message: Message) -> None:
        """Post the text, with what Slack would take for markup escaped."""
        text = f"*{_plain(message.subject)}*\n{_plain(message.text)}"
        _post(resolve(self.url), json.dumps({"text": text}).encode(), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address of the host's own, which is told in JSON and can prove who told it."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)

    def send(self, message: Message) -> None:
        """Post the events, signed where there is a secret."""
        body = json.dumps({"id": message.id, "subject": message.subject, "events": list(message.events)}).encode()
        headers = {"Idempotency-Key": message.id}
        if self.secret:
            headers[SIGNATURE] = signature(resolve(self.secret), body, int(time.time()))
        _post(resolve(self.url), body, headers)


def signature(secret: str, body: bytes, at: int) -> str:
    """Return what proves a body: ``t=<seconds since 1970>,v1=<hex>``, the HMAC-SHA256 of ``<seconds>.<body>``."""
    proof = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={proof}"


KINDS: Mapping[str, tuple[type[Any], tuple[str, ...], tuple[str, ...]]] = {
    "email": (Email, ("to",), ("sender",)),
    "slack": (Slack, ("url",), ()),
    "webhook": (Webhook, ("url",), ("secret",)),
}
"""Class, what must be given, what may be."""

SECRET_KEYS = ("url", "secret")
"""What must be a reference in production: the address of a Slack webhook is its password."""


def channels() -> dict[str, Channel]:
    """Return the channels that the settings name.

    Raises:
        ConfigurationError: one of them is wrong.
    """
    given: Mapping[str, Any] = conf.current().alert_channels  # a person wrote it: the values may be anything
    return {name: channel(name, told) for name, told in given.items()}


def names() -> list[str]:
    """Return the names under which messages can be kept: of wrong channels, too, since these may be mended."""
    return [name for name in conf.current().alert_channels if _is_name(name)]


def channel(name: str, given: Any) -> Channel:
    """Return one channel by its settings.

    Raises:
        ConfigurationError: ``bad_channel``: no such kind, or something is missing, unknown or no text.
    """
    if not _is_name(name):
        raise _wrong(name, f"its name is a text of 1 to {LONGEST_NAME} characters")
    given = given if isinstance(given, Mapping) else {}
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise _wrong(name, f"kind must be one of {', '.join(KINDS)}")
    cls, needed, possible = KINDS[kind]
    told = {key: value for key, value in given.items() if key != "kind"}
    if strange := sorted(set(told) - {*needed, *possible}):
        raise _wrong(name, f"there is no {strange[0]!r}")
    if missing := [key for key in needed if not told.get(key)]:
        raise _wrong(name, f"{missing[0]!r} is missing")
    if cls is Email:
        to = told["to"]
        told["to"] = tuple(to) if isinstance(to, list | tuple | set) else (to,)
    if not all(isinstance(text, str) for value in told.values() for text in _texts(value)):
        raise _wrong(name, "all values are texts")
    made: Channel = cls(**told)
    return made


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME


def _texts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _wrong(name: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"alert channel {name!r}: {what}", code="bad_channel", hint='give {"kind": "slack", "url": "env:SLACK_WEBHOOK"}'
    )


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    settings = conf.current()
    request = Request(
        method="POST",
        url=url,
        headers={"Content-Type": "application/json", "User-Agent": settings.user_agent, **headers},
        body=body,
        timeout_s=TIMEOUT_S,
        connect_s=CONNECT_S,
        max_bytes=MAX_ANSWER,
    )
    transport = Transport(pool_size=1)
    try:
        answer = transport.send(request)
    finally:
        transport.close()
    if answer.response is None:
        raise answer.error or CrudSyncError("there is no answer")
    outcome = classify.from_status(Verb.UPDATE, answer.response)
    if not outcome.ok:
        raise classify.to_error(outcome)


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
