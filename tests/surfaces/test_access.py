"""Who may see and do what: every address and every deed, by anonymous, user, and staff with each permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client, RequestFactory

from examples.shop.models import Product
from sync.models import Binding, Connection
from tests.acceptance.marks import once
from tests.surfaces import routes
from tests.surfaces.deeds import ACCOUNT, DEEDS, Deed
from tests.surfaces.stage import CANARY, SECRET, TOKEN, Stage
from tests.surfaces.table import ALIKE, BUTTONS, NOBODY, OPEN, SEEN, STAFF

Person = Callable[..., Client]
Everything = Callable[..., list[str]]
ALLOWED = {call: needs for call, needs in SEEN.items() if needs != NOBODY}


def address(call: str, stage: Stage) -> str:
    return stage.url(call.partition(" ")[2])


def refused(answer: Any) -> bool:
    """Whether nothing was shown: an error, or the way to the login."""
    to_login = answer.status_code == 302 and "/login/" in answer.headers["Location"]
    return to_login or answer.status_code in (401, 403)


# --- what is seen ----------------------------------------------------------------------------------------------------


@once
@pytest.mark.parametrize("call", SEEN)
def test_nothing_is_shown_to_whoever_is_not_signed_in(call: str, client: Client, stage: Stage) -> None:
    assert refused(client.get(address(call, stage)))


@once
@pytest.mark.parametrize("call", STAFF)
def test_a_page_for_the_staff_is_shown_to_nobody_else_whatever_they_may(
    call: str, person: Person, everything: Everything, stage: Stage
) -> None:
    assert refused(person(*everything(), staff=False).get(address(call, stage)))


@pytest.mark.parametrize("call", ALLOWED)
def test_it_is_shown_to_whoever_has_its_permissions_and_no_more(call: str, person: Person, stage: Stage) -> None:
    answer = person(*ALLOWED[call], staff=call in STAFF).get(address(call, stage), follow=True)
    assert answer.status_code == 200
    assert "/login/" not in answer.request["PATH_INFO"]


@once
@pytest.mark.parametrize("call", [call for call, needs in ALLOWED.items() if needs])
def test_it_is_hidden_from_whoever_lacks_one_permission_and_has_all_others(
    call: str, person: Person, everything: Everything, stage: Stage
) -> None:
    assert refused(person().get(address(call, stage))), "staff without a permission"
    for needed in ALLOWED[call]:
        assert refused(person(*everything(needed)).get(address(call, stage))), needed


@once
@pytest.mark.parametrize("call", [call for call, needs in SEEN.items() if needs == NOBODY])
def test_rows_with_one_writer_are_added_and_removed_by_nobody(call: str, admin_client: Client, stage: Stage) -> None:
    assert admin_client.get(address(call, stage)).status_code == 403


@pytest.mark.parametrize("route", OPEN)
def test_an_open_address_tells_everybody_the_same(route: str, client: Client) -> None:
    assert client.get(route).status_code in OPEN[route]


def test_the_metrics_are_for_the_staff_and_for_whoever_has_the_token(client: Client) -> None:
    assert client.get("/crudsync/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/crudsync/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


@once
@pytest.mark.parametrize("call", BUTTONS)
def test_a_button_shows_nothing(call: str, admin_client: Client, person: Person, stage: Stage) -> None:
    assert admin_client.get(address(call, stage)).status_code == 405
    assert refused(person().get(address(call, stage)))


# --- what is hidden from those who may see ---------------------------------------------------------------------------

REVEALING = {
    "GET /admin/crudsync/binding/<object_id>/change/",
    "GET /admin/crudsync/cause/<object_id>/change/",
    "GET /admin/crudsync/change/<object_id>/change/",
    "GET /admin/crudsync/operation/<object_id>/change/",
    "GET /admin/shop/product/<object_id>/change/",
    "GET /admin/shop/product/<object_id>/crudsync/",
    "GET /admin/shop/product/<object_id>/crudsync/<connection_id>/<object_type>/diff/",
    "GET /api/crudsync/v1/bindings/<pk>/",
    "GET /api/crudsync/v1/changes/<pk>/",
    "GET /api/crudsync/v1/dead-letters/<pk>/",
    "GET /api/crudsync/v1/operations/<pk>/",
    "GET /api/shop/products/<pk>/sync-history/",
}
"""Where payloads and answers are shown to those who may read them."""


@once
@pytest.mark.parametrize("call", ALLOWED)
def test_payloads_are_shown_to_those_alone_who_may_read_them(
    call: str, person: Person, everything: Everything, stage: Stage
) -> None:
    url = address(call, stage)
    assert CANARY not in person(*everything("reveal_binding")).get(url).content.decode()
    assert (CANARY in person(*everything()).get(url).content.decode()) or call not in REVEALING


@once
@pytest.mark.parametrize("call", ALLOWED)
def test_a_credential_is_shown_to_nobody(call: str, admin_client: Client, stage: Stage) -> None:
    text = admin_client.get(address(call, stage)).content.decode()
    assert SECRET not in text
    assert stage.connection.credentials not in text


# --- what is done ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEEDS)
def test_a_deed_is_done_by_whoever_has_its_permissions_alone_and_logged(
    name: str, client: Client, person: Person, everything: Everything, stage: Stage
) -> None:
    deed = DEEDS[name]
    deed.before(stage)
    assert not deed.do(client, stage), "anonymous"
    assert not deed.do(person(staff=False), stage), "user"
    assert not deed.do(person(), stage), "staff"
    if not deed.api:
        assert not deed.do(person(*everything(), staff=False), stage), "not of the staff"
    for needed in deed.needs:
        assert not deed.do(person(*everything(needed)), stage), needed
    assert not LogEntry.objects.exists()
    assert deed.do(person(*deed.needs, staff=not deed.api), stage)
    assert LogEntry.objects.exists() is deed.logged


def test_where_calls_go_is_changed_by_whoever_may_set_credentials_alone(person: Person, stage: Stage) -> None:
    values = {"base_url": "https://elsewhere.shop.test/"}
    deed = Deed(
        call="POST /admin/crudsync/connection/<object_id>/change/",
        needs=("change_connection", "manage_secrets"),
        done=lambda stage: Connection.objects.filter(pk=stage.connection.pk, **values).exists(),
        data={**ACCOUNT, **values},
    )
    assert not deed.do(person("change_connection"), stage)
    assert Connection.objects.get(pk=stage.connection.pk).drains == 2  # the form was taken, but for that field
    assert deed.do(person(*deed.needs), stage)


# --- nothing is forgotten --------------------------------------------------------------------------------------------


def test_every_address_of_the_site_is_in_the_table() -> None:
    known = {*SEEN, *BUTTONS, *ALIKE, *(deed.call for deed in DEEDS.values()), *UNDONE}
    asked = [call for call in routes.calls() if call.partition(" ")[2] not in OPEN]
    assert [call for call in asked if call not in known] == []
    assert [call for call in known if call.startswith("GET") and call not in asked] == []


UNDONE = {f"POST /api/shop/{place}/<pk>/sync/" for place in ("categories", "customers", "orders")}
"""As a product's."""


def test_every_action_of_our_pages_is_in_the_table(rf: RequestFactory, admin_user: Any) -> None:
    known = {deed.data.get("action") for deed in DEEDS.values()}
    ours = [each for each in admin.site._registry.values() if type(each).__module__.startswith("sync.admin")]
    assert len(ours) == 8
    assert {str(name) for each in ours for name in each.actions or ()} <= known
    request = rf.get("/")
    request.user = admin_user
    product: Any = admin.site._registry[Product]
    assert set(product.crudsync_actions(request)) <= known


def test_every_permission_that_we_declare_is_needed_somewhere() -> None:
    declared = {name for model in (Binding, Connection) for name, _ in model._meta.permissions}
    needed = {name for needs in (*SEEN.values(), *(deed.needs for deed in DEEDS.values())) for name in needs}
    assert declared - needed <= {"reveal_binding"}
