"""A process that outlives the test run by a moment, and ends what a killed run would leave behind."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

# Nothing of the project is imported: this file is also run by itself, as the guardian.

_guardian: dict[int, subprocess.Popen[bytes]] = {}


def watch(key: str, *, group: int = 0, command: Sequence[str] = (), user: int | None = None, remove: str = "") -> None:
    """Kill a process group, run a command and remove a directory once this process has ended, however it ends.

    What is forgotten before is left alone.

    Args:
        key: to forget it by.
        group: number of the process group; 0: none.
        command: what to run, with an absolute path.
        user: numeric id of the user that runs it; None: the same.
        remove: a directory to delete afterwards.
    """
    _tell({"key": key, "group": group, "command": list(command), "user": user, "remove": remove})


def forget(key: str) -> None:
    """Take back what was watched: it has ended in order."""
    _tell({"key": key})


def _tell(line: dict[str, Any]) -> None:
    pipe = _started().stdin
    assert pipe is not None
    pipe.write(json.dumps(line).encode() + b"\n")
    pipe.flush()


def _started() -> subprocess.Popen[bytes]:
    """Return this process's guardian; a forked child has one of its own."""
    if os.getpid() not in _guardian:
        command = [sys.executable, "-S", "-E", __file__]
        _guardian[os.getpid()] = guardian = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        atexit.register(_end, guardian)
    return _guardian[os.getpid()]


def _end(guardian: subprocess.Popen[bytes]) -> None:
    if _guardian.get(os.getpid()) is guardian and guardian.stdin is not None:
        guardian.stdin.close()
        guardian.wait(timeout=30)


def main() -> None:
    """Read what to watch until the other side is gone, then end it all, the last first."""
    watched: dict[str, dict[str, Any]] = {}
    for line in sys.stdin:
        told = json.loads(line)
        watched.pop(told["key"], None)
        if "command" in told:
            watched[told["key"]] = told
    for told in reversed(watched.values()):
        _finish(told)


def _finish(told: dict[str, Any]) -> None:
    if told["group"]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(told["group"], signal.SIGKILL)
    if told["command"]:
        rights = {"user": told["user"], "extra_groups": []} if told["user"] is not None else {}
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(told["command"], cwd="/", check=False, timeout=30, **quiet, **rights)
    if told["remove"]:
        shutil.rmtree(told["remove"], ignore_errors=True)


if __name__ == "__main__":
    main()
