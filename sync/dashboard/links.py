"""Links to the admin's pages, for those who may open them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse


class Links:
    """Addresses in the admin, empty where there is none, or the reader may not see it.

    Args:
        request: the reader's.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def to(self, page: str, *args: Any, query: Mapping[str, Any] | None = None) -> str:
        """Return the address of a page of one of our models, such as ``binding_changelist``."""
        model = page.partition("_")[0]
        if not self._request.user.has_perm(f"crudsync.view_{model}"):
            return ""
        try:
            url = reverse(f"admin:crudsync_{page}", args=args, current_app=admin.site.name)
        except NoReverseMatch:
            return ""
        return f"{url}?{urlencode(query)}" if query else url
