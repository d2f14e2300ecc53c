# ruff: noqa: F811 - fixtures are imported: the plugin itself would switch capture off for the whole suite
"""The pages about one object, and its buttons, against a real remote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils import timezone

from examples.shop.models import Category, Product
from sync import capture, registry
from sync.admin import deeds
from sync.models import Binding, Cause, Change, Connection, Operation, State
from sync.testing import Delivered, Remote
from sync.testing.plugin import captured, deliver, sandbox, sandbox_options  # noqa: F401 - fixtures
from sync.types import Wanted

LIST = "/admin/shop/product/"
Deliver = Callable[..., Delivered]


@pytest.fixture
def sent(sandbox: Remote, deliver: Deliver) -> Product:
    """A product that is at the remote."""
    with capture.enabled():
        category = Category.objects.create(name="Tools", slug="tools")
        made = Product.objects.create(category=category, name="Saw", sku="saw-1", price="9.50")
        deliver()
    return made


def bound(product: Product) -> Binding:
    return Binding.objects.select_related("connection").get(object_type="product", object_id=str(product.pk))


def about(product: Product, word: str) -> str:
    return f"{LIST}{product.pk}/crudsync/{registry.connection('shop').pk}/product/{word}/"


def page(client: Client, url: str, **data: Any) -> str:
    answer = client.get(url, data)
    assert answer.status_code == 200, (url, answer.status_code)
    return str(answer.content.decode())


def posted(client: Client, url: str, **data: Any) -> str:
    answer = client.post(url, data, follow=True)
    assert answer.status_code == 200, (url, answer.status_code)
    return str(answer.content.decode())


# --- the panel -------------------------------------------------------------------------------------------------------


def test_the_first_thing_to_read_is_what_became_of_it(admin: Client, product: Product, bind: Any) -> None:
    said = 'the remote answered 422: {"errors": {"price": ["must be positive"]}}'
    bind(product, state=State.HELD, code="refused", detail=said)
    for url in (f"{LIST}{product.pk}/change/", f"{LIST}{product.pk}/crudsync/"):
        panel = page(admin, url).partition('id="crudsync-panel"')[2]
        sentence = panel.partition("<p>")[2].partition("</p>")[0]
        assert sentence == (
            "<strong>Not at shop yet: the remote refused “price” (422: must be positive).</strong> "
            "It is held until somebody edits it, or pushes it again."
        )


def test_an_object_that_was_never_asked_for_says_so_and_can_be_adopted(
    admin: Client, product: Product, connection: Connection
) -> None:
    text = page(admin, f"{LIST}{product.pk}/change/")
    assert "Never sent to shop" in text
    assert about(product, "adopt") in text
    assert about(product, "unlink") not in text


def test_links_are_for_those_who_may_use_them(staff: Callable[..., Client], product: Product, bind: Any) -> None:
    at = timezone.now()
    cause = Cause.objects.create(fingerprint="x", integrator="shop", first_seen=at, last_seen=at)
    bind(product, state=State.DEAD, remote_id="r-1", cause=cause)
    text = page(staff("view_product"), f"{LIST}{product.pk}/change/")
    assert about(product, "diff") in text
    for word in ("ignore", "unlink", "adopt"):
        assert about(product, word) not in text
    assert "_now" not in text
    assert "crudsync-deeds" not in text


def test_the_panel_of_one_with_many_accounts_asks_no_more(admin: Client, product: Product, bind: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            page(admin, f"{LIST}{product.pk}/change/")
        return len(context)

    bind(product)
    few = queries()
    for n in range(5):
        account = Connection.objects.create(integrator="shop", name=f"a{n}")
        if n % 2:
            bind(product, connection=account)
    assert queries() == few


def test_a_binding_of_an_integrator_that_is_gone_has_no_pages(admin: Client, product: Product, bind: Any) -> None:
    gone = Connection.objects.create(integrator="long_gone")
    bind(product, connection=gone, remote_id="r-1")
    assert f"/{gone.pk}/product/" not in page(admin, f"{LIST}{product.pk}/change/")
    assert admin.get(f"{LIST}{product.pk}/crudsync/{gone.pk}/product/diff/").status_code == 404


@pytest.mark.parametrize("word", ["diff", "ignore", "unlink", "adopt"])
def test_an_account_or_a_type_that_is_none_has_no_page(word: str, admin: Client, product: Product) -> None:
    assert admin.get(f"{LIST}{product.pk}/crudsync/999/product/{word}/").status_code == 404
    shop = registry.connection("shop").pk
    assert admin.get(f"{LIST}{product.pk}/crudsync/{shop}/category/{word}/").status_code == 404
    assert admin.get(f"{LIST}999/crudsync/{shop}/product/{word}/").status_code == 404


def test_no_page_runs_in_a_transaction_of_its_request(product: Product, connection: Connection) -> None:
    urls = [f"{LIST}{product.pk}/crudsync/", *(about(product, word) for word in ("diff", "ignore", "unlink", "adopt"))]
    for url in urls:
        assert resolve(url).func._non_atomic_requests == {"default"}, url  # type: ignore[attr-defined]


# --- both sides ------------------------------------------------------------------------------------------------------


def test_both_sides_are_shown_the_drift_first(admin: Client, sent: Product, sandbox: Remote) -> None:
    sandbox.edit("products", bound(sent).remote_id, price="8.00", note="<script>")
    text = page(admin, about(sent, "diff"))
    assert "They do not agree: price (changed there)." in text
    body = text.partition("<tbody>")[2]
    assert body.index("price") < body.index("category_id")
    assert "&quot;9.50&quot;" in body
    assert "&quot;8.00&quot;" in body
    assert "<script>&quot;" not in text
    assert "fields of theirs that we do not send" in text


def test_without_the_permission_there_are_verdicts_alone(
    staff: Callable[..., Client], sent: Product, sandbox: Remote
) -> None:
    sandbox.edit("products", bound(sent).remote_id, price="8.00")
    text = page(staff("view_product"), about(sent, "diff"))
    assert "price (changed there)" in text
    assert "8.00" not in text
    assert "9.50" not in text.partition('id="crudsync-panel"')[2]


def test_a_remote_that_has_it_no_more_is_told_as_such(admin: Client, sent: Product, sandbox: Remote) -> None:
    sandbox.remove("products", bound(sent).remote_id)
    assert f"shop has no object {bound(sent).remote_id}" in page(admin, about(sent, "diff"))


def test_a_remote_that_asks_for_a_pause_says_when_to_look_again(admin: Client, sent: Product, sandbox: Remote) -> None:
    sandbox.fault("status", status=429, method="GET", headers={"Retry-After": "30"})
    assert "Look again in 30 s." in page(admin, about(sent, "diff"))


# --- push now --------------------------------------------------------------------------------------------------------


def test_push_now_sends_it_while_one_waits(admin: Client, sent: Product, sandbox: Remote) -> None:
    Product.objects.filter(pk=sent.pk).update(price="11.00")
    text = posted(admin, f"{LIST}{sent.pk}/crudsync/", _now="")
    assert "Saw is at shop/default now." in text
    assert sandbox.objects("products")[0]["price"] == "11.00"
    assert Operation.objects.latest("pk").actor == "ada (push now)"
    assert LogEntry.objects.get().change_message == "crudsync: pushed now"


def test_what_the_remote_refuses_is_told(admin: Client, sent: Product, sandbox: Remote) -> None:
    sandbox.fault("status", status=422, method="PATCH", answer={"errors": {"price": ["too high"]}})
    text = posted(admin, f"{LIST}{sent.pk}/crudsync/", _now="", _stay="1")
    assert "Saw did not arrive at shop/default:" in text
    assert "the remote refused “price” (422: too high)" in text


def test_what_is_put_off_says_when(admin: Client, sent: Product, sandbox: Remote) -> None:
    sandbox.fault("status", status=429, method="PATCH", headers={"Retry-After": "20"})
    assert "A worker tries it again in 20 s." in posted(admin, f"{LIST}{sent.pk}/crudsync/", _now="")


def test_selected_ones_are_told_one_by_one(admin: Client, sent: Product, sandbox: Remote) -> None:
    axe = Product.objects.create(category=sent.category, name="Axe", sku="axe", price=1)
    draft = Product.objects.create(category=sent.category, name="Nail", sku="nail", price=1, status="draft")
    ids = [sent.pk, axe.pk, draft.pk]
    text = posted(admin, LIST, action="crudsync_push", _selected_action=ids)
    assert "Saw is at shop/default now." in text
    assert "Axe is at shop/default now." in text
    assert "Nail did not arrive at shop/default: status must not be &#x27;draft&#x27;" in text
    assert LogEntry.objects.count() == 3


def test_more_than_ten_are_for_the_workers(admin: Client, sent: Product, sandbox: Remote) -> None:
    more = [Product.objects.create(category=sent.category, name="n", sku=f"n{n}", price=1) for n in range(10)]
    calls = len(sandbox.calls())
    ids = [sent.pk, *(each.pk for each in more)]
    assert "At most 10 are pushed at once" in posted(admin, LIST, action="crudsync_push", _selected_action=ids)
    assert len(sandbox.calls()) == calls


def test_what_takes_too_long_is_left_to_the_workers(
    admin: Client, sent: Product, sandbox: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "PATIENCE_S", -1.0)
    text = posted(admin, LIST, action="crudsync_push", _selected_action=[sent.pk])
    assert "The others are left to the workers." in text
    assert bound(sent).wanted == Wanted.PUSH


# --- pull, ignore ----------------------------------------------------------------------------------------------------


def test_selected_ones_are_pulled(admin: Client, sent: Product, sandbox: Remote, deliver: Deliver) -> None:
    sandbox.edit("products", bound(sent).remote_id, price="8.00")
    posted(admin, LIST, action="crudsync_pull", _selected_action=[sent.pk])
    assert LogEntry.objects.get().change_message == "crudsync: asked to verify"
    deliver()
    assert sandbox.objects("products")[0]["price"] == "9.50"


def test_failures_of_selected_ones_are_ignored_for_a_reason(admin: Client, product: Product, bind: Any) -> None:
    at = timezone.now()
    cause = Cause.objects.create(fingerprint="x", integrator="shop", first_seen=at, last_seen=at)
    row = bind(product, state=State.DEAD, cause=cause)
    first = posted(admin, LIST, action="crudsync_ignore", _selected_action=[product.pk])
    assert "Why need nobody look at their failures?" in first
    assert f'name="_selected_action" value="{product.pk}"' in first
    data = {"action": "crudsync_ignore", "_selected_action": [product.pk], "_reason_given": "1"}
    assert "This field is required" in posted(admin, LIST, **data, reason="")
    assert "1 letter is ignored." in posted(admin, LIST, **data, reason="discontinued")
    row.refresh_from_db()
    assert row.ignored == "discontinued (ada)"
    text = page(admin, f"{LIST}{product.pk}/crudsync/")
    assert "Nobody need look: discontinued (ada)." in text
    assert about(product, "ignore") not in text


def test_the_page_of_one_account_s_failure_ignores_no_other_s(admin: Client, product: Product, bind: Any) -> None:
    at = timezone.now()
    cause = Cause.objects.create(fingerprint="x", integrator="shop", first_seen=at, last_seen=at)
    paris = Connection.objects.create(integrator="shop", name="paris")
    row, other = bind(product, cause=cause), bind(product, cause=cause, connection=paris)
    assert "1 letter is ignored." in posted(admin, about(product, "ignore"), reason="known")
    assert [Binding.objects.get(pk=each.pk).ignored for each in (row, other)] == ["known (ada)", ""]


def test_where_nothing_failed_nothing_is_ignored_or_logged(admin: Client, product: Product, bind: Any) -> None:
    bind(product)
    assert "0 letters are ignored." in posted(admin, about(product, "ignore"), reason="x")
    assert not LogEntry.objects.exists()


# --- unlink, adopt ---------------------------------------------------------------------------------------------------


def test_unlinking_says_what_follows_then_does_it(admin: Client, sent: Product, sandbox: Remote) -> None:
    remote_id = bound(sent).remote_id
    first = page(admin, about(sent, "unlink"))
    assert f"We forget that this is {remote_id} at shop. Nothing is deleted there" in first
    assert "Its next save creates a new object at shop. Only where shop refuses that one as a double" in first
    calls = len(sandbox.calls())
    assert "This field is required" in posted(admin, about(sent, "unlink"), reason="")
    text = posted(admin, about(sent, "unlink"), reason="merged there")
    assert f"It is tied to nothing at shop. Unlinked from {remote_id} by ada: merged there." in text
    assert "noted; nothing was sent" in text
    assert len(sandbox.calls()) == calls
    assert bound(sent).remote_id is None
    assert LogEntry.objects.get().change_message == f"crudsync: unlinked from {remote_id}: merged there"


def test_one_in_doubt_is_not_unlinked(admin: Client, product: Product, bind: Any) -> None:
    bind(product, remote_id="r-1", state=State.RETRYING, uncertain="update")
    assert "obody knows yet whether the last update" in posted(admin, about(product, "unlink"), reason="x")
    assert bound(product).remote_id == "r-1"
    assert not LogEntry.objects.exists()


def test_one_that_nobody_knows_cannot_be_unlinked(admin: Client, product: Product, connection: Connection) -> None:
    assert admin.get(about(product, "unlink")).status_code == 404


def test_adopting_shows_what_is_there_before_it_is_done(
    admin: Client, product: Product, sandbox: Remote, deliver: Deliver
) -> None:
    there = sandbox.add("products", name="Old saw", sku="saw-1", price="1.00")
    assert "is overwritten" in page(admin, about(product, "adopt"))
    remote_id = str(there["id"])
    hasty = posted(admin, about(product, "adopt"), remote_id=remote_id, _adopt="")
    assert "What is there now" in hasty
    assert not Binding.objects.filter(remote_id=remote_id).exists()
    shown = posted(admin, about(product, "adopt"), remote_id=remote_id, _look="")
    assert "Old saw" in shown
    assert 'name="_adopt"' in shown
    assert f'name="looked" value="{remote_id}"' in shown
    data = {"remote_id": remote_id, "looked": remote_id, "reason": "it was there first", "_adopt": ""}
    text = posted(admin, about(product, "adopt"), **data)
    assert f"It is bound to {remote_id}." in text
    assert bound(product).remote_id == remote_id
    assert LogEntry.objects.get().change_message == f"crudsync: bound to {remote_id}: it was there first"


def test_another_id_than_the_one_looked_at_is_looked_at_first(admin: Client, product: Product, sandbox: Remote) -> None:
    there = sandbox.add("products", name="Old saw")
    text = posted(admin, about(product, "adopt"), remote_id=str(there["id"]), looked="r-other", _adopt="")
    assert "Old saw" in text
    assert not Binding.objects.filter(object_type="product").exists()


def test_what_is_not_there_cannot_be_adopted(admin: Client, product: Product, sandbox: Remote) -> None:
    text = posted(admin, about(product, "adopt"), remote_id="r-404", _look="")
    assert "shop has no object r-404" in text
    assert 'name="_adopt"' not in text


def test_the_id_of_another_object_is_refused(admin: Client, sent: Product, sandbox: Remote) -> None:
    axe = Product.objects.create(category=sent.category, name="Axe", sku="axe", price=1)
    text = posted(admin, about(axe, "adopt"), remote_id=bound(sent).remote_id, _look="")
    assert f"product {sent.pk} is bound to this id already" in text


def test_one_that_is_bound_is_unlinked_first(admin: Client, sent: Product, sandbox: Remote) -> None:
    other = sandbox.add("products", name="Other")
    data = {"remote_id": str(other["id"]), "looked": str(other["id"]), "_adopt": ""}
    assert "is bound already (unlink it first)" in posted(admin, about(sent, "adopt"), **data)
    assert not LogEntry.objects.exists()


def test_a_change_that_waits_is_told_at_the_top(admin: Client, sent: Product) -> None:
    Change.objects.create(model="shop.product", object_id=str(sent.pk), created_at=timezone.now())
    text = page(admin, f"{LIST}{sent.pk}/change/")
    assert "The last change is not at shop yet: it was just saved.</strong> A worker takes it up now." in text
