"""The attempts at one object of the user's, for whoever may see the object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework import serializers
from rest_framework.response import Response

from sync.api.paging import KeysetPagination
from sync.api.permissions import reveals
from sync.api.readable import readable
from sync.api.rows import Payload
from sync.models import Operation
from sync.resync.handle import Handle

if TYPE_CHECKING:
    _Serializer = serializers.ModelSerializer[Operation]
else:
    _Serializer = serializers.ModelSerializer


class AttemptSerializer(_Serializer):
    """One attempt at an object."""

    account = serializers.CharField(source="connection", read_only=True, help_text="`integrator/account`.")
    status = serializers.CharField(read_only=True, help_text="How it ended, as in the list of operations.")
    request = Payload(help_text="Excerpt of what was sent; with `reveal_binding`.", required=False)
    response = Payload(help_text="Excerpt of what came back; the same.", required=False)

    class Meta:
        model = Operation
        fields = (
            "id",
            "account",
            "object_type",
            "verb",
            "attempt",
            "status",
            "status_code",
            "code",
            "detail",
            "remote_id",
            "duration_ms",
            "actor",
            "started_at",
            "finished_at",
            "request",
            "response",
        )
        read_only_fields = fields

    def to_representation(self, instance: Operation) -> dict[str, Any]:
        """Return what this request may see."""
        told: dict[str, Any] = super().to_representation(instance)
        if self.context["whole"]:
            return {**told, "request": readable(instance.request), "response": readable(instance.response)}
        return {name: value for name, value in told.items() if name not in ("request", "response")}


class History:
    """A page of an object's attempts.

    Args:
        handle: the object.
        request: whose.
    """

    orderings: ClassVar[Sequence[str]] = ("-id", "id")

    def __init__(self, handle: Handle, request: Any) -> None:
        self.handle = handle
        self.request = request

    def response(self) -> Response:
        """Return the page as an answer."""
        whole = reveals(self.request)
        rows = self.handle.history().defer("connection__credentials").order_by()
        pages = KeysetPagination()
        page = pages.paginate_queryset(
            rows if whole else rows.defer("connection__credentials", "request", "response"), self.request, self
        )
        return pages.get_paginated_response(AttemptSerializer(page, many=True, context={"whole": whole}).data)
