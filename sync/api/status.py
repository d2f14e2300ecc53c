"""How everything stands, in one answer: per account, bounded at any size."""

from __future__ import annotations

import datetime as dt
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
from sync.models.database import alias
from sync.monitoring.figures import Figures, figures
from sync.monitoring.heaps import COUNTED
from sync.monitoring.pulse import pulse
from sync.monitoring.standing import Standing, report

AT_MOST = 100
SPAN = dt.timedelta(hours=1)

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = serializers.Serializer


class Hour(_Serializer):
    """What happened under one account in the last hour, to the minute."""

    calls = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Nobody knows whether they arrived.")
    throttled = serializers.IntegerField(help_text="The remote asked to slow down.")
    retries = serializers.IntegerField()
    applied = serializers.IntegerField(help_text="Objects that became synced.")
    dead = serializers.IntegerField(help_text="Objects that became dead letters.")
    success_share = serializers.FloatField(allow_null=True, help_text="0 to 1; null where nothing ended.")
    call_p95_ms = serializers.FloatField(allow_null=True, help_text="How long a call lasts, at the 95th percentile.")
    applied_p95_ms = serializers.FloatField(allow_null=True, help_text="From save to applied; the same.")


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
        help_text=f"Objects by state; {COUNTED} stands for more.",
    )
    backlog = serializers.IntegerField(help_text="Objects that are to be sent, now or later.")
    stuck = serializers.IntegerField(help_text="Objects that wait for a person.")
    ignored = serializers.IntegerField(help_text="Stuck ones that somebody ignores.")
    oldest_unsent_s = serializers.FloatField(allow_null=True, help_text="Age of the oldest unsent change, seconds.")
    last_hour = Hour()


class SyncStatus(_Serializer):
    """How everything stands."""

    well = serializers.BooleanField(help_text="No account needs a person, and somebody sweeps.")
    at = serializers.DateTimeField(help_text="The database's time.")
    inbox = serializers.IntegerField(help_text=f"Changes that no worker has taken; {COUNTED} stands for more.")
    oldest_change_s = serializers.FloatField(allow_null=True, help_text="Age of the oldest of them, seconds.")
    last_sweep_s = serializers.FloatField(allow_null=True, help_text="Seconds since workers swept.")
    swept = serializers.BooleanField(help_text="False: there is work, and nobody has swept for ten intervals.")
    workers = serializers.IntegerField(allow_null=True, help_text="Workers that answer; null: nobody can be asked.")
    beat = serializers.BooleanField(allow_null=True, help_text="Whether beat is alive; null: nobody can tell.")
    connections = AccountStatus(many=True)
    more = serializers.BooleanField(help_text=f"There are more than {AT_MOST} accounts: the others are left out.")


class StatusViewSet(Ours, ViewSet):
    """The summary for whoever has only curl."""

    needs = {"retrieve": (VIEW_CONNECTION,)}

    @described(
        summary="How everything stands",
        tags=["status"],
        responses={200: SyncStatus},
        operation_id="crudsync_v1_status_retrieve",
    )
    def retrieve(self, request: Any) -> Response:
        """Tell what waits, what is stuck, what the last hour brought and who is alive, per account."""
        refuse_unknown(request, [])
        at = now(alias())
        rows = list(Connection.objects.select_related("gate").defer("credentials")[: AT_MOST + 1])
        shown = rows[:AT_MOST]
        found, alive = report(shown), pulse()
        hour = figures(at - SPAN, at, [row.pk for row in shown])
        accounts = zip(shown, found.connections, strict=True)
        body = {
            "well": found.well,
            "at": at,
            "inbox": found.inbox,
            "oldest_change_s": found.oldest_change_s,
            "last_sweep_s": found.last_sweep_s,
            "swept": found.swept,
            "workers": None if alive.workers is None else len(alive.workers),
            "beat": alive.beat,
            "connections": [self._account(row, one, hour.get(row.pk, Figures())) for row, one in accounts],
            "more": len(rows) > AT_MOST,
        }
        return Response(SyncStatus(body).data)

    def _account(self, row: Connection, found: Standing, hour: Figures) -> dict[str, Any]:
        told = ConnectionSerializer(row, context={"request": self.request, "view": self}).data
        return {
            **{name: told[name] for name in ("id", "url", "state", "reason", "registered")},
            "account": found.connection,
            "well": found.well,
            "states": found.counts,
            "backlog": found.backlog,
            "stuck": found.stuck,
            "ignored": found.ignored,
            "oldest_unsent_s": found.oldest_unsent_s,
            "last_hour": _hour(hour),
        }


def _hour(found: Figures) -> dict[str, Any]:
    names = ("calls", "succeeded", "failed", "unknown", "throttled", "retries", "applied", "dead", "success_share")
    p95 = {"call_p95_ms": found.call_ms(0.95), "applied_p95_ms": found.applied_ms(0.95)}
    return {**{name: getattr(found, name) for name in names}, **p95}
