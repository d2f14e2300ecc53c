"""One line of the journal: a request, what became of it, and when."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from sync.testing.sandbox.config import Config
from sync.testing.sandbox.message import Request
from sync.testing.sandbox.route import Place

SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")
SECRET_WORDS = ("token", "secret", "password", "api-key", "apikey")


@dataclass(slots=True, kw_only=True)
class Entry:
    """A request in the journal: made when it arrives, completed before its answer leaves.

    ``at`` is wall and ``monotonic`` monotonic time of arrival, in seconds. ``kind`` is ``object``, ``bulk`` or
    ``token``. ``status`` is 0 while it is under way and where no answer was given. ``refused`` is ``limit``, ``auth``
    or empty; ``limited`` says that it came faster than a rate limit allows, ``replayed`` that a stored answer was
    given.
    """

    seq: int
    at: float
    monotonic: float
    method: str
    path: str
    query: str = ""
    kind: str = "object"
    collection: str = ""
    id: str = ""
    ids: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    body_bytes: int = 0
    key: str = ""
    client: str = ""
    applied: bool = False
    applied_at: float = 0.0
    status: int = 0
    duration_s: float = 0.0
    fault: str = ""
    refused: str = ""
    limited: bool = False
    replayed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: getattr(self, name) for name in NAMES}  # dataclasses.asdict copies deeply, on every request


NAMES = tuple(f.name for f in fields(Entry))


def arrived(seq: int, request: Request, place: Place, kind: str, config: Config) -> Entry:
    """Return the entry of a request that has just come."""
    headers = dict(request.headers) if config.journal_auth else redacted(request.headers)
    secret = kind == "token" and not config.journal_auth
    body = b"***" if secret else request.body[: config.journal_body]
    return Entry(
        seq=seq,
        at=request.at,
        monotonic=request.monotonic,
        method=request.method,
        path=request.path,
        query=request.query,
        kind=kind,
        collection=place.collection if kind != "token" else "",
        id=place.id if kind != "token" else "",
        headers=headers,
        body=body.decode("utf-8", "replace"),
        body_bytes=len(request.body),
        key=request.headers.get(config.idempotency_header.lower(), ""),
        client=request.client,
    )


def redacted(headers: Any) -> dict[str, str]:
    """Return headers with credentials starred out."""
    return {name: "***" if _secret(name) else value for name, value in headers.items()}


def _secret(name: str) -> bool:
    return name in SECRET_HEADERS or any(word in name for word in SECRET_WORDS)
