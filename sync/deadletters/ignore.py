"""Ignore: say why nobody need look at dead letters, until something else goes wrong with them."""

from __future__ import annotations

from typing import Unpack

from django.db.models import QuerySet

from sync import bindings
from sync.deadletters.choose import Filter, What, letters
from sync.exceptions import ReasonMissing
from sync.models import Binding

CHUNK = 1000
LONGEST_REASON = 240


def ignore(
    what: What | None = None, *, reason: str, actor: str = "", limit: int | None = None, **chosen: Unpack[Filter]
) -> int:
    """Take dead letters out of the default lists, until they fail for another cause; a success closes them.

    Args:
        what: as for :func:`sync.deadletters.replay`.
        reason: why nobody need look, 240 characters at the most; shown with who said so.
        actor: who says so.
        limit: letters at the most, to the next thousand; the others are ignored by another call.
        chosen: the filter, see :func:`sync.deadletters.letters`.

    Returns:
        How many letters are ignored by that.

    Raises:
        ReasonMissing: the reason is empty.
    """
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise ReasonMissing("a dead letter is ignored for a reason", hint="say why nobody need look at it")
    words = f"{reason} ({actor})"[:300] if actor else reason
    return _note(letters(what, **chosen), words, limit)


def unignore(what: What | None = None, *, limit: int | None = None, **chosen: Unpack[Filter]) -> int:
    """Put ignored dead letters back into the default lists.

    Args:
        what: as for :func:`sync.deadletters.replay`.
        limit: as for :func:`ignore`.
        chosen: the filter, see :func:`sync.deadletters.letters`.

    Returns:
        How many letters are open again.
    """
    chosen["ignored"] = True
    return _note(letters(what, **chosen), "", limit)


def _note(rows: QuerySet[Binding], words: str, limit: int | None) -> int:
    total, last = 0, 0
    ordered = rows.order_by("pk").values_list("pk", flat=True)
    while (limit is None or total < limit) and (page := list(ordered.filter(pk__gt=last)[:CHUNK])):
        total += bindings.ignore(page, words)
        last = page[-1]
    return total
