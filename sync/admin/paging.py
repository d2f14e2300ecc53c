"""Lists over large tables: no page counts the whole table, none sorts by what has no index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.core.paginator import Paginator
from django.utils.functional import cached_property

COUNTED = 10_000

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

COUNTED = 10_000


class BoundedPaginator(_Paginator):
    """Counts no further than ten thousand rows; what lies beyond is found by filter and search."""

    limit: ClassVar[int] = COUNTED

    @cached_property
    def count(self) -> int:
        """The number of rows, ten thousand at the most."""
        return min(self._seen, self.limit)

    @property
    def capped(self) -> bool:
        """Whether there are more rows than were counted."""
        return self._seen > self.limit

    @cached_property
    def _seen(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.limit + 1].count())
