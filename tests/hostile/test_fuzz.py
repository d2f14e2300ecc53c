"""Whatever bytes a remote answers: an Outcome of bounded, storable scalars, never an exception."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.connectors.classify import MAX_DETAIL, MAX_FIELD, MAX_MESSAGE, MAX_RETRY_AFTER_S
from sync.connectors.codec import dumps
from sync.connectors.complaint import complaint
from sync.connectors.options import RestOptions
from sync.connectors.pagination import CursorPaginator, LinkHeaderPaginator, NextUrlPaginator, OffsetPaginator, Page
from sync.connectors.rest import RestConnector
from sync.exceptions import ConfigurationError, CrudSyncError, DeliveryUnknown, PaginationError, PayloadError
from sync.http.adapter import Prepared, Response
from sync.http.body import read_body
from sync.http.deadline import Deadline
from sync.http.failures import typed
from sync.http.pool import split_origin, split_url
from sync.http.reply import Reply
from sync.ratelimit.bucket import Level, available, empty, take
from sync.ratelimit.lessons import HeaderNames, read_headers
from sync.ratelimit.rates import Rate, check, name, rate
from sync.types import Answer, BulkSpec, Call, Outcome, RateLimit, Verb
from tests.http.test_reply import FakeWire

CAP = 20_000
SECRET = "c4n4ry-0123456789"

OPTIONS = [
    RestOptions(endpoint="notes"),
    RestOptions(endpoint="notes", version="etag", id_path="location"),
    RestOptions(endpoint="notes", envelope="data[]", id_path="meta.id", version="meta.version", errors="errors"),
    RestOptions(endpoint="notes", client_id=True),
    RestOptions(endpoint="notes", natural_key=("text",), items="data.items"),
]
PAYLOAD = {"text": "a", "id": "7"}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["7", "a", SECRET])
names = (
    st.sampled_from(["id", "text", "data", "items", "meta", "errors", "error", "status", "message", "field"])
    | st.text()
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=15)
numbers = st.sampled_from(["NaN", "-Infinity", "1e999", "9" * 5000, "-0", "1e308", "[" * 2000, "\ufeff", "\\ud800"])


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def damaged(body: bytes, place: int, damage: bytes) -> bytes:
    return body[:place] + damage + body[place:]


def with_number(number: str, name: str) -> bytes:
    return f'{{"id": "1", {json.dumps(name)}: {number}}}'.encode("utf-8", "surrogatepass")


bodies = st.one_of(
    st.binary(max_size=200),
    values.map(as_json),
    st.builds(damaged, values.map(as_json), st.integers(0, 60), st.binary(max_size=4)),
    st.builds(with_number, numbers, names),
    st.sampled_from([b"[" * 15_000, b"\xef\xbb\xbf{}", b"<html>", b"x" * (CAP + 1), b"\xff\xfe{\x00}\x00"]),
)  # fmt: skip
packing = st.sampled_from(["", "gzip", "deflate", "gzip, gzip", "br", "identity", "gzip, rot13", ",,", "gzip," * 50])
statuses = st.sampled_from(
    [f"{code} Said" for code in (200, 204, 302, 304, 401, 404, 409, 422, 429, 500, 503, 999)] + ["201"]
)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            ["Content-Type", "ETag", "Location", "Retry-After", "Link", "X-RateLimit-Remaining", "X-RateLimit-Reset",
             "Backoff", "Connection", "Set-Cookie", "Content-Length", "Transfer-Encoding", "A", ""]
        ),
        st.sampled_from(
            ["application/json", "text/html", "text/plain; charset=utf-16", "application/json; charset=idna",
             "image/png", "-1", "1e400", "9" * 400, "NaN", "Thu, 99 Foo 9999 99:99:99 GMT", "chunked", "close",
             "</x>; rel=next", "http://[", "//\\", "\x00\x0b\xff", 'W/"1"', SECRET]
        )
        | st.text(st.characters(max_codepoint=255), max_size=30),
    ),
    max_size=5,
)  # fmt: skip


def bytes_of(status: str, lines: Sequence[tuple[str, str]], body: bytes, encoding: str) -> bytes:
    packed = body
    for each in encoding.split(","):
        packed = {"gzip": gzip.compress, "deflate": zlib.compress}.get(each.strip(), lambda data: data)(packed)
    text = [f"HTTP/1.1 {status}", f"Content-Encoding: {encoding}", f"Content-Length: {len(packed)}"]
    text += [f"{name}: {value}" for name, value in lines]
    return "\r\n".join(text).encode("latin-1", "replace") + b"\r\n\r\n" + packed


def answered(data: bytes, sizes: Sequence[int]) -> Answer:
    """What the transport would say: the same steps, over bytes in place of a socket."""
    prepared = Prepared("POST", "https://api.test/notes", {"X-Key": SECRET}, b"{}", Deadline(5, 5, CAP))
    try:
        reply = Reply(FakeWire(data, sizes), "POST", lambda wire, keep: None)
        return Answer(response=Response(prepared, reply, read_body(reply, CAP)))
    except DeliveryUnknown as error:
        return Answer(error=typed(error))


def storable(text: str | None, most: int) -> None:
    assert text is None or (isinstance(text, str) and len(text) <= most)
    if text:
        assert "\0" not in text
        text.encode()


def is_sound(outcome: Outcome) -> None:
    assert isinstance(outcome, Outcome)
    assert outcome.ok or outcome.code
    storable(outcome.code, 50)
    storable(outcome.detail, MAX_DETAIL)
    storable(outcome.field, MAX_FIELD)
    storable(outcome.message, MAX_MESSAGE)
    storable(outcome.remote_id, 500)
    storable(outcome.version, 500)
    assert 0 <= outcome.status_code <= 999
    assert outcome.retry_after_s is None or 0 <= outcome.retry_after_s <= MAX_RETRY_AFTER_S
    assert SECRET not in outcome.detail + outcome.field + outcome.message
    with contextlib.suppress(PayloadError):  # the drain keeps nothing of what has no canonical form
        dumps(outcome.data)


@given(
    statuses, headers, bodies, packing, st.sampled_from(list(Verb)), st.sampled_from(OPTIONS),
    st.lists(st.integers(1, 50), max_size=10),
)  # fmt: skip
@example("201", [], b'{"id": ' + b"9" * 600 + b"}", "", Verb.CREATE, OPTIONS[0], [])
@example("422", [], b'{"data": {"text": ["' + SECRET.encode() * 40 + b'"]}}', "gzip", Verb.CREATE, OPTIONS[0], [1] * 10)
def test_any_answer_is_an_outcome_that_any_database_can_hold(
    status: str,
    lines: list[tuple[str, str]],
    body: bytes,
    encoding: str,
    verb: Verb,
    options: RestOptions,
    sizes: list[int],
) -> None:
    answer = answered(bytes_of(status, lines, body, encoding), sizes)
    rest = RestConnector(base_url="https://api.test/")
    key = {} if verb is not Verb.LOOKUP or options.client_id else {"text": "a"}
    call = Call(verb=verb, object_type="note", object_id="7", remote_id="7", payload={**PAYLOAD, **key})
    if verb is Verb.LOOKUP and not (options.natural_key or options.client_id):
        return
    is_sound(rest.outcome(options, call, answer))


@given(statuses, headers, bodies, packing, st.sampled_from(OPTIONS[:3]), st.sampled_from([Verb.CREATE, Verb.UPDATE]))
def test_any_answer_to_a_batch_is_an_outcome_for_each(
    status: str, lines: list[tuple[str, str]], body: bytes, encoding: str, options: RestOptions, verb: Verb
) -> None:
    calls = [Call(verb=verb, object_type="n", object_id=i, remote_id=i, payload={"text": i}) for i in ("a", "7")]
    bulk = BulkSpec(key="text", create="batch", update="batch", items="")
    rest = RestConnector(base_url="https://api.test/")
    outcomes = rest.bulk_outcomes(options, bulk, calls, answered(bytes_of(status, lines, body, encoding), []))
    assert len(outcomes) == 2
    for each in outcomes:
        is_sound(each)


@given(bodies)
def test_any_refusal_complains_in_text(body: bytes) -> None:
    field, message = complaint(body)
    assert isinstance(field, str)
    assert isinstance(message, str)


links = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["//169.254.169.254/", "http://api.test/", "https://api.test:444/", "https://user:p@api.test/", "https://api.test@evil/",
         "\\\\evil\\x", "/\\evil", "https:evil", "javascript:alert(1)", "file:///etc/passwd", "https://API.TEST/ok",
         "https://api.test:443/ok", "https://api.test./", "https://api.test%2eevil/", "https://[::1]/", "https://[", "https://api.test:x/",
         "?page=2", "//api.test/ok", "https://xn--api-.test/", "https://api。test/", "\thttps://evil/", "ht\ntps://evil/"]
    ),
)  # fmt: skip
PAGINATORS = [
    LinkHeaderPaginator(),
    NextUrlPaginator(path="next"),
    NextUrlPaginator(header="X-Next"),
    CursorPaginator(path="next"),
    OffsetPaginator(total_path="next"),
]


@given(st.sampled_from(PAGINATORS), links, values)
def test_a_link_leads_to_the_same_origin_or_is_a_typed_error(paginator: Any, link: str, other: Any) -> None:
    page = Page(
        url="https://api.test/notes",
        params={"offset": 0},
        headers={"Link": f'<{link}>; rel="next"', "X-Next": link},
        data={"next": link if isinstance(paginator, NextUrlPaginator) else other},
        items=[{"id": "1"}],
    )
    try:
        step = paginator.next(page)
    except PaginationError:
        return
    if step is not None:
        host, port, _, tls = split_origin(split_url(step[0])[0])
        assert (host, port, tls) == ("api.test", 443, True)


weird = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.sampled_from([400, 5000]).map(lambda digits: 10**digits),
    st.sampled_from([0, -1, True, None, "5", math.nan, math.inf, 5e-324, 1e308, 2**63]),
)


@given(weird, weird, weird, st.sampled_from([0.0, 0.25, 5.0]))
@example(10**400, 1.0, 1, 0.25)
@example(1, 10**400, 1, 0.25)
@example(10**5000, 1, 10**5000, 0.25)
@example(1, 1e305, 1, 0.25)
@example(1, 5e-324, 1, 0.0)
def test_a_rate_of_any_numbers_is_kept_or_refused_by_name(limit: Any, per: Any, burst: Any, slack_s: float) -> None:
    given_ = RateLimit(limit, per=per, burst=burst)
    error = refusal(given_)
    if error is not None:
        assert error.code in {"bad_rate_limit", "bad_rate_per", "bad_rate_burst", "burst_over_limit"}
        assert error.hint
        assert len(error.message) < 200
        return
    made = rate(given_, slack_s)
    assert math.isfinite(made.step_us)
    assert made.step_us > 0
    assert made.span_us < 2**53
    assert 0 < len(name(given_)) <= 200


def refusal(limit: RateLimit) -> ConfigurationError | None:
    try:
        check(limit)
    except ConfigurationError as error:
        return error
    return None


rates = st.builds(
    lambda limit, per, burst: rate(RateLimit(limit, per=per, burst=min(burst, limit)), 0.25),
    st.integers(1, 10**9),
    st.floats(0.001, 3599.0),
    st.integers(1, 10**9),
)


@given(
    st.lists(rates, min_size=1, max_size=3), st.integers(0, 50), st.floats(0, 1e15), st.floats(-1e15, 1e15),
    st.floats(0, 1e12), st.floats(0, 1e7), st.floats(0, 1e15),
)  # fmt: skip
def test_a_bucket_in_any_state_gives_no_more_than_was_asked_and_in_order(
    given_: list[Rate], n: int, now_us: float, next_us: float, horizon_us: float, slack_us: float, pause_us: float
) -> None:
    levels = [Level(next_us=next_us, pause_us=pause_us) for _ in given_]
    taken = take(levels, given_, n, now_us, horizon_us, slack_us)
    times = list(taken.times_us)
    assert len(times) <= n
    assert times == sorted(times)
    assert all(each <= horizon_us for each in times)
    assert taken.retry_us >= 0
    assert math.isfinite(taken.retry_us)
    fresh = empty(given_[0], now_us, 0.0)
    assert available(fresh, given_[0], now_us, horizon_us) >= 0


@given(
    st.dictionaries(
        st.sampled_from(["X-RateLimit-Remaining", "X-RateLimit-Reset", "Backoff", "backoff"]),
        st.text(max_size=70)
        | st.sampled_from(["1e400", "-0", "9" * 70, "0x10", "1_000", "\u0663", "Thu, 01 Jan 0000 00:00:00 GMT"]),
    ),
    st.floats(0, 4e9),
)  # fmt: skip
def test_headers_of_any_text_teach_something_bounded_or_nothing(given_: dict[str, str], now_s: float) -> None:
    lesson = read_headers(given_, HeaderNames(), now_s=now_s)
    if lesson is not None:
        for seconds in (lesson.retry_after_s, lesson.reset_s):
            assert seconds is None or 0 <= seconds <= 86_400
        assert lesson.remaining is None or 0 <= lesson.remaining < 10**15


@pytest.mark.parametrize("error", [RecursionError(SECRET), MemoryError(SECRET), KeyError(SECRET), UnicodeError(SECRET)])
def test_an_exception_that_nobody_foresaw_is_typed_and_tells_nothing(error: Exception) -> None:
    mine = typed(error)
    assert isinstance(mine, CrudSyncError)
    assert SECRET not in repr(mine) + str(mine)
