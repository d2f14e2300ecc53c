"""The doorbell: tell a worker that a connection has something to do. Losing a ring costs time, never data."""

from sync.wake.commit import ring_on_commit
from sync.wake.doorbell import heard, muted, ring

__all__ = ["heard", "muted", "ring", "ring_on_commit"]
