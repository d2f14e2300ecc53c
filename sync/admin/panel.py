"""The story of one object, as the change form and the history page show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.admin.sites import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest

from sync.admin import show
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
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: what, when, who, how long, and what came back."""

    operation: Operation
    duration: str
    answer: str
    request: str
    response: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Standings and attempts of one object; ``older`` is the cursor of the next page, 0 where there is none."""

    standings: Sequence[Standing]
    attempts: Sequence[Attempt]
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
        """Return the panel of a local object, in two queries.

        Args:
            instance: the object.
            request: whose user decides what may be seen.
            site: for links.
            size: attempts at the most.
            before: only operations with a lower id; 0: from the newest.
            url: address of the whole history.
        """
        rows = bindings_of(model_label(type(instance)), [object_id_of(instance.pk)])
        return cls._of(list(rows), request, site, size=size, before=before, url=url)

    @classmethod
    def of_binding(cls, binding: Binding, request: HttpRequest, site: AdminSite) -> Panel:
        """Return the panel of one binding."""
        return cls._of([binding], request, site, size=PAGE, before=0, url="")

    @classmethod
    def _of(
        cls, rows: Sequence[Binding], request: HttpRequest, site: AdminSite, *, size: int, before: int, url: str
    ) -> Panel:
        operations = list(_operations(rows, before)[: size + 1]) if rows else []
        shown, more = operations[:size], len(operations) > size
        sees_rows = request.user.has_perm("crudsync.view_binding")
        sees_bodies = request.user.has_perm("crudsync.view_operation")
        return cls(
            standings=[_standing(row, site, linked=sees_rows) for row in rows],
            attempts=[_attempt(row, site, whole=sees_bodies) for row in shown],
            older=shown[-1].pk if more else 0,
            history_url=url,
        )


def bindings_of(label: str, object_ids: Sequence[str]) -> QuerySet[Binding]:
    """Return the bindings of these objects of a model, under every connection: one query, by an index."""
    rows = Binding.objects.filter(model=label, object_id__in=object_ids)
    return rows.select_related("connection").order_by("connection_id", "object_type")


def _operations(rows: Sequence[Binding], before: int) -> QuerySet[Operation]:
    found = Operation.objects.filter(binding__in=[row.pk for row in rows]).select_related("connection")
    return (found.filter(pk__lt=before) if before else found).order_by("-pk")


def _standing(row: Binding, site: AdminSite, *, linked: bool) -> Standing:
    url = show.admin_url(site, "crudsync_binding_change", row.pk) if linked else ""
    return Standing(binding=row, badge=show.badge(row.state), reason=show.reason(row), url=url)


def _attempt(row: Operation, site: AdminSite, *, whole: bool) -> Attempt:
    answer = " ".join(str(part) for part in (row.status_code or "", row.code, row.detail) if part)
    return Attempt(
        operation=row,
        duration=show.duration(row.duration_ms),
        answer=answer or show.NOTHING,
        request=show.indented(row.request) if whole else "",
        response=show.indented(row.response) if whole else "",
        url=show.admin_url(site, "crudsync_operation_change", row.pk) if whole else "",
    )
