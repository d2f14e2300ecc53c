"""Reads for views: cached, revalidated, and within a budget.

Answers are kept in Django's default cache under a key that holds a hash of URL and headers, so that two accounts never
see each other's. A fresh one is taken without asking; an older one is asked for with If-None-Match or
If-Modified-Since (RFC 9110, section 13); where the remote fails, the older one is better than nothing.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.core.cache import cache as django_cache

from sync.connectors import classify
from sync.connectors.codec import loads
from sync.exceptions import BadBody, RateLimitExceeded, RemoteError
from sync.http import Response, Transport, safe_url
from sync.types import Request, Verb, type_json

logger = logging.getLogger("crudsync.connectors")

MISSING: Any = object()
BUDGET_S = 2.0
STALE_S = 24 * 3600.0
"""Seconds for which an answer that is no longer fresh is kept, to be revalidated or to stand in for an error."""

MAX_CACHED = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer as it is kept: ``until`` is the ``time.time()`` at which it stops being fresh."""

    body: bytes
    content_type: str
    etag: str
    last_modified: str
    until: float


def get(
    transport: Transport,
    request: Request,
    *,
    default: Any = MISSING,
    ttl_s: float | None = None,
    before: Callable[[], None] | None = None,
) -> Any:
    """Return the parsed body of a read, from the cache where it may be.

    Args:
        transport: to ask the remote with.
        request: a GET; its ``timeout_s`` is the budget.
        default: returned in place of an error; ``MISSING``: the error is raised.
        ttl_s: seconds of freshness; None: no cache.
        before: called before the remote is asked.

    Raises:
        RemoteError, RateLimitExceeded: without ``default``.
    """
    try:
        return _get(transport, request, ttl_s, before)
    except (RemoteError, RateLimitExceeded) as error:
        if default is MISSING:
            raise
        logger.warning("GET %s: default returned: %s", safe_url(request.url), error.code)
        return default


def _get(transport: Transport, request: Request, ttl_s: float | None, before: Callable[[], None] | None) -> type_json:
    if ttl_s is None:
        return _parsed(_ask(transport, request, before))
    key = _key(request)
    kept = _load(key)
    if kept is not None and kept.until > time.time():
        return loads(kept.body, kept.content_type)
    try:
        response = _ask(transport, _conditional(request, kept), before)
        if response.status_code == 304 and kept is not None:
            _store(key, replace(kept, until=time.time() + ttl_s), ttl_s)
            return loads(kept.body, kept.content_type)
        value = _parsed(response)
    except (RemoteError, RateLimitExceeded) as error:
        if kept is None or not _may_stand_in(error):
            raise
        logger.warning("GET %s: an older answer returned: %s", safe_url(request.url), error.code)
        return loads(kept.body, kept.content_type)
    _keep(key, response, ttl_s)
    return value


def _ask(transport: Transport, request: Request, before: Callable[[], None] | None) -> Response:
    if before is not None:
        before()
    answer = transport.send(request)
    if answer.response is None:
        raise answer.error or BadBody("there is no answer")
    outcome = classify.from_status(Verb.READ, answer.response)
    if not outcome.ok and not (answer.response.status_code == 304 and _is_conditional(request)):
        raise classify.to_error(outcome)
    return answer.response


def _parsed(response: Response) -> type_json:
    return classify.parse_body(response)


def _may_stand_in(error: RemoteError | RateLimitExceeded) -> bool:
    # A 404 or a 403 is news about the object, and the older answer would deny it.
    return isinstance(error, RateLimitExceeded) or not 400 <= error.status_code < 500 or error.status_code in (408, 429)


def _conditional(request: Request, kept: Kept | None) -> Request:
    if kept is None:
        return request
    extra = {"If-None-Match": kept.etag} if kept.etag else {}
    if kept.last_modified and not extra:
        extra = {"If-Modified-Since": kept.last_modified}
    return replace(request, headers={**request.headers, **extra})


def _is_conditional(request: Request) -> bool:
    return "If-None-Match" in request.headers or "If-Modified-Since" in request.headers


def _key(request: Request) -> str:
    # Headers belong to it: they hold the account's credentials, of which only this hash is stored.
    text = repr((request.url, sorted((name.lower(), value) for name, value in request.headers.items())))
    return f"crudsync:get:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _keep(key: str, response: Response, ttl_s: float) -> None:
    control = response.headers.get("cache-control", "").lower()
    if "no-store" in control or len(response.content) > MAX_CACHED:
        return
    kept = Kept(
        body=response.content,
        content_type=response.headers.get("content-type", ""),
        etag=response.headers.get("etag", ""),
        last_modified=response.headers.get("last-modified", ""),
        until=time.time() + ttl_s,
    )
    _store(key, kept, ttl_s)


def _load(key: str) -> Kept | None:
    try:
        kept = django_cache.get(key)
    except Exception as error:  # noqa: BLE001 - any backend, any error: a cache that is down must not end the view
        logger.warning("the cache cannot be read: %s", type(error).__name__)
        return None
    return kept if isinstance(kept, Kept) else None


def _store(key: str, kept: Kept, ttl_s: float) -> None:
    try:
        django_cache.set(key, kept, timeout=ttl_s + STALE_S)
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("the cache cannot be written: %s", type(error).__name__)
