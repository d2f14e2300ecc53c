"""Causes of dead letters, and a permission per verb. No statement here rewrites or scans a hot table."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crudsync", "0002_hot_tables")]

    operations = [
        migrations.CreateModel(
            name="Cause",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(editable=False, max_length=64, unique=True)),
                ("integrator", models.CharField(max_length=100)),
                ("code", models.CharField(blank=True, default="", max_length=50)),
                ("status_code", models.PositiveSmallIntegerField(default=0)),
                ("field", models.CharField(blank=True, default="", max_length=100)),
                ("message", models.CharField(blank=True, default="", max_length=200)),
                ("example", models.CharField(blank=True, default="", max_length=500)),
                ("first_seen", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                ("count", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "dead letter",
                "verbose_name_plural": "dead letters",
                "indexes": [models.Index(fields=["-last_seen"], name="crudsync_cause_last_seen")],
            },
        ),
        migrations.AddField(
            model_name="binding",
            name="cause",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="bindings",
                to="crudsync.cause",
            ),
        ),
        migrations.AddField(
            model_name="binding",
            name="ignored",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AlterModelOptions(
            name="binding",
            options={
                "permissions": [
                    ("replay_binding", "Can replay dead letters"),
                    ("ignore_binding", "Can ignore dead letters"),
                    ("resync_binding", "Can ask for objects again"),
                    ("reveal_binding", "Can read payloads and answers"),
                ],
                "verbose_name": "binding",
                "verbose_name_plural": "bindings",
            },
        ),
        migrations.AlterModelOptions(
            name="connection",
            options={
                "ordering": ["integrator", "name"],
                "permissions": [
                    ("manage_secrets", "Can set and remove credentials"),
                    ("pause_connection", "Can pause and resume a connection"),
                ],
                "verbose_name": "connection",
                "verbose_name_plural": "connections",
            },
        ),
    ]
