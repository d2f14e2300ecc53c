from __future__ import annotations

from typing import Any

import pytest

from examples.shop.models import Product
from sync.exceptions import ConfigurationError
from sync.integrators import CrudIntegrator, ObjectType, effective, limits, retry_policy, threads, timeout_s
from sync.models import Connection
from sync.types import RateLimit, RetryPolicy


class SomeIntegrator(CrudIntegrator):
    base_url = "https://class.test/"
    rate_limit = RateLimit(4)
    retry = "conservative"
    timeout_s = 4.0
    connect_s = 0.4
    threads = 4  # type: ignore[assignment]
    user_agent = "class"
    correlation_header = "X-Class"
    traceparent = True

    @staticmethod
    def set_object_types() -> Any:
        return {
            "product": ObjectType(
                model=Product,
                endpoint="products",
                rate_limit=RateLimit(3),
                retry="no_retry",
                timeout_s=3,
                connect_s=0.3,
            ),
            "plain": {"model": Product, "endpoint": "plain"},
        }


class PlainIntegrator(CrudIntegrator):
    absolute_url = "https://older.test"


def said(
    connection: Connection, object_type: Any = None, integrator: Any = SomeIntegrator
) -> dict[str, tuple[Any, str]]:
    found = effective(connection, object_type, integrator=integrator)
    return {name: (setting.value, setting.source) for name, setting in found.items()}


@pytest.fixture
def of_settings(settings: Any) -> None:
    given = {
        "base_url": "https://settings.test/",
        "rate_limit": [{"limit": 2}],
        "retry": {"name": "aggressive", "attempts": 2},
        "timeout_s": 2,
        "connect_s": 0.2,
        "threads": 2,
        "user_agent": "settings",
        "correlation_header": "X-Settings",
        "traceparent": False,
        "credentials": {"token": "env:X"},
    }
    settings.CRUDSYNC = {**settings.CRUDSYNC, "integrators": {"some": given}}


def test_the_connection_row_comes_first(connection: Connection, of_settings: None) -> None:
    connection.base_url = "https://row.test/"
    connection.options = {
        "rate_limit": {"limit": 1},
        "retry": "standard",
        "timeout_s": 1,
        "connect_s": 0.1,
        "threads": 1,
        "user_agent": "row",
        "correlation_header": False,
        "traceparent": True,
    }
    assert said(connection, SomeIntegrator.types()["product"]) == {
        "base_url": ("https://row.test/", "connection"),
        "rate_limit": ((RateLimit(1),), "connection"),
        "retry": (RetryPolicy(), "connection"),
        "timeout_s": (1.0, "connection"),
        "connect_s": (0.1, "connection"),
        "threads": (1, "connection"),
        "user_agent": ("row", "connection"),
        "correlation_header": ("", "connection"),
        "traceparent": (True, "connection"),
    }


def test_the_settings_come_second(connection: Connection, of_settings: None) -> None:
    found = said(connection, SomeIntegrator.types()["product"])
    assert {source for _, source in found.values()} == {"settings"}
    assert found["rate_limit"][0] == (RateLimit(2),)
    assert found["retry"][0] == RetryPolicy(attempts=2, base_delay=0.5)
    assert found["base_url"][0] == "https://settings.test/"


def test_the_object_type_comes_third(connection: Connection) -> None:
    found = said(connection, SomeIntegrator.types()["product"])
    assert found["rate_limit"] == ((RateLimit(3, endpoints=("products",)),), "object type")
    assert found["retry"][0].attempts == 1
    assert (found["timeout_s"], found["connect_s"]) == ((3.0, "object type"), (0.3, "object type"))
    assert found["threads"] == (4, "class")


def test_an_object_types_limit_for_named_endpoints_is_taken_as_it_is(connection: Connection) -> None:
    spec = ObjectType(model=Product, endpoint="products", rate_limit=RateLimit(3, endpoints=("a", "b")))
    assert said(connection, spec)["rate_limit"][0] == (RateLimit(3, endpoints=("a", "b")),)


def test_the_class_comes_fourth(connection: Connection) -> None:
    found = said(connection, SomeIntegrator.types()["plain"])
    assert {source for _, source in found.values()} == {"class"}
    assert found["rate_limit"][0] == (RateLimit(4),)


def test_the_default_comes_last(connection: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "default_rpm": 50, "threads": 3, "timeout_s": 7}
    found = said(connection, integrator=PlainIntegrator)
    assert found["rate_limit"] == ((RateLimit(50, per=60),), "default")
    assert found["retry"] == (RetryPolicy(), "default")
    assert (found["threads"], found["timeout_s"]) == ((3, "default"), (7.0, "default"))


def test_the_older_name_of_the_base_url_counts(connection: Connection) -> None:
    assert said(connection, integrator=PlainIntegrator)["base_url"] == ("https://older.test", "class")


def test_the_typed_accessors_say_the_same(connection: Connection) -> None:
    spec = SomeIntegrator.types()["product"]
    assert limits(connection, spec, integrator=SomeIntegrator)[0].limit == 3
    assert retry_policy(connection, spec, integrator=SomeIntegrator).attempts == 1
    assert timeout_s(connection, spec, integrator=SomeIntegrator) == 3.0
    assert threads(connection, integrator=SomeIntegrator) == 4


def test_the_class_is_looked_up_by_the_connections_integrator(connection: Connection, registered: Any) -> None:
    registered(SomeIntegrator)
    assert limits(connection) == (RateLimit(4),)


@pytest.mark.parametrize(
    ("options", "code", "where"),
    [
        ({"treads": 4}, "unknown_option", "some/default"),
        ({"base_url": "x"}, "unknown_option", "some/default"),
        ({"threads": 0}, "bad_option", "threads of the connection"),
        ({"threads": 1000}, "bad_option", "threads"),
        ({"threads": True}, "bad_option", "threads"),
        ({"timeout_s": -1}, "bad_option", "timeout_s"),
        ({"timeout_s": "10"}, "bad_option", "timeout_s"),
        ({"connect_s": float("inf")}, "bad_option", "connect_s"),
        ({"user_agent": "a\r\nb"}, "bad_option", "user_agent"),
        ({"correlation_header": "a b"}, "bad_option", "correlation_header"),
        ({"correlation_header": "Authorization"}, "bad_option", "correlation_header"),
        ({"correlation_header": True}, "bad_option", "correlation_header"),
        ({"traceparent": 1}, "bad_option", "traceparent"),
        ({"rate_limit": {"limit": -1}}, "bad_rate_limit", "rate_limit of the connection"),
        ({"retry": "nver"}, "unknown_retry_policy", "retry of the connection"),
        ([1], "bad_option", "some/default"),
    ],
    ids=str,
)
def test_a_wrong_option_of_a_connection_names_its_place(
    connection: Connection, options: Any, code: str, where: str
) -> None:
    connection.options = options
    with pytest.raises(ConfigurationError, match=where) as caught:
        said(connection)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_wrong_option_of_the_settings_names_its_place(connection: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "integrators": {"some": {"rate_limt": 5}}}
    with pytest.raises(ConfigurationError, match="CRUDSYNC") as caught:
        said(connection)
    assert caught.value.hint == "did you mean 'rate_limit'?"
