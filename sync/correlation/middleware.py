"""Give each request of the site its correlation id."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.http.response import HttpResponseBase

from sync.correlation.frame import Frame
from sync.correlation.ids import NAMES, brought, correlated, made

ECHO = NAMES[0]


class CorrelationMiddleware(Frame):
    """Put it first; logs, changes and calls that come of a request then name it, and so does the answer.

    An id that the request brings is taken over (``X-Correlation-ID``, ``X-Request-ID``, the trace id of
    ``traceparent``) where it can be one, else one is made. ``request.correlation_id`` has it, too.
    """

    def around(self, request: Any) -> AbstractContextManager[str]:
        """Go by the request's id."""
        request.correlation_id = brought(request.headers) or made()
        return correlated(request.correlation_id)

    def answered(self, request: Any, response: HttpResponseBase) -> HttpResponseBase:
        """Tell the id in the answer, unless the view says one itself."""
        response.headers.setdefault(ECHO, request.correlation_id)
        return response
