"""A site with our pages, people with and without permissions, and rows to look at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from examples.shop.models import Category, Product
from sync import capture, registry, wake
from sync.models import Binding, Connection, Operation, State

AT = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _pages(settings: Any, db: None) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.admin.site"
    settings.STATIC_ROOT = None  # WhiteNoise warns of a directory that collectstatic never made
    with capture.disabled(), wake.muted():
        yield


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def staff(client: Client) -> Callable[..., Client]:
    """Log in somebody of the staff who has these permissions."""

    def logged_in(*codenames: str) -> Client:
        user = User.objects.create_user("grace", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        assert user.user_permissions.count() == len(codenames)
        client.force_login(user)
        return client

    return logged_in


@pytest.fixture
def connection(db: None) -> Connection:
    return registry.connection("shop")


@pytest.fixture
def category(db: None) -> Category:
    return Category.objects.create(name="Tools", slug="tools")


@pytest.fixture
def product(category: Category) -> Product:
    return Product.objects.create(category=category, name="Saw", sku="saw-1", price="9.50")


@pytest.fixture
def bind(connection: Connection) -> Callable[..., Binding]:
    """Bind an object, in some state."""

    def bound(obj: Any, **values: Any) -> Binding:
        model = type(obj)._meta.label_lower
        given = {"connection": connection, "object_type": type(obj)._meta.model_name, "state": State.SYNCED}
        return Binding.objects.create(**{**given, "object_id": str(obj.pk), "model": model, **values})

    return bound


@pytest.fixture
def attempt() -> Callable[..., Operation]:
    """Note an attempt at an object."""

    def noted(binding: Binding, **values: Any) -> Operation:
        given = {"verb": "update", "status": "succeeded", "started_at": timezone.now(), "actor": "grace"}
        return Operation.objects.create(
            connection=binding.connection,
            binding=binding,
            object_type=binding.object_type,
            object_id=binding.object_id,
            **{**given, **values},
        )

    return noted
