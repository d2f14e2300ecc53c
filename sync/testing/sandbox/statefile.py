"""The state beyond one process: an append-only file of changes, compacted at start."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sync.testing.sandbox.message import encode_json

Line = Mapping[str, Any]


class StateFile:
    """JSON lines, one write per commit.

    Args:
        path: of the file; made where it does not exist.
        fsync: survive a crash of the machine, not only of the process.
    """

    def __init__(self, path: str | Path, *, fsync: bool = False) -> None:
        self.path = Path(path)
        self.fsync = fsync
        self._pending: list[str] = []
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def load(self, replay: Callable[[Line], None]) -> None:
        """Give every whole line to ``replay``; a torn last line is left out."""
        with self.path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.endswith("\n"):
                    replay(json.loads(line))

    def add(self, line: Line) -> None:
        """Note a line for the next commit."""
        self._pending.append(encode_json(line) + "\n")

    def commit(self) -> None:
        """Write what was noted, all or (torn) a part of it."""
        if not self._pending:
            return
        data = "".join(self._pending).encode()
        self._pending.clear()
        os.write(self._file, data)
        if self.fsync:
            os.fsync(self._file)

    def compact(self, lines: Iterable[Line]) -> None:
        """Replace the file by these lines."""
        self._pending.clear()
        fresh = self.path.with_name(self.path.name + ".new")
        with fresh.open("w", encoding="ascii") as file:
            file.writelines(encode_json(line) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        os.close(self._file)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND)

    def close(self) -> None:
        """Write what is left and close."""
        self.commit()
        os.close(self._file)
