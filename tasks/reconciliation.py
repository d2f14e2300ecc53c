"""Reconciliation as a Celery task."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from celery import Task, shared_task

from sync import conf, registry
from sync import reconcile as reconciling
from sync.models import Connection
from sync.secrets import trace

from .options import OPTIONS
from .records import keep
from .words import connection_in, strange

logger = logging.getLogger("crudsync.tasks")

PAGE_WAIT_S = 60.0
"""How long a page waits for its token. A listing that gets none says nothing; the next run tries again."""


@shared_task(bind=True, name="crudsync.reconcile", **OPTIONS)
def reconcile(self: Task[Any, Any], connection_id: Any = None, *more: Any, **unknown: Any) -> dict[str, Any]:
    """List the remotes, compare, and ask for what differs: for one connection, or for all that are not paused.

    The result is kept where anything was asked for, stopped or failed.
    """
    strange(self, more, unknown)
    wanted = connection_in(connection_id)
    if connection_id is not None and wanted is None:
        logger.warning("a reconciliation was asked for of no connection: %r", type(connection_id).__name__)
        return {}
    if not conf.current().enabled:
        return {}
    rows = [row for row in registry.ensure_connections() if wanted in (None, row.pk) and not row.paused]
    result = {str(row): _of(row) for row in rows}
    if any(each["moved"] for each in result.values()):
        keep(self, result)
    return result


def _of(row: Connection) -> dict[str, Any]:
    try:
        report = reconciling.reconcile(row, page_wait_s=PAGE_WAIT_S)
    except Exception as error:  # noqa: BLE001 - one that fails, in whatever way, is none of the others' business
        logger.error("connection %s could not be reconciled\n%s", row, trace(error))  # noqa: TRY400 - without secrets
        return {"error": type(error).__name__, "moved": True}
    return {**dataclasses.asdict(report), "drift": report.drift, "asked": report.asked, "moved": report.moved}
