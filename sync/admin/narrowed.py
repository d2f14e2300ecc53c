"""The user's own list, narrowed by our filters: one pass finds the page, and how many rows there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import Model, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest

from sync.admin.filters import ByBinding
from sync.admin.keyset import MoreThan
from sync.models.identity import LARGEST, pk_of

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

COUNTED = 1_000
FEW = 5_000
"""Rows of so many bindings are found by their keys."""


class NarrowedChangeList(ChangeList):
    """Under one of our filters, counts a thousand rows further than its page; else it is what it was.

    Which rows are found costs a look at all of them, however few are shown: so it is asked once, for keys alone, and
    not again to count, nor to show. A paginator of the user's own is asked as ever.
    """

    counted: ClassVar[int] = COUNTED
    few: ClassVar[int] = FEW

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page."""
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        if type(paginator) is Paginator and not paginator.orphans and self._narrowing():
            self._find()
        else:
            super().get_results(request)

    def _narrowing(self) -> ByBinding | None:
        chosen = (spec for spec in self.filter_specs if isinstance(spec, ByBinding) and spec.bindings is not None)
        return next(chosen, None)

    def _find(self) -> None:
        size, page = self.list_per_page, (self.page_num - 1) * self.list_per_page
        start, keys = self._keys(0 if self.show_all else min(max(page, 0), LARGEST // 2))
        self._tell(start + min(len(keys), self._most), more=len(keys) > self._most)
        if self.multi_page and not (self.show_all and self.can_show_all):
            keys = keys[page - start : page - start + size] if page >= start else []
            if not keys:
                raise IncorrectLookupParameters
        self.result_list = self.queryset.filter(pk__in=keys)

    @property
    def _most(self) -> int:
        """How many rows are counted, from the page's first on: enough to know whether all of them may be shown."""
        further = -(-max(self.counted, self.list_max_show_all) // self.list_per_page)
        return (1 + further) * self.list_per_page

    def _keys(self, start: int) -> tuple[int, list[Any]]:
        """Return the keys from this row on, or from the first one on where there are none; and which it was."""
        keys = self._rows().values_list("pk", flat=True)
        found = list(keys[start : start + self._most + 1])
        return (start, found) if found or not start else (0, list(keys[: self._most + 1]))

    def _rows(self) -> QuerySet[Any]:
        """Return what is found, written as fits how many bindings there are by which it is found.

        A database does not know how many rows that makes, for rows and bindings are tied by a text. It expects many,
        and goes through the rows in their order, looking for the binding of each, though there be none.
        """
        rows: QuerySet[Any] = self.queryset
        spec = self._narrowing()
        if spec is None or spec.bindings is None:
            return rows
        bindings, half = spec.bindings.order_by(), _estimated(self.model, rows.db) // 2
        looked_for = self.few if spec.rare else max(half, self.few)
        known = bindings[: looked_for + 1].count()
        if known <= self.few and not spec.absent:
            keys = (pk_of(self.model, object_id) for object_id in bindings.values_list("object_id", flat=True))
            return rows.filter(pk__in={key for key in keys if key is not None})
        return rows if (known > half) != spec.absent else _found_first(rows)

    def _tell(self, known: int, *, more: bool) -> None:
        """Set what Django's templates and actions read."""
        self.result_count = MoreThan(known + 1) if more else known
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = not more and known <= self.list_max_show_all
        self.multi_page = known > self.list_per_page
        self.paginator = _Known(self.queryset, self.list_per_page, known)


def _estimated(model: type[Model], using: str) -> int:
    """Return how many rows a table has, as PostgreSQL noted when it looked last; 0 where nobody knows."""
    database = connections[using]
    if database.vendor != "postgresql":
        return 0
    with database.cursor() as cursor:
        name = database.ops.quote_name(model._meta.db_table)
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)", [name])
        return max(int((cursor.fetchone() or (0,))[0]), 0)


def _found_first(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the same rows, numbered to no end but that PostgreSQL finds all of them before it sorts any."""
    if connections[rows.db].vendor != "postgresql" or rows.query.distinct:
        return rows
    numbered: QuerySet[Any] = rows.annotate(crudsync_place=Window(RowNumber())).filter(crudsync_place__gte=1)
    return numbered


class _Known(_Paginator):
    """Of a list whose length is known."""

    def __init__(self, rows: Any, size: int, known: int) -> None:
        super().__init__(rows, size)
        self.count = known


_KINDS: dict[type[ChangeList], type[ChangeList]] = {ChangeList: NarrowedChangeList}
"""What lists of the user's own have become, each made once."""


def narrowed(base: type[ChangeList]) -> type[ChangeList]:
    """Return a kind of list with ours before it, or itself where it finds its results in a way of its own."""
    if base not in _KINDS:
        own = base.get_results is not ChangeList.get_results
        _KINDS[base] = base if own else type(base.__name__, (NarrowedChangeList, base), {})
    return _KINDS[base]
