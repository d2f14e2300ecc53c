"""Who may call: bearer tokens, an API key header, basic, and an OAuth2 token endpoint with rotation."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sync.testing.sandbox.message import Refusal, Reply, Request, json_reply
from sync.testing.sandbox.statefile import StateFile

TOKEN_PATH = "/oauth/token"  # noqa: S105  - a path
DEFAULT_TTL_S = 3600.0


class Auth:
    """The tokens that were issued. Not locked: the sandbox holds its lock around every call.

    Args:
        file: where tokens are kept beyond this process.
    """

    def __init__(self, file: StateFile | None = None) -> None:
        self.access: dict[str, float] = {}
        self.refresh: set[str] = set()
        self.used: set[str] = set()
        self.file = file

    def check(self, request: Request, rules: Mapping[str, Any]) -> Reply | None:
        """Return the 401 that the request gets, None where it may pass."""
        if not rules:
            return None
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._bearer(given.strip(), rules):
            return None
        if scheme.lower() == "basic" and _basic(given, rules.get("basic", {})):
            return None
        api_key = rules.get("api_key", {})
        held = request.headers.get(str(api_key.get("header", "X-Api-Key")).lower())
        if api_key and held is not None and held in api_key.get("keys", ()):
            return None
        return Refusal(401, "unauthorized", "the credentials are not accepted").reply(("WWW-Authenticate", "Bearer"))

    def token(self, request: Request, rules: Mapping[str, Any]) -> Reply:
        """Serve the token endpoint (RFC 6749, sections 4.4 and 6)."""
        oauth = rules.get("oauth")
        if oauth is None:
            raise Refusal(404, "not_found", "no token endpoint is configured")
        form = _form(request)
        client, secret = _client(request, form)
        if oauth.get("clients") and oauth["clients"].get(client) != secret:
            return json_reply({"error": "invalid_client"}, 401)
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return json_reply(self._issue(oauth))
        if grant == "refresh_token":
            return self._refreshed(form.get("refresh_token", ""), oauth)
        return json_reply({"error": "unsupported_grant_type"}, 400)

    def revoke(self) -> None:
        """Make every access token invalid at once."""
        self.access.clear()

    def clear(self) -> None:
        """Forget all tokens."""
        self.access.clear()
        self.refresh.clear()
        self.used.clear()

    def lines(self) -> list[dict[str, Any]]:
        """Return the tokens as lines of a state file."""
        issued = [{"token": token, "until": until} for token, until in self.access.items() if until > time.time()]
        return issued + [{"refresh": token} for token in self.refresh] + [{"used": token} for token in self.used]

    def _bearer(self, token: str, rules: Mapping[str, Any]) -> bool:
        return token in rules.get("bearer", ()) or ("oauth" in rules and self.access.get(token, 0.0) > time.time())

    def _refreshed(self, token: str, oauth: Mapping[str, Any]) -> Reply:
        known = token in self.refresh or token in oauth.get("refresh_tokens", ())
        if not known or token in self.used:
            return json_reply({"error": "invalid_grant"}, 400)
        if oauth.get("rotate", True):
            self.refresh.discard(token)
            self._keep({"used": token})
            return json_reply(self._issue(oauth))
        return json_reply({**self._issue(oauth), "refresh_token": token})

    def _issue(self, oauth: Mapping[str, Any]) -> dict[str, Any]:
        ttl_s = float(oauth.get("ttl_s", DEFAULT_TTL_S))
        access, refresh = f"at_{secrets.token_hex(12)}", f"rt_{secrets.token_hex(12)}"
        self._keep({"token": access, "until": time.time() + ttl_s})
        self._keep({"refresh": refresh})
        answer = {"access_token": access, "token_type": "bearer", "refresh_token": refresh}
        return {**answer, "expires_in": int(ttl_s) if ttl_s == int(ttl_s) else ttl_s}

    def _keep(self, line: dict[str, Any]) -> None:
        self.replay(line)
        if self.file is not None:
            self.file.add(line)

    def replay(self, line: Mapping[str, Any]) -> None:
        """Take over one line of a state file."""
        if "token" in line:
            self.access[line["token"]] = line["until"]
        elif "refresh" in line:
            self.refresh.add(line["refresh"])
        elif "used" in line:
            self.refresh.discard(line["used"])
            self.used.add(line["used"])


def _form(request: Request) -> dict[str, str]:
    text = request.body.decode("utf-8", "replace")
    if "json" not in request.headers.get("content-type", ""):
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        data = json.loads(text)
    except ValueError as exc:
        raise Refusal(400, "invalid_request", "the body is not JSON") from exc
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else {}


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        name, _, password = _decoded(given).partition(":")
        return name, password
    return form.get("client_id", ""), form.get("client_secret", "")


def _basic(given: str, users: Mapping[str, str]) -> bool:
    name, colon, password = _decoded(given).partition(":")
    return bool(colon) and name in users and users[name] == password


def _decoded(given: str) -> str:
    try:
        return base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
