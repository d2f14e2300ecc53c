"""``manage.py crudsync_explain shop.Product 7``: what happened to one row, why, what comes next, and what mends it."""

from __future__ import annotations

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder

from sync.exceptions import CrudSyncError
from sync.management.choose import connections, failed
from sync.management.quiet import JsonCommand, quiet
from sync.management.telling import told
from sync.models import Binding
from sync.models.database import alias
from sync.monitoring.story import Story, named, story


class Command(JsonCommand):
    """Tell one row's story. Exits 1 where nothing is known of it."""

    help = (
        "Tell what happened to one row: saves, attempts, answers, why it stands where it does, what comes next and "
        "when, and what mends it. Works for deleted rows. Exits 1 where nothing is known of it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("model", nargs="?", default="", help="app.Model")
        parser.add_argument("pk", nargs="?", default="", help="primary key; of a composite one a JSON list of texts")
        parser.add_argument("--remote-id", default="", help="the object of this id at the remote, instead of a key")
        parser.add_argument("--binding", type=int, help="the object of this binding, by its number in the admin")
        parser.add_argument("--connection", default="", help="integrator, or integrator/account; default: all")
        parser.add_argument("--limit", type=int, default=10, metavar="N", help="attempts at the most; default 10")
        parser.add_argument("--reveal", action="store_true", help="with payloads and answers, redacted")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell it, for each object that is meant."""
        if options["limit"] < 0:
            raise CommandError("--limit: give a number, 0 or more")
        try:
            ids = [row.pk for row in connections(options["connection"])] if options["connection"] else None
            with quiet():
                stories = [
                    story(label, object_id, connection_ids=ids, limit=options["limit"], reveal=options["reveal"])
                    for label, object_id in _meant(options, ids)
                ]
        except CrudSyncError as error:
            raise failed(error) from error
        for one in stories:
            self._tell(one, as_json=options["json"])
        if not any(one.known for one in stories):
            sys.exit(1)

    def _tell(self, one: Story, *, as_json: bool) -> None:
        if as_json:
            whole = {**dataclasses.asdict(one), "known": one.known}
            self.stdout.write(json.dumps(whole, cls=DjangoJSONEncoder))
        else:
            for line in told(one):
                self.stdout.write(line)


def _meant(options: dict[str, Any], ids: list[int] | None) -> list[tuple[str, str]]:
    if options["binding"] is not None:
        rows = Binding.objects.using(alias()).filter(pk=options["binding"])
        if pairs := list(rows.values_list("model", "object_id")):
            return pairs
        raise CommandError(f"there is no binding {options['binding']}")
    label = options["model"]
    if options["remote_id"]:
        found = named(options["remote_id"], connection_ids=ids)
        if pairs := [pair for pair in found if label.lower() in ("", pair[0])]:
            return pairs
        raise CommandError(f"no object is bound to the remote id {options['remote_id']!r}")
    if not label or not options["pk"] or "." not in label:
        raise CommandError("say which: app.Model and a primary key, --remote-id or --binding")
    return [(label, options["pk"])]
