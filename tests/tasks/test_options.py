from __future__ import annotations

from typing import Any

import pytest
from celery import current_app

from sync.loading import load
from tasks.options import time_limit_s

NAMES = [
    "crudsync.alerts",
    "crudsync.drain",
    "crudsync.prune",
    "crudsync.reconcile",
    "crudsync.roll_up",
    "crudsync.sweep",
]


def ours() -> list[Any]:
    load()
    return [task for name, task in sorted(current_app.tasks.items()) if name.startswith("crudsync.")]


def test_the_names_of_the_tasks_are_permanent() -> None:
    assert [task.name for task in ours()] == NAMES


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_every_task_has_options_of_its_own(number: int) -> None:
    task = ours()[number]
    assert (task.acks_late, task.ignore_result, task.max_retries, task.serializer) == (False, True, 0, "json")
    assert task.store_errors_even_if_ignored is True
    assert task.rate_limit is None


def test_the_hosts_settings_stay_the_hosts() -> None:
    before = dict(current_app.conf.changes)
    load()
    assert dict(current_app.conf.changes) == before


def test_a_drain_may_last_for_its_slice_and_what_is_in_the_air(settings: Any) -> None:
    settings.CRUDSYNC = {"slice_s": 10.0, "window_s": 5.0, "timeout_s": 10.0, "settle_s": 5.5}
    assert time_limit_s() == 10 + 2 * (5 + 10) + 11
    drain = ours()[1]
    assert isinstance(drain.time_limit, int)
    assert drain.time_limit > 10


def test_the_deadlines_of_registered_classes_and_their_types_count(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kind:
        timeout_s = 90.0

    class Slow:
        timeout_s = 40.0

        @classmethod
        def types(cls) -> dict[str, Any]:
            return {"kind": Kind}

    settings.CRUDSYNC = {"slice_s": 10.0, "window_s": 5.0, "timeout_s": 10.0, "settle_s": 5.0}
    assert time_limit_s([Slow]) == 10 + 2 * (5 + 90 + 5)
    Kind.timeout_s = True  # no deadline: a check names it
    assert time_limit_s([Slow]) == 10 + 2 * (5 + 40 + 5)
