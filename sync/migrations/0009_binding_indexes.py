"""Objects by state, and dead letters counted from an index alone; built on PostgreSQL while the workers go on writing."""

from __future__ import annotations

from django.db import migrations, models

from sync.migrations._beside_writers import AddIndexBesideWriters

IGNORED = models.Q(("ignored", ""), _negated=True)

INDEXES = [
    models.Index(
        fields=["state", "id"],
        name="crudsync_binding_state",
        condition=models.Q(("state", "synced"), _negated=True),
    ),
    models.Index(
        fields=["cause"],
        name="crudsync_binding_open_cause",
        condition=models.Q(("cause__isnull", False), ("ignored", "")),
    ),
    models.Index(
        fields=["cause"],
        name="crudsync_binding_ignored_cause",
        condition=models.Q(("cause__isnull", False), IGNORED),
    ),
    models.Index(
        fields=["connection", "state", "due_at"],
        name="crudsync_binding_open",
        condition=models.Q(("ignored", ""), ("state__in", ["held", "in_doubt", "dead"])),
    ),
    models.Index(
        fields=["connection", "state", "due_at"],
        name="crudsync_binding_ignored",
        condition=models.Q(("state__in", ["held", "in_doubt", "dead"]), IGNORED),
    ),
]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crudsync", "0008_links")]

    operations = [AddIndexBesideWriters(model_name="binding", index=index) for index in INDEXES]
