"""Fault points armed by files, one for each connection; a worker takes it by ``-I tests.acceptance.arming``.

``ARM_HOME`` names a directory. A file there named as a connection's id (or ``any``) holds a point and a kind of fault
(``sent stop``): whoever drains that connection and reaches that point first uses the file up, which is renamed to
``<connection>.<process id>``. Once the task of that process has ended, by whatever way but its death, a file
``<connection>.<process id>.ended`` says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, task_prerun

from sync import faults

ANY = "any"


class Arms(dict[str, tuple[str, int]]):
    """What is armed for the connection that this process drains just now. For pools of one task a process.

    Args:
        home: the directory of the files.
    """

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home
        self.connection = ""
        self.struck: list[Path] = []

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        for owner in (self.connection, ANY):
            file = self.home / (owner or ANY)
            try:
                point, _, kind = file.read_text().partition(" ")
                if point != name:
                    continue
                file.rename(f"{file}.{os.getpid()}")
            except FileNotFoundError:
                continue
            self.struck.append(Path(f"{file}.{os.getpid()}"))
            self[str(name)] = (kind, faults._seen.get(str(name), 0) + 1)
            return True
        return False

    def began(self, kwargs: Any = None, **_: object) -> None:
        """A task begins: note whose connection it drains."""
        self.connection = str((kwargs or {}).get("connection_id", ""))

    def ended(self, **_: object) -> None:
        """A task has ended."""
        while self.struck:
            file = self.struck.pop()
            file.with_name(f"{file.name}.ended").touch()


class Armoury:
    """The test's side: arms, and sees who was struck.

    Args:
        home: an existing directory, the ``ARM_HOME`` of a worker.
    """

    def __init__(self, home: Path) -> None:
        self.home = home

    def arm(self, owner: object, point: str, kind: str) -> None:
        """Arm a point for whoever drains a connection."""
        waiting = self.home / f"{owner}.new"
        waiting.write_text(f"{point} {kind}")
        waiting.rename(self.home / str(owner))

    def struck(self) -> Iterator[int]:
        """Yield the id of each process that used a file up."""
        for file in self.home.iterdir():
            _, _, pid = file.name.partition(".")
            if pid.isdigit():
                yield int(pid)

    def ended(self) -> int:
        """Return how many of them have ended their task since."""
        return len(list(self.home.glob("*.ended")))

    def clear(self) -> None:
        """Disarm everything, and forget who was struck."""
        for file in self.home.iterdir():
            file.unlink(missing_ok=True)


if home := os.environ.get("ARM_HOME"):
    arms = Arms(Path(home))
    task_prerun.connect(arms.began, weak=False)
    task_postrun.connect(arms.ended, weak=False)
    faults._armed = arms
