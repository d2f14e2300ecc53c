"""The spans by themselves: what they are called, whose children they are, what they never say."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import trace

from sync import tracing
from sync.correlation import correlated, made
from sync.correlation.origin import here, parse
from sync.exceptions import AddressRefused, ConnectFailed
from sync.http import Transport
from sync.tracing import spans as room
from sync.types import Request

SECRET = "canary-4711"


def only(spans: Any) -> Any:
    (span,) = spans.get_finished_spans()
    return span


def test_switched_off_nothing_is_traced_and_nothing_imported() -> None:
    code = (
        "import django; django.setup(); from sync import tracing, capture; from sync.correlation.origin import here;"
        "assert here() == '' and tracing.carried() == '' and not tracing.active();"
        "import sys; print('sync.tracing.otel' in sys.modules)"  # redis-py imports OpenTelemetry by itself
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment())
    assert done.stdout.strip() == "False", done.stderr


def environment() -> dict[str, str]:
    import os

    return {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "DATABASE_URL": "sqlite:///:memory:"}


def test_switched_off_every_span_is_nothing(settings: Any) -> None:
    assert not tracing.active()
    assert tracing.capture("shop.product") is tracing.call("GET", "http://x/") is tracing.batch("shop/default", [])
    assert tracing.attempt("create", (), {}) is None


def test_without_opentelemetry_nothing_is_traced(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CRUDSYNC = {"traces": True}
    monkeypatch.setattr(room, "installed", lambda: None)
    assert not tracing.active()


def test_settings_that_cannot_be_read_trace_nothing(settings: Any) -> None:
    settings.CRUDSYNC = {"trace": True}
    assert not tracing.active()
    assert made()


def test_a_capture_is_kept_as_the_origin_of_its_change(spans: Any) -> None:
    with correlated("request-7"), tracing.capture("shop.product"):
        origin = parse(here())
    span = only(spans)
    assert (span.name, span.kind.name) == ("capture shop.product", "PRODUCER")
    context = span.get_span_context()
    assert origin.correlation_id == "request-7"
    assert origin.traces == (f"{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}",)
    assert context.trace_flags.sampled


def test_without_an_id_the_trace_is_the_id(spans: Any) -> None:
    with tracing.capture("shop.product"):
        assert parse(here()).correlation_id == parse(here()).traces[0][:32] == made()


def test_an_attempt_belongs_to_the_trace_of_the_save_and_is_linked_to_the_batch(spans: Any) -> None:
    traces = [f"{number:032x}-{number:016x}-01" for number in (7, 8)]
    with tracing.batch("shop/default", [traces]):
        attempt = tracing.attempt("create", traces, {"crudsync.object_type": "product"})
        assert attempt is not None
        attempt.end()
    created, batch = spans.get_finished_spans()
    assert (created.name, created.context.trace_id, created.parent.span_id) == ("create product", 7, 7)
    assert {link.context.span_id for link in created.links} == {8, batch.context.span_id}
    assert (batch.name, batch.parent) == ("drain shop/default", None)
    assert [link.context.trace_id for link in batch.links] == [7, 8]


def test_what_was_not_sampled_at_the_save_is_not_sampled_later(spans: Any) -> None:
    attempt = tracing.attempt("create", [f"{7:032x}-{7:016x}-00"], {"crudsync.object_type": "product"})
    assert attempt is not None
    with tracing.inside(attempt), tracing.call("POST", "http://x/"):
        assert tracing.traceparent().endswith("-00")
    attempt.end()
    assert spans.get_finished_spans() == ()


def test_a_batch_links_to_no_more_saves_than_a_span_may(spans: Any) -> None:
    with tracing.batch("shop/default", [[f"{number:032x}-{number:016x}-01"] for number in range(1, 500)]):
        pass
    assert len(only(spans).links) == room.MOST_LINKS


def test_an_exception_leaves_its_class_and_no_word_of_its_text(spans: Any) -> None:
    with pytest.raises(ValueError, match=SECRET), tracing.capture("shop.product"):
        raise ValueError(SECRET)
    span = only(spans)
    assert (span.status.status_code.name, span.attributes["error.type"]) == ("ERROR", "ValueError")
    assert span.events == ()
    assert SECRET not in span.to_json()


def test_a_call_is_a_client_span_without_secrets(spans: Any) -> None:
    answer = Transport().send(Request(method="GET", url=f"http://127.0.0.1:1/a?api_key={SECRET}&page=2"))
    assert isinstance(answer.error, AddressRefused | ConnectFailed)
    span = only(spans)
    assert (span.name, span.kind.name, span.status.status_code.name) == ("GET", "CLIENT", "ERROR")
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "url.full": "http://127.0.0.1:1/a?api_key=***&page=2",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": 1,
        "error.type": answer.error.code,
    }


@pytest.mark.parametrize("url", ["http://[::1/", "http://x:99999/", "nonsense", ""])
def test_a_url_that_is_none_fails_as_it_does_without_traces(spans: Any, url: str) -> None:
    assert Transport().send(Request(method="GET", url=url)).error is not None
    assert only(spans).status.status_code.name == "ERROR"


def test_the_host_s_own_span_is_the_parent(spans: Any) -> None:
    with trace.get_tracer("host").start_as_current_span("request") as request, tracing.capture("shop.product"):
        pass
    captured = spans.get_finished_spans()[0]
    assert captured.parent.span_id == request.get_span_context().span_id
