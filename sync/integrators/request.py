"""The request of a call: headers of the host's, credentials, and what ``before_send`` makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from sync.exceptions import ConfigurationError, PayloadError
from sync.http import check, secrets_sent
from sync.http.pool import head_of
from sync.integrators.bound import Bound
from sync.integrators.clients import Client
from sync.integrators.hooks import called, hook, overridden
from sync.secrets import remember
from sync.types import Call, Request


class RequestBuilder(Bound):
    """How the object's calls are put to the remote."""

    @hook
    def before_send(self, request: Request) -> Request | None:  # noqa: ARG002 - for the host's own
        """Change a request before it is journaled and sent: return another one, or None to send it as it is."""
        return None

    def build_request(self, call: Call) -> Request:
        """Return the request of a call.

        Raises:
            PayloadError: a hook raised.
            ConfigurationError: a header cannot be sent, or the connection has no base URL.
            ObjectError: the object has no id to be addressed by.
        """
        client = self._spoken()
        request = client.connector.request(
            self.spec.rest, call, client.with_cause(self.own_headers()), auth_headers=client.auth_headers()
        )
        return self.finished(client, request)

    def build_bulk_request(self, calls: Sequence[Call]) -> Request:
        """Return one request for several calls of one verb; raises as build_request()."""
        client = self._spoken()
        if self.spec.bulk is None:
            raise ConfigurationError(f"{self.object_type} has no bulk endpoints", code="no_bulk")
        request = client.connector.bulk_request(
            self.spec.rest,
            self.spec.bulk,
            calls,
            client.with_cause(self.own_headers()),
            auth_headers=client.auth_headers(),
        )
        return self.finished(client, request)

    def own_headers(self) -> Mapping[str, str]:
        """Return the headers of every request, without credentials; raises as build_request()."""
        if self._headers is None and not overridden(type(self), "set_headers"):
            remember(*secrets_sent(self._class_headers, ""))
            return self._class_headers
        headers = called("set_headers", lambda: self.headers)
        _check_headers("set_headers", headers)
        remember(*secrets_sent(headers, ""))
        return dict(headers)

    def finished(self, client: Client, request: Request) -> Request:
        """Return a request with the type's deadlines and parameters of authentication, as before_send() wants it."""
        terms = client.terms(self.spec)
        if terms.own_deadline:
            request = replace(request, timeout_s=terms.timeout_s, connect_s=terms.connect_s)
        if params := client.auth_params():
            mark = "&" if "?" in request.url else "?"
            request = replace(request, url=f"{request.url}{mark}{urlencode(params)}")
        if not overridden(type(self), "before_send"):
            return request
        changed = called("before_send", self.before_send, request)
        if changed is not None and not isinstance(changed, Request):
            raise PayloadError(f"before_send() returned a {type(changed).__name__}, not a Request", code="hook_error")
        if changed is None:
            return request
        _check_headers("before_send", changed.headers)
        try:
            check(changed.method, changed.url, changed.headers)
        except ConfigurationError as error:  # this object's, as any error of a hook: others must not wait for it
            raise PayloadError(f"before_send(): {error.message}", code="hook_error", hint=error.hint) from error
        return changed


def _check_headers(hook: str, headers: Mapping[Any, Any]) -> None:
    """Let a header that no request can carry hold the object whose hook gave it, and nobody else."""
    for name, value in headers.items():
        try:
            head_of("GET", "/", {name: value})
        except (ConfigurationError, TypeError) as error:
            raise PayloadError(f"{hook}(): {str(name)[:50]!r} is not text on one line", code="hook_error") from error
