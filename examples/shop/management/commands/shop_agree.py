"""``manage.py shop_agree``: wait until all is delivered, then compare both sides."""

from __future__ import annotations

import json
import time
import urllib.request
from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from examples.shop.agreement import Remote, differences, expected
from sync.models import Binding, Change

STUCK = ("held", "in_doubt", "dead")
SHOWN = 5  # differences and reasons that are named; more would only scroll


class Command(BaseCommand):
    """Wait until nothing is due, print what is on both sides, and fail unless they agree."""

    help = "Wait until all is delivered to the sandbox remote, then compare both sides, row by row."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--timeout", type=float, default=120, help="seconds to wait (default 120)")

    def handle(self, *args: Any, timeout: float, **options: Any) -> None:
        """Wait, print, compare.

        Raises:
            CommandError: something is still due when the time is over, stuck, or different.
        """
        delivered = self._wait(timeout)
        remote: Remote = _get("__state__")
        self._print(remote)
        if not delivered:
            due = Binding.objects.filter(due_at__isnull=False).count()
            raise CommandError(f"after {timeout:g} s {due} objects are still due: {self._reasons(due_only=True)}")
        if found := list(islice(differences(remote), SHOWN)):
            raise CommandError("the sides differ: " + "; ".join([*found, self._reasons()]))
        self.stdout.write("Both sides agree.")

    def _wait(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while Change.objects.exists() or Binding.objects.filter(due_at__isnull=False).exists():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _print(self, remote: Remote) -> None:
        self.stdout.write(f"{'':<12}{'rows here':>12}{'objects there':>16}")
        for collection, rows in expected().items():
            self.stdout.write(f"{collection:<12}{len(rows):>12}{len(remote.get(collection, ())):>16}")
        self.stdout.write(f"calls: {_get('__health__')['requests']}")

    def _reasons(self, *, due_only: bool = False) -> str:
        rows = Binding.objects.filter(due_at__isnull=False) if due_only else Binding.objects.filter(state__in=STUCK)
        counted = rows.values_list("state", "code", "detail").annotate(number=Count("pk")).order_by("-number")[:SHOWN]
        return "; ".join(f"{number} {state} {code} {detail}".strip() for state, code, detail, number in counted)


def _get(path: str) -> Any:
    url = f"{settings.SANDBOX_URL.rstrip('/')}/{path}"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the site's own setting
        return json.load(answer)
