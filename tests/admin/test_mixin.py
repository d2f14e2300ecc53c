from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from examples.shop.models import Category, Product
from sync.admin import show
from sync.models import Binding, Change, Connection, Gate, Operation, State
from sync.types import Wanted
from tests.admin.conftest import AT

LIST = "/admin/shop/product/"


def page(client: Client, url: str, **data: Any) -> str:
    answer = client.get(url, data)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def history_of(product: Product) -> str:
    return f"{LIST}{product.pk}/crudsync/"


def test_the_list_shows_each_object_s_state(
    admin: Client, product: Product, category: Category, bind: Callable[..., Binding]
) -> None:
    bind(product, state=State.HELD)
    Product.objects.create(category=category, name="Axe", sku="axe", price=1)
    text = page(admin, LIST)
    assert 'crudsync-badge crudsync-held">held' in text
    assert 'crudsync-badge crudsync-unknown">not synced yet' in text


def test_an_object_of_two_accounts_shows_both(admin: Client, product: Product, bind: Callable[..., Binding]) -> None:
    bind(product)
    bind(product, connection=Connection.objects.create(integrator="shop", name="berlin"), state=State.DEAD)
    text = page(admin, LIST)
    assert 'shop/default: <span class="crudsync-badge crudsync-synced">synced' in text
    assert 'shop/berlin: <span class="crudsync-badge crudsync-dead">dead' in text


def test_the_column_stays_where_the_user_put_it(admin: Client, category: Category) -> None:
    text = page(admin, "/admin/shop/category/")
    assert text.index("column-crudsync_status") < text.index("column-name")
    assert text.count("column-crudsync_status") == 1


def test_the_list_asks_once_for_all_rows(
    admin: Client, category: Category, bind: Callable[..., Binding], django_assert_num_queries: Any
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            page(admin, LIST)
        return len(context)

    for n in range(2):
        bind(Product.objects.create(category=category, name="n", sku=f"a{n}", price=1))
    few = queries()
    for n in range(20):
        bind(Product.objects.create(category=category, name="n", sku=f"b{n}", price=1))
    assert queries() == few


def test_the_styles_are_added_to_the_user_s_own(admin: Client, category: Category) -> None:
    text = page(admin, "/admin/shop/category/")
    assert "crudsync/admin.css" in text
    assert "shop/own.css" in text


def test_resync_selected_asks_for_the_whole_state(admin: Client, product: Product) -> None:
    answer = admin.post(LIST, {"action": "crudsync_resync", "_selected_action": [product.pk]}, follow=True)
    assert "1 object was asked for." in answer.content.decode()
    row = Binding.objects.get()
    assert (row.object_id, row.wanted, row.actor) == (str(product.pk), Wanted.PUSH, "ada (resync)")


def test_resync_of_an_unregistered_model_says_what_is_wrong(admin: Client) -> None:
    group = Group.objects.create(name="staff")
    data = {"action": "crudsync_resync", "_selected_action": [group.pk]}
    text = admin.post("/admin/auth/group/", data, follow=True).content.decode()
    assert "The model auth.group is not registered with any integrator" in text


def test_who_may_only_look_gets_no_action(staff: Callable[..., Client], product: Product) -> None:
    client = staff("view_product")
    assert "crudsync_resync" not in page(client, LIST)
    client.post(LIST, {"action": "crudsync_resync", "_selected_action": [product.pk]})
    assert not Binding.objects.exists()


def test_a_popup_has_no_action(admin: Client, product: Product) -> None:
    assert "crudsync_resync" in page(admin, LIST)
    assert "crudsync_resync" not in page(admin, LIST, _popup="1")


def test_the_change_form_shows_the_panel_and_a_link_to_the_history(
    admin: Client, product: Product, bind: Callable[..., Binding], attempt: Callable[..., Operation]
) -> None:
    row = bind(product, state=State.RETRYING, code="server_error", detail="the remote said 500", remote_id="r-7")
    attempt(row, status="failed", status_code=500, duration_ms=1234.5, response='{"error": "boom"}')
    text = page(admin, f"{LIST}{product.pk}/change/")
    assert f'href="{history_of(product)}" class="historylink">Sync history' in text
    for shown in ("server_error: the remote said 500", "r-7", "grace", "1.2 s", "500", "boom"):
        assert shown in text


def test_the_form_of_a_new_object_has_no_panel(admin: Client) -> None:
    assert "crudsync-panel" not in page(admin, f"{LIST}add/")


def test_the_panel_shows_the_last_attempts_and_leads_to_the_others(
    admin: Client, product: Product, bind: Callable[..., Binding], attempt: Callable[..., Operation]
) -> None:
    row = bind(product)
    made = [attempt(row, detail=f"number {n}.") for n in range(7)]
    text = page(admin, f"{LIST}{product.pk}/change/")
    assert "number 6." in text
    assert "number 1." not in text
    assert f"{history_of(product)}?before={made[2].pk}" in text
    older = page(admin, history_of(product), before=made[2].pk)
    assert "number 1." in older
    assert "number 2." not in older


def test_the_history_asks_a_constant_number_of_queries(
    admin: Client, product: Product, bind: Callable[..., Binding], attempt: Callable[..., Operation]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            page(admin, history_of(product))
        return len(context)

    row = bind(product)
    attempt(row)
    few = queries()
    for _ in range(30):
        attempt(row)
    bind(product, connection=Connection.objects.create(integrator="shop", name="berlin"))
    assert queries() == few


@pytest.mark.parametrize("cursor", ["nonsense", "-1", "9" * 40, "²"])
def test_a_cursor_that_is_none_begins_at_the_newest(
    cursor: str, admin: Client, product: Product, bind: Callable[..., Binding], attempt: Callable[..., Operation]
) -> None:
    attempt(bind(product), detail="the newest")
    assert "the newest" in page(admin, history_of(product), before=cursor)


def test_an_object_that_nobody_took_yet_says_so(admin: Client, product: Product) -> None:
    assert "no worker has taken a change of it" in page(admin, history_of(product))


def test_a_remote_s_answer_is_escaped(
    admin: Client, product: Product, bind: Callable[..., Binding], attempt: Callable[..., Operation]
) -> None:
    evil = "<script>alert(1)</script>"
    row = bind(product, state=State.HELD, detail=evil, remote_id=evil, code=evil[:50])
    attempt(row, response=f'{{"a": "{evil}"}}', request=evil, detail=evil, actor=evil)
    for url in (LIST, history_of(product), f"{LIST}{product.pk}/change/"):
        assert evil not in page(admin, url)


@pytest.mark.parametrize(("button", "wanted"), [("_push", Wanted.PUSH), ("_verify", Wanted.VERIFY)])
def test_the_history_s_buttons_ask_for_the_object(button: str, wanted: Wanted, admin: Client, product: Product) -> None:
    answer = admin.post(history_of(product), {button: ""})
    assert answer.status_code == 302
    assert Binding.objects.get().wanted == wanted
    assert wanted.name.lower() in LogEntry.objects.get().change_message


def test_a_request_that_cannot_be_made_is_not_logged(admin: Client) -> None:
    group = Group.objects.create(name="staff")
    text = admin.post(f"/admin/auth/group/{group.pk}/crudsync/", {"_push": ""}, follow=True).content.decode()
    assert "not registered" in text
    assert not LogEntry.objects.exists()


def test_who_may_only_look_sees_the_history_without_bodies_and_buttons(
    staff: Callable[..., Client],
    product: Product,
    bind: Callable[..., Binding],
    attempt: Callable[..., Operation],
) -> None:
    attempt(bind(product), request='{"price": "the body"}', detail="fine")
    client = staff("view_product")
    text = page(client, history_of(product))
    assert "fine" in text
    assert "the body" not in text
    assert 'name="_push"' not in text
    assert client.post(history_of(product), {"_push": ""}).status_code == 403
    assert Binding.objects.get().wanted == Wanted.AUTO


def test_who_may_read_payloads_sees_the_bodies(
    staff: Callable[..., Client],
    product: Product,
    bind: Callable[..., Binding],
    attempt: Callable[..., Operation],
) -> None:
    attempt(bind(product), request='{"price": "the body"}')
    assert "the body" in page(staff("view_product", "reveal_binding"), history_of(product))


def test_who_may_not_see_the_object_sees_no_history(staff: Callable[..., Client], product: Product) -> None:
    assert staff("view_operation", "view_binding").get(history_of(product)).status_code == 403


def test_who_is_no_staff_is_sent_to_the_login(client: Client, product: Product) -> None:
    client.force_login(User.objects.create_user("eve"))
    answer = client.get(history_of(product))
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


def test_an_object_that_does_not_exist_has_no_history(admin: Client, db: None) -> None:
    assert admin.get(f"{LIST}999/crudsync/").status_code == 404


def changed(product: Product) -> None:
    Change.objects.create(model="shop.product", object_id=str(product.pk), created_at=timezone.now())


def test_a_saved_object_is_pending_before_a_worker_took_the_change(
    admin: Client, product: Product, bind: Callable[..., Binding]
) -> None:
    bind(product, state=State.SYNCED)
    changed(product)
    assert 'crudsync-badge crudsync-pending">pending' in page(admin, LIST)
    assert "no worker has taken that change yet" in page(admin, history_of(product))


def test_a_change_of_another_object_is_not_its_own(
    admin: Client, product: Product, category: Category, bind: Callable[..., Binding]
) -> None:
    bind(product, state=State.SYNCED)
    Change.objects.create(model="shop.category", object_id=str(product.pk), created_at=timezone.now())
    changed(Product(pk=product.pk + 1))
    assert "crudsync-pending" not in page(admin, LIST)
    assert "no worker has taken that change yet" not in page(admin, history_of(product))


@pytest.mark.parametrize(
    ("account", "gate", "said"),
    [
        ({"paused": True, "paused_reason": "moving house"}, {}, "paused: moving house"),
        ({}, {"seconds": 60, "reason": "the remote asked for a pause"}, ": the remote asked for a pause"),
        ({}, {"seconds": -1, "reason": "over"}, ""),
    ],
)
def test_what_waits_for_its_connection_says_so(
    account: dict[str, Any],
    gate: dict[str, Any],
    said: str,
    admin: Client,
    product: Product,
    bind: Callable[..., Binding],
) -> None:
    bind(product, state=State.PENDING, due_at=timezone.now())
    Connection.objects.update(**account)
    if gate:
        until = timezone.now() + dt.timedelta(seconds=gate["seconds"])
        Gate.objects.update(blocked_until=until, reason=gate["reason"])
    text = page(admin, history_of(product))
    cell = text.partition('data-label="Reason" class="crudsync-long">')[2].partition("</td>")[0]
    assert cell.endswith(said) if said else cell == "–"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"due_at": None}, "–"),
        ({"due_at": -5}, "now"),
        ({"due_at": 30, "leased": True}, "under way"),
        ({"due_at": 30.5}, "in 31 s"),
        ({"due_at": 86_400}, "2"),
    ],
)
def test_the_next_attempt_is_told_as_seen_from_now(
    values: dict[str, Any], said: str, product: Product, bind: Callable[..., Binding], time_machine: Any
) -> None:
    time_machine.move_to(AT, tick=False)
    after = values["due_at"]
    row = bind(product, **{**values, "due_at": after if after is None else AT + dt.timedelta(seconds=after)})
    assert show.next_attempt(row) == (said if after != 86_400 else "2026-03-02 09:00:00")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "–"),
        ({"status_code": 200}, "200"),
        ({"status_code": 422, "code": "refused", "detail": "name is missing"}, "422: refused: name is missing"),
        ({"status_code": 503, "code": "server_error", "detail": "it said 503"}, "server_error: it said 503"),
    ],
)
def test_an_answer_names_its_status_once(values: dict[str, Any], said: str) -> None:
    assert show.answer(Operation(**values)) == said


def test_a_gate_that_repeats_an_object_s_reason_is_shown_once(
    admin: Client, product: Product, bind: Callable[..., Binding]
) -> None:
    bind(product, state=State.RETRYING, due_at=timezone.now(), code="unavailable", detail="it said 503")
    until = timezone.now() + dt.timedelta(seconds=60)
    Gate.objects.update(blocked_until=until, reason="it said 503")
    assert page(admin, history_of(product)).count("it said 503") == 2  # in the sentence, and in its row
    Gate.objects.update(blocked_until=until, reason="nobody answers")
    text = page(admin, history_of(product))
    assert "unavailable: it said 503; shut until" in text
