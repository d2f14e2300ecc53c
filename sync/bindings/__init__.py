"""The only writer of bindings: fold, claim, mark, settle, ask, and a few verbs beside them."""

from sync.bindings.ask import FIRST, ask, by_remote_id, ensure, forget_first, name_row, resolve
from sync.bindings.leases import claim, claim_one, fold, mark, settle
from sync.bindings.letters import Letter, blame, ignore
from sync.bindings.linking import LONGEST_ID, UNLINKED, as_claimed, bind, given_id, unbind
from sync.bindings.parents import remote_ids, wake_children, wake_late
from sync.bindings.postgres import marking
from sync.bindings.rows import Claimed, Fold, Mark, Settlement
from sync.bindings.stale import (
    LEFT,
    ROWLESS,
    bury,
    end,
    give_back,
    hand_over,
    hold,
    is_due,
    learn,
    let_go,
    next_due_s,
    prune,
    rest,
    verify,
)

__all__ = [
    "FIRST",
    "LEFT",
    "LONGEST_ID",
    "ROWLESS",
    "UNLINKED",
    "Claimed",
    "Fold",
    "Letter",
    "Mark",
    "Settlement",
    "as_claimed",
    "ask",
    "bind",
    "blame",
    "bury",
    "by_remote_id",
    "claim",
    "claim_one",
    "end",
    "ensure",
    "fold",
    "forget_first",
    "give_back",
    "given_id",
    "hand_over",
    "hold",
    "ignore",
    "is_due",
    "learn",
    "let_go",
    "mark",
    "marking",
    "name_row",
    "next_due_s",
    "prune",
    "remote_ids",
    "resolve",
    "rest",
    "settle",
    "unbind",
    "verify",
    "wake_children",
    "wake_late",
]
