"""Counters that only grow: minutes that can change no more are added to their connection's total, once.

A total and the minutes after it are the same sum before, during and after that, so that whoever reads both needs no
lock, and the minutes may be removed by age.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F, Min, Q, QuerySet, Sum

from sync.models import Connection, Minute, Sweep, Total
from sync.models.clock import now
from sync.models.database import alias, in_transaction
from sync.models.minute import ROLLED
from sync.monitoring import rollup

COLUMNS = tuple(name for name in (*ROLLED, "dead") if name != "open")
"""What is added up; what is open is no counter."""

BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
SETTLED = rollup.LATE + 2 * rollup.MINUTE
"""A minute is not counted anew so long after it is over, unless something of it is open."""

NAME = "totals"
EVERY = dt.timedelta(minutes=10)
"""How often minutes are settled: so many more are added up by whoever asks."""

Counted = Mapping[str, float]


def totals(connection_ids: Iterable[int]) -> dict[int, dict[str, float]]:
    """Return what each connection has done in all, by column; 0 where nothing was.

    Args:
        connection_ids: of the connections; one statement for their totals, and one for every start of the rest.
    """
    using = alias()
    found = {pk: dict.fromkeys(COLUMNS, 0.0) for pk in connection_ids}
    since = dict.fromkeys(found, BEGINNING)
    for row in Total.objects.using(using).filter(pk__in=list(found)):
        since[row.pk] = row.until
        _add(found[row.pk], row.counted)
    if not found:
        return found
    rest = Q()
    for start in set(since.values()):
        rest |= Q(at__gte=start, connection_id__in=[pk for pk, at in since.items() if at == start])
    for summed in _summed(Minute.objects.using(using).filter(rest)):
        _add(found[summed["connection_id"]], _sums(summed))
    return found


def settle_if_due() -> int:
    """Settle where nobody has within ten minutes; see settle()."""
    using = alias()
    at = now(using)
    _, made = Sweep.objects.using(using).get_or_create(name=NAME, defaults={"at": at})
    last = Sweep.objects.using(using).filter(name=NAME, at__lte=at - EVERY)
    return settle() if made or last.update(at=at) else 0


def settle(*, before: dt.datetime | None = None) -> int:
    """Add what can change no more to the totals, and return how many minutes that were.

    Args:
        before: whatever began earlier is added all the same: it is about to be removed.
    """
    using = alias()
    rolled = Sweep.objects.using(using).filter(name=rollup.NAME).values_list("at", flat=True).first()
    if rolled is None:
        return 0
    at = now(using)
    edge = rollup.floor(min(rolled, at) - SETTLED)
    ids = Connection.objects.using(using).values_list("pk", flat=True)
    return sum(in_transaction(lambda pk=pk: _settled(pk, edge, at, before, using), using) for pk in ids)  # type: ignore[misc]


def _settled(pk: int, edge: dt.datetime, at: dt.datetime, before: dt.datetime | None, using: str) -> int:
    Total.objects.using(using).get_or_create(connection_id=pk, defaults={"until": BEGINNING})
    held = Total.objects.using(using).select_for_update().filter(pk=pk)
    held.update(until=F("until"))  # SQLite has one writer: this makes it us before anything is read
    total = held.get()
    rows = Minute.objects.using(using).filter(connection_id=pk, at__gte=total.until)
    # What is open may end yet; after a day nobody counts it anew.
    waits = rows.filter(at__lt=edge, at__gte=at - rollup.OPEN_FOR, open__gt=0).aggregate(first=Min("at"))["first"]
    until = max(min(edge, waits or edge), before or BEGINNING)
    if until <= total.until:
        return 0
    rows = rows.filter(at__lt=until)
    count = rows.count()
    for summed in _summed(rows):
        counted = {name: total.counted.get(name, 0) for name in COLUMNS}
        _add(counted, _sums(summed))
        total.counted = counted
    total.until = until
    total.save(using=using)
    return count


def _summed(rows: QuerySet[Minute]) -> Iterable[dict[str, Any]]:
    found: Any = rows.order_by().values("connection_id").annotate(**{f"sum_{name}": Sum(name) for name in COLUMNS})
    return list(found)


def _sums(summed: Mapping[str, Any]) -> Counted:
    return {name: summed[f"sum_{name}"] or 0 for name in COLUMNS}


def _add(into: dict[str, float], more: Counted) -> None:
    for name in into:
        into[name] += more.get(name, 0)
