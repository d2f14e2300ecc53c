"""The story of one object, as the change form and the history page show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.admin.sites import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from sync.admin import inbox, show
from sync.admin.permissions import REVEAL, may
from sync.models import Binding, Operation
from sync.models.identity import object_id_of
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models import Model

RECENT = 5
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the object stands under one connection."""

    binding: Binding
    badge: str
    reason: str
    next_attempt: str
    unsent_since: str
    synced_at: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: what, when, who, how long, and what came back."""

    operation: Operation
    at: str
    duration: str
    answer: str
    request: str
    response: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Standings and attempts of one object; ``older`` is the cursor of the next page, 0 where there is none.

    ``changed``: it was changed, and no worker has taken that yet. ``several``: it has more than one connection.
    """

    title: str
    standings: Sequence[Standing]
    attempts: Sequence[Attempt]
    changed: bool = False
    several: bool = False
    older: int = 0
    history_url: str = ""

    @classmethod
    def of_object(
        cls,
        instance: Model,
        request: HttpRequest,
        site: AdminSite,
        *,
        size: int = RECENT,
        before: int = 0,
        url: str = "",
    ) -> Panel:
        """Return the panel of a local object, in three queries.

        Args:
            instance: the object.
            request: whose user decides what may be seen.
            site: for links.
            size: attempts at the most.
            before: only operations with a lower id; 0: from the newest.
            url: address of the whole history.
        """
        label, object_id = model_label(type(instance)), object_id_of(instance.pk)
        rows = list(bindings_of(label, [object_id]))
        attempts, older = _attempts(rows, request, site, size=size, before=before)
        linked = request.user.has_perm("crudsync.view_binding")
        return cls(
            title=_("Sync"),
            standings=[_standing(row, site, linked=linked) for row in rows],
            attempts=attempts,
            changed=bool(inbox.waiting(label, [object_id])),
            several=len(rows) > 1,
            older=older,
            history_url=url,
        )

    @classmethod
    def of_binding(cls, binding: Binding, request: HttpRequest, site: AdminSite) -> Panel:
        """Return the attempts of one binding; where it stands is on its own page already."""
        attempts, older = _attempts([binding], request, site, size=PAGE, before=0)
        return cls(title=_("Attempts"), standings=[], attempts=attempts, older=older)


def bindings_of(label: str, object_ids: Sequence[str]) -> QuerySet[Binding]:
    """Return the bindings of these objects of a model, under every connection: one query, by an index."""
    rows = Binding.objects.filter(model=label, object_id__in=object_ids)
    return rows.select_related("connection__gate").order_by("connection_id", "object_type")


def _attempts(
    rows: Sequence[Binding], request: HttpRequest, site: AdminSite, *, size: int, before: int
) -> tuple[Sequence[Attempt], int]:
    operations = list(_operations(rows, before)[: size + 1]) if rows else []
    shown, more = operations[:size], len(operations) > size
    linked, whole = request.user.has_perm("crudsync.view_operation"), may(request, REVEAL)
    return [_attempt(row, site, linked=linked, whole=whole) for row in shown], shown[-1].pk if more else 0


def _operations(rows: Sequence[Binding], before: int) -> QuerySet[Operation]:
    found = Operation.objects.filter(binding__in=[row.pk for row in rows]).select_related("connection")
    return (found.filter(pk__lt=before) if before else found).order_by("-pk")


def _standing(row: Binding, site: AdminSite, *, linked: bool) -> Standing:
    return Standing(
        binding=row,
        badge=show.badge(row.state),
        reason=_reason(row),
        next_attempt=show.next_attempt(row),
        unsent_since=show.moment(row.dirty_since),
        synced_at=show.moment(row.synced_at),
        url=show.admin_url(site, "crudsync_binding_change", row.pk) if linked else "",
    )


def _reason(row: Binding) -> str:
    """Its own reason, else its connection's, where it waits for that."""
    own = show.reason(row)
    closed = show.closed(row.connection) if row.due_at is not None else ""
    if not closed:
        return own
    repeated = own == show.NOTHING or (row.detail and row.detail in closed)
    return closed if repeated else f"{own}; {closed}"


def _attempt(row: Operation, site: AdminSite, *, linked: bool, whole: bool) -> Attempt:
    return Attempt(
        operation=row,
        at=show.moment(row.started_at),
        duration=show.duration(row.duration_ms),
        answer=show.answer(row),
        request=show.indented(row.request) if whole else "",
        response=show.indented(row.response) if whole else "",
        url=show.admin_url(site, "crudsync_operation_change", row.pk) if linked else "",
    )
