"""One collection: objects by id, in a stable order, indexed by the fields that were ever asked for."""

from __future__ import annotations

from bisect import bisect_left, insort

from sync.testing.sandbox.item import Item, SortKey, as_text, pick, sort_key


class Collection:
    """The objects of one endpoint."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: dict[str, Item] = {}
        self.order: list[SortKey] = []
        self.counter = 0
        self._indexes: dict[str, dict[str, set[str]]] = {}

    def put(self, item: Item) -> None:
        """Store an object in place of the one with its id."""
        old = self.items.get(item.id)
        if old is None:
            insort(self.order, sort_key(item.id))
        self.items[item.id] = item
        for field, index in self._indexes.items():
            if old is not None:
                _unindex(index, field, old)
            index.setdefault(as_text(pick(item.fields, field)), set()).add(item.id)

    def remove(self, item_id: str) -> None:
        """Take an object out."""
        old = self.items.pop(item_id)
        del self.order[bisect_left(self.order, sort_key(item_id))]
        for field, index in self._indexes.items():
            _unindex(index, field, old)

    def next_id(self, *, numeric: bool) -> str:
        """Return an id that nobody has."""
        while True:
            self.counter += 1
            item_id = str(self.counter) if numeric else f"{self.name}_{self.counter:08d}"
            if item_id not in self.items:
                return item_id

    def found(self, field: str, value: str) -> set[str]:
        """Return the ids of the objects whose field has this value (as text)."""
        if field not in self._indexes:
            index: dict[str, set[str]] = {}
            for item in self.items.values():
                index.setdefault(as_text(pick(item.fields, field)), set()).add(item.id)
            self._indexes[field] = index
        return self._indexes[field].get(value, set())


def _unindex(index: dict[str, set[str]], field: str, item: Item) -> None:
    value = as_text(pick(item.fields, field))
    index[value].discard(item.id)
    if not index[value]:
        del index[value]
