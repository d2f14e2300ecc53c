"""What one process keeps for one connection: the connector, and the options in force."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.signals import setting_changed

from sync import conf, operations, ratelimit
from sync.connectors import classify
from sync.connectors.cache import BUDGET_S
from sync.connectors.rest import MISSING, RestConnector
from sync.correlation import correlation_id
from sync.exceptions import ConfigurationError, RateLimitExceeded
from sync.http import Transport
from sync.http.redact import own_header
from sync.integrators.options import effective
from sync.types import Outcome, RateLimit, RetryPolicy, Verb

if TYPE_CHECKING:
    from sync.http import Response
    from sync.integrators.object_type import ObjectType
    from sync.models import Connection


SCARCE = 20
"""Calls left from which on a remote's count is worth a round trip to the limiter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for the calls of one object type; ``own_deadline`` where it differs from the connector's."""

    limits: Mapping[Verb, tuple[RateLimit, ...]]
    retry: RetryPolicy
    timeout_s: float
    connect_s: float
    own_deadline: bool


class Client:
    """One remote under one connection, as this process speaks to it.

    Args:
        integrator: the class.
        connection: the row.
    """

    def __init__(self, integrator: Any, connection: Connection) -> None:
        self.integrator = integrator
        self.connection = connection
        self.options = effective(connection, integrator=integrator)
        self.threads: int = self.options["threads"].value
        self.limits: tuple[RateLimit, ...] = self.options["rate_limit"].value
        self._correlation_header: str = self.options["correlation_header"].value
        own_header(self._correlation_header)
        self._terms: dict[str, Terms] = {}

    @cached_property
    def connector(self) -> RestConnector:
        """The REST connector, its connections shared by the threads of this process.

        Raises:
            ConfigurationError: there is no base URL, or it is none.
        """
        base_url = self.options["base_url"].value
        if not base_url:
            raise ConfigurationError(
                f"integrator {self.integrator.name!r} has no base_url",
                code="no_base_url",
                hint="set base_url on the class, in CRUDSYNC['integrators'], or on the connection",
            )
        return RestConnector(
            base_url=base_url,
            transport=Transport(pool_size=self.threads, traceparent=self.options["traceparent"].value),
            timeout_s=self.options["timeout_s"].value,
            connect_s=self.options["connect_s"].value,
            max_bytes=conf.current().max_bytes,
            user_agent=self.options["user_agent"].value,
        )

    def terms(self, spec: ObjectType) -> Terms:
        """Return what holds for the calls of an object type."""
        found = self._terms.get(spec.name)
        if found is None:
            found = self._terms[spec.name] = self._make_terms(spec)
        return found

    def auth_headers(self) -> dict[str, str]:
        """Return the headers that authenticate a request.

        Raises:
            SecretError: a credential cannot be read.
        """
        auth = self.integrator.auth
        return {} if auth is None else dict(auth.headers(self.connection))

    def auth_params(self) -> dict[str, str]:
        """Return the query parameters that authenticate a request; most remotes want none."""
        auth = self.integrator.auth
        return {} if auth is None else dict(auth.params(self.connection))

    def with_cause(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return headers that also tell the correlation id of what runs now, where there is one and it may be told."""
        name, id_ = self._correlation_header, correlation_id()
        if not name or not id_ or any(given.lower() == name.lower() for given in headers):
            return headers
        return {**headers, name: id_}

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        default: Any = MISSING,
        budget_s: float = BUDGET_S,
        ttl_s: float | None = None,
    ) -> Any:
        """Read something for a view that may not wait or fail.

        A token is taken where one is free within the budget.

        Args:
            path: relative to the base URL.
            params: of the query.
            default: returned in place of any error; without it errors are raised.
            budget_s: seconds for everything.
            ttl_s: seconds for which a cached answer serves; None: nothing is cached.

        Raises:
            RemoteError, RateLimitExceeded: without ``default``.
        """
        return self.connector.get(
            path,
            params={**self.auth_params(), **(params or {})},
            default=default,
            headers={**self.integrator.declared_headers(), **self.auth_headers()},
            budget_s=budget_s,
            ttl_s=ttl_s,
            before=lambda: self.take_token(path, "GET", budget_s),
        )

    def take_token(self, endpoint: str, method: str, budget_s: float = 0.0) -> None:
        """Take a token, waiting for it within the budget (seconds).

        Raises:
            RateLimitExceeded: none is free.
        """
        wanted = [limit for limit in self.limits if ratelimit.applies(limit, endpoint, method)]
        grants = ratelimit.take(self.connection.pk, wanted, 1, horizon_s=budget_s, seed=operations.sent_since)
        if not grants.granted:
            raise RateLimitExceeded(retry_after_s=grants.retry_after_s)
        time.sleep(max(grants.granted[0].at - time.monotonic(), 0.0))

    def teach(self, response: Response, outcome: Outcome) -> None:
        """Teach the limiter what an answer says of the remote's limit: its headers, and Retry-After on a success.

        Retry-After on a refusal shuts the gate, which says more.

        Args:
            response: the answer.
            outcome: what it means.
        """
        lesson = None
        if outcome.ok and outcome.retry_after_s is not None:
            lesson = ratelimit.Lesson(retry_after_s=outcome.retry_after_s)
        elif self.integrator.rate_headers is not None:
            sent_at = classify.sent_at(response.headers)
            now_s = sent_at.timestamp() if sent_at else None
            lesson = ratelimit.read_headers(response.headers, self.integrator.rate_headers, now_s=now_s)
        if lesson is not None and (lesson.remaining is None or lesson.remaining <= SCARCE):
            ratelimit.learn(self.connection.pk, lesson, limits=self.limits)

    def close(self) -> None:
        """Close the idle connections."""
        if "connector" in self.__dict__:
            self.connector.transport.close()

    def _make_terms(self, spec: ObjectType) -> Terms:
        options = effective(self.connection, spec, integrator=self.integrator)
        timeout_s, connect_s = options["timeout_s"].value, options["connect_s"].value
        limits = {
            verb: tuple(
                limit
                for limit in options["rate_limit"].value
                if ratelimit.applies(limit, spec.endpoint, spec.rest.routes[verb].method)
            )
            for verb in Verb
        }
        usual = (self.options["timeout_s"].value, self.options["connect_s"].value)
        return Terms(
            limits=limits,
            retry=options["retry"].value,
            timeout_s=timeout_s,
            connect_s=connect_s,
            own_deadline=(timeout_s, connect_s) != usual,
        )


_lock = threading.Lock()
_clients: dict[tuple[Any, int | None], Client] = {}


def client_of(integrator: Any, connection: Connection) -> Client:
    """Return this process's client for a connection, made anew when its row has changed.

    Args:
        integrator: the class.
        connection: the row.

    Raises:
        ConfigurationError: an option is wrong.
    """
    key = (integrator, connection.pk)
    kept = _clients.get(key)
    if kept is not None and kept.connection.updated_at == connection.updated_at:
        return kept
    with _lock:
        made = Client(integrator, connection)
        if kept is not None:
            kept.close()
        _clients[key] = made
    return made


def connector(connection: Connection, integrator: Any) -> RestConnector:
    """Return this process's connector for a connection; see client_of()."""
    return client_of(integrator, connection).connector


def forget() -> None:
    """Make every client anew at its next use."""
    kept = list(_clients.values())
    _clients.clear()
    for client in kept:
        client.close()


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.SETTING:
        forget()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - a thread of the parent may have held it
    _lock = threading.Lock()
    _clients.clear()  # the transports drop the parent's sockets themselves


setting_changed.connect(_forget, dispatch_uid="crudsync.clients")
os.register_at_fork(after_in_child=_after_fork)
