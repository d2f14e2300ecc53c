"""What the page's script says, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from sync.models import Cause


def words() -> dict[str, str]:
    """Return the words of the script by name; ``{n}`` and the like are filled in there."""
    return {
        "well": _("All is well"),
        "look": _("Needs a look"),
        "paused": _("Stopped"),
        "lost": _("No answer from the server since {time}; trying again"),
        "refused": _("You are logged out. Load the page again."),
        "updated": _("Updated {time}"),
        "none": _("nothing yet"),
        "no_connection": _("No connection yet: the first change that a worker takes makes one."),
        "no_causes": _("Nothing has failed for good."),
        "no_data": _("Nothing was sent in this span."),
        "open": _("open"),
        "shut": _("shut"),
        "held": _("paused"),
        "unregistered": _("not registered"),
        "until": _("until {time}"),
        "workers": _("{n} workers"),
        "worker": _("1 worker"),
        "no_workers": _("no worker"),
        "workers_unknown": _("workers unknown"),
        "beat": _("beat alive"),
        "no_beat": _("beat silent"),
        "beat_unknown": _("beat unknown"),
        "swept": _("swept {age} ago"),
        "never_swept": _("never swept"),
        "counted": _("counted {age} ago"),
        "never_counted": _("not counted yet"),
        "oldest": _("oldest {age}"),
        "per_minute": _("{n}/min"),
        "of_calls": _("of {n} calls"),
        "waited": _("waited {time}"),
        "tokens": _("tokens"),
        "throttled": _("429s"),
        "waits": _("time waited for tokens"),
        "used": _("{used} % of {limit} a {per} in use"),
        "remote_paused": _("the remote wants nothing for {time}"),
        "succeeded": _("succeeded"),
        "failed": _("failed"),
        "unknown": _("unknown"),
        "p50": _("half within"),
        "p95": _("95 % within"),
        "at": _("time"),
        "as_table": _("As a table"),
        "retries": _("retries"),
        "dead_letters": _("dead letters"),
        "chart_hint": _("Arrow keys read it step by step."),
        "pending": _("pending"),
        "retrying": _("retrying"),
        "waiting": _("waiting for its parent"),
        "synced": _("synced"),
        "held_state": _("held"),
        "in_doubt": _("held in doubt"),
        "dead": _("dead"),
        "absent": _("absent on both sides"),
    }


def cause_text(cause: Cause) -> str:
    """Return what went wrong, on one line: the code, the field and the remote's words without what differs."""
    parts = (cause.code, str(cause.status_code or "") if str(cause.status_code) != cause.code else "", cause.field)
    return ": ".join(part for part in (" ".join(each for each in parts if each), cause.message) if part)
