"""What a fault makes of an answer: every shape of bad answer that remotes were seen to give."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sync.testing.sandbox.message import JSON, Reply, Request, encode_json, error
from sync.testing.sandbox.rules import Rule

MIB = 1024 * 1024
HTML = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body><h1>Please wait</h1></body></html>"
DEEP = 100_000
BAD_VALUES = {
    "nan": "NaN",
    "infinity": "-Infinity",
    "huge_int": "9" * 5000,
    "deep": "[" * DEEP + "]" * DEEP,
    "nul": '"a\\u0000b"',
    "surrogate": '"a\\ud800b"',
}
BAD_BODIES = {
    "cut": b'{"id": "1", "name": "ha',
    "list": b"[]",
    "string": b'"created"',
    "null": b"null",
    "number": b"17",
    "text": b"OK",
    "deep_body": b"[" * DEEP,
}
IDS: dict[str, Any] = {
    "null": None,
    "list": ["1"],
    "object": {"value": "1"},
    "bool": True,
    "empty": "",
    "long": "x" * 10_240,
    "float": 1.5,
    "path": "../../admin?x=1#y",
    "crlf": "1\r\nX-Injected: yes",
}


def spoil(rule: Rule, reply: Reply, request: Request, *, other: str = "") -> Reply:
    """Return what leaves in place of the true reply.

    Args:
        rule: the fault.
        reply: the true reply.
        request: what it answers.
        other: another object's id, for ``id`` faults of kind ``other``.
    """
    if rule.base in ("reset", "close", "hold"):
        return Reply(status=0, manner=rule.base, seconds=rule.seconds)
    if rule.do == "late":
        return Reply(status=0, manner=str(rule.params.get("then", "hold")), seconds=rule.seconds + 30.0)
    if rule.base == "status":
        return _status(rule, reply)
    if rule.do == "redirect":
        return _redirect(rule, request)
    if rule.do == "id":
        return replace(reply, body=_with_id(reply.body, str(rule.params.get("kind", "missing")), other))
    return SPOILS[rule.do](rule, reply) if rule.do in SPOILS else reply  # a delay leaves it as it is


def _status(rule: Rule, reply: Reply) -> Reply:
    status = int(rule.params.get("status", 500))
    extra = tuple((str(name), str(value)) for name, value in dict(rule.params.get("headers", {})).items())
    if "answer" in rule.params:
        told = rule.params["answer"]
        body = told.encode() if isinstance(told, str) else encode_json(told).encode()
        return Reply(status=status, body=body, headers=extra, content_type=_type(told))
    if status < 300 and rule.apply:
        return replace(reply, status=status, headers=(*reply.headers, *extra))
    return replace(error(status, "fault", f"told to answer {status}"), headers=extra)


def _type(told: Any) -> str:
    html = isinstance(told, str) and told.lstrip().startswith("<")
    return "text/html; charset=utf-8" if html else JSON


def _redirect(rule: Rule, request: Request) -> Reply:
    location = str(rule.params.get("location") or request.path.rstrip("/") + "/")
    return Reply(status=int(rule.params.get("status", 301)), headers=(("Location", location),))


def _with_id(body: bytes, kind: str, other: str) -> bytes:
    try:
        data = json.loads(body)
    except ValueError:
        return body
    target = _object(data)
    if target is None:
        return body
    if kind == "missing":
        target.pop("id", None)
    elif kind == "changed":
        target["id"] = f"{target.get('id')}-changed"
    else:
        target["id"] = other if kind == "other" else IDS[kind]
    return encode_json(data).encode()


def _object(data: Any) -> dict[str, Any] | None:
    """Return the object in a body: the body, or what its only member wraps."""
    if isinstance(data, dict) and "id" not in data and len(data) == 1:
        inner = next(iter(data.values()))
        data = inner[0] if isinstance(inner, list) and inner else inner
    return data if isinstance(data, dict) else None


def _bad_json(rule: Rule, reply: Reply) -> Reply:
    kind = str(rule.params.get("kind", "cut"))
    if kind in BAD_BODIES:
        return replace(reply, body=BAD_BODIES[kind])
    text = reply.body.decode("utf-8", "replace").rstrip()
    value = BAD_VALUES[kind]
    if text.endswith("}") and len(text) > 2:
        return replace(reply, body=f'{text[:-1]},"spoiled":{value}}}'.encode())
    return replace(reply, body=f'{{"spoiled":{value}}}'.encode())


def _headers(rule: Rule, reply: Reply) -> Reply:
    kind = str(rule.params.get("kind", "many"))
    extra: Mapping[str, bytes] = {
        "many": b"".join(b"X-Header-%d: %d\r\n" % (n, n) for n in range(1000)),
        "long": b"X-Long: " + b"x" * 100_000 + b"\r\n",
        "binary": b"X-Binary: \xff\xfe\x00\x01\r\n",
        "no_colon": b"this line is no header\r\n",
        "negative_length": b"Content-Length: -1\r\n",
        "two_lengths": b"Content-Length: 5\r\nContent-Length: 7\r\n",
        "bad_status": b"",
    }
    line = b"HTTP/1.1 abc nonsense\r\n" if kind == "bad_status" else b"HTTP/1.1 %d OK\r\n" % reply.status
    head = line + b"Content-Type: application/json\r\n" + extra[kind]
    if b"Content-Length" not in extra[kind]:
        head += b"Content-Length: %d\r\n" % len(reply.body)
    return replace(reply, head=head + b"Connection: close\r\n\r\n", raw=True)


@lru_cache(maxsize=2)
def bomb(size: int) -> bytes:
    """Return gzip that becomes ``size`` bytes of JSON: white space, then an object."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    mebibyte, tail = b" " * MIB, b'{"id":"1"}'
    # After a full flush nothing refers back, so the same compressed block may be repeated.
    block = packer.compress(mebibyte) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    end = packer.compress(tail) + packer.flush(zlib.Z_FINISH)
    blocks, check = size // MIB, 0
    for _ in range(blocks):
        check = zlib.crc32(mebibyte, check)
    check = zlib.crc32(tail, check)
    length = (blocks * MIB + len(tail)) & 0xFFFFFFFF
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head + block * blocks + end + check.to_bytes(4, "little") + length.to_bytes(4, "little")


def _size(rule: Rule, default: int) -> int:
    return int(rule.params.get("bytes", default))


def _bomb(rule: Rule, reply: Reply) -> Reply:
    headers = (*reply.headers, ("Content-Encoding", "gzip"))
    return replace(reply, body=bomb(_size(rule, 200 * MIB)), headers=headers, raw=True)


def _oversized(rule: Rule, reply: Reply) -> Reply:
    return replace(reply, body=b'{"id":"1","pad":"' + b"x" * _size(rule, 20 * MIB) + b'"}', raw=True)


def _html(rule: Rule, reply: Reply) -> Reply:
    status = int(rule.params.get("status", 200))
    return replace(reply, status=status, body=HTML, content_type="text/html; charset=utf-8")


def _wrong_length(rule: Rule, reply: Reply) -> Reply:
    return replace(reply, length=max(0, len(reply.body) + int(rule.params.get("bytes", 50))), raw=True)


SPOILS: dict[str, Callable[[Rule, Reply], Reply]] = {
    "html": _html,
    "non_utf8": lambda _, reply: replace(reply, body=b'{"id":"1","name":"caf\xe9 \xff"}'),
    "bom": lambda _, reply: replace(reply, body=b"\xef\xbb\xbf" + reply.body),
    "delay_after": lambda rule, reply: replace(reply, delay_s=rule.seconds),
    "empty": lambda _, reply: replace(reply, body=b""),
    "oversized": _oversized,
    "gzip_bomb": _bomb,
    "bad_json": _bad_json,
    "headers": _headers,
    "wrong_length": _wrong_length,
    "endless": lambda rule, reply: replace(reply, manner="endless", seconds=rule.seconds),
    "drip_headers": lambda rule, reply: replace(reply, manner="drip_head", seconds=rule.seconds, piece=_size(rule, 1)),
    "drip_body": lambda rule, reply: replace(reply, manner="drip_body", seconds=rule.seconds, piece=_size(rule, 1)),
    "truncate": lambda _, reply: replace(reply, manner="truncate"),
}
