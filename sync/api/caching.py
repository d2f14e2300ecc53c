"""Answers that are fresh by their ETag, and compressed where that gives nothing away."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.middleware.http import ConditionalGetMiddleware
from django.utils.cache import patch_cache_control, patch_vary_headers


def _unused(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the signature is theirs
    raise AssertionError("these middlewares only finish answers")


CONDITIONAL = ConditionalGetMiddleware(_unused)
GZIP = GZipMiddleware(_unused)


def finished(request: HttpRequest, response: Any) -> Any:
    """Return a rendered answer with its ETag (304 where the caller has it), compressed where that is safe.

    An answer to a request with cookies is never compressed: somebody else's page can make a browser send those, and
    learn from the sizes of compressed answers what is in them (BREACH). A token is sent by nobody but its owner.
    """
    patch_cache_control(response, private=True, no_cache=True)
    patch_vary_headers(response, ("Authorization", "Cookie"))
    if response.status_code == 200:
        response = CONDITIONAL.process_response(request, response)
    return response if request.COOKIES else GZIP.process_response(request, response)
