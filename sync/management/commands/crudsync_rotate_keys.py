"""Seal every connection's credentials under the newest key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import router, transaction

from sync.exceptions import SecretError
from sync.models import Connection
from sync.secrets import rotate

BATCH = 200


class Command(BaseCommand):
    """Seal every connection's credentials under the first key of ``CRUDSYNC["encryption_keys"]``, all or none."""

    help = (
        "Seal every connection's credentials under the newest encryption key. Put the new key first in "
        "CRUDSYNC['encryption_keys'], deploy it everywhere, run this, then remove the old key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--dry-run``."""
        parser.add_argument("--dry-run", action="store_true", help="Only check that every connection can be read.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Rotate, or say which connection cannot be read."""
        dry_run: bool = options["dry_run"]
        using = router.db_for_write(Connection)
        count = 0
        with transaction.atomic(using=using):
            for connection in _sealed(using):
                count += 1
                text = _rotated(connection)
                if not dry_run:
                    Connection.objects.using(using).filter(pk=connection.pk).update(credentials=text)
        done = "can be sealed anew" if dry_run else "sealed under the newest key"
        self.stdout.write(f"{count} connection{'' if count == 1 else 's'} {done}")


def _sealed(using: str) -> Iterator[Connection]:
    """Yield the connections that hold credentials, locked, a batch in memory at a time."""
    rows = Connection.objects.using(using).select_for_update().exclude(credentials="").order_by("pk")
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        yield from batch
        last = batch[-1].pk


def _rotated(connection: Connection) -> str:
    try:
        return rotate(connection.credentials)
    except SecretError as error:
        raise CommandError(f"connection {connection}: {error} Nothing was changed.") from error
