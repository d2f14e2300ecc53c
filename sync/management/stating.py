"""How delivery stands, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from django.core.management.color import Style

from sync.management.moments import span
from sync.monitoring.figures import Figures
from sync.monitoring.standing import Report, Standing, shown

SPAN_MIN = 5
"""So many minutes the figures are of."""


def stated(found: Report, figures: Mapping[int, Figures], style: Style) -> Iterator[str]:
    """Yield the lines of a report.

    Args:
        found: the report.
        figures: of the last minutes, by connection.
        style: of the command.
    """
    for one in found.connections:
        yield from _connection(one, figures.get(one.id), style)
    if not found.connections:
        yield "no connection: no integrator is registered"
    yield f"inbox: {shown(found.inbox)}{_since(', oldest', found.oldest_change_s)}"
    sweep = "never" if found.last_sweep_s is None else f"{span(found.last_sweep_s)} ago"
    line = f"last sweep: {sweep}"
    yield line if found.swept else style.ERROR(f"{line}; work waits and nobody sweeps: see crudsync_doctor")


def measured(figures: Figures | None) -> dict[str, float | int | None]:
    """Return the figures of a connection as plain values; nothing happened: zeros, and None where nothing was measured.

    Durations are milliseconds, ``success_share`` is 0 to 1.
    """
    figures = figures or Figures()
    counts = ("calls", "succeeded", "failed", "unknown", "throttled", "retries", "applied", "dead")
    return {
        "minutes": SPAN_MIN,
        **{name: getattr(figures, name) for name in counts},
        "success_share": _rounded(figures.success_share, 4),
        "call_p50_ms": _rounded(figures.call_ms(0.5)),
        "call_p95_ms": _rounded(figures.call_ms(0.95)),
        "applied_p50_ms": _rounded(figures.applied_ms(0.5)),
        "applied_p95_ms": _rounded(figures.applied_ms(0.95)),
    }


def _connection(one: Standing, figures: Figures | None, style: Style) -> Iterator[str]:
    colour = style.SUCCESS if one.well and not one.paused else style.WARNING
    yield colour(f"{one.connection}: {_gate(one)}")
    counts = ", ".join(f"{shown(count)} {state.replace('_', ' ')}" for state, count in one.counts.items())
    ignored = f"; {shown(one.ignored)} of them ignored" if one.ignored else ""
    yield f"  objects: {counts or 'none'}{ignored}"
    yield f"  backlog: {shown(one.backlog)}{_since(', oldest unsent', one.oldest_unsent_s)}"
    if figures is not None and figures.calls:
        yield from _figures(figures)
    if one.stuck:
        integrator = one.connection.partition("/")[0]
        yield f"  {shown(one.stuck)} wait for a person: crudsync_replay --list --integrator {integrator}"


def _figures(of: Figures) -> Iterator[str]:
    share = "" if of.success_share is None else f", {of.success_share:.1%} succeeded"
    more = [f"{count} {name}" for name, count in (("throttled", of.throttled), ("retries", of.retries)) if count]
    yield f"  last {SPAN_MIN} min: {of.calls} calls{share}{_durations(of.call_ms)}{', '.join(['', *more])}"
    if of.applied:
        yield f"  applied: {of.applied} objects; from save to applied{_durations(of.applied_ms)}"


def _durations(at: Callable[[float], float | None]) -> str:
    half, most = at(0.5), at(0.95)
    return "" if half is None or most is None else f", {_duration(half)} (p95 {_duration(most)})"


def _duration(ms: float) -> str:
    return f"{max(ms, 1):.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s" if ms < 120_000 else span(ms / 1000)


def _gate(one: Standing) -> str:
    if not one.registered:
        return "not registered in this process"
    if one.paused:
        return f"paused ({one.paused_reason or 'no reason given'})"
    if one.blocked_until is not None:
        return f"shut until {one.blocked_until:%Y-%m-%d %H:%M:%S} UTC ({one.blocked_reason or 'no reason given'})"
    return "open"


def _since(words: str, seconds: float | None) -> str:
    return "" if seconds is None else f"{words} {span(seconds)}"


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)
