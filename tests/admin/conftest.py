"""A site with our pages, people with and without permissions, and rows to look at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from examples.shop.models import Category, Product
from sync import capture, wake
from tests.shop_rows import attempt, bind, category, connection

__all__ = ["attempt", "bind", "category", "connection"]

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
def product(category: Category) -> Product:
    return Product.objects.create(category=category, name="Saw", sku="saw-1", price="9.50")
