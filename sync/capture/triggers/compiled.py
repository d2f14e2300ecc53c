"""The triggers as django-pgtrigger's own, in its registry: ``manage.py pgtrigger ls`` shows them.

They are kept out of ``Meta.triggers``, so that no migration of the host's is made for what an integrator says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pgtrigger
from django.db import connections
from pgtrigger import compiler, registry

from sync.capture.triggers import bodies
from sync.capture.triggers.bodies import DELETE, INSERT, NEW, OLD, TRUNCATE, UPDATE
from sync.models.database import alias

if TYPE_CHECKING:
    from django.db.models import Model

PREFIX = "crudsync_"
SQL = """
CREATE OR REPLACE FUNCTION {pgid}() RETURNS TRIGGER AS $$
BEGIN {func} END;
$$ LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp;

CREATE OR REPLACE TRIGGER {pgid} {when} {operation} ON {table} {referencing}
FOR EACH {level} EXECUTE FUNCTION {execute};

COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
"""

_referencing: Any = pgtrigger.Referencing  # which has no types
_WHEN: dict[str, Any] = {
    INSERT: {"operation": pgtrigger.Insert, "referencing": _referencing(new=NEW)},
    UPDATE: {"operation": pgtrigger.Update, "referencing": _referencing(old=OLD, new=NEW)},
    DELETE: {"operation": pgtrigger.Delete, "referencing": _referencing(old=OLD)},
    TRUNCATE: {"operation": pgtrigger.Truncate, "when": pgtrigger.Before},
}

Registered = tuple[type["Model"], "CaptureTrigger"]


class CaptureSql(compiler.UpsertTriggerSql):
    """Installed without the lock that keeps readers out, and run with the rights of whoever installed it.

    Other programs write with roles of their own, which need no rights on our tables for that. Each statement asks one
    thing less: ``pgtrigger.ignore()`` does nothing here, ``no_sync()`` does.
    """

    def get_template(self) -> str:
        """Return the template of the SQL, in place of django-pgtrigger's."""
        return SQL


class CaptureTrigger(pgtrigger.Trigger):
    """One trigger of a table: what it records after one kind of statement."""

    def __init__(self, relations: tuple[bodies.Relation, ...], operation: str) -> None:
        self.relations, self.recorded = relations, operation
        given = {"when": pgtrigger.After, **_WHEN[operation]}
        super().__init__(name=f"{PREFIX}{operation}", level=pgtrigger.Statement, **given)

    def get_uri(self, model: Any) -> str:
        """Return its name in the registry."""
        return super().get_uri(model)

    def get_pgid(self, model: Any) -> str:
        """Return its name in the database."""
        return super().get_pgid(model)

    def get_func(self, model: Any) -> str:
        """Return the function's body, its tables named with the schema that is current."""
        return bodies.body(model, self.relations, self.recorded, schema(alias()))

    def compile(self, model: Any) -> compiler.Trigger:
        """Return the trigger's SQL."""
        made = super().compile(model)
        return compiler.Trigger(name=made.name, sql=CaptureSql(**made.sql.kwargs))


def schema(using: str) -> str:
    """Return the schema that tables are made in, asked for once a connection."""
    connection: Any = connections[using]
    found: str | None = getattr(connection, "_crudsync_schema", None)
    if found is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            found = connection._crudsync_schema = str(cursor.fetchone()[0])
    return found


def triggers() -> list[Registered]:
    """Return every trigger that should be installed, with the model of its table."""
    return [
        (table, CaptureTrigger(relations, operation))
        for table, relations in bodies.tables().items()
        for operation in bodies.OPERATIONS
    ]


def enter(found: list[Registered]) -> None:
    """Put triggers into django-pgtrigger's registry, in place of those of ours that it holds."""
    known = registry._registry.data  # its own way of adding would write Meta.triggers, and so migrations
    for uri in [uri for uri, (_, trigger) in known.items() if isinstance(trigger, CaptureTrigger)]:
        del known[uri]
    known.update({trigger.get_uri(table): (table, trigger) for table, trigger in found})
