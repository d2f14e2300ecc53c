"""A sandbox remote in a process of its own, which the shop speaks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from project.servers import wait_until
from sync import capture, wake
from sync.integrators.clients import forget
from sync.models import Binding, Change, State
from sync.testing.remote import Remote, SandboxProcess

UNSETTLED = (State.PENDING, State.RETRYING, State.WAITING)


@pytest.fixture
def sandbox(tmp_path: Path, settings: Any) -> Iterator[Remote]:
    """A running sandbox with its journal on disk; the shop's base URL points to it."""
    with SandboxProcess(journal=tmp_path / "journal.jsonl") as process:
        settings.SANDBOX_URL = f"{process.url.rstrip('/')}/"
        forget()
        yield process.remote
    forget()


@pytest.fixture
def captured() -> Iterator[None]:
    """Capture on, in this process too, with its doorbell."""
    with capture.enabled():
        yield


@pytest.fixture
def until_quiet() -> Callable[..., None]:
    """A function that returns once nothing is due, waiting or unread, within so many seconds."""

    def waited(timeout_s: float = 60.0) -> None:
        assert wait_until(quiet, timeout_s, every_s=0.05), describe()

    return waited


def quiet() -> bool:
    """Whether the inbox is empty and no binding is due or under way."""
    return not Change.objects.exists() and not Binding.objects.filter(due_at__isnull=False).exists()


def describe() -> str:
    """What is left, for a failure's message."""
    left = Binding.objects.filter(due_at__isnull=False).values_list("object_type", "object_id", "state", "code")[:5]
    return f"{Change.objects.count()} changes, {list(left)}"


__all__ = ["UNSETTLED", "describe", "quiet", "wake"]
