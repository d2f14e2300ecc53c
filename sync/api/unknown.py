"""Addresses that there are not, and what no view could answer: the one error body there, too."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from django.utils.http import escape_leading_slashes
from django.views.decorators.csrf import csrf_exempt
from django.views.defaults import bad_request as bad_page
from django.views.defaults import server_error as page

from sync.api.correlation import HEADER, correlation_id
from sync.api.problem import Problem
from sync.api.refusals import FAILED, UNANSWERABLE

MOVED = 308
"""Moved for good, with method and body as they were: ``curl -L`` sends a POST again as a POST."""


@csrf_exempt  # it does nothing; a page about a missing token would hide that the address is wrong
def unknown(request: HttpRequest, **_: Any) -> HttpResponse:
    """Answer 404, or lead to the address with the slash at its end. Put it last: ``re_path("", unknown)``."""
    path = request.path_info
    if not path.endswith("/") and _exists(f"{path}/"):
        return HttpResponse(status=MOVED, headers={"Location": _with_slash(request)})
    hint = "The API's root lists its addresses. Each ends with a slash."
    problem = Problem(status=404, code="not_found", error="There is nothing at this address.", details={"hint": hint})
    return answer(request, problem)


def server_error(request: HttpRequest, prefix: str = "/api/") -> HttpResponse:
    """Answer what went wrong outside a view: ``handler500 = "sync.api.unknown.server_error"``.

    Args:
        request: the request.
        prefix: what addresses of the API begin with; elsewhere Django's own page is shown.
    """
    if not request.path_info.startswith(prefix):
        return page(request)
    return answer(request, Problem(status=500, code="error", error=FAILED))


def bad_request(request: HttpRequest, exception: Exception, prefix: str = "/api/") -> HttpResponse:
    """Answer what no view was asked for, such as a wrong host: ``handler400 = "sync.api.unknown.bad_request"``.

    Args:
        request: the request.
        exception: what is wrong with it.
        prefix: as for :func:`server_error`.
    """
    if not request.path_info.startswith(prefix):
        return bad_page(request, exception)
    return answer(request, Problem(status=400, code="parse_error", error=UNANSWERABLE))


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return a problem as an answer."""
    headers = {HEADER: correlation_id(request), "Cache-Control": "private, no-cache"}
    return JsonResponse(problem.body(request), status=problem.status, headers=headers)


def _with_slash(request: HttpRequest) -> str:
    """The address as a header can carry it, on this host whatever it begins with."""
    return escape_leading_slashes(request.get_full_path(force_append_slash=True))


def _exists(path: str) -> bool:
    try:
        return resolve(path).func is not unknown
    except Resolver404:
        return False
