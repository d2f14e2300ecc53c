"""Rows to look at and to act on, with words in them that few may read, and people with and without permissions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from examples.shop.models import Category, Customer, Order, Product, Tag
from sync import registry
from sync.models import AlertRule, Binding, Cause, Change, Connection, Gate, Incident, Kind, Operation, State
from sync.models.alert import RuleKind
from sync.secrets import seal
from tests.shop_rows import _uncaptured
from tests.surfaces.stage import CANARY, SECRET, TOKEN, Stage

__all__ = ["_uncaptured"]


@pytest.fixture(autouse=True)
def _counted_anew(db: None, settings: Any) -> None:
    settings.STATIC_ROOT = None  # WhiteNoise warns of a directory that collectstatic never made
    settings.CRUDSYNC = {**settings.CRUDSYNC, "monitor_token": TOKEN}
    cache.clear()  # what throttles counted


@pytest.fixture
def connection(db: None) -> Connection:
    row = registry.connection("shop")
    row.credentials = seal({"token": SECRET})
    row.save()
    return row


@pytest.fixture
def stage(connection: Connection) -> Stage:
    """One row of each kind."""
    at, body = timezone.now(), f'{{"name": "{CANARY}"}}'
    category = Category.objects.create(name="Tools", slug="tools")
    product = Product.objects.create(category=category, name="Saw", sku="saw-1", price="9.50")
    customer = Customer.objects.create(email="ada@shop.test", name="Ada")
    cause = Cause.objects.create(
        fingerprint="x", integrator="shop", message="too long", example=CANARY, first_seen=at, last_seen=at
    )
    bound = {"connection": connection, "object_type": "product", "model": "shop.product"}
    payloads = {"sent": body, "seen": body, "intent": body, "snapshot": body}
    binding = Binding.objects.create(object_id=str(product.pk), state=State.HELD, cause=cause, **payloads, **bound)
    tied = Product.objects.create(category=category, name="Axe", sku="axe-1", price="1.00")
    Binding.objects.create(object_id=str(tied.pk), remote_id="r-9", **bound)
    return Stage(
        binding=binding,
        doubtful=Binding.objects.create(
            object_id="9000077", state=State.IN_DOUBT, uncertain="create", intent="{}", **bound
        ),
        cause=cause,
        change=Change.objects.create(
            model="shop.product", object_id="1", kind=Kind.DELETE, snapshot=body, created_at=at
        ),
        operation=Operation.objects.create(
            connection=connection,
            binding=binding,
            object_type="product",
            object_id=binding.object_id,
            verb="update",
            status="succeeded",
            started_at=at,
            actor="grace",
            request=body,
            response=body,
        ),
        connection=connection,
        unused=Connection.objects.create(integrator="shop", name="berlin"),
        shut=_shut(),
        product=product,
        tied=tied,
        category=category,
        customer=customer,
        order=Order.objects.create(customer=customer, number="o-1", total="9.50"),
        tag=Tag.objects.create(name="new"),
        alertrule=AlertRule.objects.create(name="old-changes", kind=RuleKind.OLDEST_UNSENT),
        incident=Incident.objects.create(key="x", theme="backlog", title="Changes are old", began_at=at),
    )


def _shut() -> Connection:
    row = Connection.objects.create(
        integrator="gone", name="rome", paused=True, credentials=seal({"token": SECRET}), options={}
    )
    Gate.objects.create(connection=row, blocked_until=timezone.now() + dt.timedelta(hours=1))
    return row


@pytest.fixture
def person(client: Client) -> Iterator[Callable[..., Client]]:
    """A function that logs in Grace, with these permissions alone, of the staff or not."""

    def logged_in(*codenames: str, staff: bool = True) -> Client:
        grace, _ = User.objects.get_or_create(username="grace")
        grace.is_staff = staff
        grace.save()
        found = Permission.objects.filter(ours(), codename__in=codenames)
        assert found.count() == len(set(codenames)), codenames
        grace.user_permissions.set(found)
        client.force_login(grace)
        return client

    return logged_in


def ours() -> Q:
    """Return a condition on permissions: those of the library, and of the shop."""
    return Q(content_type__app_label__in=("crudsync", "shop"))


@pytest.fixture
def everything(db: None) -> Callable[..., list[str]]:
    """A function that returns all permissions but one; who may change a row may see it, so that goes with seeing."""

    def but(missing: str = "") -> list[str]:
        names = set(Permission.objects.filter(ours()).values_list("codename", flat=True))
        return sorted(names - {missing, missing.replace("view_", "change_", 1)})

    return but
