# ruff: noqa: F811 - fixtures are imported: the plugin itself would switch capture off for the whole suite
from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import responses
from django.db import connection, transaction
from django.test import override_settings

from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Category, Customer, Order, Product, Tag
from sync import capture, conf, ratelimit, registry
from sync.models import Binding, Change, Connection, Gate, Operation, State
from sync.testing import Delivered, Remote, assert_not_sent, assert_sent, redirected
from sync.testing import captured as capturing
from sync.testing.plugin import captured, deliver, sandbox, sandbox_options  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db

Deliver = Callable[..., Delivered]


@pytest.fixture
def product(sandbox: Remote) -> Product:
    category = Category.objects.create(name="Tools", slug="tools")
    return Product.objects.create(category=category, name="Saw", sku="saw-1", price=Decimal("9.50"))


def test_a_saved_row_arrives(product: Product, sandbox: Remote, deliver: Deliver) -> None:
    done = deliver()
    assert (done.taken, done.calls, done.succeeded, done.failed, dict(done.left)) == (2, 2, 2, 0, {})
    assert [row["sku"] for row in sandbox.objects("products")] == ["saw-1"]
    assert_sent(product, verb="create", times=1, sku="saw-1", price=Decimal("9.50"))


@pytest.mark.pg
def test_a_test_s_own_transaction_is_not_ended_while_somebody_looks_around(product: Product, deliver: Deliver) -> None:
    def bound() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            return str(cursor.fetchone()[0])

    before = bound()
    assert deliver().succeeded == 2
    product.save()
    ShopIntegrator("product", product).update_object(product.pk)
    assert bound() == before


def test_an_edit_is_sent_without_waiting_for_the_rest(product: Product, sandbox: Remote, deliver: Deliver) -> None:
    deliver()
    product.stock = 4
    product.save()
    done = deliver()
    assert (done.calls, done.succeeded) == (1, 1)
    assert done.seconds < 1.0
    assert sandbox.objects("products")[0]["stock"] == 4
    assert_sent(product, verb="update", times=1, stock=4)


def test_a_deleted_row_goes_there_too(product: Product, sandbox: Remote, deliver: Deliver) -> None:
    deliver()
    pk = product.pk
    product.delete()
    deliver()
    assert sandbox.objects("products") == []
    assert_sent(Product, pk, verb="delete", times=1)


def test_children_follow_their_parents(sandbox: Remote, deliver: Deliver) -> None:
    top = Category.objects.create(name="Top", slug="top")
    Category.objects.create(name="Below", slug="below", parent=top)
    customer = Customer.objects.create(email="a@example.test", name="A")
    Order.objects.create(customer=customer, number="1")
    assert not deliver().left
    ids = {row["slug"]: row["id"] for row in sandbox.objects("categories")}
    below = next(row for row in sandbox.objects("categories") if row["slug"] == "below")
    assert below["parent_id"] == ids["top"]
    assert sandbox.objects("orders")[0]["customer_id"] == sandbox.objects("customers")[0]["id"]


def test_with_nothing_to_do_it_is_quiet_at_once(deliver: Deliver) -> None:
    done = deliver()
    assert (done.taken, done.calls, dict(done.left)) == (0, 0, {})


def test_what_fails_stays_in_backoff_until_it_is_brought_forward(
    product: Product, sandbox: Remote, deliver: Deliver
) -> None:
    sandbox.fault("status", status=500, collection="products", times=1, answer="before")
    done = deliver()
    assert dict(done.left) == {State.RETRYING.value: 1}
    assert not deliver(retries=1).left
    assert_sent(product, verb="create", times=1)


def test_retries_end_where_nothing_helps(product: Product, sandbox: Remote, deliver: Deliver) -> None:
    sandbox.fault("status", status=500, collection="products")
    assert deliver(retries=2).failed >= 3


def test_a_gate_that_the_remote_shut_is_opened_by_a_retry(product: Product, sandbox: Remote, deliver: Deliver) -> None:
    sandbox.fault("status", status=429, headers={"Retry-After": "120"}, times=1)
    assert deliver().left
    assert Gate.objects.get().blocked_until is not None
    assert not deliver(retries=3).left


def test_a_paused_connection_ends_the_delivery(product: Product, sandbox: Remote, deliver: Deliver) -> None:
    registry.ensure_connections()
    Connection.objects.update(paused=True)
    done = deliver()
    assert (done.taken, done.calls, sum(done.left.values())) == (2, 0, 2)


def test_a_delivery_without_an_end_fails_and_names_what_is_due(
    product: Product, sandbox: Remote, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.testing.delivery._round", lambda reports: True)
    registry.ensure_connections()
    Binding.objects.create(
        connection=Connection.objects.get(), object_type="product", object_id="7", due_at=product_time(), code="why"
    )
    with pytest.raises(AssertionError, match=r"not quiet after 0.0 s; due: product 7 \(shop/default\): pending why"):
        deliver(timeout_s=0.0)


def product_time() -> Any:
    from sync.models.clock import now

    return now()


def test_it_delivers_within_an_open_transaction(sandbox: Remote, deliver: Deliver) -> None:
    with transaction.atomic():
        Category.objects.create(name="Tools", slug="tools")
        assert deliver().succeeded == 1


@pytest.mark.django_db(transaction=True)
def test_it_delivers_without_one_too(sandbox: Remote, deliver: Deliver) -> None:
    Category.objects.create(name="Tools", slug="tools")
    assert deliver().succeeded == 1


def test_it_works_where_nobody_asked_for_the_fixture(db: None) -> None:
    from sync.testing import SandboxServer
    from sync.testing import deliver as delivering

    with SandboxServer() as server, redirected(server.url):
        with capturing():
            Category.objects.create(name="Tools", slug="tools")
        assert delivering().succeeded == 1


def test_responses_works_as_usual(captured: None, deliver: Deliver) -> None:
    with responses.RequestsMock() as mock:
        mock.post("http://127.0.0.1:8100/categories", json={"id": "c1"}, status=201)
        category = Category.objects.create(name="Tools", slug="tools")
        assert deliver().succeeded == 1
    assert Binding.objects.get().remote_id == "c1"
    assert_sent(category, verb="create", slug="tools")


def test_a_direct_verb_is_allowed_in_the_test_s_transaction(product: Product, sandbox: Remote) -> None:
    integrator = registry.get("shop")
    integrator("category", product.category).create_object(str(product.category.pk))  # type: ignore[call-arg, attr-defined]
    assert [row["slug"] for row in sandbox.objects("categories")] == ["tools"]


class TestSurroundings:
    def test_what_is_captured_is_captured_inside_alone(self, db: None) -> None:
        with capture.disabled():
            Category.objects.create(name="A", slug="a")
            assert not Change.objects.exists()
            with capturing():
                Category.objects.create(name="B", slug="b")
                assert Change.objects.count() == 1
            Category.objects.create(name="C", slug="c")
            assert Change.objects.count() == 1

    def test_everything_is_put_back(self, db: None) -> None:
        before = (conf.current, ratelimit.take, ratelimit.forecast, ratelimit.learn)
        with capturing():
            assert conf.current().inline
            assert ratelimit.forecast(1, None, 1.0) > 1000
            assert ratelimit.learn(1, ratelimit.Lesson())
        assert (conf.current, ratelimit.take, ratelimit.forecast, ratelimit.learn) == before
        assert not conf.current().inline

    def test_it_is_put_back_after_an_error(self) -> None:
        before = conf.current
        with pytest.raises(ZeroDivisionError), capturing():
            raise ZeroDivisionError
        assert conf.current is before

    def test_the_project_s_own_settings_show_through(self, settings: Any) -> None:
        with capturing():
            settings.CRUDSYNC = {**settings.CRUDSYNC, "threads": 3}
            assert (conf.current().threads, conf.current().inline) == (3, True)

    def test_overrides_that_end_in_another_order_leave_nothing_behind(self, settings: Any) -> None:
        override = override_settings(CRUDSYNC={**settings.CRUDSYNC, "threads": 3})
        with capturing():
            override.enable()
        override.disable()
        assert not conf.current().inline
        assert conf.current().threads != 3

    def test_every_integrator_is_redirected_and_keeps_its_path(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        shop = registry.get("shop")
        monkeypatch.setattr(shop, "base_url", "https://api.shop.test/v2/")
        with redirected("http://127.0.0.1:9/"):
            assert conf.current().integrators["shop"]["base_url"] == "http://127.0.0.1:9/v2/"
        assert "shop" not in conf.current().integrators

    def test_credentials_are_made_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from sync import BearerAuth

        shop = registry.get("shop")
        monkeypatch.setattr(shop, "auth", BearerAuth("env:NOT_SET_ANYWHERE"))
        with redirected("http://127.0.0.1:9"):
            assert conf.current().integrators["shop"]["credentials"] == {"token": "token"}


class TestAssertions:
    @pytest.fixture
    def sent(self, product: Product, deliver: Deliver) -> Product:
        product.tags.add(Tag.objects.create(name="sharp"))
        deliver()
        return product

    def test_any_write_will_do(self, sent: Product) -> None:
        assert [one.verb for one in assert_sent(sent)] == ["create"]

    def test_a_model_stands_for_all_of_its_objects(self, sent: Product) -> None:
        assert_sent(Product, times=1)
        assert_sent(Product, times=1, integrator="shop")
        assert_sent(Product, times=0, integrator="other")

    def test_lists_and_numbers_are_compared(self, sent: Product) -> None:
        assert_sent(sent, tags=["sharp"], stock=0)

    @pytest.mark.parametrize(
        "wish", [{"verb": "delete"}, {"times": 2}, {"name": "Axe"}, {"no_such_key": None}, {"stock": False}]
    )
    def test_what_was_not_sent_fails(self, wish: dict[str, Any], sent: Product) -> None:
        with pytest.raises(AssertionError) as caught:
            assert_sent(sent, **wish)
        story = str(caught.value)
        assert "create succeeded 201" in story
        assert "shop/default: synced" in story

    def test_a_row_that_nobody_took_in_says_so(self, product: Product) -> None:
        with pytest.raises(AssertionError, match="nothing was taken in"):
            assert_sent(product)

    def test_an_attempt_that_failed_was_not_sent_but_was_tried(
        self, product: Product, sandbox: Remote, deliver: Deliver
    ) -> None:
        sandbox.fault("status", status=422, collection="products")
        deliver()
        with pytest.raises(AssertionError, match="create failed 422"):
            assert_sent(product)
        with pytest.raises(AssertionError, match="was not to be sent"):
            assert_not_sent(product)

    def test_what_was_not_sent_is_not_sent(self, sent: Product) -> None:
        assert_not_sent(sent, verb="delete")
        assert_not_sent(sent, name="Axe")
        with pytest.raises(AssertionError, match="was not to be sent, and was 1 times"):
            assert_not_sent(sent)

    def test_a_deleted_instance_has_to_be_named(self, sent: Product) -> None:
        sent.delete()
        with pytest.raises(AssertionError, match="assert_sent\\(Product, its_pk"):
            assert_sent(sent)

    @pytest.mark.parametrize(
        "body",
        [
            '{"data": {"stock": 3, "name": "Saw"}}',
            '{"items": [{"stock": 1}, {"stock": 3, "name": "Saw"}]}',
            "stock=3&name=Saw",
        ],
    )
    def test_envelopes_batches_and_forms_are_looked_into(self, body: str, sent: Product) -> None:
        Operation.objects.filter(object_type="product").update(request=body)
        assert_sent(sent, stock=3, name="Saw")
        with pytest.raises(AssertionError):
            assert_sent(sent, stock=1, name="Saw")
