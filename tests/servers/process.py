"""One operating-system process under a test's control, with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from project.servers import wait_until
from tests.servers import guardian

ROOT = Path(__file__).resolve().parents[2]
TAIL = 60  # lines of a log that are shown when something fails


class ProcessFailed(RuntimeError):
    """A process ended, or did not get ready in time. The message holds the end of its log."""


class Process:
    """A process in a group of its own, writing to a log file.

    Args:
        name: for messages, and of the log file.
        command: what to run.
        env: the whole environment.
        home: a directory for the log.
        cwd: where it runs; default: the project's root.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], home: Path, cwd: Path = ROOT
    ) -> None:
        self.name = name
        self.command = list(command)
        self.env = dict(env)
        self.cwd = cwd
        self.log = home / f"{name}.log"
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; the log of an earlier run is kept and appended to."""
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.command, cwd=self.cwd, env=self.env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        guardian.watch(self._key, group=self.pid)

    @property
    def _key(self) -> str:
        return f"process {self.pid}"

    @property
    def pid(self) -> int:
        """The process id of the leader."""
        assert self._popen is not None, f"{self.name} was never started"
        return self._popen.pid

    @property
    def running(self) -> bool:
        """True while the leader lives."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The leader's exit code; negative: the signal that ended it; None: it lives, or was never started."""
        return None if self._popen is None else self._popen.poll()

    def signal(self, number: int) -> None:
        """Send a signal to the leader alone."""
        os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the leader and all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def freeze(self) -> None:
        """Suspend the whole group (SIGSTOP)."""
        self.signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the whole group go on (SIGCONT)."""
        self.signal_group(signal.SIGCONT)

    def kill(self) -> None:
        """End the whole group at once (SIGKILL)."""
        if self._popen is None:
            return
        self.signal_group(signal.SIGKILL)
        self._popen.wait(timeout=10)
        guardian.forget(self._key)

    def stop(self, timeout_s: float = 10) -> int | None:
        """Ask the leader to end (SIGTERM), then kill what is left; return the leader's exit code."""
        if self._popen is None:
            return None
        if self.running:
            self.resume()
            self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=timeout_s)
        self.kill()
        return self.exit_code

    def text(self) -> str:
        """Return all that it wrote."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self) -> str:
        """Return the end of what it wrote, under its name."""
        lines = self.text().splitlines()[-TAIL:]
        return "\n".join([f"--- {self.name} (exit code {self.exit_code}), end of {self.log}", *lines])

    def wait_for(self, word: str, *, timeout_s: float = 30, count: int = 1) -> None:
        """Return once a word was written ``count`` times.

        Raises:
            ProcessFailed: it ended before, or the time is over.
        """
        if not wait_until(lambda: self.text().count(word) >= count or not self.running, timeout_s, every_s=0.05):
            raise ProcessFailed(f"{self.name} did not write {word!r} within {timeout_s:g} s\n{self.tail()}")
        if self.text().count(word) < count:
            raise ProcessFailed(f"{self.name} ended before it wrote {word!r}\n{self.tail()}")
