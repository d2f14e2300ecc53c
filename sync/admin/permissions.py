"""What a person may do, verb by verb. Viewing is Django's own ``view_…``; each deed has a permission of its own."""

from __future__ import annotations

from django.http import HttpRequest

from sync.monitoring.permissions import CHANGE, IGNORE, LINK, PAUSE, REPLAY, RESYNC, REVEAL, SECRETS

__all__ = ["CHANGE", "IGNORE", "LINK", "PAUSE", "REPLAY", "RESYNC", "REVEAL", "SECRETS", "may"]


def may(request: HttpRequest, permission: str) -> bool:
    """Return whether the user of a request has a permission, such as one of these."""
    return request.user.has_perm(permission)
