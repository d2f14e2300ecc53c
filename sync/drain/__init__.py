"""The drain: gate → intake → claim → payload → tokens → journal → send → settle."""

from sync.drain.direct import run as run_now
from sync.drain.loop import Report, drain
from sync.drain.sweep import SweepReport, sweep

__all__ = ["Report", "SweepReport", "drain", "run_now", "sweep"]
