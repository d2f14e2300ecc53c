"""Indexes by row: a wider one of all bindings, and one of those that failed; made beside the workers on PostgreSQL."""

from __future__ import annotations

from django.db import migrations, models

from sync.migrations._beside_writers import AddIndexBesideWriters, RemoveIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crudsync", "0010_backfill")]

    operations = [
        AddIndexBesideWriters(
            model_name="binding",
            index=models.Index(
                fields=["model", "object_id", "state", "connection"], name="crudsync_binding_row"
            ),
        ),
        AddIndexBesideWriters(
            model_name="binding",
            index=models.Index(
                fields=["model", "object_id", "connection"],
                name="crudsync_binding_failed",
                condition=models.Q(
                    ("state__in", ["held", "in_doubt", "dead"]), models.Q(("code", "unlinked"), _negated=True)
                ),
            ),
        ),
        RemoveIndexBesideWriters(model_name="binding", name="crudsync_binding_model"),
    ]
