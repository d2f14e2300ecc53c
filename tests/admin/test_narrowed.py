"""The user's own list under our filters: which rows, in which order, on which page, and how many it says there are."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connection as database
from django.db.models import F
from django.db.models.functions import Length
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from examples.shop.models import Category, Product, Tag
from sync.admin.narrowed import NarrowedChangeList, narrowed
from sync.models import Binding, Connection, State
from sync.types import Wanted
from tests.admin.site import ProductAdmin

LIST = "/admin/shop/product/"
SIZE = 3
FURTHER = 6
COUNTED = SIZE + FURTHER

STUCK = (State.HELD, State.IN_DOUBT, State.DEAD)
WAITING = (State.PENDING, State.RETRYING, State.WAITING)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductAdmin, "list_per_page", SIZE)
    monkeypatch.setattr(ProductAdmin, "list_max_show_all", SIZE + 1)
    monkeypatch.setattr(NarrowedChangeList, "counted", FURTHER)


@pytest.fixture
def products(category: Category) -> Callable[..., list[Product]]:
    """Make so many products; their order by name is not the one that they are made in."""

    def made(total: int) -> list[Product]:
        start = Product.objects.count()
        rows = [
            Product(category=category, name=f"n{n * 7 % 10}", sku=f"s{n:03}", price=1)
            for n in range(start, start + total)
        ]
        return Product.objects.bulk_create(rows)

    return made


@pytest.fixture
def failed(products: Callable[..., list[Product]], bind: Callable[..., Binding]) -> Callable[..., list[Product]]:
    """Make so many products that were refused, and return them as the list has them."""

    def made(total: int) -> list[Product]:
        for product in products(total):
            bind(product, state=State.HELD, code="refused")
        return sorted(Product.objects.all(), key=lambda row: (row.name, row.sku))

    return made


def changelist(client: Client, **data: Any) -> Any:
    answer: Any = client.get(LIST, data)
    assert answer.status_code == 200, answer
    return answer.context["cl"]


def shown(client: Client, **data: Any) -> list[Any]:
    return list(changelist(client, **data).result_list)


def walk(client: Client, **data: Any) -> list[Any]:
    """Go from page to page, as far as each says that there is another."""
    rows: list[Any] = []
    for page in itertools.count(1):
        found = changelist(client, **data, p=page)
        rows += found.result_list
        if page >= found.paginator.num_pages:
            return rows
        assert page < 50, "it goes round in a circle"
    return rows


# --- which rows, in which order --------------------------------------------------------------------------------------


def wanted(product: Product, state: str, account: Connection | None) -> bool:
    """Whether a list shows it, said in Python."""
    rows = [row for row in Binding.objects.filter(model="shop.product") if row.object_id == str(product.pk)]
    rows = [row for row in rows if account is None or row.connection_id == account.pk]
    match state:
        case "failed":
            return any(row.state in STUCK and row.code != "unlinked" for row in rows)
        case "pending":
            return any(row.state in WAITING for row in rows)
        case "synced":
            return any(row.state == State.SYNCED for row in rows)
        case "never":
            return not rows
        case _:
            return bool(rows) or account is None


@pytest.fixture
def mixed(
    products: Callable[..., list[Product]], bind: Callable[..., Binding], connection: Connection
) -> list[Connection]:
    """Products in every state under two accounts; one that nobody took, and one of a state under each."""
    berlin = Connection.objects.create(integrator="shop", name="berlin")
    states = [*State, None]
    for number, product in enumerate(products(2 * len(states) + 7)):
        first, second = states[number % len(states)], states[number * 5 % 7]
        if first is not None:
            code = "unlinked" if number % 4 == 3 else ""
            bind(product, state=first, code=code)
        if number % 3 == 0 and number != 2 * len(states) - 1:
            bind(product, state=second, connection=berlin)
    return [connection, berlin]


WAYS = {"few": (5_000, 0), "most": (0, 0), "middling": (0, 10_000)}
"""How many bindings are few, and how many rows the database thinks that there are: so each way of asking is gone."""

KEYS: dict[str, Any] = {
    "": lambda row: (row.name, row.sku),
    "-2": lambda row: [-ord(letter) for letter in row.sku],
    "1.-2": lambda row: (row.name, [-ord(letter) for letter in row.sku]),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    few, estimated = WAYS[request.param]
    monkeypatch.setattr(NarrowedChangeList, "few", few)
    monkeypatch.setattr("sync.admin.narrowed._estimated", lambda model, using: estimated)
    monkeypatch.setattr(ProductAdmin, "list_per_page", 10)
    return str(request.param)


@pytest.mark.parametrize(("order", "search"), [("", ""), ("-2", ""), ("1.-2", "n3"), ("", "nothing")])
@pytest.mark.parametrize("state", ["failed", "pending", "never", "synced", ""])
def test_the_pages_show_what_the_bindings_say_in_the_user_s_order(
    state: str, order: str, search: str, way: str, admin: Client, mixed: list[Connection]
) -> None:
    for account in (None, *mixed):
        found = [row for row in Product.objects.all() if search in row.name and wanted(row, state, account)]
        given = {"crudsync": state, "crudsync_connection": account.pk if account else "", "q": search, "o": order}
        data = {name: value for name, value in given.items() if value != ""}
        assert walk(admin, **data) == sorted(found, key=KEYS[order]), data


@pytest.mark.parametrize("state", ["failed", "never"])
def test_a_search_that_finds_a_row_twice_shows_it_once(
    state: str, way: str, admin: Client, mixed: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProductAdmin, "search_fields", ("tags__name",))
    tags = [Tag.objects.create(name=name) for name in ("oak", "oaken")]
    rows = [row for row in Product.objects.order_by("name", "sku") if wanted(row, state, None)]
    assert len(rows) > 1
    for row in rows[1:]:
        row.tags.set(tags)
    assert walk(admin, crudsync=state, q="oak") == rows[1:]


def test_a_search_with_an_order_of_its_own_keeps_it(
    way: str, admin: Client, mixed: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(self: Any, request: HttpRequest, queryset: Any, term: str) -> tuple[Any, bool]:
        return queryset.annotate(rank=Length("name") - F("price") * F("pk")).order_by("rank"), False

    monkeypatch.setattr(ProductAdmin, "get_search_results", found)
    rows = [row for row in Product.objects.order_by("-pk") if wanted(row, "never", None)]
    assert len(rows) > 1
    assert walk(admin, crudsync="never", q="n") == rows


def test_a_binding_whose_id_is_no_key_of_the_model_is_passed_over(
    admin: Client, failed: Callable[..., list[Product]], bind: Callable[..., Binding]
) -> None:
    rows = failed(2)
    for stray in ("a4", "9" * 40, f"0{rows[0].pk}", "", " "):
        bind(rows[0], object_id=stray, state=State.HELD)
    Binding.objects.filter(object_id=str(rows[0].pk)).update(state=State.SYNCED)
    assert shown(admin, crudsync="failed") == [rows[1]]


@pytest.mark.pg
def test_postgresql_finds_what_has_no_binding_before_it_sorts(
    category: Category, connection: Connection, admin: Client
) -> None:
    made = [Product(category=category, name="n", sku=f"s{n:05}", price=1) for n in range(3000)]
    given = {"connection": connection, "object_type": "product", "model": "shop.product", "state": State.SYNCED}
    rows = Product.objects.bulk_create(made)
    Binding.objects.bulk_create([Binding(**given, object_id=str(row.pk)) for row in rows])
    with database.cursor() as cursor:
        cursor.execute("ANALYZE crudsync_binding, shop_product")
    with CaptureQueriesContext(database) as context:
        assert shown(admin, crudsync="never", o="2") == []
    (listed,) = [one["sql"] for one in context if "NOT EXISTS" in one["sql"]]
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN {listed}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Hash" in plan, plan
    assert "Nested Loop" not in plan, plan


def test_a_filter_of_the_user_s_own_holds_beside_ours(
    admin: Client, failed: Callable[..., list[Product]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProductAdmin, "list_filter", ("status",))
    rows = failed(5)
    Product.objects.filter(pk=rows[1].pk).update(status=Product.Status.DRAFT)
    assert shown(admin, crudsync="failed", status__exact="draft") == [rows[1]]
    assert walk(admin, crudsync="failed", status__exact="active") == [rows[0], *rows[2:]]


# --- how many, and which page ----------------------------------------------------------------------------------------


def test_few_rows_are_counted_to_the_last(admin: Client, failed: Callable[..., list[Product]]) -> None:
    rows = failed(COUNTED)
    found = changelist(admin, crudsync="failed")
    assert (found.result_count, found.paginator.num_pages) == (COUNTED, 3)
    assert list(found.result_list) == rows[:SIZE]


def test_many_rows_are_said_to_be_more_than_were_counted(admin: Client, failed: Callable[..., list[Product]]) -> None:
    failed(COUNTED + 1)
    text = admin.get(LIST, {"crudsync": "failed"}).content.decode()
    assert re.search(rf"{COUNTED}\+\s+products", text)
    assert f"Select all {COUNTED}+ products" in text
    assert f"{COUNTED}+ results" in text


def test_the_pages_go_on_beyond_what_the_first_one_counted(admin: Client, failed: Callable[..., list[Product]]) -> None:
    rows = failed(4 * COUNTED + 1)
    assert changelist(admin, crudsync="failed").paginator.num_pages == 3
    assert changelist(admin, crudsync="failed", p=2).paginator.num_pages == 4
    assert walk(admin, crudsync="failed") == rows
    assert changelist(admin, crudsync="failed", p=12).result_count == len(rows)


@pytest.mark.parametrize("page", ["4", "0", "-1", "9" * 30, "9" * 18])
def test_a_page_that_is_none_leads_back_to_the_list(
    page: str, admin: Client, failed: Callable[..., list[Product]]
) -> None:
    failed(COUNTED)
    answer = admin.get(LIST, {"crudsync": "failed", "p": page})
    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}?e=1")


@pytest.mark.parametrize("page", ["2", "0", "nonsense"])
def test_a_list_of_one_page_shows_it_whichever_is_asked_for(
    page: str, admin: Client, failed: Callable[..., list[Product]]
) -> None:
    rows = failed(SIZE)
    assert shown(admin, crudsync="failed", p=page) == rows


def test_all_are_shown_where_they_are_few_enough(admin: Client, failed: Callable[..., list[Product]]) -> None:
    rows = failed(SIZE + 1)
    assert 'class="showall"' in admin.get(LIST, {"crudsync": "failed"}).content.decode()
    assert shown(admin, crudsync="failed", all="") == rows
    rows = failed(1)
    assert 'class="showall"' not in admin.get(LIST, {"crudsync": "failed"}).content.decode()
    assert shown(admin, crudsync="failed", all="") == rows[:SIZE]
    assert shown(admin, crudsync="failed", all="", p=2) == rows[SIZE:]


def test_a_page_larger_than_what_is_counted_has_another_behind_it(
    admin: Client, failed: Callable[..., list[Product]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NarrowedChangeList, "counted", 1)
    monkeypatch.setattr(ProductAdmin, "list_max_show_all", 1)
    rows = failed(2 * SIZE + 1)
    assert walk(admin, crudsync="failed") == rows


def test_what_is_found_is_asked_once_and_rows_are_not_counted(
    admin: Client, failed: Callable[..., list[Product]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NarrowedChangeList, "few", 0)

    def asked() -> list[str]:
        with CaptureQueriesContext(database) as context:
            shown(admin, crudsync="failed")
        return [one["sql"] for one in context]

    failed(SIZE)
    few = len(asked())
    failed(20)
    statements = asked()
    assert len(statements) == few
    assert not [sql for sql in statements if "COUNT(" in sql and "shop_product" in sql]
    looked = [sql for sql in statements if "EXISTS" in sql]
    assert [bool(re.search(r'"shop_product"\."id" IN \(', sql)) for sql in looked] == [False, True]


# --- what else a list can do -----------------------------------------------------------------------------------------


def test_an_action_over_all_reaches_what_was_not_counted(admin: Client, failed: Callable[..., list[Product]]) -> None:
    rows = failed(2 * COUNTED)
    data = {"action": "crudsync_resync", "select_across": "1", "index": "0", "_selected_action": [rows[0].pk]}
    answer = admin.post(f"{LIST}?crudsync=failed", data, follow=True)
    assert f"{2 * COUNTED} objects were asked for." in answer.content.decode()
    assert Binding.objects.filter(wanted=Wanted.PUSH).count() == 2 * COUNTED


def test_rows_are_edited_in_a_list_that_is_filtered(admin: Client, failed: Callable[..., list[Product]]) -> None:
    rows = failed(SIZE + 2)
    formset = changelist(admin, crudsync="failed").formset
    assert [form.instance for form in formset.forms] == rows[:SIZE]
    data: dict[str, Any] = {"form-TOTAL_FORMS": SIZE, "form-INITIAL_FORMS": SIZE, "_save": "1"}
    for place, row in enumerate(rows[:SIZE]):
        data |= {f"form-{place}-id": row.pk, f"form-{place}-sku": f"{row.sku}!"}
    assert admin.post(f"{LIST}?crudsync=failed", data).status_code == 302
    kept = list(Product.objects.order_by("name", "sku").values_list("sku", flat=True))
    assert kept == [f"{row.sku}!" for row in rows[:SIZE]] + [row.sku for row in rows[SIZE:]]


# --- what is the user's own ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [{}, {"q": "n"}, {"crudsync": "nonsense"}])
def test_a_list_that_we_do_not_filter_is_counted_as_ever(
    data: dict[str, str], admin: Client, failed: Callable[..., list[Product]]
) -> None:
    failed(COUNTED + 2)
    found = changelist(admin, **data)
    assert (found.result_count, found.full_result_count) == (COUNTED + 2, COUNTED + 2)
    assert found.paginator.num_pages == 4


class OwnPaginator(Paginator):  # type: ignore[type-arg]
    """Of the user's own."""


def test_a_paginator_of_the_user_s_own_pages_as_it_does(
    admin: Client, failed: Callable[..., list[Product]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProductAdmin, "paginator", OwnPaginator)
    rows = failed(COUNTED + 2)
    found = changelist(admin, crudsync="failed", p=3)
    assert (type(found.paginator), found.result_count) == (OwnPaginator, COUNTED + 2)
    assert list(found.result_list) == rows[2 * SIZE : 3 * SIZE]


class Titled(ChangeList):
    """A list of the user's own."""


class Finding(ChangeList):
    """A list that finds its rows in a way of its own."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)


def test_a_list_of_the_user_s_own_is_kept() -> None:
    assert narrowed(ChangeList) is NarrowedChangeList
    assert narrowed(Titled).__mro__[1:3] == (NarrowedChangeList, Titled)
    assert narrowed(Titled) is narrowed(Titled)
    assert narrowed(Finding) is Finding
