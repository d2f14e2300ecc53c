"""What a sandbox can be told to be: one flat, frozen set of options, with overrides per collection."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

STYLES = ("link", "cursor", "offset", "page", "next_page_header", "next_url", "next_path", "none")
CHOICES: dict[str, tuple[str, ...]] = {
    "ids": ("text", "int", "int_text"),
    "merge": ("shallow", "deep"),
    "trailing_slash": ("any", "redirect"),
    "pagination": STYLES,
    "pagination_fault": (
        "",
        "repeat_last",
        "loop",
        "other_origin",
        "cursor_restart",
        "empty_next",
        "empty_link",
        "wrong_is_empty",
    ),
    "bulk_order": ("sent", "reversed", "shuffled"),
    "retry_after": ("seconds", "date", "garbage", "absurd", "none"),
}
AUTH_SCHEMES = ("bearer", "api_key", "basic", "oauth")
LIMIT_KEYS = ("limit", "per", "methods", "path", "name")
HOOK_KEYS = ("url", "secret", "events", "header", "retries", "delay_s", "copies", "timeout_s")


class ConfigError(ValueError):
    """An option does not exist or has a value it cannot have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All options of a sandbox. Durations are seconds, sizes bytes.

    Args:
        prefix: leading path that is cut off, such as ``/v2``; empty: segments like ``api`` and ``v2`` are skipped.
        ids: ``text`` (``products_00000001``), ``int``, or ``int_text`` (integers in paths, strings in bodies).
        id_field: key of the id in a body.
        client_ids: PUT to an unknown id creates it; else it is missing.
        unique: fields (or ``a+b`` for several together) whose values may not repeat.
        invalid: field → values that get 422.
        required: fields that a create must carry.
        fields: field → type, told to whoever asks by OPTIONS; others are taken all the same. Empty: nothing is told.
        envelope: ``data`` wraps objects as ``{"data": {…}}``, ``contacts[]`` as ``{"contacts": [{…}]}``.
        merge: PATCH replaces nested objects (``shallow``) or merges them (``deep``).
        create_status, update_status, delete_status: status of a success.
        read_missing, update_missing, delete_missing: status where the id does not exist.
        duplicate_status: status where ``unique`` is violated.
        trailing_slash: ``redirect`` answers 301 to a path without one.
        version_field, created_field, updated_field: keys the server adds; empty: not added.
        etags: answer ETag and Last-Modified, honour If-Match and If-None-Match.
        bulk_atomic: one invalid item refuses the whole batch.
        bulk_order: order of a bulk answer.
        bulk_max: objects in one bulk call.
        pagination: style of a listing that does not choose one itself.
        pagination_fault: how a listing misbehaves.
        page_size, max_page_size: objects in a page.
        items: key of the list in bodies that have one.
        total: add ``total`` to such bodies.
        sort_random: a listing without ``sort`` comes in random order.
        lookup_lag_s: a created object shows in listings only after this long.
        replica_lag_s: reads show the state of this long ago.
        gzip: compress answers where the client accepts it.
        idempotency: honour idempotency keys.
        idempotency_header: their header.
        idempotency_ttl_s: how long an answer is replayed.
        rate_limits: each ``{"limit", "per"}`` and optionally ``methods``, ``path`` (regex), ``name``.
        rate_limit_enforced: False: never refuse, only record violations.
        rate_limit_headers: answer ``X-RateLimit-*``.
        retry_after: form of the header on a 429.
        auth: ``bearer`` (tokens), ``api_key`` ({header, keys}), ``basic`` (user → password), ``oauth``
            ({clients, ttl_s, refresh_tokens, rotate}). Any one suffices; empty: open.
        webhooks: each ``{"url", "secret"}`` and optionally ``events``, ``header``, ``retries``, ``delay_s``,
            ``copies``.
        keep_alive_s: an idle connection is closed after this long.
        journal_keep: entries kept in memory; read at start only.
        journal_body: bytes of a request body kept in an entry.
        journal_auth: keep credentials in the journal.
        seed: of everything random.
        collections: collection → options that differ there.
    """

    prefix: str = ""
    ids: str = "text"
    id_field: str = "id"
    client_ids: bool = True
    unique: tuple[str, ...] = ()
    invalid: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    envelope: str = ""
    merge: str = "shallow"
    create_status: int = 201
    update_status: int = 200
    delete_status: int = 204
    read_missing: int = 404
    update_missing: int = 404
    delete_missing: int = 404
    duplicate_status: int = 409
    trailing_slash: str = "any"
    version_field: str = ""
    created_field: str = "created_at"
    updated_field: str = "updated_at"
    etags: bool = True
    bulk_atomic: bool = False
    bulk_order: str = "sent"
    bulk_max: int = 1000
    pagination: str = "link"
    pagination_fault: str = ""
    page_size: int = 100
    max_page_size: int = 1000
    items: str = "items"
    total: bool = False
    sort_random: bool = False
    lookup_lag_s: float = 0.0
    replica_lag_s: float = 0.0
    gzip: bool = True
    idempotency: bool = False
    idempotency_header: str = "Idempotency-Key"
    idempotency_ttl_s: float = 86400.0
    rate_limits: tuple[Mapping[str, Any], ...] = ()
    rate_limit_enforced: bool = True
    rate_limit_headers: bool = False
    retry_after: str = "seconds"
    auth: Mapping[str, Any] = field(default_factory=dict)
    webhooks: tuple[Mapping[str, Any], ...] = ()
    keep_alive_s: float = 75.0
    journal_keep: int = 100_000
    journal_body: int = 4096
    journal_auth: bool = False
    seed: int = 0
    collections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, collection: str) -> Config:
        """Return the options in force for one collection."""
        overrides = self.collections.get(collection) if self.collections else None
        return self.changed(overrides) if overrides else self

    def changed(self, options: Mapping[str, Any]) -> Config:
        """Return a copy with some options set.

        Raises:
            ConfigError: an unknown option, or a value of the wrong kind.
        """
        values = {name: _checked(name, value) for name, value in options.items()}
        return replace(self, **values)

    def public(self) -> dict[str, Any]:
        """Return all options as plain data, with credentials starred out."""
        values = asdict(self)
        values["auth"] = dict.fromkeys(self.auth, "***")
        values["webhooks"] = [{**hook, "secret": "***"} for hook in self.webhooks]
        return values


DEFAULTS = Config()
NAMES = tuple(f.name for f in fields(Config))


def _checked(name: str, value: Any) -> Any:
    if name not in NAMES:
        near = difflib.get_close_matches(str(name), NAMES, n=1)
        raise ConfigError(f"no option {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    if name in CHOICES and value not in CHOICES[name]:
        raise ConfigError(f"{name} is one of {', '.join(map(repr, CHOICES[name]))}, not {value!r}")
    value = _of_kind(name, value, getattr(DEFAULTS, name))
    if name in PARTS:
        PARTS[name](value)
    return value


def _of_kind(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, bool):
        good = isinstance(value, bool)
    elif isinstance(default, int | float):
        good = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    elif isinstance(default, tuple):
        good = isinstance(value, list | tuple)
        value = tuple(value) if good else value
    else:
        good = isinstance(value, Mapping if isinstance(default, Mapping) else str)
    if not good:
        raise ConfigError(f"{name} cannot be {value!r}")
    return value


def _check_limits(limits: tuple[Any, ...]) -> None:
    for one in limits:
        _check_keys("rate_limits", one, LIMIT_KEYS)
        if not one.get("limit", 0) > 0 or not one.get("per", 0) > 0:
            raise ConfigError("a rate limit needs 'limit' and 'per', both above 0")


def _check_hooks(hooks: tuple[Any, ...]) -> None:
    for one in hooks:
        _check_keys("webhooks", one, HOOK_KEYS)
        if not str(one.get("url", "")).startswith(("http://", "https://")):
            raise ConfigError("a webhook needs a 'url'")


def _check_auth(auth: Mapping[str, Any]) -> None:
    _check_keys("auth", auth, AUTH_SCHEMES)
    # A text would be searched for any part of it.
    if not isinstance(auth.get("bearer", []), list | tuple):
        raise ConfigError("auth.bearer is a list of tokens")
    for scheme in ("api_key", "basic", "oauth"):
        if not isinstance(auth.get(scheme, {}), Mapping):
            raise ConfigError(f"auth.{scheme} is an object")


def _check_collections(collections: Mapping[str, Any]) -> None:
    for name, options in collections.items():
        if not isinstance(options, Mapping):
            raise ConfigError(f"collections[{name!r}] is not an object")
        for option, value in options.items():
            _checked(option, value)


def _check_keys(option: str, given: Any, known: tuple[str, ...]) -> None:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{option} holds {given!r}, which is not an object")
    for key in given:
        if key not in known:
            raise ConfigError(f"{option} knows {', '.join(known)}, not {key!r}")


PARTS: dict[str, Callable[[Any], None]] = {
    "rate_limits": _check_limits,
    "webhooks": _check_hooks,
    "auth": _check_auth,
    "collections": _check_collections,
}
