"""Stop sending under an account, and go on: changes are taken in all the while. Try a shut gate before its time."""

from __future__ import annotations

from sync import registry, signals
from sync.drain import gate
from sync.models import Connection
from sync.models.clock import now
from sync.models.database import alias
from sync.resync.resync import ring

LONGEST_REASON = 200


def pause(connection: Connection, *, reason: str = "", actor: str = "") -> bool:
    """Stop sending under an account; what is under way is finished.

    Args:
        connection: the account.
        reason: why; what is shown wherever somebody asks why nothing arrives.
        actor: who; stands in for a reason that is not given.

    Returns:
        False where it was paused already.
    """
    words = (" ".join(reason.split()) or (f"by {actor}" if actor else ""))[:LONGEST_REASON]
    changed = _set(connection, paused=True, reason=words)
    if changed and signals.paused.has_listeners():
        signals.announce(lambda: _told(connection, words, actor))
    return changed


def resume(connection: Connection) -> bool:
    """Send again, what has gathered first; return False where it was not paused."""
    resumed = _set(connection, paused=False, reason="")
    ring({connection.pk})
    return resumed


def try_now(connection: Connection) -> bool:
    """Open a shut gate before its time, for one object at first; return False where it was not shut."""
    opened = gate.reopen(connection.pk)
    if opened:
        ring({connection.pk})
    return opened


def _told(connection: Connection, reason: str, actor: str) -> None:
    sender = registry.integrators().get(connection.integrator)
    signals.paused.send_robust(sender=sender, connection=connection, reason=reason, actor=actor)


def _set(connection: Connection, *, paused: bool, reason: str) -> bool:
    using = alias()
    rows = Connection.objects.using(using).filter(pk=connection.pk, paused=not paused)
    changed = bool(rows.update(paused=paused, paused_reason=reason, updated_at=now(using)))
    connection.refresh_from_db(using=using, fields=["paused", "paused_reason", "updated_at"])
    return changed
