"""One body for every error, on every address under the API, with nothing of the inside in it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import BadRequest
from django.test import Client, RequestFactory, override_settings
from django.urls import re_path
from rest_framework import exceptions as drf
from rest_framework.test import APIClient

from sync import exceptions
from sync.api import refusals, throttling
from sync.api.errors import exception_handler
from sync.api.refusals import TypedError
from sync.api.unknown import server_error, unknown
from sync.exceptions import CrudSyncError
from sync.models import Binding
from tests.api.conftest import ROOT
from tests.house.test_documents import DOCS, table

KEYS = ["code", "correlation_id", "details", "error", "field_errors", "status_code"]
SECRET = "password=hunter2-4711"


def body(answer: Any) -> dict[str, Any]:
    """Return the body of an error, once it is seen to be one."""
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = json.loads(answer.content)
    assert sorted(found) == KEYS
    assert found["status_code"] == answer.status_code
    assert found["error"]
    assert found["correlation_id"] == answer.headers["X-Correlation-ID"]
    return found


@pytest.mark.parametrize("path", [f"{ROOT}nothing/", f"{ROOT}bindings/x/", "/api/shop/nothing/", "/api/", "/api/x/y"])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_an_address_that_there_is_not_is_told_so(path: str, method: str, client: Client) -> None:
    assert body(getattr(client, method)(path))["code"] == "not_found"


@pytest.mark.parametrize("number", ["0", "999", "9" * 18])
def test_a_row_that_there_is_not_is_told_so(number: str, ada: APIClient) -> None:
    assert body(ada.get(f"{ROOT}bindings/{number}/"))["code"] == "not_found"
    assert body(ada.get(f"/api/shop/products/{number}/"))["code"] == "not_found"


def test_a_number_beyond_every_key_is_no_address(ada: APIClient) -> None:
    assert body(ada.get(f"{ROOT}bindings/{'9' * 30}/"))["code"] == "not_found"


def test_an_address_without_its_slash_leads_to_it(ada: APIClient) -> None:
    answer = ada.get(f"{ROOT}bindings?state=dead")
    assert (answer.status_code, answer.headers["Location"]) == (308, f"{ROOT}bindings/?state=dead")
    assert ada.post("/api/shop/products").headers["Location"] == "/api/shop/products/"
    assert ada.get("/api//example.test").status_code == 404


def test_an_address_without_its_slash_is_quoted_as_a_header_can_carry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("tests.api.names")
    module.urlpatterns = [re_path("(?s)^.+/$", lambda request: None), re_path("", unknown)]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests.api.names", module)
    with override_settings(ROOT_URLCONF="tests.api.names"):
        request = RequestFactory()
        assert unknown(request.get("/a%0Ab", {"q": "é"})).headers["Location"] == "/a%0Ab/?q=%C3%A9"
        assert unknown(request.get("/é")).headers["Location"] == "/%C3%A9/"
        elsewhere = request.get("/")
        elsewhere.path = elsewhere.path_info = "//example.test"
        assert unknown(elsewhere).headers["Location"] == "/%2Fexample.test/"


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_a_method_that_there_is_not_is_told_so(method: str, ada: APIClient) -> None:
    answer = getattr(ada, method)(f"{ROOT}bindings/")
    assert body(answer)["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET, HEAD"


RESYNC = f"{ROOT}bindings/resync/"
BROKEN = [b"{", b"\x00", b"\xff\xfe{}", b"nothing", b"NaN", b"1e999", b'{"ids": [Infinity]}', b"[1", b"\xef\xbb\xbf{}"]
BROKEN += [b"[" * 100_000, b"1" * 5000, b'{"mode": "\\ud800"}', b'{"\\uDFFF": 1}']


@pytest.mark.parametrize(
    "sent",
    BROKEN,
)
def test_a_body_that_is_no_json_is_told_so(sent: bytes, ada: APIClient) -> None:
    answer = ada.generic("POST", RESYNC, sent, content_type="application/json")
    assert answer.status_code == 400
    assert body(answer)["code"] == "parse_error"


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, {"ids"}),
        ([], set()),
        ("x", set()),
        (None, set()),
        (5, set()),
        ({"ids": []}, {"ids"}),
        ({"ids": "7"}, {"ids"}),
        ({"ids": [2**63]}, {"ids.0"}),
        ({"ids": [10**400]}, {"ids.0"}),
        ({"ids": [-1, 0]}, {"ids.0", "ids.1"}),
        ({"ids": [1.5]}, {"ids.0"}),
        ({"ids": ["\x00"]}, {"ids.0"}),
        ({"ids": [None]}, {"ids.0"}),
        ({"ids": [{}]}, {"ids.0"}),
        ({"ids": [True]}, {"ids.0"}),
        ({"ids": [1] * 1001}, {"ids"}),
        ({"ids": [1], "mode": "delete"}, {"mode"}),
        ({"ids": [1], "mode": ["push"]}, {"mode"}),
    ],
)
def test_a_body_of_the_wrong_shape_names_the_fields(sent: Any, fields: set[str], ada: APIClient) -> None:
    answer = ada.generic("POST", RESYNC, json.dumps(sent), content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert set(body(answer)["field_errors"]) == fields


@pytest.mark.parametrize("reason", ["", "   ", "\x00", "x" * 241, None, {}, []])
def test_a_reason_that_is_none_is_told_so(reason: Any, ada: APIClient, bind: Any, product: Any) -> None:
    url = f"{ROOT}bindings/{bind(product).pk}/ignore/"
    answer = ada.generic("POST", url, json.dumps({"reason": reason}), content_type="application/json")
    assert (answer.status_code, set(body(answer)["field_errors"])) == (400, {"reason"})


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "x", ""])
def test_another_kind_of_body_is_told_so(kind: str, ada: APIClient) -> None:
    answer = ada.generic("POST", RESYNC, b"ids=1", content_type=kind)
    assert body(answer)["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-16", "application/json; charset=rot13", "Application/JSON"]
)
def test_json_is_read_as_utf_8_whatever_the_header_says_of_it(kind: str, ada: APIClient) -> None:
    answer = ada.generic("POST", RESYNC, b'{"ids": [1]}', content_type=kind)
    assert answer.status_code == 202, answer.content


def test_a_request_that_django_calls_bad_is_no_failure_of_ours() -> None:
    context = {"request": RequestFactory().get("/"), "view": None, "args": (), "kwargs": {}}
    answer = exception_handler(BadRequest("the inside of it"), context)
    assert answer is not None
    assert (answer.status_code, answer.data["code"]) == (400, "parse_error")
    assert "inside" not in answer.data["error"]


def test_a_request_for_another_host_is_told_so_in_the_same_body(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = Client(raise_request_exception=False).get(f"{ROOT}bindings/", HTTP_HOST="elsewhere.test")
    assert (answer.status_code, body(answer)["code"]) == (400, "parse_error")
    page = Client(raise_request_exception=False).get("/admin/", HTTP_HOST="elsewhere.test")
    assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (400, "text/html")


def test_a_body_beyond_every_need_is_told_so(ada: APIClient) -> None:
    answer = ada.generic("POST", RESYNC, b" " * 1_000_001, content_type="application/json")
    assert (answer.status_code, body(answer)["code"]) == (413, "too_large")


def test_whatever_is_asked_for_the_answer_is_json(ada: APIClient) -> None:
    for accept in ("text/html", "application/xml", "nonsense", ""):
        assert ada.get(f"{ROOT}bindings/", HTTP_ACCEPT=accept).headers["Content-Type"] == "application/json"
    assert body(ada.get(f"{ROOT}bindings/?format=xml"))["field_errors"].keys() == {"format"}


# --- too many --------------------------------------------------------------------------------------------------------


def test_too_many_requests_are_told_when_to_come_back(ada: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(throttling.RATES, "crudsync-read", "2/min")
    url = f"{ROOT}bindings/"
    assert [ada.get(url).status_code for _ in range(2)] == [200, 200]
    answer = ada.get(url)
    found = body(answer)
    assert (answer.status_code, found["code"]) == (429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) == found["details"]["retry_after_s"] <= 60
    assert ada.post(RESYNC, {"ids": [1]}, format="json").status_code == 202  # deeds are counted apart


def test_the_site_says_how_many_are_too_many(ada: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling.Throttle, "THROTTLE_RATES", {"crudsync-write": "1/hour", "crudsync-read": None})
    assert ada.post(RESYNC, {"ids": [1]}, format="json").status_code == 202
    assert ada.post(RESYNC, {"ids": [1]}, format="json").status_code == 429
    assert ada.get(f"{ROOT}bindings/").status_code == 200


# --- what went wrong inside -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
def test_a_failure_tells_nothing_and_is_logged_under_its_id(
    debug: bool, ada: APIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.DEBUG = debug

    def fail(*_: Any) -> None:
        raise RuntimeError(f"cannot connect, {SECRET}")

    monkeypatch.setattr("sync.api.bindings.BindingViewSet.list", fail)
    with caplog.at_level(logging.ERROR, "crudsync.api"):
        answer = ada.get(f"{ROOT}bindings/", HTTP_X_CORRELATION_ID="mine-1")
    found = body(answer)
    assert (answer.status_code, found["code"], found["correlation_id"]) == (500, "error", "mine-1")
    assert "connect" not in answer.content.decode()
    logged = " ".join(record.getMessage() for record in caplog.records if record.name == "crudsync.api")
    assert "mine-1" in logged
    assert "RuntimeError" in logged
    assert "hunter2" not in logged


def test_a_failure_outside_every_view_has_the_same_body_under_the_api() -> None:
    answer = server_error(RequestFactory().get("/api/crudsync/v1/bindings/"))
    assert (answer.status_code, body(answer)["code"]) == (500, "error")
    elsewhere = server_error(RequestFactory().get("/admin/"))
    assert (elsewhere.status_code, elsewhere.headers["Content-Type"].partition(";")[0]) == (500, "text/html")


STATUSES: dict[type[CrudSyncError], int] = {
    exceptions.ConfigurationError: 500,
    exceptions.UnknownIntegrator: 500,
    exceptions.UnknownObjectType: 500,
    exceptions.SecretError: 500,
    exceptions.ObjectError: 422,
    exceptions.ConstraintViolation: 422,
    exceptions.PayloadError: 422,
    exceptions.ParentNotSynced: 409,
    exceptions.PingPong: 422,
    exceptions.NotSyncable: 422,
    exceptions.ReasonMissing: 400,
    exceptions.DrainFailed: 500,
    exceptions.InTransaction: 500,
    exceptions.ObjectBusy: 409,
    exceptions.LinkRefused: 409,
    exceptions.RateLimitExceeded: 429,
    exceptions.LimiterUnavailable: 503,
    exceptions.Throttled: 503,
    exceptions.DeadlineExceeded: 504,
    exceptions.PaginationError: 502,
    exceptions.CrudSyncError: 500,
}
ERRORS = [
    each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, exceptions.CrudSyncError)
]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_each_error_of_ours_has_its_status_and_what_is_inside_stays_there(kind: type[CrudSyncError]) -> None:
    request = RequestFactory().get("/api/crudsync/v1/")
    answer = exception_handler(kind("the words of it"), {"request": request, "view": None, "args": (), "kwargs": {}})
    assert answer is not None
    expected = STATUSES.get(kind, 502)
    assert answer.status_code == expected
    assert answer.data["code"] == kind.code
    assert ("the words of it" in answer.data["error"]) == (expected != 500)
    assert answer.data["details"].get("hint", "") == (kind.hint if expected != 500 else "")


def test_the_reference_lists_the_status_of_each_error_of_ours() -> None:
    listed = [(int(row[0]), row[1].strip("`")) for row in table(DOCS / "reference" / "api.md", 2)[2:]]
    assert listed == [(status, kind.__name__) for kind, status in refusals.STATUSES]


def test_when_to_come_back_is_told_of_our_own_limits_and_of_the_remote_s() -> None:
    for error in (
        exceptions.RateLimitExceeded(retry_after_s=2.2),
        exceptions.LimiterUnavailable(retry_after_s=2.2),
        exceptions.Throttled("slow down", status_code=429, retry_after_s=2.2),
    ):
        request = RequestFactory().get("/")
        answer = exception_handler(error, {"request": request, "view": None, "args": (), "kwargs": {}})
        assert answer is not None
        assert answer.headers["Retry-After"] == "3"
        assert answer.data["details"]["retry_after_s"] == 3


def test_an_error_in_the_user_s_own_view_is_one_that_any_handler_knows() -> None:
    error = TypedError(exceptions.ObjectBusy("taken"))
    assert isinstance(error, drf.APIException)
    assert (error.status_code, error.detail) == (409, "taken")


def test_the_id_of_the_caller_goes_through(ada: APIClient, bind: Callable[..., Binding], product: Any) -> None:
    answer = ada.get(f"{ROOT}bindings/", HTTP_X_CORRELATION_ID="order-4711")
    assert answer.headers["X-Correlation-ID"] == "order-4711"
    answer = ada.get(f"{ROOT}bindings/999/", HTTP_X_CORRELATION_ID="bad id\x7f")
    assert body(answer)["correlation_id"] != "bad id\x7f"
