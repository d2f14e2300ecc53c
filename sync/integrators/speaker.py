"""What the drain asks of an integrator: a payload, a request, and what an answer means."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import Model

from sync import capture, registry
from sync.connectors import classify, objects
from sync.connectors.classify import usable_id
from sync.connectors.options import LOCATION
from sync.connectors.pagination import at
from sync.exceptions import ConfigurationError, ConstraintViolation, CrudSyncError, PaginationError, PayloadError
from sync.http import check, secrets_sent
from sync.http.pool import head_of
from sync.integrators import declared, parents
from sync.integrators.base import BaseIntegrator, failed, part_of, payload_of
from sync.integrators.clients import Client, client_of
from sync.integrators.hooks import called, hook, overridden
from sync.integrators.object_type import ObjectType
from sync.integrators.values import json_object
from sync.models import Connection
from sync.models.identity import object_id_of
from sync.secrets import remember, trace
from sync.types import (
    OURSELVES,
    Answer,
    Call,
    Outcome,
    OutcomeKind,
    RateLimit,
    Request,
    RetryPolicy,
    Verb,
    type_json,
)

logger = logging.getLogger("crudsync.integrators")

VERBS: Mapping[str, str] = {"create": "create_object", "update": "update_object", "delete": "delete_object"}


class Speaker(BaseIntegrator):
    """An integrator as the drain knows it: one instance speaks for one object under one connection.

    Hooks that their author did not replace are not called.
    """

    name: ClassVar[str] = "speaker"
    object_type: str
    spec: ObjectType

    def __init__(self, model: Any = None, connection: Connection | str = "default") -> None:
        super().__init__(model)
        self._connection = connection
        self._client: Client | None = None
        self._row: Model | None = None
        self._remote_ids: Mapping[str, Any] | None = None
        self._validated: Any = None

    @classmethod
    def types(cls) -> dict[str, ObjectType]:
        """Return the object types by name, made once a class.

        Raises:
            ConfigurationError: one of them is wrong.
        """
        return declared.types(cls)

    @classmethod
    def client(cls, connection: Connection | str = "default") -> Client:
        """Return this process's client for a connection, for reads of your own (``client().get("rates")``).

        Raises:
            ConfigurationError: an option of the connection is wrong.
        """
        row = registry.connection(cls.name, connection) if isinstance(connection, str) else connection
        return client_of(cls, row)

    @property
    def connection(self) -> Connection:
        """The connection's row, read when first asked for."""
        if isinstance(self._connection, str):
            self._connection = registry.connection(self.name, self._connection)
        return self._connection

    @property
    def instance(self) -> Model | None:
        """The local row that this speaks for, None where there is none."""
        return self.model if isinstance(self.model, Model) else self._row

    # --- what holds for its calls ---

    def limits(self, verb: Verb) -> Sequence[RateLimit]:
        """Return the rate limits that a call counts against."""
        return self._spoken().terms(self.spec).limits[verb]

    def retry_policy(self) -> RetryPolicy:
        """Return the retry policy of the object."""
        return self._spoken().terms(self.spec).retry

    def deadline_s(self) -> float:
        """Return the longest total deadline of a call, over all object types, in seconds."""
        spoken = self._spoken()
        return max(spoken.terms(spec).timeout_s for spec in self.types().values())

    def threads(self) -> int:
        """Return how many calls one drain makes at once."""
        return self._spoken().threads

    def transmit(self, request: Request) -> Answer:
        """Send a request; called from any thread, never raises."""
        return self._spoken().connector.transport.send(request)

    def outdated(self, request: Request) -> bool:
        """Return whether a refused request carried other credentials than we have now."""
        try:
            now = self._spoken().auth_headers()
        except CrudSyncError:  # a token that cannot be had now is no newer one
            return False
        return any(request.headers.get(name) != value for name, value in now.items())

    def renew(self, request: Request) -> bool:
        """Renew the credentials that a request was refused with; False where that cannot be."""
        if self.auth is None:
            return False
        rejected = next((value for name, value in request.headers.items() if name.lower() == "authorization"), "")
        return bool(self.auth.renew(self.connection, rejected=rejected))

    # --- payload ---

    @hook
    def route(self, instance: Any) -> Collection[str] | None:  # noqa: ARG002 - for the host's own
        """Return the names of the connections that an instance goes to; None: all of them."""
        return None

    def parent_ids(self) -> dict[str, str | None]:
        """Return the object ids of the row's parents by key of the payload; None where it has none."""
        row = self.instance
        return {} if row is None or not self.spec.parents else self.spec.mapper.parent_ids(row)

    def many_parent_ids(self) -> dict[str, tuple[str, ...]]:
        """Return the object ids behind the many-to-many fields that are sent as remote ids, by key of the payload."""
        row = self.instance
        return {} if row is None or not self.spec.many else self.spec.mapper.many_ids(row)

    @hook
    def set_data(self, model: Any) -> Any:
        """Return the payload for a model: ``model.dict()`` where it has one and no fields are declared, else these.

        Args:
            model: an instance, or a payload (a dict, or anything with ``dict()``).

        Raises:
            PayloadError: a value has no JSON form.
        """
        if model is None:
            return None
        if not isinstance(model, Model) or (not self.spec.declared and hasattr(model, "dict")):
            return payload_of(model)
        return self.spec.mapper.payload(model, self._parents_of(model))

    def build_payload(self, remote_ids: Mapping[str, Any]) -> dict[str, type_json]:
        """Return what is to be sent for the object: the whole state, checked.

        Args:
            remote_ids: of its parents, by key of the payload; lists of them for many-to-many fields. Those of
                many-to-many fields that are missing are looked up.

        Raises:
            PayloadError: a hook raised, or a value has no JSON form.
            ConstraintViolation: a value is forbidden.
        """
        self._remote_ids = remote_ids
        cls = type(self)
        if overridden(cls, "set_data"):
            data = json_object(called("set_data", self.set_data, self.model), binary=self.spec.encoding == "binary")
        else:
            data = self.set_data(self.model)
        if not isinstance(data, dict):
            raise PayloadError(f"there is no payload for {self.object_type}", hint="set_data() must return a dict")
        if self.spec.external_id and self.instance is not None:
            data.setdefault(self.spec.external_id, object_id_of(self.instance.pk))
        self.data = data
        if overridden(cls, "validate_data"):
            self._validate_with_hook()
        else:
            declared.enforce(declared.constraints(cls, self.object_type), data)
        return data

    @hook
    def validate_data(self) -> bool:
        """Check ``data`` against set_data_constraints(); True where nothing is forbidden.

        Raises:
            ConstraintViolation: a field has a forbidden value.
        """
        declared.enforce(declared.constraints(type(self), self.object_type), self.data)
        return True

    # --- request ---

    @hook
    def before_send(self, request: Request) -> Request | None:  # noqa: ARG002 - for the host's own
        """Change a request before it is journaled and sent: return another one, or None to send it as it is."""
        return None

    def build_request(self, call: Call) -> Request:
        """Return the request of a call.

        Raises:
            PayloadError: a hook raised.
            ConfigurationError: a header cannot be sent, or the connection has no base URL.
            ObjectError: the object has no id to be addressed by.
        """
        client = self._spoken()
        request = client.connector.request(self.spec.rest, call, self.own_headers(), auth_headers=client.auth_headers())
        return self.finished(client, request)

    def build_bulk_request(self, calls: Sequence[Call]) -> Request:
        """Return one request for several calls of one verb; raises as build_request()."""
        client = self._spoken()
        if self.spec.bulk is None:
            raise ConfigurationError(f"{self.object_type} has no bulk endpoints", code="no_bulk")
        request = client.connector.bulk_request(
            self.spec.rest, self.spec.bulk, calls, self.own_headers(), auth_headers=client.auth_headers()
        )
        return self.finished(client, request)

    # --- answer ---

    def read_answer(self, call: Call, answer: Answer) -> Outcome:
        """Return what an answer means; a validate_response() of the integrator's own may correct the id.

        Args:
            call: that was sent.
            answer: to it.
        """
        outcome = self._spoken().connector.outcome(self.spec.rest, call, answer)
        if answer.response is not None:
            if self.header_rate_limit_attr:
                self.note_rate_limit(answer.response)
            self._spoken().teach(answer.response, outcome)
        if call.verb.writes and overridden(type(self), "validate_response"):
            return self._validated_by_hook(call, answer, outcome)
        return outcome

    def read_bulk_answer(self, calls: Sequence[Call], answer: Answer) -> list[Outcome]:
        """Return one outcome for each call of a batch, paired by key.

        A validate_response() of the integrator's own is called for each object with its part of the answer.
        """
        if self.spec.bulk is None:
            raise ConfigurationError(f"{self.object_type} has no bulk endpoints", code="no_bulk")
        outcomes = self._spoken().connector.bulk_outcomes(self.spec.rest, self.spec.bulk, calls, answer)
        self.note_rate_limit(answer.response)
        if answer.response is not None and outcomes:
            self._spoken().teach(answer.response, outcomes[0])
        if answer.response is None or not overridden(type(self), "validate_response"):
            return outcomes
        parts = [replace(answer, response=part_of(answer.response, outcome.data)) for outcome in outcomes]
        return [self._validated_by_hook(*each) for each in zip(calls, parts, outcomes, strict=True)]

    def outcome_of(self, response: Any) -> Outcome:
        """Return what the status of an answer means, by ``classify`` of the object type."""
        return classify.from_status(Verb.UPDATE, response, self.spec.rest.outcomes)

    def id_in(self, content: type_json) -> Any:
        """Return the id that a parsed body shows, by ``envelope`` and ``id_path``; None where it shows none."""
        return self._id_of(objects.unwrap(content, self.spec.envelope))

    @hook
    def write_back(self, data: type_json) -> dict[str, Any]:
        """Return the values to write to the local row, by field: those mapped ``IN`` or ``BOTH``.

        Args:
            data: the object as the remote showed it.
        """
        return self.spec.mapper.write_back(data)

    def writing(self) -> AbstractContextManager[None]:
        """Name us as the writer of whatever is saved inside the block, where nobody says otherwise."""
        return capture.actor(OURSELVES)

    def writes_back(self) -> bool:
        """Return whether answers may change the local row."""
        return self.spec.mapper.inward or overridden(type(self), "write_back")

    def write_back_values(self, outcome: Outcome) -> dict[str, Any]:
        """Return what an outcome's data say for the local row, by field.

        Raises:
            PayloadError: a hook raised, or a field does not take its value.
        """
        if not isinstance(outcome.data, Mapping) or not self.writes_back():
            return {}
        values = called("write_back", self.write_back, outcome.data) or {}
        columns = {field.name for field in self.spec.model._meta.concrete_fields if not field.primary_key}
        if wrong := sorted(set(values) - columns):
            raise PayloadError(f"write_back() names {', '.join(wrong)}, which is no column", code="write_back")
        return dict(values)

    def listing(
        self, *, params: Mapping[str, Any] | None = None, before_each: Callable[[], None] | None = None
    ) -> Iterator[tuple[str, type_json]]:
        """Yield (remote id, object) for everything that the remote lists.

        Args:
            params: query parameters of the first page.
            before_each: called before every page, to take a token.

        Raises:
            RemoteError, RateLimitExceeded: a page could not be had.
            PaginationError: the listing loops, or holds an object without an id.
        """
        client = self._spoken()
        headers = {**self.own_headers(), **client.auth_headers()}
        every = {**client.auth_params(), **(params or {})}
        for row in client.connector.listing(self.spec.rest, params=every, headers=headers, before_each=before_each):
            remote_id = usable_id(self._id_of(row))
            if remote_id is None:
                raise PaginationError(
                    f"a listed {self.object_type} has no usable id", code="no_id", hint="set id_path on the object type"
                )
            yield remote_id, row

    def overrides(self, verb: str) -> bool:
        """Return whether the integrator has create_object, update_object or delete_object of its own."""
        name = VERBS.get(verb)
        return name is not None and overridden(type(self), name)

    # --- its own steps ---

    def _spoken(self) -> Client:
        if self._client is None:
            self._client = client_of(type(self), self.connection)
        return self._client

    def _id_of(self, shown: type_json) -> Any:
        path = "id" if self.spec.id_path == LOCATION else self.spec.id_path
        return at(shown, path) if isinstance(shown, Mapping) else None

    def _parents_of(self, model: Any) -> Mapping[str, Any]:
        known = self._remote_ids
        if known is None and self.spec.parents:
            known = parents.of_row(self.connection, self.spec.parents, self.spec.mapper.parent_ids(model))
        many = [parent for parent in self.spec.many if parent.target not in (known or {})]
        if many:
            ids = self.spec.mapper.many_ids(model)
            return {**(known or {}), **parents.of_many(self.connection, many, ids, strict=self._remote_ids is not None)}
        return known or {}

    def _validate_with_hook(self) -> None:
        # Only False says no: a hook that merely forgets to return what super() returned has not objected.
        if called("validate_data", self.validate_data) is False:
            raise ConstraintViolation(f"validate_data() refuses this {self.object_type}", hint="correct the row")

    def own_headers(self) -> Mapping[str, str]:
        """Return the headers of every request, without credentials; raises as build_request()."""
        if self._headers is None and not overridden(type(self), "set_headers"):
            remember(*secrets_sent(self._class_headers, ""))
            return self._class_headers
        headers = called("set_headers", lambda: self.headers)
        _check_headers("set_headers", headers)
        remember(*secrets_sent(headers, ""))
        return dict(headers)

    def finished(self, client: Client, request: Request) -> Request:
        """Return a request with the type's deadlines and parameters of authentication, as before_send() wants it."""
        terms = client.terms(self.spec)
        if terms.own_deadline:
            request = replace(request, timeout_s=terms.timeout_s, connect_s=terms.connect_s)
        if params := client.auth_params():
            mark = "&" if "?" in request.url else "?"
            request = replace(request, url=f"{request.url}{mark}{urlencode(params)}")
        if not overridden(type(self), "before_send"):
            return request
        changed = called("before_send", self.before_send, request)
        if changed is not None and not isinstance(changed, Request):
            raise PayloadError(f"before_send() returned a {type(changed).__name__}, not a Request", code="hook_error")
        if changed is None:
            return request
        _check_headers("before_send", changed.headers)
        try:
            check(changed.method, changed.url, changed.headers)
        except ConfigurationError as error:  # this object's, as any error of a hook: others must not wait for it
            raise PayloadError(f"before_send(): {error.message}", code="hook_error", hint=error.hint) from error
        return changed

    def _validated_by_hook(self, call: Call, answer: Answer, outcome: Outcome) -> Outcome:
        """Let the hook see a success, and an answer to a create whose id only the hook may know to find."""
        nameless = call.verb is Verb.CREATE and outcome.code == "no_id"
        if answer.response is None or not (outcome.ok or nameless):
            return outcome
        try:
            self._validated = self.validate_response(answer.response)
        except Exception as error:  # noqa: BLE001 - the host's code; what the remote did stands
            logger.error(  # noqa: TRY400 - an exception's own text and frames may hold a secret
                "validate_response() of %s failed\n%s", type(self).__name__, trace(error)
            )
            return outcome if nameless else failed(outcome, error)
        known = usable_id(self._validated) if call.verb is Verb.CREATE else None
        if known is None:
            return outcome
        return replace(outcome, kind=OutcomeKind.OK, code="", detail="", remote_id=known)


def _check_headers(hook: str, headers: Mapping[Any, Any]) -> None:
    """Let a header that no request can carry hold the object whose hook gave it, and nobody else."""
    for name, value in headers.items():
        try:
            head_of("GET", "/", {name: value})
        except (ConfigurationError, TypeError) as error:
            raise PayloadError(f"{hook}(): {str(name)[:50]!r} is not text on one line", code="hook_error") from error
