"""What the host's Celery app is set to, in plain values: for those who may not speak Celery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.wake.doorbell import host_app

REDIS = ("redis://", "rediss://", "sentinel://", "redis+socket://", "unix://")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCelery:
    """The settings of an app that no task can set for itself.

    ``scheduled`` holds the names of the tasks in the beat schedule; ``broker_max_retries`` is None for no end.
    """

    acks_late: bool
    prefetches: bool
    prefetch_multiplier: int
    broker_max_retries: int | None
    redis_results: bool
    database_scheduler: bool
    scheduled: frozenset[str]


def host_celery() -> HostCelery | None:
    """Return the settings of the app of this process, None where the project has configured none."""
    app = host_app()
    if app.main == "default":  # the one that Celery makes where nobody has made one
        return None
    return host_settings(app.conf)


def host_settings(conf: Any) -> HostCelery:
    """Return what matters of an app's configuration.

    Args:
        conf: Celery's settings, by attribute.
    """
    multiplier = int(conf.worker_prefetch_multiplier)
    redis_broker = str(conf.broker_url or "").startswith(REDIS)
    disabled = bool(getattr(conf, "worker_disable_prefetch", False)) and redis_broker
    entries: Mapping[str, Any] = conf.beat_schedule or {}
    return HostCelery(
        acks_late=bool(conf.task_acks_late),
        prefetches=not disabled and multiplier != 1,
        prefetch_multiplier=multiplier,
        broker_max_retries=conf.broker_connection_max_retries,
        redis_results=str(conf.result_backend or "").startswith(REDIS),
        database_scheduler="django_celery_beat" in str(conf.beat_scheduler),
        scheduled=frozenset(str(entry.get("task")) for entry in entries.values()),
    )
