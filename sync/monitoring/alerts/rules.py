"""The rules in force: those that are shipped, and the rows that people put in their place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync.models import AlertRule, RuleKind
from sync.models.database import alias

RECOVERY_SHARE = 0.8

OF_SYSTEM = frozenset({RuleKind.NO_SWEEP, RuleKind.NO_WORKER})
"""Kinds that are about the whole, not about one connection."""

SWITCHES = frozenset({RuleKind.PAUSED, RuleKind.GATE_SHUT, RuleKind.NO_WORKER})
"""Kinds whose value is 1 or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule in force; see :class:`sync.models.AlertRule` for what each field is. Times are seconds."""

    name: str
    kind: str
    connection_id: int | None = None
    threshold: float = 1.0
    recovery: float | None = None
    for_s: float = 60.0
    quiet_s: float = 120.0
    renotify_s: float = 0.0
    window_s: float = 300.0
    least: int = 10
    channels: tuple[str, ...] = ()

    @property
    def of_system(self) -> bool:
        """Whether it is about the whole."""
        return self.kind in OF_SYSTEM

    def breached(self, value: float | None) -> bool:
        """Return whether a value is one to be told of, if it lasts."""
        return value is not None and value >= self.threshold

    def recovered(self, value: float | None) -> bool:
        """Return whether a value is well below the threshold; between the two, all stays as it is."""
        if value is None or self.kind in SWITCHES:
            return not value
        low = self.threshold * RECOVERY_SHARE if self.recovery is None else self.recovery
        return value <= low and not self.breached(value)


SHIPPED: tuple[Rule, ...] = (
    Rule(name="oldest_unsent", kind=RuleKind.OLDEST_UNSENT, threshold=900.0, for_s=60.0),
    Rule(name="failure_share", kind=RuleKind.FAILURE_SHARE, threshold=0.5, recovery=0.2, for_s=120.0, least=20),
    Rule(name="dead_letters", kind=RuleKind.DEAD_LETTERS, threshold=1.0, recovery=0.0, for_s=0.0),
    Rule(name="paused", kind=RuleKind.PAUSED, for_s=4 * 3600.0, quiet_s=0.0),
    Rule(name="gate_shut", kind=RuleKind.GATE_SHUT, for_s=300.0),
    Rule(name="deviation", kind=RuleKind.DEVIATION, threshold=5.0, for_s=900.0, window_s=3600.0, least=100),
    Rule(name="no_sweep", kind=RuleKind.NO_SWEEP, threshold=120.0, for_s=0.0),
    Rule(name="no_worker", kind=RuleKind.NO_WORKER, for_s=120.0),
)
"""What is watched where nobody says otherwise."""


def rules() -> list[Rule]:
    """Return the rules in force: a row stands in place of the shipped rule of its name, a disabled one for nothing."""
    rows = list(AlertRule.objects.using(alias()).all())
    named = {row.name for row in rows}
    return [*(rule for rule in SHIPPED if rule.name not in named), *(_rule(row) for row in rows if row.enabled)]


def for_connection(all_rules: Iterable[Rule], connection_id: int) -> list[Rule]:
    """Return the rules that hold for a connection: its own of a kind, else those for all."""
    ours = [rule for rule in all_rules if not rule.of_system and rule.connection_id in (None, connection_id)]
    own = {rule.kind for rule in ours if rule.connection_id is not None}
    return [rule for rule in ours if rule.connection_id is not None or rule.kind not in own]


def _rule(row: AlertRule) -> Rule:
    return Rule(
        name=row.name,
        kind=row.kind,
        connection_id=row.connection_id,
        threshold=row.threshold,
        recovery=row.recovery,
        for_s=float(row.for_s),
        quiet_s=float(row.quiet_s),
        renotify_s=float(row.renotify_s),
        window_s=float(row.window_s),
        least=row.least,
        channels=tuple(str(each) for each in row.channels) if isinstance(row.channels, list) else (),
    )
