"""Name the signed-in user as the actor of what a request writes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.http import HttpRequest

from sync.capture.context import asked
from sync.correlation.frame import Frame


class ActorMiddleware(Frame):
    """Put it after ``AuthenticationMiddleware``; the history then says who.

    The user is asked for only when something is written: a page that writes nothing loads no session, and whoever a
    view's own authentication (that of a token, say) found is the one who is named.
    """

    def around(self, request: HttpRequest) -> AbstractContextManager[None]:
        """Write in the name of the request's user."""
        return asked(lambda: _name_of(request))


def _name_of(request: HttpRequest) -> str:
    user: Any = getattr(request, "user", None)
    return str(user.get_username()) if user is not None and user.is_authenticated else ""
