"""A real HTTP CRUD server to test against: with a journal of every request, and faults on order.

It is a stranger to the library: nothing of ``sync`` outside this package is imported here, and only the standard
library is needed. Start it in its own process (``python -m sync.testing.sandbox``), by ``manage.py crudsync_sandbox``,
or on a thread with ``SandboxServer``.
"""

from __future__ import annotations

from sync.testing.sandbox.config import Config, ConfigError
from sync.testing.sandbox.server import SandboxServer

__all__ = ["Config", "ConfigError", "SandboxServer"]
