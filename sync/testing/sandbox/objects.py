"""Create, read, update and delete of one object, as the options have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from sync.testing.sandbox import payload
from sync.testing.sandbox.config import Config
from sync.testing.sandbox.item import Item, as_text, pick
from sync.testing.sandbox.message import Effect, Refusal, Reply, Request, json_reply
from sync.testing.sandbox.route import Place
from sync.testing.sandbox.store import Store

Announce = Callable[[str, str, Mapping[str, Any]], None]


class Objects:
    """The verbs on one object. Not locked: the sandbox holds its lock around every call.

    Args:
        store: what the remote holds.
        announce: told of every change: event (``created``, ``updated``, ``deleted``), collection, the object.
    """

    def __init__(self, store: Store, announce: Announce) -> None:
        self.store = store
        self.announce = announce

    def create(self, request: Request, place: Place, config: Config) -> Effect:
        """Serve a POST to a collection."""
        item = self.add(place.collection, payload.unwrapped(payload.read(request), config), config)
        location = f"{request.path.rstrip('/')}/{quote(item.id, safe='')}"
        return self._done(item, config, config.create_status, ("Location", location))

    def read(self, request: Request, place: Place, config: Config) -> Effect:
        """Serve a GET of one object."""
        item = self.store.get(place.collection, place.id, lag_s=config.replica_lag_s)
        if item is None:
            raise _missing(config.read_missing, place)
        if config.etags and matches(request.headers.get("if-none-match", ""), item.etag):
            return Effect(reply=Reply(status=304, headers=_validators(item)), ids=(item.id,))
        return self._done(item, config, 200, applied=False)

    def replace(self, request: Request, place: Place, config: Config) -> Effect:
        """Serve a PUT: the whole object, created where it does not exist."""
        data = payload.unwrapped(payload.read(request), config)
        old = self.store.get(place.collection, place.id)
        self._precondition(request, old, config)
        if old is None and not config.client_ids:
            return _absent(config.update_missing, place)
        item = self.write(place.collection, place.id, payload.stored(data, config), config)
        return self._done(item, config, config.update_status if old else config.create_status)

    def update(self, request: Request, place: Place, config: Config) -> Effect:
        """Serve a PATCH, or a POST to one object: a part of it."""
        data = payload.unwrapped(payload.read(request), config)
        old = self.store.get(place.collection, place.id)
        self._precondition(request, old, config)
        if old is None:
            return _absent(config.update_missing, place)
        return self._done(self.change(place.collection, old, data, config), config, config.update_status)

    def delete(self, request: Request, place: Place, config: Config) -> Effect:
        """Serve a DELETE."""
        old = self.store.get(place.collection, place.id)
        self._precondition(request, old, config)
        if old is None:
            return _absent(config.delete_missing, place)
        self.store.remove(place.collection, place.id)
        self.announce("deleted", place.collection, payload.shown(old, config))
        body = payload.wrapped(payload.shown(old, config), config)
        reply = Reply(status=204) if config.delete_status == 204 else json_reply(body, config.delete_status)
        return Effect(reply=reply, applied=True, ids=(place.id,))

    def add(self, collection: str, data: Mapping[str, Any], config: Config) -> Item:
        """Create one object under an id of ours.

        Raises:
            Refusal: its values are refused.
        """
        fields = payload.stored(data, config)
        self.acceptable(collection, "", fields, config)
        item_id = self.store.collection(collection).next_id(numeric=config.ids != "text")
        return self.write(collection, item_id, fields, config, checked=True)

    def change(self, collection: str, old: Item, data: Mapping[str, Any], config: Config) -> Item:
        """Change a part of one object.

        Raises:
            Refusal: the new values are refused.
        """
        fields = payload.stored(data, config)
        payload.validate(fields, config, whole=False)
        return self.write(collection, old.id, payload.merged(old.fields, fields, config), config)

    def write(
        self, collection: str, item_id: str, fields: Mapping[str, Any], config: Config, *, checked: bool = False
    ) -> Item:
        """Store one object and announce it.

        Raises:
            Refusal: its values are refused.
        """
        if not checked:
            self.acceptable(collection, item_id, fields, config)
        item = self.store.put(collection, item_id, fields)
        self.announce("updated" if item.version > 1 else "created", collection, payload.shown(item, config))
        return item

    def acceptable(self, collection: str, item_id: str, fields: Mapping[str, Any], config: Config) -> None:
        """Check an object as it would be stored under an id (empty: a new one).

        Raises:
            Refusal: its values are refused.
        """
        payload.validate(fields, config, whole=True)
        for group in config.unique:
            names = group.split("+")
            if any(pick(fields, name) is None for name in names):
                continue
            held = self.store.collection(collection)
            same = set.intersection(*({*held.found(name, as_text(pick(fields, name)))} for name in names))
            if same - {item_id}:
                message = f"another object has this {group}"
                raise Refusal(config.duplicate_status, "duplicate", message, field=group, id=min(same - {item_id}))

    def _precondition(self, request: Request, item: Item | None, config: Config) -> None:
        wanted = request.headers.get("if-match", "")
        if config.etags and wanted and (item is None or not matches(wanted, item.etag)):
            raise Refusal(412, "stale_version", "the object is not the version that If-Match names")
        if config.etags and item is not None and request.headers.get("if-none-match") == "*":
            raise Refusal(412, "exists", "the object exists")

    def _done(self, item: Item, config: Config, status: int, *headers: tuple[str, str], applied: bool = True) -> Effect:
        extra = (*headers, *_validators(item)) if config.etags else headers
        body = payload.wrapped(payload.shown(item, config), config)
        reply = Reply(status=status, headers=extra) if status == 204 else json_reply(body, status, *extra)
        return Effect(reply=reply, applied=applied, ids=(item.id,))


def matches(wanted: str, etag: str) -> bool:
    """Return whether a list of entity tags names this one (RFC 9110, section 8.8.3.2, weak comparison)."""
    tags = [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
    return "*" in tags or etag in tags


def _validators(item: Item) -> tuple[tuple[str, str], ...]:
    return (("ETag", item.etag), ("Last-Modified", formatdate(item.updated, usegmt=True)))


def _missing(status: int, place: Place) -> Refusal:
    return Refusal(status, "not_found", f"{place.collection} has no {place.id!r}"[:200])


def _absent(status: int, place: Place) -> Effect:
    if status < 300:
        return Effect(reply=Reply(status=status) if status == 204 else json_reply({}, status))
    raise _missing(status, place)
