"""Columns and indexes that come and go while the workers write on, in migrations that may be broken off and run again.

Such a migration is no single transaction: that would keep its locks on one table while it waits for the next.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations


class AddFieldOnce(migrations.AddField):
    """Add a column, unless it is there: of a migration that was broken off, each step before that has been committed."""

    atomic = True

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Add it where it is missing."""
        if not self._is_there(schema_editor, to_state.apps.get_model(app_label, self.model_name)):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it where it is there."""
        model = from_state.apps.get_model(app_label, self.model_name)
        if schema_editor.collect_sql or self._is_there(schema_editor, model):
            super().database_backwards(app_label, schema_editor, from_state, to_state)

    def _is_there(self, schema_editor: Any, model: Any) -> bool:
        connection = schema_editor.connection
        if schema_editor.collect_sql or not self.allow_migrate_model(connection.alias, model):
            return False
        with connection.cursor() as cursor:
            columns = connection.introspection.get_table_description(cursor, model._meta.db_table)
        return model._meta.get_field(self.name).column in {column.name for column in columns}


class AddIndexBesideWriters(migrations.AddIndex):
    """Add an index without a lock that writers wait for; other databases add it as they always do.

    Not Django's ``AddIndexConcurrently``: that one needs psycopg to be imported, and fails on SQLite.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Build it; what a broken off attempt left behind, invalid, goes first."""
        model = to_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor != "postgresql":
            if not _has_index(self, schema_editor, model, self.index.name):
                super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_index(model, self.index, concurrently=True)  # DROP INDEX CONCURRENTLY IF EXISTS
            schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it, likewise."""
        model = from_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor != "postgresql":
            if schema_editor.collect_sql or _has_index(self, schema_editor, model, self.index.name):
                super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_index(model, self.index, concurrently=True)


class RemoveIndexBesideWriters(migrations.RemoveIndex):
    """Drop an index without a lock that writers wait for; other databases drop it as they always do."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it where it is there."""
        model = from_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor != "postgresql":
            if schema_editor.collect_sql or _has_index(self, schema_editor, model, self.name):
                super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            index = from_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
            schema_editor.remove_index(model, index, concurrently=True)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Build it anew, likewise."""
        model = to_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor != "postgresql":
            if not _has_index(self, schema_editor, model, self.name):
                super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            index = to_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
            schema_editor.remove_index(model, index, concurrently=True)
            schema_editor.add_index(model, index, concurrently=True)


def _has_index(operation: Any, schema_editor: Any, model: Any, name: str) -> bool:
    """Whether the table has an index of this name; where SQL is only collected, nobody looks."""
    connection = schema_editor.connection
    if schema_editor.collect_sql or not operation.allow_migrate_model(connection.alias, model):
        return False
    with connection.cursor() as cursor:
        return name in connection.introspection.get_constraints(cursor, model._meta.db_table)
