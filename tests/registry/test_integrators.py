from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from sync import registry
from sync.exceptions import ConfigurationError, UnknownIntegrator
from sync.registry.integrators import labels
from tests.zoo.models import Animal, Note, Pet, Ticket
from tests.zoo.registration import Kind, empty_registry, integrator

module = importlib.import_module("sync.registry.integrators")  # the room has a function of this name


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    with empty_registry():
        yield


def test_what_is_registered_is_found_by_its_name() -> None:
    cls = integrator("zoo", Note)
    assert registry.register(cls) is cls
    assert registry.get("zoo") is cls
    assert registry.integrators() == {"zoo": cls}


def test_what_is_given_out_is_a_copy() -> None:
    registry.integrators()["zoo"] = integrator("zoo", Note)
    assert registry.integrators() == {}


def test_the_same_class_may_be_registered_again() -> None:
    registry.register(integrator("zoo", Note))
    registry.register(integrator("zoo", Ticket))  # a module that was reloaded
    assert labels() == ("zoo.ticket",)


def test_two_classes_of_one_name_are_an_error_that_names_both() -> None:
    registry.register(integrator("zoo", Note))
    other = integrator("zoo", Ticket)
    other.__qualname__ = "Another"
    with pytest.raises(ConfigurationError, match=r"'zoo': zoo and Another") as caught:
        registry.register(other)
    assert caught.value.code == "duplicate_integrator"
    assert labels() == ("zoo.note",)


def test_an_unknown_name_is_an_error_with_the_nearest() -> None:
    registry.register(integrator("warehouse", Note))
    with pytest.raises(UnknownIntegrator) as caught:
        registry.get("werehouse")
    assert caught.value.hint == "did you mean 'warehouse'?"
    with pytest.raises(UnknownIntegrator) as caught:
        registry.get("x")
    assert caught.value.hint == "registered: warehouse"
    registry.clear()
    with pytest.raises(UnknownIntegrator) as caught:
        registry.get("x")
    assert caught.value.hint == "registered: none"


def test_a_model_feeds_every_type_that_names_it() -> None:
    one, two = integrator("one", Note, Kind("copy", Note)), integrator("two", Note, Ticket)
    registry.register(one)
    registry.register(two)
    assert [(cls, spec.name) for cls, spec in registry.types_for("zoo.note")] == [
        (one, "note"),
        (one, "copy"),
        (two, "note"),
    ]
    assert registry.types_for("zoo.keeper") == ()
    assert registry.models() == (Note, Ticket)


def test_a_proxy_feeds_under_the_label_of_the_model_it_stands_for() -> None:
    registry.register(integrator("zoo", Pet))
    assert labels() == ("zoo.animal",)
    assert registry.model_label(Pet) == registry.model_label(Animal) == "zoo.animal"


def test_what_was_unregistered_feeds_nothing() -> None:
    registry.register(integrator("zoo", Note))
    assert registry.types_for("zoo.note")
    registry.unregister("zoo")
    registry.unregister("never there")
    assert (registry.types_for("zoo.note"), registry.models(), registry.integrators()) == ((), (), {})


def test_a_class_that_is_declared_wrongly_takes_nobody_with_it(caplog: pytest.LogCaptureFixture) -> None:
    def types(cls: Any) -> Any:
        raise ConfigurationError("object type 'a': no endpoint", hint="give one")

    broken = integrator("broken", Note)
    broken.types = classmethod(types)
    with caplog.at_level(logging.ERROR, "crudsync.registry"):
        registry.register(broken)
        registry.register(integrator("zoo", Ticket))
        assert labels() == ("zoo.ticket",)
    assert "integrator broken is not used: object type 'a': no endpoint" in caplog.text


def test_whoever_subscribed_is_called_after_each_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_subscribers", [])
    seen: list[list[str]] = []

    def subscriber() -> None:
        seen.append(sorted(registry.integrators()))

    registry.subscribe(subscriber)
    registry.subscribe(subscriber)
    registry.register(integrator("one", Note))
    registry.register(integrator("two", Note))
    assert seen == [["one"], ["one", "two"]]


def test_integrators_are_found_like_admin_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModuleType("tests.zoo.integrators")
    monkeypatch.setitem(sys.modules, "tests.zoo.integrators", found)
    imported: list[str] = []
    monkeypatch.setattr(
        "django.utils.module_loading.import_module", lambda name: imported.append(name) or sys.modules.get(name)
    )
    registry.autodiscover()
    assert "tests.zoo.integrators" in imported
    assert "sync.integrators" in imported


def test_looking_up_beside_registrations_never_fails() -> None:
    wrong: list[Exception] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            try:
                registry.types_for("zoo.note")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
                wrong.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(300):
        registry.register(integrator("zoo", Note))
        registry.unregister("zoo")
    ended.set()
    thread.join()
    assert wrong == []
