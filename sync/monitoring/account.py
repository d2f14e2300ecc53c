"""Where one object stands under one connection, with its attempts and the parent that it waits for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet

from sync import conf, ratelimit, registry
from sync.exceptions import ConfigurationError, CrudSyncError
from sync.integrators.options import limits
from sync.models import STUCK, Binding, Connection, State
from sync.models.database import alias
from sync.monitoring.attempts import Attempt, attempts
from sync.monitoring.codes import word
from sync.monitoring.prospect import Prospect, Surroundings, prospects
from sync.monitoring.remedy import Remedy, remedies
from sync.monitoring.verdict import verdict
from sync.secrets import redact
from sync.types import Wanted

COUNTED = 10_000
"""No more objects are counted that go before one."""

HOPS = 10
"""So far up a chain of waiting parents is told."""

PAYLOADS = ("sent", "seen", "intent", "snapshot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One object under one connection.

    Args:
        binding: the binding's primary key, None where there is none.
        connection: ``integrator/account``.
        object_type: its object type.
        object_id: its primary key as text.
        remote_id: at the remote, None where it has none.
        state: a ``State``, or ``unknown``.
        standing: whether it arrived, why not, and what comes next: the sentence that the admin shows, too.
        tone: how to take it: good, busy, bad or quiet.
        code: why it stands there, a stable word.
        meaning: the code in plain words, and ``detail`` what was said.
        seq: how often changes of it were taken in, or it was asked for.
        unsent: how many of these came after the last attempt.
        skipped: what they brought was found equal to what the remote has: no call.
        wanted: what is asked: auto, verify, push or delete.
        actor: who changed it last or asked, and why.
        dirty_since: since when it differs from the remote.
        synced_at: when both sides last agreed.
        due_at: when a worker turns to it.
        rests_until: end of its rest after a send.
        tries: failed attempts since the last success.
        uncertain: what may have been applied.
        cause: number of its dead letter's cause.
        ignored: why nobody need look.
        next: what comes next, what stands in its way first.
        remedies: what a person can do.
        attempts: newest first.
        older: there are more attempts than are told.
        sent: our payload as last agreed, empty where it is not revealed.
        seen: the remote's answer to it, likewise.
        parent: the standing of what it waits for.
    """

    binding: int | None
    connection: str
    object_type: str
    object_id: str
    remote_id: str | None = None
    state: str = "unknown"
    standing: str = ""
    tone: str = "quiet"
    code: str = ""
    meaning: str = ""
    detail: str = ""
    seq: int = 0
    unsent: int = 0
    skipped: bool = False
    wanted: str = "auto"
    actor: str = ""
    dirty_since: dt.datetime | None = None
    synced_at: dt.datetime | None = None
    due_at: dt.datetime | None = None
    rests_until: dt.datetime | None = None
    tries: int = 0
    uncertain: str = ""
    cause: int | None = None
    ignored: str = ""
    next: tuple[Prospect, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    older: bool = False
    sent: str = ""
    seen: str = ""
    parent: Account | None = None

    @property
    def well(self) -> bool:
        """Whether nobody is needed."""
        return self.state not in STUCK or bool(self.ignored)


def without(rows: QuerySet[Binding], *, reveal: bool) -> QuerySet[Binding]:
    """Return bindings with their connections and gates, and without payloads that nobody may read."""
    rows = rows.select_related("connection__gate")
    return rows if reveal else rows.defer(*PAYLOADS)


def account(
    row: Binding,
    at: dt.datetime,
    *,
    swept_s: float | None,
    waiting: int = 0,
    limit: int = 20,
    reveal: bool = False,
    above: tuple[str, ...] = (),
) -> Account:
    """Return where an object stands under its connection.

    Args:
        row: its binding, with connection and gate.
        at: the database's time.
        swept_s: age of the last sweep in seconds, None for never.
        waiting: saves of it in the inbox.
        limit: attempts at the most.
        reveal: with payloads.
        above: names of the children by which a parent was come to.
    """
    tried, older = attempts(row, limit, reveal=reveal)
    around = _surroundings(row, at, swept_s, waiting)
    coming = prospects(row, around)
    unsent = max(row.seq - tried[0].seq, 0) if tried else row.seq
    said = verdict(row, row.connection, getattr(row.connection, "gate", None), now=at, changed=waiting > 0)
    return Account(
        binding=row.pk,
        connection=str(row.connection),
        object_type=row.object_type,
        object_id=row.object_id,
        remote_id=row.remote_id,
        state=row.state,
        standing=redact(said.sentence),
        tone=said.tone.value,
        code=row.code,
        meaning=word(row.code).meaning if row.code else "",
        detail=redact(row.detail),
        seq=row.seq,
        unsent=unsent,
        skipped=bool(tried and unsent and row.due_at is None and row.state == State.SYNCED),
        wanted=_wanted(row.wanted),
        actor=row.actor,
        dirty_since=row.dirty_since,
        synced_at=row.synced_at,
        due_at=row.due_at,
        rests_until=row.rests_until,
        tries=row.attempts,
        uncertain=row.uncertain,
        cause=row.cause_id,
        ignored=row.ignored,
        next=coming,
        remedies=remedies(row, blocked=tuple(each.kind for each in coming), alike=_alike(row), ahead=around.ahead),
        attempts=tried,
        older=older,
        sent=redact(row.sent or "") if reveal else "",
        seen=redact(row.seen or "") if reveal else "",
        parent=_parent(row, at, swept_s=swept_s, limit=limit, above=above),
    )


def _parent(
    row: Binding, at: dt.datetime, *, swept_s: float | None, limit: int, above: tuple[str, ...]
) -> Account | None:
    """What it waits for, told in the same way; a circle, or a long chain, is told once."""
    me = f"{row.object_type}:{row.object_id}"
    if not row.waits_for or row.waits_for in above or len(above) >= HOPS:
        return None
    object_type, _, object_id = row.waits_for.partition(":")
    rows = Binding.objects.using(alias()).filter(
        connection=row.connection_id, object_type=object_type, object_id=object_id
    )
    parent = without(rows, reveal=False).first()
    if parent is None:
        words = "Nobody has asked for it yet, or it was removed."
        return Account(
            binding=None, connection=str(row.connection), object_type=object_type, object_id=object_id, standing=words
        )
    return account(parent, at, swept_s=swept_s, limit=min(limit, 3), above=(*above, me))


def _surroundings(row: Binding, at: dt.datetime, swept_s: float | None, waiting: int) -> Surroundings:
    settings = conf.current()
    due = row.due_at is not None and row.due_at <= at and not row.leased
    token_s, away = _token(row.connection) if row.due_at is not None else (None, False)
    return Surroundings(
        at=at,
        enabled=settings.enabled,
        registered=row.connection.integrator in registry.integrators(),
        token_s=token_s,
        limiter_away=away,
        ahead=_ahead(row) if due else 0,
        swept_s=swept_s,
        sweep_s=settings.sweep_s,
        waiting=waiting,
    )


def _ahead(row: Binding) -> int:
    rows = Binding.objects.using(alias()).filter(connection=row.connection_id, lane=row.lane, due_at__lt=row.due_at)
    return rows.order_by()[:COUNTED].count()


def _alike(row: Binding) -> int:
    """How many dead letters have the same cause, counted up to the bound."""
    if row.cause_id is None:
        return 0
    return Binding.objects.using(alias()).filter(cause=row.cause_id).order_by()[:COUNTED].count()


def _token(connection: Connection) -> tuple[float | None, bool]:
    """Seconds until the rate limit gives a token, and whether the limiter is away."""
    try:
        buckets = ratelimit.snapshot(connection.pk, limits(connection))
    except ConfigurationError:
        return None, False
    except CrudSyncError:  # the limiter's Redis does not answer
        return None, conf.current().limiter_when_down != "local"
    return max((max(bucket.next_s, bucket.paused_s) for bucket in buckets), default=0.0), False


def _wanted(number: int) -> str:
    return Wanted(number).name.lower() if number in tuple(Wanted) else str(number)
