"""What a list does not show, no address gets out of it: no row, and no lack of one, tells of a payload or a secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from examples.shop.models import Product
from sync.models import Binding, Connection

VIEWERS = [f"view_{name}" for name in ("binding", "cause", "change", "connection", "operation")]


@pytest.mark.parametrize(
    "address",
    [
        "binding/?sent__contains=canary",
        "binding/?snapshot__isnull=0",
        "binding/?intent__regex=a",
        "binding/?cause__example__contains=canary",
        "binding/?connection__credentials__startswith=g",
        "binding/?operations__request__contains=canary",
        "operation/?request__contains=canary",
        "operation/?response__icontains=canary",
        "operation/?binding__seen__contains=canary",
        "change/?snapshot__contains=canary",
        "cause/?example__contains=canary",
        "connection/?credentials__startswith=g",
        "connection/?options__contains=canary",
    ],
)
def test_no_column_that_is_hidden_can_be_asked_about(address: str, staff: Callable[..., Client]) -> None:
    assert staff(*VIEWERS).get(f"/admin/crudsync/{address}").status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        "binding/?state__exact=%00",
        "binding/?state__regex=[",
        "binding/?object_type=%00",
        "binding/?connection__id__exact=99999999999999999999",
        "binding/?connection__id__exact=x",
        "binding/?cause__id__exact=-1",
        "binding/?q=%00",
        "binding/?older=%00&newer=x",
        "connection/?integrator=%00",
        "connection/?paused__exact=x",
        "connection/?o=99.x&p=99999",
        "cause/?letters=%00",
        "change/?kind__exact=%00",
        "operation/?q=%2A",
        f"operation/?binding__id__exact={'9' * 40}",
    ],
)
def test_no_filter_brings_a_list_down(address: str, admin: Client) -> None:
    assert admin.get(f"/admin/crudsync/{address}", follow=True).status_code in (200, 400)


def test_the_filters_that_pages_link_to_still_narrow_their_lists(
    admin: Client, connection: Connection, product: Product, bind: Callable[..., Binding]
) -> None:
    row = bind(product)
    for address in (
        f"binding/?connection__id__exact={connection.pk}&state__exact=synced&object_type=product",
        "binding/?cause__isnull=True",
        f"operation/?binding__id__exact={row.pk}&connection__id__exact={connection.pk}&verb__exact=update",
        "connection/?integrator=shop&paused__exact=0",
        "change/?kind__exact=save",
        "cause/?letters=all&integrator=shop",
    ):
        answer: Any = admin.get(f"/admin/crudsync/{address}")
        assert answer.status_code == 200, address
