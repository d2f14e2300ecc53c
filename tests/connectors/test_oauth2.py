"""Tokens that end, renewed once for all workers."""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from cryptography.fernet import Fernet
from django.db import connection as database
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from sync.connectors import access_tokens, oauth2
from sync.connectors.oauth2 import OAuth2ClientCredentials, OAuth2RefreshToken
from sync.exceptions import ConnectFailed, InTransaction, NotSent, SecretError, Unauthorized
from sync.models import Connection, Gate
from sync.secrets import open_sealed, seal
from sync.types import Answer, Request

URL = "https://auth.shop.test/token"
KEY = Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SHOP_SECRET", "canary:secret")
    monkeypatch.setenv("SHOP_REFRESH", "canary-first")
    with override_settings(CRUDSYNC={"encryption_keys": [KEY]}):
        yield


def answered(status: int, content: bytes | dict[str, Any]) -> Answer:
    response = requests.Response()
    response.status_code = status
    response._content = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(response=response, elapsed_ms=1.0)


class Endpoint:
    """A token endpoint in memory: rotates refresh tokens and takes each but once, as the strict ones do."""

    def __init__(self, expires_in: Any = 3600, *, refresh: str = "canary-first", rotates: bool = True) -> None:
        self.expires_in = expires_in
        self.refresh = refresh
        self.rotates = rotates
        self.asked: list[Request] = []
        self.before: Callable[[], None] = lambda: None
        self.lock = threading.Lock()

    def send(self, request: Request, /) -> Answer:
        self.before()
        with self.lock:
            self.asked.append(request)
            form = self.forms()[-1]
            if form["grant_type"] == "refresh_token":
                if form["refresh_token"] != self.refresh:
                    return answered(400, {"error": "invalid_grant"})
                if self.rotates:
                    self.refresh = f"canary-refresh-{len(self.asked)}"
            given = {"access_token": f"canary-{len(self.asked)}", "token_type": "bearer", "expires_in": self.expires_in}
            return answered(200, given | ({"refresh_token": self.refresh} if self.rotates else {}))

    def forms(self) -> list[dict[str, str]]:
        return [{key: value[0] for key, value in parse_qs((r.body or b"").decode()).items()} for r in self.asked]


class Scripted:
    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def send(self, request: Request, /) -> Answer:
        return self.answers.pop(0)


def client(endpoint: Any, **options: Any) -> OAuth2ClientCredentials:
    return OAuth2ClientCredentials(URL, "shop id", "env:SHOP_SECRET", transport=endpoint, **options)


def refresher(endpoint: Any, **options: Any) -> OAuth2RefreshToken:
    return OAuth2RefreshToken(URL, "shop", "env:SHOP_SECRET", "env:SHOP_REFRESH", transport=endpoint, **options)


def make(**own: str) -> Connection:
    row = Connection.objects.create(integrator="shop", credentials=seal(own))
    Gate.objects.create(connection=row)
    return row


def stored(row: Connection) -> dict[str, str]:
    return open_sealed(Connection.objects.get(pk=row.pk).credentials)


def lasts(row: Connection) -> dt.timedelta:
    return dt.datetime.fromisoformat(stored(row)["access_token_until"]) - access_tokens.now()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.django_db
class TestAsking:
    def test_the_client_proves_itself_in_the_authorization_header(self) -> None:
        endpoint = Endpoint()
        client(endpoint, scope="read write", extra={"audience": "shop"}).headers(make())
        request = endpoint.asked[0]
        assert (request.method, request.url) == ("POST", URL)
        assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"shop+id:canary%3Asecret"
        assert endpoint.forms() == [{"grant_type": "client_credentials", "scope": "read write", "audience": "shop"}]

    def test_the_client_proves_itself_in_the_body_where_the_remote_wants_that(self) -> None:
        endpoint = Endpoint()
        client(endpoint, client_auth="body").headers(make())
        assert "Authorization" not in endpoint.asked[0].headers
        assert endpoint.forms()[0] == {
            "grant_type": "client_credentials",
            "client_id": "shop id",
            "client_secret": "canary:secret",
        }

    def test_the_connections_own_credentials_win(self) -> None:
        endpoint = Endpoint(refresh="own-refresh")
        refresher(endpoint, client_auth="body").headers(make(client_secret="own", refresh_token="own-refresh"))
        form = endpoint.forms()[0]
        assert (form["client_id"], form["client_secret"], form["refresh_token"]) == ("shop", "own", "own-refresh")

    def test_a_missing_credential_is_an_error_and_nothing_is_asked(self) -> None:
        endpoint = Endpoint()
        row = make()
        with pytest.raises(SecretError, match="has no client_secret"):
            OAuth2ClientCredentials(URL, "shop", transport=endpoint).headers(row)
        assert endpoint.asked == []
        assert Gate.objects.get(connection=row).refresh_token == ""

    def test_a_token_never_stands_in_a_url(self) -> None:
        assert client(Endpoint()).params(make()) == {}

    def test_the_text_of_it_shows_no_secret(self) -> None:
        assert "canary" not in repr(OAuth2RefreshToken(URL, "canary", "canary", "canary"))

    def test_logs_hold_no_secret(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        auth, row = refresher(Endpoint()), make()
        auth.headers(row)
        auth.renew(row, rejected="canary-1")
        assert "token renewed" in caplog.text
        assert "canary" not in caplog.text


@pytest.mark.django_db
class TestKeeping:
    def test_a_token_is_asked_for_once_and_kept_sealed(self) -> None:
        endpoint, row = Endpoint(), make(note="mine")
        auth = client(endpoint)
        assert [auth.headers(row) for _ in range(3)] == [bearer("canary-1")] * 3
        assert len(endpoint.asked) == 1
        assert stored(row)["access_token"] == "canary-1"
        assert stored(row)["note"] == "mine"
        assert "canary" not in Connection.objects.get(pk=row.pk).credentials

    def test_another_process_takes_the_stored_token(self) -> None:
        row = make()
        client(Endpoint()).headers(row)
        idle = Endpoint()
        assert client(idle).headers(row) == bearer("canary-1")
        assert idle.asked == []

    def test_a_token_in_memory_costs_no_query(self, django_assert_num_queries: Any) -> None:
        auth, row = client(Endpoint()), make()
        auth.headers(row)
        with django_assert_num_queries(0):
            auth.headers(row)

    def test_a_row_that_a_person_changed_is_read_again(self) -> None:
        auth, row = client(Endpoint()), make()
        auth.headers(row)
        row.credentials = seal({"access_token": "by hand"})
        row.save()
        assert auth.headers(row) == bearer("by hand")

    def test_headers_are_not_shared(self) -> None:
        auth, row = client(Endpoint()), make()
        auth.headers(row)["X-More"] = "1"
        assert "X-More" not in auth.headers(row)

    def test_a_token_is_renewed_a_little_before_its_end(self) -> None:
        row = make()
        client(Endpoint(expires_in=1000)).headers(row)
        assert dt.timedelta(seconds=960) < lasts(row) < dt.timedelta(seconds=970)

    def test_a_token_past_its_time_is_renewed_without_a_refusal(self) -> None:
        past = (access_tokens.now() - dt.timedelta(seconds=1)).isoformat()
        row = make(access_token="old", access_token_until=past)
        assert client(Endpoint()).headers(row) == bearer("canary-1")

    def test_a_token_in_memory_is_looked_at_again_when_its_time_is_over(self) -> None:
        soon = (access_tokens.now() + dt.timedelta(seconds=60)).isoformat()
        row = make(access_token="old", access_token_until=soon)
        auth = client(Endpoint())
        auth.headers(row)
        past = (access_tokens.now() - dt.timedelta(seconds=1)).isoformat()
        Connection.objects.update(credentials=seal({"access_token": "old", "access_token_until": past}))
        assert auth.headers(row) == bearer("old")
        auth._held[row.pk] = replace(auth._held[row.pk], until=0.0)
        assert auth.headers(row) == bearer("canary-1")

    def test_a_token_of_two_seconds_is_used_for_most_of_them(self) -> None:
        row = make()
        client(Endpoint(expires_in=2)).headers(row)
        assert dt.timedelta(seconds=1.5) < lasts(row) < dt.timedelta(seconds=1.85)

    def test_a_token_that_ends_at_once_is_used_all_the_same(self) -> None:
        endpoint = Endpoint(expires_in=0.0001)
        assert client(endpoint).headers(make()) == bearer("canary-1")
        assert len(endpoint.asked) == 1

    @pytest.mark.parametrize("expires_in", [None, "soon", -5, True, float("nan"), [], 0])
    def test_a_life_that_makes_no_sense_means_until_it_is_refused(self, expires_in: Any) -> None:
        endpoint, row = Endpoint(expires_in=expires_in), make()
        auth = client(endpoint)
        auth.headers(row)
        auth.forget()
        assert auth.headers(row) == bearer("canary-1")
        assert stored(row)["access_token_until"] == ""

    def test_a_life_may_be_text_and_is_capped(self) -> None:
        row = make()
        client(Endpoint(expires_in="1e18")).headers(row)
        assert lasts(row) < dt.timedelta(days=366)


@pytest.mark.django_db
class TestRenewing:
    def test_a_refused_token_is_replaced(self) -> None:
        auth, row = client(Endpoint()), make()
        auth.headers(row)
        assert auth.renew(row, rejected="canary-1") is True
        assert auth.headers(row) == bearer("canary-2")

    def test_the_refused_token_may_come_as_the_whole_header(self) -> None:
        endpoint, row = Endpoint(), make()
        auth = client(endpoint)
        assert auth.renew(row, rejected=auth.headers(row)["Authorization"]) is True
        assert len(endpoint.asked) == 2

    def test_a_token_that_another_worker_renewed_is_taken(self) -> None:
        endpoint, row = Endpoint(), make()
        here, there = client(endpoint), client(endpoint)
        here.headers(row)
        there.headers(row)
        assert there.renew(row, rejected="canary-1")
        assert here.renew(row, rejected="canary-1")
        assert here.headers(row) == bearer("canary-2")
        assert len(endpoint.asked) == 2

    def test_a_rotated_refresh_token_is_used_next(self) -> None:
        endpoint, row = Endpoint(), make()
        auth = refresher(endpoint)
        auth.headers(row)
        assert auth.renew(row, rejected="canary-1")
        assert auth.renew(row, rejected="canary-2")
        assert [form["refresh_token"] for form in endpoint.forms()] == [
            "canary-first",
            "canary-refresh-1",
            "canary-refresh-2",
        ]

    def test_a_refresh_token_that_is_not_rotated_is_used_again(self) -> None:
        endpoint, row = Endpoint(rotates=False), make()
        auth = refresher(endpoint)
        auth.headers(row)
        assert auth.renew(row, rejected="canary-1")
        assert [form["refresh_token"] for form in endpoint.forms()] == ["canary-first"] * 2

    def test_a_newly_configured_refresh_token_wins_over_the_rotated_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        endpoint, row = Endpoint(), make()
        refresher(endpoint).headers(row)
        endpoint.refresh = "canary-second"
        monkeypatch.setenv("SHOP_REFRESH", "canary-second")
        auth = refresher(endpoint)
        assert auth.renew(row, rejected="canary-1")
        assert auth.renew(row, rejected="canary-2")
        assert endpoint.forms()[-1]["refresh_token"] == "canary-refresh-2"

    def test_the_rotated_one_of_a_rows_own_refresh_token_stays_the_rows(self) -> None:
        endpoint, row = Endpoint(refresh="own"), make(refresh_token="own")
        auth = refresher(endpoint)
        auth.headers(row)
        assert auth.renew(row, rejected="canary-1")
        assert endpoint.forms()[-1]["refresh_token"] == "canary-refresh-1"

    def test_the_token_is_committed_before_it_is_used(self) -> None:
        row = make()
        auth = client(Endpoint())
        auth.headers(row)
        assert auth.renew(row, rejected="canary-1")
        assert auth.headers(row) == bearer(stored(row)["access_token"])

    def test_the_lease_is_free_afterwards(self) -> None:
        row = make()
        client(Endpoint()).headers(row)
        gate = Gate.objects.get(connection=row)
        assert (gate.refresh_token, gate.refresh_until) == ("", None)

    def test_a_missing_gate_is_made(self) -> None:
        row = Connection.objects.create(integrator="shop")
        assert client(Endpoint()).headers(row) == bearer("canary-1")
        assert Gate.objects.filter(connection=row).exists()

    def test_the_same_token_again_is_no_renewal(self) -> None:
        again = answered(200, {"access_token": "same"})
        auth, row = client(Scripted(again, again)), make()
        auth.headers(row)
        assert auth.renew(row, rejected="same") is False

    def test_one_worker_asks_while_the_other_waits_for_its_token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = make()
        idle = Endpoint()
        other = access_tokens.lease(row.pk, 60.0)
        assert other.__enter__() is True

        def other_worker_is_done(seconds: float) -> None:
            access_tokens.save(row.pk, {"access_token": "theirs", "access_token_until": ""}, instead_of="")
            other.__exit__(None, None, None)

        monkeypatch.setattr(oauth2.time, "sleep", other_worker_is_done)
        assert client(idle).headers(row) == bearer("theirs")
        assert idle.asked == []

    def test_a_worker_that_died_with_the_lease_holds_nobody_up_for_long(self) -> None:
        row = make()
        Gate.objects.filter(connection=row).update(
            refresh_token="dead", refresh_until=timezone.now() - dt.timedelta(seconds=1)
        )
        assert client(Endpoint()).headers(row) == bearer("canary-1")

    def test_waiting_for_another_worker_is_bounded(self) -> None:
        row = make()
        Gate.objects.filter(connection=row).update(
            refresh_token="slow", refresh_until=timezone.now() + dt.timedelta(seconds=60)
        )
        auth = client(Endpoint(), timeout_s=-2.0)
        with pytest.raises(NotSent) as raised:
            auth.headers(row)
        assert raised.value.code == "token_awaited"
        assert auth.renew(row, rejected="old") is False
        assert Gate.objects.get(connection=row).refresh_token == "slow"

    def test_a_token_renewed_between_look_and_lease_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row, endpoint = make(), Endpoint()
        take = access_tokens._take

        def renewed_meanwhile(*args: Any) -> bool:
            access_tokens.save(row.pk, {"access_token": "theirs"}, instead_of="")
            return take(*args)

        monkeypatch.setattr(access_tokens, "_take", renewed_meanwhile)
        assert client(endpoint).headers(row) == bearer("theirs")
        assert endpoint.asked == []

    def test_a_worker_that_lost_its_lease_leaves_the_newer_token(self) -> None:
        row, endpoint = make(), Endpoint()
        endpoint.before = lambda: access_tokens.save(row.pk, {"access_token": "newer"}, instead_of="")
        assert client(endpoint).headers(row) == bearer("newer")
        assert stored(row)["access_token"] == "newer"

    def test_credentials_changed_during_the_call_are_kept(self) -> None:
        row, endpoint = make(), Endpoint()
        endpoint.before = lambda: Connection.objects.filter(pk=row.pk).update(credentials=seal({"note": "new"})) or None
        client(endpoint).headers(row)
        assert (stored(row)["note"], stored(row)["access_token"]) == ("new", "canary-1")

    def test_credentials_that_never_hold_still_are_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = make()
        monkeypatch.setattr(access_tokens, "_row", lambda pk: ("another text", {}))
        with pytest.raises(SecretError, match="too often"):
            access_tokens.save(row.pk, {"access_token": "new"}, instead_of="")

    def test_a_connection_that_is_gone_is_an_error(self) -> None:
        row = make()
        Connection.objects.all().delete()
        with pytest.raises(SecretError, match="is gone") as raised:
            client(Endpoint()).headers(row)
        assert raised.value.code == "connection_gone"


@pytest.mark.django_db
class TestRefusals:
    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_credentials_that_are_not_accepted_are_named_by_the_remotes_word(self, status: int) -> None:
        auth, row = client(Scripted(answered(status, {"error": "invalid_client"}))), make()
        with pytest.raises(Unauthorized, match="invalid_client") as raised:
            auth.headers(row)
        assert raised.value.status_code == status
        assert Gate.objects.get(connection=row).refresh_token == ""

    def test_a_remotes_text_is_never_repeated(self) -> None:
        auth = client(Scripted(answered(400, {"error": "secret was canary:secret"})))
        with pytest.raises(Unauthorized) as raised:
            auth.headers(make())
        assert "canary" not in str(raised.value)

    @pytest.mark.parametrize(
        ("status", "content"),
        [
            (500, {}),
            (429, {"access_token": "a"}),
            (302, b""),
            (200, b""),
            (200, b"<html>"),
            (200, b"[" * 100_000),
            (200, {"access_token": ""}),
            (200, {"access_token": 5}),
            (200, {"access_token": "a\r\nX: 1"}),
            (200, b"[]"),
        ],
    )
    def test_an_answer_without_a_token_means_nothing_was_sent(self, status: int, content: Any) -> None:
        auth, row = client(Scripted(answered(status, content))), make()
        with pytest.raises(NotSent) as raised:
            auth.headers(row)
        assert raised.value.status_code == status
        assert stored(row) == {}

    def test_no_answer_means_nothing_was_sent(self) -> None:
        auth = client(Scripted(Answer(error=ConnectFailed("refused"))))
        with pytest.raises(NotSent) as raised:
            auth.headers(make())
        assert isinstance(raised.value.__cause__, ConnectFailed)

    def test_a_renewal_that_fails_is_no_renewal(self, caplog: pytest.LogCaptureFixture) -> None:
        auth = client(Scripted(answered(500, {}), answered(401, {})))
        row = make(access_token="old")
        assert auth.renew(row, rejected="old") is False
        assert auth.renew(row, rejected="old") is False
        assert stored(row) == {"access_token": "old"}


@pytest.mark.django_db(transaction=True)
def test_nothing_is_renewed_inside_an_open_transaction() -> None:
    endpoint, row = Endpoint(), make()
    with transaction.atomic(), pytest.raises(InTransaction):
        client(endpoint).headers(row)
    assert endpoint.asked == []


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_renews() -> None:
    endpoint, row = Endpoint(), make()
    start = threading.Barrier(6)
    found: list[dict[str, str]] = []

    def worker() -> None:
        try:
            auth = refresher(endpoint)
            start.wait()
            found.append(auth.headers(row))
        finally:
            database.close()

    workers = [threading.Thread(target=worker) for _ in range(6)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join(timeout=20)
    assert found == [bearer("canary-1")] * 6
    assert len(endpoint.asked) == 1
