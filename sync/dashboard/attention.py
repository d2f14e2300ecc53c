"""What needs a look, in sentences, the worst first: what somebody reads who passes the screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sync import conf
from sync.dashboard.links import Links
from sync.monitoring.board import MOST as MOST_COUNTED
from sync.monitoring.board import Board
from sync.monitoring.standing import Standing, shown

BAD, WARN = "bad", "warn"

MOST = 8
"""So many sentences, that the charts stay in sight; the table of connections has the others."""


def attention(board: Board, links: Links) -> list[dict[str, str]]:
    """Return sentences with their ``level`` (bad or warn) and a link; none where all is well."""
    found = [*_alive(board), *(each for one in board.report.connections for each in _connection(one, links))]
    found.sort(key=lambda each: each["level"] != BAD)
    if len(found) > MOST:
        left = len(found) - MOST
        text = ngettext("and %(n)s more, below.", "and %(n)s more, below.", left) % {"n": left}
        found = [*found[:MOST], _said(found[MOST]["level"], text)]
    return found


def _alive(board: Board) -> Iterator[dict[str, str]]:
    pulse = board.pulse
    if not conf.current().enabled:
        yield _said(WARN, _("Switched off by CRUDSYNC['enabled']: nothing is captured or sent."))
        return
    if pulse.workers is None:
        if not pulse.working:
            yield _said(BAD, _("The broker does not answer, and nobody works."))
        else:
            yield _said(WARN, _("The broker cannot be asked for workers."))
    elif not pulse.workers:
        yield _said(BAD, _("No worker answers: nothing is sent."))
    elif pulse.beat is False:
        yield _said(WARN, _("Beat is silent: retries wait for the next save."))
    if not board.report.swept:
        yield _said(BAD, _("Work waits, and nobody sweeps."))


def _connection(one: Standing, links: Links) -> Iterator[dict[str, str]]:
    url = links.to("connection_change", one.id)
    if not one.registered:
        yield _said(WARN, _("%(name)s: its integrator is not registered here.") % {"name": one.connection}, url)
    if one.paused:
        reason = one.paused_reason or _("no reason given")
        yield _said(WARN, _("%(name)s is paused: %(why)s") % {"name": one.connection, "why": reason}, url)
    elif one.blocked_until is not None:
        reason = one.blocked_reason or _("no reason given")
        yield _said(BAD, _("%(name)s is shut: %(why)s") % {"name": one.connection, "why": reason}, url)
    if one.stuck:
        text = ngettext(
            "%(name)s: %(n)s object waits for a person.", "%(name)s: %(n)s objects wait for a person.", one.stuck
        )
        causes = links.to("cause_changelist")
        yield _said(BAD, text % {"name": one.connection, "n": shown(one.stuck, MOST_COUNTED)}, causes)


def _said(level: str, text: str, url: str = "") -> dict[str, Any]:
    return {"level": level, "text": text, "url": url}
