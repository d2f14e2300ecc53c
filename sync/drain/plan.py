"""What is to be done for one claimed object, as it was planned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync import bindings
from sync.bindings.rows import Claimed
from sync.connectors.codec import dumps
from sync.drain.decide import Decision
from sync.drain.intent import Intent
from sync.exceptions import CrudSyncError

if TYPE_CHECKING:
    from django.db.models import Model

    from sync.types import ObjectTypeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done for one claimed object.

    ``unit`` is the integrator instance that speaks for it; ``payload`` and ``text`` (canonical JSON) are None where
    there is no row in scope. ``waits_for`` names a parent that must go first. ``partial`` says that a reference was
    sent null, so the object stays due. ``error`` is why its payload could not be built.
    """

    claim: Claimed
    spec: ObjectTypeSpec
    decision: Decision
    unit: Any = None
    instance: Model | None = None
    payload: Mapping[str, Any] | None = None
    text: str | None = None
    intent: Intent | None = None
    waits_for: str = ""
    partial: bool = False
    keep: bool = False
    error: CrudSyncError | None = None

    @property
    def present(self) -> bool:
        """Whether there is a local row in this account's scope."""
        return self.payload is not None


def is_first(claim: Claimed) -> bool:
    """Return whether an object was created at the remote first, and has no row yet."""
    return claim.object_id.startswith(bindings.FIRST)


def is_rowless(claim: Claimed) -> bool:
    """Return whether a binding stands for a remote object that has no row here."""
    return claim.object_id.startswith(bindings.ROWLESS)


def changes(sent: str | None, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the fields that differ from what was last agreed, None where that is unknown: the whole state then."""
    if sent is None:
        return None
    before = json.loads(sent)
    return {name: value for name, value in payload.items() if name not in before or not same(before[name], value)}


def same(before: Any, value: Any) -> bool:
    """Return whether two JSON values are one: in Python 1, 1.0 and True are equal, at a remote they are not."""
    if before != value:
        return False
    return isinstance(value, str) or value is None or dumps(before) == dumps(value)
