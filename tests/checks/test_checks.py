"""What `manage.py check` says, and what it leaves alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, _state
from cryptography.fernet import Fernet
from django.contrib.auth.models import Group, User
from django.core.checks import CheckMessage
from django.core.checks import registry as django_checks
from django.db.models import CharField
from django.test import override_settings

from sync import registry
from sync.checks import (
    MESSAGES,
    check_celery,
    check_databases,
    check_deployment,
    check_integrators,
    check_settings,
)
from sync.checks.celery import SWEEP
from sync.checks.database import _isolation
from sync.checks.integrators import required_cycle
from sync.connectors.auth import ApiKeyAuth, BearerAuth
from sync.connectors.oauth2 import OAuth2ClientCredentials
from sync.exceptions import ConfigurationError
from sync.types import Lane, RateLimit

KEY = Fernet.generate_key().decode()


def spec(name: str = "group", model: Any = Group, **given: Any) -> SimpleNamespace:
    usual = {
        "name": name, "model": model, "parents": (), "keyed": False, "client_id": False, "can_lookup": True,
        "on_uncertain": "hold", "lane": Lane.LIVE, "declared": True, "mapper": SimpleNamespace(keys={"name": "name"}),
    }  # fmt: skip
    return SimpleNamespace(**usual | given)


def needs(via: str, *, nullable: bool = False) -> SimpleNamespace:
    return SimpleNamespace(via=via, nullable=nullable)


@pytest.fixture(autouse=True)
def nothing_registered() -> Iterator[None]:
    before = registry.integrators()
    registry.clear()
    yield
    registry.clear()
    for cls in before.values():
        registry.register(cls)


@pytest.fixture(autouse=True)
def clean_settings() -> Iterator[None]:
    with override_settings(CRUDSYNC={}):
        yield


def integrator(*specs: Any, **values: Any) -> Any:
    types = {entry.name: entry for entry in specs or (spec(),)}
    usual = {"name": "shop", "base_url": "https://api.shop.test/", "types": classmethod(lambda cls: types)}
    return registry.register(type("ShopIntegrator", (), usual | values))


def ids(messages: list[CheckMessage]) -> list[str]:
    assert all(entry.hint for entry in messages)
    return [str(entry.id).removeprefix("crudsync.") for entry in messages]


def test_a_plain_integration_has_nothing_to_say() -> None:
    integrator(auth=BearerAuth(), rate_limit=RateLimit(100, per=60))
    assert ids(check_settings()) == ids(check_integrators()) == ids(check_databases()) == []
    assert ids(check_deployment()) == []


class TestSettings:
    def test_an_unknown_key_is_named_with_the_nearest(self) -> None:
        with override_settings(CRUDSYNC={"default_rmp": 5}):
            (found,) = check_settings()
        assert (found.id, found.hint) == ("crudsync.E001", "did you mean 'default_rpm'?")

    def test_settings_that_are_no_dict_are_named(self) -> None:
        with override_settings(CRUDSYNC=[]):
            assert ids(check_settings()) == ["E001"]
            assert ids(check_integrators()) == ids(check_databases()) == ids(check_deployment()) == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("default_rpm", 0), ("default_rpm", True), ("threads", 1.5), ("timeout_s", 0), ("timeout_s", "10"),
            ("timeout_s", float("nan")), ("rest_s", -1), ("reconcile_stop_share", 1.1), ("limiter_local_share", None),
            ("limiter_when_down", "open"),
        ],
    )  # fmt: skip
    def test_a_value_out_of_its_range_is_named(self, name: str, value: Any) -> None:
        with override_settings(CRUDSYNC={name: value}):
            found = check_settings()
        assert ids(found) == ["E002"]
        assert name in found[0].msg

    def test_zero_is_a_duration_where_nothing_may_be_waited_for(self) -> None:
        with override_settings(CRUDSYNC={"rest_s": 0, "limiter_slack_s": 0.5}):
            assert check_settings() == []

    def test_an_integrator_that_is_not_registered_is_named_with_the_nearest(self) -> None:
        integrator()
        with override_settings(CRUDSYNC={"integrators": {"shopp": {}}}):
            (found,) = check_settings()
        assert (found.id, found.hint) == ("crudsync.W002", "Did you mean 'shop'?")

    def test_unknown_keys_of_an_integrator_are_named(self) -> None:
        integrator()
        with override_settings(CRUDSYNC={"integrators": {"shop": {"thread": 3}}}):
            (found,) = check_settings()
        assert (found.id, found.hint) == ("crudsync.E001", "Did you mean 'threads'?")
        with override_settings(CRUDSYNC={"integrators": {"shop": 3}}):
            assert ids(check_settings()) == ["E001"]

    def test_a_bad_rate_in_the_settings_is_named(self) -> None:
        integrator()
        with override_settings(CRUDSYNC={"integrators": {"shop": {"rate_limit": RateLimit(0)}}}):
            assert ids(check_settings()) == ["E005"]


class TestIntegrators:
    def test_object_types_that_cannot_be_read_are_a_message_and_no_crash(self) -> None:
        def types(cls: Any) -> Any:
            raise ConfigurationError("object type 'a': no endpoint", hint="give one")

        integrator().types = classmethod(types)
        (found,) = check_integrators()
        assert (found.id, found.hint) == ("crudsync.E003", "give one")
        assert ids(check_databases()) == ids(check_deployment()) == []

    @pytest.mark.parametrize(
        "url",
        [
            "https://user:canary@api.test/", "https://canary@api.test/", "https://api.test/v 2/", " https://api.test/",
            "https://api.test/\n", "ftp://api.test/", "api.test", "https:///v2", "https://api.test:x/",
            "https://a.test/?a=1", "https://api.test/#a",
        ],
    )  # fmt: skip
    def test_a_base_url_that_cannot_be_is_named_without_repeating_it(self, url: str) -> None:
        integrator(base_url=url)
        found = check_integrators()
        assert ids(found) == ["E004"]
        assert "canary" not in found[0].msg

    def test_urls_of_the_older_contract_and_of_the_settings_are_read_too(self) -> None:
        integrator(base_url="", absolute_url="nowhere")
        assert ids(check_integrators()) == ["E004"]
        with override_settings(CRUDSYNC={"integrators": {"shop": {"base_url": "nowhere else"}}}):
            assert ids(check_integrators()) == ["E004", "E004"]

    @pytest.mark.parametrize(
        "limit",
        [RateLimit(0), RateLimit(-1), RateLimit(1, per=0), RateLimit(1, per=float("inf")), RateLimit(1, burst=2)],
    )
    def test_a_rate_that_cannot_be_kept_is_named(self, limit: RateLimit) -> None:
        integrator(rate_limit=[RateLimit(5), limit])
        assert ids(check_integrators()) == ["E005"]

    def test_a_reference_that_names_nothing_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOP_TOKEN", raising=False)
        integrator(auth=BearerAuth("env:SHOP_TOKEN"))
        (found,) = check_integrators()
        assert found.id == "crudsync.W001"
        assert "env:SHOP_TOKEN" in found.msg
        monkeypatch.setenv("SHOP_TOKEN", "there")
        assert check_integrators() == []

    def test_a_reference_in_the_settings_wins_over_the_one_in_the_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THERE", "x")
        integrator(auth=BearerAuth("env:NOT_THERE"))
        with override_settings(CRUDSYNC={"integrators": {"shop": {"credentials": {"token": "env:THERE"}}}}):
            assert check_integrators() == []

    def test_tokens_without_a_key_to_seal_them_are_named(self) -> None:
        integrator(auth=OAuth2ClientCredentials("https://auth.shop.test/token", "shop", "s"))
        assert ids(check_integrators()) == ["W003"]
        with override_settings(CRUDSYNC={"encryption_keys": [KEY]}):
            assert check_integrators() == []

    def test_a_cycle_of_required_references_is_named(self) -> None:
        integrator(spec("a", parents=[needs("b")]), spec("b", parents=[needs("c")]), spec("c", parents=[needs("b")]))
        (found,) = check_integrators()
        assert found.id == "crudsync.E007"
        assert "b → c → b" in found.msg

    @pytest.mark.parametrize(
        ("types", "cycle"),
        [
            ({"a": spec(parents=[needs("a")])}, ["a", "a"]),
            ({"a": spec(parents=[needs("a", nullable=True)])}, []),
            ({"a": spec(parents=[needs("b")]), "b": spec(parents=[needs("a", nullable=True)])}, []),
            ({"a": spec(parents=[needs("b"), needs("c")]), "b": spec(parents=[needs("c")]), "c": spec()}, []),
            ({"a": spec(parents=[needs("elsewhere")])}, []),
        ],
    )
    def test_only_required_references_make_a_cycle(self, types: Any, cycle: list[str]) -> None:
        assert required_cycle(types) == cycle


class GroupsElsewhere:
    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "other" if model is Group else None


class TestDatabases:
    def test_a_model_in_another_database_is_named(self) -> None:
        integrator(spec("group"), spec("user", User))
        with override_settings(DATABASE_ROUTERS=[GroupsElsewhere()]):
            found = check_databases()
        assert ids(found) == ["E006"]
        assert found[0].obj is Group

    def test_a_key_that_is_too_long_to_name_an_object_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        integrator(spec("group"))
        assert ids(check_databases()) == []
        monkeypatch.setattr(Group._meta, "pk", CharField(max_length=201))
        assert ids(check_databases()) == ["E009"]

    @pytest.mark.parametrize(
        ("vendor", "named"), [("postgresql", []), ("sqlite", []), ("mysql", ["W026"]), ("oracle", ["W026"])]
    )
    def test_a_database_that_it_was_never_run_on_is_named(
        self, monkeypatch: pytest.MonkeyPatch, vendor: str, named: list[str]
    ) -> None:
        database = SimpleNamespace(vendor=vendor, display_name=vendor, settings_dict={})
        monkeypatch.setattr("sync.checks.database.connections", {"default": database})
        assert ids(check_databases()) == named

    def test_times_without_a_zone_are_an_error(self) -> None:
        with override_settings(USE_TZ=False):
            assert ids(check_databases()) == ["E011"]

    @pytest.mark.parametrize(
        ("vendor", "options", "named"),
        [
            ("mysql", {"isolation_level": "repeatable read"}, True),
            ("mysql", {"isolation_level": None}, True),
            ("mysql", {"isolation_level": "Serializable"}, True),
            ("mysql", {}, False),
            ("mysql", {"isolation_level": "read committed"}, False),
            ("sqlite", {"isolation_level": None}, False),
        ],
    )
    def test_an_isolation_that_hides_commits_is_named(
        self, monkeypatch: pytest.MonkeyPatch, vendor: str, options: dict[str, Any], named: bool
    ) -> None:
        database = SimpleNamespace(vendor=vendor, settings_dict={"OPTIONS": options})
        monkeypatch.setattr("sync.checks.database.connections", {"default": database})
        assert ids(list(_isolation("default"))) == (["E008"] if named else [])


class TestDeployment:
    @pytest.mark.parametrize(
        ("url", "named"),
        [
            ("http://api.shop.test/", True), ("http://10.0.0.1/", True), ("https://api.shop.test/", False),
            ("http://127.0.0.1:8001/", False), ("http://[::1]/", False), ("http://localhost:8001/", False),
            ("http://shop.localhost/", False),
        ],
    )  # fmt: skip
    def test_a_remote_over_plain_http_is_named_unless_it_is_this_machine(self, url: str, named: bool) -> None:
        integrator(base_url=url)
        assert ids(check_deployment()) == (["W010"] if named else [])

    def test_a_token_endpoint_over_plain_http_is_named(self) -> None:
        integrator(auth=OAuth2ClientCredentials("http://auth.shop.test/token", "shop", "env:X"))
        assert ids(check_deployment()) == ["W010"]

    def test_secrets_in_the_code_are_named_by_key_only(self) -> None:
        headers = {"Authorization": "canary", "X-Shop": "1"}
        integrator(auth=ApiKeyAuth("canary"), secret_key="canary", declared_headers=classmethod(lambda cls: headers))
        (found,) = check_deployment()
        assert found.id == "crudsync.W011"
        assert "Authorization, api_key, secret_key" in found.msg
        assert "canary" not in str(found)

    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ({"can_lookup": False}, ["I002"]),
            ({"can_lookup": False, "on_uncertain": "retry"}, ["W018"]),
            ({"can_lookup": False, "keyed": True}, []),
            ({"can_lookup": False, "client_id": True}, []),
        ],
    )
    def test_a_create_that_cannot_be_proved_is_named(self, given: dict[str, Any], found: list[str]) -> None:
        integrator(spec(**given))
        assert ids(check_deployment()) == found

    def test_fields_that_go_out_by_default_are_listed(self) -> None:
        integrator(spec(declared=False, mapper=SimpleNamespace(keys={"price": "price", "name": "name"})))
        (found,) = check_deployment()
        assert found.id == "crudsync.I001"
        assert "auth.Group, 'group' sends: name, price." in found.msg

    def test_a_tasks_package_of_the_project_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "tasks.py").write_text("")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "tasks", raising=False)
        (found,) = check_deployment()
        assert found.id == "crudsync.I003"
        assert "tasks.py" in found.msg


SAFE = {
    "broker_url": "redis://localhost/0",
    "worker_disable_prefetch": True,
    "broker_connection_max_retries": None,
    "beat_schedule": {"any name": {"task": SWEEP, "schedule": 5.0}},
}


class TestCelery:
    @pytest.fixture
    def celery(self) -> Iterator[Any]:
        def make(**given: Any) -> Celery:
            app = Celery("project", set_as_current=False)
            app.conf.update(SAFE | given)
            app.set_current()
            return app

        before = _state._tls.current_app
        yield make
        _state._tls.current_app = before

    def test_safe_settings_have_nothing_to_say(self, celery: Any) -> None:
        celery()
        assert check_celery() == []

    def test_a_missing_app_is_named(self, celery: Any) -> None:
        Celery("default", set_as_current=False).set_current()
        assert ids(check_celery()) == ["W012"]

    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ({"task_acks_late": True}, ["W013"]),
            ({"worker_disable_prefetch": False}, ["W014"]),
            ({"worker_disable_prefetch": False, "worker_prefetch_multiplier": 1}, []),
            ({"broker_url": "amqp://localhost//"}, ["W014"]),
            ({"broker_url": "amqp://localhost//", "worker_prefetch_multiplier": 1}, []),
            ({"broker_connection_max_retries": 100}, ["W015"]),
            ({"result_backend": "redis://localhost/1"}, ["W016"]),
            ({"result_backend": "django-db"}, []),
            ({"beat_schedule": {}}, ["W017"]),
            ({"beat_schedule": {SWEEP: {"task": "other", "schedule": 5.0}}}, ["W017"]),
        ],
    )
    def test_unsafe_settings_are_named(self, celery: Any, given: dict[str, Any], found: list[str]) -> None:
        celery(**given)
        assert ids(check_celery()) == found

    @pytest.mark.parametrize(
        ("databases", "there", "found"),
        [(None, False, []), (["default"], True, []), (["default"], False, ["W017"])],
    )
    def test_a_scheduler_in_the_database_is_only_asked_where_checks_may_use_it(
        self, celery: Any, monkeypatch: pytest.MonkeyPatch, databases: Any, there: bool, found: list[str]
    ) -> None:
        celery(beat_schedule={}, beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler")
        entries = SimpleNamespace(filter=lambda **wanted: SimpleNamespace(exists=lambda: there))
        beat = SimpleNamespace(
            is_installed=lambda name: True,
            get_model=lambda app, name: SimpleNamespace(objects=entries),
        )
        monkeypatch.setattr("sync.checks.celery.apps", beat)
        assert ids(check_celery(databases=databases)) == found

    def test_a_scheduler_in_the_database_without_its_app_schedules_nothing(
        self, celery: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        celery(beat_schedule={}, beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler")
        monkeypatch.setattr("sync.checks.celery.apps", SimpleNamespace(is_installed=lambda name: False))
        assert ids(check_celery()) == ["W017"]


class TestIds:
    def test_every_id_is_in_the_reference_with_its_meaning_and_hint(self) -> None:
        text = (Path(__file__).parents[2] / "docs/reference/checks.md").read_text()
        listed = re.findall(r"^\| `crudsync\.(\w+)` \| (.+?) \| (.+?) \| (yes|no) \|$", text, re.MULTILINE)
        assert listed == [
            (number, entry.meaning, entry.hint, "yes" if entry.deploy else "no") for number, entry in MESSAGES.items()
        ]

    def test_every_check_is_registered_under_our_tag(self) -> None:
        names = {check.__name__ for check in django_checks.registry.get_checks(include_deployment_checks=True)}
        assert {"check_settings", "check_integrators", "check_databases", "check_deployment", "check_celery"} <= names
        everyday = {check.__name__ for check in django_checks.registry.get_checks()}
        assert everyday.isdisjoint({"check_deployment", "check_celery"})
        assert django_checks.registry.tag_exists("crudsync")
