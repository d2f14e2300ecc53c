"""For whom an object waits: the parents whose remote ids its payload needs, and cycles among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync import bindings
from sync.bindings.parents import Parent
from sync.bindings.rows import Claimed
from sync.exceptions import ParentNotSynced
from sync.models import State

if TYPE_CHECKING:
    from sync.drain.plan import Plan
    from sync.types import ObjectTypeSpec, ParentSpec

STUCK: Mapping[str, str] = {
    State.DEAD: "dead",
    State.HELD: "held",
    State.IN_DOUBT: "held in doubt",
    State.ABSENT: "not meant for the remote",
}
"""States of a parent that end only by somebody's doing."""

HOPS = 10
"""How far a chain of waiting parents is followed when looking for a cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The remote ids of one object's parents, by key of the payload.

    ``later`` names a parent of a cycle whose id is sent null first, empty where there is none. ``waits_for`` names one
    that must go first; ``stuck`` says why that one does not go by itself.
    """

    ids: Mapping[str, str | None]
    later: str = ""
    waits_for: str = ""
    stuck: ParentNotSynced | None = None


class Parents:
    """The parents of the objects of one claim, and who of these waits for whom.

    Args:
        connection_id: the connection.
        wanted: the parents' object ids by object type.
    """

    def __init__(self, connection_id: int, wanted: Mapping[str, set[str]]) -> None:
        self.connection_id = connection_id
        self._known: dict[str, Parent] = bindings.remote_ids(connection_id, wanted) if wanted else {}
        self._waiting: dict[str, str] = {}

    def wait(self, claim: Claimed, parent: str) -> None:
        """Note that an object waits for a parent, ``type:object id``."""
        self._waiting[claim.name] = parent

    def references(self, claim: Claimed, spec: ObjectTypeSpec, speaker: Any) -> References:
        """Return what an object's payload needs of its parents, or for whom it waits.

        Args:
            claim: the object.
            spec: its type.
            speaker: the integrator instance that speaks for it; its ``parent_ids`` may be a hook of the host's.
        """
        ids: dict[str, str | None] = {}
        later = ""
        for parent, name in _named(spec, speaker):
            there = self._known.get(name)
            ids[parent.target] = there.remote_id if there else None
            if ids[parent.target] is not None:
                continue
            if parent.nullable and self._cyclic(claim, name):
                later = name
                continue
            return References(ids=ids, waits_for=name, stuck=_stuck(name, there))
        return References(ids=ids, later=later)

    def _cyclic(self, claim: Claimed, name: str) -> bool:
        """Whether the parent waits, over however many steps, for this very object."""
        for _ in range(HOPS):
            there = self._known.get(name)
            ahead = self._waiting.get(name) or (there.waits_for if there else "")
            if claim.name in (name, ahead):
                return True
            if not ahead:
                return False
            if ahead not in self._known:
                object_type, _, object_id = ahead.partition(":")
                self._known.update(bindings.remote_ids(self.connection_id, {object_type: {object_id}}))
            name = ahead
        return False


def ask_for_parents(connection_id: int, plans: Sequence[Plan], model_of: Callable[[str], str]) -> None:
    """Ask for parents that have no binding; one that has a binding is left as it is.

    Args:
        connection_id: the connection.
        plans: those that wait say for whom.
        model_of: returns the label of an object type's model.
    """
    missing: dict[str, set[str]] = {}
    claims: dict[str, Claimed] = {}
    for plan in plans:
        if plan.waits_for:
            object_type, _, object_id = plan.waits_for.partition(":")
            missing.setdefault(object_type, set()).add(object_id)
            claims[object_type] = plan.claim
    for object_type, ids in missing.items():
        bindings.ensure(
            connection_id,
            object_type,
            sorted(ids),
            model=model_of(object_type),
            actor=claims[object_type].actor,
            origin=claims[object_type].origin,
        )


def _named(spec: ObjectTypeSpec, speaker: Any) -> list[tuple[ParentSpec, str]]:
    if not spec.parents:
        return []
    ids = speaker.parent_ids()
    found = [(parent, ids.get(parent.target)) for parent in spec.parents]
    return [(parent, f"{parent.via}:{object_id}") for parent, object_id in found if object_id is not None]


def _stuck(name: str, parent: Parent | None) -> ParentNotSynced | None:
    """Return why nobody is at work on a parent: its success, or an edit of the child, brings the child back."""
    if parent is None or parent.state not in STUCK:
        return None
    return ParentNotSynced(f"Its parent {name} is {STUCK[parent.state]}.", parent=name, code=f"parent_{parent.state}")
