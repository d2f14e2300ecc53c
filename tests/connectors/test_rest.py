from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import requests
import responses
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from sync.connectors.options import RestOptions
from sync.connectors.pagination import LinkHeaderPaginator, PageNumberPaginator
from sync.connectors.rest import RestConnector, quote_id
from sync.exceptions import (
    ConfigurationError,
    ConnectFailed,
    DeadlineExceeded,
    NotFound,
    ObjectError,
    PaginationError,
    PayloadError,
    RateLimitExceeded,
)
from sync.types import Answer, Call, Outcome, OutcomeKind, Request, Verb

K = OutcomeKind
BASE = "https://api.test/v2"
PRODUCTS = RestOptions(endpoint="products")


@pytest.fixture
def rest() -> RestConnector:
    return RestConnector(base_url=BASE)


def create(**kwargs: Any) -> Call:
    return Call(**{"verb": Verb.CREATE, "object_type": "product", "object_id": "7", "payload": {"name": "x"}, **kwargs})


def update(**kwargs: Any) -> Call:
    return create(**{"verb": Verb.UPDATE, "remote_id": "r7", **kwargs})


def answer(status: int = 200, body: Any = b"", **headers: str) -> Answer:
    made = requests.Response()
    made.status_code = status
    made._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(response=made)


# --- requests ---


def test_a_create_is_a_post_of_the_whole_payload(rest: RestConnector) -> None:
    request = rest.request(PRODUCTS, create(payload={"b": 1, "a": "ä"}), {"X-Own": "1"})
    assert (request.method, request.url, request.body) == (
        "POST",
        "https://api.test/v2/products",
        b'{"a":"\\u00e4","b":1}',
    )
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Own"] == "1"
    assert not request.redirects


def test_settings_give_deadlines_and_names() -> None:
    with override_settings(CRUDSYNC={"timeout_s": 4.0, "connect_s": 1.0, "max_bytes": 99, "user_agent": "me"}):
        request = RestConnector(base_url=BASE).request(PRODUCTS, create())
    assert (request.timeout_s, request.connect_s, request.max_bytes) == (4.0, 1.0, 99)
    assert request.headers["User-Agent"] == "me"


def test_arguments_win_over_settings() -> None:
    rest = RestConnector(base_url=BASE, timeout_s=1, connect_s=2, max_bytes=3, user_agent="own")
    request = rest.request(PRODUCTS, create())
    assert (request.timeout_s, request.connect_s, request.max_bytes, request.headers["User-Agent"]) == (1, 2, 3, "own")


def test_credentials_win_over_other_headers(rest: RestConnector) -> None:
    request = rest.request(PRODUCTS, create(), {"Authorization": "a"}, auth_headers={"Authorization": "b"})
    assert request.headers["Authorization"] == "b"


@pytest.mark.parametrize(
    ("method", "changes", "body"),
    [
        ("PATCH", {"name": "y"}, {"name": "y"}),
        ("PATCH", None, {"name": "x", "price": 1}),
        ("PUT", {"name": "y"}, {"name": "x", "price": 1}),
        ("POST", {"name": "y"}, {"name": "x", "price": 1}),
    ],
)
def test_only_a_patch_sends_changes_alone(rest: RestConnector, method: str, changes: Any, body: Any) -> None:
    options = RestOptions(endpoint="products", methods={"update": method})
    request = rest.request(options, update(payload={"name": "x", "price": 1}, changes=changes))
    assert (request.method, request.url) == (method, "https://api.test/v2/products/r7")
    assert json.loads(request.body or b"") == body


def test_changes_without_a_payload_are_sent_by_any_method(rest: RestConnector) -> None:
    options = RestOptions(endpoint="products", methods={"update": "PUT"})
    assert rest.request(options, update(payload=None, changes={"a": 1})).body == b'{"a":1}'


def test_an_update_without_anything_to_send_is_an_object_error(rest: RestConnector) -> None:
    with pytest.raises(ObjectError):
        rest.request(PRODUCTS, update(payload=None))


@pytest.mark.parametrize("verb", [Verb.DELETE, Verb.READ])
def test_a_delete_and_a_read_have_no_body(rest: RestConnector, verb: Verb) -> None:
    request = rest.request(PRODUCTS, update(verb=verb))
    assert (request.body, request.url) == (None, "https://api.test/v2/products/r7")
    assert "Content-Type" not in request.headers
    assert request.redirects is (verb is Verb.READ)


def test_a_create_under_our_own_id_is_a_put(rest: RestConnector) -> None:
    request = rest.request(RestOptions(endpoint="products", client_id=True), create())
    assert (request.method, request.url) == ("PUT", "https://api.test/v2/products/7")


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a/b", "a%2Fb"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
        ("a\r\nX: y", "a%0D%0AX%3A%20y"),
        ("100%", "100%25"),
        ("ü", "%C3%BC"),
        ("\x00", "%00"),
        ("...", "..."),
    ],
)
def test_an_id_cannot_leave_its_place_in_the_path(rest: RestConnector, value: str, quoted: str) -> None:
    assert rest.request(PRODUCTS, update(remote_id=value)).url == f"https://api.test/v2/products/{quoted}"


@pytest.mark.parametrize("value", ["", None, ".", "..", "\ud800"])
def test_an_id_that_no_url_can_hold_is_an_object_error(rest: RestConnector, value: Any) -> None:
    with pytest.raises(ObjectError):
        rest.request(PRODUCTS, update(remote_id=value))


@given(st.text(min_size=1))
def test_a_quoted_id_is_one_segment(value: str) -> None:
    try:
        quoted = quote_id(value)
    except ObjectError:
        return
    assert not set(quoted) & set("/?#&=:@ \r\n\\")
    assert quoted not in (".", "..")
    assert quoted.isascii()


@pytest.mark.parametrize("base", ["https://api.test/v2", "https://api.test/v2/"])
def test_a_base_url_is_a_prefix_with_or_without_a_slash(base: str) -> None:
    assert RestConnector(base_url=base).request(PRODUCTS, create()).url == "https://api.test/v2/products"


@pytest.mark.parametrize(
    "base",
    [
        "",
        "api.test",
        "/v2",
        "ftp://api.test/",
        "https://",
        "https://api.test/ ",
        " https://api.test/",
        "https://user:pw@api.test/",
        "https://api.test/?key=1",
        "https://api.test/?",
        "https://api.test/#x",
        "https://api.test:x/",
        "https://api.test:99999/",
        "https://[::1/",
    ],
)
def test_a_base_url_that_is_not_plain_is_a_configuration_error(base: str) -> None:
    with pytest.raises(ConfigurationError):
        RestConnector(base_url=base)


@pytest.mark.parametrize(
    ("envelope", "body"),
    [
        ("data", {"data": {"name": "x"}}),
        ("a.b", {"a": {"b": {"name": "x"}}}),
        ("contacts[]", {"contacts": [{"name": "x"}]}),
    ],
)
def test_an_envelope_wraps_what_goes_out_and_is_taken_off_what_comes_in(
    rest: RestConnector, envelope: str, body: Any
) -> None:
    options = RestOptions(endpoint="products", envelope=envelope)
    assert json.loads(rest.request(options, create()).body or b"") == body
    wrapped = json.loads(json.dumps(body).replace('"name": "x"', '"id": 5'))
    outcome = rest.outcome(options, create(), answer(201, wrapped))
    assert (outcome.remote_id, outcome.data) == ("5", {"id": 5})
    assert rest.outcome(options, create(), answer(201, {"id": 5})).remote_id == "5"


def test_a_form_is_sent_as_one(rest: RestConnector) -> None:
    request = rest.request(RestOptions(endpoint="products", encoding="form"), create(payload={"a": {"b": 1}}))
    assert request.body == b"a%5Bb%5D=1"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_the_idempotency_key_goes_into_its_header(rest: RestConnector) -> None:
    options = RestOptions(endpoint="products", idempotency="Idempotency-Key")
    assert rest.request(options, create(key="k1")).headers["Idempotency-Key"] == "k1"
    assert "Idempotency-Key" not in rest.request(options, create()).headers
    assert "k1" not in rest.request(PRODUCTS, create(key="k1")).headers.values()


def test_an_etag_goes_into_if_match(rest: RestConnector) -> None:
    options = RestOptions(endpoint="products", version="etag")
    for verb in (Verb.UPDATE, Verb.DELETE):
        assert rest.request(options, update(verb=verb, version='"v1"')).headers["If-Match"] == '"v1"'
    assert "If-Match" not in rest.request(options, update()).headers
    assert "If-Match" not in rest.request(options, create(version='"v1"')).headers


def test_a_version_by_path_goes_back_into_the_body(rest: RestConnector) -> None:
    options = RestOptions(endpoint="products", version="meta.rev")
    request = rest.request(options, update(payload={"meta": {"x": 1}, "name": "x"}, version="3"))
    assert json.loads(request.body or b"") == {"meta": {"x": 1, "rev": "3"}, "name": "x"}
    assert "If-Match" not in request.headers
    assert json.loads(rest.request(options, update(payload={"meta": 1}, version="3")).body or b"") == {
        "meta": {"rev": "3"}
    }


@pytest.mark.parametrize("value", ["a\r\nX: y", "ü", "a\x00"])
def test_a_version_or_key_that_no_header_can_hold_is_an_object_error(rest: RestConnector, value: str) -> None:
    with pytest.raises(ObjectError):
        rest.request(RestOptions(endpoint="p", version="etag"), update(version=value))
    with pytest.raises(ObjectError):
        rest.request(RestOptions(endpoint="p", idempotency="Key"), create(key=value))


def test_a_long_body_is_compressed_where_that_is_asked_for(rest: RestConnector) -> None:
    options = RestOptions(endpoint="products", compress=True)
    request = rest.request(options, create(payload={"a": "x" * 2000}))
    assert request.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(request.body or b"") == b'{"a":"' + b"x" * 2000 + b'"}'
    assert request.body == rest.request(options, create(payload={"a": "x" * 2000})).body
    assert "Content-Encoding" not in rest.request(options, create()).headers
    assert "Content-Encoding" not in rest.request(PRODUCTS, create(payload={"a": "x" * 2000})).headers


def test_a_payload_without_json_form_is_a_payload_error(rest: RestConnector) -> None:
    with pytest.raises(PayloadError):
        rest.request(PRODUCTS, create(payload={"a": float("nan")}))


def lookup(**kwargs: Any) -> Call:
    return create(verb=Verb.LOOKUP, payload={"email": "a+b@c.test", "ext": "e1", "n": 1, "empty": ""}, **kwargs)


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({"natural_key": ("email",)}, "?email=a%2Bb%40c.test"),
        ({"natural_key": ("email", "n")}, "?email=a%2Bb%40c.test&n=1"),
        ({"external_id": "ext"}, "?ext=e1"),
        ({"external_id": "not_in_payload"}, "?not_in_payload=7"),
        ({"natural_key": ("n",), "lookup_params": {"limit": "2"}}, "?limit=2&n=1"),
        ({"client_id": True}, "/7"),
    ],
)
def test_a_lookup_asks_by_what_identifies_the_object(rest: RestConnector, options: dict[str, Any], query: str) -> None:
    request = rest.request(RestOptions(endpoint="contacts", **options), lookup())
    assert (request.method, request.url) == ("GET", f"https://api.test/v2/contacts{query}")


def test_a_lookup_joins_a_path_that_has_a_query(rest: RestConnector) -> None:
    options = RestOptions(endpoint="contacts", natural_key=("n",), paths={"lookup": "{endpoint}?exact=1"})
    assert rest.request(options, lookup()).url == "https://api.test/v2/contacts?exact=1&n=1"


@pytest.mark.parametrize("options", [{}, {"natural_key": ("missing",)}, {"natural_key": ("n", "empty")}])
def test_a_lookup_without_a_whole_key_is_an_object_error(rest: RestConnector, options: dict[str, Any]) -> None:
    with pytest.raises(ObjectError) as caught:
        rest.request(RestOptions(endpoint="contacts", **options), lookup())
    assert caught.value.code == "no_key"


def test_half_a_character_in_a_lookup_is_an_object_error(rest: RestConnector) -> None:
    options = RestOptions(endpoint="contacts", natural_key=("n",))
    with pytest.raises(ObjectError):
        rest.request(options, create(verb=Verb.LOOKUP, payload={"n": "\ud800"}))


# --- outcomes ---


@pytest.mark.parametrize(
    ("body", "remote_id"),
    [({"id": 5}, "5"), ({"id": "a/b"}, "a/b"), ({"id": 0}, "0"), ({"id": "x", "extra": [1]}, "x")],
)
def test_a_created_object_has_the_id_of_the_answer(rest: RestConnector, body: Any, remote_id: str) -> None:
    outcome = rest.outcome(PRODUCTS, create(), answer(201, body))
    assert (outcome.kind, outcome.remote_id, outcome.data, outcome.code) == (K.OK, remote_id, body, "")


@pytest.mark.parametrize(
    "body",
    [b"", {}, {"id": None}, {"id": ""}, {"id": True}, {"id": [1]}, {"id": {}}, {"id": 1.5}, {"id": "x" * 501},
     {"id": "\x00"}, [], [{"id": 1}], "text", None, 5, {"ID": 1}],
)  # fmt: skip
def test_a_create_whose_answer_tells_no_usable_id_is_unknown(rest: RestConnector, body: Any) -> None:
    outcome = rest.outcome(PRODUCTS, create(), answer(201, body))
    assert (outcome.kind, outcome.code, outcome.remote_id) == (K.UNKNOWN, "no_id", None)


@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.UPDATE, Verb.DELETE, Verb.READ])
@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"<html>", "text/html"), (b"{", "application/json"), (b'{"id":NaN}', ""), (b"\xff\xfe\x00", "application/json")],
)
def test_a_2xx_with_a_bad_body_is_unknown(rest: RestConnector, verb: Verb, body: bytes, kind: str) -> None:
    outcome = rest.outcome(PRODUCTS, update(verb=verb), answer(200, body, Content_Type=kind))
    assert (outcome.kind, outcome.code, outcome.status_code) == (K.UNKNOWN, "bad_body", 200)


@pytest.mark.parametrize("verb", [Verb.UPDATE, Verb.DELETE])
@pytest.mark.parametrize("body", [b"", b"OK", {}, [], {"id": "r7"}, {"id": None}])
def test_an_update_or_delete_needs_no_body(rest: RestConnector, verb: Verb, body: Any) -> None:
    kind = "text/plain" if body == b"OK" else ""
    outcome = rest.outcome(PRODUCTS, update(verb=verb), answer(200, body, Content_Type=kind))
    assert (outcome.kind, outcome.remote_id, outcome.code) == (K.OK, "r7", "")


def test_an_update_that_shows_another_id_never_rebinds(rest: RestConnector) -> None:
    outcome = rest.outcome(PRODUCTS, update(), answer(200, {"id": "other"}))
    assert (outcome.kind, outcome.code, outcome.remote_id) == (K.OK, "id_changed", "r7")
    assert "other" in outcome.detail


@pytest.mark.parametrize("status", [404, 410])
def test_a_delete_of_what_is_gone_is_done(rest: RestConnector, status: int) -> None:
    outcome = rest.outcome(PRODUCTS, update(verb=Verb.DELETE), answer(status, b"<html>", Content_Type="text/html"))
    assert outcome.kind is K.OK


def test_an_integrators_table_decides_first(rest: RestConnector) -> None:
    options = RestOptions(endpoint="p", outcomes={"update": {204: "not_found"}, "create": {409: "ok"}})
    assert rest.outcome(options, update(), answer(204)).kind is K.NOT_FOUND
    assert rest.outcome(options, create(), answer(409, {"id": 3})).remote_id == "3"


def test_errors_within_a_200_are_a_refusal(rest: RestConnector) -> None:
    options = RestOptions(endpoint="p", errors="errors")
    outcome = rest.outcome(options, create(), answer(200, {"errors": [{"message": "no\x00 name"}], "id": 1}))
    assert (outcome.kind, outcome.code) == (K.REFUSED, "errors_in_body")
    assert "name" in outcome.detail
    assert "\x00" not in outcome.detail
    assert rest.outcome(options, create(), answer(200, {"errors": [], "id": 1})).ok


def test_an_id_may_be_anywhere(rest: RestConnector) -> None:
    options = RestOptions(endpoint="p", id_path="meta.ids.0")
    assert rest.outcome(options, create(), answer(201, {"meta": {"ids": ["a"]}})).remote_id == "a"


@pytest.mark.parametrize(
    ("location", "remote_id"),
    [("/v2/products/a%2Fb", "a/b"), ("https://api.test/v2/products/9/?x=1", "9"), ("", None), ("/", None)],
)
def test_an_id_may_be_in_the_location(rest: RestConnector, location: str, remote_id: str | None) -> None:
    options = RestOptions(endpoint="products", id_path="location")
    outcome = rest.outcome(options, create(), answer(201, b"", Location=location))
    assert outcome.remote_id == remote_id
    assert outcome.ok is (remote_id is not None)


def test_with_client_ids_the_id_is_ours_where_the_answer_says_nothing(rest: RestConnector) -> None:
    options = RestOptions(endpoint="products", client_id=True)
    assert rest.outcome(options, create(), answer(204)).remote_id == "7"
    assert rest.outcome(options, create(), answer(201, {"id": "8"})).remote_id == "8"


@pytest.mark.parametrize(
    ("version", "got", "expected"),
    [
        ("etag", answer(200, {"id": 1}, ETag='"v2"'), '"v2"'),
        ("etag", answer(200, {"id": 1}), None),
        ("rev", answer(200, {"id": 1, "rev": 4}), "4"),
        ("rev", answer(200, {"id": 1, "rev": {"a": 1}}), None),
        ("rev", answer(200, b""), None),
        ("", answer(200, {"id": 1}, ETag='"v2"'), None),
    ],
)
def test_the_version_is_read(rest: RestConnector, version: str, got: Answer, expected: str | None) -> None:
    call = update(remote_id="1")
    assert rest.outcome(RestOptions(endpoint="p", version=version), call, got).version == expected


def test_a_read_shows_the_object(rest: RestConnector) -> None:
    outcome = rest.outcome(PRODUCTS, update(verb=Verb.READ), answer(200, {"id": "r7", "name": "x"}))
    assert (outcome.data, outcome.remote_id) == ({"id": "r7", "name": "x"}, "r7")


@pytest.mark.parametrize("body", [b"", [], "x", None])
def test_a_read_that_shows_no_object_is_unknown(rest: RestConnector, body: Any) -> None:
    outcome = rest.outcome(PRODUCTS, update(verb=Verb.READ), answer(200, body))
    assert (outcome.kind, outcome.code) == (K.UNKNOWN, "bad_body")


def test_an_error_of_the_transport_is_an_outcome(rest: RestConnector) -> None:
    assert rest.outcome(PRODUCTS, create(), Answer(error=ConnectFailed("x"))).kind is K.NOT_SENT
    assert rest.outcome(PRODUCTS, create(), Answer(error=DeadlineExceeded("x"))).kind is K.UNKNOWN
    assert rest.outcome(PRODUCTS, create(), Answer()).kind is K.NOT_SENT


# --- look-ups ---


MAIL = RestOptions(endpoint="contacts", natural_key=("email",), version="rev")


def found(rest: RestConnector, body: Any, options: RestOptions = MAIL, status: int = 200) -> Outcome:
    return rest.outcome(options, create(verb=Verb.LOOKUP, payload={"email": "a@b.test"}), answer(status, body))


@pytest.mark.parametrize(
    "body",
    [
        [{"id": 1, "email": "A@b.test", "rev": 2}],
        {"items": [{"id": 1, "email": "a@b.test", "rev": 2}]},
        [{"id": 1, "email": "a@b.test", "rev": 2}, {"id": 9, "email": "other@b.test"}],
        [{"id": 1, "rev": 2}],
    ],
)
def test_a_lookup_that_finds_one_names_it(rest: RestConnector, body: Any) -> None:
    outcome = found(rest, body)
    assert (outcome.kind, outcome.remote_id, outcome.version) == (K.OK, "1", "2")
    assert len(outcome.items or ()) == 1


@pytest.mark.parametrize("body", [[], {"items": []}, {"results": [], "total": 0}])
def test_a_lookup_that_finds_nothing_is_a_certain_no(rest: RestConnector, body: Any) -> None:
    outcome = found(rest, body)
    assert (outcome.kind, list(outcome.items or ()), outcome.remote_id) == (K.OK, [], None)


@pytest.mark.parametrize("body", [b"", None])
def test_a_lookup_whose_answer_has_lost_its_body_is_no_answer(rest: RestConnector, body: Any) -> None:
    outcome = found(rest, body)
    assert (outcome.kind, outcome.code) == (K.UNKNOWN, "bad_body")


def test_a_lookup_that_is_answered_204_is_a_certain_no(rest: RestConnector) -> None:
    outcome = found(rest, b"", status=204)
    assert (outcome.kind, list(outcome.items)) == (K.OK, [])


def test_a_lookup_that_finds_several_names_none(rest: RestConnector) -> None:
    outcome = found(rest, [{"id": 1, "email": "a@b.test"}, {"id": 2, "email": "a@b.test"}])
    assert (outcome.kind, len(outcome.items or ()), outcome.remote_id) == (K.OK, 2, None)


@pytest.mark.parametrize("body", [[{"id": 9, "email": "other@b.test"}], ["text"], [None]])
def test_a_lookup_that_finds_only_others_is_no_answer(rest: RestConnector, body: Any) -> None:
    outcome = found(rest, body)
    assert (outcome.kind, outcome.code) == (K.UNKNOWN, "lookup_mismatch")


@pytest.mark.parametrize("body", [{"id": 1}, "x", 5])
def test_a_lookup_without_a_list_is_no_answer(rest: RestConnector, body: Any) -> None:
    assert (found(rest, body).kind, found(rest, body).code) == (K.UNKNOWN, "no_items")


def test_a_lookup_reads_the_list_where_the_type_says(rest: RestConnector) -> None:
    options = replace(MAIL, items="data.rows", envelope="contact")
    outcome = found(rest, {"data": {"rows": [{"contact": {"id": 1, "email": "a@b.test"}}]}}, options)
    assert outcome.remote_id == "1"


@pytest.mark.parametrize("status", [404, 410])
def test_a_lookup_by_query_that_is_answered_404_is_not_a_certain_no(rest: RestConnector, status: int) -> None:
    assert found(rest, {}, status=status).kind is K.NOT_FOUND
    sure = replace(MAIL, outcomes={"lookup": {404: "ok", 410: "ok"}})
    assert (found(rest, {}, sure, status).kind, found(rest, {}, sure, status).items) == (K.OK, ())


@pytest.mark.parametrize("status", [404, 410])
def test_a_lookup_by_our_id_that_is_answered_404_is_a_certain_no(rest: RestConnector, status: int) -> None:
    outcome = found(rest, {}, RestOptions(endpoint="p", client_id=True), status)
    assert (outcome.kind, outcome.items, outcome.code, outcome.detail) == (K.OK, (), "", "")


def test_a_lookup_by_our_id_finds_the_object(rest: RestConnector) -> None:
    outcome = found(rest, {"id": 7, "name": "x"}, RestOptions(endpoint="p", client_id=True))
    assert (outcome.remote_id, outcome.items) == ("7", ({"id": 7, "name": "x"},))


def test_a_list_shows_its_items(rest: RestConnector) -> None:
    outcome = rest.outcome(PRODUCTS, Call(verb=Verb.LIST, object_type="p"), answer(200, {"rows": [{"id": 1}]}))
    assert outcome.items == [{"id": 1}]


# --- any answer at all ---


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "data", "errors", "x"]), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(list(Verb)),
    st.integers(100, 599),
    st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(["", "application/json", "text/html", "text/plain", "image/png"]),
    st.sampled_from(
        [
            PRODUCTS,
            RestOptions(endpoint="p", envelope="data[]", version="x", errors="errors"),
            RestOptions(endpoint="p", envelope="data.id", version="etag", natural_key=("x",), id_path="location"),
            RestOptions(endpoint="p", client_id=True),
            RestOptions(endpoint="p", natural_key=("x",), items="data"),
        ]
    ),
)
def test_any_answer_to_any_call_is_an_outcome(
    verb: Verb, status: int, body: bytes, kind: str, options: RestOptions
) -> None:
    rest = RestConnector(base_url=BASE)
    if verb is Verb.LOOKUP and not (options.natural_key or options.client_id):
        return
    call = update(verb=verb, payload={"x": "1"})
    outcome = rest.outcome(options, call, answer(status, body, Content_Type=kind, ETag="v", Location="/p/1"))
    assert outcome.remote_id is None or 0 < len(outcome.remote_id) <= 500
    assert len(outcome.detail) <= 500
    if verb is Verb.CREATE and outcome.ok:
        assert outcome.remote_id


# --- listings and reads ---


@pytest.fixture
def remote() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def test_a_listing_follows_its_pages_and_takes_a_token_for_each(
    rest: RestConnector, remote: responses.RequestsMock
) -> None:
    url = "https://api.test/v2/products"
    remote.get(
        url,
        json={"data": [{"p": {"id": 1}}, "no object"]},
        headers={"Link": f'<{url}?page=2>; rel="next"'},
        match=[responses.matchers.query_param_matcher({"since": "1", "limit": "100"})],
    )
    remote.get(url, json={"data": [{"p": {"id": 2}}]}, match=[responses.matchers.query_param_matcher({"page": "2"})])
    tokens: list[int] = []
    options = RestOptions(endpoint="products", paginator=LinkHeaderPaginator(), items="data", envelope="p")
    rows = rest.listing(options, params={"since": 1}, headers={"X": "y"}, before_each=lambda: tokens.append(1))
    assert list(rows) == [{"id": 1}, {"id": 2}]
    assert len(tokens) == 2
    assert remote.calls[0].request.headers["X"] == "y"


def test_a_listing_of_one_page_needs_no_paginator(rest: RestConnector, remote: responses.RequestsMock) -> None:
    remote.get("https://api.test/v2/products", json=[{"id": 1}])
    assert list(rest.listing(PRODUCTS)) == [{"id": 1}]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"status": 404}, NotFound),
        ({"body": requests.ConnectionError(ConnectionRefusedError())}, ConnectFailed),
        ({"json": {"a": 1}}, PaginationError),
    ],
)
def test_a_listing_that_fails_raises(
    rest: RestConnector, remote: responses.RequestsMock, reply: Mapping[str, Any], error: type[Exception]
) -> None:
    remote.get("https://api.test/v2/products", **reply)
    options = RestOptions(endpoint="products", paginator=PageNumberPaginator())
    with pytest.raises(error):
        list(rest.listing(options))


def test_a_get_is_a_read_within_a_budget(rest: RestConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Request] = []

    def send(request: Request) -> Answer:
        sent.append(request)
        return answer(200, {"a": 1}, Content_Type="application/json")

    monkeypatch.setattr(rest.transport, "send", send)
    assert rest.get("/products/1", params={"q": ["a b", None], "n": True}, headers={"X": "y"}) == {"a": 1}
    [request] = sent
    assert request.url == "https://api.test/v2/products/1?q=a+b&q=&n=true"
    assert (request.method, request.timeout_s, request.redirects) == ("GET", 2.0, True)
    assert request.headers["X"] == "y"


@pytest.mark.parametrize("path", ["https://evil.test/", "//evil.test/", "../admin", "a/../b", "a b", "a\r\nb", "./a"])
def test_a_get_stays_below_the_base_url(rest: RestConnector, path: str) -> None:
    with pytest.raises(ConfigurationError):
        rest.get(path)


def test_a_get_takes_a_token_first(rest: RestConnector) -> None:
    def refuse() -> None:
        raise RateLimitExceeded(retry_after_s=1.0)

    assert rest.get("products", default=None, before=refuse) is None
    with pytest.raises(RateLimitExceeded):
        rest.get("products", before=refuse)
