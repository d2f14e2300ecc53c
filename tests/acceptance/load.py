"""Customers by the dozen, and the verdict over them: for tests that break a worker under load."""

from __future__ import annotations

from collections import Counter

from examples.shop.models import Customer
from sync.models import Operation, Status
from sync.testing.remote import Remote
from tests.acceptance import judging


class Load:
    """Customers that are created, renamed and deleted.

    Args:
        remote: where they go; it honours keys.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.count = 0

    def add(self, count: int) -> None:
        """Create customers, and rename and delete some of those before."""
        first, self.count = self.count, self.count + count
        names = [f"{number:04d}" for number in range(first, self.count)]
        Customer.objects.bulk_create([Customer(email=f"{name}@shop.test", name=name) for name in names])
        old = list(Customer.objects.filter(email__lt=f"{first:04d}").values_list("pk", flat=True))
        Customer.objects.filter(pk__in=old[-count // 3 :]).update(country="DE")
        for row in Customer.objects.filter(pk__in=old[: count // 10]):
            row.delete()

    def applied(self) -> int:
        """Return how many writes the remote has applied."""
        return len(self.remote.calls("customers", applied=True))

    def against(self) -> list[str]:
        """Return what speaks against the invariants 1, 2, 3, 6 and 9."""
        entries = self.remote.journal()
        doubled = [email for email, count in judging.made(entries, "customers").items() if count > 1]
        return [
            *judging.lost(self.remote, "customers"),
            *(f"{email} was created twice" for email in doubled),
            *judging.disordered(entries, "customers"),
            *judging.silent(),
            *judging.unrecorded(entries, {"customers": "customer"}),
        ]

    def report(self) -> str:
        """Return the counts, to be printed."""
        entries = self.remote.journal()
        operations = Counter(Operation.objects.values_list("status", flat=True))
        lost = Operation.objects.filter(code="worker_lost").count()
        applied, stale = sum(entry.applied for entry in entries), operations[Status.STALE]
        return f"{self.count} customers, {len(entries)} calls, {applied} applied, {lost} answers lost, {stale} stale"
