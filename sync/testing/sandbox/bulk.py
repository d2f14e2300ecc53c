"""Many objects in one call; the answer need not be in the order of the question."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from sync.testing.sandbox import payload
from sync.testing.sandbox.config import Config
from sync.testing.sandbox.item import Item, as_text, pick
from sync.testing.sandbox.message import Effect, Refusal, Request, json_reply
from sync.testing.sandbox.objects import Objects
from sync.testing.sandbox.route import Place


class Bulk:
    """POST and PATCH of a list: ``{"items": […]}``, the list itself, or under the envelope's name.

    Answers ``{"items": […]}`` and, where some were refused, ``"errors": [{"index", "code", "message", "field"}]``.
    """

    def __init__(self, objects: Objects, seed: int = 0) -> None:
        self.objects = objects
        self.random = random.Random(seed)  # noqa: S311  - repeatable is the point

    def serve(self, request: Request, place: Place, config: Config) -> Effect:
        """Serve one bulk call."""
        if request.method not in ("POST", "PATCH"):
            raise Refusal(405, "method_not_allowed", "bulk takes POST and PATCH")
        sent = _listed(payload.read(request), config)
        if len(sent) > config.bulk_max:
            raise Refusal(413, "too_many", f"at most {config.bulk_max} objects in one call")
        done, errors = self._all(request.method, sent, place, config)
        return _effect(self._ordered(done, config), errors, config)

    def _all(
        self, method: str, sent: list[Any], place: Place, config: Config
    ) -> tuple[list[Item], list[dict[str, Any]]]:
        if config.bulk_atomic:
            self._rehearse(method, sent, place, config)
        done: list[Item] = []
        errors: list[dict[str, Any]] = []
        for index, data in enumerate(sent):
            try:
                done.append(self._one(method, data, place, config))
            except Refusal as refusal:
                errors.append({"index": index, **refusal.error})
        return done, errors

    def _one(self, method: str, data: Any, place: Place, config: Config) -> Item:
        if not isinstance(data, Mapping):
            raise Refusal(422, "not_an_object", "the item is not an object")
        if method == "POST":
            return self.objects.add(place.collection, data, config)
        old = self.objects.store.get(place.collection, str(data.get(config.id_field, "")))
        if old is None:
            raise Refusal(404, "not_found", "no such object", field=config.id_field)
        return self.objects.change(place.collection, old, data, config)

    def _rehearse(self, method: str, sent: list[Any], place: Place, config: Config) -> None:
        """Refuse the whole batch for one bad item, before anything is stored."""
        errors = []
        seen: set[tuple[str, ...]] = set()
        for index, data in enumerate(sent):
            try:
                self._check(method, data, place, config, seen)
            except Refusal as refusal:
                errors.append({"index": index, **refusal.error})
        if errors:
            raise Refusal(422, "batch_refused", f"{len(errors)} of {len(sent)} items are refused", errors=errors)

    def _check(self, method: str, data: Any, place: Place, config: Config, seen: set[tuple[str, ...]]) -> None:
        if not isinstance(data, Mapping):
            raise Refusal(422, "not_an_object", "the item is not an object")
        fields: Mapping[str, Any] = payload.stored(data, config)
        item_id = str(data.get(config.id_field, "")) if method == "PATCH" else ""
        if method == "PATCH":
            old = self.objects.store.get(place.collection, item_id)
            if old is None:
                raise Refusal(404, "not_found", "no such object", field=config.id_field)
            fields = payload.merged(old.fields, fields, config)
        self.objects.acceptable(place.collection, item_id, fields, config)
        for group in config.unique:
            values = [pick(fields, name) for name in group.split("+")]
            value = (group, *map(as_text, values))
            if None not in values and value in seen:
                raise Refusal(422, "duplicate", f"the batch has this {group} twice", field=group)
            seen.add(value)

    def _ordered(self, done: list[Item], config: Config) -> list[Item]:
        if config.bulk_order == "reversed":
            return done[::-1]
        return self.random.sample(done, len(done)) if config.bulk_order == "shuffled" else done


def _listed(data: Any, config: Config) -> list[Any]:
    if isinstance(data, Mapping):
        for name in ("items", config.envelope.removesuffix("[]")):
            if isinstance(data.get(name), list):
                data = data[name]
                break
    if not isinstance(data, list):
        raise Refusal(400, "not_a_list", "the body holds no list of items")
    return data


def _effect(done: list[Item], errors: list[dict[str, Any]], config: Config) -> Effect:
    body: dict[str, Any] = {"items": [payload.shown(item, config) for item in done]}
    if errors:
        body["errors"] = errors
    return Effect(reply=json_reply(body), applied=bool(done), ids=tuple(item.id for item in done))
