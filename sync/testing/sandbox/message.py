"""A request as it came, and a reply with the manner in which it is to be sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

JSON = "application/json"
encode_json = json.JSONEncoder(separators=(",", ":"), default=str).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, whole.

    ``path`` and ``query`` are raw; header names are lower case; ``body`` is decoded; ``at`` is wall time and
    ``monotonic`` the monotonic clock at its first byte, both in seconds.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    monotonic: float
    client: str = ""

    @property
    def params(self) -> dict[str, str]:
        """The query parameters; of a repeated one, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True)) if self.query else {}

    @property
    def origin(self) -> str:
        """Scheme and host as the client called us."""
        return f"http://{self.headers.get('host', 'localhost')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer.

    ``manner`` says how it leaves: ``plain``, ``reset``, ``close``, ``hold``, ``drip_head``, ``drip_body``,
    ``truncate``, ``endless``. ``seconds`` belongs to hold, endless and drips (per piece of ``piece`` bytes). ``length``
    overrides the Content-Length. ``raw`` bodies are never compressed. ``head`` replaces the whole head. ``delay_s`` is
    seconds before anything leaves.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    manner: str = "plain"
    seconds: float = 0.0
    piece: int = 1
    length: int | None = None
    raw: bool = False
    delay_s: float = 0.0
    head: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What serving a request did: the reply, whether the state was changed, and the ids it touched."""

    reply: Reply
    applied: bool = False
    ids: tuple[str, ...] = field(default=())


class Refusal(Exception):
    """The request cannot be served as it is: becomes a JSON error.

    Args:
        status: HTTP status.
        code: a stable word.
        message: one sentence.
        field: the key at fault, where there is one.
        details: more members of the error object.
    """

    def __init__(self, status: int, code: str, message: str, *, field: str = "", **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message, **({"field": field} if field else {}), **details}

    def reply(self, *headers: tuple[str, str]) -> Reply:
        """Return the error as a reply."""
        return json_reply({"error": self.error}, self.status, *headers)


def json_reply(data: Any, status: int = 200, *headers: tuple[str, str]) -> Reply:
    """Return ``data`` as a JSON reply."""
    return Reply(status=status, body=encode_json(data).encode(), headers=headers)


def error(status: int, code: str, message: str) -> Reply:
    """Return a JSON error."""
    return Refusal(status, code, message).reply()
