"""What to do for one object: the first of the two tables of the drain. Pure.

The table is protocol section 3: whether there is a local row, a remote id, a doubt, and what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sync.types import Wanted

LONE_CLAIMS = 3
"""An object that was claimed alone so often without progress crashes its worker."""

REPLAYS = 2
"""An intent that was sent so often without an answer is looked up, where it can be."""


LATE = "late"
"""A doubt once something succeeded after it: an earlier write may land yet."""

LATE_DELETE = "deleted"
"""The same where it may be a delete that lands, or where the object was deleted since."""

AWAITED = (LATE, LATE_DELETE)

TOO_EARLY = "too_early"
"""The code of a look that was called for by an equal save: what may land late could land after it."""

DOUBTS = ("", "create", "update", "delete", *AWAITED)
"""All that ``uncertain`` may say. A worker of an older version may meet more."""


class Action(StrEnum):
    """What the drain does next for an object: at most one call."""

    CREATE = "create"
    REPLAY = "replay"
    LOOKUP = "lookup"
    UPDATE = "update"
    DELETE = "delete"
    READ = "read"
    NOTHING = "nothing"
    HOLD = "hold"
    LATER = "later"
    CRASHED = "crashed"

    @property
    def calls(self) -> bool:
        """True where a request is sent."""
        return self in (Action.CREATE, Action.REPLAY, Action.LOOKUP, Action.UPDATE, Action.DELETE, Action.READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the decision goes by.

    Args:
        present: there is a local row (or an API-first payload) that belongs to this account.
        keep: an absent row leaves the remote object alone (``on_leave`` or ``on_delete`` is ``keep``).
        bound: a remote id is known.
        uncertain: the verb that may have been applied: "", "create", "update" or "delete"; or one of ``AWAITED``.
        wanted: a ``Wanted``.
        equal: the payload equals what was last agreed.
        replayable: the remote honours keys and this one is young enough, or it takes our ids.
        can_look: there is a natural key, an external id or our own id to look up by.
        must_look: an answer to a replay said that only a look-up can tell.
        can_read: a verifying read is possible.
        sent_times: how often the intent was sent.
        look_in_s: seconds until a look-up can be trusted, 0 or less where it can be now.
        retry_doubt: ``on_uncertain`` is ``retry``: a duplicate is acceptable.
        hurried: a change has made it due before its look was.
        deleted: it is deleted there already, and only looked at once more.
    """

    present: bool
    bound: bool
    keep: bool = False
    uncertain: str = ""
    wanted: int = Wanted.AUTO
    equal: bool = False
    replayable: bool = False
    can_look: bool = False
    must_look: bool = False
    can_read: bool = True
    sent_times: int = 0
    look_in_s: float = 0.0
    retry_doubt: bool = False
    hurried: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, whether with the whole state, and (for LATER) in how many seconds."""

    action: Action
    whole: bool = False
    new_intent: bool = False
    after_s: float = 0.0
    code: str = ""


def decide(facts: Facts) -> Decision:
    """Return what to do next for one object."""
    if not facts.bound and facts.uncertain == "create":
        return _doubtful_create(facts)
    if not facts.present or facts.wanted == Wanted.DELETE:
        return _absent(facts)
    if not facts.bound:
        return Decision(action=Action.CREATE, whole=True, new_intent=True)
    if facts.wanted == Wanted.VERIFY and facts.can_read:
        return Decision(action=Action.READ)
    if facts.uncertain in AWAITED and facts.wanted == Wanted.AUTO and facts.equal and facts.can_read:
        return Decision(action=Action.LATER, code=TOO_EARLY) if facts.hurried else Decision(action=Action.READ)
    if facts.uncertain or facts.wanted != Wanted.AUTO:
        return Decision(action=Action.UPDATE, whole=True)
    if facts.equal:
        return Decision(action=Action.NOTHING)
    return Decision(action=Action.UPDATE)


def _absent(facts: Facts) -> Decision:
    if facts.bound and not facts.keep:
        early = facts.deleted and facts.hurried and facts.wanted == Wanted.AUTO
        return Decision(action=Action.LATER, code=TOO_EARLY) if early else Decision(action=Action.DELETE)
    return Decision(action=Action.NOTHING)


def _doubtful_create(facts: Facts) -> Decision:
    if facts.can_look and (facts.must_look or not facts.replayable or facts.sent_times > REPLAYS):
        if facts.look_in_s > 0:
            return Decision(action=Action.LATER, after_s=facts.look_in_s, code="lookup_lag")
        return Decision(action=Action.LOOKUP)
    if facts.replayable and not facts.must_look:
        return Decision(action=Action.REPLAY, whole=True)
    if facts.retry_doubt:
        action = Action.CREATE if facts.present else Action.NOTHING
        return Decision(action=action, whole=True, new_intent=True)
    return Decision(action=Action.HOLD, code="in_doubt")
