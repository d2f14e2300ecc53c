"""Where the shared buckets are: their keys in Redis, the way to it, and what it means when it is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync import conf
from sync.exceptions import ConfigurationError, LimiterUnavailable
from sync.ratelimit.link import SHORTEST_REST_S, Link, link
from sync.ratelimit.rates import SECOND_US, Rate, rate
from sync.types import RateLimit

PREFIX = "crudsync:bucket"
TIMEOUT_S = 0.3


def redis() -> Link:
    """Return the link to the limiter's Redis.

    Raises:
        LimiterUnavailable: no Redis is configured.
    """
    url = conf.redis_url()
    if not url:
        raise LimiterUnavailable(
            "the limiter has no Redis",
            retry_after_s=SHORTEST_REST_S,
            code="limiter_not_configured",
            hint="set CRUDSYNC['redis_url'], or CELERY_BROKER_URL to a redis:// URL",
        )
    return link(url, TIMEOUT_S, identify=True)


def key(connection: str | int, bucket: str = "") -> str:
    """Return the key of a bucket's hash, or of the connection's own."""
    return f"{PREFIX}:{connection}:{bucket}"


def keys(connection: str | int, rates: Sequence[Rate]) -> list[str]:
    """Return the connection's own key and those of its buckets, as the scripts want them."""
    return [key(connection), *(key(connection, each.name) for each in rates)]


def numbers(rates: Sequence[Rate], seeds: Sequence[str] = ()) -> list[Any]:
    """Return the six values a bucket that the scripts want."""
    values: list[Any] = []
    for i, each in enumerate(rates):
        seeded = seeds[i] if seeds else ""
        values += [int(each.counted), repr(each.step_us), repr(each.span_us), each.burst, each.limit, seeded]
    return values


def rates_of(limits: Sequence[RateLimit], slack_s: float) -> list[Rate]:
    """Return the numbers of each limit, the first of a name: limits of one name share a bucket.

    Raises:
        ConfigurationError: a limit that cannot be kept.
    """
    named: dict[str, Rate] = {}
    for limit in limits:
        each = rate(limit, slack_s)
        named.setdefault(each.name, each)
    return list(named.values())


def local_share(error: Exception) -> float:
    """Return the share of each limit that this process may use while Redis is away.

    Args:
        error: why Redis is thought to be away.

    Raises:
        LimiterUnavailable: the limiter is closed, or the site declares no share.
        ConfigurationError: ``bad_limiter_share``.
    """
    settings = conf.current()
    share = settings.limiter_local_share
    if not 0.0 <= share <= 1.0:
        raise ConfigurationError(
            f"limiter_local_share cannot be {share!r}",
            code="bad_limiter_share",
            hint="give 0 to 1; the shares of all processes together must not exceed 1",
        )
    if settings.limiter_when_down != "local" or not share:
        raise unavailable(error) from error
    return share


def unavailable(error: Exception) -> LimiterUnavailable:
    """Return the error that says so, with the time after which asking again makes sense."""
    if isinstance(error, LimiterUnavailable):
        return error
    return LimiterUnavailable(
        f"the limiter's Redis does not answer ({type(error).__name__})",
        retry_after_s=redis().rest_s or SHORTEST_REST_S,
        hint="nothing is sent until it does; see limiter_when_down",
    )


def microseconds(seconds: float) -> int:
    """Return seconds as whole microseconds."""
    return round(seconds * SECOND_US)
