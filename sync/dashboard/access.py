"""Who may see the dashboard: staff who may view connections."""

from __future__ import annotations

from django.http import HttpRequest

VIEW = "crudsync.view_connection"
CAUSES = "crudsync.view_cause"


def may_see(request: HttpRequest) -> bool:
    """Return whether the user of a request may see the dashboard."""
    return bool(request.user.is_active and request.user.is_staff and request.user.has_perm(VIEW))


def may_see_causes(request: HttpRequest) -> bool:
    """Return whether they may see what failed, too."""
    return request.user.has_perm(CAUSES)
