"""Name the signed-in user as the actor of what a request writes."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from sync.capture.context import actor


class ActorMiddleware:
    """Put it after ``AuthenticationMiddleware``; the history then says who."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return self.get_response(request)
        with actor(user.get_username()):
            return self.get_response(request)
