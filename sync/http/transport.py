"""One request in, one answer out."""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
import traceback
import weakref
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urljoin

import requests
from django.conf import settings

from sync import tracing
from sync.exceptions import ConfigurationError, DeliveryUnknown
from sync.http.adapter import Adapter, Prepared
from sync.http.deadline import Deadline
from sync.http.failures import typed
from sync.http.pool import split_url
from sync.http.redact import safe_url
from sync.types import Answer, Request

logger = logging.getLogger("crudsync.http")

MAX_REDIRECTS = 5
FAILED = 400
"""HTTP statuses from here on are failures."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_READS = frozenset({"GET", "HEAD"})
_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


class Transport:
    """Sends requests, from any number of threads at once, and never raises.

    Nothing of the environment is used: no proxies, no ``.netrc``. No cookies are kept. Nothing is sent twice.

    Args:
        pool_size: idle connections kept for each origin; as many as threads.
        verify: True: the CA bundle of requests; a path: that bundle; False: any certificate, with Django's ``DEBUG``
            alone.
        traceparent: tell the remote which trace a call belongs to, where it is traced.

    Raises:
        ConfigurationError: ``tls_not_verified``: certificates must not go unverified in production.
    """

    def __init__(self, pool_size: int = 8, verify: bool | str = True, *, traceparent: bool = False) -> None:
        if not verify and not settings.DEBUG:
            raise ConfigurationError(
                "certificates are always verified where DEBUG is off",
                code="tls_not_verified",
                hint="for a private authority give the path of its CA bundle as verify",
            )
        self._adapter = Adapter(pool_size, verify)
        self._traceparent = traceparent
        _transports.add(self)

    def send(self, request: Request) -> Answer:
        """Send a request and read its whole answer.

        Args:
            request: complete; ``timeout_s`` is total, ``max_bytes`` caps the decoded body.

        Returns:
            The response, or the error: a ``NotSent`` where nothing was written, a ``DeliveryUnknown`` where some was,
            a ``ConfigurationError`` where the request itself is not sendable.
        """
        if not tracing.active():
            return self._answer(request)
        with tracing.call(request.method, safe_url(request.url)) as span:
            answer = self._answer(self._traced(request))
            code = "" if answer.error is None else getattr(answer.error, "code", type(answer.error).__name__)
            span.answered(answer.response.status_code if answer.response is not None else 0, code)
            return answer

    def _traced(self, request: Request) -> Request:
        trace = tracing.traceparent() if self._traceparent else ""
        if not trace or any(name.lower() == "traceparent" for name in request.headers):
            return request
        return replace(request, headers={**request.headers, "traceparent": trace})

    def _answer(self, request: Request) -> Answer:
        start = time.monotonic()
        response = None
        error: Exception | None = None
        try:
            response = self._send(request)
        except Exception as raised:  # noqa: BLE001 - the edge: the drain's threads must always get an answer to record
            error = typed(raised)
            if type(error) is DeliveryUnknown:
                # Without a traceback, whose frames and texts may hold a secret.
                logger.error(  # noqa: TRY400
                    "%s %s: %s at %s", request.method, safe_url(request.url), error, _place(raised)
                )
        elapsed_ms = (time.monotonic() - start) * 1000
        if response is not None:
            response.elapsed = dt.timedelta(milliseconds=elapsed_ms)
        # A line for each success would cost the threads that send more than the sending: they queue for the handler.
        level = logging.DEBUG if response is not None and response.status_code < FAILED else logging.INFO
        if logger.isEnabledFor(level):
            _log(level, request, response, error, elapsed_ms)
        return Answer(response=response, error=error, elapsed_ms=elapsed_ms)

    def session(self) -> requests.Session:
        """Return a requests session for an SDK: same pools and deadline, bodies capped, nothing of the environment."""
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", self._adapter)
        session.mount("http://", self._adapter)
        return session

    def close(self) -> None:
        """Close all idle connections. The transport stays usable."""
        self._adapter.close()

    def _send(self, request: Request) -> requests.Response:
        deadline = Deadline(request.timeout_s, request.connect_s, request.max_bytes)
        url = request.url
        for left in range(MAX_REDIRECTS, -1, -1):
            prepared = Prepared(request.method, url, request.headers, request.body, deadline)
            # HTTPAdapter.send itself: what patches it (the responses library, tracing) sees every call.
            response = self._adapter.send(prepared, stream=True, timeout=cast("Any", deadline))
            if not left or not request.redirects or response.status_code not in _REDIRECTS:
                break
            target = _redirect(request, url, response)
            if target is None:
                break
            url = target
        return response


def _redirect(request: Request, url: str, response: requests.Response) -> str | None:
    """Return where a read is redirected to; None for a write, no target, or another origin."""
    location = response.headers.get("location")
    if request.method not in _READS or not location:
        return None
    target = urljoin(url, location)
    return target if split_url(target)[0] == split_url(url)[0] else None


def _log(
    level: int, request: Request, response: requests.Response | None, error: Exception | None, elapsed_ms: float
) -> None:
    if response is not None:
        outcome, size = str(response.status_code), len(response.content)
    else:
        outcome, size = getattr(error, "code", "error"), 0
    told = {"duration_ms": round(elapsed_ms, 1)}
    line = "%s %s %s %.0f ms %d bytes"
    logger.log(level, line, request.method, safe_url(request.url), outcome, elapsed_ms, size, extra=told)


def _place(error: Exception) -> str:
    """Return where an unforeseen exception was raised; its text and its frames may hold a secret."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def _after_fork() -> None:
    # The parent goes on using the sockets that the child has inherited; the child must not.
    for transport in list(_transports):
        transport.close()


os.register_at_fork(after_in_child=_after_fork)
