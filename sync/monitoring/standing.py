"""How many objects wait or are stuck under each account: two bounded queries, however many accounts and objects."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from sync.models import STUCK
from sync.models.database import alias

COUNTED = 10_000
"""No count looks at more rows of an account than this: one that reaches it stands for more."""

DUE = f"""SELECT connection_id, state, 0, count(*), min(dirty_since) FROM (
    SELECT connection_id, state, dirty_since FROM crudsync_binding
    WHERE connection_id = %s AND due_at IS NOT NULL LIMIT {COUNTED}
) AS few GROUP BY connection_id, state"""  # noqa: S608 - a constant of ours

LEFT = f"""SELECT connection_id, state, CASE WHEN ignored = '' THEN 0 ELSE 1 END, count(*), NULL FROM (
    SELECT connection_id, state, ignored FROM crudsync_binding
    WHERE connection_id = %s AND state = %s AND state IN ('held', 'in_doubt', 'dead') AND due_at IS NULL LIMIT {COUNTED}
) AS few GROUP BY connection_id, state, CASE WHEN ignored = '' THEN 0 ELSE 1 END"""  # noqa: S608 - the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What waits and what is stuck under one account, each count at most ``COUNTED``.

    ``states`` are objects by state, of those that are due and those that are stuck; ``backlog`` those that are due now
    or later; ``stuck`` those that wait for a person, without the ``ignored`` ones; ``oldest_unsent`` the time of the
    oldest unsent change among those that were counted.
    """

    states: Mapping[str, int]
    backlog: int = 0
    stuck: int = 0
    ignored: int = 0
    oldest_unsent: dt.datetime | None = None


def standings(connection_ids: Sequence[int]) -> dict[int, Standing]:
    """Return how each of these accounts stands.

    Args:
        connection_ids: a hundred at the most: each is a part of the same two queries.
    """
    using = alias()
    due = _read(using, [(DUE, [pk]) for pk in connection_ids])
    left = _read(using, [(LEFT, [pk, state.value]) for pk in connection_ids for state in STUCK])
    return {pk: _standing(due.get(pk, []), left.get(pk, [])) for pk in connection_ids}


def _standing(due: Sequence[Any], left: Sequence[Any]) -> Standing:
    states: Counter[str] = Counter()
    for _, state, _, count, _ in (*due, *left):
        states[state] += count
    return Standing(
        states={state: min(count, COUNTED) for state, count in sorted(states.items())},
        backlog=sum(count for _, _, _, count, _ in due),
        stuck=min(COUNTED, sum(count for _, _, ignored, count, _ in left if not ignored)),
        ignored=min(COUNTED, sum(count for _, _, ignored, count, _ in left if ignored)),
        oldest_unsent=min((moment for *_, since in due if (moment := _moment(since))), default=None),
    )


def _read(using: str, parts: Sequence[tuple[str, list[Any]]]) -> dict[int, list[Any]]:
    if not parts:
        return {}
    sql = " UNION ALL ".join(f"SELECT * FROM ({text}) AS part" for text, _ in parts)  # noqa: S608 - texts of ours
    found: dict[int, list[Any]] = defaultdict(list)
    with connections[using].cursor() as cursor:
        cursor.execute(sql, [value for _, values in parts for value in values])
        for row in cursor.fetchall():
            found[row[0]].append(row)
    return found


def _moment(value: Any) -> dt.datetime | None:
    """SQLite and MySQL know no time zones: theirs are UTC."""
    found = parse_datetime(value) if isinstance(value, str) else value
    return timezone.make_aware(found, dt.UTC) if found is not None and timezone.is_naive(found) else found
