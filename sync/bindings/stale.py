"""What is done with bindings outside their lease: late ids, verifying reads, attempts given back, pruning."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import F, Min, QuerySet
from django.db.models.functions import Greatest

from sync.bindings.leases import fold
from sync.bindings.rows import Claimed, Fold
from sync.models import Binding, State
from sync.models.clock import now
from sync.models.database import alias, in_transaction
from sync.types import Lane, Wanted

CHUNK = 5000

FINAL = ("crash_loop", "duplicate_remote", "ambiguous")
"""Why an object is dead that no failure of its connection has made so."""


def learn(claim: Claimed, intent: str, remote_id: str) -> bool:
    """Set the remote id that a create of ours got, although its lease is lost: fenced by the intent instead.

    Args:
        claim: the binding as it was claimed.
        intent: the intent's text as it was journaled.
        remote_id: what the remote answered.

    Returns:
        False where another intent or another id is there by now: the object is doubled at the remote.
    """
    using = alias()
    there = Binding.objects.using(using).filter(pk=claim.id).values_list("intent", flat=True).first()
    if not there or _key(there) != _key(intent):
        return Binding.objects.using(using).filter(pk=claim.id, remote_id=remote_id).exists()
    # the same intent, perhaps sent once more since
    mine = Binding.objects.using(using).filter(pk=claim.id, remote_id__isnull=True, intent=there)
    try:
        with transaction.atomic(using=using):
            learned = mine.update(remote_id=remote_id, sent=None, intent=None, uncertain="")
    except IntegrityError:
        return False
    return bool(learned) or Binding.objects.using(using).filter(pk=claim.id, remote_id=remote_id).exists()


def verify(claim: Claimed, after_s: float = 0.0) -> None:
    """Ask for a verifying read of an object whose settlement came too late.

    Args:
        claim: the object as it was claimed.
        after_s: seconds until it is due, where it is not under way.
    """
    using = alias()
    row = Fold(
        connection_id=claim.connection_id,
        object_type=claim.object_type,
        object_id=claim.object_id,
        model=claim.model,
        lane=Lane.RETRY,
        wanted=Wanted.VERIFY,
        actor=claim.actor,
    )

    def work() -> None:
        fold([row], using)
        at = now(using) + dt.timedelta(seconds=after_s)
        if after_s > 0:
            idle = Binding.objects.using(using).filter(pk=claim.id, leased=False, due_at__lt=at)
            idle.update(due_at=at)

    in_transaction(work, using)


def give_back(binding_ids: Iterable[int]) -> None:
    """Take back one attempt for each time an id is named: the failures were the connection's, not the objects'.

    One that such a failure has made dead is tried again.
    """
    using = alias()
    for binding_id, times in sorted(Counter(binding_ids).items()):
        row = Binding.objects.using(using).filter(pk=binding_id, attempts__gt=0)
        row.filter(state=State.DEAD).exclude(code__in=FINAL).update(state=State.RETRYING, due_at=now(using))
        row.exclude(state__in=(State.DEAD, State.HELD)).update(attempts=Greatest(F("attempts") - times, 0))


def end(claim: Claimed) -> bool:
    """End the schedule of an object that is gone on both sides; False where it was claimed or asked for since."""
    values = {"wanted": Wanted.AUTO, "code": "", "dirty_since": None, "cause": None, "ignored": ""}
    return bool(_as_settled(claim).update(due_at=None, state=State.ABSENT, **values))


def hold(claim: Claimed, code: str, detail: str) -> bool:
    """Hold an object that cannot be followed at home; False where it was claimed or changed since."""
    return bool(_as_settled(claim).update(due_at=None, state=State.HELD, code=code, detail=detail[:500]))


def bury(claim: Claimed, code: str, detail: str) -> bool:
    """Make an object dead that was just settled; False where it was claimed or changed since."""
    return bool(_as_settled(claim).update(due_at=None, state=State.DEAD, code=code, detail=detail[:500]))


def _as_settled(claim: Claimed) -> QuerySet[Binding]:
    rows = Binding.objects.using(alias()).filter(pk=claim.id, object_id=claim.object_id, leased=False)
    return rows.filter(lease_token=claim.lease_token, seq=claim.seq)


def _key(intent: str) -> str:
    return str(json.loads(intent).get("key", ""))


def next_due_s(connection_id: int) -> float | None:
    """Return the seconds until the next object of a connection is due, 0 where one is, None where there is none."""
    using = alias()
    rows = Binding.objects.using(using).filter(connection_id=connection_id, due_at__isnull=False)
    times = [rows.filter(lane=lane).aggregate(at=Min("due_at"))["at"] for lane in Lane]
    found = [at for at in times if at is not None]
    return max((min(found) - now(using)).total_seconds(), 0.0) if found else None


def prune(older_than_s: float) -> int:
    """Remove bindings of objects that are gone on both sides for so many seconds, in short transactions.

    Returns:
        How many were removed.
    """
    using = alias()
    edge = now(using) - dt.timedelta(seconds=older_than_s)
    gone = Binding.objects.using(using).filter(state=State.ABSENT, due_at__isnull=True, synced_at__lt=edge)
    total = 0
    while ids := list(gone.values_list("pk", flat=True)[:CHUNK]):
        removed = gone.filter(pk__in=ids).delete()[0]  # still under the condition: one may have come back
        total += removed
        if not removed:
            break
    return total
