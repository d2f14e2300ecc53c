"""``manage.py crudsync_doctor``: what does not work, and what to do about it."""

from __future__ import annotations

import dataclasses
import json
import sys
from argparse import ArgumentParser
from collections import Counter
from functools import partial
from typing import Any

from django.core.management.base import CommandError

from sync.exceptions import CrudSyncError
from sync.management.choose import connections, failed
from sync.management.quiet import JsonCommand, quiet
from sync.monitoring.doctor import Finding, Level, examine, exit_code


class Command(JsonCommand):
    """Look at everything that delivery needs. Exits 2 where something does not work."""

    help = (
        "Look at database, Redis, broker, workers, beat, clocks, keys, settings, each connection and its maps. Exits 2 "
        "where something does not work; with --strict 1 where something is not as it should be; else 0."
    )
    requires_system_checks = ()  # they are among what is looked at

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--connection", default="", help="integrator, or integrator/account; default: all")
        parser.add_argument("--offline", action="store_true", help="call no remote")
        parser.add_argument(
            "--timeout", type=float, default=5.0, metavar="SECONDS", help="for each of three rounds; default 5"
        )
        parser.add_argument("--strict", action="store_true", help="warnings count: exit code 1")
        parser.add_argument("--quiet", action="store_true", help="only what is not as it should be")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine, tell, and exit."""
        if options["timeout"] <= 0:
            raise CommandError("--timeout: give seconds, above 0")
        try:
            with quiet():
                rows = partial(connections, options["connection"])
                findings = examine(rows, timeout_s=options["timeout"], offline=options["offline"])
        except CrudSyncError as error:
            raise failed(error) from error
        code = exit_code(findings, strict=options["strict"])
        if options["json"]:
            told = {"exit_code": code, "findings": [dataclasses.asdict(each) for each in findings]}
            self.stdout.write(json.dumps(told))
        else:
            self._tell(findings, only_bad=options["quiet"])
        if code:
            sys.exit(code)

    def _tell(self, findings: tuple[Finding, ...], *, only_bad: bool) -> None:
        styles = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.ERROR: self.style.ERROR}
        for each in findings:
            if only_bad and each.level in (Level.OK, Level.SKIPPED):
                continue
            mark = styles.get(each.level, str)(f"{each.level.value:7}")
            subject = f" {each.subject}:" if each.subject else ":"
            self.stdout.write(f"{mark} {each.area}{subject} {each.sentence}")
            if each.hint and each.level is not Level.OK:
                self.stdout.write(f"        → {each.hint}")
        counts = Counter(each.level for each in findings)
        self.stdout.write(", ".join(f"{counts[level]} {level.value}" for level in Level if counts[level]))
