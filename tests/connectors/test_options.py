from __future__ import annotations

from typing import Any

import pytest

from sync.connectors.options import RestOptions
from sync.exceptions import ConfigurationError
from sync.types import Verb


@pytest.mark.parametrize(
    ("verb", "method", "before", "has_id"),
    [
        (Verb.CREATE, "POST", "products", False),
        (Verb.UPDATE, "PATCH", "products/", True),
        (Verb.DELETE, "DELETE", "products/", True),
        (Verb.READ, "GET", "products/", True),
        (Verb.LOOKUP, "GET", "products", False),
        (Verb.LIST, "GET", "products", False),
    ],
)
def test_the_usual_routes_are_rest(verb: Verb, method: str, before: str, has_id: bool) -> None:
    route = RestOptions(endpoint="/products/").routes[verb]
    assert (route.method, route.before, route.after, route.has_id) == (method, before, "", has_id)


def test_with_client_ids_create_is_a_put_under_the_id_and_lookup_a_get_of_it() -> None:
    routes = RestOptions(endpoint="products", client_id=True).routes
    assert (routes[Verb.CREATE].method, routes[Verb.CREATE].has_id) == ("PUT", True)
    assert (routes[Verb.LOOKUP].method, routes[Verb.LOOKUP].has_id) == ("GET", True)
    assert not routes[Verb.LIST].has_id


def test_paths_and_methods_are_ones_own() -> None:
    options = RestOptions(
        endpoint="crm/v3/contacts",
        paths={"delete": "{endpoint}/{id}/archive?hard=1", "create": "{endpoint}:add", "list": "all"},
        methods={"delete": "post", "bulk_create": "PUT"},
    )
    delete = options.routes[Verb.DELETE]
    assert (delete.method, delete.before, delete.after) == ("POST", "crm/v3/contacts/", "/archive?hard=1")
    assert options.routes[Verb.CREATE].before == "crm/v3/contacts:add"
    assert options.routes[Verb.LIST].before == "all"


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoding": "xml"},
        {"outcomes": {"remove": {404: "ok"}}},
        {"outcomes": {"delete": {404: "fine"}}},
        {"paths": {"remove": "x"}},
        {"methods": {"remove": "GET"}},
        {"methods": {"create": "PO ST"}},
        {"paths": {"create": "{name}"}},
        {"paths": {"update": "{id}/{id}"}},
        {"endpoint": "https://other.test/products"},
        {"endpoint": "../products"},
        {"endpoint": "a/./b"},
        {"endpoint": "a b"},
        {"endpoint": "a\r\nb"},
        {"endpoint": "a#b"},
        {"endpoint": "prodükte"},
    ],
)
def test_what_is_not_possible_is_a_configuration_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RestOptions(**{"endpoint": "products", **wrong})
    assert caught.value.code == "bad_option"
    assert caught.value.hint


def test_equal_options_are_equal() -> None:
    assert RestOptions(endpoint="a") == RestOptions(endpoint="a")
    assert RestOptions(endpoint="a") != RestOptions(endpoint="b")
