"""Load the Celery tasks: the one ring that goes upwards.

A host may have a ``tasks`` package or module of its own, which then shadows ours without an error. Ours is loaded by
path under another name in that case; the names of the tasks stay the same.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = Path(__file__).resolve().parent.parent / "tasks"
OTHER_NAME = "crudsync_tasks"
MODULES = (
    "options",
    "context",
    "records",
    "words",
    "delivery",
    "reconciliation",
    "maintenance",
    "alerting",
    "schedule",
    "worker",
)


def schedule(**options: Any) -> dict[str, dict[str, Any]]:
    """Return our entries for Celery beat, also where ``tasks`` is a package of the host's own.

    ``CELERY_BEAT_SCHEDULE |= schedule()`` in the settings.

    Args:
        options: of ``tasks.schedule.schedule``.
    """
    package = _plain() or _by_path()
    entries: dict[str, dict[str, Any]] = importlib.import_module(f"{package.__name__}.schedule").schedule(**options)
    return entries


def load() -> ModuleType:
    """Import every module of the tasks, and return their package."""
    package = _plain() or _by_path()
    for name in MODULES:
        importlib.import_module(f"{package.__name__}.{name}")
    return package


def _plain() -> ModuleType | None:
    """Ours, where ``tasks`` leads to it; a host's own is not imported only to look at it."""
    try:
        spec = importlib.util.find_spec("tasks")
    except ValueError:  # a module without a spec, made by hand: not ours
        return None
    if spec is None or not spec.origin or Path(spec.origin).resolve().parent != OURS:
        return None
    return importlib.import_module("tasks")


def _by_path() -> ModuleType:
    if OTHER_NAME in sys.modules:
        return sys.modules[OTHER_NAME]
    path = OURS / "__init__.py"
    spec = importlib.util.spec_from_file_location(OTHER_NAME, path, submodule_search_locations=[str(OURS)])
    if spec is None or spec.loader is None:
        raise ImportError(f"the tasks of django-crudsync are missing at {OURS}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[OTHER_NAME] = module
    spec.loader.exec_module(module)
    return module
