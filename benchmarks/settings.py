"""The site's settings, with the applications of the benchmarks in place of the shop."""

from __future__ import annotations

import os

os.environ.setdefault("SECRET_KEY", "for-benchmarks-alone")
os.environ.setdefault("ENV_FILE", os.devnull)

from project.settings import *  # noqa: F403
from project.settings import CELERY_BEAT_SCHEDULE, CRUDSYNC, INSTALLED_APPS, env

INSTALLED_APPS = [
    *(name for name in INSTALLED_APPS if name != "examples.shop"),
    "benchmarks.crm",
    "pgtrigger",
    *env.list("BENCHMARK_APPS", default=[]),
]
REMOTE_URL = env.str("REMOTE_URL", default="http://127.0.0.1:1/")
ROOT_URLCONF = "project.urls"

if keep_s := env.float("KEEP_S", default=0.0):  # a long run in short: what is kept for days is kept for so long
    CRUDSYNC = {**CRUDSYNC, "keep_operations_days": keep_s / 86_400, "keep_changes_days": keep_s / 86_400}
    CELERY_RESULT_EXPIRES = keep_s
    CELERY_BEAT_SCHEDULE["crudsync.prune"]["schedule"] = keep_s / 4
    CELERY_BEAT_SCHEDULE["results"] = {"task": "celery.backend_cleanup", "schedule": keep_s / 4}
