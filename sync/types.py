"""The values that cross rooms, and the protocols by which a lower room knows an upper one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    from django.db.models import Model, Q
    from requests import Response

type_json = Any
"""What json.loads returns."""

# --- words -----------------------------------------------------------------------------------------------------------


class Verb(StrEnum):
    """What one operation asks of the remote."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    READ = "read"
    LOOKUP = "lookup"
    LIST = "list"

    @property
    def writes(self) -> bool:
        """True where the remote's state may change."""
        return self in (Verb.CREATE, Verb.UPDATE, Verb.DELETE)


class Lane(IntEnum):
    """Urgency. A lower number goes first."""

    LIVE = 0
    RETRY = 1
    BULK = 2


OURSELVES = "crudsync"
"""The actor of what hooks and write-backs save while the drain works: an echo, until something else is edited."""


class Wanted(IntEnum):
    """What is asked for a binding. A request never lowers it."""

    AUTO = 0
    VERIFY = 1
    PUSH = 2
    DELETE = 3


class OutcomeKind(StrEnum):
    """What an answer means for delivery (protocol, section 4)."""

    OK = "ok"
    NOT_SENT = "not_sent"  # nothing reached the remote; the connection's fault
    NO_TOKEN = "no_token"  # the grant went stale before the send; nobody's fault
    UNKNOWN = "unknown"  # may have been applied
    UNAVAILABLE = "unavailable"  # 503 with Retry-After: may have been applied, and the gate shuts
    THROTTLED = "throttled"  # 429: not applied, and the gate shuts
    UNAUTHORIZED = "unauthorized"  # 401 after a refresh: not applied, and the gate shuts
    FORBIDDEN = "forbidden"  # 403, or a redirect of a write: not applied, perhaps the connection's fault
    REFUSED = "refused"  # any other 4xx: permanent
    NOT_FOUND = "not_found"  # 404 or 410
    CONFLICT = "conflict"  # 409
    STALE_VERSION = "stale_version"  # 412
    HOOK_ERROR = "hook_error"  # our own hook raised after the answer


# --- what goes out, what comes back ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, ready to be sent.

    ``timeout_s`` is total: name resolution, connecting, headers and body. ``connect_s`` bounds connecting alone.
    ``max_bytes`` caps the decoded body. ``redirects`` is only ever true for reads.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float = 10.0
    connect_s: float = 3.0
    max_bytes: int = 10 * 1024 * 1024
    redirects: bool = False

    def __repr__(self) -> str:
        """Show where it goes, and nothing that may be a credential: headers, body, query."""
        return f"Request({self.method} {self.url.partition('?')[0]}, timeout_s={self.timeout_s})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, or why nothing did: exactly one of ``response`` and ``error`` is set.

    ``response`` has its body read and capped; ``elapsed_ms`` covers the whole call.
    """

    response: Response | None = None
    error: Exception | None = None
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an answer means: in scalars first, so that recording it cannot fail on the remote's data.

    ``remote_id`` and ``version`` are text or None; ``data`` is the parsed object, as the remote showed it (without
    its envelope), None where there was no body; ``items`` is what a look-up or list found. ``retry_after_s`` is
    seconds. ``code`` is stable, ``detail`` is one redacted sentence; ``field`` and ``message`` are a refusal's own.
    """

    kind: OutcomeKind
    code: str = ""
    detail: str = ""
    status_code: int = 0
    remote_id: str | None = None
    version: str | None = None
    data: type_json = None
    items: Sequence[type_json] | None = None
    retry_after_s: float | None = None
    field: str = ""
    message: str = ""

    @property
    def ok(self) -> bool:
        """True where the remote did what was asked."""
        return self.kind is OutcomeKind.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One thing to ask of the remote, before it is a request.

    ``payload`` is the whole state, ``text`` its canonical JSON where that is known already, ``changes`` what differs
    from what the remote has (None: send the whole state); ``key`` is the idempotency key of a create; ``version`` goes
    into If-Match.
    """

    verb: Verb
    object_type: str
    object_id: str = ""
    remote_id: str | None = None
    payload: Mapping[str, type_json] | None = None
    text: str | None = None
    changes: Mapping[str, type_json] | None = None
    key: str = ""
    version: str | None = None


# --- rates and retries -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``limit`` calls in any window of ``per`` seconds.

    Args:
        limit: calls, a whole number above 0.
        per: seconds, above 0. Windows of an hour and more are counted in segments.
        burst: calls that may go at once after a pause; at most ``limit``.
        endpoints: only calls to these endpoints count (empty: all).
        methods: only calls with these HTTP methods count (empty: all).
        name: the bucket's name; two limits of one name share a bucket. Default: made from the other arguments.
    """

    limit: int
    per: float = 60.0
    burst: int = 1
    endpoints: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long between, a failing object is tried (full jitter).

    Args:
        attempts: tries before the object may be dead, 1 or more.
        base_delay: seconds; the first wait is between 0 and this.
        max_delay: seconds; no wait is longer.
        exponential_base: the factor from one wait to the next, 1 or more.
        max_age: seconds an object must have been dirty before used-up attempts make it dead.
    """

    attempts: int = 5
    base_delay: float = 1.0
    max_delay: float = 60.0
    exponential_base: float = 2.0
    max_age: float = 3600.0


# --- the seed contract -----------------------------------------------------------------------------------------------


@runtime_checkable
class DjangoModelProtocol(Protocol):
    """Anything that can give itself as a dict: a model with ``dict()``, a pydantic-like payload."""

    def dict(self) -> dict[str, Any]:
        """Return the data to send."""


class ObjectTypeDefinition(TypedDict, total=False):
    """The plain-dict form of an object type: a model and the endpoint it goes to."""

    model: type[Any]
    endpoint: str


# --- how the drain knows an integrator -------------------------------------------------------------------------------


class ObjectTypeSpec(Protocol):
    """What the drain, intake and capture read of an object type (``sync.integrators.ObjectType`` is one)."""

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> type[Model]: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def sync_when(self) -> Q | None: ...
    @property
    def on_leave(self) -> str: ...  # "delete" | "keep"
    @property
    def on_delete(self) -> str: ...  # "delete" | "keep"
    @property
    def keyed(self) -> bool: ...  # the remote honours idempotency keys
    @property
    def key_ttl(self) -> float: ...  # seconds
    @property
    def client_id(self) -> bool: ...  # created by PUT under our own id
    @property
    def can_lookup(self) -> bool: ...  # a natural key, an external id or our own id
    @property
    def can_read(self) -> bool: ...
    @property
    def lookup_lag(self) -> float: ...  # seconds until a created object is sure to be found
    @property
    def on_uncertain(self) -> str: ...  # "hold" | "retry"
    @property
    def on_gone(self) -> str: ...  # "recreate" | "detach" | "hold"
    @property
    def rest_s(self) -> float: ...
    @property
    def lane(self) -> Lane: ...
    @property
    def parents(self) -> Sequence[ParentSpec]: ...
    @property
    def bulk(self) -> BulkSpec | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentSpec:
    """A foreign key that is sent as the parent's remote id.

    ``field`` is the model field's name, ``attname`` its column attribute, ``via`` the parent's object type in the same
    integrator, ``target`` the key in the payload, ``nullable`` whether null may be sent first.
    """

    field: str
    attname: str
    via: str
    target: str
    nullable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSpec:
    """Bulk endpoints of an object type: paths are relative to the base URL; ``size`` is objects a call.

    Answers are paired with what was sent by the value at ``key`` in the payload, never by position. ``envelope`` wraps
    the list on the way out; ``items`` is the path of the list in the answer (empty: the answer is the list).
    """

    key: str
    create: str = ""
    update: str = ""
    size: int = 100
    envelope: str = ""
    items: str = ""


class IntegratorSpec(Protocol):
    """What the drain asks of an integrator. An instance speaks for one object under one connection."""

    name: str
    object_type: str
    connection: Any

    @classmethod
    def types(cls) -> Mapping[str, ObjectTypeSpec]:
        """The object types by name."""

    def parent_ids(self) -> Mapping[str, str | None]: ...
    def build_payload(self, remote_ids: Mapping[str, str | None]) -> dict[str, type_json]: ...
    def build_request(self, call: Call) -> Request: ...
    def read_answer(self, call: Call, answer: Answer) -> Outcome: ...
    def build_bulk_request(self, calls: Sequence[Call]) -> Request: ...
    def read_bulk_answer(self, calls: Sequence[Call], answer: Answer) -> Sequence[Outcome]: ...
    def transmit(self, request: Request) -> Answer: ...
    def outdated(self, request: Request) -> bool: ...
    def renew(self, request: Request) -> bool: ...
    def limits(self, verb: Verb) -> Sequence[RateLimit]: ...
    def retry_policy(self) -> RetryPolicy: ...
    def threads(self) -> int: ...
    def deadline_s(self) -> float: ...
    def writing(self) -> AbstractContextManager[None]: ...
    def writes_back(self) -> bool: ...
    def write_back_values(self, outcome: Outcome) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Permission to send one call: not before ``at``, worthless after ``until`` (both ``time.monotonic()`` seconds)."""

    at: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a limiter gave: as many grants as it could, and when the next token is due (seconds from now)."""

    granted: Sequence[Grant]
    retry_after_s: float = 0.0
