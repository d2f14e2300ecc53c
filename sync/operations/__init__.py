"""The only writer of operations, the task records: start before the send, finish after the answer."""

from sync.operations.deeds import ADOPT, DEEDS, UNLINK, note
from sync.operations.journal import Finished, Started, close_leftovers, close_unsent, finish, left_open, start, starting
from sync.operations.records import Past, history, name_doubles, past, prune, sent_since, stale_creates

__all__ = [
    "ADOPT",
    "DEEDS",
    "UNLINK",
    "Finished",
    "Past",
    "Started",
    "close_leftovers",
    "close_unsent",
    "finish",
    "history",
    "left_open",
    "name_doubles",
    "note",
    "past",
    "prune",
    "sent_since",
    "stale_creates",
    "start",
    "starting",
]
