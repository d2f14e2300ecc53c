"""Which request or job caused it: on changes, bindings and operations; its index beside the writers."""

from __future__ import annotations

import importlib

from django.db import migrations, models

BesideWriters = importlib.import_module("sync.migrations.0004_dead_letter_index").AddIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crudsync", "0006_alerts")]

    operations = [
        migrations.AddField(
            model_name="change",
            name="origin",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            model_name="binding",
            name="origin",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            model_name="operation",
            name="correlation_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        BesideWriters(
            model_name="operation",
            index=models.Index(
                condition=models.Q(("correlation_id", ""), _negated=True),
                fields=["correlation_id"],
                name="crudsync_operation_corr",
            ),
        ),
    ]
