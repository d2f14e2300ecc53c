"""From a save to the remote within one process: whose id and whose trace each call, line and span has."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import responses
from django.contrib.auth.models import Group
from opentelemetry import trace

from sync import BulkSpec, CrudIntegrator, ObjectType, Request, correlated, correlation_id, registry
from sync.http import Transport
from sync.models import Operation
from sync.monitoring.logs import JsonFormatter
from sync.testing import deliver
from sync.testing.surroundings import captured
from tests.zoo.registration import empty_registry

pytestmark = pytest.mark.django_db

URL = "https://api.test/groups"


class Seen(logging.Handler):
    """Keeps the lines of the calls, as JSON."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


class GroupsIntegrator(CrudIntegrator):
    base_url = "https://api.test/"
    bulk: ClassVar[BulkSpec | None] = None
    in_hooks: ClassVar[list[str]] = []

    @classmethod
    def set_object_types(cls) -> Any:
        return {"group": ObjectType(model=Group, endpoint="groups", fields=["name"], rest_s=0, bulk=cls.bulk)}

    def set_data(self, model: Any) -> Any:
        self.in_hooks.append(f"set_data {correlation_id()}")
        return {"name": model.name}

    def before_send(self, request: Request) -> Request | None:
        self.in_hooks.append(f"before_send {correlation_id()} {request.headers.get('X-Correlation-ID')}")
        return None


@pytest.fixture
def groups() -> Iterator[type[GroupsIntegrator]]:
    class Fresh(GroupsIntegrator):
        name = "groups"
        in_hooks: ClassVar[list[str]] = []

    with empty_registry(), captured():
        registry.register(Fresh)
        yield Fresh


@pytest.fixture
def remote() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as found:
        found.post(URL, json={"id": 1}, status=201)
        found.put(f"{URL}/1", json={"id": 1})
        found.patch(f"{URL}/1", json={"id": 1})
        yield found


@pytest.fixture
def seen(settings: Any) -> Iterator[Seen]:
    handler, logger = Seen(), logging.getLogger("crudsync.http")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture
def batches(db: None) -> Iterator[responses.RequestsMock]:
    """A remote that takes groups by the batch."""

    class Batched(GroupsIntegrator):
        name = "groups"
        bulk = BulkSpec(create="batch", key="name", size=10)

    def take(request: Any) -> tuple[int, dict[str, str], str]:
        rows = json.loads(request.body)
        return 201, {}, json.dumps([{**row, "id": row["name"]} for row in rows])

    with empty_registry(), captured(), responses.RequestsMock() as found:
        registry.register(Batched)
        found.add_callback("POST", "https://api.test/batch", take, content_type="application/json")
        yield found


def by_name(spans: Any) -> dict[str, Any]:
    return {span.name: span for span in spans.get_finished_spans()}


def ids_sent(remote: responses.RequestsMock) -> list[str | None]:
    return [call.request.headers.get("X-Correlation-ID") for call in remote.calls]


def test_every_attempt_goes_by_the_id_of_its_save(groups: Any, remote: Any, seen: Seen) -> None:
    with correlated("first"):
        group = Group.objects.create(name="a")
    deliver()
    with correlated("second"):
        group.name = "b"
        group.save()
    deliver()
    assert list(Operation.objects.order_by("pk").values_list("correlation_id", flat=True)) == ["first", "second"]
    assert ids_sent(remote) == ["first", "second"]
    assert groups.in_hooks == [
        "set_data first",
        "before_send first first",
        "set_data second",
        "before_send second second",
    ]
    assert [(line["correlation_id"], line["object_id"], line["connection"]) for line in seen.lines] == [
        ("first", str(group.pk), "groups/default"),
        ("second", str(group.pk), "groups/default"),
    ]
    assert correlation_id() == ""


def test_a_save_of_nobody_sends_no_id(groups: Any, remote: Any, seen: Seen) -> None:
    Group.objects.create(name="a")
    with correlated("the-drain"):
        deliver()
    assert ids_sent(remote) == [None]
    assert "correlation_id" not in seen.lines[0]


def test_a_header_of_the_integrators_own_stays(groups: Any, remote: Any) -> None:
    groups.set_headers = lambda self: {"x-correlation-id": "own"}
    with correlated("request-7"):
        Group.objects.create(name="a")
    deliver()
    assert ids_sent(remote) == ["own"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({}, "X-Correlation-ID"),
        ({"correlation_header": "X-Cause"}, "X-Cause"),
        ({"correlation_header": ""}, ""),
    ],
)
def test_the_header_is_a_setting(groups: Any, remote: Any, settings: Any, said: dict[str, Any], name: str) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, **said}
    with correlated("request-7"):
        Group.objects.create(name="a")
    deliver()
    headers = remote.calls[0].request.headers
    assert {key for key, value in headers.items() if value == "request-7"} == ({name} if name else set())


def test_a_batch_names_the_request_that_all_of_it_came_from_and_no_other(batches: Any) -> None:
    with correlated("request-7"):
        Group.objects.create(name="a")
        Group.objects.create(name="b")
    deliver()
    with correlated("request-8"):
        Group.objects.create(name="c")
    with correlated("request-9"):
        Group.objects.create(name="d")
    deliver()
    assert ids_sent(batches) == ["request-7", None]
    told = Operation.objects.values_list("correlation_id", flat=True)
    assert sorted(told) == ["request-7", "request-7", "request-8", "request-9"]


def test_one_trace_leads_from_the_save_to_the_call(groups: Any, remote: Any, spans: Any) -> None:
    with trace.get_tracer("host").start_as_current_span("POST /admin"), correlated("request-7"):
        group = Group.objects.create(name="a")
    deliver()
    found = by_name(spans)
    request, capture, drain = found["POST /admin"], found["capture auth.group"], found["drain groups/default"]
    attempt, call = found["create group"], found["POST"]
    assert capture.parent.span_id == request.context.span_id
    assert attempt.parent.span_id == capture.context.span_id
    assert call.parent.span_id == attempt.context.span_id
    assert {span.context.trace_id for span in (request, capture, attempt, call)} == {request.context.trace_id}
    assert drain.context.trace_id != request.context.trace_id
    assert [link.context.span_id for link in attempt.links] == [drain.context.span_id]
    assert [link.context.span_id for link in drain.links] == [capture.context.span_id]
    operation = Operation.objects.get()
    assert dict(attempt.attributes) == {
        "crudsync.object_type": "group",
        "crudsync.object_id": str(group.pk),
        "crudsync.operation": operation.pk,
        "crudsync.attempt": 1,
        "crudsync.correlation_id": "request-7",
        "crudsync.status": "succeeded",
        "crudsync.code": "",
    }
    assert call.attributes["http.response.status_code"] == 201


def test_of_saves_that_go_out_as_one_the_others_are_linked(groups: Any, remote: Any, spans: Any) -> None:
    group = Group.objects.create(name="a")
    group.name = "b"
    group.save()
    deliver()
    first, second = [span for span in spans.get_finished_spans() if span.name == "capture auth.group"]
    attempt = by_name(spans)["create group"]
    assert attempt.parent.span_id == second.context.span_id
    assert first.context.span_id in {link.context.span_id for link in attempt.links}


def test_a_refused_attempt_is_a_failed_span(groups: Any, spans: Any) -> None:
    with responses.RequestsMock() as remote:
        remote.post(URL, json={"error": "no"}, status=422)
        Group.objects.create(name="a")
        deliver()
    found = by_name(spans)
    assert found["POST"].attributes["error.type"] == "422"
    assert found["create group"].status.status_code.name == "ERROR"
    assert found["create group"].attributes["crudsync.status"] == "failed"


@pytest.mark.parametrize("on", [True, False])
def test_the_remote_is_told_its_trace_where_that_is_wished(
    groups: Any, remote: Any, spans: Any, settings: Any, on: bool
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "traceparent": on}
    Group.objects.create(name="a")
    deliver()
    told = remote.calls[0].request.headers.get("traceparent")
    context = by_name(spans)["POST"].context
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
    assert told == (expected if on else None)


def test_a_trace_that_the_integrator_tells_by_itself_is_the_one_that_is_told(
    groups: Any, remote: Any, spans: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "traceparent": True}
    sent: list[Request] = []
    answer = Transport._answer
    monkeypatch.setattr(Transport, "_answer", lambda self, request: (sent.append(request), answer(self, request))[1])
    monkeypatch.setattr(groups, "_class_headers", {"Traceparent": "its own"})
    Group.objects.create(name="a")
    deliver()
    told = {name: value for name, value in sent[0].headers.items() if name.lower() == "traceparent"}
    assert told == {"Traceparent": "its own"}


def test_a_line_names_the_trace_that_it_belongs_to(groups: Any, remote: Any, spans: Any, seen: Seen) -> None:
    Group.objects.create(name="a")
    deliver()
    context = by_name(spans)["POST"].context
    assert seen.lines[0]["trace_id"] == f"{context.trace_id:032x}"
    assert seen.lines[0]["span_id"] == f"{context.span_id:016x}"
    assert seen.lines[0]["correlation_id"] == seen.lines[0]["trace_id"]


def test_every_object_of_a_batch_has_a_span_in_its_own_trace(batches: Any, spans: Any) -> None:
    Group.objects.create(name="a")
    Group.objects.create(name="b")
    deliver()
    captures = [span.context.trace_id for span in spans.get_finished_spans() if span.name == "capture auth.group"]
    attempts = [span.context.trace_id for span in spans.get_finished_spans() if span.name == "create group"]
    assert captures == attempts
    assert len(set(captures)) == 2
