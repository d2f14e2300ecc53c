"""What the remote holds against what was agreed: drift is found, looked at twice, and asked for."""

from sync.reconcile.reconcile import reconcile
from sync.reconcile.report import Report, Stop, TypeReport

__all__ = ["Report", "Stop", "TypeReport", "reconcile"]
