"""Save a Django model; the remote API follows: once, in order, within its rate limit."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sync.capture import ActorMiddleware, SyncQuerySet, actor, no_sync
    from sync.connectors.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth
    from sync.connectors.oauth2 import OAuth2ClientCredentials, OAuth2RefreshToken
    from sync.connectors.pagination import (
        CursorPaginator,
        LinkHeaderPaginator,
        NextUrlPaginator,
        OffsetPaginator,
        PageNumberPaginator,
    )
    from sync.correlation import correlated, correlation_id
    from sync.exceptions import (
        ConfigurationError,
        ConstraintViolation,
        CrudSyncError,
        DeliveryUnknown,
        InTransaction,
        NotSyncable,
        ObjectBusy,
        ObjectError,
        PayloadError,
        RateLimitExceeded,
        RemoteError,
    )
    from sync.integrators import BOTH, IN, OUT, BaseIntegrator, CrudIntegrator, Map, ObjectType
    from sync.loading import schedule
    from sync.ratelimit import HeaderNames
    from sync.registry import register
    from sync.resync.handle import SyncField, of
    from sync.resync.touch import sync_touch
    from sync.signals import alerted, dead, failed, paused, synced
    from sync.types import BulkSpec, DjangoModelProtocol, ObjectTypeDefinition, RateLimit, Request, RetryPolicy

__all__ = [
    "BOTH",
    "IN",
    "OUT",
    "ActorMiddleware",
    "ApiKeyAuth",
    "Auth",
    "BaseIntegrator",
    "BasicAuth",
    "BearerAuth",
    "BulkSpec",
    "ConfigurationError",
    "ConstraintViolation",
    "CrudIntegrator",
    "CrudSyncError",
    "CursorPaginator",
    "DeliveryUnknown",
    "DjangoModelProtocol",
    "HeaderNames",
    "InTransaction",
    "LinkHeaderPaginator",
    "Map",
    "NextUrlPaginator",
    "NotSyncable",
    "OAuth2ClientCredentials",
    "OAuth2RefreshToken",
    "ObjectBusy",
    "ObjectError",
    "ObjectType",
    "ObjectTypeDefinition",
    "OffsetPaginator",
    "PageNumberPaginator",
    "PayloadError",
    "RateLimit",
    "RateLimitExceeded",
    "RemoteError",
    "Request",
    "RetryPolicy",
    "SyncField",
    "SyncQuerySet",
    "actor",
    "alerted",
    "correlated",
    "correlation_id",
    "dead",
    "failed",
    "no_sync",
    "of",
    "paused",
    "register",
    "schedule",
    "sync_touch",
    "synced",
]

# Where each public name lives; loaded when asked for, since importing sync.apps must not load models.
_HOMES: dict[str, tuple[str, ...]] = {
    "sync.capture": ("ActorMiddleware", "SyncQuerySet", "actor", "no_sync"),
    "sync.connectors.auth": ("ApiKeyAuth", "Auth", "BasicAuth", "BearerAuth"),
    "sync.connectors.oauth2": ("OAuth2ClientCredentials", "OAuth2RefreshToken"),
    "sync.connectors.pagination": (
        "CursorPaginator",
        "LinkHeaderPaginator",
        "NextUrlPaginator",
        "OffsetPaginator",
        "PageNumberPaginator",
    ),
    "sync.correlation": ("correlated", "correlation_id"),
    "sync.exceptions": (
        "ConfigurationError",
        "ConstraintViolation",
        "CrudSyncError",
        "DeliveryUnknown",
        "InTransaction",
        "NotSyncable",
        "ObjectBusy",
        "ObjectError",
        "PayloadError",
        "RateLimitExceeded",
        "RemoteError",
    ),
    "sync.integrators": ("BOTH", "IN", "OUT", "BaseIntegrator", "CrudIntegrator", "Map", "ObjectType"),
    "sync.loading": ("schedule",),
    "sync.ratelimit": ("HeaderNames",),
    "sync.registry": ("register",),
    "sync.resync.handle": ("SyncField", "of"),
    "sync.resync.touch": ("sync_touch",),
    "sync.signals": ("alerted", "dead", "failed", "paused", "synced"),
    "sync.types": (
        "BulkSpec",
        "DjangoModelProtocol",
        "ObjectTypeDefinition",
        "RateLimit",
        "Request",
        "RetryPolicy",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its home when it is first asked for (PEP 562)."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names beside the module's own."""
    return sorted({*globals(), *_HOME_OF})
