from __future__ import annotations

import datetime as dt
import os
from typing import Any

import pytest
import requests
import responses

from examples.shop.models import Product
from sync import ApiKeyAuth, BearerAuth, CrudIntegrator, ObjectType, RateLimit, ratelimit
from sync.exceptions import ConfigurationError, NotFound, RateLimitExceeded
from sync.integrators import client_of, connector, forget
from sync.models import Connection
from sync.types import Outcome, OutcomeKind, Verb


class SomeIntegrator(CrudIntegrator):
    base_url = "https://api.test/v2"
    headers = {"X-App": "shop"}  # type: ignore[assignment]
    rate_limit = [RateLimit(100, methods=("POST",), name="writes"), RateLimit(1000, name="all")]
    threads = 3  # type: ignore[assignment]

    @staticmethod
    def set_object_types() -> Any:
        return {
            "product": {"model": Product, "endpoint": "products"},
            "slow": ObjectType(model=Product, endpoint="slow", timeout_s=60, retry="no_retry"),
        }


def test_a_connection_has_one_client_in_a_process(connection: Connection) -> None:
    assert client_of(SomeIntegrator, connection) is client_of(SomeIntegrator, connection)
    assert connector(connection, SomeIntegrator) is client_of(SomeIntegrator, connection).connector


def test_a_changed_row_gets_a_new_client(connection: Connection) -> None:
    before = client_of(SomeIntegrator, connection)
    assert before.connector
    after = Connection(pk=1, integrator="some", options={"threads": 9}, updated_at=dt.datetime.now(dt.UTC))
    assert client_of(SomeIntegrator, after).threads == 9
    assert client_of(SomeIntegrator, after) is not before


def test_changed_settings_give_a_new_client(connection: Connection, settings: Any) -> None:
    before = client_of(SomeIntegrator, connection)
    settings.CRUDSYNC = {**settings.CRUDSYNC, "integrators": {"some": {"threads": 5}}}
    assert (before.threads, client_of(SomeIntegrator, connection).threads) == (3, 5)


def answer(**headers: str) -> requests.Response:
    response = requests.Response()
    response.headers.update(headers)
    return response


@pytest.mark.parametrize(
    ("headers", "taught"),
    [
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "30"}, ratelimit.Lesson(remaining=3, reset_s=30.0)),
        ({"Backoff": "12"}, ratelimit.Lesson(retry_after_s=12.0)),
        ({"X-RateLimit-Remaining": "900", "X-RateLimit-Reset": "30"}, None),
        ({}, None),
    ],
)
def test_a_remote_that_speaks_of_its_limit_teaches_the_limiter(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], taught: object
) -> None:
    lessons: list[object] = []
    monkeypatch.setattr(ratelimit, "learn", lambda connection, lesson, **kwargs: lessons.append(lesson))
    monkeypatch.setattr(SomeIntegrator, "rate_headers", ratelimit.HeaderNames())
    client_of(SomeIntegrator, connection).teach(answer(**headers), Outcome(kind=OutcomeKind.OK))
    assert lessons == ([taught] if taught else [])


def test_retry_after_on_a_success_teaches_the_limiter(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    lessons: list[object] = []
    monkeypatch.setattr(ratelimit, "learn", lambda connection, lesson, **kwargs: lessons.append(lesson))
    client_of(SomeIntegrator, connection).teach(answer(), Outcome(kind=OutcomeKind.OK, retry_after_s=4.0))
    assert lessons == [ratelimit.Lesson(retry_after_s=4.0)]


def test_a_child_process_makes_its_own(connection: Connection) -> None:
    before = client_of(SomeIntegrator, connection)
    read, write = os.pipe()
    pid = os.fork()
    if not pid:  # pragma: no cover - the child's coverage is not collected
        os.write(write, b"new" if client_of(SomeIntegrator, connection) is not before else b"old")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 3) == b"new"
    os.close(read)
    os.close(write)


def test_the_base_url_keeps_its_path(connection: Connection) -> None:
    assert connector(connection, SomeIntegrator).base_url == "https://api.test/v2/"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "no_base_url"),
        ("https://user:pass@api.test/", "credentials_in_url"),
        ("https://api.test/ ", "bad_url"),
        ("ftp://api.test/", "bad_url"),
        ("api.test", "bad_url"),
        ("https://api.test/?a=1", "bad_url"),
    ],
)
def test_a_base_url_that_cannot_be_is_refused(connection: Connection, url: str, code: str) -> None:
    class OtherIntegrator(CrudIntegrator):
        base_url = url

    with pytest.raises(ConfigurationError) as caught:
        connector(connection, OtherIntegrator)
    assert caught.value.code == code
    assert caught.value.hint
    assert "pass" not in str(caught.value).replace("password", "")


def test_terms_hold_the_limits_that_a_call_counts_against(connection: Connection) -> None:
    terms = client_of(SomeIntegrator, connection).terms(SomeIntegrator.types()["product"])
    assert [limit.name for limit in terms.limits[Verb.CREATE]] == ["writes", "all"]
    assert [limit.name for limit in terms.limits[Verb.UPDATE]] == ["all"]
    assert not terms.own_deadline


def test_terms_of_a_type_with_a_deadline_of_its_own(connection: Connection) -> None:
    terms = client_of(SomeIntegrator, connection).terms(SomeIntegrator.types()["slow"])
    assert (terms.own_deadline, terms.timeout_s, terms.retry.attempts) == (True, 60.0, 1)


@responses.activate
def test_a_read_carries_headers_and_credentials(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SomeIntegrator, "auth", BearerAuth("hush"))
    client = client_of(SomeIntegrator, connection)
    monkeypatch.setattr(client, "take_token", lambda *_: None)
    rule = responses.get("https://api.test/v2/rates", json={"eur": 1})
    assert client.get("rates", params={"a": 1}) == {"eur": 1}
    assert rule.calls[0].request.headers["Authorization"] == "Bearer hush"
    assert rule.calls[0].request.headers["X-App"] == "shop"


@responses.activate
def test_a_key_in_the_query_is_sent_there(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SomeIntegrator, "auth", ApiKeyAuth("hush", param="key"))
    client = client_of(SomeIntegrator, connection)
    monkeypatch.setattr(client, "take_token", lambda *_: None)
    responses.get("https://api.test/v2/rates?key=hush", json=1)
    assert client.get("rates") == 1
    assert client.auth_headers() == {}


@responses.activate
def test_a_read_with_a_default_does_not_fail(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(SomeIntegrator, connection)
    monkeypatch.setattr(client, "take_token", lambda *_: None)
    responses.get("https://api.test/v2/rates", status=404)
    assert client.get("rates", default=None) is None
    with pytest.raises(NotFound):
        client.get("rates")


@pytest.mark.django_db
def test_a_token_is_taken_from_the_limits_that_apply(connection: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "limiter_when_down": "closed"}
    with pytest.raises(RateLimitExceeded):
        client_of(SomeIntegrator, connection).take_token("rates", "GET")


@pytest.mark.django_db
def test_an_empty_bucket_says_when_the_next_token_comes(connection: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "limiter_when_down": "local", "limiter_local_share": 0.5}
    connection.options = {"rate_limit": {"limit": 1, "per": 600}}
    with pytest.raises(RateLimitExceeded) as caught:
        client_of(SomeIntegrator, connection).take_token("rates", "GET")
    assert caught.value.retry_after_s > 0


@pytest.mark.django_db
def test_a_call_that_no_limit_counts_needs_no_token(connection: Connection) -> None:
    connection.options = {"rate_limit": {"limit": 1, "methods": ["POST"]}}
    client_of(SomeIntegrator, connection).take_token("rates", "GET")


def test_closing_what_was_never_opened_is_harmless(connection: Connection) -> None:
    client_of(SomeIntegrator, connection)
    forget()
