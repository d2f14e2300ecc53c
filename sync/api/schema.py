"""What the OpenAPI document says of our views: every error that each can answer, and what it needs."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from sync.api.problem import ErrorBody

WORDS = {
    400: "Something that was sent is not valid.",
    401: "Nobody is signed in, or the token is not known.",
    403: "A permission is missing; `details.needs` names it.",
    404: "There is no such object, or nothing at this address.",
    405: "The address does not have this method.",
    409: "Somebody else is at it: try again.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "This object cannot be synced as it is.",
    429: "Too many requests: `Retry-After` says when to come back.",
    500: "Something failed here; the log has it under the correlation id.",
}
CODES = {
    400: ("invalid", "Not valid: state."),
    401: ("not_authenticated", "Authentication credentials were not provided."),
    403: ("permission_denied", "You are not allowed to do this."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", 'Method "PUT" not allowed.'),
    409: ("busy", "Another worker holds the object."),
    413: ("too_large", "The body is too large."),
    415: ("unsupported_media_type", 'Unsupported media type "text/plain" in request.'),
    422: ("not_registered", "The model shop.tag is not registered with any integrator."),
    429: ("throttled", "Request was throttled. Expected available in 12 seconds."),
    500: ("error", "Something failed here. Tell whoever runs this site the correlation id: the log has the rest."),
}
DETAILS: dict[int, dict[str, Any]] = {403: {"needs": ["crudsync.view_binding"]}, 429: {"retry_after_s": 12}}
FIELDS: dict[int, dict[str, list[str]]] = {400: {"state": ["Select a valid choice. ded is not one of the choices."]}}


def error_response(status: int) -> OpenApiResponse:
    """Return what the document says of an error, with an example."""
    code, sentence = CODES[status]
    example = {
        "error": sentence,
        "code": code,
        "status_code": status,
        "details": DETAILS.get(status, {}),
        "field_errors": FIELDS.get(status, {}),
        "correlation_id": "3f0c1f2b8a5b4c0f9a53f6f2f1f0a7de",
    }
    return OpenApiResponse(ErrorBody, WORDS[status], [OpenApiExample(code, value=example, status_codes=[str(status)])])


class Schema(AutoSchema):
    """Adds to each operation the errors that it can answer. For your own views:
    ``REST_FRAMEWORK["DEFAULT_SCHEMA_CLASS"] = "sync.api.schema.Schema"``.
    """

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in sorted(self.errors()):
            if str(status) not in bodies:
                bodies[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]  # it has no types
                    error_response(status), str(status), direction=direction
                )
        return bodies

    def errors(self) -> set[int]:
        """Return the statuses of the errors that this operation can answer."""
        found = {401, 403, 429, 500}
        if self.method in ("POST", "PUT", "PATCH"):
            found |= {400, 413, 415}
        if self._is_list_view() or getattr(self.view, "filterset_class", None):
            found |= {400}
        if "{" in self.path:
            found |= {404}
        return found | set(getattr(self.view, "more_errors", {}).get(getattr(self.view, "action", ""), ()))
