from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from examples.shop.models import Product
from sync import registry
from sync.exceptions import ConfigurationError
from sync.integrators import CrudIntegrator, ObjectType
from sync.integrators.web import web_url
from sync.models import Connection

PAGE = "https://shop.example/admin/{endpoint}/{id}?account={account}"


@pytest.fixture
def declared() -> Iterator[Callable[..., Connection]]:
    """Register an integrator with these addresses, and return an account of it."""

    def made(of_class: str = "", of_type: str = "") -> Connection:
        class Paged(CrudIntegrator):
            name = "paged"
            base_url = "https://api.shop.example/"
            web_url = of_class

            @staticmethod
            def set_object_types() -> dict[str, Any]:  # type: ignore[override]
                return {"product": ObjectType(model=Product, endpoint="/v2/products/", web_url=of_type)}

        registry.unregister("paged")
        registry.register(Paged)
        return Connection(integrator="paged", name="berlin")

    yield made
    registry.unregister("paged")


def test_an_object_s_page_is_found_by_the_template(declared: Callable[..., Connection]) -> None:
    assert web_url(declared(PAGE), "product", "r-7") == "https://shop.example/admin/v2/products/r-7?account=berlin"


def test_the_type_s_own_address_wins(declared: Callable[..., Connection]) -> None:
    assert web_url(declared(PAGE, "http://own.example/{id}"), "product", "7") == "http://own.example/7"


@pytest.mark.parametrize("remote_id", ["a/../b", "javascript:alert(1)", '"><script>', "ü ?#&", "//evil.example"])
def test_an_id_leads_nowhere_else(remote_id: str, declared: Callable[..., Connection]) -> None:
    url = web_url(declared("https://shop.example/p/{id}"), "product", remote_id)
    head, _, tail = url.rpartition("/")
    assert head == "https://shop.example/p"
    assert not set('"<>?#&: ') & set(tail)


@pytest.mark.parametrize("remote_id", [None, "", "half \ud800", ".", ".."])
def test_without_a_usable_id_there_is_no_page(remote_id: str | None, declared: Callable[..., Connection]) -> None:
    assert web_url(declared(PAGE), "product", remote_id) == ""


def test_where_nothing_is_declared_there_is_no_page(declared: Callable[..., Connection]) -> None:
    assert web_url(declared(), "product", "7") == ""
    assert web_url(declared(PAGE), "thing", "7") == ""
    assert web_url(Connection(integrator="long_gone"), "product", "7") == ""


UNSAFE = [
    "javascript:alert({id})",
    "data:text/html,{id}",
    "//shop.example/{id}",
    "/admin/{id}",
    "ftp://shop.example/{id}",
    "https://",
    "https://user:pw@shop.example/{id}",
    "https://shop.example/{pk}",
    "https://shop.example/{id.__class__}",
    "https://shop.example/{id",
    "https://shop.example/ {id}",
    "https://shop.example/\n{id}",
]


@pytest.mark.parametrize("template", UNSAFE)
def test_an_address_that_is_not_safe_is_refused_where_it_is_declared(template: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ObjectType(model=Product, endpoint="products", web_url=template)
    assert refused.value.code in ("bad_web_url", "bad_object_type")


@pytest.mark.parametrize("template", UNSAFE)
def test_one_of_a_class_is_not_shown(template: str, declared: Callable[..., Connection]) -> None:
    assert web_url(declared(template), "product", "7") == ""
