"""Spans, times and reasons as a person says them."""

from __future__ import annotations

import datetime as dt
import re

from django.utils import timezone
from django.utils.translation import gettext as _

from sync.connectors.complaint import complaint
from sync.models import Binding, Connection

SOON_S = 3600.0
"""A time nearer than this is told in seconds or minutes from now."""

_ANSWERED = re.compile(r"the remote answered (\d{3}): (.*)", re.DOTALL)


def where(connection: Connection) -> str:
    """Return how a remote is called in a sentence: its integrator, and the account where it is not the default one."""
    return connection.integrator if connection.name == "default" else str(connection)


def ago(seconds: float) -> str:
    """Return a span of time as a person says it: ``3 s``, ``12 min``, ``5 h``, ``4 d``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def when(at: dt.datetime | None, now: dt.datetime) -> str:
    """Return when something is, as seen from now."""
    left_s = (at - now).total_seconds() if at is not None else 0.0
    if left_s <= 0:
        return _("now")
    return _("in %(span)s") % {"span": ago(left_s)} if left_s < SOON_S else _("at %(at)s") % {"at": moment(at)}


def since(at: dt.datetime | None, now: dt.datetime) -> str:
    """Return how long ago something was, empty where nobody knows."""
    return ago((now - at).total_seconds()) if at is not None else ""


def moment(at: dt.datetime | None) -> str:
    """Return a time to the second, in the site's time zone."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S") if at is not None else ""


def reason(row: Binding) -> str:
    """Return why an object stands where it does, without its state: what the remote complains of comes first."""
    answered = _ANSWERED.match(row.detail)
    if answered is None:
        return row.detail.rstrip(".") or row.code
    field, message = complaint(answered[2].encode())
    if field and message:
        return _("the remote refused “%(field)s” (%(status)s: %(message)s)") % {
            "field": field,
            "status": answered[1],
            "message": message,
        }
    return f"{answered[1]}: {message or answered[2]}".rstrip(".")
