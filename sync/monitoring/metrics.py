"""Metrics for Prometheus, made of rows when they are asked for: nothing is kept in a process, so any may be asked.

Names have their unit; labels are the connection, a state or an outcome, never an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sync.models import STUCK, Incident, IncidentState, State
from sync.models.database import alias
from sync.models.minute import APPLIED_BUCKETS, BOUNDS_MS, CALL_BUCKETS
from sync.monitoring.gauges import ConnectionGauges, Gauges, gauges
from sync.monitoring.heaps import COUNTED
from sync.monitoring.totals import totals

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
CONNECTION = ("connection",)
OUTCOMES = ("succeeded", "failed", "unknown")
WAITING = (State.PENDING, State.RETRYING, State.WAITING, State.SYNCED, State.HELD)

Total = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Count:
    """A counter of each connection, and the column it is read from; ``scale`` turns its unit into the name's."""

    name: str
    help: str
    column: str
    scale: float = 1.0


COUNTERS = (
    Count("crudsync_throttled", "Calls that the remote answered with 429.", "throttled"),
    Count("crudsync_retries", "Calls that were no first attempts.", "retries"),
    Count("crudsync_dead_letters", "Failures that left an object stuck.", "dead"),
    Count("crudsync_tokens", "Tokens taken from the limiter.", "tokens"),
    Count("crudsync_token_wait_seconds", "Time that calls waited for their tokens.", "waited_ms", 0.001),
)


@dataclass(frozen=True, slots=True)
class Level:
    """A gauge of each connection."""

    name: str
    help: str
    value: Callable[[ConnectionGauges], float | None]


LEVELS = (
    Level(
        "crudsync_oldest_unsent_seconds",
        "Age of the oldest change that is not at the remote; 0 where there is none.",
        lambda one: one.oldest_unsent_s or 0.0,
    ),
    Level(
        "crudsync_connection_paused",
        "1 where somebody has paused the connection.",
        lambda one: float(one.connection.paused),
    ),
    Level(
        "crudsync_gate_shut",
        "1 while nothing is sent because of what the remote answered.",
        lambda one: float(one.shut),
    ),
    Level("crudsync_slots_in_use", "Drains at work.", lambda one: float(one.slots)),
    Level("crudsync_slots", "Drains that may be at work at once.", lambda one: float(one.connection.drains)),
)


class Rows(Collector):
    """Reads everything once, and gives it as metrics."""

    def describe(self) -> Sequence[Metric]:
        """Return nothing: what there is is known once it is asked for."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return all metrics, from a constant number of queries."""
        found = gauges()
        names = {one.connection.pk: str(one.connection) for one in found.standings}
        counted = totals(names)
        yield from _counters(names, counted)
        yield from _histograms(names, counted)
        yield from _levels(found.standings)
        yield from _whole(found)
        yield _incidents()


def text() -> bytes:
    """Return the metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Rows())
    return generate_latest(registry)


def _counters(names: Mapping[int, str], counted: Mapping[int, Total]) -> Iterator[Metric]:
    calls = CounterMetricFamily("crudsync_calls", "Calls that have ended.", labels=("connection", "outcome"))
    for pk, name in names.items():
        for outcome in OUTCOMES:
            calls.add_metric((name, outcome), counted[pk][outcome])
    yield calls
    for each in COUNTERS:
        family = CounterMetricFamily(each.name, each.help, labels=CONNECTION)
        for pk, name in names.items():
            family.add_metric((name,), counted[pk][each.column] * each.scale)
        yield family


def _histograms(names: Mapping[int, str], counted: Mapping[int, Total]) -> Iterator[Metric]:
    spans = (
        ("crudsync_call_duration_seconds", "How long calls took.", CALL_BUCKETS, "call_ms"),
        ("crudsync_applied_delay_seconds", "From a save to its being applied.", APPLIED_BUCKETS, "applied_ms"),
    )
    for name, told, columns, sum_column in spans:
        family = HistogramMetricFamily(name, told, labels=CONNECTION)
        for pk, connection in names.items():
            buckets = _buckets([counted[pk][column] for column in columns])
            family.add_metric((connection,), buckets, counted[pk][sum_column] / 1000)
        yield family


def _buckets(counts: Sequence[float]) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound in seconds, as Prometheus has them."""
    bounds = [repr(round(bound / 1000, 9)) for bound in BOUNDS_MS]
    found, so_far = [], 0.0
    for bound, count in zip([*bounds, "+Inf"], counts, strict=True):
        so_far += count
        found.append((bound, so_far))
    return found


def _levels(standings: Sequence[ConnectionGauges]) -> Iterator[Metric]:
    for level in LEVELS:
        family = GaugeMetricFamily(level.name, level.help, labels=CONNECTION)
        for one in standings:
            family.add_metric((str(one.connection),), level.value(one) or 0.0)
        yield family
    most = f"at most {COUNTED} a connection are counted"
    by_state = (
        ("crudsync_backlog_objects", f"Objects that are due now or later; {most}.", WAITING, "backlog"),
        ("crudsync_dead_letters_open", f"Dead letters that nobody has ignored; {most}.", STUCK, "dead"),
    )
    for name, told, states, kind in by_state:
        family = GaugeMetricFamily(name, told, labels=("connection", "state"))
        for one in standings:
            counts: Mapping[str, int] = getattr(one, kind)
            for state in states:
                family.add_metric((str(one.connection), str(state.value)), counts.get(state, 0))
        yield family


def _whole(found: Gauges) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "crudsync_inbox_changes", f"Changes that no drain has taken yet, {COUNTED} at the most.", value=found.inbox
    )
    oldest = found.oldest_change_s or 0.0
    yield GaugeMetricFamily("crudsync_inbox_oldest_seconds", "Age of the oldest of them; 0: there is none.", oldest)
    ran = GaugeMetricFamily("crudsync_last_run_age_seconds", "Age of the last run of periodic work.", labels=("work",))
    for name, age_s in sorted(found.ran_s.items()):
        ran.add_metric((name,), age_s)
    yield ran


def _incidents() -> Metric:
    rows = Incident.objects.using(alias()).filter(state=IncidentState.OPEN)
    return GaugeMetricFamily("crudsync_incidents_open", "Incidents that are not over.", value=rows.count())
