"""A world for alerts: two channels, a worker that answers, a sweep just now. Test modules import it."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import responses
from django.db import connections

from sync.models import Binding, Connection, Incident, State, Sweep
from sync.models.clock import now
from sync.monitoring.alerts import deliver, evaluate
from sync.monitoring.pulse import pings

__all__ = ["HOOK", "_quiet_world", "again", "dead", "hook", "remove", "together", "told"]

HOOK = "https://hooks.test/own"


@pytest.fixture(autouse=True)
def _quiet_world(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two channels, a worker that answers, a sweep just now."""
    settings.CRUDSYNC = {
        **settings.CRUDSYNC,
        "inline": True,
        "alert_channels": {
            "mail": {"kind": "email", "to": ["ops@example.test"]},
            "hook": {"kind": "webhook", "url": HOOK},
        },
    }
    monkeypatch.setattr(pings, "_ask", lambda: ("celery@here",))
    pings.forget()
    Sweep.objects.create(name="sweep", at=now())
    yield
    pings.forget()


@pytest.fixture
def hook() -> Iterator[Any]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(HOOK, status=204)
        yield mock


def dead(account: Connection, object_id: str = "1") -> Binding:
    return Binding.objects.create(
        connection=account, object_type="product", object_id=object_id, state=State.DEAD, code="refused"
    )


def told(hook: Any) -> list[tuple[str, str]]:
    bodies = [json.loads(call.request.body) for call in hook.calls]
    return [(event["event"], event["title"]) for body in bodies for event in body["events"]]


def together(number: int, look: Callable[[], Any]) -> None:
    """Look from several threads at the same time; an error of one is raised."""
    barrier = threading.Barrier(number)

    def run() -> None:
        try:
            barrier.wait()
            look()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as threads:
        for done in [threads.submit(run) for _ in range(number)]:
            done.result()


def remove(letter: Binding) -> None:
    """Remove a letter, and see that there is none for as long as its rule wants."""
    letter.delete()
    evaluate(at_once=True)
    for row in Incident.objects.filter(live__isnull=False):
        for reason in row.reasons.values():
            reason["clear_since"] = (now() - dt.timedelta(minutes=3)).isoformat()
        row.save()


def again() -> Any:
    """Look once more, whenever the last look was, and send."""
    found = evaluate(at_once=True)
    deliver()
    return found
