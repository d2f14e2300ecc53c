"""What a remote can answer, and what becomes of it: word by word after protocol.md, section 10.

Every case goes through a socket, the transport, the drain and the database. The oracle is the same for all: the outcome
is recorded under a stable code, the object waits or is held with a reason, nothing is asked in a storm, the credentials
are nowhere, and the other objects of the same claim arrive.
"""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from sync.connectors import classify
from sync.models import Binding, Operation, State, Status
from sync.types import Outcome, OutcomeKind
from tests.hostile.conftest import CANARY, MAX_BYTES
from tests.hostile.remote import POISON, Hostile, SmallRemote
from tests.http.conftest import ok
from tests.zoo.models import Note

JSON = "Content-Type: application/json"
OTHERS = 3
MOST_CALLS = 2
"""So many calls for one object in one delivery are no storm: a replay may follow at once."""

DEEP = b"[" * 100_000 + b"]" * 100_000
LONG_NUMBER = b'{"id": ' + b"9" * 5000 + b"}"


def said(body: bytes, *headers: str, status: str = "201 Created") -> bytes:
    return ok(body, *(headers or (JSON,)), status=status)


def shown(value: Any) -> bytes:
    return said(json.dumps({"id": value, "text": POISON}).encode())


def head(*lines: str, body: bytes = b'{"id": "1"}', status: str = "201 Created") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", JSON, *lines)).encode("latin-1") + b"\r\n\r\n" + body


def endless_chunks(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        sock.sendall(b"2\r\n[[\r\n" * 1000)


def endless_trailer(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    while True:
        sock.sendall(b"A: b\r\n" * 1000)


def endless_head(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 201 Created\r\n")
    while True:
        sock.sendall(b"A: b\r\n" * 1000)


def bomb(times: int, squeeze: Callable[[bytes], bytes]) -> bytes:
    data = b"\0" * 20_000_000
    for _ in range(times):
        data = squeeze(data)
    return data


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


CREATES: dict[str, tuple[Hostile, str]] = {
    # the body
    "empty": (said(b""), "no_id"),
    "blank": (said(b" \r\n\t"), "no_id"),
    "truncated body": (head("Content-Length: 100", body=b'{"id": "1'), "truncated"),
    "truncated JSON": (said(b'{"id": "1'), "bad_body"),
    "malformed": (said(b"{'id': 1}"), "bad_body"),
    "two documents": (said(b'{"id": "1"}{"id": "2"}'), "bad_body"),
    "non-UTF-8": (said(b'{"id": "\xff\xfe"}'), "bad_body"),
    "Latin-1 that says UTF-8": (said(b'{"id": "\xe9"}', f"{JSON}; charset=utf-8"), "bad_body"),
    "an unknown character set": (said(b'{"id": "\xe9"}', f"{JSON}; charset=klingon"), "bad_body"),
    "HTML": (said(b"<html><body>Bad gateway</body></html>", "Content-Type: text/html"), "bad_body"),
    "HTML that says JSON": (said(b"<!doctype html>"), "bad_body"),
    "wrong content type": (said(b"\x89PNG\r\n\x1a\n", "Content-Type: image/png"), "no_id"),
    "a content type that is none": (said(b"<>", "Content-Type: ;;;=?"), "bad_body"),
    "plain text": (said(b"created", "Content-Type: text/plain"), "no_id"),
    "XML": (said(b"<id>1</id>", "Content-Type: application/xml"), "no_id"),
    # values
    "NaN": (said(b'{"id": "1", "x": NaN}'), "bad_body"),
    "infinity": (said(b'{"id": "1", "x": -Infinity}'), "bad_body"),
    "a float beyond the range": (said(b'{"id": "1", "x": 1e999}'), "bad_body"),
    "an integer of 5,000 digits": (said(LONG_NUMBER), "bad_body"),
    "deep nesting": (said(b'{"id": "1", "x": ' + b"[" * 101 + b"]" * 101 + b"}"), "bad_body"),
    "deeper nesting than Python's stack": (said(DEEP[:40_000] + b"]" * 40_000), "bad_body"),
    "a top-level list": (said(b'[{"id": "1"}]'), "no_id"),
    "a top-level string": (said(b'"1"'), "no_id"),
    "a top-level number": (said(b"1"), "no_id"),
    "a top-level true": (said(b"true"), "no_id"),
    "a top-level null": (said(b"null"), "no_id"),
    # the id
    "id missing": (said(b'{"text": "poison"}'), "no_id"),
    "id null": (shown(None), "no_id"),
    "id a list": (shown(["1"]), "no_id"),
    "id an object": (shown({"id": "1"}), "no_id"),
    "id true": (shown(True), "no_id"),
    "id false": (shown(False), "no_id"),
    "id a fraction": (shown(1.5), "no_id"),
    "id empty": (shown(""), "no_id"),
    "id blank": (shown(" "), "no_id"),
    "id of 10 KB": (shown("x" * 10_000), "no_id"),
    "id of 501 characters": (shown("x" * 501), "no_id"),
    "id of 600 digits": (said(b'{"id": ' + b"9" * 600 + b"}"), "no_id"),
    "id with NUL": (shown("a\0b"), "no_id"),
    "id with a line break": (shown("a\r\nX-Evil: 1"), "no_id"),
    "id with half a character": (shown("\ud800"), "no_id"),
    # the head
    "no answer": (lambda sock: None, "no_answer"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "bad_headers"),
    "HTTP/2": (b"HTTP/2 201\r\n\r\n", "bad_headers"),
    "a header of 200 KB": (head("A: " + "b" * 200_000, "Content-Length: 11"), "bad_headers"),
    "1,000 headers": (head(*["A: b"] * 1000, "Content-Length: 11"), "bad_headers"),
    "headers without end": (endless_head, "bad_headers"),
    "interim responses without end": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50, "bad_headers"),
    "a negative Content-Length": (head("Content-Length: -1"), "bad_headers"),
    "a Content-Length of 400 digits": (head("Content-Length: " + "9" * 400), "bad_headers"),
    "a huge Content-Length": (head("Content-Length: 999999999999", body=b"x" * 200_000), "body_too_large"),
    "a Content-Length that is none": (head("Content-Length: 11,12"), "bad_headers"),
    "a Content-Length in other digits": (head("Content-Length: \xb2"), "bad_headers"),
    "Transfer-Encoding that is not chunked": (head("Transfer-Encoding: gzip, chunked"), "bad_headers"),
    "chunked twice": (head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), "bad_headers"),
    "Content-Length and Transfer-Encoding that disagree": (
        head("Content-Length: 13", "Transfer-Encoding: chunked", body=b'{"id": "1"}\r\n'),
        "bad_chunk",
    ),
    "a blank before the colon": (
        head("Transfer-Encoding : chunked", "Content-Length: 13", body=b'{"id": "1"}\r\n'),
        "bad_chunk",
    ),
    # chunks
    "endless chunks": (endless_chunks, "body_too_large"),
    "an endless trailer": (endless_trailer, "bad_headers"),
    "a chunk size that is none": (head("Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"), "bad_chunk"),
    "a negative chunk size": (head("Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n"), "bad_chunk"),
    "a chunk size of 20 digits": (head("Transfer-Encoding: chunked", body=b"F" * 20 + b"\r\n"), "bad_chunk"),
    "a chunk longer than it says": (head("Transfer-Encoding: chunked", body=b"1\r\n{}\r\n0\r\n\r\n"), "bad_chunk"),
    "a chunk that never ends": (head("Transfer-Encoding: chunked", body=b"ff\r\n{"), "truncated"),
    # encodings
    "a gzip bomb": (said(bomb(1, gzip.compress), JSON, "Content-Encoding: gzip"), "body_too_large"),
    "a deflate bomb": (said(bomb(1, zlib.compress), JSON, "Content-Encoding: deflate"), "body_too_large"),
    "a bare deflate bomb": (said(bomb(1, raw_deflate), JSON, "Content-Encoding: deflate"), "body_too_large"),
    "a bomb in a bomb": (said(bomb(2, gzip.compress), JSON, "Content-Encoding: gzip, gzip"), "body_too_large"),
    "a hundred encodings": (said(b"x", JSON, "Content-Encoding: " + ", ".join(["gzip"] * 100)), "bad_encoding"),
    "br, which we did not ask for": (said(b"\x1b\x00\x00", JSON, "Content-Encoding: br"), "bad_encoding"),
    "an unknown encoding": (said(b"x", JSON, "Content-Encoding: rot13"), "bad_encoding"),
    "gzip that is none": (said(b'{"id": "1"}', JSON, "Content-Encoding: gzip"), "bad_encoding"),
    "gzip cut in two": (said(gzip.compress(b'{"id": "1"}')[:-12], JSON, "Content-Encoding: gzip"), "bad_body"),
    # statuses
    "a status of no hundred": (said(b"", status="999 What"), "server_error"),
    "a redirect of a write": (said(b"", "Location: http://169.254.169.254/latest", status="307 Elsewhere"), "redirect"),
    "a status without a reason": (b"HTTP/1.1 422\r\nContent-Length: 0\r\n\r\n", "refused"),
    "Retry-After that is garbage": (said(b"", "Retry-After: soon\t\xff", status="503 Away"), "server_error"),
    "Retry-After of a negative time": (said(b"", "Retry-After: -5", status="503 Away"), "server_error"),
    "Retry-After of 500 digits": (said(b"", "Retry-After: " + "9" * 500, status="503 Away"), "server_error"),
    "Retry-After NaN": (said(b"", "Retry-After: NaN", status="503 Away"), "server_error"),
    "a refusal of anything but text": (said(b'{"errors": [[[[{"a": [null, 1e5]}]]]]}', status="422 No"), "refused"),
    "a refusal with NUL and half characters": (
        said(b'{"text": ["\\u0000 \\ud800 \x00"]}', status="422 No"),
        "refused",
    ),
    "a refusal of bytes": (said(bytes(range(256)) * 40, "Content-Type: text/plain", status="422 No"), "refused"),
}  # fmt: skip

APPLIED: dict[str, tuple[Hostile, str]] = {
    "BOM": (said(b'\xef\xbb\xbf{"id": "1"}'), "1"),
    "NUL in a value": (said(b'{"id": "1", "x": "a\\u0000b"}'), "1"),
    "half a character in a value": (said(b'{"id": "1", "x": "\\ud800"}'), "1"),
    "half a character in a name": (said(b'{"id": "1", "\\udfff\\u0000": 1}'), "1"),
    "a number beyond every column": (said(b'{"id": "1", "x": 1e300, "y": ' + b"9" * 400 + b"}"), "1"),
    "the same name twice": (said(b'{"id": "1", "id": "2"}'), "2"),
    "id a number": (shown(17), "17"),
    "id of 500 characters": (shown("x" * 500), "x" * 500),
    "id with everything that a path may not hold": (shown("../?#%2e&ü"), "../?#%2e&ü"),
    "a header of 100 KB": (head("A: " + "b" * 100_000, "Content-Length: 11"), "1"),
    "an ETag of 100 KB": (head("ETag: " + "b" * 100_000, "Content-Length: 11"), "1"),
    "an ETag with control characters": (head('ETag: "a\tb\x01"', "Content-Length: 11"), "1"),
    "bytes after the end": (said(b'{"id": "1"}') + b"HTTP/1.1 500 No\r\n\r\n", "1"),
    "Retry-After of a year": (said(b'{"id": "1"}', JSON, "Retry-After: 31536000"), "1"),
    "rate headers that are garbage": (
        said(b'{"id": "1"}', JSON, "X-RateLimit-Remaining: NaN", "X-RateLimit-Reset: -1e999", "Backoff: \xff"),
        "1",
    ),
    "bare line feeds": (b'HTTP/1.1 201 Created\nContent-Length: 11\n\n{"id": "1"}', "1"),
    "an unbelievable Content-Type": (said(b'{"id": "1"}', "Content-Type: " + "application/json;a=b" * 2000), "1"),
}  # fmt: skip

UPDATES: dict[str, tuple[Hostile, str, str]] = {
    "id changed": (shown("r999"), "id_changed", State.SYNCED),
    "another object's id": (shown("r1"), "id_changed", State.SYNCED),
    "id null": (shown(None), "", State.SYNCED),
    "id a list": (shown([]), "", State.SYNCED),
    "id of 10 KB": (shown("x" * 10_000), "", State.SYNCED),
    "a top-level list": (said(b"[]", status="200 OK"), "", State.SYNCED),
    "empty": (said(b"", status="200 OK"), "", State.SYNCED),
    "HTML": (said(b"<html>", "Content-Type: text/html", status="200 OK"), "bad_body", State.RETRYING),
    "NaN": (said(b'{"x": NaN}', status="200 OK"), "bad_body", State.RETRYING),
    "truncated": (head("Content-Length: 100", status="200 OK"), "truncated", State.RETRYING),
    "a gzip bomb": (
        said(bomb(1, gzip.compress), JSON, "Content-Encoding: gzip", status="200 OK"),
        "body_too_large",
        State.RETRYING,
    ),
}

Deliver = Callable[..., Any]


def others_arrived(remote: SmallRemote) -> bool:
    fine = Binding.objects.filter(state=State.SYNCED, remote_id__isnull=False).count()
    return (
        fine >= OTHERS and sum(value.get("text", "").startswith("fine") for value in remote.objects.values()) == OTHERS
    )


def write(*texts: str) -> list[Note]:
    return [Note.objects.create(text=text) for text in texts]


def poisoned(verb: str) -> tuple[Binding, list[Operation]]:
    note = Note.objects.get(text__startswith=POISON)
    binding = Binding.objects.get(object_id=str(note.pk))
    return binding, list(Operation.objects.filter(binding_id=binding.pk, verb=verb).order_by("pk"))


def without_secrets() -> bool:
    rows = [*Binding.objects.values_list(), *Operation.objects.values_list()]
    return CANARY not in str(rows)


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("case", CREATES)
def test_an_answer_that_cannot_be_used_is_recorded_and_holds_up_nobody(
    remote: SmallRemote, deliver: Deliver, case: str
) -> None:
    remote.hostile["POST"], code = CREATES[case]
    write("fine 1", POISON, "fine 2", "fine 3")
    deliver()
    binding, operations = poisoned("create")
    assert {each.code for each in operations} == {code}
    assert all(each.status in (Status.UNKNOWN, Status.FAILED) and each.finished_at for each in operations)
    assert binding.state in (State.RETRYING, State.HELD, State.IN_DOUBT, State.DEAD)
    assert binding.remote_id is None
    assert binding.code == code
    assert 0 < len(binding.detail) <= 500
    assert binding.detail.isprintable()
    assert len(remote.about(POISON)) == len(operations) <= MOST_CALLS
    assert others_arrived(remote)
    assert without_secrets()


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("case", APPLIED)
def test_an_odd_answer_that_tells_the_id_is_a_success(remote: SmallRemote, deliver: Deliver, case: str) -> None:
    remote.hostile["POST"], remote_id = APPLIED[case]
    write("fine 1", POISON, "fine 2", "fine 3")
    deliver()
    binding, operations = poisoned("create")
    assert [each.status for each in operations] == [Status.SUCCEEDED]
    assert (binding.state, binding.remote_id) == (State.SYNCED, remote_id)
    assert binding.remote_version is None or len(binding.remote_version) <= 500
    assert others_arrived(remote)


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("case", UPDATES)
def test_an_update_never_moves_to_another_id(remote: SmallRemote, deliver: Deliver, case: str) -> None:
    remote.hostile["PATCH"], code, state = UPDATES[case]
    (fine,) = write("fine 1")
    deliver()  # alone: it is r1
    note, *_ = write(POISON, "fine 2", "fine 3")
    deliver()
    before = poisoned("update")[0].remote_id
    note.text, fine.text = f"{POISON} changed", "fine again"
    note.save()
    fine.save()
    deliver()
    binding, operations = poisoned("update")
    assert (binding.remote_id, binding.state) == (before, state)
    assert {each.code for each in operations} == {code}
    assert len(operations) <= MOST_CALLS
    assert Binding.objects.get(object_id=str(fine.pk)).state == State.SYNCED
    assert "fine again" in str(remote.objects)
    assert without_secrets()


@pytest.mark.usefixtures("notes")
def test_an_id_that_another_object_holds_is_named_and_takes_nothing_away(remote: SmallRemote, deliver: Deliver) -> None:
    (first,) = write("fine 1")
    deliver()
    taken = Binding.objects.get(object_id=str(first.pk)).remote_id
    remote.hostile["POST"] = shown(taken)
    write(POISON, "fine 2", "fine 3")
    deliver()
    binding, operations = poisoned("create")
    assert (binding.state, binding.code, binding.remote_id) == (State.DEAD, "duplicate_remote", None)
    assert f"note:{first.pk}" in binding.detail
    assert operations[-1].code == "duplicate_remote"
    assert Binding.objects.get(object_id=str(first.pk)).remote_id == taken
    assert others_arrived(remote)


KINDS = [kind for kind in OutcomeKind if kind is not OutcomeKind.OK]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [0, 302, 401, 403, 404, 409, 412, 422, 429, 500, 503])
def test_every_outcome_is_a_typed_error_with_a_code_a_sentence_and_a_hint(kind: OutcomeKind, status: int) -> None:
    outcome = Outcome(kind=kind, code=classify.code_of(kind, status), detail="The remote said no.", status_code=status)
    error = classify.to_error(outcome)
    assert error.code.isidentifier()
    assert error.message == "The remote said no."
    assert error.hint


def test_the_cap_of_these_tests_is_one_that_their_bombs_exceed() -> None:
    assert len(bomb(0, gzip.compress)) > MAX_BYTES
