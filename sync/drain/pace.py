"""Tokens for the calls of one claim, and what is known of the next one where there are none."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from sync import operations, ratelimit
from sync.exceptions import LimiterUnavailable, RateLimitExceeded
from sync.types import Grant, RateLimit


class Pace:
    """Takes tokens, some at a time, and says when they ran out.

    ``next_token_s`` is seconds until the next one, None while there are some; ``late`` says that there would have been
    one, but beyond the time in which this claim may send, ``away`` that nobody can tell.

    Args:
        connection_id: whose limits they count against.
        until: ``time.monotonic()`` seconds; no token is reserved beyond that.
    """

    def __init__(self, connection_id: int, until: float) -> None:
        self.connection_id = connection_id
        self.until = until
        self.next_token_s: float | None = None
        self.late = False
        self.away = False
        self._grants: dict[tuple[RateLimit, ...], deque[Grant]] = {}

    def grant(self, limits: Sequence[RateLimit], n: int) -> Grant | None:
        """Return a token, None where none is to be had in time.

        Args:
            limits: what the call counts against; a token is good for whatever counts against the same ones.
            n: how many are taken at once where none is in hand.
        """
        counted = tuple(limits)
        mine = self._grants.setdefault(counted, deque())
        while mine:
            grant = mine.popleft()
            if grant.until > time.monotonic():
                return grant
        horizon_s = self.until - time.monotonic()
        if horizon_s <= 0:
            return None
        try:
            grants = ratelimit.take(self.connection_id, counted, n, horizon_s=horizon_s, seed=operations.sent_since)
        except RateLimitExceeded as error:
            self.next_token_s = error.retry_after_s
            self.away = isinstance(error, LimiterUnavailable)
            return None
        mine.extend(grants.granted)
        self.next_token_s = None if mine else grants.retry_after_s
        self.late = not mine and grants.retry_after_s > horizon_s
        return mine.popleft() if mine else None
