"""The task records: what was sent, when, by whom, how long it took, and what came back."""

from __future__ import annotations

import datetime as dt

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from sync.api.base import ReadOnlyViewSet
from sync.api.describing import described
from sync.api.filters import Moment, RowFilter, WholeNumber
from sync.api.rows import Payload, RowSerializer, RowUrl
from sync.models import Operation, Status
from sync.monitoring.search import ids_named
from sync.types import Verb

VIEW = "crudsync.view_operation"
HEAVY = ("request", "response")
DISORDER = 1000
"""Attempts that were begun at the same time get their ids in any order; no more than so many at once."""


class OperationFilter(RowFilter):
    """What attempts may be listed by."""

    search = django_filters.CharFilter(
        max_length=200,
        method="by_either_id",
        help_text="The object's local or remote id, whole; end it with `*` to find those that begin with it.",
    )
    connection = WholeNumber(field_name="connection_id", help_text="Id of the connection.")
    binding = WholeNumber(field_name="binding_id", help_text="Id of the binding.")
    started_after = Moment(method="from_then", help_text="Only those begun then or later.")
    started_before = Moment(method="until_then", help_text="Only those begun before then.")
    status = django_filters.ChoiceFilter(choices=Status.choices, help_text="How it ended.")
    verb = django_filters.ChoiceFilter(choices=[(v.value, v.value) for v in Verb], help_text="What was done.")
    status_code = WholeNumber(max_value=999, help_text="HTTP status; 0: no answer.")
    code = django_filters.CharFilter(max_length=50, help_text="The stable word of what came of it.")
    object_type = django_filters.CharFilter(max_length=100, help_text="Name of the object type.")
    actor = django_filters.CharFilter(max_length=150, help_text="Who caused it, with the reason, as shown.")

    walked = frozenset(("status", "verb", "status_code", "code", "object_type", "actor"))

    def by_either_id(self, rows: QuerySet[Operation], name: str, value: str) -> QuerySet[Operation]:  # noqa: ARG002
        """Return the attempts at objects with that id on either side."""
        return rows.filter(binding__in=ids_named(value))

    def from_then(self, rows: QuerySet[Operation], name: str, value: dt.datetime) -> QuerySet[Operation]:  # noqa: ARG002
        """Return those begun since; ids grow with time, so what is older need not be looked at."""
        first = Operation.objects.filter(started_at__gte=value).order_by("started_at")
        ids = list(first.values_list("pk", flat=True)[:DISORDER])
        return rows.filter(pk__gte=min(ids), started_at__gte=value) if ids else rows.none()

    def until_then(self, rows: QuerySet[Operation], name: str, value: dt.datetime) -> QuerySet[Operation]:  # noqa: ARG002
        """Return those begun before."""
        last = Operation.objects.filter(started_at__lt=value).order_by("-started_at")
        ids = list(last.values_list("pk", flat=True)[:DISORDER])
        return rows.filter(pk__lte=max(ids), started_at__lt=value) if ids else rows.none()


class OperationSerializer(RowSerializer):
    """One attempt at one call."""

    url = RowUrl("crudsync-api:operation-list")
    account = serializers.CharField(source="connection", read_only=True, help_text="`integrator/account`.")
    binding = serializers.IntegerField(source="binding_id", read_only=True, allow_null=True)
    called = serializers.CharField(source="url", read_only=True, help_text="The URL that was called, without secrets.")
    request = Payload(help_text="Excerpt of what was sent. Single rows alone, with `reveal_binding`.")
    response = Payload(help_text="Excerpt of what came back. The same.")

    class Meta:
        model = Operation
        fields = (
            "id",
            "url",
            "connection",
            "account",
            "binding",
            "object_type",
            "object_id",
            "remote_id",
            "verb",
            "attempt",
            "status",
            "method",
            "called",
            "status_code",
            "code",
            "detail",
            "duration_ms",
            "actor",
            "task_id",
            "started_at",
            "finished_at",
            *HEAVY,
        )
        read_only_fields = fields


@extend_schema_view(
    list=described(summary="List attempts", tags=["operations"]),
    retrieve=described(summary="One attempt", tags=["operations"]),
)
class OperationViewSet(ReadOnlyViewSet):
    """Every attempt, newest first."""

    queryset = Operation.objects.select_related("connection").defer("connection__credentials").order_by()
    serializer_class = OperationSerializer
    filterset_class = OperationFilter
    heavy = HEAVY
    needs = {"list": (VIEW,), "retrieve": (VIEW,)}
