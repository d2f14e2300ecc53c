"""A harmless call that shows whether a remote is there and knows us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sync import ratelimit
from sync.integrators.clients import Client
from sync.integrators.object_type import ObjectType
from sync.models import Connection
from sync.types import Call, RateLimit, Request, Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A request that changes nothing, the limits that it counts against, and what statuses of its answer mean.

    ``lists`` is True where the answer is a listing, False where only the status says anything.
    """

    request: Request
    limits: Sequence[RateLimit]
    lists: bool
    outcomes: Mapping[str, Mapping[int, str]]


def trial(integrator: Any, client: Client, connection: Connection, timeout_s: float) -> Trial:
    """Return the call that a probe makes: ``probe_path``, else one row of the first type's listing, else HEAD.

    Args:
        integrator: the class.
        client: this process's client of the connection.
        connection: the account.
        timeout_s: total deadline of the call, seconds.

    Raises:
        ConfigurationError: there is no base URL, a header cannot be sent, or a credential cannot be read.
        ObjectError: a hook of the integrator raised.
    """
    specs = integrator.types()
    if integrator.probe_path is not None or not specs:
        return _bare(integrator, client, timeout_s)
    return _listing(integrator, client, connection, next(iter(specs.values())), timeout_s)


def _bare(integrator: Any, client: Client, timeout_s: float) -> Trial:
    path = integrator.probe_path
    method = "HEAD" if path is None else "GET"
    headers = {**integrator.declared_headers(), **client.auth_headers()}
    request = client.connector.bare_request(method, path or "", headers, params=client.auth_params())
    limits = [limit for limit in client.limits if ratelimit.applies(limit, path or "", method)]
    return Trial(request=_within(request, timeout_s), limits=limits, lists=False, outcomes={})


def _listing(integrator: Any, client: Client, connection: Connection, spec: ObjectType, timeout_s: float) -> Trial:
    unit = integrator(spec.name, None, connection)
    call = Call(verb=Verb.LIST, object_type=spec.name)
    request = client.connector.request(spec.rest, call, unit.own_headers(), auth_headers=client.auth_headers())
    if size_param := getattr(spec.paginator, "size_param", ""):
        mark = "&" if "?" in request.url else "?"
        request = replace(request, url=f"{request.url}{mark}{urlencode({size_param: 1})}")
    request = unit.finished(client, request)
    return Trial(
        request=_within(request, timeout_s),
        limits=client.terms(spec).limits[Verb.LIST],
        lists=True,
        outcomes=spec.rest.outcomes,
    )


def _within(request: Request, timeout_s: float) -> Request:
    timeout_s = min(timeout_s, request.timeout_s)
    return replace(request, timeout_s=timeout_s, connect_s=min(timeout_s, request.connect_s))
