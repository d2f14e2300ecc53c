"""The side door: what tests and people ask of the sandbox itself. Nothing here is in the journal."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sync.testing.sandbox import page, payload
from sync.testing.sandbox.config import ConfigError
from sync.testing.sandbox.item import Item
from sync.testing.sandbox.journal import selected
from sync.testing.sandbox.message import Refusal, Reply, Request, error, json_reply
from sync.testing.sandbox.remote import SandboxRemote
from sync.testing.sandbox.windows import measure

PARTS = ("objects", "journal", "faults", "keys", "tokens", "limits", "config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call of the side door: ``rest`` is the path behind its first segment."""

    remote: SandboxRemote
    request: Request
    rest: tuple[str, ...]


def owns(path: str) -> bool:
    """Return whether a path belongs to the side door."""
    return path == "/" or path.startswith("/__")


def answer(remote: SandboxRemote, request: Request) -> Reply:
    """Serve one call of the side door."""
    segments = tuple(unquote(part) for part in request.path.split("/") if part)
    method = "GET" if request.method == "HEAD" else request.method
    verb = ROUTES.get((method, segments[0] if segments else "/"))
    if verb is None:
        return error(404, "not_found", f"the sandbox has no {method} {request.path}")
    try:
        with remote.lock:
            return verb(Ask(remote=remote, request=request, rest=segments[1:]))
    except Refusal as refusal:
        return refusal.reply()
    except (ConfigError, ValueError) as exc:
        return error(422, "bad_option", str(exc))


def _json(request: Request) -> Any:
    return json.loads(request.body or b"{}")


def _object(request: Request) -> Mapping[str, Any]:
    told = _json(request)
    if not isinstance(told, dict):
        raise Refusal(422, "not_an_object", "the body is not an object")
    return told


def _health(ask: Ask) -> Reply:
    objects = {name: len(held.items) for name, held in ask.remote.store.collections.items()}
    told = {"ok": True, "pid": os.getpid(), "started_at": ask.remote.started_at, "now": time.time()}
    return json_reply({**told, "monotonic": time.monotonic(), "requests": ask.remote.journal.seq, "objects": objects})


def _page(ask: Ask) -> Reply:
    return page.render(ask.remote, ask.request)


def _shown(remote: SandboxRemote, collection: str, item: Item) -> dict[str, Any]:
    return payload.shown(item, remote.config.of(collection))


def _state(ask: Ask) -> Reply:
    if len(ask.rest) == 2:
        return json_reply(_shown(ask.remote, ask.rest[0], _existing(ask.remote, ask.rest)))
    wanted = ask.rest[0] if ask.rest else ask.request.params.get("collection", "")
    told = {
        name: [_shown(ask.remote, name, held.items[key[2]]) for key in held.order]
        for name, held in ask.remote.store.collections.items()
        if not wanted or name == wanted
    }
    return json_reply(told.get(wanted, []) if ask.rest else told)


def _existing(remote: SandboxRemote, rest: tuple[str, ...]) -> Item:
    item = remote.store.get(rest[0], rest[1])
    if item is None:
        raise Refusal(404, "not_found", f"{rest[0]} has no {rest[1]!r}")
    return item


def _put_state(ask: Ask) -> Reply:
    """Replace the whole state, or one object."""
    told = _object(ask.request)
    if len(ask.rest) == 2:
        return _edited(ask.remote, ask.rest, told)
    if not all(isinstance(objects, list | dict) for objects in told.values()):
        raise Refusal(422, "not_a_list", "every collection is a list of objects, or objects by id")
    ask.remote.store.clear()
    for collection, objects in told.items():
        pairs = objects.items() if isinstance(objects, Mapping) else ((None, fields) for fields in objects)
        for item_id, fields in pairs:
            _insert(ask.remote, collection, fields, item_id)
    ask.remote.compact()
    return json_reply({name: len(held.items) for name, held in ask.remote.store.collections.items()})


def _insert(remote: SandboxRemote, collection: str, fields: Any, item_id: str | None = None) -> Item:
    if not isinstance(fields, Mapping):
        raise Refusal(422, "not_an_object", f"{collection} holds {str(fields)[:50]}, which is not an object")
    config = remote.config.of(collection)
    told = item_id or fields.get(config.id_field)
    known = told or remote.store.collection(collection).next_id(numeric=config.ids != "text")
    return remote.store.put(collection, str(known), payload.stored(fields, config))


def _post_state(ask: Ask) -> Reply:
    """Add one object, as somebody at the remote's side would."""
    if len(ask.rest) != 1:
        raise Refusal(404, "not_found", "name one collection")
    item = _insert(ask.remote, ask.rest[0], _object(ask.request))
    ask.remote.commit()
    shown = _shown(ask.remote, ask.rest[0], item)
    ask.remote.objects.announce("created", ask.rest[0], shown)
    return json_reply(shown, 201)


def _patch_state(ask: Ask) -> Reply:
    """Change one object, as somebody at the remote's side would."""
    if len(ask.rest) != 2:
        raise Refusal(404, "not_found", "name one object")
    config = ask.remote.config.of(ask.rest[0])
    return _edited(
        ask.remote, ask.rest, payload.merged(_existing(ask.remote, ask.rest).fields, _object(ask.request), config)
    )


def _edited(remote: SandboxRemote, rest: tuple[str, ...], fields: Mapping[str, Any]) -> Reply:
    item = remote.store.put(rest[0], rest[1], payload.stored(fields, remote.config.of(rest[0])))
    remote.commit()
    shown = _shown(remote, rest[0], item)
    remote.objects.announce("updated" if item.version > 1 else "created", rest[0], shown)
    return json_reply(shown)


def _delete_state(ask: Ask) -> Reply:
    """Remove one object, a collection, or all, as somebody at the remote's side would."""
    gone = [ask.rest] if len(ask.rest) == 2 else _all_of(ask.remote, ask.rest[0] if ask.rest else "")
    for collection, item_id in gone:
        item = ask.remote.store.remove(collection, item_id)
        if item is not None:
            ask.remote.objects.announce("deleted", collection, _shown(ask.remote, collection, item))
    ask.remote.commit()
    return Reply(status=204)


def _all_of(remote: SandboxRemote, wanted: str) -> list[tuple[str, ...]]:
    collections = remote.store.collections.items()
    return [(name, item_id) for name, held in collections if wanted in ("", name) for item_id in held.items]


def _seed(ask: Ask) -> Reply:
    """Add ``count`` objects; ``{n}`` in a text field becomes the number."""
    told = _object(ask.request)
    fields: Mapping[str, Any] = told.get("fields") or {"name": "Object {n}"}
    for n in range(1, int(told.get("count", 1)) + 1):
        filled = {k: v.replace("{n}", str(n)) if isinstance(v, str) else v for k, v in fields.items()}
        _insert(ask.remote, str(told["collection"]) if "collection" in told else "objects", filled)
    ask.remote.commit()
    return json_reply({name: len(held.items) for name, held in ask.remote.store.collections.items()}, 201)


def _journal(ask: Ask) -> Reply:
    found = selected(ask.remote.journal.entries, ask.request.params)
    told = {"last": ask.remote.journal.seq, "dropped": ask.remote.journal.dropped}
    return json_reply({"entries": [entry.as_dict() for entry in found], **told})


def _delete_journal(ask: Ask) -> Reply:
    ask.remote.journal.clear()
    return Reply(status=204)


def _windows(ask: Ask) -> Reply:
    params = ask.request.params
    limit, per = int(params.pop("limit", 0)), float(params.pop("per", 60))
    if limit < 1 or per <= 0:
        raise Refusal(422, "bad_option", "name a limit and per, both above 0")
    entries = selected(ask.remote.journal.entries, params)
    # Calls of the token endpoint are not what a limit on objects means, unless they are asked for.
    arrivals = [entry.monotonic for entry in entries if "kind" in params or entry.kind != "token"]
    return json_reply({**measure(arrivals, limit, per).as_dict(), "dropped": ask.remote.journal.dropped})


def _config(ask: Ask) -> Reply:
    return json_reply(ask.remote.config.public())


def _post_config(ask: Ask) -> Reply:
    return json_reply(ask.remote.configure(_object(ask.request)).public())


def _faults(ask: Ask) -> Reply:
    return json_reply([rule.as_dict() for rule in ask.remote.rules.rules])


def _post_faults(ask: Ask) -> Reply:
    told = _json(ask.request)
    if isinstance(told, dict):
        told = told.get("rules", [told])
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise Refusal(422, "not_a_list", "the body holds no list of faults")
    return json_reply([ask.remote.rules.add(one).as_dict() for one in told], 201)


def _delete_faults(ask: Ask) -> Reply:
    ask.remote.rules.clear(int(ask.rest[0]) if ask.rest else 0)
    return Reply(status=204)


def _reset(ask: Ask) -> Reply:
    keep = tuple(part for part in ask.request.params.get("keep", "").split(",") if part)
    if unknown := set(keep) - set(PARTS):
        raise Refusal(422, "bad_option", f"keep knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    ask.remote.reset(keep)
    return Reply(status=204)


def _revoke(ask: Ask) -> Reply:
    ask.remote.auth.revoke()
    return Reply(status=204)


def _webhooks(ask: Ask) -> Reply:
    return json_reply(ask.remote.webhooks.as_list())


ROUTES: dict[tuple[str, str], Callable[[Ask], Reply]] = {
    ("GET", "/"): _page,
    ("GET", "__style__.css"): lambda _: page.stylesheet(),
    ("GET", "__health__"): _health,
    ("GET", "__state__"): _state,
    ("PUT", "__state__"): _put_state,
    ("POST", "__state__"): _post_state,
    ("PATCH", "__state__"): _patch_state,
    ("DELETE", "__state__"): _delete_state,
    ("POST", "__seed__"): _seed,
    ("GET", "__journal__"): _journal,
    ("DELETE", "__journal__"): _delete_journal,
    ("GET", "__windows__"): _windows,
    ("GET", "__config__"): _config,
    ("POST", "__config__"): _post_config,
    ("GET", "__faults__"): _faults,
    ("POST", "__faults__"): _post_faults,
    ("DELETE", "__faults__"): _delete_faults,
    ("POST", "__reset__"): _reset,
    ("POST", "__revoke__"): _revoke,
    ("GET", "__webhooks__"): _webhooks,
}
