"""The index of objects by state, built on PostgreSQL while the workers go on writing."""

from __future__ import annotations

from django.db import migrations, models

from sync.migrations._beside_writers import AddIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crudsync", "0008_links")]

    operations = [
        AddIndexBesideWriters(
            model_name="binding",
            index=models.Index(
                condition=models.Q(("state", "synced"), _negated=True),
                fields=["state", "id"],
                name="crudsync_binding_state",
            ),
        ),
    ]
