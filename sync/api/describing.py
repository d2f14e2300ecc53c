"""Describe an action for the OpenAPI document by our own schema, whatever the site's default is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema

from sync.api.schema import Schema

F = TypeVar("F", bound=Callable[..., Any])


def described(**given: Any) -> Callable[[F], F]:
    """Return a decorator like ``extend_schema``; put it above ``@action``."""

    def decorator(view: F) -> F:
        kwargs = getattr(view, "kwargs", None)
        if kwargs is not None:
            kwargs.setdefault("schema", Schema)
        else:
            view.schema = Schema()  # type: ignore[attr-defined]
        found: F = extend_schema(**given)(view)
        return found

    return decorator
