"""The end of a call, and the cap on its body, in one value that travels through requests as its ``timeout``."""

from __future__ import annotations

import time
from typing import Any

from urllib3.util import Timeout

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_CONNECT_S = 3.0
DEFAULT_MAX_BYTES = 10 * 1024 * 1024


class Deadline(Timeout):
    """When a whole call must have ended.

    It is a urllib3 ``Timeout`` only so that ``HTTPAdapter.send`` passes it on untouched; nothing of that class is used.

    Args:
        timeout_s: seconds from now for everything: name resolution, connecting, TLS, headers and body.
        connect_s: seconds from now for everything before the first byte of the request.
        max_bytes: cap on the decoded body.
    """

    def __init__(self, timeout_s: float, connect_s: float, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        now = time.monotonic()
        self.at = now + timeout_s
        self.connect_at = now + min(connect_s, timeout_s)
        self.max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"<Deadline in {self.at - time.monotonic():.3f} s>"

    @classmethod
    def from_timeout(cls, timeout: Any) -> Deadline:
        """Return the deadline for what a caller of requests passed as its timeout (None: the default)."""
        if isinstance(timeout, Deadline):
            return timeout
        connect, read = timeout, timeout
        if isinstance(timeout, Timeout):
            connect, read = timeout.connect_timeout, timeout.read_timeout
        return cls(_seconds(read, DEFAULT_TIMEOUT_S), _seconds(connect, DEFAULT_CONNECT_S))


def _seconds(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
