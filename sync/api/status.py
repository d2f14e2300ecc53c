"""How everything stands, in one answer: per account, bounded at any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from sync.api.base import Ours
from sync.api.connections import VIEW as VIEW_CONNECTION
from sync.api.connections import ConnectionSerializer
from sync.api.describing import described
from sync.api.filters import refuse_unknown
from sync.models import Connection
from sync.models.clock import now
from sync.monitoring.heaps import COUNTED
from sync.monitoring.standing import Standing, report

AT_MOST = 100

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = serializers.Serializer


class AccountStatus(_Serializer):
    """How one account stands."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    account = serializers.CharField(help_text="`integrator/account`.")
    state = serializers.CharField(help_text="`open`, `paused` by a person, or `shut` for a while.")
    reason = serializers.CharField(help_text="Why nothing is sent at present; empty where it is open.")
    registered = serializers.BooleanField(help_text="Whether this site knows its integrator.")
    well = serializers.BooleanField(help_text="Open or paused, registered, and nothing waits for a person.")
    states = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=f"Objects that are due or stuck, by state; {COUNTED} stands for more.",
    )
    backlog = serializers.IntegerField(help_text="Objects that are to be sent, now or later.")
    stuck = serializers.IntegerField(help_text="Objects that wait for a person.")
    ignored = serializers.IntegerField(help_text="Stuck ones that somebody ignores.")
    oldest_unsent_s = serializers.FloatField(allow_null=True, help_text="Age of the oldest unsent change, seconds.")


class Status(_Serializer):
    """How everything stands."""

    well = serializers.BooleanField(help_text="No account needs a person, and somebody sweeps.")
    at = serializers.DateTimeField(help_text="The database's time.")
    inbox = serializers.IntegerField(help_text=f"Changes that no worker has taken; {COUNTED} stands for more.")
    oldest_change_s = serializers.FloatField(allow_null=True, help_text="Age of the oldest of them, seconds.")
    last_sweep_s = serializers.FloatField(allow_null=True, help_text="Seconds since workers swept.")
    swept = serializers.BooleanField(help_text="False: there is work, and nobody has swept for ten intervals.")
    connections = AccountStatus(many=True)
    more = serializers.BooleanField(help_text=f"There are more than {AT_MOST} accounts: the others are left out.")


class StatusViewSet(Ours, ViewSet):
    """The summary for whoever has only curl."""

    needs = {"retrieve": (VIEW_CONNECTION,)}

    @described(
        summary="How everything stands",
        tags=["status"],
        responses={200: Status},
        operation_id="crudsync_v1_status_retrieve",
    )
    def retrieve(self, request: Any) -> Response:
        """Tell what waits, what is stuck and who sweeps, per account; seven queries at any size."""
        refuse_unknown(request, [])
        rows = list(Connection.objects.select_related("gate").defer("credentials")[: AT_MOST + 1])
        found = report(rows[:AT_MOST], synced=False)
        body = {
            **{name: getattr(found, name) for name in ("well", "inbox", "oldest_change_s", "last_sweep_s", "swept")},
            "at": now(),
            "connections": [self._account(*each) for each in zip(rows, found.connections, strict=False)],
            "more": len(rows) > AT_MOST,
        }
        return Response(Status(body).data)

    def _account(self, row: Connection, found: Standing) -> dict[str, Any]:
        told = ConnectionSerializer(row, context={"request": self.request, "view": self}).data
        return {
            **{name: told[name] for name in ("id", "url", "state", "reason", "registered")},
            **{name: getattr(found, name) for name in ("well", "backlog", "stuck", "ignored", "oldest_unsent_s")},
            "account": found.connection,
            "states": found.counts,
        }
