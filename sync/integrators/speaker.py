"""What the drain asks of an integrator: a payload, a request, and what an answer means."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar

from sync.connectors.classify import usable_id
from sync.exceptions import PaginationError
from sync.integrators.answer import AnswerReader
from sync.integrators.hooks import hook, overridden
from sync.integrators.payload import PayloadBuilder
from sync.integrators.request import RequestBuilder
from sync.types import type_json

VERBS: Mapping[str, str] = {"create": "create_object", "update": "update_object", "delete": "delete_object"}


class Speaker(PayloadBuilder, RequestBuilder, AnswerReader):
    """An integrator as the drain knows it: one instance speaks for one object under one connection.

    Hooks that their author did not replace are not called.
    """

    name: ClassVar[str] = "speaker"

    @hook
    def route(self, instance: Any) -> Collection[str] | None:  # noqa: ARG002 - for the host's own
        """Return the names of the connections that an instance goes to; None: all of them."""
        return None

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
        headers = {**client.with_cause(self.own_headers()), **client.auth_headers()}
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
