"""A remote that takes everything, notes every call, and can be told to be away or unwell.

Run ``python -m benchmarks.remote PORT``. ``POST /__mood__`` with ``{"away": "503"}`` (every call is answered 503) or
``{"away": "reset"}`` (the connection is closed without an answer), and ``{"sick": 0.01}`` (that share of calls is
answered 500, half of them after they were applied). ``GET /__calls__`` lists the calls as [seconds of the machine's
monotonic clock, method, name, status]. Some names are poison; see POISON.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import socketserver
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.stage import running
from project.servers import LOOPBACK, free_port

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
KEY = re.compile(rb"idempotency-key: *(\S+)", re.IGNORECASE)
HEAD = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
KEPT = 400_000
HUGE = 12 * 1024 * 1024
DRIP_S = 0.5

Call = tuple[float, str, str, int]


class State:
    """What the remote knows: its mood, its calls, and what it gave out under each key."""

    def __init__(self) -> None:
        self.mood: dict[str, Any] = {"away": "", "sick": 0.0}
        self.calls: deque[Call] = deque(maxlen=KEPT)
        self.keys: dict[bytes, int] = {}
        self.ids = itertools.count(1)
        self.last: Any = 0
        self.rng = random.Random(1)

    def id_for(self, key: bytes) -> int:
        """The id of a create: the same for the same key."""
        if not key:
            return next(self.ids)
        if key not in self.keys:
            self.keys[key] = next(self.ids)
            if len(self.keys) > KEPT:
                del self.keys[next(iter(self.keys))]
        return self.keys[key]


state = State()


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True
    wbufsize = 0

    def handle(self) -> None:
        try:
            while line := self.rfile.readline():
                head = b"".join(iter(self.rfile.readline, b"\r\n"))
                found = LENGTH.search(head)
                body = self.rfile.read(int(found[1])) if found else b""
                method, path = line.decode().split()[:2]
                if not self._answer(method, path, head, body):
                    return
        except OSError:  # the caller has gone: its deadline was over
            return

    def _answer(self, method: str, path: str, head: bytes, body: bytes) -> bool:
        if path.startswith("/__"):
            return self._control(path, body)
        name = json.loads(body).get("name", "") if body else ""
        if state.mood["away"]:
            state.calls.append((time.monotonic(), method, name, 0))
            return state.mood["away"] == "503" and self._say(503, {"error": "away"})
        if name in POISON:
            state.calls.append((time.monotonic(), method, name, -1))
            return POISON[name](self)
        sick = state.rng.random() < state.mood["sick"]
        applied = not sick or state.rng.random() < 0.5
        status = 201 if method == "POST" else 204 if method == "DELETE" else 200
        id_ = self._id(method, path, head) if applied else None
        state.calls.append((time.monotonic(), method, name, 500 if sick else status))
        state.last = id_ or state.last
        return self._say(500, {"error": "sick"}) if sick else self._say(status, {"id": id_})

    def _id(self, method: str, path: str, head: bytes) -> Any:
        key = KEY.search(head)
        return state.id_for(key[1] if key else b"") if method == "POST" else path.rpartition("/")[2]

    def _control(self, path: str, body: bytes) -> bool:
        if path == "/__mood__":
            state.mood.update(json.loads(body))
            return self._say(200, state.mood)
        return self._say(200, list(state.calls))

    def _say(self, status: int, content: Any) -> bool:
        text = b"" if status == 204 else json.dumps(content).encode()
        self.wfile.write(HEAD % (status, len(text)) + text)
        return True

    def refuse(self) -> bool:
        """422, as often as it is asked."""
        return self._say(422, {"error": "no such thing"})

    def fail(self) -> bool:
        """500, for ever."""
        return self._say(500, {"error": "always"})

    def flood(self) -> bool:
        """A body above the cap on answers."""
        self.wfile.write(HEAD % (201, HUGE))
        for _ in range(HUGE // 65_536):
            self.wfile.write(b" " * 65_536)
        return True

    def drip(self) -> bool:
        """A byte now and then: no read takes long, the whole never ends."""
        self.wfile.write(HEAD % (201, 1000))
        for _ in range(1000):
            self.wfile.write(b" ")
            time.sleep(DRIP_S)
        return False

    def hang(self) -> bool:
        """No answer."""
        time.sleep(120)
        return False

    def page(self) -> bool:
        """HTML with 200."""
        text = b"<!doctype html><title>Welcome</title>"
        self.wfile.write(HEAD.replace(b"application/json", b"text/html") % (200, len(text)) + text)
        return True

    def repeat(self) -> bool:
        """The id of another object."""
        return self._say(201, {"id": state.last})


POISON: dict[str, Callable[[Handler], bool]] = {
    "refused": Handler.refuse,
    "fails": Handler.fail,
    "floods": Handler.flood,
    "drips": Handler.drip,
    "hangs": Handler.hang,
    "html": Handler.page,
    "repeats": Handler.repeat,
}
"""What the remote does with objects of these names."""


class Server(socketserver.ThreadingTCPServer):
    """Listens on loopback."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def remote() -> Iterator[str]:
    """Start it in a process of its own, and yield its URL."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.remote", str(port)], port):
        yield f"http://{LOOPBACK}:{port}/"


def calls_of(url: str) -> list[list[Any]]:
    """Return the calls that a remote has noted."""
    with urllib.request.urlopen(f"{url}__calls__", timeout=30) as answer:
        found: list[list[Any]] = json.load(answer)
    return found


if __name__ == "__main__":
    threading.stack_size(256 * 1024)
    with Server((LOOPBACK, int(sys.argv[1])), Handler) as server:
        server.serve_forever()
