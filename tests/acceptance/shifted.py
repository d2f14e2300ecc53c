"""Let a process's own clock be wrong by ``CLOCK_SHIFT_S`` seconds. A worker takes it by ``-I``; see INCLUDE."""

from __future__ import annotations

import datetime as dt
import os

import time_machine

INCLUDE = ("-I", "tests.acceptance.shifted")

if shift := os.environ.get("CLOCK_SHIFT_S"):
    there = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(shift))
    time_machine.travel(there, tick=True).start()
