"""The registered integrators. Found like admin.py: ``integrators`` modules of the installed apps."""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.utils.module_loading import autodiscover_modules

from sync.exceptions import ConfigurationError, UnknownIntegrator
from sync.registry.labels import model_label

if TYPE_CHECKING:
    from django.db.models import Model

    from sync.types import IntegratorSpec, ObjectTypeSpec

    Entry = tuple[type[IntegratorSpec], ObjectTypeSpec]

C = TypeVar("C", bound=type[Any])

logger = logging.getLogger("crudsync.registry")

_lock = threading.RLock()
_integrators: dict[str, type[IntegratorSpec]] = {}
_adopted: dict[str, type[IntegratorSpec]] = {}
_by_model: dict[str, tuple[Entry, ...]] | None = None
_subscribers: list[Callable[[], None]] = []


def register(cls: C) -> C:
    """Register an integrator class; usable as a decorator.

    Touches no database and resolves no model, so it may run at import time.

    Raises:
        ConfigurationError: another class is registered under the same name.
    """
    with _lock:
        there = _integrators.get(cls.name)
        if there is not None and (there.__module__, there.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ConfigurationError(
                f"two integrators are named {cls.name!r}: {there.__qualname__} and {cls.__qualname__}",
                code="duplicate_integrator",
                hint="set name on one of them",
            )
        _integrators[cls.name] = cls
        _forget()
    for subscriber in _subscribers:
        subscriber()
    return cls


def adopt(cls: type[Any]) -> None:
    """Know a class that nobody registered, for calls made directly: nothing is captured or drained for it.

    A registered class of the same name stays.
    """
    _adopted.setdefault(cls.name, cls)


def unregister(name: str) -> None:
    """Take an integrator out again; its rows stay."""
    with _lock:
        _integrators.pop(name, None)
        _forget()


def clear() -> None:
    """Forget every integrator."""
    with _lock:
        _integrators.clear()
        _adopted.clear()
        _forget()


def integrators() -> dict[str, type[IntegratorSpec]]:
    """Return the registered classes by name."""
    return dict(_integrators)


def get(name: str) -> type[IntegratorSpec]:
    """Return the integrator of this name.

    Raises:
        UnknownIntegrator: there is none; the hint names the nearest.
    """
    try:
        return _integrators.get(name) or _adopted[name]
    except KeyError:
        near = difflib.get_close_matches(name, _integrators, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"registered: {', '.join(sorted(_integrators)) or 'none'}"
        raise UnknownIntegrator(f"no integrator is named {name!r}", hint=hint) from None


def types_for(label: str) -> tuple[Entry, ...]:
    """Return (integrator class, object type) for every type that a model feeds.

    Args:
        label: ``app.model`` in lower case, of the concrete model.
    """
    return _models().get(label, ())


def models() -> tuple[type[Model], ...]:
    """Return every registered model, once."""
    found: dict[type[Model], None] = {}
    for entries in _models().values():
        found.update(dict.fromkeys(spec.model for _, spec in entries))
    return tuple(found)


def labels() -> tuple[str, ...]:
    """Return the labels of every model that this process has registered."""
    return tuple(_models())


def subscribe(callback: Callable[[], None]) -> None:
    """Call back after each later registration."""
    if callback not in _subscribers:
        _subscribers.append(callback)


def autodiscover() -> None:
    """Import the ``integrators`` module of every installed app."""
    autodiscover_modules("integrators")


def _models() -> dict[str, tuple[Entry, ...]]:
    global _by_model  # noqa: PLW0603 - the index is rebuilt lazily after a registration
    there = _by_model  # read once: another thread may forget it in between
    if there is not None:
        return there
    with _lock:
        index: dict[str, list[Entry]] = {}
        for cls in _integrators.values():
            for spec in _types(cls):
                index.setdefault(model_label(spec.model), []).append((cls, spec))
        _by_model = {label: tuple(entries) for label, entries in index.items()}
        return _by_model


def _types(cls: type[IntegratorSpec]) -> tuple[ObjectTypeSpec, ...]:
    """The types of a class; none where it is declared wrongly: ``manage.py check`` says so, nothing crashes."""
    try:
        return tuple(cls.types().values())
    except ConfigurationError as error:
        logger.error("integrator %s is not used: %s", cls.name, error)  # noqa: TRY400 - the sentence says it all
        return ()


def _forget() -> None:
    global _by_model  # noqa: PLW0603
    _by_model = None
