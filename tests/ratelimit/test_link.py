from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from project.servers import wait_until
from sync.ratelimit import link as rooms
from sync.ratelimit import scripts
from sync.ratelimit.link import Link, link, plain_url
from tests.servers.redis import RedisServer

RUN_ID = scripts.Script("return ARGV[1]")


@pytest.fixture
def awake(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest after a failure."""
    monkeypatch.setattr(rooms, "SHORTEST_REST_S", 0.0)


def test_commands_are_sent_together_and_answered_in_order(wire: Link) -> None:
    assert wire.call(("SET", "a", 1), ("GET", "a"), ("INCR", "a")) == [b"OK", b"1", 2]


def test_a_script_that_the_server_does_not_know_is_sent_whole_once(wire: Link) -> None:
    script = scripts.Script("return tonumber(ARGV[2]) + 1")
    assert wire.run(script, [], [4]) == 5
    assert wire.call(("SCRIPT", "EXISTS", script.sha))[0] == [1]
    wire.call(("SCRIPT", "FLUSH"))
    assert wire.run(script, [], [5]) == 6


def test_a_script_hears_the_run_id_of_its_server(wire: Link, server: RedisServer) -> None:
    with server.client() as client:
        assert wire.run(RUN_ID, [], []) == client.info("server")["run_id"].encode()


def test_a_server_that_came_back_is_another_run(wire: Link, server: RedisServer) -> None:
    before = wire.run(RUN_ID, [], [])
    server.restart()
    assert wire.run(RUN_ID, [], []) != before


def test_a_server_that_hides_its_run_id_is_used_without(server: RedisServer) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "shy", "on", ">word", "~*", "+@all", "-info")
        try:
            shy = Link(server.url.replace("redis://", "redis://shy:word@"), timeout_s=0.3, identify=True)
            assert shy.run(RUN_ID, [], []) == b""
            shy.close()
        finally:
            client.execute_command("ACL", "DELUSER", "shy")


def test_clients_that_the_server_killed_are_replaced_without_an_error(wire: Link, server: RedisServer) -> None:
    wire.call(("PING",))
    server.kill_clients()
    assert wire.call(("PING",)) == [b"PONG"]


def test_a_frozen_server_costs_one_timeout_and_then_nothing(wire: Link, server: RedisServer) -> None:
    wire.call(("PING",))
    server.freeze()
    started = time.monotonic()
    with pytest.raises(RedisError):
        wire.call(("PING",))
    first = time.monotonic() - started
    for _ in range(100):
        with pytest.raises(RedisConnectionError, match="left alone"):
            wire.call(("PING",))
    assert first < 0.6
    assert time.monotonic() - started < first + 0.2
    assert 0 < wire.rest_s <= 1


@pytest.fixture
def aside(server: RedisServer) -> Iterator[Link]:
    """A link whose callers never wait for a server that has failed once."""
    found = Link(server.url, timeout_s=0.3, aside=True)
    yield found
    found.close()


def test_nobody_waits_for_a_frozen_server_a_second_time(
    aside: Link, server: RedisServer, awake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside.call(("PING",))
    server.freeze()
    with pytest.raises(RedisError):
        aside.call(("PING",))
    slow: list[float] = []
    until = time.monotonic() + 1.5  # several times what a look lasts
    while time.monotonic() < until:
        started = time.monotonic()
        with pytest.raises(RedisConnectionError, match=r"a thread looks|left alone"):
            aside.call(("PING",))
        slow.append(time.monotonic() - started)
        time.sleep(0.01)
    assert sorted(slow)[len(slow) // 2] < 0.05
    assert len(slow) > 20  # in 0.3 s each, these would have been five


def test_a_thread_finds_a_server_that_came_back_by_itself(aside: Link, server: RedisServer) -> None:
    aside.call(("PING",))
    server.freeze()
    with pytest.raises(RedisError):
        aside.call(("PING",))
    server.resume()
    assert wait_until(lambda: not aside.failed, 10)
    assert aside.call(("PING",)) == [b"PONG"]


def test_where_a_fork_left_the_thread_behind_a_call_sends_another(aside: Link, server: RedisServer) -> None:
    aside._failures = 1
    with pytest.raises(RedisConnectionError, match="a thread looks"):
        aside.call(("PING",))
    assert wait_until(lambda: not aside.failed, 10)


def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(
    wire: Link, server: RedisServer, awake: None
) -> None:
    wire.call(("SET", "late", "late"))
    server.freeze()
    with pytest.raises(RedisError):
        wire.call(("GET", "late"))
    server.resume()
    assert wire.call(("ECHO", "mine")) == [b"mine"]


def test_a_link_rests_longer_with_each_failure_and_forgets_with_the_first_success(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Link(server.url, timeout_s=0.3)
    server.kill()
    rests = []
    for _ in range(5):
        with pytest.raises(RedisError):
            wire.call(("PING",))
        rests.append(round(wire.rest_s))
        wire._rests_until = 0.0
    assert rests == [1, 2, 4, 5, 5]
    server.start()
    wire.call(("PING",))
    server.kill()
    with pytest.raises(RedisError):
        wire.call(("PING",))
    assert round(wire.rest_s) == 1
    wire.close()


def test_closing_a_link_forgets_what_failed(server: RedisServer) -> None:
    wire = Link(server.url, timeout_s=0.3)
    with pytest.raises(ResponseError):
        wire.call(("NOSUCHCOMMAND",))
    assert wire.rest_s
    wire.close()
    assert wire.call(("PING",)) == [b"PONG"]
    wire.close()


def test_an_interrupted_call_leaves_no_answer_behind(wire: Link, server: RedisServer) -> None:
    def interrupted() -> None:
        with wire._line() as line:
            line.wire.send_command("ECHO", "unread")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert wire.call(("ECHO", "mine")) == [b"mine"]
    assert not wire.rest_s


def test_threads_share_a_link(wire: Link) -> None:
    failures: list[Any] = []

    def work(mine: int) -> None:
        for i in range(100):
            answer = wire.call(("ECHO", f"{mine}-{i}"))
            if answer != [f"{mine}-{i}".encode()]:
                failures.append(answer)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_only_so_many_connections_are_kept_open(wire: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "KEPT", 1)
    with wire._line(), wire._line():
        pass
    assert len(wire._idle) == 1


def test_a_fork_opens_connections_of_its_own(wire: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = wire.call(("CLIENT", "ID"))
    parents = wire._idle[0]
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert wire.call(("CLIENT", "ID")) != mine
    monkeypatch.undo()
    assert parents.wire.is_connected, "the parent's socket is the parent's to close"
    parents.wire.disconnect()


@pytest.mark.parametrize(
    ("celery", "client"),
    [
        ("redis://host:6379/1", "redis://host:6379/1"),
        ("redis+socket:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis+socket:///run/redis.sock?virtual_host=3", "unix:///run/redis.sock?db=3"),
        ("rediss://h/0?ssl_cert_reqs=CERT_NONE", "rediss://h/0?ssl_cert_reqs=none"),
        ("rediss://h/0?ssl_cert_reqs=CERT_REQUIRED&db=2", "rediss://h/0?ssl_cert_reqs=required&db=2"),
    ],
)
def test_urls_of_celery_are_understood(celery: str, client: str) -> None:
    assert plain_url(celery) == client


def test_a_process_has_one_link_to_a_redis() -> None:
    assert link("redis://127.0.0.1:1/0", 0.3) is link("redis://127.0.0.1:1/0", 0.3)
