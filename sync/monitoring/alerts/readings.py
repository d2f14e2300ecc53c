"""What each rule sees: one value for each rule and connection, from a constant number of queries."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sync import conf
from sync.models import Connection, RuleKind
from sync.monitoring import rollup
from sync.monitoring.alerts.rules import Rule, for_connection
from sync.monitoring.figures import Figures, figures
from sync.monitoring.gauges import ConnectionGauges, Gauges, gauges
from sync.monitoring.pulse import pulse
from sync.secrets import hushed

BEFORE_DAYS = (1, 2, 3, 7, 14, 21)
"""The same hour of these days is what is usual."""

ENOUGH = 3
"""So many of them must have seen calls."""

BEHIND_S = 180.0
"""Minutes that are counted so much later, as after a gap that is being caught up on, say nothing of now."""

OF_MINUTES = frozenset({RuleKind.FAILURE_SHARE, RuleKind.DEVIATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a rule sees; ``connection`` is None for the whole, ``value`` None where there is nothing to measure.

    ``blind``: what it measures was not counted yet, so that nothing follows from it.
    """

    rule: Rule
    connection: Connection | None
    value: float | None
    detail: str = ""
    blind: bool = False

    @property
    def slot(self) -> str:
        """How an incident names it."""
        return f"{self.rule.name}:{self.connection.pk if self.connection else ''}"


@dataclass
class Seen:
    """What was asked of the database in one evaluation, each span once."""

    gauges: Gauges
    workers: bool
    _spans: dict[tuple[float, int], Mapping[int, Figures]] = field(default_factory=dict)

    def figures(self, window_s: float, days_back: int = 0) -> Mapping[int, Figures]:
        """Return what happened in the last so many seconds, or in the same span of an earlier day, by connection."""
        key = (window_s, days_back)
        if key not in self._spans:
            until = self.gauges.at - dt.timedelta(days=days_back)
            self._spans[key] = figures(until - dt.timedelta(seconds=window_s), until)
        return self._spans[key]

    @property
    def counted(self) -> bool:
        """Whether the minutes up to now are counted: where they are not, few calls say nothing."""
        return self.gauges.ran_s.get(rollup.NAME, 0.0) < BEHIND_S


def readings(rules: Iterable[Rule]) -> list[Reading]:
    """Return what each rule sees now."""
    rules = list(rules)
    alive = any(rule.kind == RuleKind.NO_WORKER for rule in rules)
    seen = Seen(gauges(), pulse().working if alive else True)
    found = [_of_system(rule, seen) for rule in rules if rule.of_system]
    for standing in seen.gauges.standings:
        ours = for_connection(rules, standing.connection.pk)
        found.extend(_of_connection(rule, standing, seen) for rule in ours)
    return found


def _of_connection(rule: Rule, standing: ConnectionGauges, seen: Seen) -> Reading:
    if rule.kind in OF_MINUTES and not seen.counted:
        return Reading(rule=rule, connection=standing.connection, value=None, blind=True)
    value, detail = MEASURES[rule.kind](rule, standing, seen)
    return Reading(rule=rule, connection=standing.connection, value=value, detail=detail)


def _of_system(rule: Rule, seen: Seen) -> Reading:
    if not conf.current().enabled:
        return Reading(rule=rule, connection=None, value=None)
    if rule.kind == RuleKind.NO_WORKER:
        return Reading(rule=rule, connection=None, value=None if seen.workers else 1.0, detail="no worker answers")
    swept_s = seen.gauges.swept_s
    detail = "there was no sweep yet" if swept_s is None else f"the last sweep was {swept_s:.0f} s ago"
    return Reading(rule=rule, connection=None, value=swept_s, detail=detail)


Measured = tuple[float | None, str]


def _oldest_unsent(rule: Rule, standing: ConnectionGauges, seen: Seen) -> Measured:  # noqa: ARG001 - all measures are called alike
    age_s = standing.oldest_unsent_s
    if standing.connection.paused:  # the pause is what is told of
        return None, ""
    return age_s, "" if age_s is None else f"the oldest unsent change is {_span(age_s)} old"


def _failure_share(rule: Rule, standing: ConnectionGauges, seen: Seen) -> Measured:
    found = seen.figures(rule.window_s).get(standing.connection.pk)
    if found is None or found.success_share is None:
        return None, ""
    ended = found.succeeded + found.failed + found.unknown
    if ended < rule.least:
        return None, ""
    share = 1.0 - found.success_share
    return share, f"{share:.0%} of {ended} calls failed within {_span(rule.window_s)}"


def _dead_letters(rule: Rule, standing: ConnectionGauges, seen: Seen) -> Measured:  # noqa: ARG001 - as above
    count = sum(standing.dead.values())
    return float(count), f"{count} objects are dead letters" if count != 1 else "one object is a dead letter"


def _paused(rule: Rule, standing: ConnectionGauges, seen: Seen) -> Measured:  # noqa: ARG001 - as above
    row = standing.connection
    said = hushed(row.paused_reason)  # somebody typed it
    return (1.0, f"paused: {said}" if said else "paused") if row.paused else (None, "")


def _gate_shut(rule: Rule, standing: ConnectionGauges, seen: Seen) -> Measured:  # noqa: ARG001 - as above
    if not standing.shut or standing.connection.paused:
        return None, ""
    return 1.0, f"the gate is shut: {standing.shut_reason}" if standing.shut_reason else "the gate is shut"


def _deviation(rule: Rule, standing: ConnectionGauges, seen: Seen) -> Measured:
    pk = standing.connection.pk
    if standing.connection.paused:
        return None, ""
    before = [seen.figures(rule.window_s, days).get(pk, Figures()).calls for days in BEFORE_DAYS]
    counted = [calls for calls in before if calls]
    usual = statistics.median(counted) if len(counted) >= ENOUGH else 0.0
    calls = seen.figures(rule.window_s).get(pk, Figures()).calls
    if usual < 1 or max(usual, calls) < rule.least:
        return None, ""
    factor = max((calls + 1) / (usual + 1), (usual + 1) / (calls + 1))
    return factor, f"{calls} calls within {_span(rule.window_s)}, where {usual:.0f} are usual at this time"


MEASURES: Mapping[str, Callable[[Rule, ConnectionGauges, Seen], Measured]] = {
    RuleKind.OLDEST_UNSENT: _oldest_unsent,
    RuleKind.FAILURE_SHARE: _failure_share,
    RuleKind.DEAD_LETTERS: _dead_letters,
    RuleKind.PAUSED: _paused,
    RuleKind.GATE_SHUT: _gate_shut,
    RuleKind.DEVIATION: _deviation,
}


def _span(seconds: float) -> str:
    """Return a duration as a person says it."""
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
