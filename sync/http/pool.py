"""The open connections to one origin."""

from __future__ import annotations

import functools
import re
import ssl
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, requote_uri

from sync.exceptions import AddressRefused, ConfigurationError
from sync.http.deadline import Deadline
from sync.http.reply import Reply
from sync.http.wire import Wire

MAX_IDLE_S = 30.0
"""Servers close idle connections after a minute or so; a write must not meet one that is being closed."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_TARGET = re.compile(r"[^\x21-\x7e]")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_PORTS = {"http": 80, "https": 443}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_FRAMING = frozenset({"content-length", "transfer-encoding", "host"})
"""Headers that are ours to write: what the caller says of them could contradict the bytes that follow."""


class Pool:
    """Connections to one origin, kept for the next call.

    Safe from any number of threads: a deque's ``pop`` and ``append`` are atomic. It never makes a caller wait.

    Args:
        origin: scheme, host and port, such as ``https://api.test:8443``.
        size: idle connections kept at the most.
        verify: True: the CA bundle of requests; a path: that bundle; False: any certificate.
    """

    def __init__(self, origin: str, size: int, verify: bool | str) -> None:
        self.host, self.port, self.netloc, tls = split_origin(origin)
        self.size = size
        self._context = tls_context(verify) if tls else None
        self._idle: deque[Wire] = deque()
        self._host_line = f"Host: {self.netloc}"

    def urlopen(
        self,
        *,
        method: str,
        url: str,
        body: bytes | str | None,
        headers: Mapping[str, str],
        timeout: Any,
        **_: object,
    ) -> Reply:
        """Send a request and read the head of its answer; the name and arguments are those ``HTTPAdapter.send`` uses.

        Raises:
            ConfigurationError: a header or the method holds what it must not; nothing was sent.
            NotSent: one of its classes; nothing was sent.
            DeliveryUnknown: one of its classes; it may have been.
        """
        deadline = Deadline.from_timeout(timeout)
        if isinstance(body, str):
            body = body.encode()
        head = self._head(method, url, headers, body)
        wire = self._take(deadline)
        try:
            wire.write(head, body)
            return Reply(wire, method, self._release)
        except BaseException:
            wire.close()
            raise

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _take(self, deadline: Deadline) -> Wire:
        oldest = time.monotonic() - MAX_IDLE_S
        while self._idle:
            try:
                wire = self._idle.pop()
            except IndexError:
                break
            if wire.idle_since > oldest and wire.begin(deadline):
                return wire
            wire.close()
        wire = Wire(self.host, self.port, self._context)
        wire.open(deadline)
        return wire

    def _release(self, wire: Wire, keep: bool) -> None:
        # Bytes beyond the end of an answer are another answer's to be mistaken for: such a connection is not reused.
        if not keep or wire.unread or wire.broken or len(self._idle) >= self.size:
            wire.close()
            return
        wire.idle_since = time.monotonic()
        self._idle.append(wire)

    def _head(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        lines = [self._host_line]
        if body is not None or method in _WITH_BODY:
            lines.append(f"Content-Length: {len(body or b'')}")
        return head_of(method, target, headers, lines)


def head_of(method: str, target: str, headers: Mapping[str, str], more: Sequence[str] = ()) -> bytes:
    """Return the head of a request.

    Args:
        method: a word.
        target: of the first line, quoted.
        headers: of the caller; those that frame the body are left out.
        more: lines of ours.

    Raises:
        ConfigurationError: one of them holds what could end its line, or what HTTP has no form for.
    """
    if not _NAME.fullmatch(method):
        raise ConfigurationError("the HTTP method is not a word", code="bad_method")
    if _BAD_TARGET.search(target):
        raise ConfigurationError("the URL holds characters that must be quoted", code="bad_url")
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers.items():
        if _BAD_VALUE.search(value) or not _NAME.fullmatch(name):
            raise _bad_header(name)
        if name.lower() not in _FRAMING:
            lines.append(f"{name}: {value}")
    try:
        return "\r\n".join([*lines, *more, "\r\n"]).encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigurationError("a header holds characters that HTTP does not allow", code="bad_header") from None


def check(method: str, url: str, headers: Mapping[str, str]) -> None:
    """Check that a request can be sent, without sending it.

    Raises:
        ConfigurationError: it cannot, whatever the remote.
    """
    origin, target = split_url(url)
    split_origin(origin)
    head_of(method, target, headers)


def split_url(url: str) -> tuple[str, str]:
    """Return the origin and the request target of an absolute URL.

    Raises:
        ConfigurationError: control characters in it.
    """
    if _BAD_TARGET.search(url):
        if _CONTROL.search(url.strip()):
            raise ConfigurationError("the URL holds a space or a control character", code="bad_url")
        url = requote_uri(url.strip())
    url = url.partition("#")[0]
    start = url.find("://") + 3
    end = min((i for i in (url.find("/", start), url.find("?", start)) if i >= 0), default=len(url))
    target = url[end:]
    return url[:end], target if target.startswith("/") else f"/{target}"


def split_origin(origin: str) -> tuple[str, int, str, bool]:
    """Return host, port, what the Host header says, and whether it is TLS.

    Raises:
        ConfigurationError: no host, a port that is no number, or a user and password in it.
        AddressRefused: neither http nor https.
    """
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("the URL has no valid host and port", code="bad_url") from None
    if parts.scheme not in _PORTS:
        raise AddressRefused("the URL is neither http nor https")
    if not host:
        raise ConfigurationError("the URL has no host", code="bad_url")
    if "@" in parts.netloc:
        raise ConfigurationError(
            "the URL holds a user and password", code="credentials_in_url", hint="use auth= with a reference"
        )
    name = _ascii(host)
    usual = _PORTS[parts.scheme]
    shown = f"[{name}]" if ":" in name else name
    netloc = shown if port in (None, usual) else f"{shown}:{port}"
    return name, port or usual, netloc, parts.scheme == "https"


@functools.cache
def tls_context(verify: bool | str) -> ssl.SSLContext:
    """Return the TLS settings, made once a process, since reading a CA bundle takes 20 ms.

    Args:
        verify: True: the CA bundle of requests; a path: that bundle; False: any certificate.

    Raises:
        ConfigurationError: the bundle cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH if isinstance(verify, bool) else verify)
    except OSError as error:
        raise ConfigurationError("the CA bundle cannot be read", code="bad_ca_bundle") from error
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def _ascii(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ConfigurationError("the host name is not valid", code="bad_url") from None


def _bad_header(name: str) -> ConfigurationError:
    shown = name if _NAME.fullmatch(name) else "a header"
    return ConfigurationError(f"{shown} holds a line break or another character that it must not", code="bad_header")
