"""schemathesis over both APIs: no 500, nothing that the document does not say, no data to strangers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rest_framework.authtoken.models import Token

from examples.shop.models import Customer, Order, Product
from sync.api import throttling
from sync.models import Binding, Cause, Change, Connection, Kind, Operation, State
from tests.acceptance.marks import beside_postgres

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: make test installs it")
from schemathesis import GenerationMode  # noqa: E402 - after the skip
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CANARY = "canary-77aa"
SECRET = "s3cret-11bc"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FEW, MANY = 6, 250
"""Requests of each kind per operation: in every run, and in a long one."""

KEYS = {"error", "code", "status_code", "details", "field_errors", "correlation_id"}
FOUND = ("bindings", "connections", "operations", "dead-letters", "changes", "categories", "customers", "orders")


@pytest.fixture(scope="module")
def document() -> Any:
    out = StringIO()
    call_command("spectacular", format="openapi-json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def api(document: Any, _counted_anew: None) -> Iterator[Any]:
    """The document, and the site in this process, on the test's own connection to the database."""
    found = schemathesis.openapi.from_dict(document)
    found.app = get_wsgi_application()
    for signal in (request_started, request_finished):  # as Django's own test client does
        signal.disconnect(close_old_connections)
    yield found
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def ids(
    product: Product,
    bind: Callable[..., Binding],
    attempt: Callable[..., Operation],
    blame: Callable[..., Cause],
    connection: Connection,
) -> dict[str, int]:
    """Rows of every kind: path → id. The account is paused, so no test of it calls anybody."""
    body = f'{{"name": "{CANARY}"}}'
    Connection.objects.update(credentials=SECRET, paused=True)
    cause = blame(example=CANARY)
    row = bind(product, state=State.DEAD, cause=cause, sent=body, seen=body, intent=body, snapshot=body)
    change = Change.objects.create(
        model="shop.product", object_id="1", kind=Kind.DELETE, snapshot=body, created_at=timezone.now()
    )
    customer = Customer.objects.create(email="a@b.test", name=CANARY)
    return {
        "bindings": row.pk,
        "connections": connection.pk,
        "operations": attempt(row, request=body, response=body).pk,
        "dead-letters": cause.pk,
        "changes": change.pk,
        "products": product.pk,
        "categories": product.category_id,
        "customers": customer.pk,
        "orders": Order.objects.create(customer=customer, number="1").pk,
    }


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Headers of a superuser, of somebody without a permission, and of nobody."""
    monkeypatch.setattr(throttling, "RATES", {})
    tokens = {
        "ada": Token.objects.create(user=User.objects.create_superuser("ada")).key,
        "grace": Token.objects.create(user=User.objects.create_user("grace")).key,
    }
    return {**{name: {"Authorization": f"Token {key}"} for name, key in tokens.items()}, "nobody": {}}


def operations(api: Any, prefix: str) -> Iterator[Any]:
    for found in api.get_all_operations():
        operation = found.ok()
        if operation.path.startswith(prefix):
            yield operation


def try_out(operation: Any, examples: int, ids: dict[str, int], people: dict[str, dict[str, str]]) -> None:
    """Send what fits the document and what does not, each time to a row that there is or to any other."""
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
        def sent(case: Any, real: bool) -> None:
            if real and "id" in (case.path_parameters or {}):
                case.path_parameters["id"] = ids[case.path.split("/")[-3 if case.path.endswith("{id}/") else -4]]
            _send(case, people)

        try:
            sent()
        except Exception as error:
            if type(error).__name__ != "Unsatisfiable" and "Unsatisfiable" not in str(error):
                raise


def _send(case: Any, people: dict[str, dict[str, str]]) -> None:
    for who, headers in people.items():
        case.headers.pop("Authorization", None)
        case.cookies.clear()
        with transaction.atomic():
            answer = case.call(headers={"Accept-Encoding": "identity", **headers})
            transaction.set_rollback(True)
        if who == "ada":
            case.validate_response(answer, checks=CHECKS)
            assert SECRET not in answer.text
        else:
            assert answer.status_code in ((401, 404, 405) if who == "nobody" else (403, 404, 405, 415)), answer.text
            assert set(answer.json()) == KEYS
            assert CANARY not in answer.text


OPEN = ("/api/crudsync/v1/",)
"""Whoever is signed in may see what there is."""


@beside_postgres  # which refuses more of what a machine thinks of
@pytest.mark.parametrize("prefix", ["/api/crudsync/v1/", "/api/shop/"])
def test_no_request_fails_or_surprises(
    prefix: str, api: Any, ids: dict[str, int], people: dict[str, dict[str, str]]
) -> None:
    _all(prefix, api, ids, people, FEW)


@pytest.mark.chaos
@pytest.mark.parametrize("prefix", ["/api/crudsync/v1/", "/api/shop/"])
def test_no_request_of_many_fails_or_surprises(
    prefix: str, api: Any, ids: dict[str, int], people: dict[str, dict[str, str]]
) -> None:
    _all(prefix, api, ids, people, MANY)


def _all(prefix: str, api: Any, ids: dict[str, int], people: dict[str, dict[str, str]], examples: int) -> None:
    tried = 0
    for operation in operations(api, prefix):
        known = {name: headers for name, headers in people.items() if name != "grace" or operation.path not in OPEN}
        try_out(operation, examples, ids, known)
        tried += 1
    assert tried > 15
