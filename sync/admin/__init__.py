"""The rows in Django's admin, and ``SyncAdminMixin`` for the user's own ModelAdmin."""

from sync.admin.alert import AlertRuleAdmin, IncidentAdmin
from sync.admin.binding import BindingAdmin
from sync.admin.cause import CauseAdmin
from sync.admin.change import ChangeAdmin
from sync.admin.connection import ConnectionAdmin
from sync.admin.dashboard import DashboardAdmin
from sync.admin.mixin import SyncAdminMixin
from sync.admin.operation import OperationAdmin

__all__ = [
    "AlertRuleAdmin",
    "BindingAdmin",
    "CauseAdmin",
    "ChangeAdmin",
    "ConnectionAdmin",
    "DashboardAdmin",
    "IncidentAdmin",
    "OperationAdmin",
    "SyncAdminMixin",
]
