"""How many rows one request may act on: web servers end those that last, and nobody would know how far it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib import admin

MOST = 50_000
"""Rows; a thousand take a twentieth of a second to a fifth."""


def many(rows: QuerySet[Any]) -> bool:
    """Return whether there are more rows than one request may act on; counts no further."""
    return rows.order_by()[: MOST + 1].count() > MOST


def refused(site: admin.ModelAdmin[Any], request: HttpRequest, rows: Any) -> bool:
    """Tell where too many are selected for a deed that could not go on where it ended; return whether it is so.

    Args:
        site: whose list it is.
        request: whose user selected them.
        rows: a queryset, or a few objects.
    """
    if not isinstance(rows, QuerySet) or not many(rows):
        return False
    text = _("At most %(n)d at once, so nothing was done: filter the list, or use the commands, which take any number.")
    site.message_user(request, text % {"n": MOST}, messages.ERROR)
    return True


def tell_of_more(site: admin.ModelAdmin[Any], request: HttpRequest) -> None:
    """Say that a deed has left some for another time."""
    text = _("There are more than one request takes: do it again for the others.")
    site.message_user(request, text, messages.WARNING)
