"""Ask for objects again: a resync of some, a backfill of what was there before, and a handle on one object."""

from sync.resync.backfill import Progress, backfill
from sync.resync.handle import Handle, SyncField, of
from sync.resync.linking import adopt, unlink
from sync.resync.pushing import Pushed, push_now
from sync.resync.resync import again, resync, ring
from sync.resync.targets import Target, targets

__all__ = [
    "Handle",
    "Progress",
    "Pushed",
    "SyncField",
    "Target",
    "adopt",
    "again",
    "backfill",
    "of",
    "push_now",
    "resync",
    "ring",
    "targets",
    "unlink",
]
