"""Marks that keep the daily run short: what is long runs beside one database. ``EVERYWHERE=1`` runs all beside both."""

from __future__ import annotations

import os

import pytest

EVERYWHERE = bool(os.environ.get("EVERYWHERE"))
POSTGRES = os.environ.get("DATABASE_URL", "").startswith("postgres")

once = pytest.mark.skipif(POSTGRES and not EVERYWHERE, reason="once is enough: without --pg")
"""For what has little to do with the kind of database."""

beside_postgres = pytest.mark.skipif(not POSTGRES and not EVERYWHERE, reason="once is enough: with --pg")
"""For what asks most of leases and locks."""
