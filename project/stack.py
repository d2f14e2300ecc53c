"""The processes of the demo: a Redis-compatible server, the sandbox remote, and what the Procfile names."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from project.servers import LOOPBACK, answers, free_port, redis_binary, redis_command, wait_until

ROOT = Path(__file__).resolve().parent.parent
START_S = 30  # a process that does not answer by then will not
GRACE_S = 15  # longer than honcho gives its own children before it kills them
TAIL = 40


class StackError(RuntimeError):
    """Something did not start, or ended by itself. The message says what, and how its log ends."""


class Stack:
    """Processes that are started one after the other, and stopped in the opposite order.

    Args:
        home: an existing directory for logs.
        env: the whole environment of all of them.
        quiet: True writes the output of the Procfile's processes to a log, False to the terminal.
    """

    def __init__(self, home: Path, env: Mapping[str, str], *, quiet: bool) -> None:
        self.home = home
        self.env = {**env, "PATH": os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])}
        self.quiet = quiet
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start_redis(self) -> str:
        """Start a server that keeps nothing on disk, and return its URL.

        Raises:
            StackError: there is none, or it does not start.
        """
        binary = redis_binary()
        if binary is None:
            raise StackError("no Redis-compatible server: set REDIS_URL, or install valkey or redis")
        port = free_port()
        self._start("redis", redis_command(binary, port, self.home), port)
        return f"redis://{LOOPBACK}:{port}/0"

    def start_sandbox(self, port: int, state: Path) -> str:
        """Start the sandbox remote, with idempotency keys, and return its URL."""
        options = [f"--port={port}", f"--state={state}", "--set", "idempotency=true"]
        self._start("sandbox", [sys.executable, "manage.py", "crudsync_sandbox", *options], port)
        return f"http://{LOOPBACK}:{port}/"

    def start_site(self, port: int) -> None:
        """Start web, worker and beat by the Procfile's own lines; web listens on ``port``."""
        command = [
            sys.executable,
            "-m",
            "honcho",
            "start",
            "-f",
            str(ROOT / "Procfile"),
            "-e",
            os.devnull,
            "-p",
            str(port),
        ]
        self._start("site", command, port)

    def manage(self, *arguments: str, check: bool = True) -> int:
        """Run a management command to its end, and return its exit code.

        Raises:
            StackError: it failed, and ``check`` is True.
        """
        done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.env, check=False)  # noqa: S603
        if check and done.returncode:
            raise StackError(f"manage.py {arguments[0]} failed ({done.returncode})")
        return done.returncode

    def wait(self) -> None:
        """Return never; raise when one of the processes ends.

        Raises:
            StackError: names the process.
        """
        while True:
            self._check()
            wait_until(lambda: False, timeout_s=0.5, every_s=0.5)

    def stop(self) -> None:
        """Stop what runs, the last started first; kill what does not stop in time. A second Ctrl-C changes nothing."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()

    def tail(self, name: str) -> str:
        """Return the end of a process's log."""
        log = self.home / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:]) if log.exists() else ""

    def _start(self, name: str, command: Sequence[str], port: int) -> None:
        shown = name == "site" and not self.quiet
        with (self.home / f"{name}.log").open("wb") as log:
            output = None if shown else log
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own command lines
                list(command), cwd=ROOT, env=self.env, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        process = self._processes[name]
        wait_until(lambda: answers(port) or process.poll() is not None, timeout_s=START_S)
        self._check()
        if not answers(port):
            raise StackError(f"{name} does not answer on port {port}\n{self.tail(name)}")

    def _check(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise StackError(f"{name} ended by itself ({process.returncode})\n{self.tail(name)}")
