"""How often, and how long between, a failing object is tried. Pure: no clock, no rows."""

from sync.retry.backoff import backoff, ever_later, exhausted
from sync.retry.policies import POLICIES, policy

__all__ = ["POLICIES", "backoff", "ever_later", "exhausted", "policy"]
