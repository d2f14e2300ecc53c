"""What is done with bindings outside their lease: late ids, verifying reads, attempts given back, pruning."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db import IntegrityError, transaction
from django.db.models import F, Min

from sync.bindings.leases import fold
from sync.bindings.rows import Claimed, Fold
from sync.models import Binding, State
from sync.models.clock import now
from sync.models.database import alias, in_transaction
from sync.types import Lane, Wanted

CHUNK = 5000


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
    mine = Binding.objects.using(using).filter(pk=claim.id, remote_id__isnull=True, intent=intent)
    try:
        with transaction.atomic(using=using):
            learned = mine.update(remote_id=remote_id, sent=None, intent=None, uncertain="")
    except IntegrityError:
        return False
    return bool(learned) or Binding.objects.using(using).filter(pk=claim.id, remote_id=remote_id).exists()


def verify(claim: Claimed) -> None:
    """Ask for a verifying read of an object whose settlement came too late."""
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
    in_transaction(lambda: fold([row], using), using)


def give_back(binding_ids: Collection[int]) -> None:
    """Take back one attempt of each: the failures were the connection's, not theirs."""
    rows = Binding.objects.using(alias()).filter(pk__in=binding_ids, attempts__gt=0)
    rows.exclude(state__in=(State.DEAD, State.HELD)).update(attempts=F("attempts") - 1)


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
