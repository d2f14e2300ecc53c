"""Headers that say who asks."""

from __future__ import annotations

import base64

import pytest
from cryptography.fernet import Fernet
from django.test import override_settings
from django.utils import timezone

from sync.connectors.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth
from sync.exceptions import SecretError
from sync.models import Connection
from sync.secrets import seal

SETTINGS = {"encryption_keys": [Fernet.generate_key().decode()]}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "canary-token")
    monkeypatch.setenv("SHOP_PASSWORD", "canary-pässword")


def row(**own: str) -> Connection:
    with override_settings(CRUDSYNC=SETTINGS):
        return Connection(pk=1, integrator="shop", credentials=seal(own), updated_at=timezone.now())


def test_a_bearer_token_is_read_from_its_reference() -> None:
    assert BearerAuth("env:SHOP_TOKEN").headers(row()) == {"Authorization": "Bearer canary-token"}
    assert BearerAuth("env:SHOP_TOKEN", scheme="Token").headers(row()) == {"Authorization": "Token canary-token"}


def test_an_api_key_goes_into_its_header() -> None:
    auth = ApiKeyAuth("env:SHOP_TOKEN", header="X-Key")
    assert auth.headers(row()) == {"X-Key": "canary-token"}
    assert auth.params(row()) == {}
    assert ApiKeyAuth("env:SHOP_TOKEN").headers(row()) == {"X-API-Key": "canary-token"}


def test_an_api_key_goes_into_its_parameter() -> None:
    auth = ApiKeyAuth("env:SHOP_TOKEN", param="key")
    assert auth.params(row()) == {"key": "canary-token"}
    assert auth.headers(row()) == {}


def test_basic_authentication_is_utf_8() -> None:
    value = BasicAuth("shop", "env:SHOP_PASSWORD").headers(row())["Authorization"]
    scheme, _, encoded = value.partition(" ")
    assert (scheme, base64.b64decode(encoded).decode()) == ("Basic", "shop:canary-pässword")


def test_a_user_name_with_a_colon_is_refused() -> None:
    with pytest.raises(SecretError, match="colon"):
        BasicAuth("a:b", "env:SHOP_PASSWORD").headers(row())


@override_settings(CRUDSYNC=SETTINGS)
def test_the_connections_own_credentials_win_by_key() -> None:
    assert BearerAuth("env:SHOP_TOKEN").headers(row(token="own")) == {"Authorization": "Bearer own"}
    assert ApiKeyAuth("env:SHOP_TOKEN").headers(row(api_key="own")) == {"X-API-Key": "own"}
    basic = BasicAuth("shop", "env:SHOP_PASSWORD").headers(row(password="own"))
    assert base64.b64decode(basic["Authorization"].removeprefix("Basic ")) == b"shop:own"


@override_settings(CRUDSYNC=SETTINGS)
def test_a_reference_that_is_not_needed_may_be_missing() -> None:
    assert BearerAuth("env:NOT_THERE").headers(row(token="own")) == {"Authorization": "Bearer own"}


def test_a_missing_reference_is_an_error_that_names_it() -> None:
    with pytest.raises(SecretError, match="env:NOT_THERE"):
        BearerAuth("env:NOT_THERE").headers(row())


def test_neither_reference_nor_own_credential_is_an_error_that_names_the_connection() -> None:
    with pytest.raises(SecretError, match="shop/default has no token") as raised:
        BearerAuth().headers(row())
    assert "BearerAuth" in raised.value.hint


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a\n", "tökén", "a\x00b"])
def test_a_credential_that_is_no_header_value_is_refused_unseen(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setattr("os.environ", {"SHOP_TOKEN": token})
    with pytest.raises(SecretError) as raised:
        BearerAuth("env:SHOP_TOKEN").headers(row())
    assert token not in str(raised.value)


def test_headers_are_not_shared() -> None:
    auth, connection = BearerAuth("env:SHOP_TOKEN"), row()
    auth.headers(connection)["X-More"] = "1"
    assert "X-More" not in auth.headers(connection)


def test_headers_are_built_once_for_a_state_of_the_row() -> None:
    built = []

    class Counted(BearerAuth):
        def build(self, values):  # type: ignore[no-untyped-def]
            built.append(values)
            return super().build(values)

    auth, connection = Counted("env:SHOP_TOKEN"), row()
    for _ in range(3):
        auth.headers(connection)
        auth.params(connection)
    assert len(built) == 1
    connection.updated_at = timezone.now()
    auth.headers(connection)
    assert len(built) == 2


def test_another_connection_has_its_own_headers() -> None:
    auth = BearerAuth("env:SHOP_TOKEN")
    other = row(token="other")
    other.pk = 2
    with override_settings(CRUDSYNC=SETTINGS):
        assert auth.headers(row()) != auth.headers(other)


def test_a_row_that_is_not_saved_is_never_kept() -> None:
    auth = BearerAuth("env:SHOP_TOKEN")
    with override_settings(CRUDSYNC=SETTINGS):
        one, two = row(token="one"), row(token="two")
        one.pk = two.pk = None
        two.updated_at = one.updated_at
        assert auth.headers(one) != auth.headers(two)


def test_changed_settings_are_seen() -> None:
    auth, connection = BearerAuth("setting:SHOP_TOKEN"), row()
    for token in ("one", "two"):
        with override_settings(SHOP_TOKEN=token):
            assert auth.headers(connection) == {"Authorization": f"Bearer {token}"}


def test_a_token_that_never_changes_is_not_renewed() -> None:
    assert BearerAuth("env:SHOP_TOKEN").renew(row(), rejected="canary-token") is False


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        (BearerAuth("env:SHOP_TOKEN"), "BearerAuth(token='env:SHOP_TOKEN')"),
        (BearerAuth("canary"), "BearerAuth(token='…')"),
        (ApiKeyAuth("canary"), "ApiKeyAuth(api_key='…')"),
        (BasicAuth("shop", "canary"), "BasicAuth(username='…', password='…')"),
    ],
)
def test_the_text_of_an_auth_shows_references_only(auth: Auth, shown: str) -> None:
    assert repr(auth) == shown


def test_secrets_that_stand_in_the_code_are_named() -> None:
    assert BasicAuth("shop", "canary").plain_secrets() == ("password",)
    assert BasicAuth("shop", "env:SHOP_PASSWORD").plain_secrets() == ()
    assert BearerAuth().plain_secrets() == ()


def test_a_kind_of_ones_own_must_say_what_it_builds() -> None:
    with pytest.raises(NotImplementedError):
        Auth(token="env:SHOP_TOKEN").headers(row())
