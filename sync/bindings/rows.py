"""The values by which the other rooms speak of bindings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from sync.correlation import origin
from sync.types import Lane, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What intake or a request wants of one object: changed, and perhaps something more.

    ``origin`` is that of whoever asks, unless given.
    """

    connection_id: int
    object_type: str
    object_id: str
    model: str
    lane: int = Lane.LIVE
    wanted: int = Wanted.AUTO
    actor: str = ""
    origin: str = field(default_factory=origin.here)
    snapshot: str | None = None
    dirty_since: dt.datetime | None = None
    urgent: bool = False
    """Due at once, also out of a backoff (a person asked)."""

    @property
    def key(self) -> tuple[int, str, str]:
        """The lock order."""
        return (self.connection_id, self.object_type, self.object_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A binding under our lease. ``sent``, ``seen`` and ``intent`` are canonical JSON text; ``claims`` counts this one.

    ``lone`` is set where the last lease ran out without a settlement, ``now`` is the database's time of the claim.
    """

    id: int
    connection_id: int
    object_type: str
    object_id: str
    model: str
    remote_id: str | None
    remote_version: str | None
    sent: str | None
    seen: str | None
    wanted: int
    seq: int
    lane: int
    lease_token: int
    attempts: int
    claims: int
    uncertain: str
    intent: str | None
    snapshot: str | None
    waits_for: str
    actor: str
    origin: str = ""
    dirty_since: dt.datetime | None
    lone: bool
    now: dt.datetime
    until: dt.datetime

    @property
    def key(self) -> tuple[int, str, str]:
        """The lock order."""
        return (self.connection_id, self.object_type, self.object_id)

    @property
    def dirty_s(self) -> float:
        """For how many seconds it has differed from the remote; 0 where it does not."""
        return (self.now - self.dirty_since).total_seconds() if self.dirty_since else 0.0

    @property
    def correlation_id(self) -> str:
        """The id of the request or job that changed it last, empty where there was none."""
        return origin.id_of(self.origin)

    @property
    def name(self) -> str:
        """How a child names its parent in ``waits_for``."""
        return f"{self.object_type}:{self.object_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a claimed binding becomes. Applied only while ``lease_token`` is still ours.

    ``due_s`` is seconds from now, None where nothing is left to do. It is None that means done: where the object was
    changed since the claim (``seq`` differs), it stays due all the same, after its rest. ``again`` says that a change
    since the claim starts it anew, whatever ``due_s`` says. ``rests_s`` is its rest after a send, 0 where it was not
    sent. ``cause`` makes it a dead letter, which closes by itself where ``synced`` is set.
    """

    claim: Claimed
    remote_id: str | None
    remote_version: str | None
    sent: str | None
    seen: str | None
    uncertain: str
    intent: str | None
    wanted: int
    attempts: int
    claims: int
    state: str
    code: str = ""
    detail: str = ""
    waits_for: str = ""
    due_s: float | None = None
    rests_s: float = 0.0
    lane: int = Lane.LIVE
    synced: bool = False
    again: bool = True
    cause: int | None = None

    @property
    def clean(self) -> bool:
        """Whether what was asked until the claim is at the remote: the object is dirty no longer."""
        return self.synced and (self.due_s is None or self.state in ("synced", "absent"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is noted with the journal, before a write is sent: that it is in doubt, and a create's intent."""

    claim: Claimed
    uncertain: str
    intent: str | None


Keys = Sequence[tuple[int, str, str]]
