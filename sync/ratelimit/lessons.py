"""What the headers of any answer teach a bucket. Pure."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0
EPOCH_FROM = 1e8  # as seconds from now, three years: what is larger is a time of day
EPOCH_MS_FROM = 1e11


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderNames:
    """Which headers of a remote speak of its limit. Empty: none does.

    ``remaining`` holds calls left, ``reset`` when that count starts anew (seconds, or a time as Unix seconds, Unix
    milliseconds or an HTTP or ISO 8601 date), ``pause`` seconds or a time to wait, also on a 200 (``Backoff``).
    """

    remaining: str = "X-RateLimit-Remaining"
    reset: str = "X-RateLimit-Reset"
    pause: str = "Backoff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What to learn: wait ``retry_after_s``; or, no more than ``remaining`` calls within the next ``reset_s``."""

    retry_after_s: float | None = None
    remaining: int | None = None
    reset_s: float | None = None


def read_headers(
    headers: Mapping[str, str], names: HeaderNames | None = None, *, now_s: float | None = None
) -> Lesson | None:
    """Return what the headers of an answer teach, None where they say nothing usable.

    Retry-After is not read here: the drain reads it with the status it came with. Garbage is ignored, and no lesson
    lasts longer than a day.

    Args:
        headers: the answer's; a mapping that ignores case, as that of requests, or one with the names as given.
        names: the remote's own names for them.
        now_s: Unix seconds; default: this machine's clock.
    """
    names = names or HeaderNames()
    now_s = time.time() if now_s is None else now_s
    pause = seconds_until(_header(headers, names.pause), now_s)
    remaining = _count(_header(headers, names.remaining))
    reset = seconds_until(_header(headers, names.reset), now_s)
    if remaining is None or reset is None:
        remaining = reset = None
    if pause is None and remaining is None:
        return None
    return Lesson(retry_after_s=pause, remaining=remaining, reset_s=reset)


def seconds_until(value: str, now_s: float) -> float | None:
    """Return the seconds from now that a header asks for: 0 to a day, None where it cannot be read.

    Args:
        value: seconds, Unix seconds, Unix milliseconds, an HTTP date (RFC 9110, 5.6.7) or an ISO 8601 date.
        now_s: Unix seconds.
    """
    value = value.strip()
    if not value or len(value) > 64:
        return None
    try:
        number = float(value)
    except ValueError:
        return _seconds_until_date(value, now_s)
    if not math.isfinite(number) or number < 0:
        return None
    if number >= EPOCH_FROM:
        number = (number / 1000 if number >= EPOCH_MS_FROM else number) - now_s
    return min(max(number, 0.0), LONGEST_S)


def _seconds_until_date(value: str, now_s: float) -> float | None:
    for parse in (dt.datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            return min(max(moment.timestamp() - now_s, 0.0), LONGEST_S)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    return None


def _header(headers: Mapping[str, str], header: str) -> str:
    if not header:
        return ""
    value = headers.get(header)
    return str(headers.get(header.lower(), "") if value is None else value)


def _count(value: str) -> int | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and 0 <= number < 1e15 else None
