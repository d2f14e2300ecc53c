"""What becomes of incidents: no database, one clock, tables of what rules see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from sync.models import Connection, Incident, IncidentState, RuleKind
from sync.monitoring.alerts.incidents import GROUP_S, Judged, judge
from sync.monitoring.alerts.readings import Reading
from sync.monitoring.alerts.rules import SHIPPED, Rule

BEGAN = dt.datetime(2026, 5, 4, 9, 0, tzinfo=dt.UTC)
BERLIN = Connection(pk=1, integrator="shop", name="berlin")
PARIS = Connection(pk=2, integrator="shop", name="paris")
OTHER = Connection(pk=3, integrator="other", name="default")

OLD = Rule(name="old", kind=RuleKind.OLDEST_UNSENT, threshold=100.0, for_s=60.0, quiet_s=120.0)
SHUT = Rule(name="shut", kind=RuleKind.GATE_SHUT, for_s=60.0, quiet_s=0.0)
SHARE = Rule(name="share", kind=RuleKind.FAILURE_SHARE, threshold=0.5, for_s=60.0, quiet_s=0.0)
DEAD = Rule(name="dead", kind=RuleKind.DEAD_LETTERS, for_s=0.0, quiet_s=0.0)
SWEEP = Rule(name="sweep", kind=RuleKind.NO_SWEEP, threshold=120.0, for_s=0.0, quiet_s=0.0)


class Story:
    """Evaluations, one after the other."""

    def __init__(self) -> None:
        self.incidents: list[Incident] = []
        self.told: list[tuple[str, str]] = []

    def at(self, seconds: float, *readings: Reading) -> Judged:
        live, over = [one for one in self.incidents if one.live], [one for one in self.incidents if not one.live]
        judged = judge(live, readings, BEGAN + dt.timedelta(seconds=seconds))
        self.incidents = over + judged.changed
        self.told += [("firing", one.title) for one in judged.opened]
        self.told += [("again", one.title) for one in judged.again]
        self.told += [("resolved", one.title) for one in judged.resolved]
        return judged

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.told]


def sees(rule: Rule, value: float | None, row: Connection | None = BERLIN, detail: str = "it is so") -> Reading:
    return Reading(rule=rule, connection=row, value=value, detail=detail)


def test_what_lasts_is_told_once_and_its_end_once() -> None:
    story = Story()
    story.at(0, sees(OLD, 150))
    assert story.events == []
    for seconds in (60, 120, 180):
        story.at(seconds, sees(OLD, 150 + seconds))
    assert story.told == [("firing", "shop/berlin: it is so")]
    story.at(240, sees(OLD, 0))
    story.at(300, sees(OLD, None))
    assert story.events == ["firing"]
    story.at(360, sees(OLD, None))
    story.at(420, sees(OLD, None))
    assert story.events == ["firing", "resolved"]
    (incident,) = story.incidents
    assert (incident.state, incident.live) == (IncidentState.RESOLVED, None)
    assert incident.resolved_at == BEGAN + dt.timedelta(seconds=360)


def test_what_passes_before_its_time_was_nothing() -> None:
    story = Story()
    story.at(0, sees(OLD, 150))
    story.at(59, sees(OLD, 50))
    story.at(90, sees(OLD, 150))
    story.at(149, sees(OLD, 150))
    assert story.events == []


def test_between_threshold_and_recovery_all_stays_as_it_is() -> None:
    story = Story()
    for seconds, value in ((0, 150), (60, 150), (120, 90), (600, 90), (660, 70), (720, 90), (780, 70), (840, 70)):
        story.at(seconds, sees(OLD, value))
    assert story.events == ["firing"]
    story.at(900, sees(OLD, 70))
    assert story.events == ["firing", "resolved"]


def test_flapping_within_the_quiet_time_is_one_incident() -> None:
    story = Story()
    story.at(0, sees(OLD, 150))
    for seconds in range(60, 1200, 60):
        story.at(seconds, sees(OLD, 150 if seconds % 120 else 0))
    assert story.events == ["firing"]
    assert len(story.incidents) == 1


def test_a_remote_that_is_down_is_one_incident_however_many_rules_and_accounts_see_it() -> None:
    story = Story()
    down = [sees(rule, value, row) for row in (BERLIN, PARIS) for rule, value in ((OLD, 900), (SHUT, 1), (SHARE, 1))]
    for seconds in (0, 60, 120):
        story.at(seconds, *down)
    assert story.events == ["firing"]
    assert story.told[0][1] == "shop (and 1 more accounts): it is so"
    up = [sees(rule, None, row) for row in (BERLIN, PARIS) for rule in (OLD, SHUT, SHARE)]
    story.at(180, *up[:3], *down[3:])
    assert story.events == ["firing"]
    for seconds in (240, 600):
        story.at(seconds, *up)
    assert story.events == ["firing", "resolved"]


def test_another_account_that_fails_much_later_is_another_incident() -> None:
    story = Story()
    story.at(0, sees(SHUT, 1))
    story.at(60, sees(SHUT, 1))
    later = GROUP_S + 60
    story.at(later, sees(SHUT, 1), sees(SHUT, 1, PARIS))
    story.at(later + 60, sees(SHUT, 1), sees(SHUT, 1, PARIS))
    assert [title for _, title in story.told] == ["shop/berlin: it is so", "shop/paris: it is so"]


def test_strangers_are_not_mixed() -> None:
    story = Story()
    for seconds in (0, 60):
        story.at(seconds, sees(SHUT, 1), sees(SHUT, 1, OTHER), sees(DEAD, 3))
    assert sorted(title for _, title in story.told) == [
        "other/default: it is so",
        "shop/berlin: it is so",
        "shop/berlin: it is so",
    ]


def test_a_dead_letter_is_not_hidden_by_an_outage_that_goes_on() -> None:
    story = Story()
    story.at(0, sees(SHUT, 1))
    story.at(60, sees(SHUT, 1))
    story.at(120, sees(SHUT, 1), sees(DEAD, 1))
    assert story.events == ["firing", "firing"]


def test_where_nobody_works_that_is_what_is_told() -> None:
    story = Story()
    for seconds in (0, 60, 120):
        story.at(seconds, sees(SWEEP, 500, None, "no sweep"), sees(OLD, 900), sees(OLD, 900, OTHER))
    assert story.told == [("firing", "no sweep")]


def test_a_rule_that_is_no_more_in_force_has_recovered() -> None:
    story = Story()
    for seconds in (0, 60):
        story.at(seconds, sees(OLD, 900))
    story.at(120)
    assert story.events == ["firing"]
    story.at(240)
    assert story.events == ["firing", "resolved"]


def test_a_pending_one_whose_connection_is_gone_is_dropped() -> None:
    story = Story()
    story.at(0, sees(OLD, 900))
    judged = story.at(30)
    assert len(judged.dropped) == 1
    assert not judged.changed


def test_what_only_some_workers_see_is_one_incident_until_nobody_sees_it() -> None:
    story = Story()
    story.at(0, sees(OLD, 900))
    for seconds in range(60, 600, 120):
        story.at(seconds, sees(OLD, 900))
        story.at(seconds + 60)  # this one knows no such connection yet
    assert story.events == ["firing"]
    story.at(660)
    story.at(720)
    assert story.events == ["firing", "resolved"]


@pytest.mark.parametrize(("renotify_s", "told"), [(0.0, 1), (300.0, 3)])
def test_it_is_told_again_only_where_somebody_asks_for_that(renotify_s: float, told: int) -> None:
    rule = Rule(name="shut", kind=RuleKind.GATE_SHUT, for_s=0.0, renotify_s=renotify_s)
    story = Story()
    for seconds in range(0, 700, 50):
        story.at(seconds, sees(rule, 1))
    assert len(story.told) == told


def test_channels_are_those_of_all_its_rules_and_all_where_one_names_none() -> None:
    named = [Rule(name=n, kind=RuleKind.GATE_SHUT, for_s=0.0, channels=(n,)) for n in ("a", "b")]
    story = Story()
    story.at(0, *(sees(rule, 1) for rule in named))
    assert story.incidents[0].channels == ["a", "b"]
    story = Story()
    story.at(0, *(sees(rule, 1) for rule in (*named, Rule(name="c", kind=RuleKind.GATE_SHUT, for_s=0.0))))
    assert story.incidents[0].channels == []


def test_a_reason_that_comes_back_while_others_go_on_is_no_news() -> None:
    story = Story()

    def at(seconds: float, shut: float | None, share: float | None) -> None:
        story.at(seconds, sees(SHUT, shut), sees(SHARE, share))

    at(0, 1, 1)
    at(60, 1, 1)
    at(120, None, 1)
    at(180, 1, None)
    at(240, None, None)
    assert story.events == ["firing", "resolved"]


@pytest.mark.parametrize(
    ("rule", "value", "breached", "recovered"),
    [
        (OLD, 100.0, True, False),
        (OLD, 99.0, False, False),
        (OLD, 80.0, False, True),
        (OLD, None, False, True),
        (SHUT, 1.0, True, False),
        (SHUT, None, False, True),
        (DEAD, 0.0, False, True),
        (DEAD, 1.0, True, False),
        (Rule(name="x", kind=RuleKind.OLDEST_UNSENT, threshold=0.0, recovery=0.0), 0.0, True, False),
    ],
)
def test_when_a_rule_fires_and_when_it_recovers(rule: Rule, value: Any, breached: bool, recovered: bool) -> None:
    assert (rule.breached(value), rule.recovered(value)) == (breached, recovered)


def test_a_shipped_rule_of_each_kind() -> None:
    kinds: Sequence[str] = [rule.kind for rule in SHIPPED]
    assert sorted(kinds) == sorted(RuleKind.values)
    assert all(rule.name == rule.kind for rule in SHIPPED)
