"""Judges a run by the rows and by the remotes' own journals and states, never by what the library says of itself.

The library's records are read for two invariants alone, which are about them: nothing ends silently, and every applied
request has its operation.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sync.testing.remote import JournalEntry
from tests.chaos.world import World

KEYS = {"categories": "slug", "products": "sku", "customers": "email", "orders": "reference", "contacts": "email",
        "entries": "slug", "letters": "number"}  # fmt: skip
COLLECTIONS = {"category": "categories", "product": "products", "customer": "customers", "order": "orders",
               "contact": "contacts", "entry": "entries", "letter": "letters"}  # fmt: skip
HELD = ("held", "dead", "in_doubt")
SLOW_MS = 1000.0
SHOWN = 10


def doubled(entries: Iterable[JournalEntry]) -> Iterator[str]:
    """Yield a sentence for each natural key of which two objects were alive at the same time."""
    alive: dict[tuple[str, str], set[str]] = defaultdict(set)
    owner: dict[tuple[str, str], tuple[str, str]] = {}
    for entry in sorted((each for each in entries if each.applied), key=lambda each: each.applied_at or each.at):
        identity = (entry.collection, entry.id)
        if _creates(entry) and identity not in owner and not entry.replayed:
            data = entry.data
            value = str((data if isinstance(data, dict) else {}).get(KEYS.get(entry.collection, ""), ""))
            key = owner[identity] = (entry.collection, value)
            alive[key].add(entry.id)
            if len(alive[key]) > 1:
                yield f"{key[0]}: {key[1]} was created as {', '.join(sorted(alive[key]))}"
        elif entry.method == "DELETE" and identity in owner:
            alive[owner[identity]].discard(entry.id)


def disordered(entries: Iterable[JournalEntry]) -> Iterator[str]:
    """Yield a sentence for each write to an id that the remote had never given when it arrived."""
    ordered = sorted(entries, key=lambda each: each.applied_at or each.at)
    given = {(each.collection, each.id) for each in ordered if _creates(each) and each.applied}
    for entry in ordered:
        if entry.method in {"PATCH", "DELETE"} and (entry.collection, entry.id) not in given:
            yield f"{entry.method} {entry.path} came for an id that was never given"


def _creates(entry: JournalEntry) -> bool:
    """Under our own ids a create is a PUT, and nothing else is one here."""
    return entry.method in {"POST", "PUT"}


def uneven(
    collection: str, ours: Mapping[str, Mapping[str, Any]], theirs: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a sentence for each object that is missing, superfluous, doubled or different at a remote.

    Args:
        collection: at the remote.
        ours: natural key → fields.
        theirs: what the remote holds.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for value in theirs:
        key = str(value.get(KEYS[collection], ""))
        if key in found:
            yield f"{collection}: {key} is there twice"
        found[key] = value
    for key in sorted(ours.keys() | found.keys()):
        if key not in found:
            yield f"{collection}: {key} is missing"
        elif key not in ours:
            yield f"{collection}: {key} is there and should not be"
        else:
            for name, value in ours[key].items():
                if found[key].get(name) != value:
                    yield f"{collection}: {key} has {name} {found[key].get(name)!r}, not {value!r}"


def unrecorded(entries: Iterable[JournalEntry], recorded: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """Yield a sentence for each kind of write of which more were applied than recorded.

    Args:
        entries: a remote's journal.
        recorded: collection and method → how many operations there are.
    """
    applied = Counter((each.collection, each.method) for each in entries if each.applied)
    for (collection, method), count in sorted(applied.items()):
        there = recorded.get((collection, method), 0)
        if there < count:
            yield f"{count} {method} of {collection} were applied, {there} are recorded"


def slow(saves: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence where one save in a hundred took a second; those that the database ended are left out."""
    times = sorted(float(each["ms"]) for each in saves if not each["error"])
    if len(times) > 1 and statistics.quantiles(times, n=100)[98] >= SLOW_MS:
        yield f"p99 of {len(times)} saves is {statistics.quantiles(times, n=100)[98]:.0f} ms"


def unexcused(sentences: Iterable[str], excused: Iterable[tuple[str, str]]) -> list[str]:
    """Return the sentences that are not about an object with a state and a reason that a person can read."""
    starts = tuple(f"{collection}: {key} " for collection, key in excused)
    return [each for each in sentences if not each.startswith(starts)] if starts else list(sentences)


class Oracle:
    """Reads what is left of a world, once it is quiet.

    Args:
        world: with all faults undone, and its writers ended.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.journals = {name: each.remote.journal() for name, each in world.remotes.items()}
        self.states = {name: each.remote.call("GET", "/__state__") for name, each in world.remotes.items()}
        self.saves = list(self._saves())

    def verdict(self) -> dict[int, list[str]]:
        """Return what speaks against each invariant, by its number."""
        named = set(self._named())
        return {
            1: unexcused(self._lost(), self._stuck()),
            2: [each for journal in self.journals.values() for each in doubled(journal)
                if not any(key in each for key in named)],
            3: [each for journal in self.journals.values() for each in disordered(journal)],
            4: [*self.world.slow_healthy, *self._poison()],
            5: list(self._over()),
            6: list(self._silent()),
            7: list(self._leaks()),
            8: list(slow(self.saves)),
            9: list(self._unrecorded()),
            10: list(self._grown()),
        }  # fmt: skip

    def _lost(self) -> Iterator[str]:
        from examples.shop.agreement import differences
        from examples.shop.models import Category, Customer, Order

        yield from differences(self.states["shop"])
        contacts = {row.email: {"name": row.name} for row in Customer.objects.filter(is_active=True)}
        entries = {row.slug: {"name": row.name} for row in Category.objects.all()}
        letters = {row.number: {"total": f"{row.total:.2f}"} for row in Order.objects.all()}
        yield from uneven("contacts", contacts, self.states["directory"].get("contacts", ()))
        yield from uneven("entries", entries, self.states["ledger"].get("entries", ()))
        yield from uneven("letters", letters, self.states["letterbox"].get("letters", ()))

    def _stuck(self) -> Iterator[tuple[str, str]]:
        """Collection and natural key of what is held or dead with a reason."""
        from sync.models import Binding

        stuck = Binding.objects.filter(state__in=HELD).exclude(code="")
        for object_type, object_id, snapshot, sent in stuck.values_list("object_type", "object_id", "snapshot", "sent"):
            collection = COLLECTIONS[object_type]
            yield collection, self._key_of(object_type, object_id, snapshot, sent)

    def _key_of(self, object_type: str, object_id: str, snapshot: str | None, sent: str | None) -> str:
        from examples.shop.models import Category, Customer, Order, Product

        models: dict[str, tuple[Any, str]] = {
            "category": (Category, "slug"), "product": (Product, "sku"), "customer": (Customer, "email"),
            "order": (Order, "number"), "contact": (Customer, "email"), "entry": (Category, "slug"),
            "letter": (Order, "number"),
        }  # fmt: skip
        model, field = models[object_type]
        value = model.objects.filter(pk=object_id).values_list(field, flat=True).first()
        kept = json.loads(snapshot or sent or "{}")
        return str(value or kept.get(field) or kept.get(KEYS[COLLECTIONS[object_type]]) or object_id)

    def _named(self) -> Iterator[str]:
        """Natural keys of the doubles that the library has detected and named."""
        from sync.models import Binding

        rows = Binding.objects.filter(code__in=("duplicate_remote", "ambiguous"))
        for row in rows.values_list("object_type", "object_id", "snapshot", "sent"):
            yield self._key_of(*row)

    @staticmethod
    def _poison() -> Iterator[str]:
        """Poison is put aside with its reason, at the remote that chokes on it alone."""
        from examples.shop.models import Customer
        from sync.models import Binding
        from tests.chaos.remotes import KILLS, RAISES

        for prefix, code in ((RAISES, "hook_error"), (KILLS, "crash_loop")):
            ids = [str(pk) for pk in Customer.objects.filter(name__startswith=prefix).values_list("pk", flat=True)]
            rows = Binding.objects.filter(object_type="customer", object_id__in=ids)
            for each in rows.exclude(state__in=HELD, code=code)[:SHOWN]:
                yield f"{each} is {each.state} {each.code}, and should be put aside as {code}"

    def _over(self) -> Iterator[str]:
        from tests.chaos.remotes import LIMIT

        found = self.world.remotes["directory"].remote.windows(LIMIT.limit, LIMIT.per)
        if found.over:
            yield f"{found.over} windows of {LIMIT.per} s hold over {LIMIT.limit} calls, the fullest {found.highest}"

    @staticmethod
    def _silent() -> Iterator[str]:
        from sync.models import Binding, Change, Operation

        if left := Change.objects.count():
            yield f"{left} changes were never taken in"
        due = Binding.objects.filter(due_at__isnull=False)
        for each in due[:SHOWN]:
            yield f"{each} is {each.state}, due at {each.due_at}"
        quiet = Binding.objects.filter(due_at__isnull=True).exclude(state__in=("synced", "absent"))
        for each in quiet.filter(code="")[:SHOWN]:
            yield f"{each} is {each.state} without a reason"
        if left := Operation.objects.filter(status="started").count():
            yield f"{left} operations were never closed"

    def _unrecorded(self) -> Iterator[str]:
        from django.db.models import Count

        from sync.models import Operation

        rows = Operation.objects.values_list("object_type", "method").annotate(n=Count("id"))
        recorded = {(COLLECTIONS[object_type], method): n for object_type, method, n in rows}
        for journal in self.journals.values():
            yield from unrecorded(journal, recorded)

    def _leaks(self) -> Iterator[str]:
        """Look for the credentials in logs, tables and Redis."""
        tokens = [token.encode() for token in self.world.tokens.values()]
        for log in sorted(self.world.home.glob("*.log")):
            if any(token in log.read_bytes() for token in tokens):
                yield f"{log.name} holds a credential"
        for table, text in _rows_as_text():
            if any(token.decode() in text for token in tokens):
                yield f"table {table} holds a credential"
                break
        with self.world.redis.client() as client:
            for key in client.scan_iter("*"):
                if any(token in key + (client.dump(key) or b"") for token in tokens):
                    yield f"Redis key {key!r} holds a credential"

    def _grown(self) -> Iterator[str]:
        if self.world.postgres is None:
            return
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
            sessions = cursor.fetchone()[0]
        bound = 8 * (len(self.world.workers) + len(self.world.beats) + 1)
        if sessions > bound:
            yield f"{sessions} database sessions are open, more than {bound}"

    def _saves(self) -> Iterator[Mapping[str, Any]]:
        for log in sorted(Path(self.world.home).glob("writer-*.jsonl")):
            for line in log.read_text().splitlines():
                try:
                    yield json.loads(line)
                except ValueError:  # the writer was ended in the middle of a line
                    continue


def _rows_as_text() -> Iterator[tuple[str, str]]:
    from django.db import connection

    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            while rows := cursor.fetchmany(2000):
                yield table, repr(rows)
