"""What the remote holds against what was agreed: drift is found, looked at twice, and asked for."""

from sync.reconcile.compare import Verdict
from sync.reconcile.diff import Diff, Field, Trouble, diff
from sync.reconcile.reconcile import reconcile
from sync.reconcile.report import Report, Stop, TypeReport

__all__ = ["Diff", "Field", "Report", "Stop", "Trouble", "TypeReport", "Verdict", "diff", "reconcile"]
