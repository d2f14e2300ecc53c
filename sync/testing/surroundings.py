"""What is different in a test: nothing rings, no token is needed, and sending inside a transaction is allowed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.core.signals import setting_changed
from django.db import connections

from sync import capture, conf, ratelimit, registry, wake
from sync.conf import Settings
from sync.models.database import BRIEF, alias
from sync.types import Grant, Grants


@contextmanager
def quiet() -> Iterator[None]:
    """Leave writes uncaptured inside the block, and ring for nothing."""
    with capture.disabled(), wake.muted():
        yield


@contextmanager
def captured() -> Iterator[None]:
    """Capture writes inside the block, and let them be delivered here: by ``deliver()``, or by a verb called directly.

    Neither a worker nor Redis is needed: nobody is rung for, every call gets its token at once, and objects do not
    rest after a send.
    """
    with ExitStack() as stack:
        stack.enter_context(_with(lambda settings: replace(settings, enabled=True, inline=True, rest_s=0.0)))
        stack.enter_context(wake.muted())
        stack.enter_context(capture.enabled())
        stack.enter_context(_unbounded(connections[alias()].execute_wrappers))
        stack.enter_context(_double(ratelimit, "take", _take))
        stack.enter_context(_double(ratelimit, "forecast", _forecast))
        stack.enter_context(_double(ratelimit, "learn", _learn))
        stack.enter_context(_double(wake, "heard", _heard))
        yield


def capturing() -> bool:
    """Return whether a ``captured`` block is open."""
    return conf.current().inline


@contextmanager
def redirected(url: str) -> Iterator[None]:
    """Send every registered integrator's calls to another address inside the block, with made-up credentials.

    The path of an integrator's own base URL stays. Where its auth names credentials, each is its own name.

    Args:
        url: address of a remote, such as ``http://127.0.0.1:8100``.
    """

    def moved(settings: Settings) -> Settings:
        given = settings.integrators
        ours = {
            name: {**given.get(name, {}), "base_url": _moved(cls, url), "credentials": _made_up(cls)}
            for name, cls in registry.integrators().items()
        }
        networks = (*settings.allow_networks, *conf.LOOPBACK)  # where a test's remote is
        return replace(settings, integrators={**given, **ours}, allow_networks=networks)

    with _with(moved):
        yield


class Changed:
    """The settings in force, changed for a while; stands in place of ``conf.current``.

    Django's own way of overriding settings restores them wholesale, so that overrides which do not end in the reverse
    order, as those of fixtures may, would outlive their test.
    """

    def __init__(self, original: Any, change: Callable[[Settings], Settings]) -> None:
        self.original = original
        self.change = change

    def __call__(self) -> Settings:
        """Return the settings in force."""
        return self.change(self.original())

    def cache_clear(self) -> None:
        """Read the settings anew."""
        self.original.cache_clear()


@contextmanager
def _with(change: Callable[[Settings], Settings]) -> Iterator[None]:
    with _double(conf, "current", Changed(conf.current, change)):
        _announce()
        yield
    _announce()


@contextmanager
def _unbounded(wrappers: list[Any]) -> Iterator[None]:
    """Set no bound to a transaction of the test's own: whoever looks around in a debugger may take longer."""
    wrappers.append(_without_bound)
    try:
        yield
    finally:
        wrappers.remove(_without_bound)  # not the last one: others come and go meanwhile


def _without_bound(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
    if context["connection"].in_atomic_block and isinstance(sql, str):
        sql = sql.replace(BRIEF, "true")
    return execute(sql, params, many, context)


def _announce() -> None:
    """Let go of everything that was made with the settings as they were."""
    setting_changed.send(sender=Changed, setting=conf.SETTING, value=None, enter=True)


def _moved(cls: Any, url: str) -> str:
    own = getattr(cls, "base_url", "") or getattr(cls, "absolute_url", "")
    return url.rstrip("/") + (urlsplit(own).path or "/")


def _made_up(cls: Any) -> dict[str, str]:
    refs: Mapping[str, str] = getattr(getattr(cls, "auth", None), "refs", {})
    return {key: key for key in refs}


@contextmanager
def _double(room: Any, name: str, double: Any) -> Iterator[None]:
    """Put a double in place of a function that others call by its room's name."""
    original = getattr(room, name)
    setattr(room, name, double)
    try:
        yield
    finally:
        setattr(room, name, original)


def _take(connection: object, limits: object, n: int, **kwargs: object) -> Grants:  # noqa: ARG001
    return Grants(granted=[Grant(at=time.monotonic(), until=math.inf)] * max(n, 0))


def _forecast(connection: object, limits: object, seconds: float) -> int:  # noqa: ARG001
    return 1_000_000


def _learn(connection: object, lesson: object, **kwargs: object) -> bool:  # noqa: ARG001
    return True


def _heard(connection_id: int) -> None:
    """Nobody rang."""
