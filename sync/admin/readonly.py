"""A ModelAdmin that only shows: these rows have one writer, and it is not a form."""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from sync.admin.paging import BoundedPaginator

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


LOOKUPS = frozenset({"", "exact", "id__exact", "isnull"})
"""How the addresses of filters compare, ours and Django's."""


class ReadOnlyAdmin(_ModelAdmin):
    """Lists and shows rows of a table of any size, with a constant number of queries."""

    change_list_template = "crudsync/change_list.html"
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    sortable_by: ClassVar[list[str] | tuple[str, ...] | None] = ()
    ordering: ClassVar[list[Any] | tuple[Any, ...] | None] = ("-pk",)
    actions_on_top = True
    linked_by: ClassVar[tuple[str, ...]] = ()
    """Fields that links of our own pages narrow the list by, beside those of its filters."""

    class Media:
        """The style of our badges."""

        css = {"all": ["crudsync/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits rows by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody removes rows by hand; retention does."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Narrow the list by its filters alone.

        Django lets an address ask for any column, ``?sent__contains=…``: whether a row comes back would tell, bit by
        bit, what only those may read who have ``reveal_binding``.
        """
        field, _, how = lookup.partition("__")
        known = how in LOOKUPS and field in (*self._filtered(request), *self.linked_by)
        return known and "\x00" not in value and super().lookup_allowed(lookup, value, request)

    def _filtered(self, request: HttpRequest) -> Iterator[str]:
        for each in self.get_list_filter(request):
            name = getattr(each, "parameter_name", each)
            yield str(name[0] if isinstance(name, tuple) else name)

    def get_actions(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the actions, without Django's own delete; later Djangos say where they are shown."""
        found = super().get_actions(request, *args, **kwargs)
        return {name: action for name, action in found.items() if name != "delete_selected"}
