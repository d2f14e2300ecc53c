"""Marks that keep the daily run short."""

from __future__ import annotations

import os

import pytest

once = pytest.mark.skipif(
    os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="once is enough: without --pg"
)
"""For what has nothing to do with the kind of database."""
