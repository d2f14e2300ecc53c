"""All rows, a file per row. Who writes which is in the architecture page; nobody else does."""

from sync.models.alert import AlertRule, Incident, IncidentState, Notice, RuleKind
from sync.models.backfill import Backfill, Phase
from sync.models.binding import STUCK, Binding, State
from sync.models.cause import Cause
from sync.models.change import Change, Kind
from sync.models.connection import Connection, Dashboard
from sync.models.gate import Gate, Slot, Sweep
from sync.models.minute import Minute
from sync.models.operation import Operation, Status
from sync.models.total import Total

__all__ = [
    "STUCK",
    "AlertRule",
    "Backfill",
    "Binding",
    "Cause",
    "Change",
    "Connection",
    "Dashboard",
    "Gate",
    "Incident",
    "IncidentState",
    "Kind",
    "Minute",
    "Notice",
    "Operation",
    "Phase",
    "RuleKind",
    "Slot",
    "State",
    "Status",
    "Sweep",
    "Total",
]
