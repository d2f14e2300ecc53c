from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from sync import ratelimit
from sync.integrators.options import effective
from sync.models import Connection, Gate
from sync.secrets import open_sealed, seal
from sync.types import RateLimit, RetryPolicy

LIST = "/admin/crudsync/connection/"
CANARY = "canary-91be"


@pytest.fixture
def url(connection: Connection) -> str:
    return f"{LIST}{connection.pk}/"


def page(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def post(client: Client, url: str, **data: Any) -> str:
    return str(client.post(url, data, follow=True).content.decode())


def logged() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


# --- test, pause, resume, open ---------------------------------------------------------------------------------------


def test_a_test_of_the_connection_says_how_it_went_and_is_logged(url: str, admin: Client) -> None:
    unlimited = {"rate_limit": [{"limit": 1, "methods": ["TRACE"]}]}  # no Redis is needed
    Connection.objects.update(base_url="http://127.0.0.1:9/", options=unlimited)  # nobody listens there
    assert "The test of the connection: down" in post(admin, f"{url}test/")
    assert [re.sub(r"[\d.]+ m?s", "… ms", words)[:30] for words in logged()] == ["crudsync: tested: down, … ms: "]
    Connection.objects.update(paused=True)
    text = post(admin, f"{url}test/")
    assert "The test of the connection: down" in text
    assert "It is paused: nothing else is sent." in text


@pytest.mark.parametrize("name", ["test", "resume", "open", "reseal"])
def test_a_button_does_nothing_on_a_get(name: str, url: str, admin: Client) -> None:
    assert admin.get(f"{url}{name}/").status_code == 405
    assert logged() == []


def test_a_pause_asks_for_its_reason_and_a_resume_ends_it(url: str, admin: Client, connection: Connection) -> None:
    assert "Shown wherever somebody asks" in page(admin, f"{url}pause/")
    text = post(admin, f"{url}pause/", reason="migration of theirs")
    assert "It is paused" in text
    assert "paused: migration of theirs" in text
    assert f'action="{url}resume/"' in text
    assert "was paused already" in post(admin, f"{url}pause/", reason="again")
    text = post(admin, f"{url}resume/")
    assert "It sends again" in text
    assert f'action="{url}resume/"' not in text
    connection.refresh_from_db()
    assert (connection.paused, connection.paused_reason) == (False, "")
    assert "was not paused" in post(admin, f"{url}resume/")
    assert logged() == ["crudsync: paused: migration of theirs", "crudsync: resumed"]


def test_a_reason_that_is_too_long_is_an_error_of_the_form(url: str, admin: Client, connection: Connection) -> None:
    assert "errornote" in post(admin, f"{url}pause/", reason="x" * 201)
    connection.refresh_from_db()
    assert not connection.paused


def test_a_shut_gate_is_opened_for_one_object_to_try(url: str, admin: Client, connection: Connection) -> None:
    assert f'action="{url}open/"' not in page(admin, f"{url}change/")
    until = timezone.now() + dt.timedelta(hours=1)
    Gate.objects.filter(connection=connection).update(blocked_until=until, reason="503", closures=4, streak=[1, 2])
    text = page(admin, f"{url}change/")
    assert f'action="{url}open/"' in text
    assert "shut 4 times in a row" in text
    assert "2 failures since the last success" in text
    assert "one object goes first" in post(admin, f"{url}open/")
    gate = Gate.objects.get(connection=connection)
    assert gate.blocked_until is not None
    assert gate.blocked_until <= timezone.now()
    assert gate.closures == 0
    assert "was not shut" in post(admin, f"{url}open/")
    assert logged() == ["crudsync: the gate was opened before its time"]


# --- health ----------------------------------------------------------------------------------------------------------


def test_the_use_of_the_rate_limit_is_shown(
    url: str, admin: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ratelimit.BucketState(name="b1", limit=100, per_s=60.0, tokens=0, next_s=1.5, used=0.75, paused_s=30.0)
    monkeypatch.setattr(ratelimit, "snapshot", lambda *_: [state])
    text = page(admin, f"{url}change/")
    assert "100 in 60 s" in text
    assert 'value="75"' in text
    assert "in 1.5 s" in text
    assert "for 30 s, as the remote said" in text


def test_a_limiter_that_is_away_is_said_and_the_page_is_shown(url: str, admin: Client, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": "redis://127.0.0.1:1/0"}
    text = page(admin, f"{url}change/")
    assert 'class="crudsync-note"' in text
    assert "In force" in text


def test_each_option_says_where_it_comes_from(url: str, admin: Client, connection: Connection, settings: Any) -> None:
    Connection.objects.update(options={"timeout_s": 7})
    settings.CRUDSYNC = {**settings.CRUDSYNC, "integrators": {"shop": {"threads": 3}}}
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page(admin, f"{url}change/")))
    assert "timeout_s 7 s this account" in text
    assert "threads 3 the settings" in text
    assert re.search(r"connect_s [\d.]+ s the default", text)


def test_options_that_an_account_cannot_have_are_named(url: str, admin: Client) -> None:
    Connection.objects.update(options={"threads": "many"})
    assert "threads of the connection" in page(admin, f"{url}change/")
    assert "threads of the connection" in page(admin, f"{url}limits/")


# --- limits ----------------------------------------------------------------------------------------------------------


def windows(*rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    data: dict[str, Any] = {"window-TOTAL_FORMS": len(rows), "window-INITIAL_FORMS": initial, "drains": 1}
    for place, row in enumerate(rows):
        data.update({f"window-{place}-{name}": value for name, value in {"burst": 1, "per": 60, **row}.items()})
    return data


def test_limits_are_stored_as_what_the_account_says_for_itself(url: str, admin: Client, connection: Connection) -> None:
    data = {
        **windows({"limit": 10, "per": 1}, {"limit": 500, "per": 3600, "methods": "post, put", "endpoints": "orders"}),
        "drains": 2,
        "timeout_s": 4,
        "retry": "own",
        "attempts": 3,
        "base_delay": 2,
    }
    assert "The limits are stored" in post(admin, f"{url}limits/", **data)
    connection.refresh_from_db()
    assert connection.drains == 2
    found = effective(connection)
    assert found["rate_limit"].value == (
        RateLimit(10, per=1.0),
        RateLimit(500, per=3600.0, methods=("POST", "PUT"), endpoints=("orders",)),
    )
    assert found["rate_limit"].source == "connection"
    assert found["retry"].value == RetryPolicy(attempts=3, base_delay=2.0)
    assert (found["timeout_s"].value, found["threads"].source) == (4.0, "default")
    assert [words.startswith("crudsync: limits: {}, 1 drains → {'timeout_s': 4.0") for words in logged()] == [True]


def test_what_is_stored_comes_back_in_the_form_and_nothing_changed_logs_nothing(
    url: str, admin: Client, connection: Connection
) -> None:
    Connection.objects.update(options={"rate_limit": {"limit": 5, "per": 2}, "retry": "conservative", "threads": 4})
    text = page(admin, f"{url}limits/")
    assert 'name="window-0-limit" value="5"' in text
    assert '<option value="conservative" selected>' in text
    data = {**windows({"limit": 5, "per": 2.0}, initial=1), "retry": "conservative", "threads": 4}
    post(admin, f"{url}limits/", **data)
    connection.refresh_from_db()
    assert effective(connection)["rate_limit"].value == (RateLimit(5, per=2.0),)
    before = LogEntry.objects.count()
    post(admin, f"{url}limits/", **data)
    assert LogEntry.objects.count() == before


def test_a_window_that_is_ticked_is_removed_and_what_is_emptied_is_inherited_again(
    url: str, admin: Client, connection: Connection
) -> None:
    Connection.objects.update(options={"rate_limit": [{"limit": 5, "per": 2}], "timeout_s": 3})
    post(admin, f"{url}limits/", **windows({"limit": 5, "per": 2.0, "DELETE": "on"}, initial=1))
    connection.refresh_from_db()
    assert connection.options == {}


def test_what_the_page_does_not_show_stays(url: str, admin: Client, connection: Connection) -> None:
    Connection.objects.update(options={"traceparent": False, "correlation_header": "X-Trace", "threads": 4})
    post(admin, f"{url}limits/", **windows(), threads=5)
    connection.refresh_from_db()
    assert connection.options == {"traceparent": False, "correlation_header": "X-Trace", "threads": 5}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"timeout_s": -1}, "timeout_s of the connection: it cannot be -1.0"),
        ({"threads": 1000}, "threads of the connection: it cannot be 1000"),
        ({"retry": "own", "base_delay": -2}, "base_delay"),
        ({"drains": 0}, "greater than or equal to 1"),
        (windows({"limit": 0}), "greater than or equal to 1"),
        (windows({"limit": 5, "burst": 9}), "burst"),
        (windows({"limit": 5, "per": -1}), "per"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_an_error_of_its_field(
    given: dict[str, Any], words: str, url: str, admin: Client, connection: Connection
) -> None:
    text = post(admin, f"{url}limits/", **{**windows(), **given})
    assert words in text
    assert 'class="errorlist' in text
    connection.refresh_from_db()
    assert (connection.options, connection.drains) == ({}, 1)
    assert logged() == []


# --- credentials -----------------------------------------------------------------------------------------------------


def test_the_page_says_who_set_which_credential_when_and_never_its_value(
    url: str, admin: Client, connection: Connection, settings: Any
) -> None:
    refs = {"shop": {"credentials": {"client_id": "env:SHOP_CLIENT", "plain": CANARY}}}
    settings.CRUDSYNC = {**settings.CRUDSYNC, "integrators": refs}
    Connection.objects.update(credentials=seal({"older": "x"}))
    post(admin, f"{url}credentials/", name="token", value=CANARY)
    text = page(admin, f"{url}credentials/")
    assert CANARY not in text
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))
    assert re.search(r"token sealed in the account [\d-]+ [\d:]+, ada", told)
    assert "older sealed in the account –" in told
    assert "client_id env:SHOP_CLIENT" in told
    assert "plain in the settings, as a value" in told


def test_a_reference_is_refused_here_as_it_would_be_sent_as_it_is(url: str, admin: Client) -> None:
    assert "A reference has its place in the settings" in post(
        admin, f"{url}credentials/", name="token", value="env:SHOP_TOKEN"
    )
    assert Connection.objects.get().credentials == ""


def test_credentials_are_sealed_anew_and_stay_what_they_are(url: str, admin: Client, connection: Connection) -> None:
    assert "no credentials to seal" in post(admin, f"{url}reseal/")
    sealed = seal({"token": CANARY})
    Connection.objects.update(credentials=sealed)
    assert f'action="{url}reseal/"' in page(admin, f"{url}credentials/")
    assert "sealed under the newest key" in post(admin, f"{url}reseal/")
    connection.refresh_from_db()
    assert connection.credentials != sealed
    assert open_sealed(connection.credentials) == {"token": CANARY}
    assert logged() == ["crudsync: credentials sealed under the newest key"]


def test_credentials_that_cannot_be_read_cannot_be_sealed_anew(url: str, admin: Client) -> None:
    Connection.objects.update(credentials="garbage")
    assert "cannot be read" in post(admin, f"{url}reseal/")
    assert Connection.objects.get().credentials == "garbage"
    assert logged() == []
