from __future__ import annotations

from typing import Any

from sync import tracing
from sync.checks import check_settings
from sync.integrators.options import OF_SETTINGS
from tests.zoo.registration import empty_registry, integrator


def ids() -> list[str]:
    return [str(each.id) for each in check_settings()]


def test_traces_without_opentelemetry_are_named(settings: Any, monkeypatch: Any) -> None:
    settings.CRUDSYNC = {"traces": True}
    assert "crudsync.W030" not in ids()
    monkeypatch.setattr(tracing, "installed", lambda: None)
    assert "crudsync.W030" in ids()
    settings.CRUDSYNC = {"traces": False}
    assert "crudsync.W030" not in ids()


def test_every_option_of_an_integrator_may_stand_in_the_settings(settings: Any) -> None:
    given = {"retry": "standard", "rate_limit": {"limit": 1}, "credentials": {}, "traceparent": True, "threads": 1}
    usual = {name: 1.0 if name.endswith("_s") else "x" for name in OF_SETTINGS}
    settings.CRUDSYNC = {"integrators": {"zoo": {**usual, **given}}}
    with empty_registry():
        from sync import registry

        registry.register(integrator("zoo"))
        assert [each for each in ids() if each.startswith("crudsync.E")] == []
