"""What a worker answers when it is asked what it runs. Loaded in workers alone."""

from __future__ import annotations

from typing import Any

from celery.worker.control import inspect_command

from sync import registry
from sync.wake.fleet import ABOUT, about


@inspect_command(name=ABOUT, visible=False)
def crudsync_about(state: Any, **kwargs: Any) -> dict[str, Any]:
    """Return versions, our tasks and the integrators registered in this worker."""
    return about(state.app, sorted(registry.integrators()))
