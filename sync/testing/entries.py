"""What the sandbox's journal holds, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One request that the sandbox got. Times are seconds: ``at`` on the wall, ``monotonic`` on the server's clock.

    ``status`` is 0 where no answer was given. ``applied`` says that the state was changed. ``kind`` is ``object``,
    ``bulk`` or ``token``; ``refused`` is ``limit``, ``auth`` or empty; ``limited`` says that it broke a rate limit.
    """

    seq: int
    at: float
    monotonic: float
    method: str
    path: str
    query: str = ""
    kind: str = "object"
    collection: str = ""
    id: str = ""
    ids: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    body_bytes: int = 0
    key: str = ""
    client: str = ""
    applied: bool = False
    applied_at: float = 0.0
    status: int = 0
    duration_s: float = 0.0
    fault: str = ""
    refused: str = ""
    limited: bool = False
    replayed: bool = False

    @property
    def data(self) -> Any:
        """The body, parsed; None where it is not JSON (a long one is cut off)."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What the sandbox measured over its journal: ``over`` windows hold more than ``limit`` calls.

    ``highest`` is the fullest window's count, ``fullest_at`` its first arrival on the server's monotonic clock;
    ``dropped`` entries were no longer in memory, so not looked at.
    """

    limit: int
    per: float
    calls: int
    over: int
    highest: int
    fullest_at: float
    dropped: int


def read_journal(path: str | Path) -> list[JournalEntry]:
    """Return a journal file's requests, in order of arrival; what was applied late is marked so."""
    entries: dict[int, dict[str, Any]] = {}
    for line in Path(path).read_bytes().split(b"\n")[:-1]:
        told = json.loads(line)
        entries.setdefault(told["seq"], {}).update(told)
    return [entry_of(entries[seq]) for seq in sorted(entries)]


ENTRY_NAMES = frozenset(f.name for f in fields(JournalEntry))


def entry_of(told: Mapping[str, Any]) -> JournalEntry:
    """Return the entry that a parsed line tells of; fields of later versions are left out."""
    known = {name: value for name, value in told.items() if name in ENTRY_NAMES}
    return JournalEntry(**{**known, "ids": tuple(told.get("ids", ()))})
