"""What the decision about one object goes by, put together from its binding, its intent and its type. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.bindings.rows import Claimed
from sync.drain.decide import LATE_DELETE, Facts
from sync.drain.intent import Intent
from sync.types import Lane

if TYPE_CHECKING:
    from sync.types import ObjectTypeSpec


def facts_of(
    claim: Claimed, spec: ObjectTypeSpec, intent: Intent | None, *, present: bool, keep: bool = False, equal: bool
) -> Facts:
    """Return the facts about one claimed object.

    Args:
        claim: its binding, under our lease.
        spec: its object type.
        intent: what may have been sent without an answer, None where nothing is open.
        present: there is a local row (or an API-first payload) that belongs to this account.
        keep: the remote object stays although the row is gone.
        equal: the payload is what was agreed last.
    """
    now = claim.now.timestamp()
    young = intent is not None and now - intent.at < spec.key_ttl
    return Facts(
        present=present,
        keep=keep,
        bound=claim.remote_id is not None,
        uncertain=claim.uncertain,
        wanted=claim.wanted,
        equal=equal,
        replayable=intent is not None and (spec.client_id or (spec.keyed and young)),
        can_look=spec.can_lookup and intent is not None,
        must_look=bool(intent and intent.look),
        can_read=spec.can_read,
        sent_times=intent.times if intent else 0,
        look_in_s=intent.until + spec.lookup_lag - now if intent else 0.0,
        retry_doubt=spec.on_uncertain == "retry",
        hurried=claim.lane != Lane.RETRY,
        deleted=claim.uncertain == LATE_DELETE and claim.sent is None,
    )
