"""Our way through requests: ``HTTPAdapter.send`` is what is called, so that everything that patches it works.

Its steps are overridden where they cost more than they give here: proxies, cookies, netrc, case-insensitive copies.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.response import HTTPResponse

from sync.http.body import read_body
from sync.http.deadline import DEFAULT_MAX_BYTES, Deadline
from sync.http.pool import Pool, split_url
from sync.http.reply import Headers, Reply


class Prepared(requests.PreparedRequest):
    """A request that is as it will be sent: nothing is parsed, merged or guessed.

    Args:
        method: in capitals.
        url: absolute and quoted.
        headers: complete.
        body: bytes, None for none.
        deadline: of the call.
    """

    def __init__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: Deadline
    ) -> None:
        self.method = method
        self.url = url
        self.headers = _case_insensitive(headers)
        self.body = body
        self.hooks = {"response": []}
        self.deadline = deadline
        self._cookies = None
        self._body_position = None
        if body is not None:
            self.headers["Content-Length"] = str(len(body))


class Response(requests.Response):
    """A response whose body has been read. Cookies are not kept, and made only if somebody looks at them."""

    def __init__(self, request: requests.PreparedRequest, raw: Reply | HTTPResponse, content: bytes) -> None:
        # The parent would make a cookie jar and two more objects for each answer: a third of the cost of a call.
        self._content = content
        self._content_consumed = True
        self._next = None
        self.status_code = raw.status
        self.reason = raw.reason or ""
        self.headers = raw.headers if isinstance(raw, Reply) else CaseInsensitiveDict(raw.headers)
        self.encoding = _encoding(self.headers.get("content-type", ""))
        self.url = request.url or ""
        self.request = request
        self.history = []
        self.raw = raw

    @functools.cached_property
    def cookies(self) -> RequestsCookieJar:  # type: ignore[override]
        """Always empty."""
        return RequestsCookieJar()


class Adapter(HTTPAdapter):
    """Sends over pools of ours, and reads the body before it returns.

    Args:
        pool_size: idle connections kept for each origin.
        verify: True: the CA bundle of requests; a path: that bundle; False: any certificate.
    """

    def __init__(self, pool_size: int, verify: bool | str) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._pool_size = pool_size
        self._verify = verify
        self._pools: dict[str, Pool] = {}

    def get_connection_with_tls_context(self, request: Any, *_: Any, **__: Any) -> Any:
        """Return the pool of the request's origin."""
        origin = split_url(request.url)[0]
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools.setdefault(origin, Pool(origin, self._pool_size, self._verify))
        return pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Do nothing: the pool has its TLS settings from the start."""

    def request_url(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> str:
        """Return the request target; there are no proxies."""
        return split_url(request.url or "")[1]

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Return the response with its body read and decoded.

        Raises:
            DeliveryUnknown: one of its classes.
        """
        deadline: Deadline | None = getattr(req, "deadline", None)
        content = read_body(resp, deadline.max_bytes if deadline else DEFAULT_MAX_BYTES)
        response = Response(req, resp, content)
        response.connection = self
        return response

    def close(self) -> None:
        """Close all idle connections."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()


@functools.lru_cache(maxsize=256)
def _encoding(content_type: str) -> str | None:
    return get_encoding_from_headers(Headers({"content-type": ("content-type", content_type)}))


def _case_insensitive(headers: Mapping[str, str]) -> CaseInsensitiveDict[str]:
    return Headers({name.lower(): (name, value) for name, value in headers.items()})
