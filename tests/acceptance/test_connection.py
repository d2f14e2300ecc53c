"""A remote that cannot be reached: the gate shuts at once, no attempt is counted, and a probe finds that it is back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from examples.shop.models import Customer
from project.servers import LOOPBACK
from sync.models import Binding, Connection
from sync.testing.remote import Remote, SandboxProcess
from tests.acceptance.marks import once
from tests.acceptance.waiting import until
from tests.servers.celery import Beat, Worker
from tests.servers.proxy import Proxy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

COUNT = 12


@pytest.fixture
def proxy(sandbox_process: SandboxProcess) -> Iterator[Proxy]:
    """A proxy before the sandbox."""
    with Proxy(sandbox_process.port) as proxy:
        yield proxy


def unresolvable(proxy: Proxy) -> str:
    """A host that no name server knows (RFC 6761)."""
    return "http://shop.invalid/"


def no_tls(proxy: Proxy) -> str:
    """A server that speaks no TLS where TLS is asked for."""
    return f"https://{LOOPBACK}:{proxy.port}/"


def refused(proxy: Proxy) -> str:
    """A port on which nobody listens."""
    proxy.refuse()
    return f"http://{LOOPBACK}:{proxy.port}/"


def unreachable(proxy: Proxy) -> str:
    """An address from which nothing ever comes back (RFC 5737)."""
    return "http://192.0.2.1/"


BROKEN: dict[str, Callable[[Proxy], str]] = {
    "refused": refused,
    "unresolvable": unresolvable,
    "no TLS": no_tls,
    "unreachable": unreachable,
}


@pytest.mark.parametrize(
    "broken", [pytest.param(name, marks=once if name == "refused" else pytest.mark.chaos) for name in BROKEN]
)
def test_what_is_not_sent_costs_no_attempt_and_follows_once_the_remote_is_reached(
    proxy: Proxy,
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
    measured: Callable[..., None],
    broken: str,
) -> None:
    knobs = {**short, "CRUDSYNC_ALLOW_NETWORKS": "127.0.0.0/8,192.0.2.0/24"}
    account(base_url=BROKEN[broken](proxy), options={"retry": "no_retry"})  # one attempt would be the last
    worker(knobs=knobs)
    beat(knobs=knobs)
    for n in range(COUNT):
        Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}")
    until(lambda: Connection.objects.get().gate.closures >= 2)  # shut, probed, and shut again
    assert Connection.objects.get().gate.reason
    until(lambda: set(Binding.objects.values_list("attempts", "uncertain", "remote_id")) == {(0, "", None)})
    assert sandbox.calls() == []
    proxy.pass_through()
    account(base_url=f"http://{LOOPBACK}:{proxy.port}/")
    mended = time.monotonic()
    until_equal()
    measured(arrived_after_s=round(time.monotonic() - mended, 2))
    created = Counter(entry.data["email"] for entry in sandbox.calls("customers", "POST", applied=True))
    assert created == {f"{n}@shop.test": 1 for n in range(COUNT)}


@pytest.mark.chaos
def test_a_remote_that_swallows_everything_is_left_alone_and_doubles_nothing(
    proxy: Proxy,
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
) -> None:
    account(base_url=f"http://{LOOPBACK}:{proxy.port}/", options={"retry": {"attempts": 3, "max_age": 0.0}})
    proxy.black_hole()
    worker(knobs=short)
    beat(knobs=short)
    for n in range(COUNT):
        Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}")
    until(lambda: Connection.objects.get().gate.blocked_until is not None)  # five unanswered calls of three objects
    proxy.drop_all()
    proxy.pass_through()
    until_equal()
    created = Counter(entry.data["email"] for entry in sandbox.calls("customers", "POST", applied=True))
    assert created == {f"{n}@shop.test": 1 for n in range(COUNT)}
