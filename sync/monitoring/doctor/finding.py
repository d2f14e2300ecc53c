"""What an examination found: one sentence, how bad it is, and what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connections

from sync.exceptions import CrudSyncError
from sync.secrets import hushed


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"  # nothing can be said


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    ``area`` is database, redis, broker, workers, beat, clock, keys, settings, connection or mapping; ``subject`` is
    what of it, where there are several.
    """

    area: str
    level: Level
    sentence: str
    hint: str = ""
    subject: str = ""


class TooLong(Exception):
    """A look did not end in time.

    Args:
        timeout_s: seconds that it had.
    """

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"no answer within {timeout_s:g} s")


def found(area: str, sentence: str, *, subject: str = "") -> Finding:
    """Return that something is as it should be."""
    return Finding(area=area, level=Level.OK, sentence=sentence, subject=subject)


def warned(area: str, sentence: str, hint: str = "", *, subject: str = "") -> Finding:
    """Return that something is not as it should be, and works."""
    return Finding(area=area, level=Level.WARNING, sentence=sentence, hint=hint, subject=subject)


def failed(area: str, sentence: str, hint: str = "", *, subject: str = "") -> Finding:
    """Return that something does not work."""
    return Finding(area=area, level=Level.ERROR, sentence=sentence, hint=hint, subject=subject)


def skipped(area: str, sentence: str, *, subject: str = "") -> Finding:
    """Return that nothing can be said, and why."""
    return Finding(area=area, level=Level.SKIPPED, sentence=sentence, subject=subject)


def words(error: BaseException) -> str:
    """Return an error as a phrase without secrets: of ours its own words, of a stranger's its name."""
    if isinstance(error, TooLong):
        return str(error)
    return hushed(error.message) if isinstance(error, CrudSyncError) else type(error).__name__


def together(looks: Mapping[str, Callable[[], Any]], timeout_s: float) -> dict[str, Any]:
    """Run looks side by side, each in a thread, and return what each returned, or the error that it raised.

    One that does not end in time is left behind, and TooLong stands for it: a server that is frozen holds up nobody.

    Args:
        looks: by name.
        timeout_s: for all of them.
    """
    results: dict[str, Any] = {}

    def run(name: str, look: Callable[[], Any]) -> None:
        try:
            results[name] = look()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
            results[name] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair, daemon=True, name=f"doctor-{pair[0]}") for pair in looks.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    return {name: results.get(name, TooLong(timeout_s)) for name in looks}
