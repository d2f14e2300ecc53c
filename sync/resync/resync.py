"""Ask for objects again: their whole state is sent, or the remote is read first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.db import models, transaction

from sync import bindings, capture, wake
from sync.exceptions import NotSyncable
from sync.models import Binding
from sync.models.database import alias
from sync.models.identity import object_id_of
from sync.registry import model_label
from sync.resync.targets import Target, targets
from sync.types import Lane, Wanted

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

FEW = 100
"""Up to so many objects go ahead of everything else, as a person is waiting; more of them go as bulk."""

BATCH = 1000

Named = tuple[str, str]
"""A model's label and an object id."""


def resync(
    objects: QuerySet[Any] | Iterable[Model] | Model,
    *,
    integrator: str = "",
    connection: str = "",
    actor: str = "",
    reason: str = "",
    wanted: Wanted = Wanted.PUSH,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Ask for objects to be sent again, or to be compared with the remote; workers do it.

    A queryset of any size is read in batches of a thousand keys.

    Args:
        objects: a queryset, instances, or one instance, of registered models.
        integrator: only there; empty: wherever the model is registered.
        connection: only the account of this name; empty: every account.
        actor: who asks; empty: whoever ``capture.actor`` names.
        reason: why; shown beside the actor.
        wanted: ``PUSH`` sends the whole state, ``VERIFY`` reads the remote first, ``AUTO`` sends what differs.
        on_progress: called after each batch with how many objects were asked for so far.

    Returns:
        How many bindings (an object under one connection each) were asked for.

    Raises:
        NotSyncable: a model is not registered there, an object is not saved, or no account has that name.
        UnknownIntegrator: no integrator of that name is registered.
    """
    names = _names(objects)
    head = list(itertools.islice(names, FEW + 1))
    few = len(head) <= FEW
    found: dict[str, tuple[Target, ...]] = {}
    total = done = 0
    for label, ids in _batches(itertools.chain(head, names)):
        if label not in found:
            found[label] = targets(label, integrator=integrator, connection=connection)
        for target in found[label]:
            total += bindings.ask(
                target.connection.pk,
                target.object_type,
                ids,
                wanted=wanted,
                lane=Lane.LIVE if few else Lane.BULK,
                actor=actor or capture.current_actor(),
                reason=reason,
                model=label,
                urgent=few,
            )
        ring({target.connection.pk for target in found[label]})
        done += len(ids)
        if on_progress is not None:
            on_progress(done)
    return total


def again(rows: QuerySet[Binding], *, actor: str = "", reason: str = "", wanted: Wanted = Wanted.PUSH) -> int:
    """Ask again for objects named by their bindings, whether or not the local rows still exist.

    Args:
        rows: bindings, however many.
        actor: who asks.
        reason: why.
        wanted: as for ``resync``.

    Returns:
        How many bindings were asked for.
    """
    few = rows.order_by()[: FEW + 1].count() <= FEW
    total = 0
    keys = rows.order_by("pk").values_list("pk", "connection_id", "object_type", "model", "object_id")
    for chunk in _pages(keys):
        groups: dict[tuple[int, str, str], list[str]] = {}
        for _, connection_id, object_type, label, object_id in chunk:
            groups.setdefault((connection_id, object_type, label), []).append(object_id)
        for (connection_id, object_type, label), ids in sorted(groups.items()):
            total += bindings.ask(
                connection_id,
                object_type,
                ids,
                wanted=wanted,
                lane=Lane.LIVE if few else Lane.BULK,
                actor=actor,
                reason=reason,
                model=label,
                urgent=few,
            )
        ring({connection_id for connection_id, _, _ in groups})
    return total


def ring(connection_ids: set[int]) -> None:
    """Ring for these connections once the open transaction has committed; at once where none is open."""
    transaction.on_commit(lambda: wake.ring(sorted(connection_ids)), using=alias(), robust=True)


def saved_id(instance: Model) -> str:
    """Return an instance's primary key as text.

    Raises:
        NotSyncable: it has none yet.
    """
    if instance.pk is None or instance._state.adding:
        raise NotSyncable(f"this {instance._meta.verbose_name} is not saved", code="not_saved", hint="save it first")
    return object_id_of(instance.pk)


def keys_of(rows: QuerySet[Any]) -> Iterator[Any]:
    """Return the primary keys of a queryset, with no more than a batch in memory.

    Pages by key, so that nothing is held open on the database while other rows are written.
    """
    plain = not (rows.query.is_sliced or rows.query.combinator or rows.query.distinct_fields)
    if not plain:
        yield from rows.values_list("pk", flat=True).iterator(chunk_size=BATCH)
        return
    last: Any = None
    ordered = rows.order_by("pk").values_list("pk", flat=True)
    while page := list((ordered if last is None else ordered.filter(pk__gt=last))[:BATCH]):
        yield from page
        last = page[-1]


def _names(objects: QuerySet[Any] | Iterable[Model] | Model) -> Iterator[Named]:
    if isinstance(objects, models.QuerySet):
        model: type[Model] = objects.model
        label = model_label(model)
        return ((label, object_id_of(pk)) for pk in keys_of(objects))
    instances: Iterable[Model] = [objects] if isinstance(objects, models.Model) else objects
    return ((model_label(type(instance)), saved_id(instance)) for instance in instances)


def _batches(names: Iterable[Named]) -> Iterator[tuple[str, list[str]]]:
    """Group by model, a batch at a time; an empty source has no batch."""
    source = iter(names)
    while chunk := list(itertools.islice(source, BATCH)):
        groups: dict[str, list[str]] = {}
        for label, object_id in chunk:
            groups.setdefault(label, []).append(object_id)
        yield from groups.items()


def _pages(rows: QuerySet[Any, Any]) -> Iterator[list[Any]]:
    last = 0
    while page := list(rows.filter(pk__gt=last)[:BATCH]):
        yield page
        last = page[-1][0]
