"""The permissions of deeds, by name. Viewing is Django's own ``view_…``; each deed has a permission of its own."""

from __future__ import annotations

REPLAY = "crudsync.replay_binding"
IGNORE = "crudsync.ignore_binding"
RESYNC = "crudsync.resync_binding"
REVEAL = "crudsync.reveal_binding"
LINK = "crudsync.link_binding"
SECRETS = "crudsync.manage_secrets"
PAUSE = "crudsync.pause_connection"
CHANGE = "crudsync.change_connection"
