"""Judges the customers of several remotes, by the rows and the sandbox's journal and state alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from examples.shop.models import Customer
from sync.models import Binding, Change, Operation, State, Status
from sync.testing.remote import JournalEntry, Remote

CREATES = ("POST", "PUT")
WORDS = {"referenced": "reference"}
"""Under which name a collection has the address, where it is not ``email``."""


def address(collection: str, values: Mapping[str, Any]) -> str:
    """Return the natural key of an object there."""
    return str(values.get(WORDS.get(collection, "email"), ""))


def lost(remote: Remote, collection: str) -> Iterator[str]:
    """Yield a sentence for each customer that is missing, superfluous or different (invariant 1).

    Of several of one address, the one that the row is bound to counts.
    """
    ours = {row.email: row for row in Customer.objects.all()}
    theirs: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for values in remote.objects(collection):
        theirs[address(collection, values)].append(values)
    bound = set(Binding.objects.filter(remote_id__isnull=False).values_list("remote_id", flat=True))
    for email in sorted(ours.keys() | theirs.keys()):
        if email not in ours:
            yield f"{collection}: {email} is there and should not be"
        elif email not in theirs:
            yield f"{collection}: {email} is missing"
        else:
            mine = [values for values in theirs[email] if values["id"] in bound] or theirs[email]
            for name in ("name", "country"):
                if mine[0][name] != getattr(ours[email], name):
                    yield f"{collection}: {email} has {name} {mine[0][name]!r}, not {getattr(ours[email], name)!r}"


def made(entries: Iterable[JournalEntry], collection: str) -> Counter[str]:
    """Return how many objects each address was ever made into (invariant 2); a replayed answer makes none."""
    ids: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.collection == collection and entry.method in CREATES and entry.applied and not entry.replayed:
            ids[address(collection, entry.data)].add(entry.id)
    return Counter({email: len(found) for email, found in ids.items()})


def disordered(entries: Iterable[JournalEntry], collection: str) -> Iterator[str]:
    """Yield a sentence for each write before its create, or after its delete (invariant 3)."""
    mine = [entry for entry in entries if entry.collection == collection and entry.applied]
    alive: dict[str, bool] = {}
    for entry in sorted(mine, key=lambda each: each.applied_at or each.at):
        if entry.method in CREATES:
            alive[entry.id] = True
        elif entry.method in {"PATCH", "DELETE"}:
            if not alive.get(entry.id):
                yield f"{entry.method} {entry.path} was applied to what is not there"
            alive[entry.id] = entry.method != "DELETE"


def silent() -> Iterator[str]:
    """Yield a sentence for what is due, or stands without a reason that a person can read (invariant 6)."""
    if left := Change.objects.count():
        yield f"{left} changes were never taken in"
    for each in Binding.objects.filter(due_at__isnull=False):
        yield f"{each} is {each.state}, due at {each.due_at}"
    for each in Binding.objects.exclude(state__in=(State.SYNCED, State.ABSENT)):
        if not (each.code and each.detail):
            yield f"{each} is {each.state} without a reason"
    for each in Binding.objects.exclude(uncertain="").exclude(state=State.IN_DOUBT):
        yield f"{each} is {each.state} and still in doubt: {each.uncertain}"


def unrecorded(entries: Iterable[JournalEntry], types: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield a sentence for each applied request without an operation, and each that was never closed (invariant 9).

    Args:
        entries: of the journal.
        types: collection → object type, where they are not named alike.
    """
    names = types or {}
    applied = Counter((names.get(each.collection, each.collection), each.method) for each in entries if each.applied)
    recorded = Counter(Operation.objects.values_list("object_type", "method"))
    for (collection, method), count in sorted(applied.items()):
        if recorded[collection, method] < count:
            yield f"{count} {method} of {collection} were applied, {recorded[collection, method]} are recorded"
    if left := Operation.objects.filter(status=Status.STARTED).count():
        yield f"{left} operations were never closed"
