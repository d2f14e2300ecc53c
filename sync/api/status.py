"""How everything stands, in one answer: per account, bounded at any size."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from sync import conf
from sync.api.base import Ours
from sync.api.connections import VIEW as VIEW_CONNECTION
from sync.api.connections import ConnectionSerializer
from sync.api.describing import described
from sync.api.filters import refuse_unknown
from sync.models import Change, Connection, State, Sweep
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.standing import COUNTED, Standing, standings

AT_MOST = 100
OVERDUE = 10
"""A sweep older than so many intervals, with work waiting, means that nobody sweeps."""

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
        using = alias()
        at = now(using)
        rows = list(Connection.objects.select_related("gate").defer("credentials")[: AT_MOST + 1])
        found = standings([row.pk for row in rows[:AT_MOST]])
        changes = Change.objects.using(using).order_by()
        oldest = Change.objects.using(using).order_by("pk").values_list("created_at", flat=True).first()
        last = Sweep.objects.using(using).filter(name="sweep").values_list("at", flat=True).first()
        accounts = [self._account(row, found[row.pk], at) for row in rows[:AT_MOST]]
        waiting = oldest is not None or any(one["backlog"] for one in accounts)
        swept = not waiting or (last is not None and (at - last).total_seconds() < OVERDUE * conf.current().sweep_s)
        body = {
            "well": swept and all(one["well"] for one in accounts),
            "at": at,
            "inbox": changes[:COUNTED].count(),
            "oldest_change_s": _age_s(oldest, at),
            "last_sweep_s": _age_s(last, at),
            "swept": swept,
            "connections": accounts,
            "more": len(rows) > AT_MOST,
        }
        return Response(Status(body).data)

    def _account(self, row: Connection, found: Standing, at: dt.datetime) -> dict[str, Any]:
        told = ConnectionSerializer(row, context={"request": self.request, "view": self}).data
        return {
            **{name: told[name] for name in ("id", "url", "state", "reason", "registered")},
            "account": str(row),
            "well": told["registered"] and not found.stuck and told["state"] != "shut",
            "states": {State(state).value: count for state, count in found.states.items()},
            "backlog": found.backlog,
            "stuck": found.stuck,
            "ignored": found.ignored,
            "oldest_unsent_s": _age_s(found.oldest_unsent, at),
        }


def _age_s(moment: dt.datetime | None, at: dt.datetime) -> float | None:
    return None if moment is None else round(max((at - moment).total_seconds(), 0.0), 1)
