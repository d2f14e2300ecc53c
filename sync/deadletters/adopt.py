"""Open letters for what got stuck outside a settlement, or while a cause could not be recorded."""

from __future__ import annotations

import logging
from collections.abc import Collection

from django.db import Error
from django.db.models import F, Q

from sync import bindings
from sync.bindings import Letter
from sync.deadletters.causes import record
from sync.deadletters.trouble import Trouble
from sync.models import STUCK, Binding
from sync.models.database import alias
from sync.secrets import trace

logger = logging.getLogger("crudsync.deadletters")

CHUNK = 1000


def adopt(binding_ids: Collection[int] | None = None) -> int:
    """Name a cause for every object that is held, in doubt or dead and names none, or one of another code.

    Errors of the database are logged: the next one who looks opens what is left.

    Args:
        binding_ids: only among these; None: among all, a thousand at a time.

    Returns:
        How many letters were opened.
    """
    try:
        return _adopt(binding_ids)
    except Error as error:
        logger.warning("letters were not opened\n%s", trace(error))
        return 0


def _adopt(binding_ids: Collection[int] | None) -> int:
    rows = Binding.objects.using(alias()).filter(Q(cause__isnull=True) | ~Q(cause__code=F("code")), state__in=STUCK)
    rows = rows.exclude(code=bindings.UNLINKED)  # somebody's decision, no failure
    if binding_ids is not None:
        rows = rows.filter(pk__in=list(binding_ids))
    fields = ("pk", "connection_id", "code", "detail", "lease_token", "seq")
    total, last = 0, 0
    while page := list(rows.filter(pk__gt=last).order_by("pk").values_list(*fields)[:CHUNK]):
        troubles = [
            Trouble(connection_id=connection_id, code=code, message=detail)
            for _, connection_id, code, detail, _, _ in page
        ]
        letters = [
            Letter(id=pk, lease_token=token, seq=seq, cause=cause)
            for (pk, _, _, _, token, seq), cause in zip(page, record(troubles), strict=True)
            if cause is not None
        ]
        total += bindings.blame(letters)
        last = page[-1][0]
    return total
