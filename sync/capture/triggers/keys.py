"""A primary key as text in SQL, exactly as ``object_id_of`` renders it in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from django.db.models import Model

PLAIN = (models.IntegerField, models.UUIDField)
TEXTS = (models.CharField, models.TextField)


def columns_of(model: type[Model]) -> tuple[str, ...]:
    """Return the columns of a model's primary key."""
    return tuple(field.column for field in _fields(model))


def text_of(model: type[Model], alias: str) -> str | None:
    """Return the SQL of a row's object id, None where SQL cannot render this kind of key.

    Args:
        model: a concrete model.
        alias: what its table is called in the statement.
    """
    fields = _fields(model)
    if len(fields) == 1:
        return _text(fields[0], alias, texts=True)
    # JSON in Python escapes what is not ASCII, in PostgreSQL it does not: so none of these may be free text.
    parts = [_text(field, alias, texts=False) for field in fields]
    if any(part is None for part in parts):
        return None
    quoted = [f"'\"' || {part} || '\"'" for part in parts]
    return "'[' || " + " || ',' || ".join(quoted) + " || ']'"


def _fields(model: type[Model]) -> tuple[Any, ...]:
    key: Any = model._meta.pk
    return tuple(getattr(key, "fields", None) or (key,))


def _text(field: Any, alias: str, *, texts: bool) -> str | None:
    column = f'{alias}."{field.column}"'
    while field.is_relation:
        field = field.target_field
    if hasattr(field, "from_db_value"):
        return None  # what Python sees is not what the column holds
    if isinstance(field, models.DateField) and not isinstance(field, models.DateTimeField):
        return f"to_char({column}, 'YYYY-MM-DD')"
    return f"{column}::text" if isinstance(field, PLAIN) or (texts and isinstance(field, TEXTS)) else None
