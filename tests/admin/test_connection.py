from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from examples.shop.models import Product
from sync.models import Binding, Connection, Gate, State
from sync.secrets import open_sealed, seal

LIST = "/admin/crudsync/connection/"
CANARY = "canary-7f3a"


def page(client: Client, url: str, **data: Any) -> str:
    answer = client.get(url, data)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def shut(connection: Connection, seconds: float) -> None:
    until = timezone.now() + dt.timedelta(seconds=seconds)
    Gate.objects.filter(connection=connection).update(blocked_until=until, reason="429 by the remote")


def test_the_list_says_whether_each_sends(admin: Client, connection: Connection) -> None:
    assert "open" in page(admin, LIST)
    shut(connection, 60)
    assert re.search(r"shut until [\d-]+ [\d:]+: 429 by the remote", page(admin, LIST))
    shut(connection, -60)
    assert "429 by the remote" not in page(admin, LIST)
    Connection.objects.update(paused=True, paused_reason="migration")
    assert "paused: migration" in page(admin, LIST)


def test_a_connection_without_a_gate_is_open(admin: Client) -> None:
    Connection.objects.create(integrator="shop", name="berlin")
    assert "open" in page(admin, LIST)


def test_pause_and_resume_say_who(
    admin: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[list[int]] = []
    monkeypatch.setattr("sync.wake.ring", lambda ids: rung.append(list(ids)))
    data = {"action": "pause_selected", "_selected_action": [connection.pk]}
    filtered = f"{LIST}?paused__exact=0"  # after it, the list is another
    assert "1 connection is paused." in admin.post(filtered, data, follow=True).content.decode()
    connection.refresh_from_db()
    assert (connection.paused, connection.paused_reason) == (True, "by ada")
    assert rung == []
    with django_capture_on_commit_callbacks(execute=True):
        text = admin.post(LIST, {**data, "action": "resume_selected"}, follow=True).content.decode()
    assert "1 connection sends again." in text
    connection.refresh_from_db()
    assert (connection.paused, connection.paused_reason) == (False, "")
    assert rung == [[connection.pk]]
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "crudsync: paused",
        "crudsync: resumed",
    ]


def test_who_may_only_look_cannot_pause(staff: Callable[..., Client], connection: Connection) -> None:
    client = staff("view_connection")
    client.post(LIST, {"action": "pause_selected", "_selected_action": [connection.pk]})
    connection.refresh_from_db()
    assert not connection.paused
    assert client.get(f"{LIST}{connection.pk}/credentials/").status_code == 403
    assert "Set a credential" not in page(client, f"{LIST}{connection.pk}/change/")


def test_the_form_shows_the_gate_and_the_names_of_credentials_alone(admin: Client, connection: Connection) -> None:
    shut(connection, 60)
    Connection.objects.update(credentials=seal({"token": CANARY, "account": "x"}))
    text = page(admin, f"{LIST}{connection.pk}/change/")
    assert "429 by the remote" in text
    assert "account, token" in text
    assert CANARY not in text
    assert Connection.objects.get().credentials not in text
    assert f"{LIST}{connection.pk}/credentials/" in text


def test_credentials_that_cannot_be_read_are_named_as_such(admin: Client, connection: Connection) -> None:
    Connection.objects.update(credentials="garbage")
    assert "cannot be read" in page(admin, f"{LIST}{connection.pk}/change/")


def test_an_edit_keeps_integrator_name_and_credentials(admin: Client, connection: Connection) -> None:
    sealed = seal({"token": CANARY})
    Connection.objects.update(credentials=sealed)
    data = {
        "integrator": "other",
        "name": "other",
        "base_url": "https://api.shop.test/",
        "options": '{"threads": 2}',
        "drains": "3",
    }
    assert admin.post(f"{LIST}{connection.pk}/change/", data).status_code == 302
    row = Connection.objects.get()
    assert (row.integrator, row.name, row.drains, row.base_url) == ("shop", "default", 3, "https://api.shop.test/")
    assert row.credentials == sealed


def test_a_new_account_gets_its_gate(admin: Client) -> None:
    text = page(admin, f"{LIST}add/")
    assert "Save the account first" in text
    data = {"integrator": "shop", "name": "berlin", "options": "{}", "drains": "1", "paused": "on"}
    assert admin.post(f"{LIST}add/", data).status_code == 302
    assert Gate.objects.get().connection.name == "berlin"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"options": '{"threads": "many"}'}, "threads of the connection"),
        ({"options": '{"thread": 2}'}, "did you mean"),
        ({"options": "[1]"}, "its options are no object"),
        ({"options": "{"}, "Enter a valid JSON"),
        ({"options": "[" * 50_000}, "Enter a valid JSON"),
        ({"options": '{"threads": ' + "9" * 5000 + "}"}, "Enter a valid JSON"),
        ({"options": '{"timeout_s": 1e999}'}, "Enter a valid JSON"),
        ({"options": '{"user_agent": "\\ud800"}'}, "Enter a valid JSON"),
        ({"options": '{"user_agent": "a\\u0000"}'}, "Null characters are not allowed"),
        ({"options": '{"rate_limit": [{"limit": 1, "methods": 5}]}'}, "methods of a rate limit cannot be 5"),
        ({"integrator": "shopp"}, "no integrator is named"),
        ({"base_url": "https://ada:hunter2@api.shop.test/"}, "A user and a password are credentials"),
    ],
)
def test_what_an_account_cannot_have_is_an_error_of_the_form(given: dict[str, str], words: str, admin: Client) -> None:
    data = {"integrator": "shop", "name": "berlin", "options": "{}", "drains": "1", **given}
    assert words in admin.post(f"{LIST}add/", data).content.decode()
    assert not Connection.objects.exists()


def test_a_password_that_got_into_an_address_is_shown_to_nobody_who_may_only_look(
    staff: Callable[..., Client], connection: Connection
) -> None:
    Connection.objects.update(base_url=f"https://ada:{CANARY}@api.shop.test/v2/")
    client = staff("view_connection", "change_connection")
    for url in (LIST, f"{LIST}{connection.pk}/change/"):
        text = page(client, url)
        assert "https://api.shop.test/v2/" in text
        assert CANARY not in text


def test_an_account_that_was_used_cannot_be_removed(
    admin: Client, product: Product, bind: Callable[..., Binding], connection: Connection
) -> None:
    unused = Connection.objects.create(integrator="shop", name="berlin")
    bind(product)
    assert admin.get(f"{LIST}{connection.pk}/delete/").status_code == 403
    assert admin.post(f"{LIST}{unused.pk}/delete/", {"post": "yes"}).status_code == 302
    assert list(Connection.objects.all()) == [connection]
    assert "delete_selected" not in page(admin, LIST)


def test_an_edit_leaves_a_token_that_was_renewed_meanwhile(
    admin: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.admin import ConnectionAdmin

    renewed = seal({"token": "renewed"})
    form_valid = ConnectionAdmin.save_model

    def late(self: Any, request: Any, obj: Connection, form: Any, change: bool) -> None:
        Connection.objects.update(credentials=renewed)
        form_valid(self, request, obj, form, change)

    monkeypatch.setattr(ConnectionAdmin, "save_model", late)
    data = {"options": "{}", "drains": "2"}
    admin.post(f"{LIST}{connection.pk}/change/", data)
    row = Connection.objects.get()
    assert (row.drains, row.credentials) == (2, renewed)


class TestCredentials:
    @pytest.fixture
    def url(self, connection: Connection) -> str:
        return f"{LIST}{connection.pk}/credentials/"

    def test_a_value_is_sealed_and_never_shown(self, url: str, admin: Client, connection: Connection) -> None:
        before = connection.updated_at
        answer = admin.post(url, {"name": "token", "value": CANARY}, follow=True)
        assert CANARY not in answer.content.decode()
        connection.refresh_from_db()
        assert open_sealed(connection.credentials) == {"token": CANARY}
        assert CANARY not in connection.credentials
        assert connection.updated_at > before
        assert LogEntry.objects.get().change_message == "crudsync: credential token set"

    def test_the_others_stay(self, url: str, admin: Client, connection: Connection) -> None:
        Connection.objects.update(credentials=seal({"username": "u", "password": "old"}))
        admin.post(url, {"name": "password", "value": " new "})
        assert open_sealed(Connection.objects.get().credentials) == {"username": "u", "password": " new "}

    def test_an_empty_value_removes_it(self, url: str, admin: Client, connection: Connection) -> None:
        Connection.objects.update(credentials=seal({"token": CANARY}))
        admin.post(url, {"name": "token", "value": ""})
        assert Connection.objects.get().credentials == ""
        assert LogEntry.objects.get().change_message == "crudsync: credential token removed"

    def test_unreadable_ones_are_kept_until_somebody_starts_anew(
        self, url: str, admin: Client, connection: Connection
    ) -> None:
        Connection.objects.update(credentials="garbage")
        answer = admin.post(url, {"name": "token", "value": CANARY})
        assert "cannot be read" in answer.content.decode()
        assert CANARY not in answer.content.decode()
        assert Connection.objects.get().credentials == "garbage"
        admin.post(url, {"name": "token", "value": CANARY, "start_anew": "on"})
        assert open_sealed(Connection.objects.get().credentials) == {"token": CANARY}

    def test_without_a_key_it_is_an_error_of_the_form(
        self, url: str, admin: Client, connection: Connection, settings: Any
    ) -> None:
        settings.CRUDSYNC = {**settings.CRUDSYNC, "encryption_keys": []}
        answer = admin.post(url, {"name": "token", "value": CANARY})
        assert "there is no encryption key" in answer.content.decode()
        assert Connection.objects.get().credentials == ""

    def test_a_name_that_is_none_is_refused(self, url: str, admin: Client, connection: Connection) -> None:
        text = admin.post(url, {"name": "two words", "value": CANARY}).content.decode()
        assert "errornote" in text
        assert CANARY not in text

    def test_a_token_that_was_renewed_meanwhile_stays(
        self, url: str, admin: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sync.admin.credentials import CredentialForm

        saved = CredentialForm.save

        def late(self: CredentialForm) -> str:
            Connection.objects.update(credentials=seal({"refresh_token": "renewed"}))
            return saved(self)

        monkeypatch.setattr(CredentialForm, "save", late)
        admin.post(url, {"name": "client_id", "value": "x"})
        stored = open_sealed(Connection.objects.get().credentials)
        assert stored == {"refresh_token": "renewed", "client_id": "x"}

    def test_an_account_that_does_not_exist_is_not_found(self, admin: Client, connection: Connection) -> None:
        assert admin.get(f"{LIST}999/credentials/").status_code == 404


def test_the_form_says_how_the_account_stands(
    admin: Client, connection: Connection, product: Product, bind: Callable[..., Binding]
) -> None:
    bind(product, state=State.PENDING, due_at=timezone.now(), dirty_since=timezone.now() - dt.timedelta(seconds=75))
    bind(product, object_id="77", state=State.HELD)
    text = page(admin, f"{LIST}{connection.pk}/change/")
    assert f"/admin/crudsync/binding/?connection__id__exact={connection.pk}&amp;state__exact=held" in text
    assert re.search(r"1, the oldest for 7[56] s", text)
    assert f"/admin/crudsync/operation/?connection__id__exact={connection.pk}" in text


def test_an_account_without_objects_has_nothing_to_send(admin: Client, connection: Connection) -> None:
    text = page(admin, f"{LIST}{connection.pk}/change/")
    assert '<div class="readonly">0</div>' in text


def test_the_form_of_a_new_account_asks_for_the_account_alone(admin: Client) -> None:
    text = page(admin, f"{LIST}add/")
    assert 'name="integrator"' in text
    assert "all attempts" not in text
