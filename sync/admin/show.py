"""How values of our rows are shown: badges, durations, JSON, links. Everything is escaped."""

from __future__ import annotations

import json
from typing import Any

from django.apps import apps
from django.contrib.admin.sites import AdminSite
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from sync.models import Binding, State
from sync.models.identity import pk_of

NOTHING = "–"


def badge(state: str) -> SafeString:
    """Return a binding's state as a badge, in the colours of the admin's theme."""
    label = State(state).label if state in State.values else state
    return format_html('<span class="crudsync-badge crudsync-{}">{}</span>', state, label)


def badges(rows: list[Binding]) -> SafeString:
    """Return one badge per binding; each says its connection where there are several."""
    if not rows:
        return format_html('<span class="crudsync-badge crudsync-unknown">{}</span>', _("not synced yet"))
    if len(rows) == 1:
        return badge(rows[0].state)
    parts = ((str(row.connection), badge(row.state)) for row in rows)
    return format_html_join(" ", '<span class="crudsync-account">{}: {}</span>', parts)


def reason(row: Binding) -> str:
    """Return why a binding stands where it does, one line."""
    parts = [part for part in (row.code, row.detail) if part]
    if row.waits_for:
        parts.append(_("waits for %(parent)s") % {"parent": row.waits_for})
    return ": ".join(parts) or NOTHING


def duration(milliseconds: float | None) -> str:
    """Return a duration as a person reads it."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return _("%(n).0f ms") % {"n": milliseconds}
    return _("%(n).1f s") % {"n": milliseconds / 1000}


def pretty(text: str) -> SafeString | str:
    """Return JSON text indented, any other text as it is, in a block that keeps its lines."""
    if not text:
        return NOTHING
    return format_html('<pre class="crudsync-body">{}</pre>', indented(text))


def indented(text: str) -> str:
    """Return JSON text with line breaks; a cut-off or foreign text is returned as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def local_link(site: AdminSite, label: str, object_id: str) -> SafeString | str:
    """Return a link to the local object's change page, or its id where the admin has none.

    Asks the database nothing: the object may be gone.
    """
    url = local_url(site, label, object_id)
    return format_html('<a href="{}">{}</a>', url, object_id) if url else object_id


def local_url(site: AdminSite, label: str, object_id: str) -> str:
    """Return the address of the local object's change page, empty where the admin has none."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return ""
    if model not in site._registry or pk_of(model, object_id) is None:
        return ""
    return admin_url(site, f"{model._meta.app_label}_{model._meta.model_name}_change", object_id)


def admin_url(site: AdminSite, name: str, *args: Any) -> str:
    """Return the address of an admin page, empty where there is none of that name."""
    try:
        return reverse(f"admin:{name}", args=args, current_app=site.name)
    except NoReverseMatch:
        return ""
