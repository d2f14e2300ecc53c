"""A remote that says when each object reached it: POST anything with a ``name``, GET /times.

Run ``python -m benchmarks.recorder PORT``. It keeps connections open, answers at once, and knows no errors.
"""

from __future__ import annotations

import itertools
import json
import re
import socketserver
import sys
import time

from project.servers import LOOPBACK

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
ANSWER = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"

times: dict[str, float] = {}
ids = itertools.count(1)


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True
    wbufsize = 0

    def handle(self) -> None:
        while head := self._head():
            found = LENGTH.search(head)
            body = self.rfile.read(int(found[1])) if found else b""
            if head.startswith(b"GET"):
                self._answer(b"200 OK", json.dumps(times).encode())
                continue
            times[json.loads(body)["name"]] = time.monotonic()  # one clock for all processes of a machine
            self._answer(b"201 Created", b'{"id": %d}' % next(ids))

    def _head(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b"", b"\r\n"):
            lines.append(line)
        return b"".join(lines)

    def _answer(self, status: bytes, body: bytes) -> None:
        self.wfile.write(ANSWER % (status, len(body), body))


class Server(socketserver.ThreadingTCPServer):
    """Listens on loopback."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server((LOOPBACK, int(sys.argv[1])), Handler) as server:
        server.serve_forever()
