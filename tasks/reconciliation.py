"""Reconciliation as a Celery task."""

from __future__ import annotations

import dataclasses
from typing import Any

from celery import Task, shared_task

from sync import reconcile as reconciling
from sync import registry

from .options import OPTIONS
from .records import keep


@shared_task(bind=True, name="crudsync.reconcile", **OPTIONS)
def reconcile(self: Task[Any, Any], connection_id: int | None = None, **unknown: object) -> dict[str, Any]:
    """List the remotes, compare, and ask for what differs: for one connection, or for all that are not paused."""
    rows = [row for row in registry.ensure_connections() if connection_id in (None, row.pk) and not row.paused]
    result = {str(row): dataclasses.asdict(reconciling.reconcile(row)) for row in rows}
    keep(self, result)
    return result
