"""One local object and what became of it at its remotes: ``of(product)``, or ``product.sync`` by a ``SyncField``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, overload

from django.db.models import Max, Q

from sync.models import Binding, Change, Operation, State
from sync.models.identity import object_id_of
from sync.registry import model_label
from sync.resync.pushing import Pushed, push_now
from sync.resync.resync import resync, saved_id
from sync.resync.targets import Target, targets
from sync.types import Wanted

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

UNKNOWN = "unknown"
"""The status of an object that nobody has asked for yet."""

RECENT = 2000
"""How many of the newest changes are looked through for one of this object."""

URGENCY = (
    State.DEAD,
    State.IN_DOUBT,
    State.HELD,
    State.RETRYING,
    State.WAITING,
    State.PENDING,
    State.ABSENT,
    State.SYNCED,
)
"""Which state speaks for an object that has several accounts: the one most in need of a person."""


class Handle:
    """What is known of one object, and how to ask for more. Reads its bindings once, when first looked at.

    Args:
        instance: a saved instance of a registered model.
        where: its object types and connections.
    """

    def __init__(self, instance: Model, where: tuple[Target, ...]) -> None:
        self.instance = instance
        self.targets = where
        self._bindings: tuple[Binding, ...] | None = None

    def __repr__(self) -> str:
        return f"<Handle {model_label(type(self.instance))} {self.instance.pk}: {self.status}>"

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """The object's bindings, the one most in need of a person first."""
        if self._bindings is None:
            rows = Binding.objects.filter(self._keys()).select_related("connection") if self.targets else ()
            urgency = {state.value: place for place, state in enumerate(URGENCY)}
            self._bindings = tuple(sorted(rows, key=lambda row: (urgency[row.state], row.connection_id)))
        return self._bindings

    @property
    def state(self) -> State | None:
        """Where the object stands at its remotes, None where nobody has asked for it yet."""
        return State(self.bindings[0].state) if self.bindings else None

    @property
    def status(self) -> str:
        """One stable word for pages and tests: a ``State`` value, ``unknown`` where nobody has asked for it yet.

        A change that still lies in the inbox makes it ``pending``, whatever was agreed before.
        """
        if self._changed():
            return State.PENDING.value
        return self.state.value if self.state else UNKNOWN

    @property
    def label(self) -> str:
        """The status in the reader's language."""
        status = self.status
        return str(State(status).label) if status != UNKNOWN else status

    @property
    def remote_id(self) -> str | None:
        """The id at the remote; with several accounts that of the first which has one."""
        return next((row.remote_id for row in sorted(self.bindings, key=lambda row: row.pk) if row.remote_id), None)

    @property
    def error(self) -> str:
        """Why it is not synced, one line, empty where there is nothing to say."""
        if not self.bindings:
            return ""
        first = self.bindings[0]
        return ": ".join(part for part in (first.code, first.detail) if part)

    @property
    def next_attempt_at(self) -> dt.datetime | None:
        """When a worker turns to it next, None where nothing is due."""
        return min((row.due_at for row in self.bindings if row.due_at is not None), default=None)

    @property
    def synced_at(self) -> dt.datetime | None:
        """When both sides last agreed, None where they never did."""
        return max((row.synced_at for row in self.bindings if row.synced_at is not None), default=None)

    def push(self, *, now: bool = False, actor: str = "", reason: str = "") -> int:
        """Ask for the whole state to be sent; return how many accounts were asked for.

        Args:
            now: send it here, as the integrator's verbs do, instead of leaving it to a worker.
            actor: who asks; empty: whoever ``capture.actor`` names.
            reason: why.

        Raises:
            NotSyncable: the object is not saved.
            InTransaction, ObjectBusy, RateLimitExceeded, ObjectError, RemoteError: with ``now``, what came of it; every
                account was tried.
        """
        if not now:
            return self._ask(Wanted.PUSH, actor, reason)
        told = self.push_now(actor=actor, reason=reason)
        error = next((each.error for each in told if each.error is not None), None)
        if error is not None:
            raise error
        return len(told)

    def push_now(self, *, actor: str = "", reason: str = "") -> tuple[Pushed, ...]:
        """Send it here, and tell what came of it under each account, rather than raise the first error.

        Raises:
            NotSyncable: the object is not saved.
        """
        told = push_now(self.instance, self.targets, actor=actor, reason=reason)
        self.refresh()
        return told

    def pull(self, *, actor: str = "", reason: str = "") -> int:
        """Ask for the remote to be read: its ``IN`` fields are written here, then what differs is sent.

        Returns:
            How many accounts were asked for.

        Raises:
            NotSyncable: the object is not saved.
        """
        return self._ask(Wanted.VERIFY, actor, reason)

    def history(self) -> QuerySet[Operation]:
        """Return the attempts at this object, newest first."""
        rows = Operation.objects.filter(binding__in=[row.pk for row in self.bindings])
        return rows.select_related("connection").order_by("-pk")

    def refresh(self) -> Handle:
        """Forget what was read, and return the handle."""
        self._bindings = None
        return self

    def _ask(self, wanted: Wanted, actor: str, reason: str) -> int:
        saved_id(self.instance)
        names = {(target.connection.integrator, target.connection.name) for target in self.targets}
        asked = sum(
            resync(self.instance, integrator=integrator, connection=name, actor=actor, reason=reason, wanted=wanted)
            for integrator, name in sorted(names)
        )
        self.refresh()
        return asked

    def _keys(self) -> Q:
        keys = Q()
        for target in self.targets:
            keys |= Q(connection=target.connection, object_type=target.object_type)
        return keys & Q(object_id=object_id_of(self.instance.pk))

    def _changed(self) -> bool:
        newest = Change.objects.aggregate(pk=Max("pk"))["pk"]
        if newest is None:
            return False
        label = model_label(type(self.instance))
        recent = Change.objects.filter(pk__gt=newest - RECENT, model=label)
        return recent.filter(object_id=object_id_of(self.instance.pk)).exists()


def of(instance: Model, integrator: str = "", connection: str = "") -> Handle:
    """Return a handle on what became of an object.

    Args:
        instance: of a registered model.
        integrator: only there; empty: wherever the model is registered.
        connection: only the account of this name; empty: all.

    Raises:
        NotSyncable: the model is not registered there, or no account has that name.
        UnknownIntegrator: no integrator of that name is registered.
    """
    return Handle(instance, targets(model_label(type(instance)), integrator=integrator, connection=connection))


class SyncField:
    """A model attribute that is no column: ``sync = SyncField()`` gives ``product.sync``, the object's handle.

    Args:
        integrator: only there; empty: wherever the model is registered.
        connection: only the account of this name; empty: all.
    """

    def __init__(self, integrator: str = "", connection: str = "") -> None:
        self.integrator = integrator
        self.connection = connection

    @overload
    def __get__(self, instance: None, owner: Any = None) -> SyncField: ...
    @overload
    def __get__(self, instance: Model, owner: Any = None) -> Handle: ...
    def __get__(self, instance: Model | None, owner: Any = None) -> SyncField | Handle:
        """Return the handle of an instance, or the field itself on the class."""
        return self if instance is None else of(instance, self.integrator, self.connection)
