"""The token bucket: no window at the remote holds more calls than the remote allows (protocol, section 5)."""

from sync.ratelimit.lessons import HeaderNames, Lesson, read_headers
from sync.ratelimit.limiter import learn, reset, take
from sync.ratelimit.link import usable_url
from sync.ratelimit.outlook import BucketState, forecast, snapshot
from sync.ratelimit.rates import applies, check

__all__ = [
    "BucketState",
    "HeaderNames",
    "Lesson",
    "applies",
    "check",
    "forecast",
    "learn",
    "read_headers",
    "reset",
    "snapshot",
    "take",
    "usable_url",
]
