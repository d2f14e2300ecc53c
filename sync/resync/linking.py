"""Unlink and adopt: which remote object a local one is, by a person's word. Both are kept in its history."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from django.db import IntegrityError

from sync import bindings, operations
from sync.exceptions import LinkRefused
from sync.models import Binding, Connection
from sync.models.database import alias
from sync.models.identity import object_id_of
from sync.registry import model_label
from sync.resync.resync import ring
from sync.resync.scope import NO_ROW, left_out

if TYPE_CHECKING:
    from django.db.models import Model

    from sync.types import ObjectTypeSpec

LONGEST_REASON = 240


class Follows(StrEnum):
    """What the next save of an unlinked object does at the remote."""

    CREATES = "creates"  # another object: this remote cannot tell that the old one is it
    MAY_FIND = "may_find"  # another object, unless the remote refuses the double and can be searched
    SAME = "same"  # the old one: it is addressed by our own id


def follows(spec: ObjectTypeSpec) -> Follows:
    """Return what the next save of an object of this type does, once it was unlinked."""
    if spec.client_id:
        return Follows.SAME
    return Follows.MAY_FIND if spec.can_lookup else Follows.CREATES


def unlink(binding: Binding, actor: str, reason: str) -> str:
    """Forget which remote object a local one is. Nothing is deleted there, and nothing is sent.

    The object is held until it is saved again, or asked for. **That save creates a new object there**, unless the
    remote refuses the double and the old one is found by its natural key or external id (see :func:`follows`). A change
    that was waiting is not sent before that either.

    Args:
        binding: the object's.
        actor: who says so.
        reason: why, kept in the history.

    Returns:
        The remote id that was forgotten.

    Raises:
        LinkRefused: it is not bound, or a write of it is in doubt.
        ObjectBusy: a worker holds it.
    """
    words = _words(reason)
    detail = f"Unlinked from {{remote_id}} by {actor or 'somebody'}{f': {words}' if words else ''}."

    def note(before: Binding) -> None:
        told = detail.format(remote_id=before.remote_id)
        operations.note(
            before, operations.UNLINK, actor=_who(actor, words), detail=told, remote_id=str(before.remote_id)
        )

    told = f"{detail.format(remote_id=binding.remote_id)} It is sent again once it is saved."
    return bindings.unbind(binding.pk, actor=_who(actor, words), detail=told, after=note)


def adopt(binding: Binding, remote_id: str, actor: str, reason: str = "") -> Binding:
    """Bind a local object to one that is at the remote already, then let a worker read it and send what differs.

    Ours wins: what the remote holds in the fields that we send is overwritten. Fields mapped ``IN`` are written here.

    Args:
        binding: the object's; one that was never saved (see :func:`binding_of`) is made.
        remote_id: the id there.
        actor: who says so.
        reason: why, kept in the history.

    Returns:
        The binding as it is then.

    Raises:
        LinkRefused: another object has that id, the object is bound already, it is not meant for that account, or the
            id cannot be one.
        ObjectBusy: a worker holds it.
        UnknownIntegrator, UnknownObjectType: this process does not know its type.
    """
    remote_id = bindings.given_id(remote_id)
    _check_scope(binding)
    words = _words(reason)
    who = _who(actor, words)
    detail = f"Bound to {remote_id} by {actor or 'somebody'}{f': {words}' if words else ''}."
    note = partial(operations.note, deed=operations.ADOPT, actor=who, detail=detail, remote_id=remote_id)
    if (holder := holder_of(binding, remote_id)) is not None:
        _hand_over(holder, remote_id)
    try:
        row = bindings.bind(binding, remote_id, actor=who, after=note)
    except IntegrityError as error:  # bound since we looked
        raise _taken(remote_id, holder_of(binding, remote_id)) from error
    ring({row.connection_id})
    return row


def holder_of(binding: Binding, remote_id: str) -> Binding | None:
    """Return the binding of whatever other object has a remote id under the same connection and type."""
    same = Binding.objects.using(alias()).filter(connection_id=binding.connection_id, object_type=binding.object_type)
    return same.filter(remote_id=remote_id).exclude(object_id=binding.object_id).first()


def binding_of(instance: Model, connection: Connection, object_type: str) -> Binding:
    """Return an object's binding under a connection; one that is not in the database where it has none.

    Args:
        instance: a saved instance.
        connection: the account.
        object_type: the type's name.
    """
    key = {"connection": connection, "object_type": object_type, "object_id": object_id_of(instance.pk)}
    found = Binding.objects.using(alias()).select_related("connection__gate", "cause").filter(**key).first()
    return found or Binding(**key, model=model_label(type(instance)))


def _check_scope(binding: Binding) -> None:
    """Refuse what is not meant for the account: a worker would delete it there."""
    why = left_out(binding.connection, binding.object_type, binding.object_id)
    if why == NO_ROW:
        raise LinkRefused("the object is no longer here", code=why)
    if why:
        raise LinkRefused(
            f"this {binding.object_type} is not meant for {binding.connection}: it would be deleted there",
            code=why,
            hint="see sync_when and route() of its integrator",
        )


def _hand_over(holder: Binding, remote_id: str) -> None:
    """Take the id from the binding of a deleted row that left its object there; refuse where it is in use."""
    if not bindings.hand_over(holder.connection_id, holder.object_type, remote_id, holder.object_id):
        raise _taken(remote_id, holder)


def _taken(remote_id: str, holder: Binding | None) -> LinkRefused:
    whose = f"{holder.object_type} {holder.object_id}" if holder is not None else "another object"
    return LinkRefused(f"{whose} is bound to {remote_id}", code="taken", hint="unlink that one first")


def _words(reason: str) -> str:
    return " ".join(reason.split())[:LONGEST_REASON]


def _who(actor: str, reason: str) -> str:
    return f"{actor} ({reason})" if actor and reason else actor or reason
