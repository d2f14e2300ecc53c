"""An object's state as a badge, for the admin's pages and for the user's own."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from sync.models import Binding, State

UNKNOWN = "unknown"


def badge(state: str) -> SafeString:
    """Return a binding's state as a badge; ``crudsync/badge.css`` colours it (the admin brings it along)."""
    label = State(state).label if state in State.values else _("not synced yet") if state == UNKNOWN else state
    return format_html('<span class="crudsync-badge crudsync-{}">{}</span>', state, label)


def badges(rows: Sequence[Binding], *, changed: bool = False) -> SafeString:
    """Return one badge per binding; each says its connection where there are several.

    Args:
        rows: an object's bindings.
        changed: it was changed since, and no worker has taken that yet: it is pending, whatever its bindings say.
    """
    if changed:
        return badge(State.PENDING)
    if not rows:
        return badge(UNKNOWN)
    if len(rows) == 1:
        return badge(rows[0].state)
    parts = ((str(row.connection), badge(row.state)) for row in rows)
    return format_html_join(" ", '<span class="crudsync-account">{}: {}</span>', parts)
