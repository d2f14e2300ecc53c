"""How values of our rows are shown: badges, durations, JSON, links. Everything is escaped."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from sync.models import Binding, Connection, Operation
from sync.models.identity import pk_of
from sync.monitoring.badge import badge, badges
from sync.secrets import redact
from sync.types import Wanted

__all__ = ["badge", "badges"]  # and all that follows

NOTHING = "–"
SOON_S = 100
"""A time nearer than this is shown in seconds from now."""


def reason(row: Binding) -> str:
    """Return why a binding stands where it does, one line."""
    parts = [part for part in (row.code, row.detail) if part]
    if row.waits_for:
        parts.append(_("waits for %(parent)s") % {"parent": row.waits_for})
    return ": ".join(parts) or NOTHING


def moment(value: dt.datetime | None) -> str:
    """Return a time to the second, in the site's time zone."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S") if value else NOTHING


def at(name: str, description: Any) -> Callable[[Any], str]:
    """Return a column that shows a field's time to the second, on one line."""

    @admin.display(description=description)
    def shown(obj: Any) -> str:
        return format_html('<span class="crudsync-line">{}</span>', moment(getattr(obj, name)))

    shown.__name__ = name
    return shown


def next_attempt(row: Binding) -> str:
    """Return when a binding is tried next, as seen from now."""
    if row.due_at is None:
        return NOTHING
    if row.leased:
        return _("under way")
    left_s = (row.due_at - timezone.now()).total_seconds()
    if left_s <= 0:
        return _("now")
    return _("in %(n)d s") % {"n": math.ceil(left_s)} if left_s < SOON_S else moment(row.due_at)


def closed(connection: Connection) -> str:
    """Return why nothing is sent under a connection at present, empty where it is open. Reads its gate."""
    if connection.paused:
        return _("paused: %(reason)s") % {"reason": connection.paused_reason or NOTHING}
    gate = getattr(connection, "gate", None)
    if gate is None or gate.blocked_until is None or gate.blocked_until <= timezone.now():
        return ""
    values = {"until": moment(gate.blocked_until), "reason": gate.reason or NOTHING}
    return _("shut until %(until)s: %(reason)s") % values


def answer(row: Operation) -> str:
    """Return what came back of an attempt, one line: the status, unless the sentence names it already."""
    status = str(row.status_code) if row.status_code and str(row.status_code) not in row.detail else ""
    return ": ".join(part for part in (status, row.code, row.detail) if part) or NOTHING


def asked_for(wanted: Wanted) -> str:
    """Return the word by which the history says what somebody asked for."""
    return "compare" if wanted is Wanted.VERIFY else "resync"


def duration(milliseconds: float | None) -> str:
    """Return a duration as a person reads it."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return _("%(n).0f ms") % {"n": milliseconds}
    return _("%(n).1f s") % {"n": milliseconds / 1000}


def pretty(text: str) -> SafeString | str:
    """Return JSON text indented, any other text as it is, without secrets, in a block that keeps its lines."""
    if not text:
        return NOTHING
    return format_html('<pre class="crudsync-body">{}</pre>', redact(indented(text)))


def indented(text: str) -> str:
    """Return JSON text with line breaks; a cut-off or foreign text is returned as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def local_link(site: AdminSite, label: str, object_id: str) -> SafeString | str:
    """Return a link to the local object's change page, or its name where the admin has none.

    Asks the database nothing: the object may be gone.
    """
    url, name = local_url(site, label, object_id), f"{label.rpartition('.')[2]} {object_id}"
    return format_html('<a href="{}">{}</a>', url, name) if url else name


def local_url(site: AdminSite, label: str, object_id: str) -> str:
    """Return the address of the local object's change page, empty where the admin has none."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return ""
    if model not in site._registry or pk_of(model, object_id) is None:
        return ""
    return admin_url(site, f"{model._meta.app_label}_{model._meta.model_name}_change", quote(object_id))


def admin_url(site: AdminSite, name: str, *args: Any) -> str:
    """Return the address of an admin page, empty where there is none of that name."""
    try:
        return reverse(f"admin:{name}", args=args, current_app=site.name)
    except NoReverseMatch:
        return ""
