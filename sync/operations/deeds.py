"""What a person decided about an object without a call: kept in its history, beside the attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.models import Operation, Status
from sync.models.clock import now
from sync.models.database import alias

if TYPE_CHECKING:
    from sync.models import Binding

UNLINK = "unlink"
ADOPT = "adopt"
DEEDS = (UNLINK, ADOPT)
"""Verbs of a record of which nothing went out: its status is ``not_sent``, so that no limit counts it."""


def note(binding: Binding, deed: str, *, actor: str, detail: str, remote_id: str) -> None:
    """Write a deed into an object's history, inside the transaction that does it.

    Args:
        binding: the object's.
        deed: one of ``DEEDS``.
        actor: who.
        detail: what and why, one sentence.
        remote_id: the remote object that it is about.
    """
    using = alias()
    at = now(using)
    Operation.objects.using(using).create(
        connection_id=binding.connection_id,
        binding_id=binding.pk,
        object_type=binding.object_type,
        object_id=binding.object_id,
        verb=deed,
        status=Status.NOT_SENT,
        seq=binding.seq,
        detail=detail[:500],
        remote_id=remote_id,
        actor=actor[:150],
        started_at=at,
        finished_at=at,
    )
