from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection as database
from django.db import transaction
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from sync.models import Connection, Sweep
from sync.models.clock import now
from sync.monitoring import health as healthy
from sync.monitoring import parts
from sync.monitoring.health import health, kept, readiness
from sync.monitoring.pulse import pings
from sync.ratelimit import shelf
from sync.resync.pausing import pause
from sync.testing.remote import Remote
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = {"Authorization": "Bearer a long token"}
SLOW = 60.0


@pytest.fixture(autouse=True)
def _anew(settings: Any) -> Iterator[None]:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "monitor_token": "a long token", "health_budget_s": SLOW}
    _forget()
    yield
    _forget()


def _forget() -> None:
    kept.forget()
    pings.forget()
    parts.Migrated.until = 0.0


@pytest.fixture
def alive(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis, a worker that answers, and a beat."""
    monkeypatch.setattr(pings, "_ask", lambda: ("celery@here",))
    for name in ("sweep", "beat"):
        Sweep.objects.update_or_create(name=name, defaults={"at": now()})


def test_an_engine_that_is_off_fails_nothing_and_calls_nobody(
    client: Client, alive: None, account: Connection, settings: Any
) -> None:
    Sweep.objects.all().delete()
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    answer = client.get("/health", headers=TOKEN)
    assert (answer.status_code, answer.json()["beat"]["status"]) == (200, "unused")
    told = answer.json()["connections"]["shop/default"]
    assert (told["status"], told["response_time_ms"]) == ("unused", None)


def test_alive_asks_nothing_of_anybody(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_where_database_migrations_and_redis_are_there(client: Client, redis_server: RedisServer) -> None:
    answer = client.get("/readyz", headers=TOKEN)
    assert answer.status_code == 200
    told = answer.json()
    assert {name: part["status"] for name, part in told.items() if name != "status"} == {
        "database": "up",
        "migrations": "up",
        "redis": "up",
    }
    assert told["database"]["response_time_ms"] > 0


def test_without_redis_where_it_is_used_nobody_is_ready(client: Client) -> None:
    answer = client.get("/readyz", headers=TOKEN)
    assert answer.status_code == 503
    assert answer.json()["redis"]["status"] == "down"
    assert answer.json()["redis"]["error"] == "ConnectionError"


def test_a_redis_that_nobody_uses_is_not_missed(client: Client, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "amqp://"
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": ""}
    answer = client.get("/readyz", headers=TOKEN)
    assert (answer.status_code, answer.json()["redis"]["status"]) == (200, "unused")


def test_a_migration_that_is_not_applied_is_named(client: Client, redis_server: RedisServer) -> None:
    recorder = MigrationRecorder.Migration.objects
    newest = recorder.filter(app="crudsync").latest("name").name
    recorder.filter(app="crudsync", name=newest).delete()
    try:
        answer = client.get("/readyz", headers=TOKEN)
    finally:
        recorder.create(app="crudsync", name=newest)
    assert answer.status_code == 503
    assert answer.json()["migrations"]["error"] == f"1 migrations are not applied, crudsync.{newest} first"
    kept.forget()
    assert client.get("/readyz").status_code == 200


def test_health_tells_of_every_part_and_connection(
    client: Client, alive: None, sandbox: Callable[..., Remote], account: Connection
) -> None:
    sandbox()
    answer = client.get("/health", headers=TOKEN)
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "ok"), told
    assert told["workers"] == {"status": "up", "response_time_ms": None, "error": "", "names": ["celery@here"]}
    assert {told[name]["status"] for name in ("database", "redis", "broker", "beat")} == {"up"}
    shop = told["connections"]["shop/default"]
    assert (shop["status"], shop["error"]) == ("up", "")
    assert shop["response_time_ms"] > 0


def test_strangers_see_whether_and_nothing_else(
    client: Client, alive: None, sandbox: Callable[..., Remote], account: Connection
) -> None:
    sandbox().fault("status", status=500)
    for path in ("/health", "/readyz"):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert client.get(path, headers=headers).json() in ({"status": "failing"}, {"status": "ok"})
    assert client.get("/health").status_code == 503


def test_staff_with_the_permission_see_details(
    client: Client, alive: None, sandbox: Callable[..., Remote], account: Connection, django_user_model: Any
) -> None:
    sandbox()
    user = django_user_model.objects.create_user("grace", is_staff=True)
    client.force_login(user)
    assert client.get("/health").json() == {"status": "ok"}
    user.user_permissions.add(Permission.objects.get(codename="view_connection", content_type__app_label="crudsync"))
    assert "connections" in client.get("/health").json()


def test_a_remote_that_is_down_is_told_with_its_code(
    client: Client, alive: None, sandbox: Callable[..., Remote], account: Connection
) -> None:
    sandbox().fault("status", status=401)
    answer = client.get("/health", headers=TOKEN)
    assert answer.status_code == 503
    shop = answer.json()["connections"]["shop/default"]
    assert (shop["status"], shop["code"], shop["error"]) == (
        "unauthorized",
        "unauthorized",
        "the remote answered 401: told to answer 401",
    )


def test_a_pause_is_no_failure(
    client: Client, alive: None, sandbox: Callable[..., Remote], account: Connection
) -> None:
    sandbox()
    pause(account, reason="they move house")
    answer = client.get("/health", headers=TOKEN)
    assert answer.status_code == 200
    assert answer.json()["connections"]["shop/default"]["status"] == "paused"


def test_a_monitor_that_asks_often_costs_a_remote_one_call(
    client: Client, alive: None, sandbox: Callable[..., Remote], account: Connection
) -> None:
    remote = sandbox()
    for _ in range(5):
        assert client.get("/health").status_code == 200
    kept.forget()  # another process, the same Redis
    assert client.get("/health").status_code == 200
    assert len(remote.journal()) == 1


def test_an_edited_connection_is_asked_again(
    client: Client, alive: None, sandbox: Callable[..., Remote], account: Connection
) -> None:
    remote = sandbox()
    client.get("/health")
    kept.forget()
    account.save()
    client.get("/health")
    assert len(remote.journal()) == 2


def test_without_workers_and_beat_it_fails(
    client: Client, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pings, "_ask", lambda: ())
    told = client.get("/health", headers=TOKEN).json()
    assert (told["status"], told["workers"]["code"]) == ("failing", "no_worker")
    monkeypatch.setattr(pings, "_ask", lambda: ("celery@here",))
    _forget()
    told = client.get("/health", headers=TOKEN).json()
    assert (told["workers"]["status"], told["beat"]["code"]) == ("up", "no_beat")


def test_a_redis_that_is_frozen_is_down_within_the_budget(
    client: Client, alive: None, redis_server: RedisServer
) -> None:
    redis_server.freeze()
    try:
        answer = client.get("/readyz", headers=TOKEN)
    finally:
        redis_server.resume()
    assert (answer.status_code, answer.json()["redis"]["status"]) == (503, "down")


def test_whatever_hangs_is_told_as_down_and_waited_for_no_longer_than_the_budget(
    client: Client, alive: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "health_budget_s": 0.3}
    over = threading.Event()
    monkeypatch.setattr(parts, "database", lambda: over.wait(SLOW))
    monkeypatch.setattr(healthy, "_rows", lambda: over.wait(SLOW))
    began = time.monotonic()
    try:
        for path in ("/readyz", "/health"):
            told = client.get(path, headers=TOKEN).json()
            assert told["database"] == {
                "status": "down",
                "response_time_ms": None,
                "error": "no answer within 0.3 s",
                "code": "deadline",
            }
            assert "shop/default" not in told.get("connections", {})
        assert time.monotonic() - began < SLOW / 2
    finally:
        over.set()


def test_a_remote_that_drips_is_told_as_down(
    client: Client, alive: None, sandbox: Callable[..., Remote], account: Connection, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "health_budget_s": 1.0}
    sandbox().fault("drip_headers", seconds=0.2)
    told = client.get("/health", headers=TOKEN).json()
    assert told["connections"]["shop/default"]["status"] == "down"


@pytest.mark.pg
def test_a_table_that_is_locked_hangs_nobody(client: Client, alive: None, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "health_budget_s": 1.0}
    locked, over = threading.Event(), threading.Event()

    def lock() -> None:
        try:
            with transaction.atomic(), database.cursor() as cursor:
                cursor.execute("LOCK TABLE crudsync_connection IN ACCESS EXCLUSIVE MODE")
                locked.set()
                over.wait(SLOW)
        finally:
            database.close()

    holder = threading.Thread(target=lock)
    holder.start()
    try:
        assert locked.wait(SLOW)
        answer = client.get("/health", headers=TOKEN)
    finally:
        over.set()
        holder.join()
    told = answer.json()
    assert told["database"]["status"] == "up"
    late = {"status": "down", "response_time_ms": None, "error": "no answer within 1 s", "code": "deadline"}
    assert told["connections"] == {"*": late}
    assert answer.status_code == 503


def test_a_failing_answer_is_no_error_of_the_site(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/readyz").status_code == 503
    assert "Service Unavailable" not in caplog.text


def test_errors_tell_no_host_and_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> float:
        raise OSError("connection to db.internal as crudsync:hunter2 refused")

    part = parts.timed(fail)
    assert (part.status, part.error) == ("down", "OSError")


def test_what_another_version_left_on_the_shelf_is_not_taken(
    alive: None, sandbox: Callable[..., Remote], account: Connection
) -> None:
    remote = sandbox()
    shelf.put(f"probe:{account.pk}:{account.updated_at.timestamp()}", '{"state": 1}', 60.0)
    assert health().connections["shop/default"].status == "up"
    assert len(remote.journal()) == 1


def test_readiness_is_told_again_for_a_second(redis_server: RedisServer) -> None:
    assert readiness() is readiness()
