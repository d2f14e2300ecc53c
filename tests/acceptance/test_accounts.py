"""Several accounts of one integrator: each gets its own objects, and a paused one takes changes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from examples.shop.models import Customer
from sync.models import Change, Connection
from sync.testing.remote import Remote, SandboxProcess
from tests.acceptance.marks import once
from tests.acceptance.stand_ins import Routed
from tests.acceptance.waiting import until
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), once]

Wait = Callable[..., None]


def emails(remote: Remote) -> list[str]:
    return sorted(there["email"] for there in remote.objects("customers"))


def test_each_account_gets_what_is_routed_to_it_and_an_object_moves_with_its_row(
    sandbox: Remote,
    worker: Callable[..., Worker],
    short: dict[str, float],
    until_quiet: Wait,
    stand_in: Callable[..., dict[str, Any]],
) -> None:
    with SandboxProcess(idempotency=True) as second:
        options = stand_in(Routed, **short)
        Connection.objects.create(integrator="shop", name="abroad", base_url=f"{second.url.rstrip('/')}/")
        worker(**options)
        home = Customer.objects.create(email="home@shop.test", name="Home", country="DE")
        Customer.objects.create(email="abroad@shop.test", name="Abroad", country="FR")
        until_quiet(sweeping=True)
        assert (emails(sandbox), emails(second.remote)) == (["home@shop.test"], ["abroad@shop.test"])
        home.country = "FR"
        home.save()
        until_quiet(sweeping=True)
        assert (emails(sandbox), emails(second.remote)) == ([], ["abroad@shop.test", "home@shop.test"])


def test_a_paused_account_takes_changes_in_and_sends_nothing_until_it_goes_on(
    sandbox: Remote,
    worker: Callable[..., Worker],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Wait,
) -> None:
    account(paused=True)
    worker(knobs=short)
    rows = [Customer.objects.create(email=f"{n}@shop.test", name="Ada") for n in range(5)]
    until(lambda: not Change.objects.exists(), sweeping=True)
    rows[0].delete()
    until(lambda: not Change.objects.exists(), sweeping=True)
    assert sandbox.calls() == []
    account(paused=False)
    until_equal(sweeping=True)
    assert [entry.method for entry in sandbox.calls()] == ["POST"] * 4
