"""Checks of the API: looked at where its addresses are in use."""

from __future__ import annotations

import sys
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, register
from django.urls import get_resolver

from sync.checks.messages import TAG, message

NEEDED = ("rest_framework", "drf_spectacular", "drf_spectacular_sidecar")


@register(TAG)
def check_api(**_given: Any) -> list[CheckMessage]:
    """Name applications that the API's pages need and that are not installed."""
    if not in_use():
        return []
    absent = [name for name in NEEDED if not apps.is_installed(name)]
    if not absent:
        return []
    return [message("W025", f"INSTALLED_APPS lacks {', '.join(absent)}.")]


def in_use() -> bool:
    """Return whether the site's addresses have loaded the API; loads them, as Django's own checks do."""
    if getattr(settings, "ROOT_URLCONF", None) is None:
        return False
    _ = get_resolver().url_patterns
    return "sync.api.urls" in sys.modules
