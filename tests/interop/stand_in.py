"""Kinto in place of the shop's own remote, in a worker: ``-I tests.interop.stand_in``."""

from __future__ import annotations

from sync import register, registry
from tests.interop.declared import KintoIntegrator

registry.unregister("shop")
register(KintoIntegrator)
