"""Which methods of an integrator its author replaced: only those are called for every object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sync.exceptions import CrudSyncError, PayloadError
from sync.secrets import hushed

F = TypeVar("F", bound=Callable[..., Any])

_defaults: set[Any] = set()


def hook(function: F) -> F:
    """Mark a method of ours as one that an integrator may replace."""
    _defaults.add(function)
    return function


def overridden(cls: type[Any], name: str) -> bool:
    """Return whether a class has a method of its own in place of ours."""
    return getattr(cls, name) not in _defaults


def called(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a hook of the host's.

    Raises:
        CrudSyncError: as the hook raised it.
        PayloadError: it raised anything else; code ``hook_error``, so that it holds its own object only.
    """
    try:
        return function(*args)
    except CrudSyncError:
        raise
    except Exception as error:  # the host's code
        raise PayloadError(
            hushed(f"{name}() raised {type(error).__name__}: {error}")[:400],
            code="hook_error",
            hint="see the worker's log",
        ) from error
