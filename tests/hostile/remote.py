"""A small remote that speaks real bytes, good to everybody but for what a test wants answered to one object."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.http.conftest import RawServer, ok

Hostile = bytes | Callable[[socket.socket], None]
"""The bytes of a whole answer, or what writes them.

``answering`` makes them from the request, ``by_name`` also for other objects; ``tokens`` is what a token endpoint
grants."""

PATIENCE_S = 0.4
"""How long a connection stays open after a hostile answer, which may have promised more than it holds."""

POISON = "poison"
"""The text of the object that a hostile answer is for."""


class Spoken:
    """One request as it came: ``target`` is as it stood in the first line."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.lines = lines
        self.method, self.target, self.version = first.split(" ")
        pairs = [line.partition(": ") for line in lines]
        self.headers = {name.lower(): value for name, _, value in pairs}
        plain = "form" not in self.headers.get("content-type", "")
        self.data: Any = json.loads(self.body) if self.body and plain else None


class SmallRemote(RawServer):
    """Takes notes and keeps them; ``hostile`` answers by method what concerns the object named ``poison``."""

    def __init__(self) -> None:
        self.hostile: dict[str, Hostile] = {}
        self.by_name: dict[str, Callable[[Spoken], Hostile | None]] = {}
        self.answering: Callable[[Any], bytes | None] | None = None
        self.tokens: dict[str, Any] = {}
        self.objects: dict[str, dict[str, Any]] = {}
        self.spoken: list[Spoken] = []
        self._mutex = threading.Lock()
        super().__init__(self._answer)

    def about(self, text: str) -> list[Spoken]:
        """The requests about the object with this text."""
        return [each for each in self.spoken if self._text(each) == text]

    def _text(self, spoken: Spoken) -> str:
        known = self.objects.get(unquote(spoken.target.partition("?")[0].rpartition("/")[2]), {})
        shown = spoken.data if isinstance(spoken.data, dict) and {"text", "name"} & set(spoken.data) else known
        return str(shown.get("text", shown.get("name", ""))).partition(" ")[0]

    def _answer(self, sock: socket.socket, raw: bytes) -> None:
        spoken = Spoken(raw)
        with self._mutex:
            self.spoken.append(spoken)
            name = self._text(spoken)
            hostile = self._hostile(spoken) if name == POISON else self.by_name.get(name, lambda _: None)(spoken)
            good = self._good(spoken) if hostile is None else b""
        if hostile is None:
            sock.sendall(good)
            return
        if callable(hostile):
            hostile(sock)
        else:
            sock.sendall(hostile)
        if not select.select([sock], [], [], PATIENCE_S)[0]:  # neither closed nor used again: it waits for more
            sock.shutdown(socket.SHUT_WR)

    def _hostile(self, spoken: Spoken) -> Hostile | None:
        if self.answering is None:
            return self.hostile.get(spoken.method)
        return self.answering if self.answering.__name__ == "silence" else self.answering(spoken)

    def _good(self, spoken: Spoken) -> bytes:
        if spoken.target.startswith("/token"):
            return ok(json.dumps(self.tokens).encode(), "Content-Type: application/json")
        name = unquote(spoken.target.rpartition("/")[2])
        if spoken.method == "POST":
            name = f"r{len(self.objects) + 1}"
            self.objects[name] = spoken.data
        elif spoken.method == "DELETE":
            self.objects.pop(name, None)
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        elif spoken.method in ("PATCH", "PUT"):
            self.objects.setdefault(name, {}).update(spoken.data)
        return ok(json.dumps({"id": name, **self.objects.get(name, {})}).encode(), "Content-Type: application/json")
