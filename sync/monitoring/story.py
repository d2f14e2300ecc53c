"""The story of one object: what was saved, what was tried, what was answered, what comes next, and what mends it.

Surfaces show it and decide nothing. It asks a bounded number of bounded queries, and Redis once a connection.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet

from sync import conf, registry
from sync.models import Binding, Change, Sweep
from sync.models.clock import now
from sync.models.database import alias
from sync.models.identity import object_id_of, pk_of
from sync.monitoring.account import Account, account, without
from sync.monitoring.prospect import Prospect
from sync.registry import model_label

RECENT = 2000
"""So many of the newest changes in the inbox are looked through."""

SAVES = 50
ACCOUNTS = 50
"""Bounds of what one story tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """One change in the inbox that no worker has taken in yet."""

    at: dt.datetime
    kind: str
    lane: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that is known of one object.

    Args:
        at: the database's time when it was read.
        model: label of its model, in lower case.
        object_id: its primary key as text.
        exists: there is a row; None where no model of that label is installed.
        registered: names of the integrators that register its model.
        inbox: saves that wait, oldest first.
        inbox_deeper: the inbox holds more than was looked through.
        accounts: its standing under each connection.
        more_accounts: it has more of them than are told.
        next: what comes next where it has no binding.
    """

    at: dt.datetime
    model: str
    object_id: str
    exists: bool | None
    registered: tuple[str, ...]
    inbox: tuple[Save, ...]
    inbox_deeper: bool
    accounts: tuple[Account, ...]
    more_accounts: bool = False
    next: tuple[Prospect, ...] = ()

    @property
    def known(self) -> bool:
        """Whether anything at all is known of it here: a row, a save or a binding."""
        return bool(self.exists or self.inbox or self.accounts)


def story(
    label: str,
    object_id: str,
    *,
    connection_ids: Collection[int] | None = None,
    limit: int = 20,
    reveal: bool = False,
) -> Story:
    """Return the story of an object, known or not.

    Args:
        label: of its model, ``app.Model``.
        object_id: its primary key as text; of a composite one a JSON list of texts.
        connection_ids: only under these connections; None: all of them.
        limit: attempts at the most, under each connection.
        reveal: with payloads and answers, redacted: only for those who may read them.
    """
    using = alias()
    model = _model(label)
    name = model_label(model) if model else label.lower()
    object_id = _normal(model, object_id)
    at = now(using)
    inbox, deeper = _inbox(name, object_id, using)
    exists = _exists(model, object_id, using)
    found = list(_bindings(name, object_id, connection_ids, using, reveal=reveal)[: ACCOUNTS + 1])
    swept = Sweep.objects.using(using).filter(name="sweep").values_list("at", flat=True).first()
    swept_s = None if swept is None else max((at - swept).total_seconds(), 0.0)
    registered = tuple(cls.name for cls, _ in registry.types_for(name))
    accounts = tuple(
        account(row, at, swept_s=swept_s, waiting=len(inbox), limit=limit, reveal=reveal) for row in found[:ACCOUNTS]
    )
    return Story(
        at=at,
        model=name,
        object_id=object_id,
        exists=exists,
        registered=registered,
        inbox=inbox,
        inbox_deeper=deeper,
        accounts=accounts,
        more_accounts=len(found) > ACCOUNTS,
        next=() if accounts else _unbound(registered, waiting=bool(inbox), exists=exists),
    )


def named(remote_id: str, *, connection_ids: Collection[int] | None = None) -> list[tuple[str, str]]:
    """Return the objects (label, object id) that are bound to a remote id, under any connection.

    Args:
        remote_id: as the remote names it.
        connection_ids: only under these connections; None: all of them.
    """
    types = {name for cls in registry.integrators().values() for name in cls.types()}
    rows = Binding.objects.using(alias()).filter(remote_id=remote_id, object_type__in=types)
    ids = [row.pk for row in registry.ensure_connections()] if connection_ids is None else list(connection_ids)
    pairs = rows.filter(connection__in=ids).order_by("pk").values_list("model", "object_id")
    return list(dict.fromkeys(pairs[:ACCOUNTS]))


def _bindings(
    label: str, object_id: str, connection_ids: Collection[int] | None, using: str, *, reveal: bool
) -> QuerySet[Binding]:
    rows = Binding.objects.using(using).filter(model=label, object_id=object_id)
    if connection_ids is not None:
        rows = rows.filter(connection__in=list(connection_ids))
    return without(rows, reveal=reveal).order_by("connection_id", "object_type")


def _inbox(label: str, object_id: str, using: str) -> tuple[tuple[Save, ...], bool]:
    """The inbox has no index by object: only its newest rows are looked through."""
    changes = Change.objects.using(using)
    newest = changes.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return (), False
    rows = changes.filter(pk__gt=newest - RECENT, model=label, object_id=object_id).order_by("pk")[:SAVES]
    saves = tuple(
        Save(at=row.created_at, kind=row.kind, lane=row.lane, actor=row.actor, reason=row.reason) for row in rows
    )
    return saves, changes.filter(pk__lte=newest - RECENT).exists()


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def _normal(model: type[Model] | None, text: str) -> str:
    """The id as it stands in bindings: a UUID with its dashes, a number without leading zeros."""
    pk: Any = pk_of(model, text) if model else None
    return text if pk is None else object_id_of(pk)


def _exists(model: type[Model] | None, object_id: str, using: str) -> bool | None:
    if model is None:
        return None
    pk = pk_of(model, object_id)
    return pk is not None and model._base_manager.using(using).filter(pk=pk).exists()


def _unbound(registered: tuple[str, ...], *, waiting: bool, exists: bool | None) -> tuple[Prospect, ...]:
    if waiting and registered:
        return (Prospect(kind="inbox", sentence="A change waits in the inbox; the next drain or sweep takes it in."),)
    if not conf.current().enabled:
        return (Prospect(kind="disabled", sentence="Nothing is captured or sent: CRUDSYNC['enabled'] is False."),)
    if not registered:
        return (Prospect(kind="unregistered", sentence="Nothing: no integrator registers this model."),)
    if not exists:
        return (Prospect(kind="nothing", sentence="Nothing: there is nothing to send."),)
    words = "Nothing: nobody has asked for it yet. It was there before its registration, or written past capture."
    return (Prospect(kind="unasked", sentence=words),)
