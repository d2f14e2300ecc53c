"""Which objects have a change that no worker has taken yet: what is shown of them is older than what was saved."""

from __future__ import annotations

from collections.abc import Iterable

from sync.models import Change

LOOKED_AT = 1000
"""The inbox has no index by object: only its newest rows are looked at, among which a person's own save is."""


def waiting(label: str, object_ids: Iterable[str]) -> frozenset[str]:
    """Return those of the ids of a model that are in the inbox: one query.

    Args:
        label: the concrete model's label in lower case.
        object_ids: primary keys as text.
    """
    newest = Change.objects.order_by("-pk").values_list("model", "object_id")[:LOOKED_AT]
    changed = {object_id for model, object_id in newest if model == label}
    return frozenset(changed.intersection(object_ids))
