"""The command that brings every connection under the newest key."""

from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import override_settings

from sync.management.commands import crudsync_rotate_keys
from sync.models import Connection
from sync.secrets import open_sealed, seal

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))

pytestmark = pytest.mark.django_db


def keys(*given: str) -> override_settings:
    return override_settings(CRUDSYNC={"encryption_keys": list(given)})


def make(key: str, *names: str) -> None:
    with keys(key):
        for name in names:
            Connection.objects.create(integrator="shop", name=name, credentials=seal({"token": name}))


def run(*args: str) -> str:
    out = StringIO()
    call_command("crudsync_rotate_keys", *args, stdout=out)
    return out.getvalue().strip()


def test_every_connection_opens_with_the_new_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crudsync_rotate_keys, "BATCH", 2)
    make(OLD, "a", "b", "c")
    Connection.objects.create(integrator="shop", name="none")
    with keys(NEW, OLD):
        assert run() == "3 connections sealed under the newest key"
    with keys(NEW):
        opened = {row.name: open_sealed(row.credentials) for row in Connection.objects.all()}
    assert opened == {"a": {"token": "a"}, "b": {"token": "b"}, "c": {"token": "c"}, "none": {}}


def test_a_dry_run_changes_nothing() -> None:
    make(OLD, "a")
    before = Connection.objects.get().credentials
    with keys(NEW, OLD):
        assert run("--dry-run") == "1 connection can be sealed anew"
    assert Connection.objects.get().credentials == before


def test_one_connection_that_cannot_be_read_leaves_all_as_they_were() -> None:
    make(OLD, "a")
    make(LOST, "b")
    before = list(Connection.objects.values_list("credentials", flat=True))
    with keys(NEW, OLD), pytest.raises(CommandError, match=r"connection shop/b: .* Nothing was changed"):
        run()
    assert list(Connection.objects.values_list("credentials", flat=True)) == before
