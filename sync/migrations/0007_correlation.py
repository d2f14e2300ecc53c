"""Which request or job caused it: on changes, bindings and operations; its index beside the writers."""

from __future__ import annotations

from django.db import migrations, models

from sync.migrations._beside_writers import AddFieldOnce, AddIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False  # each step by itself: no table is kept locked while another is waited for

    dependencies = [("crudsync", "0006_alerts")]

    operations = [
        AddFieldOnce(
            model_name="change",
            name="origin",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        AddFieldOnce(
            model_name="binding",
            name="origin",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        AddFieldOnce(
            model_name="operation",
            name="correlation_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        AddIndexBesideWriters(
            model_name="operation",
            index=models.Index(
                condition=models.Q(("correlation_id", ""), _negated=True),
                fields=["correlation_id"],
                name="crudsync_operation_corr",
            ),
        ),
    ]
