"""The API over HTTP: accounts, objects, attempts and dead letters, and ``SyncViewSetMixin`` for your own ViewSets.

Needs the extra ``api``. Nothing else of ``sync`` imports this room.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sync.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sync.api.mixin import SyncViewSetMixin

__all__ = ["SyncViewSetMixin"]

NEEDED = ("rest_framework", "django_filters", "drf_spectacular", "drf_standardized_errors")


def missing() -> list[str]:
    """Return the packages of the extra ``api`` that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def need() -> None:
    """See that the extra is installed.

    Raises:
        ConfigurationError: a package of it is missing.
    """
    if absent := missing():
        raise ConfigurationError(
            f"sync.api needs {', '.join(absent)}",
            code="extra_missing",
            hint="install the extra: pip install 'django-crudsync[api]'",
        )


need()


def __getattr__(name: str) -> Any:
    """Load the mixin when it is first asked for: importing the room must not load models."""
    if name != "SyncViewSetMixin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sync.api.mixin import SyncViewSetMixin

    return SyncViewSetMixin
