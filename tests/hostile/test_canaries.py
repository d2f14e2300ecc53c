"""Secrets of every kind go through every kind of failure, and are nowhere afterwards.

Each secret is a word that stands for nothing else. The remote repeats everything that it was sent; hooks raise with all
that they can reach in their text. Afterwards the words are looked for in what every logger said at DEBUG, in every
column of every table, in the pages of the admin, and in the texts of errors and values.
"""

from __future__ import annotations

import json
import logging
import socket
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from sync import ApiKeyAuth, BasicAuth, BearerAuth, CrudIntegrator, ObjectType, RetryPolicy, conf, registry
from sync.connectors import access_tokens
from sync.connectors.oauth2 import OAuth2RefreshToken
from sync.exceptions import CrudSyncError
from sync.models import Binding, Connection, Operation
from sync.secrets import resolve, seal, trace
from sync.types import Answer, Call, Request, Verb
from tests.hostile.remote import POISON, SmallRemote, Spoken
from tests.http.conftest import ok
from tests.zoo.models import Note, Ticket

C = {
    name: f"c4n4ry/{name}+{'0123456789abcdef' * 2}"
    for name in (
        "bearer", "header", "param", "user", "basic", "sealed", "client", "refresh", "access", "class", "hook",
        "cookie", "password", "answered",
    )
}  # fmt: skip
MARK = "c4n4ry"
"""What every secret begins with, in whatever spelling; it stands in nothing else."""

AUTHS: dict[str, Callable[[SmallRemote], Any]] = {
    "bearer": lambda _: BearerAuth("env:CANARY_BEARER"),
    "a key in a header": lambda _: ApiKeyAuth("env:CANARY_HEADER", header="X-Shop"),
    "a key in a parameter": lambda _: ApiKeyAuth("setting:CANARY.param", param="x"),
    "basic": lambda _: BasicAuth("env:CANARY_USER", "env:CANARY_BASIC"),
    "sealed": lambda _: BearerAuth(),
    "oauth2": lambda remote: OAuth2RefreshToken(
        f"{remote.url}/token?tenant=1",
        "shop",
        "env:CANARY_CLIENT",
        "env:CANARY_REFRESH",
        client_auth="body",
    ),
}


EARLY = {
    "bearer": ["bearer"],
    "a key in a header": ["header"],
    "a key in a parameter": ["param"],
    "basic": ["user", "basic"],
    "sealed": [],
    "oauth2": ["client", "refresh"],
}
"""What a hook can know before a request is built."""

LATE = {kind: ["class", "hook"] for kind in EARLY} | {
    "sealed": ["class", "hook", "sealed"],
    "oauth2": ["class", "hook", "access"],
}
AFTER = ("before_send", "validate_response", "write_back")


def echo(status: str, kind: str = "application/json", *headers: str) -> Callable[[Spoken], bytes]:
    """An answer that repeats everything of its request, twice, and sets a cookie."""

    def answer(spoken: Spoken) -> bytes:
        sent = {"line": spoken.target, "headers": spoken.lines, "body": spoken.data, "text": POISON}
        told = {"id": "1", "you": sent, "message": json.dumps(sent), "api_token": C["answered"]}
        body = json.dumps(told) if kind.endswith("json") else f"<html>{spoken.target} {' '.join(spoken.lines)}</html>"
        cookie = f"Set-Cookie: session={C['cookie']}"
        return ok(body.encode(), f"Content-Type: {kind}", cookie, *headers, status=status)

    return answer


def silence(sock: socket.socket) -> None:
    sock.recv(1)


FAILURES: dict[str, Callable[[Spoken], bytes] | Callable[[socket.socket], None] | None] = {
    "success": echo("201 Created"),
    "401": echo("401 Unauthorized"),
    "403": echo("403 Forbidden", "text/html"),
    "422": echo("422 Unprocessable"),
    "422 in plain text": echo("422 Unprocessable", "text/plain"),
    "a web page with 200": echo("200 OK", "text/html"),
    "500": echo("500 Error"),
    "429": echo("429 Slow down", "application/json", "Retry-After: 1"),
    "a redirect": echo("302 Found", "text/html", f"Location: https://evil.test/?x={quote(C['param'])}"),
    "no answer in time": silence,
    "a broken connection": lambda _: b"",
    "set_data() raises": None,
    "set_headers() raises": None,
    "before_send() raises": None,
    "validate_response() raises": None,
    "write_back() raises": None,
}


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """A function that returns all that was logged, by whomever, with what a handler would make of it."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)

    def said() -> str:
        parts = [caplog.text]
        for record in caplog.records:
            parts += [record.getMessage(), repr(record.args), str(record.exc_text), repr(record.exc_info)]
        return "\n".join(parts)

    return said


@pytest.fixture
def speaking(
    remote: SmallRemote, registered: Callable[..., Any], deliver: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """A function that registers an integrator with one kind of credentials, whose hook of a name raises."""
    for name in ("bearer", "header", "user", "basic", "client", "refresh"):
        monkeypatch.setenv(f"CANARY_{name.upper()}", C[name])
    settings.CANARY = {"param": C["param"]}
    settings.CRUDSYNC = {**settings.CRUDSYNC, "timeout_s": 1.0}

    def speak(auth: str, hook: str = "") -> Any:
        cls = registered(integrator(remote, auth, hook))
        row = registry.connection("speaking")
        if auth == "sealed":
            row.credentials = seal({"token": C["sealed"]})
            row.save()
        return cls

    return speak


def integrator(remote: SmallRemote, kind: str, hook: str) -> Any:
    def raising(name: str) -> None:
        if hook == name:
            known = [C[each] for each in (*EARLY[kind], *(LATE[kind] if name in AFTER else ()))]
            raise ValueError(f"at https://api.test/?q=1: {known}")

    class SpeakingIntegrator(CrudIntegrator):
        name = "speaking"
        base_url = f"{remote.url}/"
        retry = RetryPolicy(base_delay=3600.0, max_delay=3600.0)
        headers = {"X-Signature": C["class"]}
        auth = AUTHS[kind](remote)

        @staticmethod
        def set_object_types() -> Any:
            return {"note": ObjectType(model=Note, endpoint="notes", fields=["text"], on_uncertain="retry")}

        def set_data(self, model: Any) -> Any:
            raising("set_data")
            return super().set_data(model)

        def set_headers(self, *_: Any, **__: Any) -> dict[str, str]:
            raising("set_headers")
            return {"X-Hooked": C["hook"]}

        def before_send(self, request: Request) -> Request | None:
            raising("before_send")
            return None

        def validate_response(self, response: Any) -> Any:
            raising("validate_response")
            return super().validate_response(response)

        def write_back(self, data: Any) -> dict[str, Any]:
            raising("write_back")
            return {}

    return SpeakingIntegrator


def tables() -> str:
    """Every value of every row of every table."""
    found = []
    there = set(connections["default"].introspection.table_names())  # tests may have made models that have none
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table not in there:
            continue
        found += [
            f"{model.__name__}.{name}: {value!r}" for row in model._base_manager.values() for name, value in row.items()
        ]
    return "\n".join(found)


def pages(client: Client) -> str:
    client.force_login(User.objects.create_superuser("ada"))
    shown = []
    for model in (Connection, Binding, Operation):
        base = f"/admin/crudsync/{model._meta.model_name}/"
        urls = [base, *(f"{base}{row.pk}/change/" for row in model._base_manager.all())]
        shown += [client.get(url, follow=True).content.decode() for url in urls]
    assert any(Binding.objects.all()[0].object_type in text for text in shown)
    return "\n".join(shown)


@pytest.fixture
def shown(client: Client, settings: Any) -> Callable[[], str]:
    """A function that returns what the admin shows of every row of ours."""
    settings.ROOT_URLCONF, settings.STATIC_ROOT = "tests.admin.site", None
    return lambda: pages(client)


@pytest.fixture
def tickets(remote: SmallRemote, registered: Callable[..., Any]) -> Callable[[Any], None]:
    """A function that registers an integrator of tickets, which have a field with a secret's name."""

    def declared(ticket: Any) -> None:
        class TicketIntegrator(CrudIntegrator):
            base_url = f"{remote.url}/"

            @staticmethod
            def set_object_types() -> Any:
                return {"ticket": ticket}

        registered(TicketIntegrator)

    return declared


def assert_nowhere(**places: str) -> None:
    for place, text in places.items():
        found = text.find(MARK)
        assert found < 0, f"in {place}: …{text[max(0, found - 200) : found + 80]}…"


SOME = ("success", "401", "422 in plain text", "500", "a redirect", "validate_response() raises")
"""Failures for every kind of credentials; all of them are for a header's and a parameter's."""

CASES = [
    (auth, failure)
    for auth in AUTHS
    for failure in FAILURES
    if failure in SOME or auth in ("bearer", "a key in a parameter")
]


@pytest.mark.parametrize(("auth", "failure"), CASES)
def test_no_secret_is_left_anywhere(
    remote: SmallRemote,
    speaking: Callable[..., Any],
    deliver: Callable[..., Any],
    everything: Callable[[], str],
    shown: Callable[[], str],
    auth: str,
    failure: str,
) -> None:
    hook = failure.partition("(")[0] if failure.endswith("raises") else ""
    remote.tokens = {"access_token": C["access"], "refresh_token": C["refresh"] + "2", "expires_in": 3600}
    remote.answering = FAILURES[failure]
    cls = speaking(auth, hook)
    note = Note.objects.create(text=POISON)
    deliver()
    asked = [each for each in remote.spoken if not each.target.startswith("/token")]
    never_sent = hook in ("set_data", "set_headers", "before_send")
    assert bool(asked) is not never_sent
    if asked:
        assert any(MARK in f"{each.target} {each.lines}" or "YzRuNHJ5" in str(each.lines) for each in asked)
    assert Binding.objects.filter(object_id=str(note.pk)).exists()
    errors = told(cls, note) if not hook else ""
    assert_nowhere(logs=everything(), tables=tables(), admin=shown(), errors=errors)


def told(cls: Any, note: Note) -> str:
    """What a caller of a verb can print."""
    try:
        value = cls("note", note).create_object(str(note.pk))
    except CrudSyncError as error:
        return "".join([repr(error), str(error), *traceback.format_exception(error)])
    return "" if isinstance(value, str | dict) else repr(value)


@pytest.mark.parametrize("auth", AUTHS)
def test_values_show_no_secret(remote: SmallRemote, speaking: Callable[..., Any], auth: str) -> None:
    remote.tokens = {"access_token": C["access"], "expires_in": 3600}
    cls = speaking(auth)
    row = registry.connection("speaking")
    unit = cls("note", {"text": "x"}, row)
    request = unit.build_request(Call(verb=Verb.CREATE, object_type="note", payload={"text": "x"}))
    answer: Answer = unit.transmit(request)
    kept = [cls.auth, *cls.auth._kept.values(), *getattr(cls.auth, "_held", {}).values()]
    shown = [repr(value) for value in (request, answer, answer.error, unit, row, conf.current(), *kept)]
    if auth == "oauth2":
        shown.append(repr(access_tokens.load(row.pk)))
    assert_nowhere(values="\n".join(shown))


def test_a_secret_that_was_read_is_hidden_in_any_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_BEARER", C["bearer"])
    with pytest.raises(ValueError, match="bad key") as caught:
        int(f"bad key {resolve('env:CANARY_BEARER')}")
    text = trace(caught.value)
    assert_nowhere(trace=text)
    assert "bad key [hidden]" in text
    assert "test_canaries.py" in text


def test_these_tests_would_see_a_secret(
    remote: SmallRemote, speaking: Callable[..., Any], deliver: Any, everything: Any
) -> None:
    speaking("bearer")
    Note.objects.create(text=f"{MARK} in a note")
    logging.getLogger("crudsync.x").debug("and %s in a log", MARK)
    deliver()
    for text in (tables(), everything()):
        with pytest.raises(AssertionError, match="in place"):
            assert_nowhere(place=text)


def test_a_field_with_a_secrets_name_goes_nowhere_unless_it_is_mapped(
    remote: SmallRemote,
    tickets: Callable[[Any], None],
    deliver: Callable[..., Any],
    everything: Callable[[], str],
    shown: Callable[[], str],
) -> None:
    tickets({"model": Ticket, "endpoint": "tickets"})
    row = Ticket.objects.create(code="1", access_token=C["password"])
    deliver()
    row.delete()
    deliver()
    assert [each.method for each in remote.spoken] == ["POST", "DELETE"]
    assert MARK not in str([each.data for each in remote.spoken])
    assert_nowhere(logs=everything(), tables=tables(), admin=shown())


def test_a_mapped_field_with_a_secrets_name_is_kept_as_agreed_and_shown_nowhere(
    remote: SmallRemote,
    tickets: Callable[[Any], None],
    deliver: Callable[..., Any],
    everything: Callable[[], str],
    shown: Callable[[], str],
) -> None:
    tickets(ObjectType(model=Ticket, endpoint="tickets", fields=["code", "access_token"]))
    Ticket.objects.create(code="1", access_token=C["password"])
    deliver()
    assert MARK in str(remote.spoken[0].data)
    kept = [line for line in tables().splitlines() if MARK in line]
    assert {line.partition(":")[0] for line in kept} <= {"Ticket.access_token", "Binding.sent", "Binding.seen"}
    assert_nowhere(logs=everything(), admin=shown())
