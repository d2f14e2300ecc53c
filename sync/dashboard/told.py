"""The board in plain values, as the page's script reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from sync.dashboard.attention import attention
from sync.dashboard.links import Links
from sync.dashboard.words import cause_text
from sync.models import Cause
from sync.monitoring.board import RECENT, SPANS, Board
from sync.monitoring.figures import Figures
from sync.monitoring.pulse import Pulse
from sync.monitoring.standing import Standing
from sync.ratelimit import BucketState

COUNTS = ("succeeded", "failed", "unknown", "throttled", "retries", "dead", "tokens")
QUANTILES = (("p50", 0.5), ("p95", 0.95))
MINUTES = RECENT.total_seconds() / 60


def told(board: Board, span: str, connection_id: int | None, request: HttpRequest) -> dict[str, Any]:
    """Return all that the page shows.

    Args:
        board: what was found.
        span: the name of the charts' span.
        connection_id: whose charts they are; None: of all.
        request: whose reader the links are for.
    """
    links = Links(request)
    rows = board.report.connections
    return {
        "at": board.at,
        "span": span,
        "connection": connection_id,
        "attention": attention(board, links),
        "panel": _panel(board),
        "pulse": _pulse(board.pulse, board),
        "connections": [_connection(one, board, links) for one in rows],
        "series": _series(board, span),
        "causes": None if board.causes is None else [_cause(cause, count, links) for cause, count in board.causes],
        "inbox": {"count": board.report.inbox, "oldest_s": _whole(board.report.oldest_change_s)},
    }


def _panel(board: Board) -> dict[str, Any]:
    rows = board.report.connections
    return {
        "success": board.past.day.success_share,
        "calls": board.past.day.calls,
        "mean_ms": board.past.day.mean_call_ms,
        "retrying": sum(one.counts.get("retrying", 0) for one in rows),
        "dead": sum(one.stuck for one in rows),
        "backlog": sum(one.backlog for one in rows),
        "oldest_s": _whole(max((one.oldest_unsent_s for one in rows if one.oldest_unsent_s is not None), default=None)),
    }


def _pulse(pulse: Pulse, board: Board) -> dict[str, Any]:
    return {
        "workers": None if pulse.workers is None else list(pulse.workers),
        "beat": pulse.beat,
        "working": pulse.working,
        "swept_s": _rough(pulse.swept_s),
        "rolled_s": _rough(pulse.rolled_s),
        "swept": board.report.swept,
    }


def _connection(one: Standing, board: Board, links: Links) -> dict[str, Any]:
    during, lately = board.past.during.get(one.id, Figures()), board.past.lately.get(one.id, Figures())
    return {
        "id": one.id,
        "name": one.connection,
        "url": links.to("connection_change", one.id),
        "state": _state(one),
        "reason": one.paused_reason if one.paused else one.blocked_reason,
        "until": one.blocked_until,
        "counts": [
            [state, count, links.to("binding_changelist", query=_of(one.id, state))]
            for state, count in one.counts.items()
        ],
        "backlog": one.backlog,
        "oldest_s": _whole(one.oldest_unsent_s),
        "retrying": one.counts.get("retrying", 0),
        "stuck": one.stuck,
        "stuck_url": links.to("cause_changelist"),
        "per_minute": lately.calls / MINUTES,
        "calls": during.calls,
        "success": during.success_share,
        "call": _quantiles(during.call_ms),
        "applied": _quantiles(during.applied_ms),
        "tokens": during.tokens,
        "waited_ms": during.waited_ms,
        "throttled": during.throttled,
        "buckets": [_bucket(each) for each in board.buckets.get(one.id, ())],
    }


def _state(one: Standing) -> str:
    if not one.registered:
        return "unregistered"
    if one.paused:
        return "paused"
    return "shut" if one.blocked_until is not None else "open"


def _bucket(state: BucketState) -> dict[str, Any]:
    return {
        "name": state.name,
        "limit": state.limit,
        "per_s": state.per_s,
        "used": round(state.used, 2),
        "known": state.known,
        "paused_s": _whole(state.paused_s),
    }


def _series(board: Board, span: str) -> dict[str, Any]:
    steps = board.past.steps
    found: dict[str, Any] = {"step_s": SPANS[span].step_s, "at": [int(at.timestamp()) for at, _ in steps]}
    for name in COUNTS:
        found[name] = [getattr(each, name) for _, each in steps]
    found["waited_s"] = [round(each.waited_ms / 1000, 1) for _, each in steps]
    for name, share in QUANTILES:
        found[f"call_{name}"] = [_rounded(each.call_ms(share)) for _, each in steps]
        found[f"applied_{name}"] = [_rounded(each.applied_ms(share)) for _, each in steps]
    return found


def _cause(cause: Cause, count: int, links: Links) -> dict[str, Any]:
    return {
        "what": cause_text(cause),
        "integrator": cause.integrator,
        "open": count,
        "times": cause.count,
        "last": cause.last_seen,
        "url": links.to("cause_change", cause.pk),
    }


def _quantiles(of: Any) -> dict[str, float | None]:
    return {name: _rounded(of(share)) for name, share in QUANTILES}


def _of(connection_id: int, state: str) -> Mapping[str, Any]:
    return {"connection__id__exact": connection_id, "state__exact": state}


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _rough(value: float | None) -> int | None:
    """An age by its tens: one that grows by the second would make every answer a new one."""
    return None if value is None else int(value // 10) * 10
