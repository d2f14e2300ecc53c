"""Name the signed-in user as the actor of what a request writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from sync.capture.context import asked


class ActorMiddleware:
    """Put it after ``AuthenticationMiddleware``; the history then says who.

    The user is asked for only when something is written: a page that writes nothing loads no session, and whoever a
    view's own authentication (that of a token, say) found is the one who is named.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request, its writes in the name of its user."""
        return self._answer_async(request) if self.is_async else self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with asked(lambda: _name_of(request)):
            response: HttpResponseBase = self.get_response(request)
            return response

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        with asked(lambda: _name_of(request)):
            response: HttpResponseBase = await self.get_response(request)
            return response


def _name_of(request: HttpRequest) -> str:
    user: Any = getattr(request, "user", None)
    return str(user.get_username()) if user is not None and user.is_authenticated else ""
