from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import pytest
from django.test import override_settings

from sync import conf
from sync.conf import Settings
from sync.exceptions import ConfigurationError


def test_what_a_site_says_counts_and_the_rest_is_the_default(settings: Any) -> None:
    settings.CRUDSYNC = {"threads": 3}
    assert conf.current() == Settings(threads=3)
    settings.CRUDSYNC = {}
    assert conf.current() == Settings()


def test_a_site_that_says_nothing_has_the_defaults(settings: Any) -> None:
    del settings.CRUDSYNC
    assert conf.current() == Settings()


def test_the_settings_are_read_again_once_they_changed() -> None:
    with override_settings(CRUDSYNC={"threads": 3}):
        assert conf.current().threads == 3
        with override_settings(CRUDSYNC={"threads": 4}):
            assert conf.current().threads == 4
        with override_settings(TIME_ZONE="Europe/Rome"):
            assert conf.current() is conf.current()
        assert conf.current().threads == 3


def test_the_settings_cannot_be_changed_by_mistake() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        conf.current().threads = 3  # type: ignore[misc]


@pytest.mark.parametrize("value", [[], None, "enabled", 3])
def test_settings_that_are_no_dict_are_an_error(settings: Any, value: Any) -> None:
    settings.CRUDSYNC = value
    with pytest.raises(ConfigurationError) as caught:
        conf.current()
    assert caught.value.code == "bad_setting"


@pytest.mark.parametrize(
    ("key", "hint"), [("default_rmp", "did you mean 'default_rpm'?"), ("zzz", "see the settings reference"), (7, "see")]
)
def test_an_unknown_key_is_an_error_with_a_hint(settings: Any, key: Any, hint: str) -> None:
    settings.CRUDSYNC = {key: 1}
    with pytest.raises(ConfigurationError) as caught:
        conf.current()
    assert caught.value.code == "unknown_setting"
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("enabled", "false", "True or False"),
        ("enabled", None, "True or False"),
        ("inline", 1, "True or False"),
        ("redis_url", None, "a text"),
        ("queue", 7, "a text"),
        ("encryption_keys", "a-key", "a list of texts"),
        ("encryption_keys", None, "a list of texts"),
        ("integrators", ["shop"], "a dict"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error(settings: Any, key: str, value: Any, words: str) -> None:
    settings.CRUDSYNC = {key: value}
    with pytest.raises(ConfigurationError, match=re.escape(f"CRUDSYNC[{key!r}] must be {words}")):
        conf.current()


@pytest.mark.parametrize("keys", [["a", "b"], ("a", "b")])
def test_keys_are_a_list_or_a_tuple(settings: Any, keys: Any) -> None:
    settings.CRUDSYNC = {"encryption_keys": keys}
    assert conf.current().encryption_keys == ("a", "b")


def test_every_setting_is_documented() -> None:
    documented = re.findall(r"^ {4}(\w+): ", str(inspect.getdoc(Settings)), re.MULTILINE)
    assert documented == list(conf.NAMES)


@pytest.mark.parametrize(
    ("ours", "broker", "url"),
    [
        ("redis://ours/1", "redis://broker/0", "redis://ours/1"),
        ("", "redis://broker/0", "redis://broker/0"),
        ("", "rediss://broker/0", "rediss://broker/0"),
        ("", "amqp://broker", ""),
        ("", None, ""),
        ("", "", ""),
    ],
)
def test_redis_is_ours_or_the_brokers(settings: Any, ours: str, broker: str | None, url: str) -> None:
    settings.CRUDSYNC = {"redis_url": ours}
    settings.CELERY_BROKER_URL = broker
    assert conf.redis_url() == url


def test_settings_are_ready_once_they_are_loaded(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    assert conf.ready()
    del settings.CRUDSYNC
    assert not conf.ready()
