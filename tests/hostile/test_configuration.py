"""What a configuration can hold: ``manage.py check`` names it, with an id and a hint (protocol.md, section 10)."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync import BearerAuth, CrudIntegrator, ObjectType, RateLimit
from sync.checks import check_databases, check_deployment, check_integrators, check_settings
from sync.connectors.oauth2 import OAuth2ClientCredentials
from tests.zoo.models import Note

CANARY = "c4n4ry"


def of_integrator(**values: Any) -> dict[str, Any]:
    return {"integrators": {"bad": values}}


SETTINGS: dict[str, tuple[dict[str, Any] | Any, str]] = {
    "no dict": ([], "E001"),
    "an unknown key": ({"default_rmp": 5}, "E001"),
    "a key that is no text": ({5: 5}, "E001"),
    "an unknown key of an integrator": (of_integrator(treads=3), "E001"),
    "an integrator that is no dict": ({"integrators": {"bad": 5}}, "E001"),
    "a network that is none": ({"allow_networks": ["everywhere"]}, "E001"),
    "rate zero": (of_integrator(rate_limit=RateLimit(0)), "E005"),
    "rate negative": (of_integrator(rate_limit=RateLimit(-1)), "E005"),
    "rate infinite": (of_integrator(rate_limit=RateLimit(float("inf"))), "E005"),  # type: ignore[arg-type]
    "rate NaN": (of_integrator(rate_limit=RateLimit(float("nan"))), "E005"),  # type: ignore[arg-type]
    "rate 10 ** 400": (of_integrator(rate_limit=RateLimit(10**400)), "E005"),
    "rate 10 ** 5000": (of_integrator(rate_limit=RateLimit(10**5000)), "E005"),
    "window zero": (of_integrator(rate_limit=RateLimit(1, per=0)), "E005"),
    "window infinite": (of_integrator(rate_limit=RateLimit(1, per=float("inf"))), "E005"),
    "window NaN": (of_integrator(rate_limit=RateLimit(1, per=float("nan"))), "E005"),
    "window 10 ** 400": (of_integrator(rate_limit=RateLimit(1, per=10**400)), "E005"),
    "burst over the limit": (of_integrator(rate_limit=RateLimit(1, burst=2)), "E005"),
    "a rate as a dict": (of_integrator(rate_limit={"limit": 0}), "E005"),
    "a rate as a dict with an unknown key": (of_integrator(rate_limit={"limits": 5}), "E005"),
    "a rate as a number": (of_integrator(rate_limit=100), "E005"),
    "one of several rates": (of_integrator(rate_limit=[{"limit": 5}, {"limit": 5, "burst": 6}]), "E005"),
    "requests a minute 10 ** 400": ({"default_rpm": 10**400}, "E002"),
    "a duration of 10 ** 400": ({"timeout_s": 10**400}, "E002"),
    "a duration NaN": ({"timeout_s": float("nan")}, "E002"),
    "a share of 10 ** 400": ({"limiter_local_share": 10**400}, "E002"),
    "a timeout of an integrator": (of_integrator(timeout_s=-1), "E002"),
    "a timeout of an integrator 10 ** 5000": (of_integrator(timeout_s=10**5000), "E002"),
    "threads of an integrator": (of_integrator(threads=1000), "E002"),
    "a retry policy that does not exist": (of_integrator(retry="standart"), "E002"),
    "a retry policy of absurd numbers": (of_integrator(retry={"base_delay": 10**400}), "E002"),
    "credentials that are no dict": (of_integrator(credentials="token"), "E002"),
    "a credential that is no text": (of_integrator(credentials={"token": 5}), "E002"),
    "a base URL that is no text": (of_integrator(base_url=5), "E002"),
    "a user agent with a line break": ({"user_agent": "a\r\nX-Evil: 1"}, "E002"),
    "a correlation header with a line break": ({"correlation_header": "a\r\nX-Evil"}, "E002"),
    "a correlation header that is the credentials'": ({"correlation_header": "Authorization"}, "E002"),
    "an integrator's correlation header": ({"integrators": {"shop": {"correlation_header": "a b"}}}, "E002"),
    "an integrator's traceparent": ({"integrators": {"shop": {"traceparent": "yes"}}}, "E002"),
    "a Redis URL that is none": ({"redis_url": f"redis://:{CANARY}@host:port/0"}, "E002"),
    "a Redis URL of another scheme": ({"redis_url": f"http://:{CANARY}@host/0"}, "E002"),
    "URL with credentials": (of_integrator(base_url=f"https://u:{CANARY}@api.test/"), "E004"),
    "URL with trailing spaces": (of_integrator(base_url="https://api.test/ "), "E004"),
    "URL of another scheme": (of_integrator(base_url="ftp://api.test/"), "E004"),
    "a missing secret": (of_integrator(credentials={"token": "env:NOT_THERE"}), "W001"),
    "an integrator that is not registered": ({"integrators": {"other": {}}}, "W002"),
    "an encryption key that is missing": ({"encryption_keys": ["env:NOT_THERE"]}, "W004"),
    "an encryption key that is none": ({"encryption_keys": [CANARY]}, "W004"),
}

CLASSES: dict[str, tuple[dict[str, Any], str]] = {
    "rate zero": ({"rate_limit": RateLimit(0)}, "E005"),
    "rate 10 ** 400": ({"rate_limit": RateLimit(10**400)}, "E005"),
    "a rate that is none": ({"rate_limit": "100 per minute"}, "E005"),
    "URL with credentials": ({"base_url": f"https://{CANARY}@api.test/"}, "E004"),
    "URL with a line break": ({"base_url": "https://api.test/\r\nX: 1"}, "E004"),
    "URL without a host": ({"base_url": "https:///v2"}, "E004"),
    "URL with an impossible port": ({"base_url": "https://api.test:99999/"}, "E004"),
    "a token URL with credentials": (
        {"auth": OAuth2ClientCredentials(f"https://u:{CANARY}@auth.test/", "a", "setting:SECRET_KEY")},
        "E004",
    ),
    "a missing secret": ({"auth": BearerAuth("env:NOT_THERE")}, "W001"),
}

DEPLOYED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "plain http": ({}, {"base_url": "http://api.test/"}, "W010"),
    "a secret in the code": ({}, {"auth": BearerAuth(CANARY)}, "W011"),
    "every network": ({"allow_networks": ["0.0.0.0/0"]}, {}, "W019"),
    "every network of IPv6": ({"allow_networks": ["::/0"]}, {}, "W019"),
    "the metadata of a cloud": ({"allow_networks": ["169.254.0.0/16"]}, {}, "W019"),
    "no verification": ({}, {"verify": False}, "W020"),
    "a Redis that is not verified": ({"redis_url": "rediss://host:6379/0?ssl_cert_reqs=none"}, {}, "W021"),
    "a Redis that Celery does not verify": ({"redis_url": "rediss://host:6379/0?ssl_cert_reqs=CERT_NONE"}, {}, "W021"),
}


@pytest.fixture
def bad(registered: Callable[..., Any]) -> Callable[..., Any]:
    """A function that registers an integrator with these attributes."""

    def register(**values: Any) -> Any:
        usual = {
            "base_url": "https://api.test/",
            "auth": BearerAuth("setting:SECRET_KEY"),
            "set_object_types": staticmethod(
                lambda: {"note": ObjectType(model=Note, endpoint="n", fields=["text"], idempotency="K")}
            ),
        }
        return registered(type("BadIntegrator", (CrudIntegrator,), usual | values))

    return register


def checked(*arguments: str) -> str:
    """What ``manage.py check`` prints."""
    out = io.StringIO()
    try:
        call_command("check", "--tag", "crudsync", *arguments, stdout=out, stderr=out)
    except SystemCheckError as error:
        out.write(str(error))
    return out.getvalue()


def said(text: str, number: str) -> None:
    assert f"crudsync.{number}" in text, text
    assert "HINT:" in text
    assert CANARY not in text
    assert len(text) < 3000


def test_a_sound_configuration_is_not_named(bad: Callable[..., Any]) -> None:
    bad()
    with override_settings(CRUDSYNC={}):
        assert "crudsync." not in checked()


@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_that_cannot_be_is_named(bad: Callable[..., Any], case: str) -> None:
    values, number = SETTINGS[case]
    bad()
    with override_settings(CRUDSYNC=values):
        said(checked(), number)


@pytest.mark.parametrize("case", CLASSES)
def test_an_integrator_that_cannot_be_is_named(bad: Callable[..., Any], case: str) -> None:
    values, number = CLASSES[case]
    bad(**values)
    with override_settings(CRUDSYNC={}):
        said(checked(), number)


@pytest.mark.parametrize("case", DEPLOYED)
def test_what_is_fine_on_a_desk_alone_is_named_before_it_is_deployed(bad: Callable[..., Any], case: str) -> None:
    values, attributes, number = DEPLOYED[case]
    bad(**attributes)
    with override_settings(CRUDSYNC=values):
        said(checked("--deploy", "--fail-level", "CRITICAL"), number)
        assert f"crudsync.{number}" not in checked()


powers = st.sampled_from([400, 5000]).map(lambda digits: 10**digits)  # hypothesis prints what it samples from
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=3)
names = st.text(max_size=10) | st.integers()
junk = st.recursive(
    scalars | powers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["rate_limit", "retry", "timeout_s", "threads", "credentials", "base_url", "allow_networks", "encryption_keys",
     "integrators", "redis_url", "user_agent", "default_rpm", "limiter_when_down", "max_bytes", "nothing"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(keys, junk, max_size=4), st.dictionaries(keys, junk, max_size=4))
def test_whatever_the_settings_hold_the_checks_name_it_and_do_not_fail(
    bad: Callable[..., Any], values: dict[str, Any], own: dict[str, Any]
) -> None:
    with override_settings(CRUDSYNC={**values, "integrators": {"bad": own}}):
        for check in (check_settings, check_integrators, check_databases, check_deployment):
            for entry in check():
                assert entry.id
                assert entry.hint
                assert len(entry.msg) < 1500
