"""Commands in a process where nothing is captured by itself, and nothing rings."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.core.management import call_command

from tests.shop_rows import _uncaptured, category, connection, products

__all__ = ["_uncaptured", "category", "connection", "products", "run"]


@pytest.fixture
def run() -> Callable[..., str]:
    """Run a command and return what it wrote."""

    def ran(*words: str) -> str:
        out = io.StringIO()
        call_command(*words, stdout=out, stderr=out, no_color=True)
        return out.getvalue()

    return ran
