"""Name the signed-in user as the actor of what a request writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from sync.capture.context import asked

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class ActorMiddleware:
    """Put it after ``AuthenticationMiddleware``; the history then says who.

    The user is asked for only when something is written: a page that writes nothing loads no session, and whoever a
    view's own authentication (that of a token, say) found is the one who is named.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request, its writes in the name of its user."""
        if iscoroutinefunction(self):
            return self._answer(request)
        with asked(lambda: _name_of(request)):
            return self.get_response(request)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        get_response = cast("Callable[[HttpRequest], Awaitable[HttpResponseBase]]", self.get_response)
        with asked(lambda: _name_of(request)):
            return await get_response(request)


def _name_of(request: HttpRequest) -> str:
    user: Any = getattr(request, "user", None)
    return str(user.get_username()) if user is not None and user.is_authenticated else ""
