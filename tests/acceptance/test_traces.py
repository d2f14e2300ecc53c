"""One trace from a save in one process to the call of another, and the remote that is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.shop.models import Category
from sync import wake
from sync.testing.remote import Remote
from tests.acceptance.traced import INCLUDE
from tests.tracing.memory import exporter

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]


def test_one_trace_leads_from_the_save_to_the_remote(
    sandbox: Remote, worker: Any, until_quiet: Callable[..., None], settings: Any, tmp_path: Path
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "traces": True}
    exporter().clear()
    with wake.muted():
        Category.objects.create(name="Tea", slug="tea")
    (captured,) = [span for span in exporter().get_finished_spans() if span.name == "capture shop.category"]
    file = tmp_path / "spans.jsonl"
    file.touch()
    process = worker(
        concurrency=1,
        arguments=INCLUDE,
        knobs={"SPANS_FILE": file, "CRUDSYNC_TRACES": "1", "CRUDSYNC_TRACEPARENT": "1"},
    )
    until_quiet(sweeping=True)
    process.stop()
    spans = {span["name"]: span for span in map(json.loads, file.read_text().splitlines())}
    attempt, call, drain = spans["create category"], spans["POST"], spans["drain shop/default"]
    trace_id = f"0x{captured.context.trace_id:032x}"
    assert attempt["context"]["trace_id"] == call["context"]["trace_id"] == trace_id
    assert attempt["parent_id"] == f"0x{captured.context.span_id:016x}"
    assert call["parent_id"] == attempt["context"]["span_id"]
    assert [link["context"]["trace_id"] for link in drain["links"]] == [trace_id]
    (entry,) = sandbox.journal()
    assert entry.headers["traceparent"].split("-")[1:3] == [trace_id[2:], call["context"]["span_id"][2:]]
