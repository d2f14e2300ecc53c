"""System checks: what is wrong with the settings, the integrators and the host's Celery, with an id and a hint.

Importing this registers them under the tag ``crudsync``. Ids are permanent; ``docs/reference/checks.md`` lists them.
"""

from sync.checks.api import check_api
from sync.checks.capture import check_bypass, check_triggers
from sync.checks.celery import check_celery
from sync.checks.database import check_databases
from sync.checks.deployment import check_deployment
from sync.checks.integrators import check_integrators
from sync.checks.messages import MESSAGES
from sync.checks.settings import check_settings

__all__ = [
    "MESSAGES",
    "check_api",
    "check_bypass",
    "check_celery",
    "check_databases",
    "check_deployment",
    "check_integrators",
    "check_settings",
    "check_triggers",
]
