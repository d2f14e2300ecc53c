"""A ModelAdmin that only shows: these rows have one writer, and it is not a form."""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from sync.admin.paging import BoundedPaginator

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


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

    def get_actions(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the actions, without Django's own delete; later Djangos say where they are shown."""
        found = super().get_actions(request, *args, **kwargs)
        return {name: action for name, action in found.items() if name != "delete_selected"}
