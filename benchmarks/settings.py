"""The site's settings, with the application of the benchmarks in place of the shop."""

from __future__ import annotations

import os

os.environ.setdefault("SECRET_KEY", "for-benchmarks-alone")
os.environ.setdefault("ENV_FILE", os.devnull)

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS, env

INSTALLED_APPS = [*(name for name in INSTALLED_APPS if name != "examples.shop"), "benchmarks.crm", "pgtrigger"]
REMOTE_URL = env.str("REMOTE_URL", default="http://127.0.0.1:1/")
ROOT_URLCONF = "project.urls"
