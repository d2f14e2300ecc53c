"""Checks of where the rows are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register
from django.db import connections, router
from django.db.models import Model

from sync import registry
from sync.checks.integrators import object_types
from sync.checks.messages import TAG, message
from sync.checks.settings import current
from sync.models import Change
from sync.models.database import alias

SEEN = ("postgresql", "sqlite")

LONGEST_KEY: int = Change._meta.get_field("object_id").max_length or 0


@register(TAG)
def check_databases(**_given: Any) -> list[CheckMessage]:
    """Name models in another database than ours, keys too long, and what in a database or its times cannot work.

    Reads settings and routers only; touches no database.
    """
    return [*_elsewhere(), *_long_keys(), *_unseen(alias()), *_isolation(alias()), *_zoneless()]


def _elsewhere() -> Iterator[CheckMessage]:
    if current() is None:
        return
    ours = alias()
    for model in _models():
        theirs = router.db_for_write(model)
        if theirs != ours:
            text = f"{model._meta.label} is written to the database {theirs!r}, the rows of crudsync to {ours!r}."
            yield message("E006", text, obj=model)


def _long_keys() -> Iterator[CheckMessage]:
    if current() is None:
        return
    for model in _models():
        fields = getattr(model._meta.pk, "fields", None) or [model._meta.pk]  # a composite key has several
        length = sum(getattr(field, "max_length", None) or 0 for field in fields)
        if length > LONGEST_KEY:
            yield message("E009", f"{model._meta.label} has keys of up to {length} characters.", obj=model)


def _models() -> list[type[Model]]:
    models = {spec.model for cls in registry.integrators().values() for spec in object_types(cls)[0].values()}
    return sorted(models, key=lambda model: model._meta.label)


def _unseen(using: str) -> Iterator[CheckMessage]:
    connection = connections[using]
    if connection.vendor not in SEEN:
        yield message("W026", f"The database {using!r} is {connection.display_name}.")


def _zoneless() -> Iterator[CheckMessage]:
    if not settings.USE_TZ:
        yield message("E011", "USE_TZ is off.")


def _isolation(using: str) -> Iterator[CheckMessage]:
    connection = connections[using]
    if connection.vendor != "mysql":
        return
    options = connection.settings_dict.get("OPTIONS") or {}
    # Django asks for READ COMMITTED unless told otherwise; None leaves it to the server, whose default is not that.
    level = options.get("isolation_level", "read committed")
    if level is None or str(level).lower() in ("repeatable read", "serializable"):
        yield message("E008", f"The database {using!r} runs under {str(level or 'repeatable read').upper()}.")
