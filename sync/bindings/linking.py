"""Tie a local object to a remote one by a person's word, and cut that tie. Fenced like a claim."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connections
from django.db.models import F

from sync.bindings import generic
from sync.bindings.rows import Claimed
from sync.bindings.stale import UNLINKED
from sync.correlation.origin import here
from sync.exceptions import LinkRefused, ObjectBusy
from sync.models import Binding, State
from sync.models.clock import now
from sync.models.database import alias, in_transaction
from sync.types import Lane, Wanted

T = TypeVar("T")

LONGEST_ID = 500

_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

DOUBTFUL = ("create", "update", "delete")
"""Doubts of a write whose answer is missing; one that may only land late is none."""

FORGOTTEN: dict[str, Any] = {
    "remote_version": None,
    "sent": None,
    "seen": None,
    "uncertain": "",
    "intent": None,
    "waits_for": "",
    "attempts": 0,
    "claims": 0,
    "leased": False,
}


def given_id(text: str) -> str:
    """Return the remote id that a person typed.

    Raises:
        LinkRefused: it cannot be one.
    """
    remote_id = text.strip()
    if not remote_id or len(remote_id) > LONGEST_ID or _UNFIT.search(remote_id) or remote_id in (".", ".."):
        raise LinkRefused(
            "this cannot be an id at the remote", code="bad_id", hint="give the id as the remote shows it"
        )
    return remote_id


def unbind(binding_id: int, *, actor: str, detail: str, after: Callable[[Binding], None]) -> str:
    """Forget the remote id of an object, and hold it until it is saved again. Nothing is sent.

    Args:
        binding_id: its binding.
        actor: who says so.
        detail: one sentence for whoever asks why it is held.
        after: called with the binding as it was, in the same transaction.

    Returns:
        The remote id that was forgotten.

    Raises:
        LinkRefused: it is not bound, or in doubt.
        ObjectBusy: a worker holds it.
    """

    def work() -> str:
        binding = _free(binding_id)
        if binding.remote_id is None:
            raise LinkRefused(f"{binding} is not bound to anything there", code="not_bound")
        if binding.state == State.IN_DOUBT or binding.uncertain in DOUBTFUL:
            raise LinkRefused(
                f"nobody knows yet whether the last {binding.uncertain or 'write'} of {binding} arrived",
                code="in_doubt",
                hint="let it be tried again, or say what happened, then unlink it",
            )
        values = {"state": State.HELD, "code": UNLINKED, "detail": detail[:500], "due_at": None, "wanted": Wanted.AUTO}
        _swap(binding, {**FORGOTTEN, **values, "remote_id": None, "cause": None, "ignored": "", "actor": actor[:150]})
        after(binding)
        return binding.remote_id

    return in_transaction(work, alias())


def bind(binding: Binding, remote_id: str, *, actor: str, after: Callable[[Binding], None]) -> Binding:
    """Bind an object to a remote id, and ask for a verifying read.

    Args:
        binding: the object's; one that was never saved is made.
        remote_id: as the remote writes it.
        actor: who says so.
        after: called with the binding as it is then, in the same transaction.

    Raises:
        LinkRefused: it is bound to another id already.
        ObjectBusy: a worker holds it.
        IntegrityError: another object has that id.
    """
    using = alias()

    def work() -> Binding:
        row = _free(_made(binding).pk)
        if row.remote_id is not None:
            raise LinkRefused(f"{row} is bound already", code="already_bound", hint="unlink it first")
        at = now(using)
        values = {"state": State.PENDING, "code": "", "detail": "", "wanted": Wanted.VERIFY, "due_at": at}
        times = {"dirty_since": row.dirty_since or at, "seq": F("seq") + 1, "lane": Lane.LIVE}
        _swap(row, {**FORGOTTEN, **values, **times, "remote_id": remote_id, "actor": actor[:150], "origin": here()})
        row.refresh_from_db(using=using)
        after(row)
        return row

    return in_transaction(work, using)


def as_claimed(binding: Binding) -> Claimed:
    """Return a binding in the form of a claim, for looking only: nothing is leased, nothing may be settled by it."""
    return generic._claimed(binding, lone=False, at=now(alias()))


def _made(binding: Binding) -> Binding:
    """The binding's row; a new one is not due, and nobody sees it before the tie is made."""
    if not binding._state.adding:
        return binding
    key = {"connection_id": binding.connection_id, "object_type": binding.object_type, "object_id": binding.object_id}
    return Binding.objects.using(alias()).get_or_create(**key, defaults={"model": binding.model})[0]


def _free(binding_id: int) -> Binding:
    """The binding, locked where that can be, and under nobody's lease."""
    using = alias()
    rows = Binding.objects.using(using).filter(pk=binding_id)
    binding = (rows.select_for_update() if connections[using].features.has_select_for_update else rows).first()
    if binding is None:
        raise LinkRefused("this object is no longer known", code="not_bound")
    if binding.leased and binding.due_at is not None and binding.due_at > now(using):
        raise _busy(binding)
    return binding


def _swap(binding: Binding, values: dict[str, Any]) -> None:
    """Change it under a token of its own: whatever an older lease brings to an end is void."""
    rows = Binding.objects.using(alias()).filter(pk=binding.pk, lease_token=binding.lease_token)
    if not rows.update(**values, lease_token=F("lease_token") + 1):
        raise _busy(binding)


def _busy(binding: Binding) -> ObjectBusy:
    return ObjectBusy(f"{binding.object_type} {binding.object_id} is being sent by a worker", hint="try again later")
