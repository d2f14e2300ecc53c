"""What a person may do, verb by verb. Viewing is Django's own ``view_…``; each deed has a permission of its own."""

from __future__ import annotations

from django.http import HttpRequest

REPLAY = "crudsync.replay_binding"
IGNORE = "crudsync.ignore_binding"
RESYNC = "crudsync.resync_binding"
REVEAL = "crudsync.reveal_binding"
SECRETS = "crudsync.manage_secrets"
PAUSE = "crudsync.pause_connection"
CHANGE = "crudsync.change_connection"


def may(request: HttpRequest, permission: str) -> bool:
    """Return whether the user of a request has one of these permissions."""
    return request.user.has_perm(permission)
