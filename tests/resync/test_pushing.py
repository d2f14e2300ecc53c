# ruff: noqa: F811 - fixtures are imported: the plugin itself would switch capture off for the whole suite
"""Push now tells what came of it, account by account."""

from __future__ import annotations

from typing import Any

import pytest

from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Category, Customer
from sync import registry
from sync.drain import rows
from sync.exceptions import NotSyncable, ObjectBusy, PayloadError, RateLimitExceeded, Refused
from sync.models import Binding, Connection, Operation, State
from sync.resync import of, push_now, targets
from sync.testing import Remote, SandboxServer, redirected
from sync.testing.plugin import captured, sandbox, sandbox_options  # noqa: F401 - fixtures
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.django_db


def test_each_account_tells_for_itself(category: Category, sandbox: Remote) -> None:
    first = registry.connection("shop")
    berlin = Connection.objects.create(integrator="shop", name="berlin", paused=True)
    told = of(category).push_now(actor="grace", reason="a customer waits")
    assert [(each.connection, type(each.error)) for each in told] == [(first, type(None)), (berlin, ObjectBusy)]
    assert [row["name"] for row in sandbox.objects("categories")] == ["Tools"]
    assert of(category, "shop", "default").status == "synced"


def test_the_history_says_who_pushed(category: Category, sandbox: Remote) -> None:
    of(category, "shop").push_now(actor="grace", reason="a customer waits")
    assert {row.actor for row in Operation.objects.all()} == {"grace (a customer waits)"}
    assert Binding.objects.get(object_type="category").actor == "grace (a customer waits)"


def test_what_the_remote_refuses_is_told_and_held(category: Category, sandbox: Remote) -> None:
    sandbox.fault("status", status=422, answer={"errors": {"name": ["too long"]}})
    (told,) = of(category, "shop").push_now()
    assert isinstance(told.error, Refused)
    assert "too long" in str(told.error)
    assert of(category).state == State.HELD


def test_what_the_remote_puts_off_says_when(category: Category, sandbox: Remote) -> None:
    sandbox.fault("status", status=429, headers={"Retry-After": "20"})
    (told,) = of(category, "shop").push_now()
    assert told.retry_after_s == 20


def test_a_rate_limit_says_when(category: Category, redis_server: RedisServer, settings: Any) -> None:
    settings.CRUDSYNC = {
        **settings.CRUDSYNC,
        "inline": True,
        "wait_s": 0,
        "integrators": {"shop": {"rate_limit": {"limit": 1, "per": 60}}},
    }
    with SandboxServer() as server, redirected(server.url):
        (told,) = of(category, "shop").push_now()
        assert isinstance(told.error, RateLimitExceeded)
        assert told.retry_after_s is not None
        assert told.retry_after_s > 1
        assert Remote(server.url).calls() == []


def test_an_object_that_is_not_meant_for_the_account_is_not_sent(sandbox: Remote) -> None:
    customer = Customer.objects.create(email="ada@example.test", name="Ada", is_active=False)
    (told,) = of(customer, "shop").push_now()
    assert isinstance(told.error, NotSyncable)
    assert told.error.code == "not_in_scope"
    assert sandbox.calls() == []


@pytest.mark.parametrize("hook", ["route", "sync_when"])
def test_a_hook_that_raises_is_told_as_any_error_without_its_text(
    category: Category, sandbox: Remote, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("a secret")

    if hook == "route":
        monkeypatch.setattr(ShopIntegrator, "route", broken)
    else:
        monkeypatch.setattr(rows, "in_scope", lambda _, found: (set(), dict.fromkeys(found, KeyError("a secret"))))
    (told,) = of(category, "shop").push_now()
    assert isinstance(told.error, PayloadError)
    assert told.error.message == f"{hook}() raised KeyError"
    assert sandbox.calls() == []


def test_an_error_of_one_account_does_not_stop_the_others(category: Category, sandbox: Remote) -> None:
    registry.connection("shop")
    Connection.objects.filter(name="default").update(paused=True)
    Connection.objects.create(integrator="shop", name="zurich")
    with pytest.raises(ObjectBusy):
        of(category).push(now=True)
    assert len(sandbox.objects("categories")) == 1


def test_an_unsaved_object_is_refused(db: None) -> None:
    with pytest.raises(NotSyncable):
        push_now(Category(name="new"), targets("shop.category"))
