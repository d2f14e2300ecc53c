from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sync.connectors.options import RestOptions
from sync.connectors.rest import RestConnector
from sync.exceptions import ConfigurationError, ConnectFailed, DeadlineExceeded, ObjectError
from sync.types import Answer, BulkSpec, Call, OutcomeKind, Verb

K = OutcomeKind
OPTIONS = RestOptions(endpoint="products")
BULK = BulkSpec(key="sku", create="products/batch", update="/products/batch-update", items="results")


@pytest.fixture
def rest() -> RestConnector:
    return RestConnector(base_url="https://api.test/v2")


def calls(*keys: Any, verb: Verb = Verb.CREATE) -> list[Call]:
    remote = (lambda key: f"r-{key}") if verb is Verb.UPDATE else (lambda key: None)
    return [
        Call(verb=verb, object_type="product", object_id=str(key), remote_id=remote(key), payload={"sku": key})
        for key in keys
    ]


def answer(status: int = 200, body: Any = b"") -> Answer:
    made = requests.Response()
    made.status_code = status
    made._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(response=made)


def test_a_batch_is_one_post_of_all_payloads(rest: RestConnector) -> None:
    request = rest.bulk_request(OPTIONS, BULK, calls("a", "b"), {"X": "1"}, auth_headers={"Authorization": "t"})
    assert (request.method, request.url) == ("POST", "https://api.test/v2/products/batch")
    assert json.loads(request.body or b"") == [{"sku": "a"}, {"sku": "b"}]
    assert (request.headers["X"], request.headers["Authorization"]) == ("1", "t")
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("envelope", ["data.rows", "data.rows[]"])
def test_an_envelope_wraps_the_list(rest: RestConnector, envelope: str) -> None:
    bulk = BulkSpec(key="sku", create="batch", envelope=envelope)
    body = rest.bulk_request(OPTIONS, bulk, calls("a"), {}).body
    assert json.loads(body or b"") == {"data": {"rows": [{"sku": "a"}]}}


def test_a_batch_of_updates_names_the_remote_ids(rest: RestConnector) -> None:
    request = rest.bulk_request(OPTIONS, BULK, calls("a", verb=Verb.UPDATE), {})
    assert (request.method, request.url) == ("PATCH", "https://api.test/v2/products/batch-update")
    assert json.loads(request.body or b"") == [{"sku": "a", "id": "r-a"}]


def test_the_method_of_a_batch_is_ones_own(rest: RestConnector) -> None:
    options = RestOptions(endpoint="products", methods={"bulk_update": "POST"})
    assert rest.bulk_request(options, BULK, calls("a", verb=Verb.UPDATE), {}).method == "POST"


@pytest.mark.parametrize(
    ("bulk", "batch"),
    [
        (BULK, []),
        (BULK, calls("a") + calls("b", verb=Verb.UPDATE)),
        (BULK, calls("a", verb=Verb.DELETE)),
        (BulkSpec(key="sku", update="x"), calls("a")),
        (BulkSpec(key="sku", create="x", size=1), calls("a", "b")),
    ],
)
def test_what_is_no_batch_is_a_configuration_error(rest: RestConnector, bulk: BulkSpec, batch: list[Call]) -> None:
    with pytest.raises(ConfigurationError):
        rest.bulk_request(OPTIONS, bulk, batch, {})


@pytest.mark.parametrize("keys", [("a", "a"), (1, "1"), ("a", None), ("a", ""), ("a", [1])])
def test_a_batch_that_could_not_be_paired_is_an_object_error(rest: RestConnector, keys: tuple[Any, ...]) -> None:
    with pytest.raises(ObjectError):
        rest.bulk_request(OPTIONS, BULK, calls(*keys), {})


def test_answers_are_paired_by_key_and_never_by_position(rest: RestConnector) -> None:
    body = {"results": [{"sku": "c", "id": 3}, {"sku": "a", "id": 1}, {"sku": "stranger", "id": 9}]}
    outcomes = rest.bulk_outcomes(OPTIONS, BULK, calls("a", "b", "c"), answer(200, body))
    assert [(outcome.kind, outcome.remote_id, outcome.code) for outcome in outcomes] == [
        (K.OK, "1", ""),
        (K.UNKNOWN, None, "missing_in_answer"),
        (K.OK, "3", ""),
    ]


def test_integer_keys_are_paired_with_text(rest: RestConnector) -> None:
    [outcome] = rest.bulk_outcomes(OPTIONS, BULK, calls(5), answer(200, {"results": [{"sku": "5", "id": 1}]}))
    assert outcome.remote_id == "1"


@pytest.mark.parametrize(
    ("item", "kind", "code"),
    [
        ({"error": "no name"}, K.REFUSED, "refused"),
        ({"errors": [{"m": "no"}], "id": 4}, K.REFUSED, "refused"),
        ({"status": 422}, K.REFUSED, "refused"),
        ({"status": 409, "error": "exists"}, K.CONFLICT, "conflict"),
        ({"status_code": 500}, K.UNKNOWN, "server_error"),
        ({"statusCode": 429}, K.THROTTLED, "throttled"),
        ({"status": 201}, K.UNKNOWN, "no_id"),
        ({"status": "active"}, K.UNKNOWN, "no_id"),
        ({"error": None, "errors": [], "id": 4}, K.OK, ""),
        ({"status": True, "id": 4}, K.OK, ""),
        ({"status": 7, "id": 4}, K.OK, ""),
        ({"id": None}, K.UNKNOWN, "no_id"),
    ],
)
def test_an_item_has_an_outcome_of_its_own(rest: RestConnector, item: dict[str, Any], kind: K, code: str) -> None:
    body = {"results": [{"sku": "a", **item}, {"sku": "b", "id": 2}]}
    first, second = rest.bulk_outcomes(OPTIONS, BULK, calls("a", "b"), answer(207, body))
    assert (first.kind, first.code) == (kind, code)
    assert second.ok


def test_the_place_and_meaning_of_an_items_error_are_ones_own(rest: RestConnector) -> None:
    options = RestOptions(endpoint="p", errors="fault.text", outcomes={"create": {409: "ok"}})
    body = {
        "results": [{"sku": "a", "fault": {"text": "no", "password": "c4n4ry"}}, {"sku": "b", "status": 409, "id": 2}]
    }
    first, second = rest.bulk_outcomes(options, BULK, calls("a", "b"), answer(200, body))
    assert (first.kind, "c4n4ry" in first.detail) == (K.REFUSED, False)
    assert (second.kind, second.remote_id) == (K.OK, "2")


def test_the_object_of_an_item_may_have_an_envelope(rest: RestConnector) -> None:
    options = RestOptions(endpoint="p", envelope="data")
    body = {"results": [{"data": {"sku": "a", "id": 1}}, {"sku": "b", "data": {"id": 2}}]}
    assert [o.remote_id for o in rest.bulk_outcomes(options, BULK, calls("a", "b"), answer(200, body))] == ["1", "2"]


def test_an_item_that_is_named_twice_is_unknown(rest: RestConnector) -> None:
    body = {"results": [{"sku": "a", "id": 1}, {"sku": "a", "id": 2}]}
    [outcome] = rest.bulk_outcomes(OPTIONS, BULK, calls("a"), answer(200, body))
    assert (outcome.kind, outcome.code) == (K.UNKNOWN, "ambiguous_answer")


def test_an_update_that_shows_another_id_never_rebinds(rest: RestConnector) -> None:
    body = {"results": [{"sku": "a", "id": "other"}, {"sku": "b", "id": "r-b"}]}
    first, second = rest.bulk_outcomes(OPTIONS, BULK, calls("a", "b", verb=Verb.UPDATE), answer(200, body))
    assert (first.kind, first.code, first.remote_id) == (K.OK, "id_changed", "r-a")
    assert (second.code, second.remote_id) == ("", "r-b")


@pytest.mark.parametrize("status", [400, 404, 409, 412, 413, 422])
def test_a_refused_batch_is_refused_for_all(rest: RestConnector, status: int) -> None:
    outcomes = rest.bulk_outcomes(OPTIONS, BULK, calls("a", "b"), answer(status, {"error": "no"}))
    assert [(outcome.kind, outcome.code) for outcome in outcomes] == [(K.REFUSED, "batch_refused")] * 2


@pytest.mark.parametrize(
    ("got", "kind"),
    [
        (answer(401), K.UNAUTHORIZED),
        (answer(403), K.FORBIDDEN),
        (answer(408), K.UNKNOWN),
        (answer(429), K.THROTTLED),
        (answer(500), K.UNKNOWN),
        (answer(200, b"<html"), K.UNKNOWN),
        (Answer(error=ConnectFailed("x")), K.NOT_SENT),
        (Answer(error=DeadlineExceeded("x")), K.UNKNOWN),
        (Answer(), K.NOT_SENT),
    ],
)
def test_what_befalls_a_batch_befalls_each_of_it(rest: RestConnector, got: Answer, kind: K) -> None:
    assert [outcome.kind for outcome in rest.bulk_outcomes(OPTIONS, BULK, calls("a", "b"), got)] == [kind, kind]


@pytest.mark.parametrize("body", [b"", {}, {"results": []}, {"ok": True}, None, ["text"]])
def test_a_success_that_names_nobody_is_success_for_updates_alone(rest: RestConnector, body: Any) -> None:
    updated = rest.bulk_outcomes(OPTIONS, BULK, calls("a", "b", verb=Verb.UPDATE), answer(200, body))
    assert [(outcome.kind, outcome.remote_id) for outcome in updated] == [(K.OK, "r-a"), (K.OK, "r-b")]
    created = rest.bulk_outcomes(OPTIONS, BULK, calls("a", "b"), answer(200, body))
    assert [(outcome.kind, outcome.code) for outcome in created] == [(K.UNKNOWN, "no_id")] * 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["sku", "id", "status", "error", "results"]), inner)
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), json_values, st.sampled_from([Verb.CREATE, Verb.UPDATE]))
def test_any_answer_gives_one_outcome_for_each_call(status: int, body: Any, verb: Verb) -> None:
    rest = RestConnector(base_url="https://api.test/")
    for bulk in (BULK, BulkSpec(key="sku", create="a", update="b")):
        outcomes = rest.bulk_outcomes(OPTIONS, bulk, calls("a", "b", verb=verb), answer(status, body))
        assert len(outcomes) == 2
        assert all(outcome.remote_id for outcome in outcomes if outcome.ok)
