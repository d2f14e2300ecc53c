"""Rate limits as remotes keep them: so many calls in any window, on the server's own clock."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from sync.testing.sandbox.config import Config
from sync.testing.sandbox.message import Refusal, Reply, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the limits say to one request. ``wait_s`` is seconds until there is room; 0 where there is."""

    wait_s: float = 0.0
    limit: int = 0
    remaining: int = 0

    @property
    def violated(self) -> bool:
        """True where the request came too fast."""
        return self.wait_s > 0


class Limits:
    """The sliding windows of all limits."""

    def __init__(self) -> None:
        self._arrivals: dict[str, deque[float]] = {}

    def meet(self, request: Request, config: Config, *, token: bool = False) -> Verdict:
        """Judge one arrival by the limits that concern it. Refused calls take no room.

        Args:
            request: what came.
            config: the options in force for it.
            token: it is a call of the token endpoint, which only limits with a ``path`` concern.
        """
        if not config.rate_limits:
            return Verdict()
        rules = [rule for rule in config.rate_limits if _concerns(rule, request, token)]
        verdicts = [self._one(rule, request) for rule in rules]
        worst = max(verdicts, key=lambda verdict: (verdict.wait_s, -verdict.remaining), default=Verdict())
        if not worst.violated or not config.rate_limit_enforced:
            for rule in rules:
                self._window(rule).append(request.monotonic)
        return worst

    def clear(self) -> None:
        """Forget all arrivals."""
        self._arrivals.clear()

    def _window(self, rule: Mapping[str, Any]) -> deque[float]:
        return self._arrivals.setdefault(_name(rule), deque())

    def _one(self, rule: Mapping[str, Any], request: Request) -> Verdict:
        window, per, limit = self._window(rule), float(rule["per"]), int(rule["limit"])
        while window and window[0] <= request.monotonic - per:
            window.popleft()
        if len(window) < limit:
            return Verdict(limit=limit, remaining=limit - len(window) - 1)
        # Room comes when the limit-th call from the end has left the window.
        wait_s = max(window[-limit] + per - request.monotonic, 1e-6)
        return Verdict(wait_s=wait_s, limit=limit, remaining=0)


def _name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("name") or sorted((key, str(value)) for key, value in rule.items()))


def _concerns(rule: Mapping[str, Any], request: Request, token: bool) -> bool:
    methods = rule.get("methods")
    if methods and request.method not in methods:
        return False
    if not rule.get("path"):
        return not token
    return re.search(str(rule["path"]), request.path) is not None


def headers(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """Return the headers that tell a client where it stands."""
    return (
        ("X-RateLimit-Limit", str(verdict.limit)),
        ("X-RateLimit-Remaining", str(verdict.remaining)),
        ("X-RateLimit-Reset", str(math.ceil(verdict.wait_s))),
    )


def refuse(verdict: Verdict, config: Config, now: float) -> Reply:
    """Return the 429, its Retry-After in the form the options ask for (RFC 9110, section 10.2.3)."""
    told = {
        "seconds": str(math.ceil(verdict.wait_s)),
        # A date has whole seconds: rounded up, or the client would come back too early.
        "date": formatdate(math.ceil(now + verdict.wait_s), usegmt=True),
        "garbage": "soon",
        "absurd": "31536000000",
    }.get(config.retry_after)
    extra = (("Retry-After", told),) if told else ()
    return Refusal(429, "rate_limited", "too many requests").reply(*extra, *headers(verdict))
