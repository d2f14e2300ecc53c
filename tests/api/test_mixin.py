"""The user's own ViewSets: sync, sync-status and sync-history, and the shop's API as the example."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import override_settings
from django.urls import path
from django.utils import timezone
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIClient
from rest_framework.viewsets import ModelViewSet

from examples.shop.models import Category, Customer, Order, Product, Tag
from sync.api import SyncViewSetMixin
from sync.models import Binding, Operation, State
from sync.types import Wanted

SHOP = "/api/shop/"
PAST = timezone.now() - dt.timedelta(days=1)


def test_an_object_is_synced_and_the_answer_leads_to_what_becomes_of_it(ada: APIClient, product: Product) -> None:
    answer = ada.post(f"{SHOP}products/{product.pk}/sync/")
    assert answer.status_code == 202
    found = answer.json()
    row = Binding.objects.get()
    assert (row.wanted, row.actor) == (Wanted.PUSH, "ada (resync)")
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id, entry.change_message) == ("ada", str(product.pk), "crudsync: resync")
    assert found["asked"] == 1
    assert found["location"] == answer.headers["Location"] == found["bindings"][0]["url"]
    assert ada.get(answer.headers["Location"]).json()["id"] == row.pk
    assert ada.get(found["bindings"][0]["operations_url"]).json()["results"] == []
    assert ada.get(found["status_url"]).json()["status"] == "pending"


def test_a_comparison_is_asked_for(ada: APIClient, product: Product) -> None:
    ada.post(f"{SHOP}products/{product.pk}/sync/", {"mode": "verify"}, format="json")
    assert Binding.objects.get().wanted == Wanted.VERIFY
    answer = ada.post(f"{SHOP}products/{product.pk}/sync/", {"mode": "pull"}, format="json")
    assert (answer.status_code, set(answer.json()["field_errors"])) == (400, {"mode"})


def test_who_may_not_see_bindings_is_led_to_the_object_s_own_status(
    caller: Callable[..., APIClient], product: Product
) -> None:
    client = caller("change_product", "view_product", "resync_binding")
    answer = client.post(f"{SHOP}products/{product.pk}/sync/")
    assert answer.headers["Location"] == f"http://testserver{SHOP}products/{product.pk}/sync-status/"
    assert client.get(answer.headers["Location"]).status_code == 200


def test_the_status_tells_each_account(ada: APIClient, product: Product, bind: Callable[..., Binding]) -> None:
    url = f"{SHOP}products/{product.pk}/sync-status/"
    assert ada.get(url).json() == {
        "status": "unknown",
        "remote_id": None,
        "error": "",
        "next_attempt_at": None,
        "synced_at": None,
        "bindings": [],
    }
    bind(product, state=State.HELD, code="refused", detail="too long", remote_id="r-1", synced_at=PAST)
    found = ada.get(url).json()
    assert (found["status"], found["remote_id"], found["error"]) == ("held", "r-1", "refused: too long")
    assert found["bindings"][0]["account"] == "shop/default"


def test_the_history_is_paged_and_its_payloads_are_for_those_who_may_read_them(
    caller: Callable[..., APIClient],
    product: Product,
    bind: Callable[..., Binding],
    attempt: Callable[..., Operation],
) -> None:
    row = bind(product)
    made = [attempt(row, request='{"price": 1, "password": "hunter2"}', response="no json {") for _ in range(3)]
    attempt(bind(product, object_id="other"))
    client = caller("view_product")
    first = client.get(f"{SHOP}products/{product.pk}/sync-history/?page_size=2").json()
    second = client.get(first["next"]).json()
    assert [each["id"] for each in first["results"] + second["results"]] == [one.pk for one in reversed(made)]
    assert "request" not in first["results"][0]
    whole = caller("view_product", "reveal_binding").get(f"{SHOP}products/{product.pk}/sync-history/").json()
    assert whole["results"][0]["request"] == {"price": 1, "password": "[hidden]"}
    assert whole["results"][0]["response"] == "no json {"
    answer = client.get(f"{SHOP}products/{product.pk}/sync-history/?pagesize=2")
    assert answer.status_code == 400


class TagSerializer(ModelSerializer):
    class Meta:
        model = Tag
        fields = ("id", "name")


class TagViewSet(SyncViewSetMixin, ModelViewSet):
    """Of a model that is not registered, in a site without our API and with its own errors."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    permission_classes = ()


class InStock:
    """A filter that says who may see what, as REST framework's own documentation does it."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        return queryset.filter(stock__gt=0)


@pytest.fixture
def own_site(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site that has mounted nothing but views of its own."""
    from examples.shop.api.views import ProductViewSet

    router = SimpleRouter()
    router.register("tags", TagViewSet)
    router.register("products", ProductViewSet)
    shown = type("InStockViewSet", (ProductViewSet,), {"filter_backends": (InStock,)})
    router.register("in-stock", shown, basename="in-stock")
    module = ModuleType("tests.api.own_site")
    module.urlpatterns = [path("", lambda request: None), *router.urls]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests.api.own_site", module)
    with override_settings(ROOT_URLCONF="tests.api.own_site"):
        yield


@pytest.mark.usefixtures("own_site")
def test_a_site_without_our_addresses_is_led_to_its_own(ada: APIClient, product: Product) -> None:
    answer = ada.post(f"/products/{product.pk}/sync/")
    assert answer.headers["Location"] == f"http://testserver/products/{product.pk}/sync-status/"
    assert answer.json()["bindings"][0]["url"] is None


@pytest.mark.usefixtures("own_site")
def test_a_model_that_is_not_registered_is_told_so(ada: APIClient) -> None:
    tag = Tag.objects.create(name="new")
    for answer in (ada.post(f"/tags/{tag.pk}/sync/"), ada.get(f"/tags/{tag.pk}/sync-status/")):
        assert (answer.status_code, answer.json()["code"]) == (422, "not_registered")


@pytest.mark.usefixtures("own_site")
def test_a_view_that_lets_everybody_in_tells_nothing_of_the_sync_to_strangers() -> None:
    tag = Tag.objects.create(name="new")
    assert APIClient().get(f"/tags/{tag.pk}/").status_code == 200
    assert APIClient().post(f"/tags/{tag.pk}/sync/").status_code == 401
    for page in ("sync-status", "sync-history"):
        assert APIClient().get(f"/tags/{tag.pk}/{page}/").status_code == 401


@pytest.mark.usefixtures("own_site")
def test_what_the_user_s_own_filters_hide_is_hidden_from_the_sync_too(
    ada: APIClient, products: list[Product], bind: Callable[..., Binding]
) -> None:
    hidden, seen = products[:2]
    Product.objects.filter(pk=seen.pk).update(stock=1)
    for one in (hidden, seen):
        bind(one, remote_id=f"r-{one.pk}")
    assert ada.get(f"/in-stock/{seen.pk}/sync-status/").json()["remote_id"] == f"r-{seen.pk}"
    assert ada.get(f"/in-stock/{seen.pk}/sync-history/?page_size=1").status_code == 200
    for page in ("sync-status", "sync-history"):
        assert ada.get(f"/in-stock/{hidden.pk}/{page}/").status_code == 404
    assert ada.post(f"/in-stock/{hidden.pk}/sync/").status_code == 404
    assert Binding.objects.get(object_id=str(hidden.pk)).wanted == Wanted.AUTO


# --- the example -----------------------------------------------------------------------------------------------------


def test_what_is_read_is_nested_and_what_is_written_names_ids(ada: APIClient, category: Category) -> None:
    tag = Tag.objects.create(name="sharp")
    sent = {"name": "Axe", "sku": "axe", "price": "12.00", "category_id": category.pk, "tag_ids": [tag.pk]}
    answer = ada.post(f"{SHOP}products/", sent, format="json")
    assert answer.status_code == 201
    found = answer.json()
    assert found["category"] == {"id": category.pk, "name": "Tools", "slug": "tools"}
    assert found["tags"] == [{"id": tag.pk, "name": "sharp"}]
    assert "category_id" not in found
    assert ada.get(f"{SHOP}products/{found['id']}/").json() == found


def test_a_change_over_the_api_is_captured_in_the_name_of_its_user(ada: APIClient, product: Product) -> None:
    from sync import capture
    from sync.models import Change

    with capture.enabled():
        ada.patch(f"{SHOP}products/{product.pk}/", {"price": "1.00"}, format="json")
    assert Change.objects.get().actor == "ada"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"category_id": 10**30}, "category_id"),
        ({"category_id": "x"}, "category_id"),
        ({"category_id": True}, "category_id"),
        ({"category_id": None}, "category_id"),
        ({"tag_ids": [0]}, "tag_ids"),
        ({"price": "NaN"}, "price"),
        ({"price": 10**40}, "price"),
        ({"price": -1}, "price"),
        ({"stock": 2**63}, "stock"),
        ({"name": "\x00"}, "name"),
        ({"sku": "x" * 51}, "sku"),
        ({"status": "gone"}, "status"),
        ({"picture_url": "javascript:1"}, "picture_url"),
    ],
)
def test_a_value_that_cannot_be_names_its_field(
    sent: dict[str, Any], field: str, ada: APIClient, product: Product
) -> None:
    answer = ada.patch(f"{SHOP}products/{product.pk}/", sent, format="json")
    assert answer.status_code == 400, answer.content
    assert {name.partition(".")[0] for name in answer.json()["field_errors"]} == {field}


def test_a_category_cannot_be_below_itself(ada: APIClient, category: Category) -> None:
    child = Category.objects.create(name="Saws", slug="saws", parent=category)
    for parent in (category, child):
        answer = ada.patch(f"{SHOP}categories/{category.pk}/", {"parent_id": parent.pk}, format="json")
        assert set(answer.json()["field_errors"]) == {"parent_id"}
    assert ada.patch(f"{SHOP}categories/{child.pk}/", {"parent_id": None}, format="json").json()["parent"] is None


def test_an_order_names_its_customer(ada: APIClient) -> None:
    customer = Customer.objects.create(email="a@b.test", name="A", credit=5)
    found = ada.post(f"{SHOP}orders/", {"number": "1", "customer_id": customer.pk}, format="json").json()
    assert found["customer"]["email"] == "a@b.test"
    ada.patch(f"{SHOP}customers/{customer.pk}/", {"credit": 9}, format="json")
    customer.refresh_from_db()
    assert customer.credit == 5
    assert ada.delete(f"{SHOP}orders/{found['id']}/").status_code == 204
    assert not Order.objects.exists()
