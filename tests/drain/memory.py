"""A remote in memory, and an integrator that speaks to it: the drain's other side, without HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group
from requests import Response

from sync import capture
from sync.connectors.complaint import complaint
from sync.exceptions import ConnectionLost, PayloadError
from sync.models import Connection
from sync.types import (
    OURSELVES,
    Answer,
    BulkSpec,
    Call,
    Lane,
    Outcome,
    OutcomeKind,
    ParentSpec,
    RateLimit,
    Request,
    RetryPolicy,
    Verb,
)

Fault = Callable[["MemoryRemote", Request], Answer | None]


@dataclass
class Type:
    """An object type of the memory integrator; every field may be set by a test."""

    name: str = "group"
    model: Any = Group
    endpoint: str = "groups"
    sync_when: Any = None
    on_leave: str = "delete"
    on_delete: str = "delete"
    keyed: bool = True
    key_ttl: float = 3600.0
    client_id: bool = False
    can_lookup: bool = False
    can_read: bool = True
    lookup_lag: float = 0.0
    on_uncertain: str = "hold"
    on_gone: str = "recreate"
    rest_s: float = 0.0
    lane: Lane = Lane.LIVE
    parents: Sequence[ParentSpec] = ()
    bulk: BulkSpec | None = None


@dataclass
class MemoryRemote:
    """Objects by id, a journal of every request, keys honoured, and faults in the order in which they are given."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    journal: list[tuple[str, str, bool]] = field(default_factory=list)
    faults: list[Fault | None] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    honours_keys: bool = True
    upserts: bool = False
    late: list[Request] = field(default_factory=list)
    bulk_refuses: set[str] = field(default_factory=set)
    _lock: Any = field(default_factory=threading.Lock)
    _next: int = 0

    def serve(self, request: Request) -> Answer:
        """Answer one request, or do what the next fault says."""
        with self._lock:
            fault = self.faults.pop(0) if self.faults else None
            if fault is not None:
                answer = fault(self, request)
                if answer is not None:
                    return answer
            return self.apply(request)

    def apply(self, request: Request) -> Answer:
        """Apply a request and answer it."""
        verb, _, remote_id = request.url.partition("/")
        body = json.loads(request.body) if request.body else None
        handle = getattr(self, f"_{verb}")
        answer: Answer = handle(remote_id, body, request)
        applied = answer.response is not None and answer.response.status_code < 300
        self.journal.append((verb, remote_id or str((body or {}).get("name", "")), applied))
        return answer

    def land(self) -> None:
        """Apply what was given up and is under way yet, in its order."""
        while self.late:
            self.apply(self.late.pop(0))

    def calls(self, verb: str) -> int:
        """How many requests of a verb arrived."""
        return sum(entry[0] == verb for entry in self.journal)

    def names(self) -> list[str]:
        """The names of the objects, sorted."""
        return sorted(value["name"] for value in self.objects.values())

    def _create(self, remote_id: str, body: dict[str, Any], request: Request) -> Answer:
        key = request.headers.get("key", "")
        if remote_id:  # our own id
            self.objects[remote_id] = dict(body)
            return answered(201, {"id": remote_id, **body})
        if self.honours_keys and key and key in self.keys:
            known = self.keys[key]
            return answered(201, {"id": known, **self.objects.get(known, {})})
        self._next += 1
        made = f"r{self._next}"
        self.objects[made] = dict(body)
        if key:
            self.keys[key] = made
        return answered(201, {"id": made, **body})

    def _update(self, remote_id: str, body: dict[str, Any], request: Request) -> Answer:
        if remote_id not in self.objects and not self.upserts:
            return answered(404, None)
        self.objects.setdefault(remote_id, {}).update(body)
        return answered(200, {"id": remote_id, **self.objects[remote_id]})

    def _delete(self, remote_id: str, body: Any, request: Request) -> Answer:
        gone = self.objects.pop(remote_id, None)
        return answered(404 if gone is None else 204, None)

    def _read(self, remote_id: str, body: Any, request: Request) -> Answer:
        if remote_id not in self.objects:
            return answered(404, None)
        return answered(200, {"id": remote_id, **self.objects[remote_id]})

    def _lookup(self, name: str, body: Any, request: Request) -> Answer:
        found = [{"id": id_, **value} for id_, value in self.objects.items() if value.get("name") == name]
        return answered(200, found)

    def _bulk(self, verb: str, body: list[dict[str, Any]], request: Request) -> Answer:
        if any(item["name"] in self.bulk_refuses for item in body):
            return answered(422, None)
        made = []
        for item in body:
            self._next += 1
            self.objects[f"r{self._next}"] = dict(item)
            made.append({"id": f"r{self._next}", **item})
        return answered(200, made[::-1])


def answered(status: int, data: Any) -> Answer:
    """Return an answer with a JSON body."""
    response = Response()
    response.status_code = status
    response._content = b"" if data is None else json.dumps(data).encode()
    return Answer(response=response, elapsed_ms=1.0)


def status(code: int, *, applied: bool = False, body: Any = None) -> Fault:
    """Answer with a status, before or after applying the request."""

    def fault(remote: MemoryRemote, request: Request) -> Answer:
        if applied:
            remote.apply(request)
        else:
            remote.journal.append((request.url.partition("/")[0], "", False))
        return answered(code, body)

    return fault


def lost(*, applied: bool) -> Fault:
    """Lose the answer, after applying the request or not."""

    def fault(remote: MemoryRemote, request: Request) -> Answer:
        if applied:
            remote.apply(request)
        return Answer(error=ConnectionLost("reset"))

    return fault


def late() -> Fault:
    """Lose the answer, and apply the request only when the remote is asked to :meth:`~MemoryRemote.land`."""

    def fault(remote: MemoryRemote, request: Request) -> Answer:
        remote.late.append(request)
        return Answer(error=ConnectionLost("suspended"))

    return fault


def error(what: Exception) -> Fault:
    """Fail without an answer."""
    return lambda remote, request: Answer(error=what)


KINDS = {
    400: OutcomeKind.REFUSED,
    401: OutcomeKind.UNAUTHORIZED,
    403: OutcomeKind.FORBIDDEN,
    404: OutcomeKind.NOT_FOUND,
    409: OutcomeKind.CONFLICT,
    412: OutcomeKind.STALE_VERSION,
    422: OutcomeKind.REFUSED,
    429: OutcomeKind.THROTTLED,
    500: OutcomeKind.UNKNOWN,
    502: OutcomeKind.UNKNOWN,
    503: OutcomeKind.UNAVAILABLE,
}


class MemoryIntegrator:
    """What the drain asks of an integrator, for groups at a remote in memory."""

    name = "memory"
    remote = MemoryRemote()
    spec = Type()
    rate_limits: tuple[RateLimit, ...] = ()
    policy = RetryPolicy(attempts=3, base_delay=5000.0, max_delay=9000.0, max_age=0.0)
    workers = 4
    renewals: list[bool] = []
    poison: set[str] = set()
    written: dict[str, Any] = {}

    def __init__(self, object_type: str, model: Any = None, connection: Any = None) -> None:
        self.object_type, self.connection = object_type, connection
        self.instance = None if isinstance(model, dict) else model
        self.data = model if isinstance(model, dict) else None

    @classmethod
    def types(cls) -> Mapping[str, Type]:
        return {cls.spec.name: cls.spec}

    def threads(self) -> int:
        return self.workers

    def deadline_s(self) -> float:
        return 10.0

    def limits(self, verb: Verb) -> Sequence[RateLimit]:
        return self.rate_limits

    def retry_policy(self) -> RetryPolicy:
        return self.policy

    def transmit(self, request: Request) -> Answer:
        return self.remote.serve(request)

    def outdated(self, request: Request) -> bool:
        return False

    def renew(self, request: Request) -> bool:
        return self.renewals.pop(0) if self.renewals else False

    def route(self, instance: Group) -> Sequence[str] | None:
        return None

    def overrides(self, verb: Verb) -> bool:
        return False

    def parent_ids(self) -> Mapping[str, str | None]:
        return {}

    def build_payload(self, remote_ids: Mapping[str, str | None]) -> dict[str, Any]:
        if self.instance is None:
            if self.data is None:
                raise PayloadError("there is no payload")
            return dict(self.data)
        if self.instance.name in self.poison:
            raise PayloadError("poison")
        return {"name": self.instance.name}

    def build_request(self, call: Call) -> Request:
        data = call.payload if call.changes is None else call.changes
        body = json.dumps(data).encode() if call.verb in (Verb.CREATE, Verb.UPDATE) else None
        target = (call.payload or {}).get("name", "") if call.verb is Verb.LOOKUP else call.remote_id or ""
        if self.spec.client_id and call.verb is Verb.CREATE:
            target = f"o{call.object_id}"
        return Request(method=call.verb.value, url=f"{call.verb}/{target}", headers={"key": call.key}, body=body)

    def read_answer(self, call: Call, answer: Answer) -> Outcome:
        if answer.response is None:
            kind = OutcomeKind.UNKNOWN if isinstance(answer.error, ConnectionLost) else OutcomeKind.NOT_SENT
            return Outcome(kind=kind, code=getattr(answer.error, "code", "error"), detail=str(answer.error))
        code = answer.response.status_code
        if code >= 300:
            retry_after = answer.response.headers.get("Retry-After")
            field, message = complaint(answer.response.content)
            return Outcome(
                kind=KINDS[code],
                code=str(code),
                status_code=code,
                retry_after_s=float(retry_after) if retry_after else None,
                field=field,
                message=message,
            )
        data = answer.response.json() if answer.response.content else None
        if call.verb is Verb.LOOKUP:
            first = data[0]["id"] if data else None
            return Outcome(kind=OutcomeKind.OK, status_code=code, items=data, remote_id=first)
        remote_id = data["id"] if isinstance(data, dict) else call.remote_id
        return Outcome(kind=OutcomeKind.OK, status_code=code, remote_id=remote_id, data=data)

    def build_bulk_request(self, calls: Sequence[Call]) -> Request:
        body = json.dumps([call.payload for call in calls]).encode()
        return Request(method="POST", url="bulk/create", body=body)

    def read_bulk_answer(self, calls: Sequence[Call], answer: Answer) -> list[Outcome]:
        assert answer.response is not None
        if answer.response.status_code >= 300:
            refused = Outcome(kind=OutcomeKind.REFUSED, code="batch_refused", status_code=422)
            return [refused] * len(calls)
        by_name = {item["name"]: item for item in answer.response.json()}
        found = [by_name[(call.payload or {})["name"]] for call in calls]
        return [Outcome(kind=OutcomeKind.OK, remote_id=item["id"], data=item) for item in found]

    def create_row(self, outcome: Outcome) -> Group:
        return Group.objects.create(name=(self.data or outcome.data)["name"])

    def delete_row(self) -> None:
        self.instance.delete()

    def writing(self) -> Any:
        return capture.actor(OURSELVES)

    def writes_back(self) -> bool:
        return bool(self.written)

    def write_back_values(self, outcome: Outcome) -> Mapping[str, Any]:
        return self.written


def row(connection: Connection, group: Group) -> Any:
    """Return the binding of a group."""
    return connection.bindings.get(object_id=str(group.pk))
