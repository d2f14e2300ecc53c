"""A short mixed run of the harness, with faults of every kind, and the oracle. See ``make chaos``."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.servers.postgres import programs
from tests.servers.process import ROOT

SEED = 20_261_124
MINUTES = 1.2
INHERITED = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "SANDBOX_URL")


@pytest.mark.rows  # of a PostgreSQL of its own
@pytest.mark.skipif(not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="once is enough: with --pg")
@pytest.mark.skipif(programs() is None, reason="needs PostgreSQL")
def test_whatever_is_killed_both_sides_end_equal_and_nothing_is_doubled() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--seed", str(SEED), "--minutes", str(MINUTES), "--json"]
    env = {name: value for name, value in os.environ.items() if name not in INHERITED}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=500)
    assert done.stdout, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert not any(found["against"].values()), (found["against"], done.stderr)
    assert done.returncode == 0
    assert sum(found["injected"].values()) > 20
    assert min(found["applied"].values()) > 50
