from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from django.core.cache import cache as django_cache

from sync.connectors import cache
from sync.connectors.rest import RestConnector
from sync.exceptions import BadBody, ConnectFailed, Forbidden, NotFound, RateLimitExceeded, RemoteError, ServerError

URL = "https://api.test/rates"


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    django_cache.clear()
    yield
    django_cache.clear()


@pytest.fixture
def rest() -> RestConnector:
    return RestConnector(base_url="https://api.test/")


@pytest.fixture
def remote() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cache, "time", clock)
    return clock


def test_without_a_ttl_nothing_is_cached(rest: RestConnector, remote: responses.RequestsMock) -> None:
    remote.get(URL, json={"eur": 1})
    for _ in range(2):
        assert rest.get("rates") == {"eur": 1}
    assert len(remote.calls) == 2


def test_a_fresh_answer_is_taken_without_asking(
    rest: RestConnector, remote: responses.RequestsMock, clock: Clock
) -> None:
    remote.get(URL, json={"eur": 1})
    for _ in range(3):
        assert rest.get("rates", ttl_s=60) == {"eur": 1}
    assert len(remote.calls) == 1


@pytest.mark.parametrize(
    ("validator", "sent"),
    [
        ({"ETag": '"v1"'}, ("If-None-Match", '"v1"')),
        ({"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, ("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT")),
    ],
)
def test_an_older_answer_is_revalidated(
    rest: RestConnector, remote: responses.RequestsMock, clock: Clock, validator: dict[str, str], sent: tuple[str, str]
) -> None:
    remote.get(URL, json={"eur": 1}, headers=validator)
    rest.get("rates", ttl_s=60)
    clock.now += 61
    remote.replace(responses.GET, URL, status=304)
    assert rest.get("rates", ttl_s=60) == {"eur": 1}
    assert remote.calls[1].request.headers[sent[0]] == sent[1]
    assert rest.get("rates", ttl_s=60) == {"eur": 1}
    assert len(remote.calls) == 2


def test_an_answer_that_has_changed_takes_the_olders_place(
    rest: RestConnector, remote: responses.RequestsMock, clock: Clock
) -> None:
    remote.get(URL, json={"eur": 1}, headers={"ETag": "v1"})
    rest.get("rates", ttl_s=0)
    remote.replace(responses.GET, URL, json={"eur": 2})
    assert rest.get("rates", ttl_s=0) == {"eur": 2}
    assert rest.get("rates", ttl_s=60) == {"eur": 2}


@pytest.mark.parametrize(
    "reply",
    [
        {"status": 500},
        {"status": 503, "headers": {"Retry-After": "5"}},
        {"status": 429},
        {"body": ConnectionRefusedError()},
        {"body": "<html>", "content_type": "text/html"},
    ],
)
def test_an_older_answer_stands_in_for_an_error(
    rest: RestConnector,
    remote: responses.RequestsMock,
    clock: Clock,
    reply: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    remote.get(URL, json={"eur": 1})
    rest.get("rates", ttl_s=60)
    clock.now += 3600
    remote.replace(responses.GET, URL, **reply)
    assert rest.get("rates", ttl_s=60) == {"eur": 1}
    assert "an older answer returned" in caplog.text


def test_an_older_answer_stands_in_where_no_token_is_free(
    rest: RestConnector, remote: responses.RequestsMock, clock: Clock
) -> None:
    remote.get(URL, json={"eur": 1})
    rest.get("rates", ttl_s=60)
    clock.now += 3600

    def refuse() -> None:
        raise RateLimitExceeded(retry_after_s=1)

    assert rest.get("rates", ttl_s=60, before=refuse) == {"eur": 1}


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (403, Forbidden)])
def test_an_older_answer_does_not_deny_news(
    rest: RestConnector, remote: responses.RequestsMock, clock: Clock, status: int, error: type[Exception]
) -> None:
    remote.get(URL, json={"eur": 1})
    rest.get("rates", ttl_s=60)
    clock.now += 61
    remote.replace(responses.GET, URL, status=status)
    with pytest.raises(error):
        rest.get("rates", ttl_s=60)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"status": 500}, ServerError),
        ({"status": 404}, NotFound),
        ({"status": 304}, RemoteError),
        ({"body": ConnectionRefusedError()}, ConnectFailed),
        ({"body": "<html>", "content_type": "text/html"}, BadBody),
    ],
)
@pytest.mark.parametrize("ttl_s", [None, 60])
def test_an_error_is_raised_or_the_default_returned(
    rest: RestConnector,
    remote: responses.RequestsMock,
    reply: dict[str, Any],
    error: type[Exception],
    ttl_s: float | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    remote.get(URL, **reply)
    with pytest.raises(error):
        rest.get("rates", ttl_s=ttl_s)
    caplog.set_level(logging.WARNING)
    assert rest.get("rates", params={"token": "c4n4ry"}, default=None, ttl_s=ttl_s) is None
    assert "default returned" in caplog.text
    assert "c4n4ry" not in caplog.text


def test_two_accounts_never_see_each_others_answers(rest: RestConnector, remote: responses.RequestsMock) -> None:
    remote.get(URL, json={"mine": 1})
    rest.get("rates", ttl_s=60, headers={"Authorization": "one"})
    remote.replace(responses.GET, URL, json={"theirs": 1})
    assert rest.get("rates", ttl_s=60, headers={"Authorization": "two"}) == {"theirs": 1}
    assert rest.get("rates", ttl_s=60, headers={"Authorization": "one"}) == {"mine": 1}


def test_no_secret_is_in_the_key(rest: RestConnector, remote: responses.RequestsMock) -> None:
    remote.get(URL, json={})
    rest.get("rates", ttl_s=60, headers={"Authorization": "c4n4ry"}, params={"key": "c4n4ry"})
    assert list(django_cache._cache)
    assert not [key for key in django_cache._cache if "c4n4ry" in key]


@pytest.mark.parametrize(
    "reply", [{"json": {}, "headers": {"Cache-Control": "private, No-Store"}}, {"body": "x" * 2_000_000}]
)
def test_what_must_not_or_need_not_be_kept_is_not(
    rest: RestConnector, remote: responses.RequestsMock, reply: dict[str, Any]
) -> None:
    remote.get(URL, **reply)
    for _ in range(2):
        rest.get("rates", ttl_s=60)
    assert len(remote.calls) == 2


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [(b'{"a":1}', "application/json", {"a": 1}), (b"hello", "text/plain", "hello"), (b"\x89", "image/png", b"\x89")],
)
def test_a_body_is_decoded_by_its_type_also_from_the_cache(
    rest: RestConnector, remote: responses.RequestsMock, body: bytes, kind: str, value: Any
) -> None:
    remote.get(URL, body=body, content_type=kind)
    assert [rest.get("rates", ttl_s=60), rest.get("rates", ttl_s=60)] == [value, value]


class BrokenCache:
    def get(self, key: str) -> None:
        raise ConnectionError("redis://:c4n4ry@h")

    def set(self, key: str, value: object, timeout: float) -> None:
        raise ConnectionError("redis://:c4n4ry@h")


def test_a_cache_that_is_down_costs_nothing_but_a_call(
    rest: RestConnector,
    remote: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cache, "django_cache", BrokenCache())
    remote.get(URL, json={"eur": 1})
    assert rest.get("rates", ttl_s=60) == {"eur": 1}
    assert "the cache cannot be read: ConnectionError" in caplog.text
    assert "the cache cannot be written: ConnectionError" in caplog.text
    assert "c4n4ry" not in caplog.text
