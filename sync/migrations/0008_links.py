"""A permission to unlink and adopt, and their place in the history. No statement here touches a table."""

from __future__ import annotations

from django.db import migrations, models

VERBS = ("create", "update", "delete", "read", "lookup", "list", "unlink", "adopt")


class Migration(migrations.Migration):
    dependencies = [("crudsync", "0007_correlation")]

    operations = [
        migrations.AlterModelOptions(
            name="binding",
            options={
                "permissions": [
                    ("replay_binding", "Can replay dead letters"),
                    ("ignore_binding", "Can ignore dead letters"),
                    ("resync_binding", "Can ask for objects again"),
                    ("reveal_binding", "Can read payloads and answers"),
                    ("link_binding", "Can unlink objects and adopt remote ones"),
                ],
                "verbose_name": "binding",
                "verbose_name_plural": "bindings",
            },
        ),
        migrations.SeparateDatabaseAndState(  # what a column may say is no matter of the database
            state_operations=[
                migrations.AlterField(
                    model_name="operation",
                    name="verb",
                    field=models.CharField(choices=[(name, name) for name in VERBS], max_length=10),
                )
            ]
        ),
    ]
