"""What the sandbox says of a collection's fields, to OPTIONS: in the words of Django REST framework's metadata."""

from __future__ import annotations

from typing import Any

from sync.testing.sandbox.config import Config


def described(collection: str, config: Config) -> dict[str, Any]:
    """Return the description of a collection: the fields that were named, and those that are the server's own.

    Args:
        collection: its name.
        config: with ``fields``, by name their type.
    """
    own = (config.id_field, config.created_field, config.updated_field, config.version_field)
    taken = {name: _field(str(kind), required=name in config.required) for name, kind in config.fields.items()}
    shown = {name: _field("field", read_only=True) for name in own if name and name not in taken}
    return {
        "name": collection,
        "renders": ["application/json"],
        "parses": ["application/json", "application/x-www-form-urlencoded"],
        "actions": {"POST": {**shown, **taken}},
    }


def _field(kind: str, *, required: bool = False, read_only: bool = False) -> dict[str, Any]:
    return {"type": kind, "required": required, "read_only": read_only}
