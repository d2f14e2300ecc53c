"""The attempts at one object of the user's, for whoever may see the object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.response import Response

from sync.api.paging import KeysetPagination
from sync.api.permissions import reveals
from sync.api.rows import Payload, RowSerializer
from sync.models import Operation
from sync.resync.handle import Handle


class AttemptSerializer(RowSerializer):
    """One attempt at an object."""

    account = serializers.CharField(source="connection", read_only=True, help_text="`integrator/account`.")
    status = serializers.CharField(read_only=True, help_text="How it ended, as in the list of operations.")
    request = Payload(help_text="Excerpt of what was sent; with `reveal_binding`.")
    response = Payload(help_text="Excerpt of what came back; the same.")

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
        unread = ("connection__credentials",) if whole else ("connection__credentials", "request", "response")
        pages = KeysetPagination()
        page = pages.paginate_queryset(self.handle.history().defer(*unread).order_by(), self.request, self)
        told = AttemptSerializer(page, many=True, context={"whole": whole, "request": self.request})
        return pages.get_paginated_response(told.data)
