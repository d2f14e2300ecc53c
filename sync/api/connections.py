"""The accounts: how each stands; pause, resume and test it. Credentials are in no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django_filters
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from sync import registry
from sync.api.asked import PauseBody
from sync.api.audit import note
from sync.api.base import ReadOnlyViewSet
from sync.api.describing import described
from sync.api.filters import RowFilter, YesNo
from sync.api.rows import RowSerializer, RowUrl
from sync.http.redact import safe_url
from sync.models import Connection
from sync.monitoring.permissions import CHANGE, PAUSE
from sync.monitoring.probe import Reach, probe
from sync.resync.pausing import pause, resume
from sync.secrets import hushed, without_secrets

VIEW = "crudsync.view_connection"
STATES = ("open", "paused", "shut")

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = serializers.Serializer


class ConnectionFilter(RowFilter):
    """What connections may be listed by: they are few."""

    integrator = django_filters.CharFilter(max_length=100, help_text="Name of the integrator.")
    name = django_filters.CharFilter(max_length=100, help_text="Name of the account.")
    paused = YesNo(help_text="Only those that are paused, or only the others.")


class ConnectionSerializer(RowSerializer):
    """One account at one remote."""

    url = RowUrl("crudsync-api:connection-list")
    base_url = serializers.SerializerMethodField(help_text="Empty: the integrator's own. Without credentials.")
    options = serializers.SerializerMethodField(help_text="Limits, retry and timeouts of this account.")
    state = serializers.SerializerMethodField(help_text="`open`, `paused` by a person, or `shut` for a while.")
    reason = serializers.SerializerMethodField(help_text="Why nothing is sent at present; empty where it is open.")
    blocked_until = serializers.SerializerMethodField(help_text="Until when its gate is shut.")
    registered = serializers.SerializerMethodField(help_text="Whether this site knows its integrator.")

    class Meta:
        model = Connection
        fields = (
            "id",
            "url",
            "integrator",
            "name",
            "state",
            "reason",
            "blocked_until",
            "registered",
            "paused",
            "paused_reason",
            "base_url",
            "options",
            "drains",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_base_url(self, row: Connection) -> str:
        """Return the address without what may be a credential."""
        return safe_url(row.base_url)

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_options(self, row: Connection) -> Any:
        """Return the options without values of secret names."""
        return without_secrets(row.options)

    @extend_schema_field({"type": "string", "enum": list(STATES)})
    def get_state(self, row: Connection) -> str:
        """Return whether it sends."""
        return "paused" if row.paused else "shut" if self._shut(row) else "open"

    def get_reason(self, row: Connection) -> str:
        """Return why not."""
        if row.paused:
            return row.paused_reason
        gate = self._shut(row)
        return hushed(gate.reason) if gate else ""

    @extend_schema_field({"type": "string", "format": "date-time", "nullable": True})
    def get_blocked_until(self, row: Connection) -> Any:
        """Return until when."""
        gate = self._shut(row)
        return serializers.DateTimeField().to_representation(gate.blocked_until) if gate else None

    def get_registered(self, row: Connection) -> bool:
        """Return whether its integrator is registered here."""
        return row.integrator in registry.integrators()

    def _shut(self, row: Connection) -> Any:
        gate = getattr(row, "gate", None)
        shut = gate is not None and gate.blocked_until is not None and gate.blocked_until > timezone.now()
        return gate if shut else None


class ProbeSerializer(_Serializer):
    """What a test of an account found."""

    status = serializers.ChoiceField([(each.value, each.value) for each in Reach if each is not Reach.PAUSED])
    response_time_ms = serializers.FloatField(allow_null=True, help_text="Null: nothing was sent.")
    code = serializers.CharField(help_text="A stable word; empty where the remote is up.")
    error = serializers.CharField(help_text="One sentence; empty where the remote is up.")
    paused = serializers.BooleanField(help_text="Whether the account is paused: nothing else is sent then.")


@extend_schema_view(
    list=described(summary="List the accounts", tags=["connections"]),
    retrieve=described(summary="One account", tags=["connections"]),
)
class ConnectionViewSet(ReadOnlyViewSet):
    """One row an account at a remote."""

    queryset = Connection.objects.select_related("gate").defer("credentials").order_by()
    serializer_class = ConnectionSerializer
    filterset_class = ConnectionFilter
    orderings = ("id", "-id")
    needs = {
        "list": (VIEW,),
        "retrieve": (VIEW,),
        "pause": (VIEW, PAUSE),
        "resume": (VIEW, PAUSE),
        "test": (VIEW, CHANGE),
    }
    scopes = {"test": "crudsync-test"}

    @described(summary="Stop sending", tags=["connections"], request=PauseBody, responses={200: ConnectionSerializer})
    @action(methods=["post"], detail=True)
    def pause(self, request: Any, pk: str) -> Response:  # noqa: ARG002 - found by get_object
        """Stop sending under an account; changes are still taken in, and what is under way is finished."""
        row = self.get_object()
        body = PauseBody(data=request.data)
        body.is_valid(raise_exception=True)
        reason = body.validated_data["reason"]
        if pause(row, reason=reason, actor=self.actor):
            note(request, [row], f"paused: {reason}" if reason else "paused")
        return Response(self.get_serializer(row).data)

    @described(summary="Send again", tags=["connections"], request=None, responses={200: ConnectionSerializer})
    @action(methods=["post"], detail=True)
    def resume(self, request: Any, pk: str) -> Response:  # noqa: ARG002
        """Send again, what has gathered first."""
        row = self.get_object()
        if resume(row):
            note(request, [row], "resumed")
        return Response(self.get_serializer(row).data)

    @described(summary="Test an account", tags=["connections"], request=None, responses={200: ProbeSerializer})
    @action(methods=["post"], detail=True)
    def test(self, request: Any, pk: str) -> Response:  # noqa: ARG002
        """Make one harmless call with the account's credentials, within its limits, though somebody paused it.

        Five seconds at the most. The answer is 200 whatever the remote says: its `status` tells.
        """
        row = self.get_object()
        found = probe(row, though_paused=True)
        note(request, [row], f"tested: {found.status}")
        return Response(ProbeSerializer(found).data)
