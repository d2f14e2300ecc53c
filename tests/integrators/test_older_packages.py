"""Code as users wrote it for older public packages of this shape. It runs unchanged, and without their faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
from django.db import connection

from sync.exceptions import BadBody, ConstraintViolation, NotSyncable, RemoteError
from sync.integrators import BaseIntegrator, CrudIntegrator
from sync.models import Binding
from sync.types import RateLimit
from tests.integrators.models import Legacy

URL = "https://api.shop.test/v2/products"


class ProductIntegrator(CrudIntegrator):
    absolute_url = "https://api.shop.test/v2"
    secret_key = "s3cret"
    header_rate_limit_attr = "X-RateLimit-Remaining"

    def set_headers(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret_key}", "Content-Type": "application/json"}

    @staticmethod
    def set_object_types(*args: Any, **kwargs: Any) -> Any:
        return {"product": {"model": Legacy, "endpoint": "products"}}

    @staticmethod
    def set_data_constraints(*args: Any, **kwargs: Any) -> Any:
        return {"product": {"name": ["invalid", "archived"]}}


class Payload:
    """What such code gave the constructor: anything with dict()."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def dict(self) -> dict[str, Any]:
        return self.values


@pytest.fixture(scope="module")
def _table(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        editor.create_model(Legacy)
    yield
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        editor.delete_model(Legacy)


@pytest.fixture
def remote(_table: None, direct: Any) -> Iterator[responses.RequestsMock]:
    direct(ProductIntegrator)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def created(remote: responses.RequestsMock) -> Legacy:
    remote.post(URL, json={"id": 7}, status=201)
    ProductIntegrator("product", Payload(name="lamp")).create_object(31)
    return Legacy.objects.get()


def test_create_sends_the_payload_and_inserts_the_row_with_the_callers_reference(remote: Any) -> None:
    rule = remote.post(URL, json={"id": 7}, status=201)
    remote_id = ProductIntegrator("product", Payload(name="lamp")).create_object(31)
    assert int(remote_id) == 7
    assert json.loads(rule.calls[0].request.body) == {"name": "lamp"}
    assert rule.calls[0].request.headers["Authorization"] == "Bearer s3cret"
    assert Legacy.objects.get().object_id == 31


def test_update_finds_the_object_by_the_callers_reference(created: Legacy, remote: Any) -> None:
    rule = remote.patch(f"{URL}/7", json={"id": 7, "name": "torch"})
    assert ProductIntegrator("product", Payload(name="torch")).update_object(31)
    assert json.loads(rule.calls[0].request.body) == {"name": "torch"}


def test_delete_removes_the_remote_object_and_then_the_row(created: Legacy, remote: Any) -> None:
    remote.delete(f"{URL}/7", json={"id": 7})
    ProductIntegrator("product").delete_object(object_id=31)
    assert not Legacy.objects.exists()


def test_a_reference_that_cannot_be_one_finds_no_row(created: Legacy) -> None:
    with pytest.raises(NotSyncable):
        ProductIntegrator("product").update_object("none")


def test_a_row_may_be_meant_by_its_key_where_no_reference_fits(created: Legacy, remote: Any) -> None:
    remote.patch(f"{URL}/7", json={"id": 7})
    assert ProductIntegrator("product").update_object(created.pk)


def test_an_unknown_type_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Invalid object type: prodct"):
        ProductIntegrator("prodct")


def test_the_remaining_calls_end_up_in_rate_limit(remote: Any) -> None:
    remote.post(URL, json={"id": 7}, status=201, headers={"X-RateLimit-Remaining": "41"})
    one = ProductIntegrator("product", Payload(name="lamp"))
    assert one.rate_limit is None
    one.create_object(31)
    assert one.rate_limit == "41"


def test_the_header_for_rate_limit_is_not_taken_for_a_limit_of_ours() -> None:
    class LimitedIntegrator(ProductIntegrator):
        rate_limit = RateLimit(5)

    one = LimitedIntegrator("product", Payload(name="lamp"))
    one.rate_limit = "41"
    assert LimitedIntegrator.rate_limit == RateLimit(5)


def test_types_and_constraints_may_be_class_attributes() -> None:
    class AttributeIntegrator(CrudIntegrator):
        object_types = {"product": {"model": Legacy, "endpoint": "products"}}  # type: ignore[assignment]
        data_constraints = {"product": {"name": ["invalid"]}}  # type: ignore[assignment]
        headers = {"X-Old": "1"}  # type: ignore[assignment]

    one = AttributeIntegrator("product", Payload(name="invalid"))
    assert one.object_types["product"]["endpoint"] == "products"
    assert one.headers == {"X-Old": "1"}
    with pytest.raises(ConstraintViolation):
        one.validate_data()


@responses.activate
def test_a_verb_that_sends_for_itself_goes_on_working() -> None:
    class OwnIntegrator(ProductIntegrator):
        def create_object(self, object_id: Any) -> Any:  # type: ignore[override]
            if not self.validate_data():
                return None
            endpoint = f"{self.absolute_url}/{self.object_types[self.object_type]['endpoint']}"
            response = requests.post(endpoint, json=self.data, headers=self.headers, timeout=5)
            return self.validate_response(response)

    responses.post(URL, json={"id": "x/9"}, status=201)
    assert OwnIntegrator("product", Payload(name="lamp")).create_object(31) == "x/9"


# --- their faults ----------------------------------------------------------------------------------------------------


def test_data_that_pass_are_true() -> None:
    assert ProductIntegrator("product", Payload(name="lamp")).validate_data() is True


def test_a_constraint_on_a_field_that_is_not_sent_is_no_error() -> None:
    assert ProductIntegrator("product", Payload(other=1)).validate_data() is True


def test_a_type_without_constraints_is_no_error() -> None:
    class FreeIntegrator(ProductIntegrator):
        @staticmethod
        def set_data_constraints(*args: Any, **kwargs: Any) -> Any:
            return {}

    assert FreeIntegrator("product", Payload(name="invalid")).validate_data() is True


@pytest.mark.parametrize(("status", "answer"), [(200, {"id": 8}), (201, {"id": 8}), (200, {"id": "b0b/1 x"})])
def test_every_2xx_is_a_success_and_an_id_may_be_any_text(remote: Any, status: int, answer: Any) -> None:
    remote.post(URL, json=answer, status=status)
    assert ProductIntegrator("product", Payload(name="lamp")).create_object(31) == str(answer["id"])
    assert Binding.objects.get().remote_id == str(answer["id"])
    assert Legacy.objects.get().name == "lamp"


def test_204_is_a_success(created: Legacy, remote: Any) -> None:
    remote.patch(f"{URL}/7", status=204)
    assert ProductIntegrator("product", Payload(name="torch")).update_object(31) is not None


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_an_error_is_never_none(remote: Any, status: int) -> None:
    remote.post(URL, json={"id": 7}, status=status)
    with pytest.raises(RemoteError):
        ProductIntegrator("product", Payload(name="lamp")).create_object(31)
    assert not Legacy.objects.exists()


def test_an_error_with_a_page_for_people_is_never_none() -> None:
    response = requests.Response()
    response.status_code, response._content = 200, b"<html>down</html>"
    with pytest.raises(BadBody):
        BaseIntegrator().validate_response(response)


def test_a_refused_delete_keeps_the_row(created: Legacy, remote: Any) -> None:
    remote.delete(f"{URL}/7", status=400)
    with pytest.raises(RemoteError):
        ProductIntegrator("product").delete_object(object_id=31)
    assert Legacy.objects.exists()


def test_a_delete_sends_its_headers_as_headers(created: Legacy, remote: Any) -> None:
    rule = remote.delete(f"{URL}/7", status=204)
    ProductIntegrator("product").delete_object(object_id=31)
    assert rule.calls[0].request.headers["Authorization"] == "Bearer s3cret"
    assert not rule.calls[0].request.body


def test_headers_are_not_shared_between_instances() -> None:
    first, second = (ProductIntegrator("product", Payload(name="lamp")) for _ in range(2))
    first.headers.update({"X-Mine": "1"})
    assert "X-Mine" not in second.headers


def test_further_headers_of_one_call_do_not_stay(created: Legacy, remote: Any) -> None:
    rule = remote.patch(f"{URL}/7", json={"id": 7})
    ProductIntegrator("product", Payload(name="a")).update_object(31, extra_headers={"X-Once": "1"})
    ProductIntegrator("product", Payload(name="b")).update_object(31)
    assert ["X-Once" in call.request.headers for call in rule.calls] == [True, False]


def test_there_is_a_timeout(remote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    original = ProductIntegrator.transmit
    monkeypatch.setattr(
        ProductIntegrator, "transmit", lambda self, request: seen.append(request.timeout_s) or original(self, request)
    )
    remote.post(URL, json={"id": 7}, status=201)
    ProductIntegrator("product", Payload(name="lamp")).create_object(31)
    assert seen == [10.0]


def test_an_answer_that_is_a_list_is_no_crash() -> None:
    response = requests.Response()
    response.status_code, response._content = 200, b"[1]"
    assert BaseIntegrator().validate_response(response) == [1]
