"""Fixtures: rows in every state, with the attempts that brought them there, and a sweep just now."""

from __future__ import annotations

import pytest
from django.utils import timezone

from sync.models import Sweep
from tests.shop_rows import _uncaptured, attempt, bind, category, connection, products

__all__ = ["_swept", "_uncaptured", "attempt", "bind", "category", "connection", "products"]


@pytest.fixture(autouse=True)
def _swept(db: None) -> None:
    Sweep.objects.update_or_create(name="sweep", defaults={"at": timezone.now()})
