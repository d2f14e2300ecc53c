from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import path

from sync.models import Binding, Cause, Connection, State

PAGE, DATA = "/crudsync/", "/crudsync/data/"
User = Callable[..., Client]
pytestmark = pytest.mark.django_db


def test_nobody_sees_it_without_logging_in(client: Client) -> None:
    answer = client.get(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/?next=/crudsync/")
    assert client.get(DATA).status_code == 401


def test_where_there_is_no_admin_the_site_s_own_login_is_used(client: Client, settings: Any) -> None:
    settings.LOGIN_URL = "/enter/"
    settings.ROOT_URLCONF = "tests.dashboard.alone"
    assert client.get(PAGE)["Location"] == "/enter/?next=/crudsync/"


@pytest.mark.parametrize(
    ("permissions", "staff", "status"),
    [
        ((), True, 403),
        (("view_binding", "view_cause", "change_connection"), True, 403),
        (("view_connection",), False, 403),
        (("view_connection",), True, 200),
    ],
)
def test_it_takes_staff_that_may_view_connections(
    user: User, permissions: tuple[str, ...], staff: bool, status: int
) -> None:
    browser = user(*permissions, staff=staff)
    assert browser.get(PAGE).status_code == status
    assert browser.get(DATA).status_code == status


@pytest.mark.parametrize("address", [PAGE, DATA])
def test_it_is_only_looked_at(user: User, address: str) -> None:
    assert user("view_connection").post(address).status_code == 405
    assert user("view_connection").head(address).status_code == 200


def test_what_failed_takes_a_permission_of_its_own(user: User, cause: Cause, connection: Connection) -> None:
    Binding.objects.create(connection=connection, object_type="product", object_id="1", state=State.HELD, cause=cause)
    assert user("view_connection").get(DATA).json()["causes"] is None
    (told,) = user("view_connection", "view_cause").get(DATA).json()["causes"]
    assert told["what"] == "422 price: must be at most #"
    assert (told["open"], told["times"]) == (1, 3)


def test_an_answer_s_own_words_are_never_shown(user: User, cause: Cause, connection: Connection) -> None:
    Binding.objects.create(
        connection=connection,
        object_type="product",
        object_id="1",
        state=State.HELD,
        cause=cause,
        sent='{"a":"secret"}',
    )
    browser = user("view_connection", "view_cause", "view_binding")
    for address in (PAGE, DATA):
        assert "secret" not in browser.get(address).content.decode()


def test_links_lead_only_where_the_reader_may_go(user: User, connection: Connection, cause: Cause) -> None:
    Binding.objects.create(connection=connection, object_type="product", object_id="1", state=State.HELD, cause=cause)
    (few,) = user("view_connection").get(DATA).json()["connections"]
    assert few["url"] == f"/admin/crudsync/connection/{connection.pk}/change/"
    assert few["stuck_url"] == ""
    assert few["counts"] == [["held", 1, ""]]
    (more,) = user("view_connection", "view_binding", "view_cause").get(DATA).json()["connections"]
    assert more["stuck_url"] == "/admin/crudsync/cause/"
    assert more["counts"][0][2].startswith("/admin/crudsync/binding/?connection__id__exact=")


def test_the_admin_s_index_leads_to_it(user: User) -> None:
    browser = user("view_connection")
    assert "/admin/crudsync/dashboard/" in browser.get("/admin/").content.decode()
    answer = browser.get("/admin/crudsync/dashboard/")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)


def test_the_index_does_not_name_it_to_others(user: User) -> None:
    browser = user("view_binding")
    assert "/admin/crudsync/dashboard/" not in browser.get("/admin/").content.decode()
    assert browser.get("/admin/crudsync/dashboard/").status_code == 403


def test_the_index_does_not_name_it_where_the_site_has_not_mounted_it(user: User) -> None:
    from django.contrib import admin

    class Urls:
        urlpatterns = [path("admin/", admin.site.urls)]

    with override_settings(ROOT_URLCONF=Urls):
        assert "/admin/crudsync/dashboard/" not in user("view_connection").get("/admin/").content.decode()
