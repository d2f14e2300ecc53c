"""The shop, its remote, and whoever works between them: a test breaks something in the middle, and says what holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from examples.shop.models import Customer
from sync.models import Binding, Connection, Operation, Status
from sync.testing.remote import Remote
from tests.servers.celery import Beat, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a test with real processes has at hand; ``short`` are knobs with leases of 2.5 seconds."""

    remote: Remote
    worker: Callable[..., Worker]
    beat: Callable[..., Beat]
    short: dict[str, float]
    account: Callable[..., Connection]
    until_equal: Callable[..., None]
    measured: Callable[..., None]

    def customers(self, count: int) -> list[Customer]:
        """Save so many new customers, each by itself."""
        return [Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}") for n in range(count)]

    def customers_at_once(self, count: int) -> list[Customer]:
        """Save so many new customers in one statement."""
        return Customer.objects.bulk_create(
            Customer(email=f"{n}@shop.test", name=f"Customer {n}") for n in range(count)
        )

    def assert_each_created_once(self, rows: Iterable[Customer]) -> None:
        """Fail where the remote applied another number of creates than one for each of these."""
        created = Counter(entry.data["email"] for entry in self.remote.calls("customers", "POST", applied=True))
        assert created == {row.email: 1 for row in rows}

    def assert_nothing_open(self) -> None:
        """Fail where a write is in doubt, or an attempt has no end."""
        assert not Binding.objects.exclude(uncertain="").exists()
        assert not Operation.objects.filter(status=Status.STARTED).exists()
