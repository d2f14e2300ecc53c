"""What somebody changed at the remote's side, and how it is put right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from examples.shop.models import Customer
from sync.resync import resync
from sync.testing.remote import Remote
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

Start = Callable[..., Worker]
Wait = Callable[..., None]


def test_a_row_changed_only_at_the_remote_gets_our_state_again_by_resync_and_by_the_admin_action(
    sandbox: Remote, worker: Start, until_equal: Wait, admin_client: Client, settings: Any
) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("whitenoise")]
    worker()
    rows = [Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}") for n in range(3)]
    until_equal()
    changed, gone, untouched = sorted(sandbox.objects("customers"), key=lambda there: str(there["email"]))

    sandbox.edit("customers", changed["id"], name="Somebody else")
    sandbox.remove("customers", gone["id"])
    seen = sandbox.last_seq()
    assert resync(Customer.objects.filter(pk__in=[rows[0].pk, rows[1].pk]), actor="ann") == 2
    until_equal()
    assert {entry.id for entry in sandbox.journal(since=seen)}.isdisjoint({untouched["id"]})

    sandbox.edit("customers", untouched["id"], country="XX")
    chosen = {"action": "crudsync_resync", "_selected_action": [rows[2].pk]}
    answer: Any = admin_client.post(reverse("admin:shop_customer_changelist"), chosen, follow=True)
    assert "1 object was asked for." in answer.content.decode()
    until_equal()
    assert sandbox.get("customers", untouched["id"])["country"] == ""  # type: ignore[index]
