"""The inbox of changes: capture adds, intake takes."""

from sync.outbox.add import COLUMNS, TABLE, Entry, add, add_many
from sync.outbox.session import quiet
from sync.outbox.take import prune, take, waiting

__all__ = ["COLUMNS", "TABLE", "Entry", "add", "add_many", "prune", "quiet", "take", "waiting"]
