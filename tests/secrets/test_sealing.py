"""Sealed credentials open with their key, and with nothing else."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from sync.exceptions import SecretError
from sync.secrets import open_sealed, rotate, seal

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def keys(*given: str) -> override_settings:
    return override_settings(CRUDSYNC={"encryption_keys": list(given)})


@given(mapping=st.dictionaries(st.text(), st.text()))
def test_what_was_sealed_opens_again(mapping: dict[str, str]) -> None:
    with keys(OLD):
        assert open_sealed(seal(mapping)) == mapping


def test_the_sealed_text_shows_nothing_of_the_secret() -> None:
    with keys(OLD):
        assert "canary" not in seal({"token": "canary"})


def test_no_credentials_need_no_key() -> None:
    with keys():
        assert seal({}) == ""
        assert open_sealed("") == {}
        assert rotate("") == ""


def test_without_a_key_nothing_is_sealed_or_opened() -> None:
    with keys(OLD):
        text = seal({"token": "canary"})
    with keys():
        for call in (lambda: seal({"token": "canary"}), lambda: open_sealed(text), lambda: rotate(text)):
            with pytest.raises(SecretError, match="no encryption key") as raised:
                call()
            assert raised.value.code == "no_encryption_key"
            assert "canary" not in str(raised.value)


def test_the_wrong_key_is_an_error_that_shows_no_text() -> None:
    with keys(OLD):
        text = seal({"token": "canary"})
    with keys(NEW):
        for call in (open_sealed, rotate):
            with pytest.raises(SecretError) as raised:
                call(text)
            assert text not in str(raised.value)


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: text[:20] + "AA" + text[22:], lambda _: "é"])
def test_a_text_that_was_changed_is_an_error(change: object) -> None:
    with keys(OLD):
        text = seal({"token": "canary"})
        for call in (open_sealed, rotate):
            with pytest.raises(SecretError):
                call(change(text))  # type: ignore[operator]


@pytest.mark.parametrize("content", [b"[1]", b"not json", b"\xff"])
def test_sealed_content_that_is_no_mapping_is_an_error(content: bytes) -> None:
    with keys(OLD), pytest.raises(SecretError):
        open_sealed(Fernet(OLD).encrypt(content).decode())


def test_the_newest_key_seals_and_the_older_ones_still_open() -> None:
    with keys(OLD):
        text = seal({"token": "a"})
    with keys(NEW, OLD):
        assert open_sealed(text) == {"token": "a"}
        fresh = seal({"token": "b"})
    with keys(NEW):
        assert open_sealed(fresh) == {"token": "b"}


def test_rotation_seals_under_the_newest_key() -> None:
    with keys(OLD):
        text = seal({"token": "a"})
    with keys(NEW, OLD):
        rotated = rotate(text)
    with keys(NEW):
        assert open_sealed(rotated) == {"token": "a"}


def test_keys_may_be_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_KEY", OLD)
    with keys("env:SEAL_KEY"):
        text = seal({"token": "a"})
    with keys(OLD):
        assert open_sealed(text) == {"token": "a"}


def test_a_key_that_is_none_is_named_by_its_place_only() -> None:
    with keys(OLD, "canary-key"), pytest.raises(SecretError, match="encryption key 2 is not a Fernet key") as raised:
        seal({"token": "a"})
    assert "canary" not in str(raised.value)
