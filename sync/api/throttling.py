"""How often a user may ask: reading, deeds, and tests of a remote are counted apart."""

from __future__ import annotations

from typing import Any

from rest_framework.throttling import ScopedRateThrottle

RATES = {"crudsync-read": "600/min", "crudsync-write": "120/min", "crudsync-test": "12/min"}
"""What is allowed where ``REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]`` says nothing of a scope."""


class Throttle(ScopedRateThrottle):
    """Counts in Django's cache, by user and scope. The view's ``throttle_scope`` may depend on the action."""

    def get_rate(self) -> str | None:
        """Return the rate of the scope: the site's, else ours; None where the site said that there is none."""
        rates: Any = self.THROTTLE_RATES
        scope: str = self.scope or ""
        found: str | None = rates[scope] if scope in rates else RATES.get(scope)
        return found

    def wait(self) -> float | None:
        """Return the seconds until the next request is allowed, one at the least."""
        found = super().wait()
        return max(1.0, found) if found is not None else 60.0
