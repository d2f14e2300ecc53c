"""What is done with bindings outside their lease: late ids, verifying reads, attempts given back, pruning."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from django.db import IntegrityError, transaction
from django.db.models import F, Min, Q, QuerySet
from django.db.models.functions import Greatest

from sync.bindings.leases import fold
from sync.bindings.rows import Claimed, Fold
from sync.models import Binding, State
from sync.models.clock import now
from sync.models.database import alias, in_transaction
from sync.types import Lane, Wanted

CHUNK = 5000

LEFT = "left"
"""The code of an object that was left at the remote, when its row was deleted or left the scope."""

FIRST = "new:"
"""How the object id begins while an object created at the remote first has no row yet."""

ROWLESS = "remote:"
"""How the object id begins where a remote object is spoken of that has no row here."""

UNLINKED = "unlinked"
"""The code of an object that somebody has cut off from its remote object: it is held until it is saved."""

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
    known = {"remote_id": remote_id, "sent": None, "intent": None, "uncertain": ""}
    ended = {"state": State.PENDING, "code": "", "detail": "", "attempts": 0, "claims": 0}
    try:
        with transaction.atomic(using=using):  # what was held for a person has its answer now
            learned = mine.filter(state=State.IN_DOUBT).update(**known, **ended) or mine.update(**known)
    except IntegrityError:
        return False
    return bool(learned) or Binding.objects.using(using).filter(pk=claim.id, remote_id=remote_id).exists()


def take_in(claim: Claimed, remote_id: str) -> bool:
    """Bind what a late create has made where the object has nothing else: it is there, and nobody would remove it.

    So an object that was deleted while its create was under way is deleted again. To be called after :func:`verify`,
    which looks at it, and has made the binding anew where it was pruned meanwhile.

    Args:
        claim: the binding as it was claimed.
        remote_id: what the remote answered.

    Returns:
        False where it has another id by now, a create is open or may be under way, or a person has unlinked it.
    """
    using = alias()
    rows = Binding.objects.using(using).filter(connection_id=claim.connection_id, object_type=claim.object_type)
    bare = rows.filter(object_id=claim.object_id, remote_id__isnull=True, intent__isnull=True, uncertain="")
    try:
        with transaction.atomic(using=using):
            return bool(bare.filter(leased=False).exclude(code=UNLINKED).update(remote_id=remote_id, sent=None))
    except IntegrityError:  # another object has it
        return False


def verify(claim: Claimed, after_s: float = 0.0) -> None:
    """Ask for a verifying read of an object whose settlement came too late.

    Not of one that a person has unlinked since: it is held until it is saved.

    Args:
        claim: the object as it was claimed.
        after_s: seconds until it is due, where it is not under way.
    """
    using = alias()
    object_id = _called_now(claim)
    if object_id is None:
        return
    row = Fold(
        connection_id=claim.connection_id,
        object_type=claim.object_type,
        object_id=object_id,
        model=claim.model,
        lane=Lane.RETRY,
        wanted=Wanted.VERIFY,
        actor=claim.actor,
        origin=claim.origin,
    )

    def work() -> None:
        fold([row], using)
        at = now(using) + dt.timedelta(seconds=after_s)
        if after_s > 0:
            idle = Binding.objects.using(using).filter(pk=claim.id, leased=False, due_at__lt=at)
            idle.update(due_at=at)

    in_transaction(work, using)


def _called_now(claim: Claimed) -> str | None:
    """The object's id: its row may have been inserted since. None where nothing is to be asked of it."""
    row = Binding.objects.using(alias()).filter(pk=claim.id).values_list("object_id", "state", "code").first()
    if row is None:
        return None if claim.object_id.startswith(FIRST) else claim.object_id
    object_id, state, code = row
    return None if state == State.HELD and code == UNLINKED else str(object_id)


def give_back(binding_ids: Iterable[int]) -> None:
    """Take back one attempt for each time an id is named: the failures were the connection's, not the objects'.

    One that such a failure has made dead is tried again.
    """
    using = alias()
    for binding_id, times in sorted(Counter(binding_ids).items()):
        row = Binding.objects.using(using).filter(pk=binding_id, attempts__gt=0)
        row.filter(state=State.DEAD).exclude(code__in=FINAL).update(state=State.RETRYING, due_at=now(using))
        row.exclude(state__in=(State.DEAD, State.HELD)).update(attempts=Greatest(F("attempts") - times, 0))


def let_go(
    claims: Sequence[Claimed], journaled: Collection[int], *, claims_kept: int, after_s: float, code: str, detail: str
) -> int:
    """Give back leases under which a drain failed: that is no crash of its worker, and not counted as one.

    Where an attempt may be under way, the lease runs out all the same, and nobody else sends before that.

    Args:
        claims: objects as they were claimed; those settled since are left as they are.
        journaled: ids of those with an attempt that has not been closed.
        claims_kept: what an object without one keeps as claims at the least; with 1 it is claimed alone next.
        after_s: when those are due again, seconds.
        code: why.
        detail: one sentence.

    Returns:
        How many are free now.
    """
    using = alias()

    def work() -> int:
        at = now(using) + dt.timedelta(seconds=after_s)
        free = 0
        for claim in sorted(claims, key=lambda claim: claim.key):
            before = max(claim.claims - 1, 0)
            mine = Binding.objects.using(using).filter(pk=claim.id, lease_token=claim.lease_token, leased=True)
            if claim.id in journaled:
                mine.update(claims=before)
                continue
            free += mine.update(
                claims=max(before, claims_kept),
                leased=False,
                due_at=at,
                state=State.RETRYING,
                code=code,
                detail=detail[:500],
            )
        return free

    return in_transaction(work, using)


def end(claim: Claimed) -> bool:
    """End the schedule of an object that is gone on both sides; False where it was claimed or asked for since."""
    values = {"wanted": Wanted.AUTO, "code": "", "dirty_since": None, "cause": None, "ignored": ""}
    return bool(_as_settled(claim).update(due_at=None, state=State.ABSENT, **values))


def rest(claim: Claimed) -> bool:
    """Take back the verifying read that a settlement asked for; False where the object was claimed or changed since."""
    waiting = _as_settled(claim).filter(state=State.SYNCED, wanted=Wanted.VERIFY)
    return bool(waiting.update(due_at=None, wanted=Wanted.AUTO))


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


def is_due(connection_id: int, lane: int) -> bool:
    """Return whether anything is due now in one lane of a connection."""
    using = alias()
    rows = Binding.objects.using(using).filter(connection_id=connection_id, lane=lane, due_at__lte=now(using))
    return rows.exists()


def next_due_s(connection_id: int) -> float | None:
    """Return the seconds until the next object of a connection is due, 0 where one is, None where there is none."""
    using = alias()
    rows = Binding.objects.using(using).filter(connection_id=connection_id, due_at__isnull=False)
    times = [rows.filter(lane=lane).aggregate(at=Min("due_at"))["at"] for lane in Lane]
    found = [at for at in times if at is not None]
    return max((min(found) - now(using)).total_seconds(), 0.0) if found else None


def hand_over(connection_id: int, object_type: str, remote_id: str, holder: str) -> bool:
    """Unbind a remote object that was left there when its row was deleted: another object has turned out to be it.

    Args:
        connection_id: the connection.
        object_type: its object type.
        remote_id: what both name.
        holder: object id of the deleted row.

    Returns:
        False where that binding is in use again.
    """
    rows = Binding.objects.using(alias()).filter(connection_id=connection_id, object_type=object_type)
    left = rows.filter(object_id=holder, remote_id=remote_id, code=LEFT, due_at__isnull=True, leased=False)
    detail = f"It was left at the remote as {remote_id}, which belongs to another object now."
    return bool(
        left.update(remote_id=None, remote_version=None, sent=None, seen=None, state=State.ABSENT, detail=detail[:500])
    )


def prune(older_than_s: float) -> int:
    """Remove bindings of objects that are gone on both sides for so many seconds, in short transactions.

    Also those of remote objects that have no row here and of which nothing is asked any more. Where nobody noted since
    when that is so, the time counts from now.

    Returns:
        How many were removed.
    """
    using = alias()
    at = now(using)
    rowless = Q(state=State.SYNCED, object_id__startswith=ROWLESS)
    idle = Binding.objects.using(using).filter(Q(state=State.ABSENT) | rowless, due_at__isnull=True, leased=False)
    idle.filter(synced_at__isnull=True).update(synced_at=at)
    gone = idle.filter(synced_at__lt=at - dt.timedelta(seconds=older_than_s))
    total = 0
    while ids := list(gone.values_list("pk", flat=True)[:CHUNK]):
        removed = gone.filter(pk__in=ids).delete()[0]  # still under the condition: one may have come back
        total += removed
        if not removed:
            break
    return total
