"""Every error of django-crudsync, in one tree.

Each class says what the caller should do::

    CrudSyncError                     read .code, .hint
    ├── ConfigurationError            fix the code or the settings; nothing was sent
    │   ├── UnknownIntegrator         register it, or correct the name
    │   ├── UnknownObjectType         declare it in set_object_types(), or correct the name
    │   └── SecretError               a credential cannot be read: name it, or bring its key back
    ├── ObjectError                   correct the row; it is held until somebody edits it
    │   ├── ConstraintViolation       the data break set_data_constraints()
    │   ├── PayloadError              the payload cannot be built: a hook raised, or a value has no JSON form
    │   ├── ParentNotSynced           wait: .parent has to be at the remote first
    │   ├── PingPong                  each send brings about the next: see what changes it
    │   └── NotSyncable               this object is not one of a registered model, or not saved yet
    ├── ReasonMissing                 say why: what hides a failure is recorded with its reason
    ├── DrainFailed                   see the worker's log: code of the host's, or of ours, raised outside an object
    ├── InTransaction                 call again outside transaction.atomic()
    ├── ObjectBusy                    another worker holds the object: try again later
    ├── LinkRefused                   see .code: this tie to a remote object cannot be made or cut now
    ├── RateLimitExceeded             wait .retry_after_s, then try again: our own bucket is empty
    │   └── LimiterUnavailable        Redis is away, and the limiter is closed rather than open
    ├── RemoteError                   the remote, or the way to it, said no
    │   ├── NotSent                   repeat: nothing reached the remote
    │   │   ├── NameNotResolved
    │   │   ├── ConnectFailed
    │   │   ├── TlsFailed
    │   │   └── AddressRefused        the URL leads where it must not
    │   ├── DeliveryUnknown           look before sending again: it may have been applied
    │   │   ├── DeadlineExceeded
    │   │   ├── ConnectionLost
    │   │   ├── BodyTooLarge
    │   │   └── BadBody               the answer is not what its content type says
    │   ├── ServerError               5xx: may have been applied
    │   ├── Throttled                 429 (or 503 with Retry-After): wait .retry_after_s
    │   ├── Unauthorized              401: renew the credentials
    │   ├── Forbidden                 403, or a redirect of a write
    │   ├── NotFound                  404 or 410
    │   ├── Conflict                  409
    │   ├── StaleVersion              412: fetch, compare, send again
    │   └── Refused                   any other 4xx: repeating it as it is will not help
    └── PaginationError               the listing loops, repeats, or leaves its origin
"""

from __future__ import annotations

from typing import Any

LONGEST_SHOWN = 100
"""Characters of a wrong value in a message."""


class CrudSyncError(Exception):
    """Base of every error here.

    Args:
        message: one sentence for a person; never holds a secret.
        code: a stable word for machines; the class has a default.
        hint: what to do about it, one sentence.
    """

    code: str = "error"
    hint: str = ""

    def __init__(self, message: str = "", *, code: str = "", hint: str = "") -> None:
        super().__init__(message or self.__class__.__name__)
        if code:
            self.code = code
        if hint:
            self.hint = hint

    @property
    def message(self) -> str:
        """The sentence without the hint."""
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigurationError(CrudSyncError):
    """The code or the settings are wrong. Nothing was sent."""

    code = "configuration"


class UnknownIntegrator(ConfigurationError):
    """No integrator of this name is registered."""

    code = "unknown_integrator"


class UnknownObjectType(ConfigurationError, ValueError):
    """The integrator declares no such object type. A ValueError too, as older packages of this shape raise."""

    code = "unknown_object_type"


class SecretError(ConfigurationError):
    """A credential cannot be read. Fails closed: the request is not sent."""

    code = "secret_unreadable"


class ObjectError(CrudSyncError):
    """This one object cannot be sent as it is."""

    code = "object"


class ConstraintViolation(ObjectError):
    """The data hold a value that set_data_constraints() forbids."""

    code = "data_constraint"


class PayloadError(ObjectError):
    """The payload of this object cannot be built."""

    code = "hook_error"


class ParentNotSynced(ObjectError):
    """The object refers to another one that the remote does not have yet.

    Args:
        parent: the other one, ``type:object id``.
    """

    code = "waits_for_parent"

    def __init__(self, message: str = "", *, parent: str = "", code: str = "", hint: str = "") -> None:
        super().__init__(message or f"{parent} is not at the remote yet", code=code, hint=hint)
        self.parent = parent


class NotSyncable(ObjectError):
    """This object belongs to no registered model, or is not saved."""

    code = "not_syncable"


class PingPong(ObjectError):
    """Each send of the object brings about the next, and nobody has edited it."""

    code = "ping_pong"


class ReasonMissing(CrudSyncError):
    """Dead letters were to be ignored without a reason."""

    code = "reason_missing"


class DrainFailed(CrudSyncError):
    """A drain could not go on: something outside any one object raised. Nothing is lost, and the gate says why."""

    code = "drain_failed"
    hint = "see the worker's log"


class InTransaction(CrudSyncError):
    """A call to the remote was asked for inside an open transaction, which could still roll back."""

    code = "in_transaction"
    hint = "call it after the transaction, for example in transaction.on_commit()"


class ObjectBusy(CrudSyncError):
    """Another worker holds the lease of this object."""

    code = "busy"


class LinkRefused(CrudSyncError):
    """The tie between a local and a remote object cannot be made, or cut, as things stand."""

    code = "link_refused"


class RateLimitExceeded(CrudSyncError):
    """No token was free within the time given.

    Args:
        retry_after_s: seconds until a token is expected.
    """

    code = "rate_limit_exceeded"

    def __init__(self, message: str = "", *, retry_after_s: float = 0.0, code: str = "", hint: str = "") -> None:
        super().__init__(message or f"no token free; the next one in {retry_after_s:.2f} s", code=code, hint=hint)
        self.retry_after_s = retry_after_s


class LimiterUnavailable(RateLimitExceeded):
    """Redis does not answer, and the limiter fails closed."""

    code = "limiter_unavailable"


class RemoteError(CrudSyncError):
    """The remote, or the way to it, said no.

    Args:
        status_code: HTTP status of the answer, 0 where there was none.
        retry_after_s: seconds the remote asked us to wait, None where it did not say.
    """

    code = "remote"
    hint = "read what the operation of this call recorded"

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int = 0,
        retry_after_s: float | None = None,
        code: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.status_code = status_code
        self.retry_after_s = retry_after_s


class NotSent(RemoteError):
    """Nothing reached the remote: it is safe to repeat."""

    code = "not_sent"
    hint = "repeat it: nothing reached the remote"


class NameNotResolved(NotSent):
    """The host name has no address, or none in time."""

    code = "name_not_resolved"
    hint = "check the host name in base_url"


class ConnectFailed(NotSent):
    """Refused, unreachable, or no connection in time."""

    code = "connect_failed"
    hint = "check that the remote is up, and that base_url names its port"


class TlsFailed(NotSent):
    """The TLS handshake failed."""

    code = "tls_failed"
    hint = "check the remote's certificate, and that base_url has the name that it is for"


class AddressRefused(NotSent):
    """The URL is not one that this connection may call."""

    code = "address_refused"
    hint = "let base_url lead to a public http or https address"


class DeliveryUnknown(RemoteError):
    """Bytes went out and no usable answer came back: it may have been applied."""

    code = "unknown"
    hint = "look before sending again: it may have been applied"


class DeadlineExceeded(DeliveryUnknown):
    """The whole call took longer than its total deadline."""

    code = "deadline_exceeded"
    hint = "look before sending again; raise timeout_s where the remote needs longer"


class ConnectionLost(DeliveryUnknown):
    """The connection broke after bytes had been written."""

    code = "connection_lost"


class BodyTooLarge(DeliveryUnknown):
    """The decoded body is larger than the cap."""

    code = "body_too_large"
    hint = "look before sending again; raise CRUDSYNC['max_bytes'] where such answers are meant"


class BadBody(DeliveryUnknown):
    """The body is not what it says it is."""

    code = "bad_body"
    hint = "look before sending again; check that base_url leads to the API, and not to a page or a proxy"


class ServerError(RemoteError):
    """5xx. A write may have been applied."""

    code = "server_error"
    hint = "look before sending again: it may have been applied"


class Throttled(RemoteError):
    """The remote asks for a pause."""

    code = "throttled"
    hint = "wait, and let rate_limit be what the remote allows"


class Unauthorized(RemoteError):
    """401: the credentials are not accepted."""

    code = "unauthorized"
    hint = "check the credentials of the connection"


class Forbidden(RemoteError):
    """403, or a redirect in answer to a write."""

    code = "forbidden"
    hint = "check what the account may do, and that base_url is where the remote redirects to"


class NotFound(RemoteError):
    """404 or 410."""

    code = "not_found"
    hint = "check the endpoint, or who removed the object"


class Conflict(RemoteError):
    """409."""

    code = "conflict"
    hint = "look up what the remote has under this key"


class StaleVersion(RemoteError):
    """412: the object at the remote is not the version we knew."""

    code = "stale_version"
    hint = "fetch the object, compare, and send it again"


class Refused(RemoteError):
    """Any other 4xx: permanent for this payload."""

    code = "refused"
    hint = "correct the row by what the answer says"


class PaginationError(CrudSyncError):
    """The listing loops, repeats itself, or points to another origin."""

    code = "pagination"
    hint = "check the object type's paginator and items"


def shown(value: Any) -> str:
    """Return a wrong value as a message may show it: on one line, and not at any length."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
