"""GET of a collection: filters, order, and what lags behind."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import time
from collections.abc import Iterable, Mapping
from typing import Any

from sync.testing.sandbox import paging, payload
from sync.testing.sandbox.config import Config
from sync.testing.sandbox.item import Item, SortKey, as_text, pick, sort_key
from sync.testing.sandbox.message import Effect, Refusal, Reply, Request
from sync.testing.sandbox.objects import matches
from sync.testing.sandbox.route import Place
from sync.testing.sandbox.store import Store

RESERVED = frozenset({*paging.PARAMS, "sort", "updated_since"})


class Listing:
    """Listings. Not locked: the sandbox holds its lock around every call.

    Args:
        store: what the remote holds.
        seed: of random order.
    """

    def __init__(self, store: Store, seed: int = 0) -> None:
        self.store = store
        self.random = random.Random(seed)  # noqa: S311  - repeatable is the point

    def serve(self, request: Request, place: Place, config: Config) -> Effect:
        """Serve one page: filters by equality on any field, ``sort`` (``-field`` descends), ``updated_since``."""
        params = request.params
        keys, by_id = self._keys(place.collection, params, config)
        page = paging.turn(keys, params, config, by_id=by_id)
        past = self._past(place.collection, config)
        held = self.store.collection(place.collection).items
        items = [past.get(key[2]) or held[key[2]] for key in page.keys]
        rows = [payload.shown(item, config) for item in items]
        reply = paging.reply(rows, page, request, config)
        return Effect(reply=_cached(reply, request) if config.etags else reply)

    def _past(self, collection: str, config: Config) -> Mapping[str, Item | None]:
        return self.store.past(collection, config.replica_lag_s) if config.replica_lag_s else {}

    def _keys(self, collection: str, params: Mapping[str, str], config: Config) -> tuple[list[SortKey], bool]:
        filters = {name: value for name, value in params.items() if name not in RESERVED}
        since = _instant(params["updated_since"]) if params.get("updated_since") else 0.0
        held = self.store.collection(collection)
        lagging = config.lookup_lag_s or config.replica_lag_s
        if not filters and not since and not lagging:
            keys = held.order
        else:
            wanted = self._matching(collection, filters, config)
            horizon = time.monotonic() - config.lookup_lag_s
            found = (item for item in wanted if item.updated >= since and _seen(item, horizon, config))
            keys = sorted(sort_key(item.id) for item in found)
        return self._sorted(collection, keys, params.get("sort", ""), config)

    def _matching(self, collection: str, filters: Mapping[str, str], config: Config) -> Iterable[Item]:
        held = self.store.collection(collection)
        past = self._past(collection, config)
        fields = {name: value for name, value in filters.items() if name != config.id_field}
        if config.id_field in filters:
            ids: Iterable[str] = {filters[config.id_field]} & held.items.keys()
        elif fields and not past:
            ids = set.intersection(*({*held.found(name, value)} for name, value in fields.items()))
        else:
            ids = held.items.keys() | past.keys()
        items = (past[item_id] if item_id in past else held.items[item_id] for item_id in ids)
        return (item for item in items if item is not None and _equal(item, fields))

    def _sorted(self, collection: str, keys: list[SortKey], sort: str, config: Config) -> tuple[list[SortKey], bool]:
        if not sort:
            return (self.random.sample(keys, len(keys)), False) if config.sort_random else (keys, True)
        name, descending = sort.removeprefix("-"), sort.startswith("-")
        if name == config.id_field:
            return (keys[::-1], False) if descending else (keys, True)
        past, held = self._past(collection, config), self.store.collection(collection).items

        def rank(key: SortKey) -> tuple[bool, Any, SortKey]:
            value = _value(past.get(key[2]) or held[key[2]], name, config)
            number = isinstance(value, int | float)
            return (not number, value if number else as_text(value), key)

        return sorted(keys, key=rank, reverse=descending), False


def _value(item: Item, name: str, config: Config) -> Any:
    times = {config.updated_field: item.updated, config.created_field: item.created}
    return times[name] if name in times else pick(item.fields, name)


def _seen(item: Item, horizon: float, config: Config) -> bool:
    return not config.lookup_lag_s or item.born <= horizon


def _equal(item: Item, fields: Mapping[str, str]) -> bool:
    return all(as_text(pick(item.fields, name)) == value for name, value in fields.items())


def _instant(text: str) -> float:
    if text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        at = dt.datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that nobody quoted
    except ValueError as exc:
        raise Refusal(400, "bad_parameter", "updated_since is no time", field="updated_since") from exc
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


def _cached(reply: Reply, request: Request) -> Reply:
    links = "".join(value for _, value in reply.headers).encode()
    etag = f'"{hashlib.blake2b(reply.body + links, digest_size=12).hexdigest()}"'
    headers = (*reply.headers, ("ETag", etag))
    if matches(request.headers.get("if-none-match", ""), etag):
        return Reply(status=304, headers=headers)
    return Reply(status=reply.status, body=reply.body, headers=headers)
