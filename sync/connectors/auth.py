"""How a request proves who asks. Secrets are references in the class, or sealed in the connection's row."""

from __future__ import annotations

import base64
import datetime as dt
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.signals import setting_changed

from sync.exceptions import SecretError
from sync.http import own_parameter
from sync.secrets import credentials, is_reference, is_secret_name, resolve, source

if TYPE_CHECKING:
    from sync.models import Connection


@dataclass(frozen=True, slots=True)
class Kept:
    """What was built for a connection as it stood at a time."""

    as_of: dt.datetime
    headers: dict[str, str] = field(repr=False)
    params: dict[str, str] = field(repr=False)


class Auth:
    """Base of every authentication: headers and parameters of a request, kept per connection and process.

    A subclass names its credentials in ``__init__`` by key, and turns them into headers or parameters in ``build``.
    A value in the connection's own credentials wins over the class's reference of the same key.
    """

    def __init__(self, **refs: str) -> None:
        self.refs: Mapping[str, str] = refs
        self._kept: dict[int, Kept] = {}
        _instances.add(self)

    def __repr__(self) -> str:
        shown = {key: ref if not ref or is_reference(ref) else "…" for key, ref in self.refs.items()}
        return f"{type(self).__name__}({', '.join(f'{key}={ref!r}' for key, ref in shown.items())})"

    def forget(self) -> None:
        """Build everything anew at the next request."""
        self._kept.clear()

    def headers(self, connection: Connection) -> dict[str, str]:
        """Return the headers that authenticate a request, a dict of the caller's own.

        Raises:
            SecretError: a credential is missing or cannot be read.
        """
        kept = self._kept.get(connection.pk)
        if kept is None or kept.as_of != connection.updated_at:
            kept = self._keep(connection)
        return kept.headers.copy()

    def params(self, connection: Connection) -> dict[str, str]:
        """Return the query parameters that authenticate a request; most kinds have none.

        Raises:
            SecretError: a credential is missing or cannot be read.
        """
        kept = self._kept.get(connection.pk)
        if kept is None or kept.as_of != connection.updated_at:
            kept = self._keep(connection)
        return kept.params.copy()

    def renew(self, connection: Connection, *, rejected: str) -> bool:  # noqa: ARG002 - the contract of all kinds
        """Return whether there is another token than the rejected one; here there never is.

        Args:
            connection: whose request was answered with 401.
            rejected: the token, or the whole Authorization header, that was refused.
        """
        return False

    def plain_secrets(self) -> tuple[str, ...]:
        """Return the keys whose value stands in the code, where a reference should."""
        return tuple(key for key, ref in self.refs.items() if ref and self.secret(key) and not is_reference(ref))

    def secret(self, key: str) -> bool:
        """Return whether the credential of this key must not be known."""
        return is_secret_name(key)

    def build(self, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return (headers, query parameters) made of the credentials."""
        raise NotImplementedError

    def read(self, connection: Connection) -> dict[str, str]:
        """Return every credential of this kind, by key.

        Raises:
            SecretError: one is missing or cannot be read.
        """
        own = credentials(connection)
        return {key: own.get(key) or self._resolve(connection, key, ref) for key, ref in self.refs.items()}

    def _resolve(self, connection: Connection, key: str, ref: str) -> str:
        if ref:
            return resolve(ref)
        raise SecretError(
            f"connection {connection} has no {key}",
            code="secret_missing",
            hint=f"give {type(self).__name__} a reference, or set the connection's credentials",
        )

    def _keep(self, connection: Connection) -> Kept:
        headers, params = self.build(self.read(connection))
        for name, value in headers.items():
            if not value.isprintable() or not value.isascii():
                raise SecretError(f"connection {connection}: the credential for {name} is not plain ASCII text")
        kept = Kept(connection.updated_at, headers, params)
        if connection.pk is not None:
            self._kept[connection.pk] = kept
        return kept


class BearerAuth(Auth):
    """``Authorization: Bearer <token>`` (RFC 6750).

    Args:
        token: reference to the token (``env:SHOP_TOKEN``); empty: only the connection's own ``token``.
        scheme: the word before the token; some remotes want ``Token``.
    """

    def __init__(self, token: str = "", *, scheme: str = "Bearer") -> None:
        super().__init__(token=token)
        self.scheme = scheme

    def build(self, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the Authorization header."""
        return {"Authorization": f"{self.scheme} {values['token']}"}, {}


class ApiKeyAuth(Auth):
    """A key in a header or, where a remote takes it nowhere else, in the query string.

    Args:
        api_key: reference to the key; empty: only the connection's own ``api_key``.
        header: name of the header.
        param: name of a query parameter, in place of the header. URLs end up in logs of proxies: prefer the header.
    """

    def __init__(self, api_key: str = "", *, header: str = "X-API-Key", param: str = "") -> None:
        super().__init__(api_key=api_key)
        self.header = header
        self.param = param
        if param:
            own_parameter(param)

    def build(self, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the header, or the parameter."""
        if self.param:
            return {}, {self.param: values["api_key"]}
        return {self.header: values["api_key"]}, {}


class BasicAuth(Auth):
    """``Authorization: Basic`` (RFC 7617).

    Args:
        username: reference to the user name, or the name itself.
        password: reference to the password.
    """

    def __init__(self, username: str = "", password: str = "") -> None:
        super().__init__(username=username, password=password)

    def build(self, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the Authorization header.

        Raises:
            SecretError: the user name holds a colon, which the scheme cannot carry.
        """
        if ":" in values["username"]:
            raise SecretError("a user name for basic authentication holds a colon")
        pair = f"{values['username']}:{values['password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}, {}


_instances: weakref.WeakSet[Auth] = weakref.WeakSet()


@source
def _referred() -> list[str]:
    """The secrets that the classes refer to: a hook may know them before the first request needs them."""
    return [value for auth in list(_instances) for key, ref in auth.refs.items() if (value := _known(auth, key, ref))]


def _known(auth: Auth, key: str, ref: str) -> str:
    try:
        return resolve(ref) if ref and (auth.secret(key) or is_reference(ref)) else ""
    except SecretError:
        return ""


def _forget(**_given: Any) -> None:
    for auth in list(_instances):
        auth.forget()


setting_changed.connect(_forget, dispatch_uid="crudsync.auth")
