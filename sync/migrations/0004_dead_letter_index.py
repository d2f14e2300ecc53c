"""The index of dead letters, built on PostgreSQL while the workers go on writing."""

from __future__ import annotations

from django.db import migrations, models

from sync.migrations._beside_writers import AddIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crudsync", "0003_dead_letters")]

    operations = [
        AddIndexBesideWriters(
            model_name="binding",
            index=models.Index(
                condition=models.Q(("cause__isnull", False)), fields=["cause", "id"], name="crudsync_binding_cause"
            ),
        ),
    ]
