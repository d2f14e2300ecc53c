"""The rate at the remote, by its own journal: no window over the limit, and what was promised is used."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from examples.shop.models import Customer
from sync.models import Connection
from sync.testing.remote import Remote
from tests.acceptance.marks import beside_postgres
from tests.acceptance.waiting import until
from tests.servers.celery import Beat, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), beside_postgres]

SLACK_S = 0.25
SHARE = 0.97

long = pytest.mark.chaos


@pytest.mark.parametrize(
    ("limit", "per", "calls", "drains", "slice_s"),
    [
        (10, 1, 65, 1, 3.0),  # the ends of slices, too
        (10, 1, 65, 8, 30.0),
        (100, 60, 28, 1, 5.0),
        (100, 60, 28, 8, 30.0),
        pytest.param(10, 1, 600, 1, 10.0, marks=long),
        pytest.param(10, 1, 600, 8, 10.0, marks=long),
        pytest.param(100, 60, 300, 1, 10.0, marks=long),
        pytest.param(100, 60, 300, 8, 10.0, marks=long),
    ],
)
def test_eight_processes_keep_the_limit_and_use_what_is_promised(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    account: Callable[..., Connection],
    limit: int,
    per: float,
    calls: int,
    drains: int,
    slice_s: float,
) -> None:
    sandbox.configure(rate_limits=[{"limit": limit, "per": per}], rate_limit_enforced=False)
    account(drains=drains, options={"rate_limit": {"limit": limit, "per": per, "burst": 1}})
    rows = [Customer(email=f"{n}@shop.test", name=f"Customer {n}") for n in range(calls + 20)]
    Customer.objects.bulk_create(rows)
    worker(concurrency=8, knobs={"slice_s": slice_s})
    beat()
    promised = (limit - 1 + 1) / (per + SLACK_S)
    until(lambda: sandbox.last_seq() >= calls, 20 + 2 * calls / promised)
    found = sandbox.windows(limit, per)
    arrivals = [entry.monotonic for entry in sandbox.journal()]
    share = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) / promised
    assert found.over == 0
    assert not any(entry.limited for entry in sandbox.journal())
    assert share >= SHARE
