"""End a doubt by a person's word: the create arrived under an id, or it never did."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from sync import bindings, wake
from sync.models import Binding
from sync.models.database import alias


def end_doubt(binding: Binding, *, remote_id: str | None, actor: str = "") -> bool:
    """Say whether a create of unknown outcome arrived; a worker goes on from there.

    Args:
        binding: an object that is held in doubt.
        remote_id: the id under which it arrived; None: it never did, and is created again.
        actor: who says so.

    Returns:
        False where it is not in doubt, or another object is bound to that id.

    Raises:
        LinkRefused: this cannot be an id at the remote.
        ObjectBusy: somebody is sending it now.
    """
    using = alias()
    remote_id = None if remote_id is None else bindings.given_id(remote_id)
    try:
        with transaction.atomic(using=using):
            ended = bindings.resolve(binding.pk, remote_id=remote_id, actor=actor)
    except IntegrityError:
        return False
    if ended:
        transaction.on_commit(lambda: wake.ring([binding.connection_id]), using=using, robust=True)
    return ended
