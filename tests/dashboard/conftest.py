from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from sync import capture, registry, wake
from sync.models import Cause, Connection, Gate, Minute
from sync.models.clock import now
from sync.monitoring import board as boards
from sync.monitoring import pulse as pulsing
from sync.monitoring.pulse import Pings


@pytest.fixture(autouse=True)
def _pages(settings: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.STATIC_ROOT = None  # WhiteNoise warns of a directory that collectstatic never made
    monkeypatch.setattr(boards, "DEAR_S", math.inf)  # a machine under load counts slowly
    boards._counts.clear()
    with capture.disabled(), wake.muted():
        yield


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Workers that answer; a test may name others."""

    def answering(*names: str) -> None:
        monkeypatch.setattr(pulsing, "pings", Pings(lambda: names))

    answering("celery@a")
    return answering


@pytest.fixture
def connection(db: None) -> Connection:
    found = registry.connection("shop")
    Gate.objects.get_or_create(connection=found)
    return found


@pytest.fixture
def minute(connection: Connection) -> dt.datetime:
    """A minute of ten calls, five minutes ago."""
    at = now().replace(second=0, microsecond=0) - dt.timedelta(minutes=5)
    Minute.objects.create(
        connection=connection,
        at=at,
        calls=10,
        succeeded=9,
        failed=1,
        throttled=1,
        tokens=10,
        waited_ms=1500.0,
        applied=9,
        applied_ms=9000.0,
        applied_12=9,
        call_ms=1000.0,
        call_08=10,
    )
    return at


@pytest.fixture
def cause(connection: Connection) -> Cause:
    at = now()
    return Cause.objects.create(
        fingerprint="f",
        integrator="shop",
        code="422",
        status_code=422,
        field="price",
        message="must be at most #",
        example="the price 99999 is the secret of Ann",
        first_seen=at,
        last_seen=at,
        count=3,
    )


@pytest.fixture
def user(db: None) -> Callable[..., Client]:
    """A browser of somebody of the staff with these permissions, such as ``view_connection``."""

    def logged_in(*permissions: str, staff: bool = True) -> Client:
        made = User.objects.create_user(f"u{User.objects.count()}", is_staff=staff)
        found = Permission.objects.filter(content_type__app_label="crudsync", codename__in=permissions)
        assert found.count() == len(permissions)
        made.user_permissions.set(found)
        client = Client()
        client.force_login(made)
        return client

    return logged_in
