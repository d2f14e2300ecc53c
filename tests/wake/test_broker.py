from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery, current_app

from sync.wake import broker
from tests.servers.redis import RedisServer


@pytest.fixture
def eager() -> Iterator[None]:
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = before


def test_a_broker_that_is_there_answers(redis_server: RedisServer) -> None:
    taken_ms = broker.ping()
    assert taken_ms is not None
    assert taken_ms > 0


def test_a_broker_that_is_frozen_is_not_waited_for(redis_server: RedisServer) -> None:
    redis_server.freeze()
    try:
        with pytest.raises(broker.BrokerUnreachable):
            broker.ping()
    finally:
        redis_server.resume()


def test_a_broker_that_is_away_is_told_by_the_kind_of_the_error(app_on_amqp: Celery) -> None:
    with pytest.raises(broker.BrokerUnreachable) as caught:
        broker.ping()
    assert "127.0.0.1" not in str(caught.value)


def test_where_tasks_run_eagerly_there_is_none(eager: None) -> None:
    assert broker.ping() is None
