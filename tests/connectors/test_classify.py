from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Response

from sync import exceptions as errors
from sync.connectors import classify
from sync.types import Outcome, OutcomeKind, Verb

K = OutcomeKind
NOW = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


def response(status: int = 200, body: bytes = b"", **headers: str) -> Response:
    made = Response()
    made.status_code = status
    made._content = body
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


@pytest.mark.parametrize(
    ("status", "create", "update", "delete", "read"),
    [
        (200, K.OK, K.OK, K.OK, K.OK),
        (201, K.OK, K.OK, K.OK, K.OK),
        (202, K.OK, K.OK, K.OK, K.OK),
        (204, K.OK, K.OK, K.OK, K.OK),
        (207, K.OK, K.OK, K.OK, K.OK),
        (301, K.FORBIDDEN, K.FORBIDDEN, K.FORBIDDEN, K.FORBIDDEN),
        (307, K.FORBIDDEN, K.FORBIDDEN, K.FORBIDDEN, K.FORBIDDEN),
        (400, K.REFUSED, K.REFUSED, K.REFUSED, K.REFUSED),
        (401, K.UNAUTHORIZED, K.UNAUTHORIZED, K.UNAUTHORIZED, K.UNAUTHORIZED),
        (402, K.REFUSED, K.REFUSED, K.REFUSED, K.REFUSED),
        (403, K.FORBIDDEN, K.FORBIDDEN, K.FORBIDDEN, K.FORBIDDEN),
        (404, K.REFUSED, K.NOT_FOUND, K.OK, K.NOT_FOUND),
        (405, K.REFUSED, K.REFUSED, K.REFUSED, K.REFUSED),
        (408, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN),
        (409, K.CONFLICT, K.CONFLICT, K.CONFLICT, K.CONFLICT),
        (410, K.REFUSED, K.NOT_FOUND, K.OK, K.NOT_FOUND),
        (412, K.STALE_VERSION, K.STALE_VERSION, K.STALE_VERSION, K.STALE_VERSION),
        (413, K.REFUSED, K.REFUSED, K.REFUSED, K.REFUSED),
        (415, K.REFUSED, K.REFUSED, K.REFUSED, K.REFUSED),
        (418, K.REFUSED, K.REFUSED, K.REFUSED, K.REFUSED),
        (422, K.REFUSED, K.REFUSED, K.REFUSED, K.REFUSED),
        (429, K.THROTTLED, K.THROTTLED, K.THROTTLED, K.THROTTLED),
        (500, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN),
        (502, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN),
        (503, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN),
        (504, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN),
        (599, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN),
        (101, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN),
        (999, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN, K.UNKNOWN),
    ],
)
def test_a_status_means_this_for_each_verb(status: int, create: K, update: K, delete: K, read: K) -> None:
    verbs = (Verb.CREATE, Verb.UPDATE, Verb.DELETE, Verb.READ)
    assert [classify.kind_of(verb, status) for verb in verbs] == [create, update, delete, read]


def test_503_with_retry_after_shuts_the_gate() -> None:
    assert classify.from_status(Verb.CREATE, response(503, Retry_After="5")).kind is K.UNAVAILABLE
    assert classify.from_status(Verb.CREATE, response(503, Retry_After="soon")).kind is K.UNKNOWN


def test_a_date_to_wait_for_is_compared_with_the_date_of_the_answer_not_with_a_clock_of_ours() -> None:
    dates = {"Date": "Mon, 01 Jan 2024 12:00:00 GMT", "Retry_After": "Mon, 01 Jan 2024 12:00:07 GMT"}
    assert classify.from_status(Verb.CREATE, response(429, **dates)).retry_after_s == 7.0
    assert classify.from_status(Verb.CREATE, response(429, **{**dates, "Date": "soon"})).retry_after_s is None


def test_an_integrators_own_table_wins() -> None:
    own = {"update": {204: "not_found", 503: "refused"}, "delete": {409: "ok"}}
    assert classify.kind_of(Verb.UPDATE, 204, overrides=own) is K.NOT_FOUND
    assert classify.kind_of(Verb.UPDATE, 503, retry_after=True, overrides=own) is K.REFUSED
    assert classify.kind_of(Verb.DELETE, 409, overrides=own) is K.OK
    assert classify.kind_of(Verb.CREATE, 409, overrides=own) is K.CONFLICT


@pytest.mark.parametrize(
    ("verb", "status", "code"),
    [
        (Verb.CREATE, 200, ""),
        (Verb.CREATE, 302, "redirect"),
        (Verb.UPDATE, 404, "not_found"),
        (Verb.DELETE, 404, "already_gone"),
        (Verb.UPDATE, 408, "request_timeout"),
        (Verb.UPDATE, 422, "refused"),
        (Verb.UPDATE, 500, "server_error"),
        (Verb.UPDATE, 429, "throttled"),
    ],
)
def test_a_status_has_a_stable_code(verb: Verb, status: int, code: str) -> None:
    outcome = classify.from_status(verb, response(status))
    assert (outcome.code, outcome.status_code) == (code, status)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (errors.NameNotResolved("x"), K.NOT_SENT, "name_not_resolved"),
        (errors.ConnectFailed("x"), K.NOT_SENT, "connect_failed"),
        (errors.TlsFailed("x"), K.NOT_SENT, "tls_failed"),
        (errors.AddressRefused("x"), K.NOT_SENT, "address_refused"),
        (errors.DeadlineExceeded("x"), K.UNKNOWN, "deadline_exceeded"),
        (errors.ConnectionLost("x"), K.UNKNOWN, "connection_lost"),
        (errors.BodyTooLarge("x"), K.UNKNOWN, "body_too_large"),
        (errors.ConfigurationError("x", code="bad_header"), K.NOT_SENT, "bad_header"),
        (errors.PayloadError("x", code="payload"), K.REFUSED, "payload"),
        (errors.RateLimitExceeded(retry_after_s=3.0), K.NO_TOKEN, "rate_limit_exceeded"),
        (errors.ServerError("x"), K.UNKNOWN, "server_error"),
        (KeyError("s3cret"), K.UNKNOWN, "client_error"),
    ],
)
def test_an_error_of_the_transport_is_an_outcome(error: Exception, kind: K, code: str) -> None:
    outcome = classify.from_error(error)
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.detail
    assert "s3cret" not in outcome.detail


def test_an_error_keeps_its_wait() -> None:
    assert classify.from_error(errors.RateLimitExceeded(retry_after_s=3.0)).retry_after_s == 3.0


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        (K.NOT_SENT, 0, errors.NotSent),
        (K.UNKNOWN, 0, errors.DeliveryUnknown),
        (K.UNKNOWN, 500, errors.ServerError),
        (K.UNAVAILABLE, 503, errors.Throttled),
        (K.THROTTLED, 429, errors.Throttled),
        (K.UNAUTHORIZED, 401, errors.Unauthorized),
        (K.FORBIDDEN, 403, errors.Forbidden),
        (K.REFUSED, 422, errors.Refused),
        (K.NOT_FOUND, 404, errors.NotFound),
        (K.CONFLICT, 409, errors.Conflict),
        (K.STALE_VERSION, 412, errors.StaleVersion),
        (K.HOOK_ERROR, 200, errors.RemoteError),
    ],
)
def test_an_outcome_can_be_raised(kind: K, status: int, error: type[Exception]) -> None:
    raised = classify.to_error(Outcome(kind=kind, code="c", detail="d", status_code=status, retry_after_s=2.0))
    assert type(raised) is error
    assert (raised.message, raised.code, raised.status_code, raised.retry_after_s) == ("d", "c", status, 2.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("5", 5.0),
        (" 5 ", 5.0),
        ("1.5", 1.5),
        ("-5", None),
        ("1e9", None),
        ("NaN", None),
        ("inf", None),
        ("٥", None),
        ("soon", None),
        ("99999999999", 3600.0),
        ("9" * 5000, None),
        ("Mon, 01 Jan 2024 12:00:30 GMT", 30.0),
        ("Mon, 01 Jan 2024 11:59:30 GMT", None),
        ("Mon, 01 Jan 2034 12:00:30 GMT", 3600.0),
        ("Mon, 01 Jan 2024 12:00:30", 30.0),
        ("Mon, 99 Foo 2024 12:00:30 GMT", None),
        ("Mon, 01 Jan 99999 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_or_ignored(value: str | None, seconds: float | None) -> None:
    assert classify.parse_retry_after(value, NOW) == seconds


def test_retry_after_has_a_cap_of_ones_own() -> None:
    assert classify.parse_retry_after("500", NOW, cap_s=60) == 60


@given(st.text() | st.from_regex(r"\w{3}, \d{2} \w{3} \d{1,6} \d\d:\d\d:\d\d \w*"))
def test_any_retry_after_is_seconds_in_range_or_nothing(value: str) -> None:
    seconds = classify.parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 3600


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("abc", "abc"),
        (7, "7"),
        (0, "0"),
        ("0", "0"),
        ("a/b?c", "a/b?c"),
        ("ü", "ü"),
        ("x" * 500, "x" * 500),
        ("x" * 501, None),
        ("", None),
        (" ", None),
        (" a", None),
        (None, None),
        (True, None),
        (False, None),
        (1.5, None),
        ([1], None),
        ({"id": 1}, None),
        ("a\x00", None),
        ("a\r\nb", None),
        ("\ud800", None),
        pytest.param(10**5000, None, id="huge"),
    ],
)
def test_an_id_is_text_or_none(value: Any, text: str | None) -> None:
    assert classify.usable_id(value) == text


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (None, ""),
        (b"", ""),
        (b"plain", "plain"),
        ("text", "text"),
        (b"a\x00b\n\n c\xff", "a\ufffdb c\ufffd"),
        ("\ud800", "\ufffd"),
        (b'{"name": "x"}', '{"name": "x"}'),
    ],
)
def test_an_excerpt_fits_any_database(body: bytes | str | None, shown: str) -> None:
    assert classify.excerpt(body) == shown


@pytest.mark.parametrize(
    "name", ["password", "token", "access_token", "client_secret", "Authorization", "api_key", "apiKey"]
)
def test_an_excerpt_hides_values_of_secret_names(name: str) -> None:
    body = json.dumps({"a": [{name: "c4n4ry"}], "b": "shown"}).encode()
    assert "c4n4ry" not in classify.excerpt(body)
    assert "shown" in classify.excerpt(body)


@given(st.binary() | st.text(), st.integers(2, 50))
def test_an_excerpt_of_anything_is_short_and_clean(body: bytes | str, limit: int) -> None:
    shown = classify.excerpt(body, limit)
    assert len(shown) <= limit
    assert "\x00" not in shown
    shown.encode()


def test_the_detail_of_a_refusal_quotes_the_remote_without_secrets() -> None:
    outcome = classify.from_status(Verb.CREATE, response(422, b'{"error": "no name", "token": "c4n4ry"}'))
    assert outcome.detail.startswith('the remote answered 422: {"error": "no name"')
    assert "c4n4ry" not in outcome.detail
    assert classify.from_status(Verb.CREATE, response(422)).detail == "the remote answered 422"


@given(
    st.sampled_from(list(Verb)),
    st.integers(100, 999),
    st.binary(max_size=300),
    st.text(max_size=50),
    st.text(max_size=30),
)
def test_any_answer_has_an_outcome_that_can_be_recorded(
    verb: Verb, status: int, body: bytes, wait: str, kind: str
) -> None:
    outcome = classify.from_status(verb, response(status, body, Retry_After=wait, Content_Type=kind))
    assert isinstance(outcome.kind, OutcomeKind)
    assert len(outcome.detail) <= 500
    assert len(outcome.code) <= 50
    outcome.detail.encode()
