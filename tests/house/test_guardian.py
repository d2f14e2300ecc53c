"""A test run that is killed leaves no server behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from project.servers import redis_binary, wait_until
from tests.servers.process import ROOT

RUN = """
import pathlib, sys, time
from tests.servers import guardian
from tests.servers.redis import RedisServer

home = pathlib.Path(sys.argv[1])
guardian.watch("home", remove=str(home / "left"))
server = RedisServer(home)
server.start()
print(server.process.pid, flush=True)
{then}
"""


@pytest.fixture
def run(tmp_path):
    if redis_binary() is None:
        pytest.skip("needs a Redis-compatible server")
    (tmp_path / "left").mkdir()
    started = []

    def start(then):
        command = [sys.executable, "-c", RUN.format(then=then), str(tmp_path)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_run_started_ends_with_it(run, number, tmp_path):
    process, server = run("time.sleep(60)")
    os.kill(process.pid, number)
    assert wait_until(lambda: not psutil.pid_exists(server), timeout_s=10)
    assert wait_until(lambda: not (tmp_path / "left").exists(), timeout_s=10)


def test_a_directory_is_removed_when_the_run_ends_in_order(run, tmp_path):
    process, _ = run("server.stop()")
    assert process.wait(timeout=20) == 0
    assert not (tmp_path / "left").exists()


def test_what_ended_in_order_is_left_alone(run, tmp_path):
    process, _ = run("server.stop(); guardian.forget('home')")
    assert process.wait(timeout=20) == 0
    assert (tmp_path / "left").exists()
