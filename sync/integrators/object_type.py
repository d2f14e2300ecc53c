"""One model ↔ one endpoint within an integrator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db.models import Model, Q

from sync import conf
from sync.connectors.options import RestOptions
from sync.connectors.pagination import Paginator
from sync.exceptions import ConfigurationError
from sync.integrators.choices import bulk_of, check, known, lane_of, near, outcomes_of, shown, wrong
from sync.integrators.mapper import Mapper, ModelMapper, field_of
from sync.integrators.mapping import Map, as_maps, default_fields
from sync.integrators.rates import rate_limits
from sync.integrators.serializers import SerializerMapper, references
from sync.integrators.web import check_template
from sync.retry import policy
from sync.types import Lane, ParentSpec, RateLimit, RetryPolicy, Verb

if TYPE_CHECKING:
    Condition = Q | Callable[[Any], bool]


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectType:
    """One model ↔ one endpoint, and how the remote wants to be spoken to there.

    Durations are seconds. A plain ``{"model": …, "endpoint": …}`` dict with any of these keys is one too.

    Args:
        model: the Django model, or its label (``shop.Product``).
        endpoint: path relative to the base URL, such as ``products``.
        name: in the integrator; set from the key of set_object_types().
        fields: maps and names of fields; default: the model's concrete editable fields that are safe to send.
        serializer: class of a DRF serializer that makes the payload; ``fields`` are then laid over it.
        update_method: of an update; default PATCH.
        paths: verb → path with ``{endpoint}`` and ``{id}``.
        methods: verb → HTTP method.
        encoding: of bodies: ``json``, ``form``, ``text`` or ``binary``.
        envelope: dotted path that wraps an object in bodies, out and in; ``contacts[]`` wraps it in a list.
        id_path: dotted path of the id in an answer; ``location``: the Location header.
        version: ``etag``, or the dotted path of a version that is sent back with an update; empty: none.
        idempotency: header for the idempotency key; empty: the remote honours none.
        key_ttl: how long the remote remembers a key.
        external_id: key of the payload that carries our id, by which the remote can be searched.
        client_id: the remote takes our ids: created by PUT under our own.
        natural_key: fields that identify an object at the remote, by which it can be searched.
        lookup_lag: until a created object is sure to be found.
        lookup_params: further parameters of a search.
        on_uncertain: a create that may have arrived, where nobody can tell: ``hold`` it or ``retry`` it.
        on_gone: an object that vanished at the remote: ``recreate`` it, ``detach`` or ``hold`` it.
        on_leave: a row that ``sync_when`` no longer lets through: ``delete`` or ``keep`` it at the remote.
        on_delete: a row that was deleted: ``delete`` or ``keep`` it at the remote.
        can_read: a single object can be read back.
        paginator: how the remote splits its listing; None: it is one page.
        items: dotted path of the list in a listing.
        rest_s: how long an object rests after a send; default ``CRUDSYNC["rest_s"]``.
        priority: ``live`` or ``bulk``.
        bulk: bulk endpoints: a BulkSpec, or a dict of its fields.
        sync_when: a Q, or a function of the instance: which rows belong to the remote.
        rate_limit: one or several RateLimit of this type.
        retry: a policy's name, a RetryPolicy, or a dict of its fields.
        timeout_s: total deadline of a call.
        connect_s: deadline of connecting.
        compress: request bodies are sent with gzip.
        classify: verb → status → kind of outcome, over the usual table: ``{"update": {204: "not_found"}}``.
        errors: dotted path in an answer with 2xx where something means that it was refused.
        capture: ``signals``, or ``trigger``: the database (PostgreSQL) records every write itself.
        web_url: an object's page at the remote, for people: ``https://shop.example/admin/products/{id}``.

    Raises:
        ConfigurationError: ``bad_object_type``, ``unknown_option``, ``bad_map``, or what rates and retries raise.
    """

    model: type[Any]
    endpoint: str
    name: str = ""
    fields: Sequence[Map | str] | None = None
    serializer: type[Any] | None = None
    update_method: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "json"
    envelope: str = ""
    id_path: str = "id"
    version: str = ""
    idempotency: str = ""
    key_ttl: float = 86_400.0
    external_id: str = ""
    client_id: bool = False
    natural_key: Sequence[str] = ()
    lookup_lag: float = None  # type: ignore[assignment]  # set from the settings below
    lookup_params: Mapping[str, Any] = field(default_factory=dict)
    on_uncertain: str = "hold"
    on_gone: str = "recreate"
    on_leave: str = "delete"
    on_delete: str = "delete"
    can_read: bool = True
    paginator: Paginator | None = None
    items: str = ""
    rest_s: float = None  # type: ignore[assignment]
    priority: str | Lane = "live"
    bulk: Any = None
    sync_when: Condition | None = None
    rate_limit: RateLimit | Mapping[str, Any] | Sequence[RateLimit | Mapping[str, Any]] | None = None
    retry: str | RetryPolicy | Mapping[str, Any] | None = None
    timeout_s: float | None = None
    connect_s: float | None = None
    compress: bool = False
    classify: Mapping[Any, Any] = field(default_factory=dict)
    errors: str = ""
    capture: str = "signals"
    web_url: str = ""
    siblings: Mapping[str, type[Any]] = field(default_factory=dict, repr=False)
    free: bool = field(default=False, repr=False)

    def __new__(cls, **given: Any) -> Self:
        """Refuse unknown options with the nearest known one in the hint."""
        known(given, OPTIONS, "an object type")
        for name in ("model", "endpoint") if given else ():  # copies are made without arguments
            if name not in given:
                raise ConfigurationError(
                    f"an object type needs a {name}", code="bad_object_type", hint='give {"model": …, "endpoint": …}'
                )
        return object.__new__(cls)

    def __post_init__(self) -> None:
        check({entry.name: getattr(self, entry.name) for entry in fields(self)})
        settings = conf.current()
        made = {
            "lookup_lag": _or(self.lookup_lag, settings.lookup_lag_s),
            "rest_s": _or(self.rest_s, settings.rest_s),
            "natural_key": _names(self.natural_key),
            "priority": lane_of(self.priority),
            "bulk": bulk_of(self.bulk),
            "classify": outcomes_of(self.classify),
            "rate_limit": rate_limits(self.rate_limit) or None,
            "retry": None if self.retry is None else policy(self.retry),
            "fields": None if self.fields is None else as_maps(self.fields),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)
        self._check_more()

    def _check_more(self) -> None:
        check_template(self.web_url)
        serializer: Any = self.serializer
        if serializer is not None and not (isinstance(serializer, type) and hasattr(serializer, "to_representation")):
            raise wrong("serializer", serializer, "the class of a DRF serializer")
        condition: Any = self.sync_when
        if condition is not None and not isinstance(condition, Q) and not callable(condition):
            raise wrong("sync_when", self.sync_when, "a Q, or a function of the instance")
        for name in ("paths", "methods", "lookup_params"):
            if not isinstance(getattr(self, name), Mapping):
                raise wrong(name, getattr(self, name), "a dict")

    def resolved_model(self) -> type[Model]:
        """Return the model, looked up where it was given as a label.

        Raises:
            ConfigurationError: it is no concrete model.
        """
        return _model(self.model)

    def bound(self, name: str, siblings: Mapping[str, type[Model]], *, free: bool = False) -> ObjectType:
        """Return the type as one of an integrator, its mapping and options checked.

        Args:
            name: its name there.
            siblings: the models of all types of that integrator, by name.
            free: a hook makes the payload, so its keys are unknown here.

        Raises:
            ConfigurationError: whatever is wrong with the type; the message names it.
        """
        try:
            made = replace(self, name=name, model=self.resolved_model(), siblings=siblings, free=free)
            made.mapper, made.rest  # noqa: B018 - made here, so that what is wrong is found before anything is sent
        except ConfigurationError as error:
            error.args = (f"object type {name!r}: {error.message}",)
            raise
        return made

    @property
    def keyed(self) -> bool:
        """True where the remote honours idempotency keys."""
        return bool(self.idempotency)

    @property
    def can_lookup(self) -> bool:
        """True where an object can be found at the remote without its id."""
        return bool(self.natural_key or self.external_id or self.client_id)

    @property
    def lane(self) -> Lane:
        """The lane of a change that nobody gave another."""
        return lane_of(self.priority)

    @property
    def parents(self) -> tuple[ParentSpec, ...]:
        """The foreign keys that are sent as the parent's remote id."""
        return self.mapper.parents

    @property
    def many(self) -> tuple[ParentSpec, ...]:
        """The many-to-many fields that are sent as lists of remote ids."""
        return self.mapper.many

    @property
    def declared(self) -> bool:
        """True where the payload's fields were declared, by maps or a serializer."""
        return self.fields is not None or self.serializer is not None

    @cached_property
    def mapper(self) -> Mapper:
        """The mapping, compiled."""
        maps = as_maps(self.fields) if self.fields is not None else ()
        binary = self.encoding == "binary"
        if self.serializer is not None:
            maps = (*maps, *self._references(maps))
        elif self.fields is None:
            maps = default_fields(self.model)
        strangers = frozenset(entry.via for entry in maps if entry.via and not self._knows(entry))
        if self.serializer is None:
            return ModelMapper(self.model, maps, binary=binary, strangers=strangers)
        return SerializerMapper(self.model, self.serializer, maps, binary=binary, strangers=strangers)

    @cached_property
    def rest(self) -> RestOptions:
        """The options that the REST connector goes by."""
        methods = {**({Verb.UPDATE.value: self.update_method} if self.update_method else {}), **self.methods}
        return RestOptions(
            endpoint=self.endpoint,
            paths=self.paths,
            methods=methods,
            encoding=self.encoding,
            envelope=self.envelope,
            id_path=self.id_path,
            version=self.version,
            idempotency=self.idempotency,
            external_id=self.external_id,
            natural_key=tuple(self._key_of(name) for name in self.natural_key),
            client_id=self.client_id,
            lookup_params=self.lookup_params,
            items=self.items,
            paginator=self.paginator,
            compress=self.compress,
            outcomes=self.classify,
            errors=self.errors,
        )

    def _key_of(self, name: str) -> str:
        """Return the key of the payload that a natural key's field has; a key of the payload stands for itself."""
        keys = self.mapper.keys
        if name in keys:
            return keys[name]
        if self.free or name in keys.values():
            return name
        raise wrong("natural_key", name, f"a field that is sent: {', '.join(sorted(keys))}", near(name, keys))

    def _references(self, maps: Sequence[Map]) -> list[Map]:
        """Maps for what the serializer shows as a primary key of a model that this integrator knows once."""
        mapped = {entry.field for entry in maps} | {entry.target for entry in maps}
        found = []
        for source, key, model in references(self.serializer or object, self.model):
            vias = [name for name, other in self.siblings.items() if _same(other, model)]
            if len(vias) == 1 and not {source, key} & mapped:
                found.append(Map(source, key, via=vias[0]))
        return found

    def _knows(self, entry: Map) -> bool:
        """Whether the type that ``via`` names is declared; a slip of the pen is an error.

        A model that this integrator does not sync at all is none: rows without such a reference can be sent.
        """
        related = field_of(self.model, entry).related_model
        other = self.siblings.get(entry.via)
        if other is None:
            known = [name for name, model in self.siblings.items() if _same(model, related)]
            if known or near(entry.via, self.siblings):
                hint = f"did you mean {known[0]!r}?" if known else near(entry.via, self.siblings)
                raise wrong("via", entry.via, "the name of a type", hint)
            return False
        if not _same(other, related):
            raise wrong("via", entry.via, f"a type of {related._meta.label}: {entry.field!r} leads there")
        return True


OPTIONS = frozenset(entry.name for entry in fields(ObjectType))


def object_type_of(name: str, definition: Any) -> ObjectType:
    """Return what set_object_types() gives for one name as an ObjectType.

    Args:
        name: of the type.
        definition: an ObjectType, or a dict of its arguments.

    Raises:
        ConfigurationError: it is neither, or holds an unknown or wrong option; the message names the type.
    """
    if isinstance(definition, ObjectType):
        return definition
    if not isinstance(definition, Mapping):
        raise ConfigurationError(
            f"object type {name!r} cannot be {shown(definition)}",
            code="bad_object_type",
            hint='give {"model": …, "endpoint": …} or an ObjectType',
        )
    try:
        return ObjectType(**definition)
    except ConfigurationError as error:
        error.args = (f"object type {name!r}: {error.message}",)
        raise


def _or(value: Any, default: float) -> Any:
    return default if value is None else value


def _model(model: Any) -> type[Model]:
    if isinstance(model, str):
        try:
            model = apps.get_model(model)
        except (LookupError, ValueError) as error:
            raise wrong("model", model, "a model, or its label such as 'shop.Product'") from error
    if not isinstance(model, type) or not issubclass(model, Model) or model._meta.abstract:
        raise wrong("model", model, "a concrete Django model")
    return model


def _same(one: Any, other: Any) -> bool:
    """Whether two models share a table, or one is the parent of the other."""
    concrete = one._meta.concrete_model
    return concrete is other._meta.concrete_model or issubclass(concrete, other) or issubclass(other, concrete)


def _names(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(name, str) and name for name in names):
        raise wrong("natural_key", value, "names of fields")
    return names
