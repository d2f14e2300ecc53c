"""Look at alert rules now, or send a test message."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from sync.exceptions import CrudSyncError
from sync.management.choose import failed
from sync.management.quiet import JsonCommand
from sync.monitoring import alerts
from sync.monitoring.alerts.channels import channels


class Command(JsonCommand):
    """Evaluate once and send what is due, as beat does each minute; or try the channels."""

    help = "Look at every alert rule once and send what messages are due; with --test send a test message instead."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what may be asked for."""
        parser.add_argument(
            "--test", nargs="*", metavar="CHANNEL", help="send a test message on these channels, or all"
        )
        parser.add_argument("--rules", action="store_true", help="list the rules in force, and do nothing")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, **options: Any) -> None:
        """Do one of the three."""
        try:
            if options["rules"]:
                self._rules(as_json=options["json"])
            elif options["test"] is not None:
                self._test(options["test"], as_json=options["json"])
            else:
                self._evaluate(as_json=options["json"])
        except CrudSyncError as error:
            raise failed(error) from error

    def _evaluate(self, *, as_json: bool) -> None:
        found = alerts.evaluate(at_once=True) or alerts.Evaluation()
        sent = alerts.deliver()
        told = {
            "read": found.read,
            "opened": list(found.opened),
            "again": list(found.again),
            "resolved": list(found.resolved),
            "messages": sent.messages,
            "failed": sent.failed,
        }
        if as_json:
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(
                f"{found.read} values read: {len(found.opened)} incidents began, {len(found.resolved)} ended; "
                f"{sent.messages} messages sent, {sent.failed} notices failed"
            )

    def _test(self, names: list[str], *, as_json: bool) -> None:
        known = channels()
        if not known:
            raise CommandError("there are no channels: set CRUDSYNC['alert_channels']")
        if strange := sorted(set(names) - set(known)):
            raise CommandError(f"there is no channel {strange[0]!r}; there are: {', '.join(known)}")
        told = {name: alerts.send_test(name) for name in names or known}
        if as_json:
            self.stdout.write(
                json.dumps({"sent": [name for name, why in told.items() if not why], "failed": _why(told)})
            )
        else:
            self.stdout.write("\n".join(f"{name}: {why or 'sent'}" for name, why in told.items()))
        if why := _why(told):
            raise CommandError(f"{len(why)} of {len(told)} channels failed")

    def _rules(self, *, as_json: bool) -> None:
        rows = [
            {
                "name": rule.name,
                "kind": str(rule.kind),
                "connection_id": rule.connection_id,
                "threshold": rule.threshold,
                "for_s": rule.for_s,
                "channels": list(rule.channels),
            }
            for rule in alerts.rules()
        ]
        if as_json:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            where = f", connection {row['connection_id']}" if row["connection_id"] else ""
            self.stdout.write(f"{row['name']}: {row['kind']} from {row['threshold']:g} for {row['for_s']:g} s{where}")


def _why(told: dict[str, str]) -> dict[str, str]:
    return {name: why for name, why in told.items() if why}
