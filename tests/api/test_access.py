"""Who may ask for what: every address and method, by anonymous, a user, and users with each permission."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from examples.shop.models import Category, Customer, Order, Product
from sync.models import Binding, Cause, Change, Connection, Kind, Operation, State
from tests.api.conftest import ROOT
from tests.house.test_documents import DOCS, table

CANARY = "canary-4c1e"
SECRET = "s3cret-9a77"
SHOP = "/api/shop/"
OBJECTS = ("category", "customer", "order", "product")
VIEWS = ("view_binding", "view_cause", "view_change", "view_connection", "view_operation")
DEEDS = (
    "replay_binding",
    "ignore_binding",
    "resync_binding",
    "reveal_binding",
    "manage_secrets",
    "pause_connection",
    "change_connection",
    *(f"{verb}_{name}" for verb in ("view", "add", "change", "delete") for name in OBJECTS),
)


@dataclass
class Stage:
    """Rows to look at and to act on. The binding is a dead letter."""

    binding: Binding
    cause: Cause
    change: Change
    operation: Operation
    connection: Connection
    category: Category
    customer: Customer
    order: Order
    product: Product

    def url(self, pattern: str) -> str:
        return pattern.format(**vars(self))


@pytest.fixture
def stage(
    product: Product,
    bind: Callable[..., Binding],
    attempt: Callable[..., Operation],
    blame: Callable[..., Cause],
    connection: Connection,
) -> Stage:
    body = f'{{"name": "{CANARY}"}}'
    cause = blame(example=CANARY)
    Connection.objects.update(credentials=SECRET, base_url=f"https://user:{SECRET}@api.test/", paused=True)
    binding = bind(product, state=State.HELD, cause=cause, sent=body, seen=body, intent=body, snapshot=body)
    customer = Customer.objects.create(email="a@b.test", name="A")
    change = Change.objects.create(
        model="shop.product", object_id="1", kind=Kind.DELETE, snapshot=body, created_at=timezone.now()
    )
    return Stage(
        binding=binding,
        cause=cause,
        change=change,
        operation=attempt(binding, request=body, response=body),
        connection=connection,
        category=product.category,
        customer=customer,
        order=Order.objects.create(customer=customer, number="1"),
        product=product,
    )


PAYLOAD = {
    "category": {"name": "New", "slug": "new"},
    "customer": {"email": "new@b.test", "name": "New"},
    "order": {"number": "2", "customer_id": "{customer.pk}"},
    "product": {"name": "New", "sku": "new", "price": "1.00", "category_id": "{category.pk}"},
}
PLURAL = {"category": "categories", "customer": "customers", "order": "orders", "product": "products"}


@dataclass(frozen=True)
class Door:
    """A method of an address, the permissions that open it, and how it answers then."""

    method: str
    url: str
    needs: tuple[str, ...]
    status: int = 200
    data: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


def _own() -> Iterator[Door]:
    yield Door("get", ROOT, ())
    yield Door("get", f"{ROOT}schema/", ())
    yield Door("get", f"{ROOT}docs/", ())
    yield Door("get", f"{ROOT}status/", ("view_connection",))
    rows = {
        "connections": "connection",
        "bindings": "binding",
        "operations": "operation",
        "dead-letters": "cause",
        "changes": "change",
    }
    for path, name in rows.items():
        yield Door("get", f"{ROOT}{path}/", (f"view_{name}",))
        yield Door("get", f"{ROOT}{path}/{{{name}.pk}}/", (f"view_{name}",))
    account, letter = f"{ROOT}connections/{{connection.pk}}/", f"{ROOT}bindings/{{binding.pk}}/"
    cause = f"{ROOT}dead-letters/{{cause.pk}}/"
    yield Door("post", f"{account}pause/", ("view_connection", "pause_connection"))
    yield Door("post", f"{account}resume/", ("view_connection", "pause_connection"))
    yield Door("post", f"{account}test/", ("view_connection", "change_connection"))
    yield Door("post", f"{ROOT}bindings/resync/", ("view_binding", "resync_binding"), 202, {"ids": [1]})
    yield Door("post", f"{letter}resync/", ("view_binding", "resync_binding"), 202)
    yield Door("post", f"{letter}replay/", ("view_binding", "replay_binding"), 202)
    yield Door("post", f"{cause}replay/", ("view_cause", "view_binding", "replay_binding"), 202)
    for url, more in ((letter, ()), (cause, ("view_cause",))):
        yield Door("post", f"{url}ignore/", (*more, "view_binding", "ignore_binding"), 200, {"reason": "known"})
        yield Door("post", f"{url}unignore/", (*more, "view_binding", "ignore_binding"))


def _shop() -> Iterator[Door]:
    for name in OBJECTS:
        one = f"{SHOP}{PLURAL[name]}/{{{name}.pk}}/"
        yield Door("get", f"{SHOP}{PLURAL[name]}/", (f"view_{name}",))
        yield Door("post", f"{SHOP}{PLURAL[name]}/", (f"add_{name}",), 201, PAYLOAD[name])
        yield Door("get", one, (f"view_{name}",))
        yield Door("get", f"{one}sync-status/", (f"view_{name}",))
        yield Door("get", f"{one}sync-history/", (f"view_{name}",))
        yield Door("post", f"{one}sync/", (f"change_{name}", "resync_binding"), 202)
        yield Door("put", one, (f"change_{name}",), 200, PAYLOAD[name])
        yield Door("patch", one, (f"change_{name}",), 200, {})
        yield Door("delete", one, (f"delete_{name}",), 204)


DOORS = [*_own(), *_shop()]


def knock(client: Client, door: Door, stage: Stage) -> Any:
    data = {name: stage.url(value) if isinstance(value, str) else value for name, value in (door.data or {}).items()}
    sent = {} if door.method == "get" else {"data": data, "format": "json"}
    return getattr(client, door.method)(stage.url(door.url), **sent)


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_door_opens_to_its_permissions_together_and_to_no_other(
    door: Door, caller: Callable[..., APIClient], stage: Stage
) -> None:
    answer = knock(APIClient(), door, stage)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.json()["code"] == "not_authenticated"
    client = caller()
    user = User.objects.get(username="grace")
    everything = {*VIEWS, *DEEDS}
    for lacking in door.needs:
        user.user_permissions.set(Permission.objects.filter(codename__in=everything - {lacking}))
        answer = knock(client, door, stage)
        assert answer.status_code == 403, lacking
        assert answer.json()["code"] == "permission_denied"
    user.user_permissions.set(Permission.objects.filter(codename__in=door.needs))
    assert knock(client, door, stage).status_code == door.status


def test_every_address_of_both_apis_has_a_door() -> None:
    known = {(door.method, door.url.split("{")[0]) for door in DOORS}
    found = set()
    for prefix, resolver in _apis():
        for pattern in resolver.url_patterns:
            actions = getattr(pattern.callback, "actions", None) or {"get": "get"}
            if pattern.callback.__name__ != "unknown":
                start = f"/{prefix}{str(pattern.pattern).lstrip('^')}".split("(?P")[0].rstrip("$")
                found |= {(method, start) for method in actions if method != "head"}
    assert {(method, start) for method, start in found} == known


def test_the_reference_lists_every_address_with_what_it_needs() -> None:
    rows = table(DOCS / "reference" / "api.md", 3)
    listed = {(row[0], row[1].strip("`"), row[2].replace("`", "")) for row in rows if row[0] in ("GET", "POST")}
    ours = [door for door in DOORS if door.url.startswith(ROOT)]
    expected = {
        (
            door.method.upper(),
            re.sub(r"{\w+\.pk}", "{id}", door.url.removeprefix(ROOT)),
            ", ".join(door.needs) or "to be signed in",
        )
        for door in ours
    }
    assert listed == expected


def _apis() -> Iterator[tuple[str, Any]]:
    for each in get_resolver("project.urls").url_patterns:
        if str(each.pattern) in ("api/crudsync/v1/", "api/shop/"):
            yield str(each.pattern), each


def test_no_answer_holds_a_credential(ada: APIClient, stage: Stage) -> None:
    for door in DOORS:
        if door.method == "get":
            assert SECRET not in knock(ada, door, stage).content.decode()


SHOWING = {f"{ROOT}{name}/" for name in ("bindings", "operations", "dead-letters", "changes")}


@pytest.mark.parametrize("door", [door for door in DOORS if door.method == "get"], ids=str)
def test_payloads_are_told_to_those_alone_who_may_read_them_and_in_no_list_of_rows(
    door: Door, caller: Callable[..., APIClient], stage: Stage
) -> None:
    usual = {*VIEWS, *DEEDS} - {"reveal_binding"}
    assert CANARY not in knock(caller(*usual), door, stage).content.decode()
    whole = knock(caller(*usual, "reveal_binding"), door, stage).content.decode()
    shows = door.url.split("{")[0] in SHOWING and "{" in door.url
    history = door.url.endswith("products/{product.pk}/sync-history/")
    assert (CANARY in whole) == (shows or history)


def test_a_session_works_and_its_writes_need_the_csrf_token(stage: Stage) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("ada"))
    assert client.get(f"{ROOT}bindings/").status_code == 200
    answer = client.post(f"{ROOT}bindings/{stage.binding.pk}/resync/")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["error"]
    assert Binding.objects.get().wanted == 0


def test_a_wrong_token_is_told_from_none(stage: Stage) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Token wrong")
    answer = client.get(f"{ROOT}bindings/")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


def test_the_permission_that_is_missing_is_named(caller: Callable[..., APIClient], stage: Stage) -> None:
    answer = caller("view_binding").post(f"{ROOT}bindings/{stage.binding.pk}/resync/")
    assert answer.json()["details"] == {"needs": ["crudsync.view_binding", "crudsync.resync_binding"]}


def test_an_action_that_names_no_permission_is_nobody_s(
    ada: APIClient, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.api.operations import OperationViewSet

    monkeypatch.setattr(OperationViewSet, "needs", {})
    assert ada.get(f"{ROOT}operations/").status_code == 403
