"""How one object type is spoken to over REST."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.connectors.pagination import Paginator
from sync.exceptions import ConfigurationError
from sync.types import OutcomeKind, Verb

ENCODINGS = ("json", "form", "text", "binary")
ETAG = "etag"
LOCATION = "location"

_METHODS = {
    Verb.CREATE: "POST",
    Verb.UPDATE: "PATCH",
    Verb.DELETE: "DELETE",
    Verb.READ: "GET",
    Verb.LOOKUP: "GET",
    Verb.LIST: "GET",
}
_ITEM = "{endpoint}/{id}"
_COLLECTION = "{endpoint}"
_FIELD = re.compile(r"\{(\w*)\}")
_BAD_PATH = re.compile(r"[^\x21-\x7e]|://|#|(?:^|/)\.{1,2}(?:[/?]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where one verb goes: the id stands between ``before`` and ``after``; both are relative to the base URL."""

    method: str
    before: str
    after: str
    has_id: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOptions:
    """What an object type says about its endpoint.

    Args:
        endpoint: path relative to the base URL, such as ``products``.
        paths: verb → template with ``{endpoint}`` and ``{id}``; default: collection for create, list and look-up.
        methods: verb → HTTP method; default POST, PATCH, DELETE, GET, with ``client_id`` PUT to create; also
            ``bulk_create`` (POST) and ``bulk_update`` (PATCH).
        encoding: of bodies: ``json``, ``form``, ``text``, ``binary``.
        envelope: dotted path that wraps an object, out and in; with ``[]`` at its end a list of one.
        id_path: dotted path of the id in the unwrapped object; ``location``: last part of the Location header.
        version: ``etag`` (If-Match), or a dotted path of the object whose value is sent back; empty: none.
        idempotency: header that carries the idempotency key; empty: the remote honours none.
        external_id: payload field that carries our id, also the parameter of a look-up.
        natural_key: payload fields that identify an object, also the parameters of a look-up.
        client_id: the remote takes our ids: create is PUT under it, look-up a GET of it.
        lookup_params: further query parameters of a look-up.
        items: dotted path of the list in a listing; empty: the body itself, or the first list in it.
        paginator: how a listing is split; None: it is one page.
        compress: gzip request bodies of more than 1 KB.
        outcomes: verb → status → kind of outcome, over the table of ``classify``: ``{"update": {204: "ok"}}``.
        errors: dotted path in a 2xx answer where something means that it was refused.

    Raises:
        ConfigurationError: a verb, method, template, encoding or kind that does not exist.
    """

    endpoint: str
    paths: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "json"
    envelope: str = ""
    id_path: str = "id"
    version: str = ""
    idempotency: str = ""
    external_id: str = ""
    natural_key: tuple[str, ...] = ()
    client_id: bool = False
    lookup_params: Mapping[str, str] = field(default_factory=dict)
    items: str = ""
    paginator: Paginator | None = None
    compress: bool = False
    outcomes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    errors: str = ""
    routes: Mapping[Verb, Route] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise _wrong(f"encoding {self.encoding!r}", f"one of {', '.join(ENCODINGS)}")
        for verb, kinds in self.outcomes.items():
            _known_verb(verb)
            for kind in kinds.values():
                if kind not in tuple(OutcomeKind):
                    raise _wrong(f"kind of outcome {kind!r}", "see OutcomeKind")
        for verb in (*self.paths, *(name.removeprefix("bulk_") for name in self.methods)):
            _known_verb(verb)
        # Made once, since a request is built for every object.
        object.__setattr__(self, "routes", {verb: self._route(verb) for verb in Verb})

    def _route(self, verb: Verb) -> Route:
        under_id = self.client_id and verb in (Verb.CREATE, Verb.LOOKUP)
        item = under_id or verb in (Verb.UPDATE, Verb.DELETE, Verb.READ)
        template = self.paths.get(verb, _ITEM if item else _COLLECTION)
        usual = "PUT" if self.client_id and verb is Verb.CREATE else _METHODS[verb]
        method = self.methods.get(verb, usual).upper()
        if not method.isascii() or not method.isalpha():
            raise _wrong(f"method {method!r}", "a word such as POST")
        unknown = set(_FIELD.findall(template)) - {"endpoint", "id"}
        path = template.replace("{endpoint}", self.endpoint.strip("/")).lstrip("/")
        if unknown or template.count("{id}") > 1 or _BAD_PATH.search(path.replace("{id}", "id")):
            raise _wrong(
                f"path {template!r} of {self.endpoint!r}", "relative to the base URL, with {endpoint} and {id}"
            )
        before, has_id, after = path.partition("{id}")
        return Route(method=method, before=before, after=after, has_id=bool(has_id))


def _known_verb(verb: str) -> None:
    if verb not in tuple(Verb):
        raise _wrong(f"verb {verb!r}", f"one of {', '.join(Verb)}")


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{what} is not possible", code="bad_option", hint=hint)
