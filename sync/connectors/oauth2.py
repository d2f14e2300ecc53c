"""OAuth 2.0 (RFC 6749): tokens that end, renewed by one worker for all of them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import logging
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import quote_plus, urlencode

from sync import conf
from sync.connectors import access_tokens
from sync.connectors.auth import Auth
from sync.exceptions import NotSent, Unauthorized
from sync.http import Transport
from sync.secrets import configured, resolve
from sync.types import Answer, Request

if TYPE_CHECKING:
    from sync.models import Connection

log = logging.getLogger("crudsync.oauth2")

EARLY_S = 30.0  # renew this long before the end, but never more than a tenth of the token's life
LONGEST_S = 365 * 24 * 3600.0
POLL_S = 0.05
MAX_BYTES = 256 * 1024
ORIGIN = "refresh_origin"
_WORD = re.compile(r"[a-z_]{1,50}")


class Sender(Protocol):
    """What sends a request: ``sync.http.Transport``, or a double of it."""

    def send(self, request: Request, /) -> Answer: ...  # noqa: D102 - its real ones say it


@dataclass(frozen=True, slots=True)
class Held:
    """A token in memory: as of which state of the row, and until when (``time.monotonic()`` seconds)."""

    as_of: dt.datetime
    token: str = field(repr=False)
    until: float


class OAuth2(Auth):
    """Base of the OAuth 2.0 grants: how a token is got is theirs, everything else is here."""

    def __init__(
        self,
        token_url: str,
        *,
        scope: str = "",
        client_auth: Literal["basic", "body"] = "basic",
        extra: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        transport: Sender | None = None,
        **refs: str,
    ) -> None:
        super().__init__(**refs)
        self.token_url = token_url
        self.scope = scope
        self.client_auth = client_auth
        self.extra = dict(extra or {})
        self.timeout_s = timeout_s
        self._transport = transport
        self._held: dict[int, Held] = {}

    def headers(self, connection: Connection) -> dict[str, str]:
        """Return the Authorization header, getting a token first where there is none that is still good.

        Raises:
            SecretError: a credential is missing or cannot be read.
            Unauthorized: the token endpoint does not accept the credentials.
            NotSent: no token could be had; nothing reached the remote.
        """
        held = self._held.get(connection.pk)
        if held is None or held.as_of != connection.updated_at or time.monotonic() >= held.until:
            held = self._current(connection, refused="")
        return {"Authorization": f"Bearer {held.token}"}

    def params(self, connection: Connection) -> dict[str, str]:  # noqa: ARG002 - the contract of all kinds
        """Return no parameters: a token never stands in a URL."""
        return {}

    def renew(self, connection: Connection, *, rejected: str) -> bool:
        """Get another token than the rejected one, or take the one another worker got; False where that fails.

        Raises:
            SecretError: a credential is missing or cannot be read.
            InTransaction: the token could not be committed before it is used.
        """
        try:
            self._current(connection, refused=rejected.rpartition(" ")[2])
        except (NotSent, Unauthorized) as error:
            log.warning("connection %s: no new token: %s", connection, error.message)
            return False
        return True

    def forget(self) -> None:
        """Read every token from the database at the next request."""
        super().forget()
        self._held.clear()

    def form(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters of the token request, without the client's own."""
        raise NotImplementedError

    def _current(self, connection: Connection, *, refused: str) -> Held:
        deadline = time.monotonic() + self.timeout_s + 2.0
        while not (stored := access_tokens.load(connection.pk)).usable(refused):
            with access_tokens.lease(connection.pk, self.timeout_s + 5.0) as mine:
                if mine:
                    self._renew(connection, refused)
                    stored = access_tokens.load(connection.pk)
                    break  # one that ends at once is used all the same: asking again would never end
            if time.monotonic() >= deadline:
                raise NotSent("another worker is renewing the token, and takes too long", code="token_awaited")
            time.sleep(POLL_S)
        return self._hold(connection, stored)

    def _renew(self, connection: Connection, refused: str) -> None:
        stored = access_tokens.load(connection.pk)
        if stored.usable(refused):  # renewed between our look and our lease
            return
        values, origin = self._values(connection, stored)
        granted = self._ask(values)
        if refused and granted[access_tokens.TOKEN] == refused:
            raise Unauthorized("the token endpoint gives the refused token again", code="token_refused")
        if "refresh_token" in granted and origin:
            granted[ORIGIN] = origin
        access_tokens.save(connection.pk, granted, instead_of=stored.token)
        log.info("connection %s: token renewed", connection)

    def _values(self, connection: Connection, stored: access_tokens.Stored) -> tuple[dict[str, str], str]:
        """Return the credentials, and the digest of the configured refresh token that the used one descends from.

        A remote that rotates refresh tokens leaves its newest in the row. A person who configures another one means
        it: the row's then no longer descends from it, and gives way.
        """
        given = {**self.refs, **configured(connection)}
        own = stored.credentials
        values = {key: own.get(key, "") for key in given}
        seed = resolve(given["refresh_token"]) if given.get("refresh_token") else ""
        origin = own.get(ORIGIN, "")
        if seed and (not values["refresh_token"] or (origin and origin != _digest(seed))):
            values["refresh_token"], origin = seed, _digest(seed)
        return {key: value or self._resolve(connection, key, given[key]) for key, value in values.items()}, origin

    def _ask(self, values: Mapping[str, str]) -> dict[str, str]:
        transport = self._transport = self._transport or Transport()
        answer = transport.send(self._request(values))
        if answer.response is None:
            raise NotSent("the token endpoint does not answer", code="token_endpoint") from answer.error
        return _read(answer)

    def _request(self, values: Mapping[str, str]) -> Request:
        form = {**self.form(values), **({"scope": self.scope} if self.scope else {}), **self.extra}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "User-Agent": conf.current().user_agent,
        }
        if self.client_auth == "basic":  # RFC 6749, section 2.3.1: both parts form-encoded first
            pair = f"{quote_plus(values['client_id'])}:{quote_plus(values['client_secret'])}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
        else:
            form |= {"client_id": values["client_id"], "client_secret": values["client_secret"]}
        return Request(
            method="POST",
            url=self.token_url,
            headers=headers,
            body=urlencode(form).encode("ascii"),
            timeout_s=self.timeout_s,
            max_bytes=MAX_BYTES,
        )

    def _hold(self, connection: Connection, stored: access_tokens.Stored) -> Held:
        held = Held(connection.updated_at, stored.token, time.monotonic() + stored.lasts_s())
        self._held[connection.pk] = held
        return held


class OAuth2ClientCredentials(OAuth2):
    """Tokens for the client itself (RFC 6749, section 4.4).

    Args:
        token_url: of the token endpoint.
        client_id: reference to the client's id, or the id; empty: only the connection's own ``client_id``.
        client_secret: reference to its secret; empty: only the connection's own ``client_secret``.
        scope: what is asked for, space-separated.
        client_auth: where the client's id and secret go: ``basic`` (the Authorization header) or ``body``.
        extra: further parameters of the token request, such as ``audience``; never a secret.
        timeout_s: seconds, of the whole call to the token endpoint.
    """

    def __init__(self, token_url: str, client_id: str = "", client_secret: str = "", **options: Any) -> None:
        super().__init__(token_url, client_id=client_id, client_secret=client_secret, **options)

    def form(self, values: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG002 - the contract of all grants
        """Return the parameters of the token request."""
        return {"grant_type": "client_credentials"}


class OAuth2RefreshToken(OAuth2):
    """Tokens on behalf of a user, by a refresh token (RFC 6749, section 6), which the remote may rotate.

    Args:
        token_url: of the token endpoint.
        client_id: reference to the client's id, or the id; empty: only the connection's own ``client_id``.
        client_secret: reference to its secret; empty: only the connection's own ``client_secret``.
        refresh_token: reference to the first refresh token; empty: only the connection's own ``refresh_token``.
            One that the remote gave in return wins, until another one is configured.
        scope: what is asked for, space-separated.
        client_auth: where the client's id and secret go: ``basic`` (the Authorization header) or ``body``.
        extra: further parameters of the token request; never a secret.
        timeout_s: seconds, of the whole call to the token endpoint.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str = "",
        client_secret: str = "",
        refresh_token: str = "",
        **options: Any,
    ) -> None:
        super().__init__(
            token_url, client_id=client_id, client_secret=client_secret, refresh_token=refresh_token, **options
        )

    def form(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters of the token request."""
        return {"grant_type": "refresh_token", "refresh_token": values["refresh_token"]}


def _read(answer: Answer) -> dict[str, str]:
    """Return what a token endpoint granted, ready to be stored."""
    response = answer.response
    assert response is not None  # noqa: S101 - the caller has looked
    status = response.status_code
    data = _json(response.content)
    if status in (400, 401, 403):
        word = str(data.get("error", ""))
        why = f": {word}" if _WORD.fullmatch(word) else ""
        raise Unauthorized(f"the token endpoint refuses the credentials{why}", status_code=status, code="token_refused")
    token = data.get("access_token")
    if not 200 <= status < 300 or not isinstance(token, str) or not (token.isascii() and token.isprintable() and token):
        raise NotSent(f"the token endpoint gave no token (HTTP {status})", status_code=status, code="token_endpoint")
    granted = {access_tokens.TOKEN: token, access_tokens.UNTIL: _until(data.get("expires_in"), answer.elapsed_ms)}
    refresh = data.get("refresh_token")
    if isinstance(refresh, str) and refresh:
        granted["refresh_token"] = refresh
    return granted


def _json(content: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _until(expires_in: Any, elapsed_ms: float) -> str:
    try:
        lasts_s = min(float(expires_in), LONGEST_S)
    except (TypeError, ValueError, OverflowError):
        return ""
    if not math.isfinite(lasts_s) or lasts_s <= 0 or isinstance(expires_in, bool):
        return ""
    lasts_s -= min(EARLY_S, lasts_s / 10) + elapsed_ms / 1000
    return (access_tokens.now() + dt.timedelta(seconds=lasts_s)).isoformat()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
