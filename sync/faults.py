"""Named points at which a test may break the process. No-ops unless the environment arms them.

``CRUDSYNC_FAULTS="journaled=exit@2,sent=stop"`` exits the process the second time that ``journaled`` is reached, and
suspends it (SIGSTOP) the first time that ``sent`` is. ``raise`` raises an error there, and ``end`` unwinds the caller
as if its process had ended: nothing that handles errors sees it.
"""

from __future__ import annotations

import os
import signal
import threading

from sync.exceptions import CrudSyncError

VARIABLE = "CRUDSYNC_FAULTS"


class Fault(CrudSyncError):
    """An armed fault point of kind ``raise`` was reached."""

    code = "fault"


class Ended(BaseException):
    """An armed fault point of kind ``end`` was reached: for tests that do not give up a process for it."""


def _parse(text: str) -> dict[str, tuple[str, int]]:
    armed = {}
    for item in filter(None, text.split(",")):
        name, _, rest = item.partition("=")
        kind, _, nth = rest.partition("@")
        armed[name.strip()] = (kind or "exit", int(nth or 1))
    return armed


_armed = _parse(os.environ.get(VARIABLE, ""))
_seen: dict[str, int] = {}


def point(name: str) -> None:
    """Break here if a test armed this point, else do nothing.

    Raises:
        Fault: the point is armed with ``raise``.
        Ended: it is armed with ``end``.
    """
    if _armed and name in _armed:
        _reached(name)


def _reached(name: str) -> None:
    kind, nth = _armed[name]
    _seen[name] = _seen.get(name, 0) + 1
    if _seen[name] != nth:
        return
    if kind == "raise":
        raise Fault(f"fault point {name}")
    if kind == "end":
        raise Ended(name)
    if kind == "stop":  # told to this thread: told to the process, another takes it, and this one goes on until then
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
    else:
        os.kill(os.getpid(), signal.SIGKILL)
