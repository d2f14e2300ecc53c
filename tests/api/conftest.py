"""The site's API, people with tokens and permissions, and rows to look at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from examples.shop.models import Product
from sync.models import Cause
from tests.shop_rows import _uncaptured, attempt, bind, category, connection, products

__all__ = ["_uncaptured", "attempt", "bind", "category", "connection", "products"]

ROOT = "/api/crudsync/v1/"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("chaos") and "chaos" not in (config.option.markexpr or ""):
            item.add_marker(pytest.mark.skip(reason="long: run pytest -m chaos"))


@pytest.fixture(autouse=True)
def _counted_anew(db: None, settings: Any) -> None:
    settings.STATIC_ROOT = None  # WhiteNoise warns of a directory that collectstatic never made
    cache.clear()  # what the throttles counted


@pytest.fixture
def caller() -> Callable[..., APIClient]:
    """A client with the token of somebody who has these permissions, and no more."""

    def made(*codenames: str) -> APIClient:
        user, _ = User.objects.get_or_create(username="grace")
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        assert user.user_permissions.count() == len(set(codenames))
        return _with_token(user)

    return made


@pytest.fixture
def ada() -> APIClient:
    """A client with the token of a superuser."""
    return _with_token(User.objects.create_superuser("ada"))


def _with_token(user: User) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


@pytest.fixture
def product(products: list[Product]) -> Product:
    return products[0]


@pytest.fixture
def blame() -> Callable[..., Cause]:
    """Make a cause."""

    def made(**values: Any) -> Cause:
        at = values.pop("at", None) or timezone.now()
        number = Cause.objects.count()
        given = {"fingerprint": f"f{number}", "integrator": "shop", "code": "refused", "status_code": 422, "count": 1}
        return Cause.objects.create(**{**given, "first_seen": at - dt.timedelta(hours=1), "last_seen": at, **values})

    return made
