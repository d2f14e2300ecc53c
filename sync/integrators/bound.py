"""An integrator bound to one object under one connection, and what holds for its calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Model

from sync import registry
from sync.exceptions import CrudSyncError
from sync.integrators import declared
from sync.integrators.base import BaseIntegrator
from sync.integrators.clients import Client, client_of
from sync.integrators.object_type import ObjectType
from sync.models import Connection
from sync.types import Answer, RateLimit, Request, RetryPolicy, Verb


class Bound(BaseIntegrator):
    """An integrator whose instance knows its object type, its connection, and the client that speaks for both."""

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

    def _spoken(self) -> Client:
        if self._client is None:
            self._client = client_of(type(self), self.connection)
        return self._client
