from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses

from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Product
from sync import BearerAuth, CrudIntegrator, ObjectType, PageNumberPaginator, RateLimit, registry
from sync.models import Connection, Gate, Operation
from sync.monitoring.probe import Reach, probe
from sync.resync.pausing import pause
from sync.testing.remote import Remote
from sync.types import Request

UNLIMITED = RateLimit(1, methods=("TRACE",))


@pytest.fixture
def registered() -> Iterator[Any]:
    mine: list[str] = []

    def register(cls: Any) -> Connection:
        registry.register(cls)
        mine.append(cls.name)
        return registry.connection(cls.name, "default")

    yield register
    for name in mine:
        registry.unregister(name)


def of(base: str, **more: Any) -> Any:
    class ProbedIntegrator(CrudIntegrator):
        base_url = base
        rate_limit = UNLIMITED

        @staticmethod
        def set_object_types() -> Any:
            paginator = PageNumberPaginator(size=50, size_param="per_page")
            return {"product": ObjectType(model=Product, endpoint="products", paginator=paginator)}

    for name, value in more.items():
        setattr(ProbedIntegrator, name, value)
    return ProbedIntegrator


def test_a_remote_that_answers_is_up(sandbox: Callable[..., Remote], account: Connection) -> None:
    remote = sandbox()
    found = probe(account)
    assert (found.status, found.code, found.error) == (Reach.UP, "", "")
    assert found.response_time_ms
    assert found.response_time_ms > 0
    (call,) = remote.journal()
    assert (call.method, call.path.partition("?")[0]) == (
        "GET",
        f"/{next(iter(ShopIntegrator.types().values())).endpoint}",
    )


def test_a_probe_leaves_no_operation_and_no_gate(sandbox: Callable[..., Remote], account: Connection) -> None:
    sandbox().fault("status", status=503)
    assert probe(account).status is Reach.DOWN
    assert not Operation.objects.exists()
    assert not Gate.objects.filter(blocked_until__isnull=False).exists()


@pytest.mark.parametrize(
    ("status", "headers", "reach", "code"),
    [
        (401, {}, Reach.UNAUTHORIZED, "unauthorized"),
        (403, {}, Reach.REFUSED, "forbidden"),
        (404, {}, Reach.REFUSED, "not_found"),
        (405, {}, Reach.UP, ""),
        (429, {"Retry-After": "3"}, Reach.LIMITED, "throttled"),
        (500, {}, Reach.DOWN, "server_error"),
        (503, {"Retry-After": "3"}, Reach.LIMITED, "unavailable"),
        (302, {"Location": "https://elsewhere.test/login"}, Reach.REFUSED, "redirect"),
    ],
)
@responses.activate
@pytest.mark.django_db
def test_what_a_status_says(registered: Any, status: int, headers: dict[str, str], reach: Reach, code: str) -> None:
    responses.get("https://api.test/v2/products", status=status, headers=headers, json={"name": "a customer"})
    found = probe(registered(of("https://api.test/v2/")))
    assert (found.status, found.code) == (reach, code)
    assert "a customer" not in found.error
    assert bool(found.error) == bool(code)


@responses.activate
@pytest.mark.django_db
def test_one_row_is_asked_for_with_credentials_and_headers(registered: Any) -> None:
    rule = responses.get("https://api.test/v2/products", json=[])
    assert probe(registered(of("https://api.test/v2/", auth=BearerAuth("a-long-token")))).status is Reach.UP
    request = rule.calls[0].request
    assert request.url == "https://api.test/v2/products?per_page=1"
    assert request.headers["Authorization"] == "Bearer a-long-token"


@responses.activate
@pytest.mark.django_db
def test_a_probe_path_is_read_in_place_of_a_listing(registered: Any) -> None:
    responses.get("https://api.test/v2/me?full=0", body="hello", content_type="text/plain")
    assert probe(registered(of("https://api.test/v2/", probe_path="me?full=0"))).status is Reach.UP


@responses.activate
@pytest.mark.django_db
def test_a_remote_without_object_types_is_asked_for_its_head(registered: Any) -> None:
    class BareIntegrator(CrudIntegrator):
        base_url = "https://api.test/v2/"
        rate_limit = UNLIMITED

    responses.head("https://api.test/v2/", status=404)
    assert probe(registered(BareIntegrator)).status is Reach.UP


@responses.activate
@pytest.mark.django_db
def test_a_page_for_people_is_no_api(registered: Any) -> None:
    responses.get("https://api.test/v2/products", body="<html>hidden@example.test", content_type="text/html")
    found = probe(registered(of("https://api.test/v2/")))
    assert (found.status, found.code) == (Reach.DOWN, "bad_body")
    assert "hidden" not in found.error


@responses.activate
@pytest.mark.django_db
def test_a_credential_that_the_remote_repeats_is_hidden(registered: Any) -> None:
    responses.get("https://api.test/v2/products", status=401, json={"message": "no such token a-long-token"})
    found = probe(registered(of("https://api.test/v2/", auth=BearerAuth("a-long-token"))))
    assert found.status is Reach.UNAUTHORIZED
    assert "a-long-token" not in repr(found)


@pytest.mark.django_db
def test_a_missing_credential_is_unauthorized_and_nothing_is_sent(registered: Any) -> None:
    found = probe(registered(of("https://api.test/v2/", auth=BearerAuth("env:NO_SUCH_VARIABLE"))))
    assert found.status is Reach.UNAUTHORIZED
    assert found.response_time_ms is None
    assert found.error


@pytest.mark.django_db
def test_a_port_where_nobody_listens_is_down(registered: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = probe(registered(of(f"http://127.0.0.1:{port}/")))
    assert (found.status, found.code) == (Reach.DOWN, "connect_failed")


def test_a_remote_that_drips_is_down_within_the_deadline(sandbox: Callable[..., Remote], account: Connection) -> None:
    sandbox().fault("late", seconds=30)
    found = probe(account, timeout_s=0.3)
    assert (found.status, found.code) == (Reach.DOWN, "deadline_exceeded")
    assert found.response_time_ms
    assert found.response_time_ms < 20_000


@pytest.mark.django_db
def test_an_address_that_may_not_be_called_is_refused(registered: Any, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "allow_networks": []}
    found = probe(registered(of("http://127.0.0.1:9/")))
    assert (found.status, found.code) == (Reach.REFUSED, "address_refused")


@pytest.mark.django_db
def test_an_account_without_a_base_url_is_refused(registered: Any) -> None:
    found = probe(registered(of("")))
    assert (found.status, found.code, found.response_time_ms) == (Reach.REFUSED, "no_base_url", None)


@pytest.mark.django_db
def test_an_integrator_that_is_gone_is_refused() -> None:
    gone = Connection.objects.create(integrator="gone")
    assert (probe(gone).status, probe(gone).code) == (Reach.REFUSED, "unknown_integrator")


@pytest.mark.django_db
def test_without_a_limiter_nothing_is_sent(registered: Any) -> None:
    found = probe(registered(of("https://api.test/v2/", rate_limit=RateLimit(10))))
    assert (found.status, found.code, found.response_time_ms) == (Reach.LIMITED, "limiter_unavailable", None)


@responses.activate
@pytest.mark.django_db
def test_a_probe_takes_a_token_that_is_free_and_waits_for_none(registered: Any, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "limiter_when_down": "local", "limiter_local_share": 1.0}
    rule = responses.get("https://api.test/v2/products", json=[])
    found = probe(registered(of("https://api.test/v2/", rate_limit=RateLimit(1, per=600))))
    assert (found.status, found.code) == (Reach.LIMITED, "rate_limit_exceeded")
    assert not rule.calls


def test_a_paused_account_is_left_alone_unless_asked(sandbox: Callable[..., Remote], account: Connection) -> None:
    remote = sandbox()
    pause(account, reason="they move house")
    found = probe(account)
    assert (found.status, found.code, found.error) == (Reach.PAUSED, "paused", "paused: they move house")
    assert not remote.journal()
    asked = probe(account, though_paused=True)
    assert (asked.status, asked.paused) == (Reach.UP, True)


@pytest.mark.django_db
def test_a_hook_that_raises_is_told_and_its_secret_is_not(registered: Any) -> None:
    def before_send(self: Any, request: Request) -> Request:
        raise RuntimeError("signed with a-long-token")

    cls = of("https://api.test/v2/", auth=BearerAuth("a-long-token"), before_send=before_send)
    found = probe(registered(cls))
    assert (found.status, found.code) == (Reach.REFUSED, "hook_error")
    assert "a-long-token" not in found.error


@responses.activate
@pytest.mark.django_db
def test_a_token_that_can_be_renewed_is_tried_once_more(registered: Any) -> None:
    class Renewing(BearerAuth):
        def renew(self, connection: Connection, *, rejected: str) -> bool:
            return rejected == "Bearer a-long-token"

    responses.get("https://api.test/v2/products", status=401)
    responses.get("https://api.test/v2/products", json=[])
    assert probe(registered(of("https://api.test/v2/", auth=Renewing("a-long-token")))).status is Reach.UP
