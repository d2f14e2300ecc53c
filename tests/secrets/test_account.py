"""The credentials of a connection."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.test import override_settings

from sync.exceptions import SecretError
from sync.models import Connection
from sync.secrets import credentials, seal

KEY = Fernet.generate_key().decode()
SETTINGS = {
    "encryption_keys": [KEY],
    "integrators": {"shop": {"credentials": {"token": "env:SHOP_TOKEN", "username": "u"}}},
}


@override_settings(CRUDSYNC=SETTINGS)
def test_the_row_wins_over_the_settings_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "of the settings")
    row = Connection(integrator="shop", credentials=seal({"token": "own"}))
    assert credentials(row) == {"token": "own", "username": "u"}
    assert credentials(Connection(integrator="shop"))["token"] == "of the settings"


@override_settings(CRUDSYNC=SETTINGS)
def test_the_settings_speak_for_the_default_account_only() -> None:
    assert credentials(Connection(integrator="shop", name="second")) == {}


@override_settings(CRUDSYNC=SETTINGS, SECRET_KEY="canary")
def test_a_value_of_a_row_is_never_read_as_a_reference() -> None:
    row = Connection(integrator="other", credentials=seal({"token": "setting:SECRET_KEY"}))
    assert credentials(row) == {"token": "setting:SECRET_KEY"}


def test_a_row_that_cannot_be_opened_is_named() -> None:
    with override_settings(CRUDSYNC=SETTINGS):
        row = Connection(integrator="shop", name="second", credentials=seal({"token": "own"}))
    other = {"encryption_keys": [Fernet.generate_key().decode()]}
    with override_settings(CRUDSYNC=other), pytest.raises(SecretError, match="connection shop/second: sealed"):
        credentials(row)
