"""Lists of tables of any size: from one row to those older or newer than it, by the key, looking at a bounded number.

No page counts, and none skips over rows. A filter that no index answers in the order of ids is tried on so many rows
only; where that did not fill the page, the page says so, and goes on from there.
"""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from sync.admin.readonly import ReadOnlyAdmin
from sync.models.identity import LARGEST

OLDER = "older"
NEWER = "newer"
LOOKED_AT = 10_000
"""So many rows are looked at for a page, where its filters have no index in the order of ids."""


class MoreThan(int):
    """A number of rows of which only the lower bound is known: one more than those that are shown."""

    def __str__(self) -> str:
        return f"{int(self) - 1}+"

    def __format__(self, spec: str) -> str:
        return str(self)


class KeysetChangeList(ChangeList):
    """A page is what is older than one key, or newer than another; without either, the newest rows.

    ``unfilled``: the rows that were looked at did not fill the page, and there are more to look at.
    """

    looked_at: ClassVar[int] = LOOKED_AT
    older_url = newer_url = newest_url = oldest_url = ""
    unfilled = False

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return all rows under the filters and the search, whatever the page."""
        for name in (OLDER, NEWER):  # they say which page, as Django's own "p": no link of a filter keeps them
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows of the page, and find where the pages beside it begin."""
        older, newer = _key(request, OLDER), _key(request, NEWER)
        upwards = newer is not None
        start = newer if upwards else older
        edge = self._edge(start, upwards=upwards) if self._unindexed() else None
        rows = self._rows(start, edge, upwards=upwards)
        more = len(rows) > self.list_per_page
        rows = rows[: self.list_per_page]
        self.unfilled = edge is not None and not more
        beyond = more or self.unfilled  # there are rows further in the direction that was read
        if upwards:
            rows.reverse()
        self._link(rows, edge, upwards=upwards, beyond=beyond, begun=bool(start))
        self._tell(rows, more=beyond or bool(start))

    def _unindexed(self) -> bool:
        """Whether there is a filter that no index answers in the order of ids. What a search found is few rows."""
        given = self.get_filters_params()
        return bool(given) and not self.query.strip() and not (len(given) == 1 and self._leading())

    def _leading(self) -> dict[str, Any]:
        """The filter that an index answers in the order of ids, none where there is none."""
        given = {name: values[-1] for name, values in self.get_filters_params().items() if len(values) == 1}
        name = self.model_admin.leading(given) if isinstance(self.model_admin, KeysetAdmin) else ""
        return {name: given[name]} if name else {}

    def _edge(self, start: int | None, *, upwards: bool) -> int | None:
        """Return the key of the first row that is not looked at, None where all are."""
        candidates = self.root_queryset.filter(**self._leading()).order_by("pk" if upwards else "-pk")
        keys = _from(candidates, start, upwards=upwards).values_list("pk", flat=True)
        return next(iter(keys[self.looked_at : self.looked_at + 1]), None)

    def _rows(self, start: int | None, edge: int | None, *, upwards: bool) -> list[Any]:
        found = _from(self.queryset.order_by("pk" if upwards else "-pk"), start, upwards=upwards)
        if edge is not None:
            found = found.filter(pk__lt=edge) if upwards else found.filter(pk__gt=edge)
        return list(found[: self.list_per_page + 1])

    def _link(self, rows: list[Any], edge: int | None, *, upwards: bool, beyond: bool, begun: bool) -> None:
        """Set the addresses of the pages beside this one, empty where there is none."""
        first, last = (rows[0].pk, rows[-1].pk) if rows else (None, None)
        if self.unfilled and edge is not None:  # nothing between the page and the edge: go on at the edge itself
            first, last = (edge - 1, last) if upwards else (first, edge + 1)
        if first is not None and (beyond if upwards else begun):
            self.newer_url = self.get_query_string({NEWER: first})
        if last is not None and (begun if upwards else beyond):
            self.older_url = self.get_query_string({OLDER: last})
        self.newest_url = self.get_query_string() if self.newer_url or begun else ""
        self.oldest_url = self.get_query_string({NEWER: 0}) if self.older_url else ""

    def _tell(self, rows: list[Any], *, more: bool) -> None:
        """Set what Django's templates and actions read."""
        self.result_list = rows
        self.result_count = MoreThan(len(rows) + 1) if more else len(rows)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = more
        self.paginator = Paginator(rows, max(len(rows), 1))


class KeysetAdmin(ReadOnlyAdmin):
    """Shows a table of any size, the newest rows first."""

    change_list_template = "crudsync/keyset_list.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the kind of list."""
        return KeysetChangeList

    def leading(self, given: Mapping[str, Any]) -> str:
        """Return the name of the given filter that an index answers in the order of ids, empty where none is."""
        return ""


def _from(rows: QuerySet[Any], start: int | None, *, upwards: bool) -> QuerySet[Any]:
    if start is None:
        return rows
    return rows.filter(pk__gt=start) if upwards else rows.filter(pk__lt=start)


def _key(request: HttpRequest, name: str) -> int | None:
    given = request.GET.get(name, "")
    key = int(given) if given.isascii() and given.isdigit() and len(given) < 20 else None
    return None if key is None else min(key, LARGEST)
