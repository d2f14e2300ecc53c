from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet

from sync import secrets
from sync.models import Connection
from sync.monitoring.doctor import keys


def told(rows: list[Connection]) -> list[tuple[str, str]]:
    return [(each.level.value, each.sentence) for each in keys.findings(rows)]


def row(**values: Any) -> Connection:
    return Connection(integrator="shop", name="berlin", **values)


def test_without_keys_and_secrets_there_is_nothing_to_say(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "encryption_keys": []}
    assert [level for level, _ in told([row()])] == ["skipped"]


def test_a_credential_that_opens_is_well_and_not_told() -> None:
    sealed = row(credentials=secrets.seal({"token": "tok-very-secret"}))
    findings = told([sealed])
    assert [level for level, _ in findings] == ["ok", "ok"]
    assert "tok-very-secret" not in repr(findings)


def test_a_credential_under_a_lost_key_is_an_error(settings: Any) -> None:
    sealed = row(credentials=secrets.seal({"token": "x"}))
    settings.CRUDSYNC = {**settings.CRUDSYNC, "encryption_keys": [Fernet.generate_key().decode()]}
    assert [level for level, _ in told([sealed])] == ["ok", "error"]
    settings.CRUDSYNC = {**settings.CRUDSYNC, "encryption_keys": []}
    assert "error" in [level for level, _ in told([sealed])]


def test_a_credential_under_an_older_key_asks_to_be_rotated(settings: Any) -> None:
    sealed = row(credentials=secrets.seal({"token": "x"}))
    newest = Fernet.generate_key().decode()
    settings.CRUDSYNC = {**settings.CRUDSYNC, "encryption_keys": [newest, *settings.CRUDSYNC["encryption_keys"]]}
    findings = told([sealed])
    assert [level for level, _ in findings] == ["ok", "warning", "ok"]
    sealed.credentials = secrets.rotate(sealed.credentials)
    assert [level for level, _ in told([sealed])] == ["ok", "ok"]


def test_a_key_that_is_none_is_an_error(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "encryption_keys": ["short"]}
    assert [level for level, _ in told([row()])] == ["error"]
