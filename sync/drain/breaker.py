"""Tell a connection's failures from an object's own. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

OUTCOMES = 5
OBJECTS = 3


@dataclass(slots=True)
class Breaker:
    """The failures since the last success that may be the connection's fault, as binding ids, oldest first.

    Five of them or more, from at least three objects, with no success between, are the connection's. Of one object
    no more than five are kept: the streak of one that fails for ever stays short.
    """

    streak: list[int] = field(default_factory=list)

    def failed(self, binding_id: int) -> bool:
        """Note a failure; return whether the connection is to blame."""
        if self.streak.count(binding_id) >= OUTCOMES:
            self.streak.remove(binding_id)
        self.streak.append(binding_id)
        return len(self.streak) >= OUTCOMES and len(set(self.streak)) >= OBJECTS

    def succeeded(self) -> bool:
        """Note a success; return whether there was a streak to forget."""
        had = bool(self.streak)
        self.streak.clear()
        return had
