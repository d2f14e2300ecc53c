"""Who may see what monitoring tells: the holder of the token, and staff who may look at connections."""

from __future__ import annotations

import hmac
import time
import uuid
from typing import Any

from django.http import HttpRequest

from sync import conf
from sync.exceptions import SecretError
from sync.monitoring.parallel import Job, crew
from sync.secrets import is_reference, resolve

PERMISSION = "crudsync.view_connection"
SCHEME = "bearer"


def token() -> str:
    """Return the token in force, empty where none is set or its reference leads nowhere: then nobody has it."""
    given = conf.current().monitor_token
    try:
        return resolve(given) if is_reference(given) else given
    except SecretError:
        return ""


def holds_token(request: HttpRequest) -> bool:
    """Return whether a request carries the token, ``Authorization: Bearer …``."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    wanted = token()
    if not wanted or scheme.lower() != SCHEME:
        return False
    return hmac.compare_digest(given.strip().encode(), wanted.encode())


def is_staff(request: HttpRequest) -> bool:
    """Return whether a request is of a signed-in member of staff who may look at connections; asks the database."""
    user: Any = getattr(request, "user", None)
    return bool(user is not None and user.is_active and user.is_staff and user.has_perm(PERMISSION))


class Viewer:
    """Whoever asks, looked up beside the answer: a database that hangs must not hold up what tells that it does.

    Args:
        request: the request; without a cookie it is nobody's.
        within_s: seconds for the look-up.
    """

    def __init__(self, request: HttpRequest, within_s: float) -> None:
        self._until = time.monotonic() + within_s
        self._holds = holds_token(request)
        self._job: Job | None = None
        if not self._holds and request.COOKIES:
            name = f"viewer:{uuid.uuid4().hex}"
            self._job = crew.start({name: lambda: is_staff(request)})[name]

    def may_see(self) -> bool:
        """Return whether they may see details."""
        if self._job is None:
            return self._holds
        return self._job.wait(self._until) and self._job.answer is True


def may_see(request: HttpRequest) -> bool:
    """Return whether a request may see details."""
    return holds_token(request) or is_staff(request)
