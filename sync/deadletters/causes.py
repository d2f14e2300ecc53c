"""Find and count causes: the only writer of them."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import Error, connections, transaction
from django.db.models import Exists, F, OuterRef

from sync.deadletters import minutes
from sync.deadletters.trouble import LONGEST_EXAMPLE, Kind, Trouble, kind_of
from sync.models import Binding, Cause, Connection
from sync.models.clock import now
from sync.models.database import alias, is_postgres
from sync.secrets import trace

logger = logging.getLogger("crudsync.deadletters")

CHUNK = 1000

BOUNDED = "SELECT set_config('lock_timeout', '500ms', true), set_config('synchronous_commit', 'off', true)"
"""Nobody waits for a cause. Its commit need not reach the disk: that of the settlement takes it along."""

COUNT = """
INSERT INTO crudsync_cause AS c
    (fingerprint, integrator, code, status_code, field, message, example, first_seen, last_seen, count)
SELECT p, i, c, s, f, m, e, statement_timestamp(), statement_timestamp(), n
FROM json_to_recordset(%s) AS x(p text, i text, c text, s int, f text, m text, e text, n bigint)
ORDER BY p
ON CONFLICT (fingerprint) DO UPDATE SET
    count = c.count + excluded.count, last_seen = excluded.last_seen, example = excluded.example
RETURNING c.fingerprint, c.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A kind of failure, how often it came up, and the last one's words."""

    kind: Kind
    example: str
    times: int


def record(troubles: Sequence[Trouble]) -> list[int | None]:
    """Count failures under their causes, making those that are new.

    In a transaction of its own, before the one that settles: it holds no lock that a settlement waits for, and one
    that cannot have its locks at once goes without counting. Whatever goes wrong is logged and changes nothing else.

    Returns:
        The id of each one's cause, None where it could not be found or made.
    """
    if not troubles:
        return []
    try:
        return _record(troubles)
    except (Error, ValueError) as error:  # ValueError: text that has no place in the database
        logger.warning("a cause could not be recorded\n%s", trace(error))
        return [None] * len(troubles)


def prune(older_than_s: float) -> int:
    """Remove causes that no binding names and that did not come up for so many seconds; return how many."""
    using = alias()
    edge = now(using) - dt.timedelta(seconds=older_than_s)
    named = Binding.objects.using(using).filter(cause=OuterRef("pk"))
    old = Cause.objects.using(using).filter(~Exists(named), last_seen__lt=edge)
    total = 0
    while ids := list(old.values_list("pk", flat=True)[:CHUNK]):
        removed = old.filter(pk__in=ids).delete()[0]  # still under the condition: one may have come up again
        total += removed
        if not removed:
            break
    return total


def _record(troubles: Sequence[Trouble]) -> list[int | None]:
    using = alias()
    wanted = {trouble.connection_id for trouble in troubles}
    rows = Connection.objects.using(using).filter(pk__in=wanted).values_list("pk", "integrator")
    integrators = dict(rows)
    kinds = [kind_of(trouble, integrators.get(trouble.connection_id, "")) for trouble in troubles]
    seen: dict[str, Seen] = {}
    for kind, trouble in zip(kinds, troubles, strict=True):
        times = seen[kind.fingerprint].times if kind.fingerprint in seen else 0
        example = _printable(trouble.example or trouble.message)
        seen[kind.fingerprint] = Seen(kind=kind, example=example, times=times + 1)
    stuck = Counter(trouble.connection_id for trouble in troubles if trouble.connection_id in integrators)
    ids = _ids(seen, stuck, using)
    return [ids.get(kind.fingerprint) for kind in kinds]


def _ids(seen: Mapping[str, Seen], stuck: Mapping[int, int], using: str) -> dict[str, int]:
    try:
        with transaction.atomic(using=using):
            found = _counted(seen, using)
            minutes.count(stuck, using)
            return found
    except Error as error:  # somebody holds one of them: the letters are opened all the same
        logger.warning("causes were not counted: %s", type(error).__name__)
    with transaction.atomic(using=using):
        _bound(using)
        known = Cause.objects.using(using).filter(fingerprint__in=list(seen))
        return dict(known.values_list("fingerprint", "pk"))


def _counted(seen: Mapping[str, Seen], using: str) -> dict[str, int]:
    _bound(using)
    if is_postgres(using):
        return _counted_at_once(seen, using)
    at = now(using)
    causes = Cause.objects.using(using)
    fresh = [
        Cause(fingerprint=print_, example=one.example, first_seen=at, last_seen=at, **_fields(one.kind))
        for print_, one in seen.items()
    ]
    causes.bulk_create(fresh, ignore_conflicts=True)
    for print_, one in sorted(seen.items()):
        rows = causes.filter(fingerprint=print_)
        rows.update(count=F("count") + one.times, last_seen=at, example=one.example)
    return dict(causes.filter(fingerprint__in=list(seen)).values_list("fingerprint", "pk"))


def _counted_at_once(seen: Mapping[str, Seen], using: str) -> dict[str, int]:
    values = [
        {
            "p": print_,
            "i": one.kind.integrator,
            "c": one.kind.code,
            "s": one.kind.status_code,
            "f": one.kind.field,
            "m": one.kind.message,
            "e": one.example,
            "n": one.times,
        }
        for print_, one in seen.items()
    ]
    with connections[using].cursor() as cursor:
        cursor.execute(COUNT, [json.dumps(values)])
        return dict(cursor.fetchall())


def _bound(using: str) -> None:
    """Wait for no lock longer than half a second, where the transaction is ours alone."""
    if is_postgres(using) and len(connections[using].savepoint_ids) == 0:
        with connections[using].cursor() as cursor:
            cursor.execute(BOUNDED)


def _fields(kind: Kind) -> dict[str, str | int]:
    return {
        "integrator": kind.integrator,
        "code": kind.code,
        "status_code": kind.status_code,
        "field": kind.field,
        "message": kind.message,
    }


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:LONGEST_EXAMPLE]
