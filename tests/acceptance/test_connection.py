"""A remote that cannot be reached: the gate shuts at once, no attempt is counted, and a probe finds that it is back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from project.servers import LOOPBACK
from sync.models import Binding, Connection
from sync.testing.remote import SandboxProcess
from tests.acceptance.marks import once
from tests.acceptance.scene import Scene
from tests.acceptance.waiting import until
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
    scene: Scene,
    broken: str,
) -> None:
    knobs = {**scene.short, "CRUDSYNC_ALLOW_NETWORKS": "127.0.0.0/8,192.0.2.0/24"}
    scene.account(base_url=BROKEN[broken](proxy), options={"retry": "no_retry"})  # one attempt would be the last
    scene.worker(knobs=knobs)
    scene.beat(knobs=knobs)
    rows = scene.customers(COUNT)
    until(lambda: Connection.objects.get().gate.closures >= 2)  # shut, probed, and shut again
    assert Connection.objects.get().gate.reason
    until(lambda: set(Binding.objects.values_list("attempts", "uncertain", "remote_id")) == {(0, "", None)})
    assert scene.remote.calls() == []
    proxy.pass_through()
    scene.account(base_url=f"http://{LOOPBACK}:{proxy.port}/")
    mended = time.monotonic()
    scene.until_equal()
    scene.measured(arrived_after_s=round(time.monotonic() - mended, 2))
    scene.assert_each_created_once(rows)


@pytest.mark.chaos
def test_a_remote_that_swallows_everything_is_left_alone_and_doubles_nothing(proxy: Proxy, scene: Scene) -> None:
    scene.account(base_url=f"http://{LOOPBACK}:{proxy.port}/", options={"retry": {"attempts": 3, "max_age": 0.0}})
    proxy.black_hole()
    scene.worker(knobs=scene.short)
    scene.beat(knobs=scene.short)
    rows = scene.customers(COUNT)
    until(lambda: Connection.objects.get().gate.blocked_until is not None)  # five unanswered calls of three objects
    proxy.drop_all()
    proxy.pass_through()
    scene.until_equal()
    scene.assert_each_created_once(rows)
