"""Find bindings by a local or a remote id, through an index."""

from __future__ import annotations

from django.db.models import Q

from sync import registry
from sync.models import Binding, Connection

FOUND = 1000
"""Of more that begin alike, only some are found."""


def object_types() -> list[str]:
    """Return the names of all registered object types."""
    return sorted({name for cls in registry.integrators().values() for name in cls.types()})


def named(term: str) -> Q:
    """Return the condition for a local or remote id; a trailing ``*`` finds those that begin with it.

    Both unique indexes begin with connection and object type, so these are named: a handful of values each.
    """
    term = term.strip()
    how, value = ("startswith", term[:-1]) if term.endswith("*") else ("exact", term)
    found = Q(**{f"object_id__{how}": value}) | Q(**{f"remote_id__{how}": value})
    types = object_types()
    if not types:
        return found
    return found & Q(connection__in=list(Connection.objects.values_list("pk", flat=True)), object_type__in=types)


def ids_named(term: str) -> list[int]:
    """Return the keys of bindings with that local or remote id, ``FOUND`` at the most; in no order, so by an index."""
    return list(Binding.objects.filter(named(term)).order_by().values_list("pk", flat=True)[:FOUND])
