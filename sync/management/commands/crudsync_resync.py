"""``manage.py crudsync_resync``: ask for objects again."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Model, QuerySet

from sync import registry
from sync.exceptions import CrudSyncError, UnknownObjectType
from sync.management.choose import failed, rows_of
from sync.management.following import follow
from sync.management.progress import Bar
from sync.management.quiet import JsonCommand
from sync.models import Connection
from sync.registry import model_label
from sync.resync import resync, targets
from sync.types import Wanted

INTERRUPTED = 130
"""What shells say of a program that Ctrl-C ended."""


class Command(JsonCommand):
    """Ask for objects to be sent again, whole; workers do it."""

    help = (
        "Ask for objects to be sent again, whole: shop.Product 1 2 3, or all products, or an integrator (perhaps some "
        "of its object types). Workers send them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("what", help="a model (app.Model), or an integrator")
        parser.add_argument("names", nargs="*", help="of a model: primary keys; of an integrator: object types")
        parser.add_argument("--filter", action="append", default=[], metavar="FIELD=VALUE", help="only these rows")
        parser.add_argument("--integrator", default="", help="of a model: only there")
        parser.add_argument("--connection", default="", help="only the account of this name")
        parser.add_argument("--verify", action="store_true", help="read the remote first, send only what differs")
        parser.add_argument("--reason", default="crudsync_resync", help="shown in the history")
        parser.add_argument("--actor", default="", help="shown in the history")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--watch", action="store_true", help="stay until workers have sent it")
        parser.add_argument("--json", action="store_true", help="one JSON object; with --watch more, one a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, and say how many."""
        try:
            if "." in options["what"]:
                chosen = [rows_of(options["what"], options["names"], options["filter"])]
                integrator = options["integrator"]
            else:
                chosen, integrator = _rows_of_integrator(options)
            asked = {model_label(rows.model): self._ask(rows, integrator, options) for rows in chosen}
            self._tell(asked, options)
            if options["watch"] and not options["dry_run"]:
                rows = [row for label in asked for row in _connections(label, integrator, options)]
                follow(self.stdout, rows, as_json=options["json"])
        except CrudSyncError as error:
            raise failed(error) from error
        except KeyboardInterrupt:
            text = "stopped; what was asked for is sent, the rest is not: start it again"
            raise CommandError(text, returncode=INTERRUPTED) from None

    def _tell(self, asked: dict[str, int], options: dict[str, Any]) -> None:
        total = sum(asked.values())
        if options["json"]:
            self.stdout.write(json.dumps({"asked": asked, "total": total, "dry_run": options["dry_run"]}))
            return
        for label, count in asked.items():
            self.stdout.write(f"{label}: {count}")
        word = "would be asked for" if options["dry_run"] else "asked for"
        self.stdout.write(self.style.SUCCESS(f"{total} {word}"))

    def _ask(self, rows: QuerySet[Model], integrator: str, options: dict[str, Any]) -> int:
        label = model_label(rows.model)
        if options["dry_run"]:
            found = targets(label, integrator=integrator, connection=options["connection"])
            return rows.count() * len(found)
        bar = Bar(self.stdout)
        total = rows.count() if bar.terminal and not options["json"] else 0

        def tell(done: int) -> None:
            if total:
                bar.tell(f"{label}: {done} of {total} rows", done / total)

        asked = resync(
            rows,
            integrator=integrator,
            connection=options["connection"],
            actor=options["actor"],
            reason=options["reason"],
            wanted=Wanted.VERIFY if options["verify"] else Wanted.PUSH,
            on_progress=tell,
        )
        bar.end()
        return asked


def _connections(label: str, integrator: str, options: dict[str, Any]) -> list[Connection]:
    return [each.connection for each in targets(label, integrator=integrator, connection=options["connection"])]


def _rows_of_integrator(options: dict[str, Any]) -> tuple[list[QuerySet[Model]], str]:
    name = options["what"]
    if options["integrator"]:
        raise CommandError("--integrator goes with a model; here the integrator is named already")
    types = registry.get(name).types()
    for wanted in options["names"]:
        if wanted not in types:
            hint = f"it has: {', '.join(sorted(types))}"
            raise UnknownObjectType(f"{name} has no object type {wanted!r}", hint=hint)
    models = {spec.model: None for key, spec in types.items() if not options["names"] or key in options["names"]}
    return [rows_of(model._meta.label, [], options["filter"]) for model in models], name
