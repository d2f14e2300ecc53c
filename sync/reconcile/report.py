"""What a reconciliation found and did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stop(StrEnum):
    """Why a reconciliation of one object type asked for nothing."""

    REMOTE_EMPTY = "remote_empty"
    TOO_DIFFERENT = "too_different"
    NOT_FILLED = "not_filled"
    LISTING = "listing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeReport:
    """One object type: all numbers are objects.

    Args:
        object_type: its name.
        listed: rows that the remote listed, each as often as it came.
        bound: bindings with a remote id, of any state, when it began.
        differ: listed, and not as last agreed.
        missing: bound, and not listed.
        foreign: listed rows that belong to no binding; they are left alone.
        unbound: local rows without a binding.
        asked: for how many the drain was asked.
        stopped: a ``Stop``, empty where it went to its end.
        detail: one sentence about why it stopped.
    """

    object_type: str
    listed: int = 0
    bound: int = 0
    differ: int = 0
    missing: int = 0
    foreign: int = 0
    unbound: int = 0
    asked: int = 0
    stopped: str = ""
    detail: str = ""

    @property
    def drift(self) -> int:
        """Objects that are not at the remote as agreed."""
        return self.differ + self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One reconciliation of one connection."""

    connection: str
    types: tuple[TypeReport, ...] = ()

    @property
    def asked(self) -> int:
        """For how many objects the drain was asked."""
        return sum(entry.asked for entry in self.types)

    @property
    def drift(self) -> int:
        """Objects that are not at the remote as agreed."""
        return sum(entry.drift for entry in self.types)

    @property
    def stopped(self) -> str:
        """Why any type was stopped, a line each; empty where none was."""
        return "\n".join(f"{entry.object_type}: {entry.detail}" for entry in self.types if entry.stopped)

    @property
    def moved(self) -> bool:
        """True where anything was asked for or stopped: worth keeping a result of."""
        return bool(self.asked or self.stopped)
