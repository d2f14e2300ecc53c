"""Give each request of the site its correlation id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from sync.correlation.ids import NAMES, brought, correlated, made

ECHO = NAMES[0]


class CorrelationMiddleware:
    """Put it first; logs, changes and calls that come of a request then name it, and so does the answer.

    An id that the request brings is taken over (``X-Correlation-ID``, ``X-Request-ID``, the trace id of
    ``traceparent``) where it can be one, else one is made. ``request.correlation_id`` has it, too.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request under its id."""
        return self._answer_async(request) if self.is_async else self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with correlated(_id_of(request)) as id_:
            return _named(self.get_response(request), id_)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        with correlated(_id_of(request)) as id_:
            return _named(await self.get_response(request), id_)


def _id_of(request: Any) -> str:
    request.correlation_id = brought(request.headers) or made()
    return str(request.correlation_id)


def _named(response: HttpResponseBase, id_: str) -> HttpResponseBase:
    response.headers.setdefault(ECHO, id_)
    return response
