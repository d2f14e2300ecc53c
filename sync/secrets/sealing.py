"""Sealed credentials: JSON under Fernet (AES-128-CBC with HMAC-SHA256). What cannot be read is an error."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sync import conf
from sync.exceptions import SecretError
from sync.secrets.memory import remember
from sync.secrets.names import is_secret_name
from sync.secrets.references import resolve


def seal(mapping: Mapping[str, str]) -> str:
    """Return a mapping as sealed text, under the newest key; an empty mapping is the empty text.

    Raises:
        SecretError: there is no key, or it is not one.
    """
    if not mapping:
        return ""
    remember(*(value for key, value in mapping.items() if is_secret_name(key)))
    return _fernet().encrypt(json.dumps(dict(mapping)).encode()).decode("ascii")


def open_sealed(text: str) -> dict[str, str]:
    """Return what ``seal`` was given.

    Raises:
        SecretError: no key, the wrong keys, or a text that was changed. The sealed text is never returned.
    """
    if not text:
        return {}
    try:
        opened = json.loads(_fernet().decrypt(text.encode()))
    except (InvalidToken, ValueError):
        raise _unreadable() from None  # an error of the JSON parser holds the whole text
    if not isinstance(opened, dict):
        raise _unreadable()
    found = {str(key): str(value) for key, value in opened.items()}
    remember(*(value for key, value in found.items() if is_secret_name(key)))
    return found


def rotate(text: str) -> str:
    """Return sealed text under the newest key; empty text stays empty.

    Raises:
        SecretError: none of the keys opens it.
    """
    if not text:
        return ""
    try:
        return _fernet().rotate(text.encode()).decode("ascii")
    except (InvalidToken, ValueError) as error:
        raise _unreadable() from error


def is_newest(text: str) -> bool:
    """Return whether sealed text is sealed under the newest key; empty text is.

    Raises:
        SecretError: there is no key, or it is not one.
    """
    if not text:
        return True
    _fernet()
    newest = _single(resolve(conf.current().encryption_keys[0]), 1)
    try:
        newest.decrypt(text.encode())
    except (InvalidToken, ValueError):
        return False
    return True


def check_keys() -> None:
    """Check that each configured key is there and is one; having none is fine.

    Raises:
        SecretError: one of them is not.
    """
    if conf.current().encryption_keys:
        _fernet()


def _unreadable() -> SecretError:
    return SecretError(
        "sealed credentials cannot be read",
        hint="bring the key they were sealed under back into CRUDSYNC['encryption_keys']",
    )


def _fernet() -> MultiFernet:
    keys = tuple(resolve(ref) for ref in conf.current().encryption_keys)
    if not keys:
        raise SecretError(
            "there is no encryption key",
            code="no_encryption_key",
            hint="set CRUDSYNC['encryption_keys'] to a list of references such as env:CRUDSYNC_KEY",
        )
    return _multi(keys)


@functools.lru_cache(maxsize=8)
def _multi(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([_single(key, number) for number, key in enumerate(keys, start=1)])


def _single(key: str, number: int) -> Fernet:
    try:
        return Fernet(key)
    except ValueError as error:
        raise SecretError(
            f"encryption key {number} is not a Fernet key",
            code="bad_encryption_key",
            hint="make one with cryptography.fernet.Fernet.generate_key()",
        ) from error
