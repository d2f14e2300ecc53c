"""What the remote holds. Not locked: the sandbox holds its lock around every call."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sync.testing.sandbox.collection import Collection
from sync.testing.sandbox.item import Item
from sync.testing.sandbox.statefile import StateFile

KEEP_CHANGES_S = 600.0


class Store:
    """All collections.

    Args:
        file: where changes are kept beyond this process, None for memory alone.
    """

    def __init__(self, file: StateFile | None = None) -> None:
        self.collections: dict[str, Collection] = {}
        self.revision = 0
        self.file = file
        self._before: deque[tuple[float, str, str, Item | None]] = deque()

    def collection(self, name: str) -> Collection:
        """Return a collection, made by itself."""
        if name not in self.collections:
            self.collections[name] = Collection(name)
        return self.collections[name]

    def get(self, collection: str, item_id: str, *, lag_s: float = 0.0) -> Item | None:
        """Return an object, or what it was ``lag_s`` seconds ago."""
        if lag_s and (past := self.past(collection, lag_s)) and item_id in past:
            return past[item_id]
        held = self.collections.get(collection)
        return held.items.get(item_id) if held else None

    def put(self, collection: str, item_id: str, fields: Mapping[str, Any]) -> Item:
        """Create or replace an object."""
        held = self.collection(collection)
        old = held.items.get(item_id)
        self.revision += 1
        # Whole microseconds, as bodies show them: else a client's watermark would lie past the object it was read from.
        now, monotonic = round(time.time(), 6), time.monotonic()
        item = Item(
            id=item_id,
            fields=dict(fields),
            created=old.created if old else now,
            updated=now,
            born=old.born if old else monotonic,
            version=old.version + 1 if old else 1,
            revision=self.revision,
        )
        self._remember(monotonic, collection, item_id, old)
        held.put(item)
        self._write(collection, item)
        return item

    def remove(self, collection: str, item_id: str) -> Item | None:
        """Take an object out; return what it was."""
        held = self.collection(collection)
        old = held.items.get(item_id)
        if old is None:
            return None
        self._remember(time.monotonic(), collection, item_id, old)
        held.remove(item_id)
        if self.file is not None:
            self.file.add({"collection": collection, "gone": item_id, "counter": held.counter})
        return old

    def past(self, collection: str, lag_s: float) -> dict[str, Item | None]:
        """Return what the objects changed within the last ``lag_s`` seconds were before."""
        horizon = time.monotonic() - lag_s
        before: dict[str, Item | None] = {}
        for at, name, item_id, item in reversed(self._before):
            if at <= horizon:
                break
            if name == collection:
                before[item_id] = item
        return before

    def clear(self) -> None:
        """Forget all objects."""
        self.collections.clear()
        self._before.clear()

    def lines(self) -> list[dict[str, Any]]:
        """Return the whole state as lines of a state file."""
        counters = [{"collection": held.name, "counter": held.counter} for held in self.collections.values()]
        items = [_line(held, item) for held in self.collections.values() for item in held.items.values()]
        return [{"revision": self.revision}, *counters, *items]

    def _remember(self, at: float, collection: str, item_id: str, old: Item | None) -> None:
        self._before.append((at, collection, item_id, old))
        while self._before[0][0] < at - KEEP_CHANGES_S or len(self._before) > 20_000:
            self._before.popleft()

    def _write(self, collection: str, item: Item) -> None:
        if self.file is not None:
            self.file.add(_line(self.collections[collection], item))

    def replay(self, line: Mapping[str, Any]) -> None:
        """Take over one line of a state file."""
        self.revision = max(self.revision, line.get("revision", 0))
        if "collection" not in line:
            return
        held = self.collection(line["collection"])
        held.counter = max(held.counter, line.get("counter", 0))
        if line.get("gone") in held.items:
            held.remove(line["gone"])
        if "item" in line:
            item = Item(**line["item"])
            self.revision = max(self.revision, item.revision)
            held.put(item)


def _line(held: Collection, item: Item) -> dict[str, Any]:
    return {"collection": held.name, "item": asdict(item), "counter": held.counter}
