from __future__ import annotations

from typing import Any

import pytest

from sync import registry
from sync.models import Connection
from sync.resync import pausing
from sync.resync.pausing import pause, resume

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection() -> Connection:
    return registry.connection("shop")


def test_a_pause_says_why_and_who_stands_in_for_a_reason(connection: Connection) -> None:
    before = connection.updated_at
    assert pause(connection, actor="grace")
    assert (connection.paused, connection.paused_reason) == (True, "by grace")
    assert connection.updated_at > before
    assert not pause(connection, reason="once more")
    assert Connection.objects.get(pk=connection.pk).paused_reason == "by grace"


def test_a_long_reason_is_cut(connection: Connection) -> None:
    pause(connection, reason="x" * 500)
    assert len(connection.paused_reason) == 200


def test_what_gathered_is_rung_for_when_it_goes_on(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Any] = []
    monkeypatch.setattr(pausing, "ring", rung.append)
    pause(connection, reason="moving")
    assert rung == []
    assert resume(connection)
    assert (connection.paused, connection.paused_reason) == (False, "")
    assert rung == [{connection.pk}]
    assert not resume(connection)
