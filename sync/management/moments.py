"""Times as a person reads them: how long ago or how soon, and by the clock. Pure."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def span(seconds: float) -> str:
    """Return a duration in its two largest units: ``4 s``, ``3 min``, ``2 h 5 min``, ``3 d 4 h``."""
    whole = round(abs(seconds))
    if whole < 2 * MINUTE_S:
        return f"{whole} s"
    if whole < 2 * HOUR_S:
        return f"{whole // MINUTE_S} min"
    if whole < 2 * DAY_S:
        return f"{whole // HOUR_S} h{_rest(whole % HOUR_S // MINUTE_S, 'min')}"
    return f"{whole // DAY_S} d{_rest(whole % DAY_S // HOUR_S, 'h')}"


def when(moment: dt.datetime | None, at: dt.datetime) -> str:
    """Return a time as seen from another one: ``3 min ago (09:14:05)``, ``in 20 s (09:17:30)``, ``never``."""
    if moment is None:
        return "never"
    seconds = (moment - at).total_seconds()
    relative = "now" if abs(seconds) < 1 else f"in {span(seconds)}" if seconds > 0 else f"{span(seconds)} ago"
    return f"{relative} ({clock(moment, at)})"


def clock(moment: dt.datetime, at: dt.datetime) -> str:
    """Return a time by the clock in the site's time zone, with its date where that is another day."""
    here, there = timezone.localtime(moment), timezone.localtime(at)
    return here.strftime("%H:%M:%S" if here.date() == there.date() else "%Y-%m-%d %H:%M:%S")


def _rest(number: int, unit: str) -> str:
    return f" {number} {unit}" if number else ""
