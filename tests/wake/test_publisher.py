from __future__ import annotations

import os
from typing import Any

import pytest
from celery import Celery

from sync.wake import publisher as room
from sync.wake.publisher import Publisher, connect
from tests.servers.redis import RedisServer


@pytest.fixture
def mine() -> Any:
    made = Publisher()
    yield made
    made.close()


def test_publishing_says_whether_all_went_out(app: Celery, mine: Publisher, redis_server: RedisServer) -> None:
    assert mine.publish(app, [1, 2])
    redis_server.kill()
    assert not mine.publish(app, [3])
    assert not mine.publish(app, [4]), "the breaker is open"
    assert mine.publish(app, [])


def test_a_closed_publisher_forgets_what_failed(app: Celery, mine: Publisher, redis_server: RedisServer) -> None:
    redis_server.kill()
    mine.publish(app, [1])
    redis_server.start()
    mine.close()
    assert mine.publish(app, [1])


def test_a_publisher_rests_longer_with_each_failure(app: Celery, mine: Publisher, redis_server: RedisServer) -> None:
    redis_server.kill()
    rests = []
    for _ in range(4):
        mine.publish(app, [1])
        rests.append(round(mine.rest_s))
        mine._rests_until = 0.0
    assert rests == [2, 4, 8, 10]


def test_another_application_gets_a_connection_of_its_own(
    app: Celery, mine: Publisher, redis_server: RedisServer
) -> None:
    mine.publish(app, [1])
    other = Celery("other", broker=redis_server.url, set_as_current=False, fixups=[])
    mine.publish(other, [2])
    assert [way.app for way in mine._idle] == [other]


def test_a_fork_leaves_the_parents_connection_alone(
    app: Celery, mine: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine.publish(app, [1])
    parents = mine._idle[0]
    monkeypatch.setattr(os, "getpid", lambda: -1)
    mine.publish(app, [2])
    assert mine._idle[0] is not parents
    monkeypatch.undo()
    parents.connection.release()


def test_only_so_many_connections_are_kept(app: Celery, mine: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "KEPT", 0)
    mine.publish(app, [1])
    assert not mine._idle


def test_amqp_is_told_not_to_wait_in_its_own_words(app_on_amqp: Celery) -> None:
    connection = connect(app_on_amqp)
    assert connection.transport_options["read_timeout"] == room.TIMEOUT_S
    assert connection.connect_timeout == room.TIMEOUT_S
    assert "socket_timeout" not in connection.transport_options


def test_a_task_id_is_all_that_is_made_of_a_result(app: Celery) -> None:
    assert room.Sent("x").id == "x"
