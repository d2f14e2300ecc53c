"""A TCP proxy on loopback that misbehaves on request: it refuses, swallows, delays, and cuts."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from project.servers import LOOPBACK

CHUNK = 65536
TICK_S = 0.05
LINGER = struct.pack("ii", 1, 0)
"""Closing a socket with it resets the connection: the other side sees no orderly end."""

Side = Literal["client", "server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How bytes are passed on.

    Args:
        swallow: nothing is passed on, nothing is closed.
        delay_s: seconds that each piece waits.
        cut_after: bytes after which the connection is reset; None: never.
        towards: whose bytes those are.
        answerless: reset as soon as the server answers, before the client sees any of it.
    """

    swallow: bool = False
    delay_s: float = 0.0
    cut_after: int | None = None
    towards: Side = "client"
    answerless: bool = False


class Proxy:
    """Stands between clients and a server on loopback; how it behaves may be changed at any time.

    Args:
        target: the server's port.
        port: where to listen; default: a free one.
    """

    def __init__(self, target: int, port: int = 0) -> None:
        self.target = target
        self.port = port
        self.opened = 0
        self.cut = 0
        self._manner = Manner()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._close_listener()
        self.drop_all()

    @property
    def misbehaves(self) -> bool:
        """True where it does anything but pass on."""
        return self._listener is None or self._manner != Manner()

    def pass_through(self) -> None:
        """Behave: pass everything on at once."""
        self._behave(Manner())

    def refuse(self) -> None:
        """Accept no connection; those that are open end."""
        self._close_listener()
        self.drop_all()

    def black_hole(self) -> None:
        """Accept connections and pass nothing on, also on those that are open."""
        self._behave(Manner(swallow=True))

    def delay(self, seconds: float) -> None:
        """Pass each piece on so many seconds late."""
        self._behave(Manner(delay_s=seconds))

    def cut_after(self, n_bytes: int, towards: Side = "client") -> None:
        """Reset each new connection once so many bytes have gone towards one side."""
        self._behave(Manner(cut_after=n_bytes, towards=towards))

    def cut_after_response(self) -> None:
        """Reset a connection once its server has answered: the request was done, and nobody learns of it."""
        self._behave(Manner(answerless=True))

    def drop_all(self) -> None:
        """Reset what is open."""
        with self._lock:
            dropped, self._open = self._open, set()
        for each in dropped:
            self._reset(each)

    def _behave(self, manner: Manner) -> None:
        self._manner = manner
        if self._listener is None:
            self._listen()

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, self.port))
        listener.listen(256)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="proxy-accept", daemon=True).start()

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.opened += 1
            threading.Thread(target=self._serve, args=(client,), name="proxy-serve", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((LOOPBACK, self.target), timeout=5)
        except OSError:
            self._reset(client)
            return
        pair = (client, server)
        with self._lock:
            self._open.update(pair)
        try:
            _Line(self, client, server).run()
        except OSError:
            self.cut += 1
        finally:
            with self._lock:
                self._open.difference_update(pair)
            for each in pair:
                self._reset(each)

    @staticmethod
    def _reset(each: socket.socket) -> None:
        with contextlib.suppress(OSError):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RD)  # wakes the thread that reads
        each.close()


class _Line:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.sockets: dict[Side, socket.socket] = {"client": client, "server": server}
        self.passed: dict[Side, int] = {"client": 0, "server": 0}

    def run(self) -> None:
        """Pass bytes on until a side ends or is cut off (an OSError)."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.sockets["client"], selectors.EVENT_READ, "server")
            selector.register(self.sockets["server"], selectors.EVENT_READ, "client")
            while not self.proxy._ended.is_set():
                if self.proxy._manner.swallow:
                    self.proxy._ended.wait(TICK_S)
                    self._check_open()
                    continue
                for key, _ in selector.select(TICK_S):
                    if not self._pass_on(key.fileobj, key.data):
                        return

    def _check_open(self) -> None:
        if any(each.fileno() < 0 for each in self.sockets.values()):
            raise ConnectionResetError

    def _pass_on(self, source: object, towards: Side) -> bool:
        assert isinstance(source, socket.socket)
        piece = source.recv(CHUNK)
        manner = self.proxy._manner
        if not piece:
            return False
        if manner.answerless and towards == "client":
            raise ConnectionResetError
        if manner.delay_s:
            self.proxy._ended.wait(manner.delay_s)
        if manner.cut_after is not None and manner.towards == towards:
            self._pass_part(piece, towards, manner.cut_after)
            return True
        self.sockets[towards].sendall(piece)
        self.passed[towards] += len(piece)
        return True

    def _pass_part(self, piece: bytes, towards: Side, limit: int) -> None:
        part = piece[: max(limit - self.passed[towards], 0)]
        self.sockets[towards].sendall(part)
        self.passed[towards] += len(part)
        if self.passed[towards] >= limit:
            raise ConnectionResetError
