"""How many failures left an object stuck, minute by minute, beside what the roll-up counts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.db import connections
from django.db.models import F

from sync.models import Minute
from sync.models.clock import now
from sync.models.database import is_postgres

COUNT = """
INSERT INTO crudsync_minute AS m (connection_id, at, dead)
SELECT c, date_trunc('minute', statement_timestamp()), n FROM json_to_recordset(%s) AS x(c bigint, n int)
ORDER BY c
ON CONFLICT (at, connection_id) DO UPDATE SET dead = m.dead + excluded.dead
"""


def count(stuck: Mapping[int, int], using: str) -> None:
    """Add to the counters of this minute, inside the transaction that counts the causes.

    Args:
        stuck: how many, by connection id.
        using: alias of the database.
    """
    if is_postgres(using):
        rows = [{"c": connection_id, "n": times} for connection_id, times in stuck.items()]
        with connections[using].cursor() as cursor:
            cursor.execute(COUNT, [json.dumps(rows)])
        return
    at = now(using).replace(second=0, microsecond=0)
    minutes = Minute.objects.using(using)
    minutes.bulk_create([Minute(connection_id=each, at=at) for each in sorted(stuck)], ignore_conflicts=True)
    for connection_id, times in sorted(stuck.items()):
        minutes.filter(connection_id=connection_id, at=at).update(dead=F("dead") + times)
