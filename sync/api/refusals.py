"""What is refused, as exceptions of REST framework. Named in its settings, so nothing here may load its views."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rest_framework import exceptions, status

from sync.exceptions import (
    ConfigurationError,
    CrudSyncError,
    DeadlineExceeded,
    DrainFailed,
    InTransaction,
    LimiterUnavailable,
    LinkRefused,
    ObjectBusy,
    ObjectError,
    PaginationError,
    ParentNotSynced,
    RateLimitExceeded,
    ReasonMissing,
    RemoteError,
    Throttled,
)

STATUSES: tuple[tuple[type[CrudSyncError], int], ...] = (
    (LimiterUnavailable, status.HTTP_503_SERVICE_UNAVAILABLE),
    (RateLimitExceeded, status.HTTP_429_TOO_MANY_REQUESTS),
    (ObjectBusy, status.HTTP_409_CONFLICT),
    (LinkRefused, status.HTTP_409_CONFLICT),
    (ParentNotSynced, status.HTTP_409_CONFLICT),
    (ObjectError, status.HTTP_422_UNPROCESSABLE_ENTITY),
    (ReasonMissing, status.HTTP_400_BAD_REQUEST),
    (Throttled, status.HTTP_503_SERVICE_UNAVAILABLE),
    (DeadlineExceeded, status.HTTP_504_GATEWAY_TIMEOUT),
    (RemoteError, status.HTTP_502_BAD_GATEWAY),
    (PaginationError, status.HTTP_502_BAD_GATEWAY),
    (InTransaction, status.HTTP_500_INTERNAL_SERVER_ERROR),
    (DrainFailed, status.HTTP_500_INTERNAL_SERVER_ERROR),
    (ConfigurationError, status.HTTP_500_INTERNAL_SERVER_ERROR),
)
"""The status of each error of ours: the first class that fits."""

FAILED = "Something failed here. Tell whoever runs this site the correlation id: the log has the rest."
UNANSWERABLE = "This request is not one that can be answered."
MISCONFIGURED = "This site is not set up for that. The log has the rest, under the correlation id."


class TypedError(exceptions.APIException):
    """An error of ours on its way out.

    Args:
        error: the error.
    """

    def __init__(self, error: CrudSyncError) -> None:
        self.status_code = status_of(error)
        inside = self.status_code == status.HTTP_500_INTERNAL_SERVER_ERROR
        super().__init__(MISCONFIGURED if inside else error.message, code=error.code)
        self.facts = {} if inside else _facts(error)
        self.wait = self.facts.get("retry_after_s")


class Missing(exceptions.PermissionDenied):
    """The user lacks a permission, which is named.

    Args:
        permissions: those that are needed.
    """

    def __init__(self, *permissions: str) -> None:
        super().__init__("You are not allowed to do this.")
        self.facts = {"needs": list(permissions)}


class TooLarge(exceptions.APIException):
    """More was sent than is read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


def status_of(error: CrudSyncError) -> int:
    """Return the HTTP status of an error of ours."""
    found = (code for kind, code in STATUSES if isinstance(error, kind))
    return next(found, status.HTTP_500_INTERNAL_SERVER_ERROR)


def _facts(error: CrudSyncError) -> Mapping[str, Any]:
    facts: dict[str, Any] = {"hint": error.hint} if error.hint else {}
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        facts["retry_after_s"] = max(1, math.ceil(wait))
    if isinstance(error, RemoteError) and error.status_code:
        facts["remote_status_code"] = error.status_code
    return facts
