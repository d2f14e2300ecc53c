"""Room on the pages of the hot tables, so that most updates touch no index, and a vacuum that keeps up."""

from __future__ import annotations

from django.db import migrations

OPTIONS = {
    "crudsync_binding": "fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02",
    "crudsync_operation": "fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05",
    "crudsync_change": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000",
}


def set_options(apps, schema_editor):
    """Set them; other databases have no such thing."""
    if schema_editor.connection.vendor == "postgresql":
        for table, options in OPTIONS.items():
            schema_editor.execute(f"ALTER TABLE {table} SET ({options})")


class Migration(migrations.Migration):
    dependencies = [("crudsync", "0001_initial")]

    operations = [migrations.RunPython(set_options, migrations.RunPython.noop)]
