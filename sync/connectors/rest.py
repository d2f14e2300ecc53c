"""The client of a REST API: calls become requests, answers become outcomes."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from sync import conf
from sync.connectors import bulk as bulk_calls
from sync.connectors import cache, classify, objects
from sync.connectors.codec import CONTENT_TYPES, encode, plain
from sync.connectors.options import ETAG, RestOptions
from sync.connectors.pagination import pages
from sync.exceptions import BadBody, ConfigurationError, ObjectError
from sync.http import Transport
from sync.types import Answer, BulkSpec, Call, Outcome, OutcomeKind, Request, Verb, type_json

MISSING: Any = cache.MISSING

COMPRESS_FROM = 1024
_SAFE_VALUE = re.compile(r"[\x20-\x7e]*")
_BAD_BASE = re.compile(r"[^\x21-\x7e]")


class RestConnector:
    """Builds the requests of one REST API and reads its answers. Keeps no state but the transport's connections.

    Args:
        base_url: absolute; paths are appended to it, so ``https://api.test/v2`` and ``…/v2/`` mean the same.
        transport: shared by the threads of a connection; None: one of its own.
        timeout_s: total deadline of a call; None: the setting.
        connect_s: deadline of connecting; None: the setting.
        max_bytes: cap on a decoded answer; None: the setting.
        user_agent: None: the setting.

    Raises:
        ConfigurationError: ``base_url`` is no plain http or https URL, or holds credentials.
    """

    def __init__(
        self,
        *,
        base_url: str,
        transport: Transport | None = None,
        timeout_s: float | None = None,
        connect_s: float | None = None,
        max_bytes: int | None = None,
        user_agent: str | None = None,
    ) -> None:
        settings = conf.current()
        self.base_url = _base(base_url)
        self.transport = transport if transport is not None else Transport(pool_size=settings.threads)
        self.timeout_s = settings.timeout_s if timeout_s is None else timeout_s
        self.connect_s = settings.connect_s if connect_s is None else connect_s
        self.max_bytes = settings.max_bytes if max_bytes is None else max_bytes
        self._headers = {
            "User-Agent": settings.user_agent if user_agent is None else user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
        }

    def request(
        self,
        options: RestOptions,
        call: Call,
        headers: Mapping[str, str] | None = None,
        *,
        auth_headers: Mapping[str, str] | None = None,
    ) -> Request:
        """Return the request of one call.

        Args:
            options: of its object type.
            call: what is asked; an update by PATCH sends ``changes`` where it has them, any other the whole payload.
            headers: of the integrator; they win over ours.
            auth_headers: they win over both.

        Raises:
            ObjectError: the object has no id to be addressed by, or one that no URL can hold.
            PayloadError: the payload has no form in this encoding.
        """
        body = self._body(options, call)
        own = self._own_headers(options, call)
        return self._request(
            options.routes[call.verb].method,
            self._url(options, call),
            options,
            body,
            {**own, **(headers or {}), **(auth_headers or {})},
        )

    def outcome(self, options: RestOptions, call: Call, answer: Answer) -> Outcome:
        """Return what an answer means for a call.

        An update whose answer shows another id than the one asked is ok with the code ``id_changed``: ``remote_id``
        stays the one asked, since an id is never changed without being asked for.

        Args:
            options: of the object type.
            call: the one that was sent.
            answer: what the transport returned.
        """
        if answer.response is None:
            return classify.from_error(answer.error or ConfigurationError("there is no answer"))
        outcome = classify.from_status(call.verb, answer.response, options.outcomes)
        if call.verb is Verb.LOOKUP and outcome.status_code in (404, 410):
            return objects.none_found(options, outcome)
        if not outcome.ok:
            return outcome
        if outcome.status_code >= 300 and call.verb in (Verb.UPDATE, Verb.DELETE):
            return replace(outcome, remote_id=call.remote_id)  # such as a 404 to a delete: its body is an error page
        try:
            data = classify.parse_body(answer.response)
        except BadBody as error:
            return classify.bad_body(outcome.status_code, error)
        return objects.read(options, call, answer.response, data, outcome)

    def bulk_request(
        self,
        options: RestOptions,
        bulk: BulkSpec,
        calls: Sequence[Call],
        headers: Mapping[str, str] | None = None,
        *,
        auth_headers: Mapping[str, str] | None = None,
    ) -> Request:
        """Return one request for several calls of one verb, create or update.

        Raises:
            ConfigurationError: the verb has no bulk path, or verbs differ.
            ObjectError: a payload without the pairing key, or two with the same.
        """
        verb, path, body = bulk_calls.body(options, bulk, calls)
        usual = "POST" if verb is Verb.CREATE else "PATCH"
        method = options.methods.get(f"bulk_{verb}", usual)
        own = {**(headers or {}), **(auth_headers or {})}
        return self._request(method, self.base_url + path.lstrip("/"), replace(options, encoding="json"), body, own)

    def bulk_outcomes(
        self, options: RestOptions, bulk: BulkSpec, calls: Sequence[Call], answer: Answer
    ) -> list[Outcome]:
        """Return one outcome for each call, in their order, paired by key: see ``sync.connectors.bulk``."""
        return bulk_calls.outcomes(options, bulk, calls, answer)

    def listing(
        self,
        options: RestOptions,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        before_each: Callable[[], None] | None = None,
    ) -> Iterator[dict[str, type_json]]:
        """Yield the objects of a collection, page after page, without their envelopes.

        Args:
            options: of the object type; its paginator leads.
            params: query parameters of the first page.
            headers: complete but for ours, credentials included.
            before_each: called before every page, to take a token.

        Raises:
            RemoteError, RateLimitExceeded, PaginationError.
        """
        url = self._url(options, Call(verb=Verb.LIST, object_type=""))

        def fetch(url: str, params: Mapping[str, Any]) -> tuple[Mapping[str, str], type_json]:
            if before_each is not None:
                before_each()
            return self._fetch(options, _with_params(url, params), headers or {})

        for rows in pages(options.paginator, fetch, url, params, options.items):
            yield from (objects.unwrap(row, options.envelope) for row in rows if isinstance(row, dict))

    def bare_request(
        self, method: str, path: str, headers: Mapping[str, str], *, params: Mapping[str, Any] | None = None
    ) -> Request:
        """Return a request of no object type, without a body.

        Args:
            method: HTTP method.
            path: relative to the base URL; empty: the base URL itself.
            headers: complete but for ours, credentials included.
            params: of the query.

        Raises:
            ConfigurationError: the path leads elsewhere.
        """
        return self._request(method, self._join(path, params), None, None, headers)

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        default: Any = MISSING,
        headers: Mapping[str, str] | None = None,
        budget_s: float = cache.BUDGET_S,
        ttl_s: float | None = None,
        before: Callable[[], None] | None = None,
    ) -> Any:
        """Read something, for a view that may not wait or fail; see ``sync.connectors.cache``.

        Args:
            path: relative to the base URL.
            params: of the query.
            default: returned in place of any error of the remote or the limiter; without it these are raised.
            headers: complete but for ours, credentials included; answers are cached apart by them.
            budget_s: seconds for everything.
            ttl_s: seconds for which a cached answer is taken without asking; 0: always ask whether it has changed;
                None: nothing is cached.
            before: called before the remote is asked, to take a token.

        Returns:
            JSON as Python, text as str, anything else as bytes; None for an empty body.

        Raises:
            RemoteError, RateLimitExceeded: without ``default``.
        """
        request = self._request("GET", self._join(path, params), None, None, headers or {})
        request = replace(request, redirects=True, timeout_s=budget_s, connect_s=min(budget_s, self.connect_s))
        return cache.get(self.transport, request, default=default, ttl_s=ttl_s, before=before)

    def _request(
        self,
        method: str,
        url: str,
        options: RestOptions | None,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Request:
        own = dict(self._headers)
        if body is not None and options is not None:
            own["Content-Type"] = CONTENT_TYPES[options.encoding]
            if options.compress and len(body) > COMPRESS_FROM:
                body = gzip.compress(body, compresslevel=6, mtime=0)
                own["Content-Encoding"] = "gzip"
        own.update(headers)
        return Request(
            method=method,
            url=url,
            headers=own,
            body=body,
            timeout_s=self.timeout_s,
            connect_s=self.connect_s,
            max_bytes=self.max_bytes,
            redirects=method in ("GET", "HEAD"),
        )

    def _url(self, options: RestOptions, call: Call) -> str:
        route = options.routes[call.verb]
        url = self.base_url + route.before
        if route.has_id:
            known = call.remote_id
            if known is None and options.client_id:
                known = call.object_id
            url += quote_id(known) + route.after
        if call.verb is Verb.LOOKUP and not options.client_id:
            return _with_params(url, objects.lookup_params(options, call))
        return url

    def _body(self, options: RestOptions, call: Call) -> bytes | None:
        if call.verb not in (Verb.CREATE, Verb.UPDATE):
            return None
        payload: Mapping[str, Any] | None = call.payload
        partial = payload is None or options.routes[Verb.UPDATE].method == "PATCH"
        if call.verb is Verb.UPDATE and call.changes is not None and partial:
            payload = call.changes
        if payload is None:
            raise ObjectError("there is nothing to send", code="no_payload")
        if options.version and options.version != ETAG and call.version is not None and call.verb is Verb.UPDATE:
            payload = objects.put(payload, options.version, call.version)
        if call.text is not None and payload is call.payload and options.encoding == "json" and not options.envelope:
            return call.text.encode("ascii")
        return encode(objects.wrap(payload, options.envelope), options.encoding)

    def _own_headers(self, options: RestOptions, call: Call) -> dict[str, str]:
        own: dict[str, str] = {}
        if options.version == ETAG and call.version and call.verb in (Verb.UPDATE, Verb.DELETE):
            own["If-Match"] = _header_value(call.version, "version")
        if options.idempotency and call.key:
            own[options.idempotency] = _header_value(call.key, "idempotency key")
        return own

    def _join(self, path: str, params: Mapping[str, Any] | None) -> str:
        bare = path.partition("?")[0]
        if "://" in bare or path.startswith("//") or _BAD_BASE.search(path) or {".", ".."} & set(bare.split("/")):
            raise ConfigurationError("the path must be relative to base_url, and quoted", code="bad_url")
        return _with_params(self.base_url + path.lstrip("/"), params or {})

    def _fetch(self, options: RestOptions, url: str, headers: Mapping[str, str]) -> tuple[Mapping[str, str], type_json]:
        answer = self.transport.send(self._request("GET", url, None, None, headers))
        if answer.response is None:
            raise answer.error or BadBody("there is no answer")
        outcome = classify.from_status(Verb.LIST, answer.response, options.outcomes)
        if outcome.kind is not OutcomeKind.OK:
            raise classify.to_error(outcome)
        return answer.response.headers, classify.parse_body(answer.response)


def quote_id(value: str | None) -> str:
    """Return an id as one segment of a path: nothing in it can lead anywhere else.

    Args:
        value: text; ``/``, ``?``, ``%`` and line breaks are quoted.

    Raises:
        ObjectError: empty, half a character, or ``.`` and ``..``, which clients and servers resolve even when quoted.
    """
    if not value:
        raise ObjectError("the object has no id at the remote", code="no_remote_id")
    if value in (".", ".."):
        raise ObjectError("an id of dots would lead to another path", code="bad_id")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise ObjectError("the id holds half a character", code="bad_id") from None


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid, parts = False, urlsplit("")
    if not valid or _BAD_BASE.search(url) or parts.query or parts.fragment or "?" in url:
        hint = "https://host/path/, without spaces, query or fragment"
        raise ConfigurationError("base_url is not a plain http or https URL", code="bad_url", hint=hint)
    if "@" in parts.netloc:
        raise ConfigurationError(
            "base_url holds a user and password", code="credentials_in_url", hint="use auth= with a reference"
        )
    return url if url.endswith("/") else f"{url}/"


def _with_params(url: str, params: Mapping[str, Any]) -> str:
    if not params:
        return url
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        values = value if isinstance(value, list | tuple) else (value,)
        pairs.extend((name, plain(one)) for one in values)
    try:
        return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs)}"
    except UnicodeEncodeError:
        raise ObjectError("a query parameter holds half a character", code="bad_id") from None


def _header_value(value: str, what: str) -> str:
    if not _SAFE_VALUE.fullmatch(value):
        raise ObjectError(f"the {what} holds characters that no header may hold", code="bad_header")
    return value
