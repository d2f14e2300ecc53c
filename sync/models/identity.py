"""Primary keys as text, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from django.db.models import Model

LARGEST = 2**63 - 1
"""No database has larger whole numbers as keys; a query with one fails."""


def object_id_of(pk: Any) -> str:
    """Return a primary key as text; a composite one as a JSON list of texts."""
    if isinstance(pk, tuple):
        return json.dumps([str(part) for part in pk], separators=(",", ":"))
    return str(pk)


def pk_of(model: type[Model], object_id: str) -> Any:
    """Return the primary key that a text stands for, or None where it cannot be one of this model."""
    field: Any = model._meta.pk
    if "\x00" in object_id:
        return None
    try:
        if hasattr(field, "__len__"):  # a composite key
            return tuple(part.to_python(text) for part, text in zip(field, json.loads(object_id), strict=True))
        pk = field.to_python(object_id)
    except (ValidationError, ValueError, TypeError):
        return None
    return pk if not isinstance(pk, int) or abs(pk) <= LARGEST else None
