"""Every request, in order of arrival; in memory, and as JSON lines in a file before its answer leaves."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sync.testing.sandbox.config import Config
from sync.testing.sandbox.entry import NAMES, Entry, arrived
from sync.testing.sandbox.message import Request, encode_json
from sync.testing.sandbox.route import Place


class Journal:
    """The requests that came. Not locked: the sandbox holds its lock around every call.

    Args:
        path: file that is appended to, and read back at start; None for memory alone.
        fsync: survive a crash of the machine, not only of the process.
        keep: entries kept in memory.
    """

    def __init__(self, path: str | Path | None = None, *, fsync: bool = False, keep: int = 100_000) -> None:
        self.entries: deque[Entry] = deque(maxlen=keep)
        self.seq = 0
        self.path = Path(path) if path else None
        self.fsync = fsync
        self._file = -1
        if self.path is not None:
            self._load(self.path)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    @property
    def dropped(self) -> int:
        """How many entries are no longer in memory."""
        return max(0, self.entries[0].seq - 1) if self.entries else self.seq

    def arrive(self, request: Request, place: Place, kind: str, config: Config) -> Entry:
        """Note a request that has come."""
        self.seq += 1
        entry = arrived(self.seq, request, place, kind, config)
        self.entries.append(entry)
        return entry

    def finish(self, entry: Entry, status: int) -> None:
        """Complete an entry and write it. Call it before the answer leaves."""
        entry.status = status
        entry.duration_s = round(time.monotonic() - entry.monotonic, 6)
        self._write(entry.as_dict())

    def amend(self, entry: Entry) -> None:
        """Write that a finished request was applied after all."""
        self._write({"seq": entry.seq, "applied": True, "applied_at": entry.applied_at, "ids": entry.ids})

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self.entries.clear()
        if self.path is not None:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Close the file."""
        if self.path is not None:
            os.close(self._file)

    def _write(self, line: Mapping[str, Any]) -> None:
        if self.path is None:
            return
        os.write(self._file, (encode_json(line) + "\n").encode())
        if self.fsync:
            os.fsync(self._file)

    def _load(self, path: Path) -> None:
        if not path.exists():
            return
        for line in whole_lines(path):
            self.seq = max(self.seq, line["seq"])
            if "method" in line:
                self.entries.append(Entry(**{name: value for name, value in line.items() if name in NAMES}))
            else:
                self._amend(line)
        # Lines are in order of answers; windows and numbers want the order of arrival.
        self.entries = deque(sorted(self.entries, key=lambda entry: entry.seq), maxlen=self.entries.maxlen)

    def _amend(self, line: Mapping[str, Any]) -> None:
        for entry in reversed(self.entries):
            if entry.seq == line["seq"]:
                entry.applied, entry.applied_at, entry.ids = True, line["applied_at"], line["ids"]
                return


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal file; a last one torn by a crash is cut off for good."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    return [json.loads(line) for line in data[:end].splitlines()]


def selected(entries: deque[Entry], wanted: Mapping[str, str]) -> list[Entry]:
    """Return the entries that match query parameters of ``/__journal__``.

    Args:
        entries: in order of arrival.
        wanted: ``since`` (a number; later ones), ``collection``, ``method``, ``kind``, ``id``, ``path``, ``applied``
            (``true`` or ``false``), ``limit`` (the last so many).
    """
    since = int(wanted.get("since") or 0)
    plain = {name: wanted[name] for name in ("collection", "method", "kind", "id", "path", "key") if wanted.get(name)}
    applied = {"true": True, "false": False}.get(wanted.get("applied", ""))
    found = [
        entry
        for entry in entries
        if entry.seq > since
        and all(getattr(entry, name) == value for name, value in plain.items())
        and (applied is None or entry.applied is applied)
    ]
    limit = int(wanted.get("limit") or 0)
    return found[-limit:] if limit else found
