"""Checks of the host's Celery app: the settings that no task can set for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, register

from sync.checks.messages import TAG, message
from sync.wake.host import HostCelery, host_celery

SWEEP = "crudsync.sweep"


@register(TAG, deploy=True)
def check_celery(databases: Any = None, **_given: Any) -> list[CheckMessage]:
    """Name a missing Celery app, unsafe settings of it, and a missing schedule."""
    host = host_celery()
    if host is None:
        return [message("W012", "There is no Celery app in this process.")]
    return [*_unsafe(host), *_schedule(host, databases)]


def _unsafe(host: HostCelery) -> Iterator[CheckMessage]:
    if host.acks_late:
        yield message("W013", "task_acks_late is on.")
    if host.prefetches:
        yield message("W014", f"Workers prefetch (worker_prefetch_multiplier is {host.prefetch_multiplier}).")
    if host.broker_max_retries is not None:
        yield message("W015", f"broker_connection_max_retries is {host.broker_max_retries}.")
    if host.redis_results:
        yield message("W016", "The result backend is Redis.")


def _schedule(host: HostCelery, databases: Any) -> Iterator[CheckMessage]:
    in_database = host.database_scheduler and apps.is_installed("django_celery_beat")
    # Its table is only looked at where checks may use the database; where they may not, nothing can be said.
    if SWEEP not in host.scheduled and not (in_database and (not databases or _in_database())):
        yield message("W017", f"No entry of the beat schedule runs {SWEEP}.")


def _in_database() -> bool:
    app, model = "django_celery_beat", "PeriodicTask"  # as variables: the app need not be installed
    tasks: Any = apps.get_model(app, model)
    return bool(tasks.objects.filter(task=SWEEP, enabled=True).exists())
