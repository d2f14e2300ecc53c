"""Turn whatever is raised into the one error body, with the status that fits. Nothing of the inside is told."""

from __future__ import annotations

import logging
import math
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from drf_standardized_errors.formatter import flatten_errors
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.settings import api_settings

from sync.api.correlation import HEADER, correlation_id
from sync.api.problem import Problem
from sync.api.refusals import FAILED, UNANSWERABLE, TooLarge, TypedError
from sync.exceptions import CrudSyncError
from sync.secrets import trace

logger = logging.getLogger("crudsync.api")


class Handler(ExceptionHandler):
    """Answers every exception of a view, in DEBUG too; what nobody expected is logged and sent to error trackers."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """Return the exception as one of REST framework's, where it is one that is foreseen."""
        if isinstance(exc, CrudSyncError):
            return TypedError(exc)
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        if isinstance(exc, SuspiciousOperation | BadRequest):
            return exceptions.ParseError(UNANSWERABLE)
        return super().convert_known_exceptions(exc)

    def should_not_handle(self, exc: Exception) -> bool:  # noqa: ARG002 - the signature is theirs
        """Handle everything: a page for developers is no answer to a program."""
        return False

    def convert_unhandled_exceptions(self, exc: Exception) -> exceptions.APIException:
        """Return what is told of an exception that nobody expected: nothing."""
        return exc if isinstance(exc, exceptions.APIException) else exceptions.APIException(FAILED)

    def format_exception(self, exc: exceptions.APIException) -> dict[str, Any]:
        """Return the body."""
        return problem_of(exc).body(self.context["request"])

    def get_headers(self, exc: exceptions.APIException) -> dict[str, str]:
        """Return what tells a program when to come back, and how to sign in."""
        headers = {HEADER: correlation_id(self.context["request"])}
        if challenge := getattr(exc, "auth_header", None):
            headers["WWW-Authenticate"] = challenge
        if wait := getattr(exc, "wait", None):
            headers["Retry-After"] = str(math.ceil(wait))
        return headers

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:  # noqa: ARG002
        """Log a failure of ours under its correlation id, without secrets."""
        if exc.status_code != status.HTTP_500_INTERNAL_SERVER_ERROR:
            return
        request: Any = self.context["request"]
        plain: Any = getattr(request, "_request", request)
        got_request_exception.send(sender=None, request=plain)
        place = f"{plain.method} {plain.path}"
        logger.error("%s failed, correlation id %s\n%s", place, correlation_id(plain), trace(self.exc))


def exception_handler(exc: Exception, context: Any) -> Response | None:
    """Answer an exception: ``REST_FRAMEWORK["EXCEPTION_HANDLER"] = "sync.api.errors.exception_handler"``.

    Our own views use it whatever the site has set.
    """
    return Handler(exc, context).run()


def problem_of(exc: exceptions.APIException) -> Problem:
    """Return what is told of an exception."""
    if isinstance(exc, exceptions.ValidationError):
        return _invalid(exc)
    details: dict[str, Any] = dict(getattr(exc, "facts", {}))
    if isinstance(exc, exceptions.Throttled):
        details["retry_after_s"] = math.ceil(getattr(exc, "wait", None) or 1)
    first = next(iter(flatten_errors(exc.detail)), None)
    code = first.code if first else exc.default_code
    return Problem(status=exc.status_code, code=code, error=first.detail if first else "", details=details)


def _invalid(exc: exceptions.ValidationError) -> Problem:
    fields: dict[str, list[str]] = {}
    general: list[str] = []
    codes: list[str] = []
    for each in flatten_errors(exc.detail):
        codes.append(each.code)
        name = each.attr or ""
        if name in ("", api_settings.NON_FIELD_ERRORS_KEY):
            general.append(each.detail)
        else:
            fields.setdefault(name, []).append(each.detail)
    words = " ".join(general) or f"Not valid: {', '.join(fields)}."
    code = codes[0] if general and codes else "invalid"
    return Problem(status=exc.status_code, code=code, error=words, field_errors=fields)
