"""Verbs called directly, the remote first: what a view does that must know the remote's answer before it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import transaction

from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Customer
from sync import registry, wake
from sync.drain import drain
from sync.exceptions import InTransaction, RateLimitExceeded, Refused
from sync.models import Binding, Change, Connection, Operation, Status
from sync.testing.remote import Remote
from tests.acceptance.marks import once
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), once]

ADA = {"email": "ada@shop.test", "name": "Ada", "country": "PT"}


def test_an_object_is_created_updated_and_deleted_at_the_remote_first_while_a_worker_runs(
    sandbox: Remote, worker: Callable[..., Worker], until_equal: Callable[..., None]
) -> None:
    worker()
    remote_id = ShopIntegrator("customer", ADA).create_object()
    row = Customer.objects.get()
    assert (row.email, row.name) == ("ada@shop.test", "Ada")
    assert [there["id"] for there in sandbox.objects("customers")] == [remote_id]
    until_equal(sweeping=True)
    row.name = "Ada L."
    with wake.muted():  # else the worker may have it already, and the verb says that the object is busy
        row.save()
    ShopIntegrator("customer", row).update_object()
    assert sandbox.get("customers", remote_id)["name"] == "Ada L."  # type: ignore[index]
    until_equal(sweeping=True)
    ShopIntegrator("customer").delete_object(row.pk)
    assert sandbox.objects("customers") == []
    assert not Customer.objects.exists()
    until_equal(sweeping=True)
    verbs = [entry.method for entry in sandbox.calls("customers", applied=True)]
    assert (verbs[0], verbs[-1], verbs.count("POST"), verbs.count("DELETE")) == ("POST", "DELETE", 1, 1)
    assert set(Operation.objects.values_list("status", flat=True)) == {Status.SUCCEEDED}


def test_what_the_remote_refuses_is_raised_by_its_type_and_leaves_no_row(sandbox: Remote) -> None:
    sandbox.configure(invalid={"name": ["Ada"]})
    with pytest.raises(Refused) as caught:
        ShopIntegrator("customer", ADA).create_object()
    assert caught.value.status_code == 422
    assert not Customer.objects.exists()
    assert sandbox.objects("customers") == []
    sandbox.configure(invalid={})
    ShopIntegrator("customer", ADA).create_object()
    assert len(sandbox.objects("customers")) == Customer.objects.count() == 1


def test_a_verb_refuses_inside_a_transaction_and_nothing_is_sent(sandbox: Remote) -> None:
    with transaction.atomic(), pytest.raises(InTransaction):
        ShopIntegrator("customer", ADA).create_object()
    assert sandbox.calls() == []
    assert not Binding.objects.exists()
    assert not Change.objects.exists()


def test_without_a_free_token_a_verb_says_when_to_come_back(
    sandbox: Remote, account: Callable[..., Connection]
) -> None:
    account(options={"rate_limit": {"limit": 1, "per": 4}})
    until = time.monotonic() + 20
    while not sandbox.objects("customers"):  # a bucket that nobody knows yet is empty
        assert time.monotonic() < until
        with suppress(RateLimitExceeded):
            ShopIntegrator("customer", ADA).create_object()
    began = time.monotonic()
    with pytest.raises(RateLimitExceeded) as caught:
        ShopIntegrator("customer", {"email": "bob@shop.test", "name": "Bob"}).create_object()
    assert time.monotonic() - began < 3
    assert 1 < caught.value.retry_after_s <= 4.25
    assert [there["name"] for there in sandbox.objects("customers")] == ["Ada"]


def test_what_the_defaults_of_the_model_add_to_a_payload_is_sent_afterwards(sandbox: Remote) -> None:
    ShopIntegrator("customer", {"email": "eve@example.test", "name": "Eve"}).create_object()
    connection = registry.connection("shop")
    drain(connection.pk)
    assert [there["country"] for there in sandbox.objects("customers")] == [""]
    assert len(sandbox.calls("customers")) == 2


def test_several_rows_are_created_and_updated_at_once(sandbox: Remote) -> None:
    rows = [Customer.objects.create(email=f"c{n}@example.test", name=f"C {n}") for n in range(3)]
    speaker = ShopIntegrator("customer")
    made = speaker.create_objects(rows)
    assert sorted(made) == sorted(there["id"] for there in sandbox.objects("customers"))
    Customer.objects.update(country="DE")
    speaker.update_objects(Customer.objects.all())
    assert {there["country"] for there in sandbox.objects("customers")} == {"DE"}
    assert len(sandbox.calls("customers")) == 6
