"""Save → capture: a Change in the writer's own transaction, for every way a registered row is written."""

from sync.capture.context import actor, current_actor, disabled, enabled, no_sync
from sync.capture.install import install
from sync.capture.middleware import ActorMiddleware
from sync.capture.queryset import SyncQuerySet

__all__ = [
    "ActorMiddleware",
    "SyncQuerySet",
    "actor",
    "current_actor",
    "disabled",
    "enabled",
    "install",
    "no_sync",
]
