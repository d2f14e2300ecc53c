from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection

from sync.monitoring.doctor.database import Seen, findings, look

SOUND = Seen(
    vendor="postgresql",
    version="18.0",
    took_ms=1.0,
    ahead_s=0.0,
    unapplied=(),
    settings=(("autovacuum", "on"), ("default_transaction_isolation", "read committed")),
    oldest_s=0.0,
    dead=(("crudsync_binding", 10, 1000),),
)


def levels(seen: Seen) -> list[str]:
    return [each.level.value for each in findings(seen)]


def test_a_look_at_this_database_finds_it_well(db: None) -> None:
    seen = look()
    assert seen.vendor == connection.vendor
    assert seen.version[0].isdigit()
    assert seen.unapplied == ()
    assert abs(seen.ahead_s) < 60
    assert "error" not in levels(seen)
    assert {name for name, _ in seen.settings} & {"journal_mode", "autovacuum"}


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"took_ms": 900.0}, "warning", "900 ms"),
        ({"unapplied": ("0007_x",)}, "error", "0007_x"),
        ({"settings": (("autovacuum", "off"),)}, "error", "autovacuum"),
        ({"settings": (("default_transaction_isolation", "serializable"),)}, "error", "serializable"),
        ({"settings": (("default_transaction_read_only", "on"),)}, "error", "read-only"),
        ({"oldest_s": 1200.0}, "warning", "20 min"),
        ({"dead": (("crudsync_binding", 500_000, 1000),)}, "warning", "500000 dead rows"),
        ({"vendor": "sqlite", "settings": (("journal_mode", "delete"), ("busy_timeout", "20000"))}, "warning", "WAL"),
        ({"vendor": "sqlite", "settings": (("journal_mode", "wal"), ("busy_timeout", "0"))}, "warning", "lock"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(change: dict[str, object], level: str, words: str) -> None:
    assert levels(SOUND) == ["ok", "ok"]
    bad = [each for each in findings(replace(SOUND, **change)) if each.level.value != "ok"]  # type: ignore[arg-type]
    assert [each.level.value for each in bad] == [level]
    assert words in bad[0].sentence
    assert bad[0].hint
