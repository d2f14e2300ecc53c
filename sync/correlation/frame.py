"""What our middlewares share: a block around each request, whether the view behind it is a function or a coroutine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class Frame:
    """A middleware that answers each request inside a block.

    Args:
        get_response: what answers the request inside.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request inside the block."""
        return self._answer_async(request) if self.is_async else self._answer(request)

    def around(self, request: HttpRequest) -> AbstractContextManager[Any]:
        """Return the block that the request is answered in."""
        raise NotImplementedError

    def answered(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:  # noqa: ARG002 - for others
        """Return the answer as it goes out."""
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with self.around(request):
            return self.answered(request, self.get_response(request))

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        with self.around(request):
            return self.answered(request, await self.get_response(request))
