from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sync.models import Binding, Connection
from sync.monitoring.doctor.mapping import Described, against, beside, keys, look, read_description
from sync.testing.remote import Remote
from sync.testing.surroundings import redirected
from tests.monitoring.told import connection
from tests.servers.redis import RedisServer

__all__ = ["connection"]


@pytest.fixture(autouse=True)
def _limiter(redis_server: RedisServer, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": redis_server.url}


@pytest.fixture
def describing() -> Iterator[Callable[[Any], str]]:
    """A function that starts a remote which answers OPTIONS with this, and returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(body: Any) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_OPTIONS(self) -> None:
                self.answer(json.dumps(body).encode())

            def do_GET(self) -> None:
                self.answer(b"[]")

            def answer(self, text: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_keys_are_dotted() -> None:
    assert keys({"a": 1, "b": {"c": {"d": 1}, "e": {}}}) == {"a", "b.c.d", "b.e"}
    assert keys([1]) == frozenset()


def test_what_the_remote_shows_is_compared_with_what_is_sent() -> None:
    def judged(ours: set[str], shown: set[str]) -> list[str]:
        return [f"{each.level.value} {each.sentence}" for each in beside(frozenset(ours), frozenset(shown), "x")]

    assert judged({"a", "b.c"}, {"a", "b.c", "id"})[0].startswith("ok ")
    assert judged({"b.c"}, {"b"})[0].startswith("ok ")
    assert judged({"b"}, {"b.c"})[0].startswith("ok ")
    (warning,) = judged({"a", "b"}, {"a"})
    assert warning == "warning We send, and the remote does not show in its listing: b."


def test_a_description_is_taken_at_its_word() -> None:
    theirs = Described(
        fields=frozenset({"name", "total", "code"}), read_only=frozenset({"total"}), required=frozenset({"code"})
    )
    told = [each.sentence for each in against(frozenset({"name", "total", "nmae"}), theirs, "x")]
    assert told == [
        "The remote does not know: nmae.",
        "The remote only shows, and does not take: total.",
        "The remote requires, and we never send: code.",
    ]
    fits = [each.level.value for each in against(frozenset({"name", "code"}), theirs, "x")]
    assert fits == ["ok"]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"actions": None}, {"actions": {"POST": {}}}, {"actions": {"POST": {"a": 1}}}]
)
def test_what_is_no_description_is_none(body: Any) -> None:
    assert read_description(body) is None


def test_a_live_remote_that_shows_what_is_sent_is_well(sandbox: Callable[..., Remote], connection: Connection) -> None:
    remote = sandbox()
    (empty,) = look(connection, "customer", 5.0)
    assert (empty.level.value, "lists no object" in empty.sentence) == ("skipped", True)
    remote.add("customers", email="a@b.test", name="A", country="DE")
    assert [each.level.value for each in look(connection, "customer", 5.0)] == ["ok"]


def test_a_live_remote_that_does_not_show_a_field_is_warned_of(
    sandbox: Callable[..., Remote], connection: Connection
) -> None:
    sandbox().add("customers", email="a@b.test", name="A")
    (warning,) = look(connection, "customer", 5.0)
    assert (warning.level.value, warning.subject) == ("warning", "shop/default customer")
    assert "country" in warning.sentence


def test_what_was_agreed_last_says_what_is_sent(sandbox: Callable[..., Remote], connection: Connection) -> None:
    sandbox().add("customers", email="a@b.test", name="A")
    Binding.objects.create(connection=connection, object_type="customer", object_id="1", sent='{"email": "a@b.test"}')
    assert [each.level.value for each in look(connection, "customer", 5.0)] == ["ok"]


def test_a_live_remote_that_describes_itself_is_asked(describing: Callable[[Any], str], connection: Connection) -> None:
    post = {"email": {"required": True}, "name": {}, "vat_id": {"required": True}}
    with redirected(describing({"actions": {"POST": post}})):
        told = [each.sentence for each in look(connection, "customer", 5.0)]
    assert told == ["The remote does not know: country.", "The remote requires, and we never send: vat_id."]


def test_a_listing_that_cannot_be_had_says_that_nothing_can_be_said(
    sandbox: Callable[..., Remote], connection: Connection
) -> None:
    sandbox().fault("status", status=500, method="GET")
    (skipped,) = look(connection, "customer", 5.0)
    assert (skipped.level.value, skipped.sentence.startswith("Cannot tell: ")) == ("skipped", True)
