"""Idempotency keys: an answer is given again for the same key, as Stripe and the IETF draft have it.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.testing.sandbox.config import Config
from sync.testing.sandbox.message import Refusal, Reply, Request
from sync.testing.sandbox.statefile import StateFile

METHODS = ("POST", "PATCH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of a key: the request's fingerprint, when it came (wall seconds), the answer once there is one."""

    print: str
    at: float
    reply: Reply | None = None


class Keys:
    """The keys that were used. Not locked: the sandbox holds its lock around every call.

    Args:
        file: where answers are kept beyond this process.
    """

    def __init__(self, file: StateFile | None = None) -> None:
        self.kept: dict[str, Kept] = {}
        self.file = file

    def begin(self, request: Request, config: Config) -> Reply | None:
        """Take a request's key. Return the stored answer where there is one.

        Raises:
            Refusal: the key is in use (409), or was used with another request (422).
        """
        key = key_of(request, config)
        if not key:
            return None
        kept = self.kept.get(key)
        if kept is None or kept.at < time.time() - config.idempotency_ttl_s:
            self.kept[key] = Kept(print=_fingerprint(request), at=time.time())
            return None
        if kept.print != _fingerprint(request):
            raise Refusal(422, "idempotency_key_reused", "this key came with another request before")
        if kept.reply is None:
            raise Refusal(409, "idempotency_key_in_use", "the first request with this key is still under way")
        return kept.reply

    def complete(self, request: Request, config: Config, reply: Reply) -> None:
        """Store the answer to a request that took a key."""
        key = key_of(request, config)
        if key and key in self.kept:
            kept = Kept(print=self.kept[key].print, at=self.kept[key].at, reply=reply)
            self.kept[key] = kept
            if self.file is not None:
                self.file.add(_line(key, kept))

    def release(self, request: Request, config: Config) -> None:
        """Forget a key whose request was never applied."""
        self.kept.pop(key_of(request, config), None)

    def clear(self) -> None:
        """Forget all keys."""
        self.kept.clear()

    def lines(self) -> list[dict[str, Any]]:
        """Return the answered keys as lines of a state file."""
        return [_line(key, kept) for key, kept in self.kept.items() if kept.reply is not None]

    def replay(self, line: Mapping[str, Any]) -> None:
        """Take over one line of a state file."""
        if "key" in line:
            headers = tuple((name, value) for name, value in line["headers"])
            reply = Reply(status=line["status"], body=base64.b64decode(line["body"]), headers=headers)
            self.kept[line["key"]] = Kept(print=line["print"], at=line["at"], reply=reply)


def key_of(request: Request, config: Config) -> str:
    """Return the request's key where keys are honoured, else an empty text."""
    if not config.idempotency or request.method not in METHODS:
        return ""
    return request.headers.get(config.idempotency_header.lower(), "")


def _fingerprint(request: Request) -> str:
    text = f"{request.method} {request.path}\n".encode() + request.body
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _line(key: str, kept: Kept) -> dict[str, Any]:
    reply = kept.reply or Reply()
    body = base64.b64encode(reply.body).decode("ascii")
    line = {"key": key, "print": kept.print, "at": kept.at, "status": reply.status, "body": body}
    return {**line, "headers": [list(pair) for pair in reply.headers]}
