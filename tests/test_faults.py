"""Fault points: no-ops, until the environment of a process arms them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sync import faults
from sync.faults import Fault, point

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = "from sync.faults import point\nfor _ in range(3): point('sent'); print('passed', flush=True)"


def start(faults: str) -> subprocess.Popen[str]:
    env = {**os.environ, "CRUDSYNC_FAULTS": faults}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def run(faults: str) -> tuple[int, int]:
    """Return the exit code, and how often the point was passed."""
    process = start(faults)
    out, _ = process.communicate(timeout=30)
    return process.returncode, out.count("passed")


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(faults, "_seen", {})
    return monkeypatch


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", {}),
        ("sent", {"sent": ("exit", 1)}),
        ("sent=stop", {"sent": ("stop", 1)}),
        ("journaled=exit@2, sent=raise@10,", {"journaled": ("exit", 2), "sent": ("raise", 10)}),
    ],
)
def test_points_are_armed_by_name_kind_and_count(text: str, parsed: dict[str, tuple[str, int]]) -> None:
    assert faults._parse(text) == parsed


def test_a_point_that_nobody_armed_does_nothing(armed: pytest.MonkeyPatch) -> None:
    armed.setattr(faults, "_armed", {})
    point("sent")
    armed.setattr(faults, "_armed", {"sent": ("raise", 1)})
    point("journaled")


def test_a_point_raises_the_time_that_it_is_armed_for_and_no_other(armed: pytest.MonkeyPatch) -> None:
    armed.setattr(faults, "_armed", {"sent": ("raise", 2)})
    point("sent")
    with pytest.raises(Fault, match="fault point sent"):
        point("sent")
    point("sent")


def test_a_process_dies_at_its_armed_point() -> None:
    assert run("sent=exit@2") == (-signal.SIGKILL, 1)
    assert run("other=exit") == (0, 3)


def test_a_process_is_suspended_at_its_armed_point_and_goes_on_when_told() -> None:
    process = start("sent=stop")
    deadline = time.monotonic() + 20
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out.count("passed")) == (0, 3)
