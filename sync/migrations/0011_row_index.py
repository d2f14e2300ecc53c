"""A wider index of the bindings of a row; on PostgreSQL it is built, and the old one dropped, beside the workers."""

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
                fields=["model", "object_id", "state", "connection", "code"], name="crudsync_binding_row"
            ),
        ),
        RemoveIndexBesideWriters(model_name="binding", name="crudsync_binding_model"),
    ]
