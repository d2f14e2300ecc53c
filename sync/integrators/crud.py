"""The integrator that users write: object types, constraints, and the three verbs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django.db.models import Model

from sync import capture, registry
from sync.connectors import classify
from sync.drain import direct
from sync.exceptions import NotSyncable, UnknownObjectType
from sync.integrators import declared, own_verbs, rows
from sync.integrators.hooks import hook, overridden
from sync.integrators.speaker import VERBS, Speaker
from sync.models import Connection
from sync.models.identity import object_id_of
from sync.types import Outcome, Verb


class CrudIntegrator(Speaker):
    """One remote whose objects are created, read, updated and deleted over REST, and the models that go there.

    Args:
        object_type: a name of set_object_types().
        model: an instance, a payload (a dict, or anything with ``dict()``), or None.
        connection: the account's name, or its row.

    Raises:
        UnknownObjectType: there is no such type; a ValueError too.
        ConfigurationError: a declared type is wrong.
    """

    name: ClassVar[str] = "crud"

    def __init__(self, object_type: str, model: Any = None, connection: Connection | str = "default") -> None:
        self.object_type = object_type
        super().__init__(model, connection)
        self.attempt: Callable[[], Outcome] | None = None
        self.asked_by = ""
        self._asked: Any = None
        self.validate_object()

    @staticmethod
    def set_object_types(*args: Any, **kwargs: Any) -> Mapping[str, Any]:
        """Return the object types by name: ObjectType, or ``{"model": …, "endpoint": …}``."""
        return {}

    @staticmethod
    def set_data_constraints(*args: Any, **kwargs: Any) -> Mapping[str, Mapping[str, Any]]:
        """Return forbidden values by object type and field: ``{"product": {"status": ["archived"]}}``."""
        return {}

    @property
    def object_types(self) -> dict[str, Any]:
        """The object types as they were declared."""
        return declared.definitions(type(self))

    @property
    def data_constraints(self) -> dict[str, Any]:
        """The forbidden values as they were declared."""
        return declared.forbidden(type(self))

    @hook
    def validate_object(self) -> None:
        """Check that the object type is one of ours.

        Raises:
            UnknownObjectType: it is not; the hint names the nearest.
        """
        known = self.types()
        spec = known.get(self.object_type)
        if spec is None:
            near = difflib.get_close_matches(str(self.object_type), known, n=1)
            raise UnknownObjectType(
                f"Invalid object type: {self.object_type}. Supported object types are: {list(known)}",
                hint=f"did you mean {near[0]!r}?" if near else "declare it in set_object_types()",
            )
        self.spec = spec

    # --- the three verbs ---

    @hook
    def create_object(self, object_id: Any = None, extra_headers: Mapping[str, str] | None = None) -> Any:
        """Create the object at the remote now, as the worker would, and return its remote id.

        With a payload and no local row, the row is inserted once the remote agreed.

        Args:
            object_id: the row's primary key; left out, that of the instance given to the constructor.
            extra_headers: for this request.

        Raises:
            NotSyncable: there is neither a saved row nor a payload.
            ObjectError: the payload cannot be built, or is forbidden.
            InTransaction: a transaction is open.
            ObjectBusy: a worker holds the object, or the connection is shut.
            RateLimitExceeded: no token within ``wait_s``.
            RemoteError: the remote, or the way to it, said no.
        """
        outcome = self._run(Verb.CREATE, object_id, extra_headers)
        return self._result(outcome.remote_id)

    @hook
    def update_object(self, object_id: Any = None, extra_headers: Mapping[str, str] | None = None) -> Any:
        """Send the object's whole state to the remote now, and return what the remote answered.

        An answer without a body gives the remote id.

        Args:
            object_id: the row's primary key; without a local row, the remote id.
            extra_headers: for this request.

        Raises:
            CrudSyncError: as create_object().
        """
        outcome = self._run(Verb.UPDATE, object_id, extra_headers)
        return self._result(outcome.remote_id if outcome.data is None else outcome.data)

    @hook
    def delete_object(self, object_id: Any = None, extra_headers: Mapping[str, str] | None = None) -> Any:
        """Delete the object at the remote now, then the local row, and return what the remote answered.

        An answer without a body gives the remote id. One that the remote no longer has counts as deleted.

        Args:
            object_id: the row's primary key; without a local row, the remote id.
            extra_headers: for this request.

        Raises:
            CrudSyncError: as create_object().
        """
        outcome = self._run(Verb.DELETE, object_id, extra_headers)
        return self._result((outcome.remote_id or "") if outcome.data is None else outcome.data)

    def create_objects(self, rows: Iterable[Model]) -> list[Any]:
        """Create several rows at the remote now, in batches where the type has a bulk endpoint.

        Args:
            rows: saved instances of the type's model.

        Returns:
            For each row its remote id, or the error that it met.

        Raises:
            NotSyncable: one is not a saved row of the type's model.
            InTransaction: a transaction is open.
            ObjectBusy: a worker holds one of them, or the connection is shut.
        """
        return self._run_many(Verb.CREATE, rows)

    def update_objects(self, rows: Iterable[Model]) -> list[Any]:
        """Send the whole state of several rows to the remote now; as create_objects()."""
        return self._run_many(Verb.UPDATE, rows)

    def _run_many(self, verb: Verb, rows: Iterable[Model]) -> list[Any]:
        registry.adopt(type(self))
        units = [type(self)(self.object_type, row, self.connection) for row in rows]
        for unit in units:
            unit._saved(unit.model)
            unit.asked_by = capture.current_actor()
        outcomes = direct.run_many(units, verb)
        return [outcome.remote_id if outcome.ok else classify.to_error(outcome) for outcome in outcomes]

    # --- what the drain needs for them ---

    def perform(self, verb: Verb, object_id: str, attempt: Callable[[], Outcome]) -> Outcome:
        """Call a verb that the integrator overrides, inside the attempt that was claimed for it.

        Args:
            verb: create, update or delete.
            object_id: the row's.
            attempt: sends the claimed attempt once; ``super()`` of the verb calls it.

        Returns:
            What became of the attempt. Where the verb sent a request of its own instead, what it returned: on create
            the remote id, or a dict with it.

        Raises:
            ObjectError: the verb says that the object cannot be sent; nothing was sent.
        """
        sent: list[Outcome] = []

        def once() -> Outcome:
            if not sent:
                sent.append(attempt())
            return sent[0]

        self.attempt = once
        try:
            returned = getattr(self, VERBS[verb])(object_id)
        except Exception as error:  # noqa: BLE001 - the host's code; what the remote did stands
            return own_verbs.after_error(verb, error, sent)
        finally:
            self.attempt = None
        return own_verbs.after_return(verb, returned, sent, self.id_in)

    def create_row(self, outcome: Outcome) -> Model:
        """Insert the local row of an object that was created at the remote first, and return it.

        Args:
            outcome: of the create.

        Raises:
            PayloadError: a field does not take its value.
            DatabaseError: the row cannot be inserted.
        """
        self._row = rows.create(self.spec, self.connection, self.data or {}, outcome.data, self._asked)
        return self._row

    def delete_row(self) -> None:
        """Delete the local row, where there is one."""
        row = self.instance
        if row is not None and row.pk is not None:
            row.delete(using=row._state.db)

    def _run(self, verb: Verb, object_id: Any, extra_headers: Mapping[str, str] | None) -> Outcome:
        if extra_headers:
            self.headers = {**self.headers, **extra_headers}
        if self.attempt is not None:
            outcome = self.attempt()
            if not outcome.ok:
                raise classify.to_error(outcome)
            return outcome
        registry.adopt(type(self))
        self.asked_by = self.asked_by or capture.current_actor()
        return direct.run(self, verb, self._object_id(verb, object_id))

    def _object_id(self, verb: Verb, object_id: Any) -> str:
        """Find the row that is meant, and return its id as text; without a row, the id as it was given."""
        if object_id is not None:
            self._asked = object_id
        row = self.model if isinstance(self.model, Model) else None
        if row is None and object_id is not None:
            row = self._row = rows.find(self.spec, object_id, by_key=self.model is None or verb is not Verb.CREATE)
            if row is not None and self.model is None:
                self.model, self._has_data = row, False
        if row is not None:
            return self._saved(row)
        if verb is not Verb.DELETE and self.model is None:
            raise NotSyncable(
                f"there is no {self.object_type} {object_id!r} here, and no payload to send",
                hint="give the constructor an instance or a payload",
            )
        if verb is not Verb.CREATE and object_id is None:
            raise NotSyncable(f"which {self.object_type} is meant?", hint="give its id")
        return "" if object_id is None else str(object_id)

    def _saved(self, row: Model) -> str:
        if not isinstance(row, self.spec.model):
            raise NotSyncable(
                f"{self.object_type} is {self.spec.model._meta.label}, not {row._meta.label}",
                hint="give an instance of that model",
            )
        if row.pk is None or row._state.adding:
            raise NotSyncable(f"this {self.object_type} is not saved", hint="save it first, or give its data as a dict")
        return object_id_of(row.pk)

    def _result(self, usual: Any) -> Any:
        """Return what validate_response() of the integrator's own gave, else the usual."""
        hooked = overridden(type(self), "validate_response") and self._validated is not None
        return self._validated if hooked else usual
