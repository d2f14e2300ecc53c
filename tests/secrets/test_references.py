"""References lead to secrets, or to an error that names the reference."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.test import override_settings

from sync.exceptions import SecretError
from sync.secrets import is_reference, resolve


def test_an_environment_variable_is_read_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "one")
    assert resolve("env:SHOP_TOKEN") == "one"
    monkeypatch.setenv("SHOP_TOKEN", "two")
    assert resolve("env:SHOP_TOKEN") == "two"


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_or_empty_variable_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("SHOP_TOKEN", value)
    with pytest.raises(SecretError, match="env:SHOP_TOKEN names nothing") as raised:
        resolve("env:SHOP_TOKEN")
    assert raised.value.code == "secret_missing"
    assert "environment variable" in raised.value.hint


@override_settings(SHOP={"api": {"token": "a"}}, SHOP_OBJECT=SimpleNamespace(token="b"), SHOP_PLAIN="c")
def test_a_setting_is_found_by_its_path() -> None:
    assert resolve("setting:SHOP.api.token") == "a"
    assert resolve("setting:SHOP_OBJECT.token") == "b"
    assert resolve("setting:SHOP_PLAIN") == "c"


@override_settings(SHOP={"api": {"token": 12345}, "none": None})
@pytest.mark.parametrize("path", ["SHOP.api.key", "SHOP.api.token.x", "SHOP.none", "NOWHERE", "SHOP.api.token", "SHOP"])
def test_a_path_that_leads_to_no_text_is_an_error_that_shows_no_value(path: str) -> None:
    with pytest.raises(SecretError, match=f"setting:{path}") as raised:
        resolve(f"setting:{path}")
    assert "12345" not in str(raised.value)


def test_any_other_text_is_the_value_itself() -> None:
    assert resolve("plain") == "plain"
    assert not is_reference("plain")
    assert is_reference("env:A")
    assert is_reference("setting:A")


def test_an_empty_reference_is_an_error() -> None:
    with pytest.raises(SecretError):
        resolve("")
