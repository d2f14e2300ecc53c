"""The one body of every error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rest_framework import serializers

from sync.api.correlation import correlation_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong, for a person and for a machine.

    ``details`` are facts beside the sentence (``hint``, ``needs``, ``retry_after_s``), ``field_errors`` sentences by
    the name of what was sent: a field, a nested one (``lines.0.price``), or a query parameter.
    """

    status: int
    code: str
    error: str
    details: Mapping[str, Any] = field(default_factory=dict)
    field_errors: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def body(self, request: Any) -> dict[str, Any]:
        """Return the body, with the id by which the log tells more."""
        return {
            "error": self.error,
            "code": self.code,
            "status_code": self.status,
            "details": dict(self.details),
            "field_errors": {name: list(lines) for name, lines in self.field_errors.items()},
            "correlation_id": correlation_id(request),
        }


class ErrorBody(serializers.Serializer[Any]):
    """Every answer that is no success has this body."""

    error = serializers.CharField(help_text="What went wrong, one sentence.")
    code = serializers.CharField(help_text="The same as a stable word.")
    status_code = serializers.IntegerField(help_text="The HTTP status.")
    details = serializers.DictField(help_text="Facts beside the sentence: `hint`, `needs`, `retry_after_s` …")
    field_errors = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Sentences by the name of the field or query parameter that they are about.",
    )
    correlation_id = serializers.CharField(help_text="Also the header `X-Correlation-ID`, and in the log.")
