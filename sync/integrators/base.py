"""The root of the seed contract: headers, data, and what an answer says."""

from __future__ import annotations

import copy
import inspect
import logging
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from sync.connectors import classify
from sync.connectors.codec import dumps
from sync.exceptions import BadBody
from sync.http import Response
from sync.integrators.hooks import hook
from sync.integrators.values import json_object
from sync.ratelimit import HeaderNames
from sync.secrets import hushed
from sync.types import Outcome, OutcomeKind, Verb, type_json

logger = logging.getLogger("crudsync.integrators")

MOVED = {"headers": "_class_headers", "threads": "max_threads"}
"""Options that a class may set under the name of a method or property: they are kept under another one."""

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class BaseIntegrator:
    """How one remote is spoken to: where it is, who asks, and how fast.

    A subclass sets ``base_url``, ``auth``, ``rate_limit`` (a RateLimit, or several), ``retry`` (a policy's name, a
    RetryPolicy), ``timeout_s``, ``connect_s`` (seconds), ``threads``, ``user_agent``, ``correlation_header`` (a name,
    or False), ``traceparent`` (True or False); ``name`` is the class's own, without ``Integrator``, in snake case.
    ``rate_headers`` names the headers by which the remote speaks of its limit: they teach the limiter. ``probe_path``
    is what a test of the connection reads, relative to the base URL; by default one row of the first object type's
    listing. ``web_url`` is the address of an object's page at the remote, for people (see ``sync.integrators.web``).
    Older packages of this shape also set ``absolute_url`` (the base URL), ``secret_key`` and
    ``header_rate_limit_attr`` (the header of an answer whose value ends up in ``.rate_limit``).

    Args:
        model: an instance, a payload (a dict, or anything with ``dict()``), or None.
    """

    name: ClassVar[str] = "base"
    base_url: ClassVar[str] = ""
    absolute_url: ClassVar[str | None] = None
    secret_key: Any = None
    header_rate_limit_attr: str | None = None
    rate_headers: ClassVar[HeaderNames | None] = None
    auth: ClassVar[Any] = None
    rate_limit: Any = None
    retry: ClassVar[Any] = None
    timeout_s: ClassVar[float | None] = None
    connect_s: ClassVar[float | None] = None
    max_threads: ClassVar[int | None] = None
    user_agent: ClassVar[str | None] = None
    correlation_header: ClassVar[str | bool | None] = None
    traceparent: ClassVar[bool | None] = None
    probe_path: ClassVar[str | None] = None
    web_url: ClassVar[str] = ""

    _class_headers: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give the class its name, and keep options apart from the methods that share their name."""
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = name_of(cls)
        for name, kept in MOVED.items():
            value = inspect.getattr_static(cls, name, None)
            if isinstance(value, Mapping | int):
                setattr(cls, kept, value)
                if (ours := _ours(cls, name)) is not None:
                    setattr(cls, name, ours)

    def __init__(self, model: Any = None) -> None:
        self.model = model
        self._headers: dict[str, str] | None = None
        self._data: Any = None
        self._has_data = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers of this instance's requests, its own: built by set_headers() when first asked for."""
        if self._headers is None:
            self._headers = {**self._class_headers, **(self.set_headers() or {})}
        return self._headers

    @headers.setter
    def headers(self, value: Mapping[str, str]) -> None:
        self._headers = dict(value)

    @property
    def data(self) -> Any:
        """The payload: built by set_data() when first asked for, None where there is nothing to build it from."""
        if not self._has_data:
            self.data = self.set_data(self.model)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value
        self._has_data = True

    @classmethod
    def declared_headers(cls) -> dict[str, str]:
        """Return the headers that the class declares, without those of set_headers()."""
        return dict(cls._class_headers)

    @hook
    def set_headers(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        """Return headers of your own for each request; credentials belong into ``auth``."""
        return {}

    @hook
    def set_data(self, model: Any) -> Any:
        """Return the payload for a model: ``model.dict()``; a dict stands for itself.

        Args:
            model: as given to the constructor.
        """
        return None if model is None else payload_of(model)

    @hook
    def validate_response(self, response: Response) -> Any:
        """Return the ``id`` that an answer shows, else its content; an answer without a body is ``{}``.

        Args:
            response: of requests, or one shaped like it.

        Raises:
            RemoteError: the status says no, or the body is not what it says it is. An error is never None.
        """
        self.note_rate_limit(response)
        outcome = self.outcome_of(response)
        if not outcome.ok:
            logger.warning("%s: %s", self.name, outcome.detail)
            raise classify.to_error(outcome)
        try:
            content = classify.parse_body(response)
        except BadBody as error:
            logger.warning("%s: the answer cannot be read: %s", self.name, error.message)
            raise BadBody(error.message, status_code=response.status_code) from error
        shown = self.id_in(content)
        logger.info("%s: answered %d%s", self.name, response.status_code, "" if shown is None else f" for {shown}")
        if shown is not None:
            return shown
        return {} if content is None else content

    def outcome_of(self, response: Response) -> Outcome:
        """Return what the status of an answer means."""
        return classify.from_status(Verb.READ, response)

    def id_in(self, content: type_json) -> Any:
        """Return the id that a parsed body shows, as the remote wrote it; None where it shows none."""
        return content.get("id") if isinstance(content, Mapping) else None

    def note_rate_limit(self, response: Response | None) -> None:
        """Keep what ``header_rate_limit_attr`` names as ``.rate_limit``."""
        if self.header_rate_limit_attr and response is not None:
            self.rate_limit = response.headers.get(self.header_rate_limit_attr)


def name_of(cls: type[Any]) -> str:
    """Return the default name of an integrator: its class's, without ``Integrator``, in snake case."""
    bare = cls.__name__.removesuffix("Integrator") or cls.__name__
    return _WORD.sub("_", bare.strip("_")).lower()


def payload_of(model: Any) -> Any:
    """Return what a payload given to a constructor holds, as JSON values; anything else as it is.

    Raises:
        PayloadError: a value has no JSON form.
    """
    if isinstance(model, Mapping):
        return json_object(model)
    # Pydantic warns about dict(), its older name.
    dump = getattr(model, "model_dump" if hasattr(type(model), "model_dump") else "dict", None)
    return json_object(dump()) if callable(dump) else model


def failed(outcome: Outcome, error: Exception) -> Outcome:
    """Return the outcome of an answer whose hook raised: the remote's part stands as it was."""
    return Outcome(
        kind=OutcomeKind.HOOK_ERROR,
        code="hook_error",
        detail=classify.printable(hushed(f"validate_response() raised {type(error).__name__}: {error}"), 300),
        status_code=outcome.status_code,
        remote_id=outcome.remote_id,
        version=outcome.version,
        data=outcome.data,
    )


def part_of(response: Response, data: type_json) -> Response:
    """Return an answer to a batch as if it had been about one object.

    Args:
        response: to the batch.
        data: what it says of that object.
    """
    part = copy.copy(response)
    part._content = b"" if data is None else dumps(data).encode("ascii")
    return part


def _ours(cls: type[Any], name: str) -> Any:
    """Return the property or method that an option of the class hides, None where there is none."""
    found = (base.__dict__.get(name) for base in cls.__mro__[1:])
    return next((one for one in found if isinstance(one, property) or inspect.isfunction(one)), None)
