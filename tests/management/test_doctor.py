from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from sync.integrators import forget
from sync.models import Connection, Sweep
from sync.monitoring.doctor import Finding, exit_code
from sync.monitoring.doctor.finding import failed, found, warned
from sync.testing.remote import Remote
from sync.testing.sandbox import SandboxServer
from sync.testing.surroundings import redirected
from tests.servers.nodes import WorkerNode
from tests.servers.redis import RedisServer

AMPLE_S = "20"
"""A budget that is no budget: where servers are away or answer, a look ends long before."""


@dataclass(frozen=True)
class Examined:
    """What the doctor said, and the exit code that it ended with."""

    text: str
    code: int

    @property
    def findings(self) -> list[dict[str, str]]:
        return list(json.loads(self.text)["findings"])

    def levels(self, area: str) -> set[str]:
        return {each["level"] for each in self.findings if each["area"] == area}

    def sentences(self, area: str) -> str:
        return " ".join(each["sentence"] for each in self.findings if each["area"] == area)


def examine(*words: str) -> Examined:
    out, code = io.StringIO(), 0
    try:
        call_command("crudsync_doctor", "--timeout", AMPLE_S, *words, stdout=out, no_color=True)
    except SystemExit as error:
        code = int(error.code or 0)
    return Examined(text=out.getvalue(), code=code)


@pytest.fixture
def sandbox() -> Iterator[Remote]:
    forget()
    with SandboxServer() as server, redirected(server.url):
        yield Remote(server.url)
    forget()


@pytest.mark.parametrize(
    ("findings", "strict", "code"),
    [
        ([], False, 0),
        ([found("a", "s")], True, 0),
        ([warned("a", "s")], False, 0),
        ([warned("a", "s")], True, 1),
        ([warned("a", "s"), failed("a", "s")], True, 2),
        ([failed("a", "s")], False, 2),
    ],
)
def test_exit_codes_are_for_machines(findings: list[Finding], strict: bool, code: int) -> None:
    assert exit_code(findings, strict=strict) == code


def test_where_nothing_runs_it_names_all_of_it_and_calls_nobody(connection: Connection) -> None:
    told = examine("--json", "--offline")
    assert told.code == 2
    assert told.levels("database") == {"ok"}
    assert told.levels("redis") == told.levels("broker") == {"error"}
    assert told.levels("workers") == {"skipped"}
    assert told.levels("connection") == {"skipped"}
    assert told.levels("beat") == {"error", "ok"}
    assert {each["subject"] for each in told.findings if each["area"] == "connection"} == {"shop/default"}


def test_an_engine_that_is_off_is_named_and_no_sweep_is_missed(connection: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    told = examine("--json", "--offline")
    assert "CRUDSYNC['enabled'] is False: nothing is captured or sent." in told.sentences("settings")
    assert told.levels("beat") == {"skipped"}


def test_as_text_each_finding_is_a_line_with_its_hint_below(connection: Connection) -> None:
    lines = examine("--offline").text.splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("error   redis: Redis does not answer"))
    assert lines[place + 1].startswith("        → See that it runs")
    assert "error" in lines[-1]
    assert not [line for line in examine("--offline", "--quiet").text.splitlines() if line.startswith("ok ")]


def test_an_integrator_that_is_gone_is_named(connection: Connection) -> None:
    Connection.objects.create(integrator="gone")
    assert "No integrator 'gone' is registered here" in examine("--json", "--offline").sentences("connection")
    assert "gone" not in examine("--json", "--offline", "--connection", "shop").sentences("connection")


@pytest.mark.parametrize("words", [["--connection", "shop/paris"], ["--timeout", "0"]])
def test_what_is_wrong_is_said(words: list[str], connection: Connection) -> None:
    with pytest.raises(CommandError):
        call_command("crudsync_doctor", "--offline", *words, stdout=io.StringIO())


@pytest.mark.django_db(transaction=True)
def test_a_remote_that_is_there_is_called_and_compared(
    connection: Connection, sandbox: Remote, redis_server: RedisServer, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": redis_server.url}
    sandbox.add("customers", email="a@b.test", name="A", country="DE")
    told = examine("--json", "--timeout", "8")
    assert told.levels("redis") == {"ok"}
    assert told.levels("connection") == {"ok"}
    assert "The remote shows all 3 fields that are sent." in told.sentences("mapping")


@pytest.mark.django_db(transaction=True)
def test_a_paused_connection_is_left_alone(
    connection: Connection, sandbox: Remote, redis_server: RedisServer, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": redis_server.url}
    Connection.objects.update(paused=True, paused_reason="migration")
    told = examine("--json", "--timeout", "5")
    assert (told.levels("connection"), told.levels("mapping")) == ({"skipped"}, set())
    assert sandbox.journal() == []


@pytest.mark.process
def test_a_redis_that_is_frozen_does_not_hang_it(
    connection: Connection, redis_server: RedisServer, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": redis_server.url}
    redis_server.freeze()
    try:
        began = time.monotonic()
        told = examine("--json", "--offline", "--timeout", "1")
        took_s = time.monotonic() - began
    finally:
        redis_server.resume()
    assert told.levels("redis") == told.levels("broker") == {"error"}
    assert took_s < 30  # of a budget of one second a round; without it, kombu would try for minutes


@pytest.mark.process
def test_a_worker_answers_what_it_runs(
    connection: Connection, redis_server: RedisServer, worker: Callable[..., WorkerNode], settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": redis_server.url}
    worker(concurrency=1)
    Sweep.objects.update_or_create(name="sweep", defaults={"at": timezone.now()})
    deadline, told = time.monotonic() + 60, examine("--json", "--offline", "--timeout", "3")
    while told.levels("workers") != {"ok"} and time.monotonic() < deadline:
        told = examine("--json", "--offline", "--timeout", "3")
    assert "It answers, and runs django-crudsync" in told.sentences("workers")
    assert told.levels("broker") == {"ok"}
    assert told.levels("clock") == {"ok"}
