"""Test your integration: a sandbox remote, delivery within the test, and assertions over what was sent.

Names are loaded when they are first used: the sandbox runs without Django, and the pytest plugin before its settings.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sync.testing.assertions import assert_not_sent, assert_sent
    from sync.testing.delivery import Delivered, deliver
    from sync.testing.mixin import SyncTestMixin
    from sync.testing.remote import Remote, SandboxProcess
    from sync.testing.sandbox import SandboxServer
    from sync.testing.surroundings import captured, quiet, redirected

__all__ = [
    "Delivered",
    "Remote",
    "SandboxProcess",
    "SandboxServer",
    "SyncTestMixin",
    "assert_not_sent",
    "assert_sent",
    "captured",
    "deliver",
    "quiet",
    "redirected",
]

_HOMES = {
    "Delivered": "delivery",
    "Remote": "remote",
    "SandboxProcess": "remote",
    "SandboxServer": "sandbox",
    "SyncTestMixin": "mixin",
    "assert_not_sent": "assertions",
    "assert_sent": "assertions",
    "captured": "surroundings",
    "deliver": "delivery",
    "quiet": "surroundings",
    "redirected": "surroundings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
