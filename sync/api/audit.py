"""Note who did what over the API: in the log, and where the admin is installed in its log of the row."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.apps import apps

from sync.api.correlation import correlation_id

logger = logging.getLogger("crudsync.api")

LOGGED = 100
"""So many rows get an entry of their own; of more, only the first do."""


def note(request: Any, rows: Sequence[Any], words: str) -> None:
    """Note a deed.

    Args:
        request: whose user did it.
        rows: what it was done to, of one model.
        words: what, one sentence without secrets.
    """
    words = " ".join(words.split())  # one line of the log, whatever was typed
    who, which = request.user.get_username(), ", ".join(str(row.pk) for row in rows[:LOGGED])
    kind = rows[0]._meta.label_lower if rows else "nothing"
    logger.info("%s: %s, %s %s, correlation id %s", who, words, kind, which, correlation_id(request))
    if rows and apps.is_installed("django.contrib.admin"):
        _enter(request, rows[:LOGGED], words)


def _enter(request: Any, rows: Sequence[Any], words: str) -> None:
    from django.contrib.admin.models import CHANGE, LogEntry
    from django.contrib.contenttypes.models import ContentType

    kind = ContentType.objects.get_for_model(rows[0], for_concrete_model=False)  # as the admin does
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=request.user.pk,
            content_type=kind,
            object_id=str(row.pk),
            object_repr=str(row)[:200],
            action_flag=CHANGE,
            change_message=f"crudsync: {words}",
        )
        for row in rows
    )
