from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from examples.shop.models import Category, Product
from sync import registry
from sync.models import Binding, Connection, Operation, State
from sync.types import Wanted

LIST = "/admin/crudsync/binding/"


def page(client: Client, url: str, **data: Any) -> str:
    answer = client.get(url, data)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def shown(text: str) -> int:
    return text.count('class="action-select"')


def test_the_list_shows_state_reason_and_the_local_object(
    admin: Client, product: Product, bind: Callable[..., Binding]
) -> None:
    bind(product, state=State.HELD, code="refused", detail="too long", waits_for="category:3", remote_id="r1")
    text = page(admin, LIST)
    assert 'crudsync-held">held' in text
    assert "refused: too long: waits for category:3" in text
    assert f'<a href="/admin/shop/product/{product.pk}/change/">product {product.pk}</a>' in text


def test_an_object_without_an_admin_page_is_shown_without_a_link(admin: Client, connection: Connection) -> None:
    values = {"connection": connection, "object_type": "x"}
    Binding.objects.create(**values, object_id="1", model="shop.customer")
    Binding.objects.create(**values, object_id="2", model="gone.model")
    Binding.objects.create(**values, object_id="no number", model="shop.product")
    Binding.objects.create(**values, object_id="4", model="")
    text = page(admin, LIST)
    assert shown(text) == 4
    assert "/admin/shop/" not in text.partition('id="result_list"')[2].partition("</table>")[0]


def test_the_list_asks_a_constant_number_of_queries(
    admin: Client, category: Category, bind: Callable[..., Binding]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            page(admin, LIST)
        return len(context)

    bind(category)
    few = queries()
    for n in range(30):
        bind(Product.objects.create(category=category, name="n", sku=f"b{n}", price=1))
    assert queries() == few


@pytest.mark.parametrize(
    ("term", "found"), [("r-77", 1), ("r-7", 0), ("r-7*", 2), ("R-77", 0), ("nothing", 0), ("", 3), ("  ", 3)]
)
def test_search_finds_a_remote_id_whole_or_by_its_beginning(
    term: str, found: int, admin: Client, category: Category, bind: Callable[..., Binding]
) -> None:
    for n, remote_id in enumerate(["r-77", "r-78", None]):
        bind(Product.objects.create(category=category, name="n", sku=f"b{n}", price=1), remote_id=remote_id)
    assert shown(page(admin, LIST, q=term)) == found


def test_search_finds_a_local_id(admin: Client, product: Product, bind: Callable[..., Binding]) -> None:
    bind(product)
    assert shown(page(admin, LIST, q=str(product.pk))) == 1


def test_search_works_where_nothing_is_registered(
    admin: Client, product: Product, bind: Callable[..., Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(product, remote_id="r1")
    monkeypatch.setattr(registry, "integrators", dict)
    assert shown(page(admin, LIST, q="r1")) == 1


def test_filters_narrow_the_list(
    admin: Client, product: Product, category: Category, bind: Callable[..., Binding]
) -> None:
    bind(product, state=State.DEAD)
    bind(category)
    assert shown(page(admin, LIST, state__exact="dead")) == 1
    assert shown(page(admin, LIST, object_type="category")) == 1
    assert shown(page(admin, LIST)) == 2


def test_resync_and_verify_ask_for_what_is_selected(
    admin: Client, product: Product, category: Category, bind: Callable[..., Binding]
) -> None:
    rows = [bind(product), bind(category)]
    for action, wanted in (("verify_selected", Wanted.VERIFY), ("resync_selected", Wanted.PUSH)):
        data = {"action": action, "_selected_action": [row.pk for row in rows]}
        assert "2 objects were asked for." in admin.post(LIST, data, follow=True).content.decode()
        assert set(Binding.objects.values_list("wanted", flat=True)) == {wanted}


def test_who_may_only_look_gets_no_actions(
    staff: Callable[..., Client], product: Product, bind: Callable[..., Binding]
) -> None:
    row = bind(product)
    client = staff("view_binding")
    assert "resync_selected" not in page(client, LIST)
    client.post(LIST, {"action": "resync_selected", "_selected_action": [row.pk]})
    assert Binding.objects.get().wanted == Wanted.AUTO


def test_who_may_resync_bindings_may_edit_nothing(
    staff: Callable[..., Client], product: Product, bind: Callable[..., Binding]
) -> None:
    row = bind(product)
    client = staff("view_binding", "change_binding", "resync_binding")
    client.post(LIST, {"action": "resync_selected", "_selected_action": [row.pk]})
    assert Binding.objects.get().wanted == Wanted.PUSH
    assert client.post(f"{LIST}{row.pk}/change/", {"remote_id": "mine"}).status_code == 403
    assert client.get(f"{LIST}{row.pk}/delete/").status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert "delete_selected" not in page(client, LIST)


def test_the_detail_shows_what_was_agreed_and_each_attempt(
    admin: Client, product: Product, bind: Callable[..., Binding], attempt: Callable[..., Operation]
) -> None:
    row = bind(product, sent='{"name": "Saw"}', seen="no json {", wanted=Wanted.VERIFY)
    attempt(row, detail="went well")
    text = page(admin, f"{LIST}{row.pk}/change/")
    assert "{\n  &quot;name&quot;: &quot;Saw&quot;\n}" in text
    assert "no json {" in text
    assert "verify" in text
    assert "went well" in text
    assert "Did it arrive?" not in text


@pytest.fixture
def doubtful(product: Product, bind: Callable[..., Binding]) -> Binding:
    return bind(product, state=State.IN_DOUBT, uncertain="create", intent="{}", code="in_doubt")


def test_a_doubt_is_ended_by_the_id_that_was_found(admin: Client, doubtful: Binding) -> None:
    url = f"{LIST}{doubtful.pk}/doubt/"
    assert url in page(admin, f"{LIST}{doubtful.pk}/change/")
    assert "Look there" in page(admin, url)
    answer = admin.post(url, {"answer": "arrived", "remote_id_given": "r9"}, follow=True)
    assert "Noted." in answer.content.decode()
    doubtful.refresh_from_db()
    assert (doubtful.remote_id, doubtful.uncertain, doubtful.state) == ("r9", "", State.PENDING)
    assert "arrived as r9" in LogEntry.objects.get().change_message


def test_a_doubt_is_ended_by_its_absence(admin: Client, doubtful: Binding) -> None:
    admin.post(f"{LIST}{doubtful.pk}/doubt/", {"answer": "never", "remote_id_given": "ignored"})
    doubtful.refresh_from_db()
    assert (doubtful.remote_id, doubtful.state) == (None, State.PENDING)
    assert doubtful.due_at is not None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "This field is required"),
        ({"answer": "arrived"}, "Which id does it have there?"),
        ({"answer": "arrived", "remote_id_given": "taken"}, "Another object is bound to this id."),
    ],
)
def test_an_answer_that_says_too_little_is_asked_again(
    data: dict[str, str], words: str, admin: Client, doubtful: Binding, category: Category, bind: Callable[..., Binding]
) -> None:
    bind(category, object_type="product", object_id="another", remote_id="taken")
    assert words in admin.post(f"{LIST}{doubtful.pk}/doubt/", data).content.decode()
    doubtful.refresh_from_db()
    assert doubtful.state == State.IN_DOUBT


def test_a_doubt_that_has_ended_meanwhile_is_left_alone(
    admin: Client, product: Product, bind: Callable[..., Binding]
) -> None:
    row = bind(product, remote_id="r1")
    answer = admin.post(f"{LIST}{row.pk}/doubt/", {"answer": "never"}, follow=True)
    assert "no longer in doubt" in answer.content.decode()
    row.refresh_from_db()
    assert row.remote_id == "r1"


def test_a_doubt_needs_the_permission_to_change(staff: Callable[..., Client], doubtful: Binding) -> None:
    client = staff("view_binding")
    assert "Did it arrive?" not in page(client, f"{LIST}{doubtful.pk}/change/")
    assert client.post(f"{LIST}{doubtful.pk}/doubt/", {"answer": "never"}).status_code == 403


def test_a_doubt_about_nothing_is_not_found(admin: Client) -> None:
    assert admin.get(f"{LIST}999/doubt/").status_code == 404
