"""The site's Celery application."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task
from celery.signals import task_prerun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def _look_at_connections(task: Task[Any, Any], **kwargs: object) -> None:
    """Keep database connections between tasks as Django does between requests: CONN_MAX_AGE, CONN_HEALTH_CHECKS."""
    if not task.request.is_eager:  # it runs within its caller, perhaps within a transaction
        close_old_connections()
