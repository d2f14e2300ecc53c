"""A diff in words, for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sync.admin import show
from sync.integrators.web import web_url
from sync.monitoring.words import where
from sync.reconcile import Diff, Field, Trouble, Verdict
from sync.reconcile.compare import DRIFT

VERDICTS: Mapping[Verdict, Any] = {
    Verdict.SAME: gettext_lazy("same"),
    Verdict.OURS: gettext_lazy("changed here"),
    Verdict.THEIRS: gettext_lazy("changed there"),
    Verdict.BOTH: gettext_lazy("changed on both sides"),
    Verdict.DIFFERS: gettext_lazy("differs"),
    Verdict.NOT_SHOWN: gettext_lazy("not shown there"),
    Verdict.NOT_SENT: gettext_lazy("theirs alone: not sent by us"),
    Verdict.UNKNOWN: gettext_lazy("unknown"),
}

TROUBLES: Mapping[Trouble, Any] = {
    Trouble.NOT_BOUND: gettext_lazy("It has no id at %(where)s, so there is nothing to look at there."),
    Trouble.NOT_READABLE: gettext_lazy("%(where)s does not show a single object (can_read is off for this type)."),
    Trouble.NOT_THERE: gettext_lazy("%(where)s has no object %(id)s: somebody removed it there, or it is another's."),
    Trouble.UNAUTHORIZED: gettext_lazy("%(where)s refuses our credentials. Set them anew at its connection."),
    Trouble.LIMITED: gettext_lazy("The rate limit of %(where)s leaves no room for a look now."),
    Trouble.DOWN: gettext_lazy("%(where)s does not answer as it should."),
    Trouble.REFUSED: gettext_lazy("%(where)s refuses to show it."),
    Trouble.PAUSED: gettext_lazy("The connection to %(where)s is paused, so nothing was asked."),
    Trouble.SHUT: gettext_lazy("The way to %(where)s is shut for now, so nothing was asked."),
    Trouble.WRONG: gettext_lazy("This site is not set up to ask %(where)s."),
}

ORDER = (*DRIFT, Verdict.UNKNOWN, Verdict.NOT_SHOWN, Verdict.SAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One field as a row of the table; ``tone`` colours it."""

    field: Field
    verdict: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a page shows of a diff: one sentence, the fields that matter, and those that are the remote's alone."""

    diff: Diff
    sentence: str
    tone: str
    lines: Sequence[Line]
    theirs: Sequence[Line]
    read_at: str
    took: str
    remote_url: str

    @classmethod
    def of(cls, found: Diff) -> Difference:
        """Return a diff in words."""
        lines = [_line(each) for each in found.fields if each.verdict is not Verdict.NOT_SENT]
        return cls(
            diff=found,
            sentence=_sentence(found),
            tone="bad" if found.trouble or not found.agrees else "good",
            lines=sorted(lines, key=lambda line: ORDER.index(line.field.verdict)),
            theirs=[_line(each) for each in found.fields if each.verdict is Verdict.NOT_SENT],
            read_at=show.moment(found.read_at),
            took=show.duration(found.took_ms),
            remote_url=web_url(found.binding.connection, found.binding.object_type, found.remote_id),
        )


def _sentence(found: Diff) -> str:
    values = {"where": where(found.binding.connection), "id": found.remote_id}
    if found.trouble:
        text = str(TROUBLES[found.trouble]) % values
        more = f" {found.error}." if found.error is not None and found.trouble is not Trouble.NOT_THERE else ""
        wait_s = found.retry_after_s
        later = " " + _("Look again in %(n).0f s.") % {"n": wait_s} if wait_s is not None else ""
        return f"{text}{more}{later}"
    if not found.in_scope:
        return _("It is at %(where)s, but not meant to be: a worker deletes it there, or leaves it alone.") % values
    if found.ours_error:
        return _("It cannot be sent as it is here: %(error)s.") % {"error": found.ours_error.rstrip(".")}
    if not found.drifted:
        return _("Both sides agree.")
    names = ", ".join(f"{each.name} ({VERDICTS[each.verdict]})" for each in found.drifted[:5])
    return _("They do not agree: %(names)s.") % {"names": names}


def _line(each: Field) -> Line:
    tone = "bad" if each.verdict in DRIFT else "good" if each.verdict is Verdict.SAME else "quiet"
    return Line(field=each, verdict=str(VERDICTS[each.verdict]), tone=tone)
