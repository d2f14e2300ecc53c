from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import responses

from examples.shop.models import Category, Customer, Product, Tag
from sync import IN, ApiKeyAuth, BearerAuth, CrudIntegrator, Map, ObjectType, RateLimit
from sync.exceptions import (
    ConfigurationError,
    ConnectFailed,
    ConstraintViolation,
    NotFound,
    PaginationError,
    ParentNotSynced,
    PayloadError,
    Unauthorized,
)
from sync.models import Binding, Connection
from sync.types import Answer, BulkSpec, Call, Outcome, OutcomeKind, Request, Verb
from tests.integrators.answers import answer
from tests.integrators.models import Dictish

K = OutcomeKind
CREATE = Call(verb=Verb.CREATE, object_type="product", object_id="7", payload={"sku": "h"})
UPDATE = Call(verb=Verb.UPDATE, object_type="product", object_id="7", remote_id="R7", payload={"sku": "h"})
DELETE = Call(verb=Verb.DELETE, object_type="product", object_id="7", remote_id="R7")


class SomeIntegrator(CrudIntegrator):
    base_url = "https://api.test/v2/"

    @staticmethod
    def set_object_types() -> Any:
        return {
            "product": ObjectType(
                model=Product,
                endpoint="products",
                fields=["name", "sku", "price", "status", Map("category", "category_id", via="category")],
                bulk=BulkSpec(key="sku", create="products/batch", update="products/batch"),
            ),
            "category": ObjectType(model=Category, endpoint="categories", external_id="ref"),
            "tagged": ObjectType(model=Product, endpoint="t", fields=["sku", Map("tags", "tag_ids", via="tag")]),
            "tag": {"model": Tag, "endpoint": "tags"},
            "customer": ObjectType(
                model=Customer, endpoint="contacts", fields=["email", Map("credit", "score", direction=IN)]
            ),
            "dictish": {"model": Dictish, "endpoint": "d"},
            "wrapped": ObjectType(model=Tag, endpoint="w", envelope="data", id_path="meta.id", timeout_s=60),
            "located": ObjectType(model=Tag, endpoint="l", id_path="location"),
        }

    @staticmethod
    def set_data_constraints() -> Any:
        return {"product": {"status": ["draft"]}}


def product(**values: Any) -> Product:
    given = {"id": 7, "category_id": 3, "name": "hammer", "sku": "h", "price": Decimal("9.90")}
    return Product(**{**given, **values})


def unit(connection: Connection, model: Any = None, of: str = "product", **members: Any) -> Any:
    cls = type("SomeIntegrator", (SomeIntegrator,), members) if members else SomeIntegrator
    return cls(of, product() if model is None and of == "product" else model, connection)


# --- payload ---------------------------------------------------------------------------------------------------------


def test_the_payload_is_the_mapped_row_with_its_parents_remote_ids(connection: Connection) -> None:
    one = unit(connection)
    assert one.parent_ids() == {"category_id": "3"}
    payload = one.build_payload({"category_id": "R3"})
    assert payload == {"name": "hammer", "sku": "h", "price": "9.90", "status": "active", "category_id": "R3"}
    assert one.data == payload


def test_a_model_with_dict_speaks_for_itself(connection: Connection) -> None:
    assert unit(connection, Dictish(id=1, title="x"), "dictish").build_payload({}) == {"heading": "x"}


def test_declared_fields_win_over_dict(connection: Connection) -> None:
    one = unit(
        connection,
        Dictish(id=1, title="x"),
        "d",
        set_object_types=staticmethod(lambda: {"d": ObjectType(model=Dictish, endpoint="d", fields=["title"])}),
        set_data_constraints=staticmethod(dict),
    )
    assert one.build_payload({}) == {"title": "x"}


def test_a_payload_given_to_the_constructor_is_sent_as_it_is(connection: Connection) -> None:
    assert unit(connection, {"sku": "x", "price": Decimal(1)}).build_payload({}) == {"sku": "x", "price": "1"}


def test_set_data_may_add_to_the_mapped_fields(connection: Connection) -> None:
    def set_data(self: Any, model: Any) -> Any:
        return {**CrudIntegrator.set_data(self, model), "tax": Decimal("0.2")}

    assert unit(connection, set_data=set_data).build_payload({"category_id": "R3"})["tax"] == "0.2"


@pytest.mark.parametrize("returned", [None, [1], "x"])
def test_set_data_that_returns_no_dict_holds_the_object(connection: Connection, returned: Any) -> None:
    with pytest.raises(PayloadError):
        unit(connection, set_data=lambda self, model: returned).build_payload({})


def test_no_model_means_no_payload(connection: Connection) -> None:
    one = SomeIntegrator("product", None, connection)
    assert one.data is None
    assert one.parent_ids() == {}
    with pytest.raises(PayloadError):
        one.build_payload({})


def test_a_hook_that_raises_holds_its_own_object(connection: Connection) -> None:
    def set_data(self: Any, model: Any) -> Any:
        raise KeyError("oops")

    with pytest.raises(PayloadError, match=r"set_data\(\) raised KeyError") as caught:
        unit(connection, set_data=set_data).build_payload({})
    assert caught.value.code == "hook_error"


def test_our_id_goes_along_where_the_remote_is_searched_by_it(connection: Connection) -> None:
    made = unit(connection, Category(id=3, name="c", slug="c"), "category").build_payload({})
    assert made == {"name": "c", "slug": "c", "ref": "3"}


def test_a_forbidden_value_is_a_violation(connection: Connection) -> None:
    with pytest.raises(ConstraintViolation):
        unit(connection, product(status="draft")).build_payload({"category_id": None})


def test_validate_data_of_ones_own_sees_the_payload(connection: Connection) -> None:
    seen: list[Any] = []

    def validate_data(self: Any) -> Any:
        seen.append(self.data["sku"])
        return CrudIntegrator.validate_data(self)

    unit(connection, validate_data=validate_data).build_payload({"category_id": None})
    assert seen == ["h"]


def test_validate_data_may_say_no(connection: Connection) -> None:
    with pytest.raises(ConstraintViolation, match="validate_data"):
        unit(connection, validate_data=lambda self: False).build_payload({"category_id": None})


def test_validate_data_that_returns_nothing_says_yes(connection: Connection) -> None:
    assert unit(connection, validate_data=lambda self: None).build_payload({"category_id": None})


@pytest.mark.django_db
class TestReferences:
    @pytest.fixture
    def row(self) -> Product:
        category = Category.objects.create(name="c", slug="c")
        row = Product.objects.create(category=category, name="p", sku="p", price=Decimal(1))
        row.tags.set([Tag.objects.create(name=name) for name in "ab"])
        return row

    @pytest.fixture
    def account(self) -> Connection:
        return Connection.objects.create(integrator="some")

    def bind(self, account: Connection, of: str, object_id: Any, remote_id: str | None) -> None:
        Binding.objects.create(connection=account, object_type=of, object_id=str(object_id), remote_id=remote_id)

    def test_data_read_outside_the_drain_look_up_the_parents(self, row: Product, account: Connection) -> None:
        assert SomeIntegrator("product", row, account).data["category_id"] is None
        self.bind(account, "category", row.category_id, "R9")
        assert SomeIntegrator("product", row, account).data["category_id"] == "R9"

    def test_a_many_to_many_field_waits_for_all_of_its_objects(self, row: Product, account: Connection) -> None:
        one = SomeIntegrator("tagged", row, account)
        first, second = sorted(tag.pk for tag in row.tags.all())
        self.bind(account, "tag", first, "T1")
        self.bind(account, "tag", second, None)
        with pytest.raises(ParentNotSynced) as caught:
            one.build_payload({})
        assert (caught.value.parent, caught.value.code) == (f"tag:{second}", "waits_for_parent")

    def test_a_many_to_many_field_is_the_list_of_remote_ids(self, row: Product, account: Connection) -> None:
        for tag in row.tags.all():
            self.bind(account, "tag", tag.pk, f"T{tag.name}")
        assert SomeIntegrator("tagged", row, account).build_payload({}) == {"sku": "p", "tag_ids": ["Ta", "Tb"]}
        given = SomeIntegrator("tagged", row, account).build_payload({"tag_ids": ["X"]})
        assert given["tag_ids"] == ["X"]

    def test_data_read_outside_the_drain_show_what_the_remote_has(self, row: Product, account: Connection) -> None:
        self.bind(account, "tag", row.tags.get(name="b").pk, "Tb")
        assert SomeIntegrator("tagged", row, account).data["tag_ids"] == ["Tb"]


# --- request ---------------------------------------------------------------------------------------------------------


def test_a_request_goes_to_the_types_endpoint(connection: Connection) -> None:
    request = unit(connection).build_request(CREATE)
    assert (request.method, request.url, request.body) == ("POST", "https://api.test/v2/products", b'{"sku":"h"}')
    assert unit(connection).build_request(UPDATE).url == "https://api.test/v2/products/R7"


def test_a_delete_has_no_body(connection: Connection) -> None:
    assert unit(connection).build_request(DELETE).body is None


def test_headers_of_hook_class_and_credentials_are_sent(connection: Connection) -> None:
    one = unit(
        connection,
        headers={"X-Class": "1"},
        auth=BearerAuth("hush"),
        set_headers=lambda self, *args, **kwargs: {"X-Hook": self.object_type},
    )
    headers = one.build_request(CREATE).headers
    assert (headers["X-Class"], headers["X-Hook"], headers["Authorization"]) == ("1", "product", "Bearer hush")


@pytest.mark.parametrize("headers", [{"X": "a\r\nEvil: 1"}, {"X\n": "a"}, {"X": 5}], ids=repr)
def test_a_header_that_would_break_the_request_holds_the_object(connection: Connection, headers: Any) -> None:
    with pytest.raises(PayloadError, match="set_headers"):
        unit(connection, set_headers=lambda self: headers).build_request(CREATE)


def test_a_key_in_the_query_is_added_to_every_url(connection: Connection) -> None:
    one = unit(connection, auth=ApiKeyAuth("hush", param="key"))
    assert one.build_request(CREATE).url == "https://api.test/v2/products?key=hush"
    lookup = Call(verb=Verb.LOOKUP, object_type="category", object_id="3", payload={"ref": "3"})
    other = unit(connection, Category(id=3), "category", auth=ApiKeyAuth("hush", param="key"))
    assert other.build_request(lookup).url == "https://api.test/v2/categories?ref=3&key=hush"


def test_before_send_may_replace_the_request(connection: Connection) -> None:
    def before_send(self: Any, request: Request) -> Request:
        return replace(request, headers={**request.headers, "X-Signature": str(len(request.body or b""))})

    assert unit(connection, before_send=before_send).build_request(CREATE).headers["X-Signature"] == "11"


def test_before_send_that_returns_nothing_changes_nothing(connection: Connection) -> None:
    assert unit(connection, before_send=lambda self, request: None).build_request(CREATE).method == "POST"


def test_before_send_that_returns_something_else_holds_the_object(connection: Connection) -> None:
    with pytest.raises(PayloadError, match="before_send"):
        unit(connection, before_send=lambda self, request: "x").build_request(CREATE)


def test_a_type_may_have_a_deadline_of_its_own(connection: Connection) -> None:
    call = Call(verb=Verb.CREATE, object_type="wrapped", payload={"name": "x"})
    request = unit(connection, Tag(id=1, name="x"), "wrapped").build_request(call)
    assert (request.timeout_s, request.body) == (60.0, b'{"data":{"name":"x"}}')
    assert unit(connection).build_request(CREATE).timeout_s == 10.0


def test_a_batch_is_one_request(connection: Connection) -> None:
    calls = [CREATE, replace(CREATE, object_id="8", payload={"sku": "i"})]
    request = unit(connection).build_bulk_request(calls)
    assert (request.url, request.body) == ("https://api.test/v2/products/batch", b'[{"sku":"h"},{"sku":"i"}]')


def test_a_type_without_bulk_endpoints_builds_no_batch(connection: Connection) -> None:
    one = unit(connection, Tag(id=1), "tag")
    with pytest.raises(ConfigurationError, match="bulk"):
        one.build_bulk_request([CREATE])
    with pytest.raises(ConfigurationError, match="bulk"):
        one.read_bulk_answer([CREATE], answer(200, []))


# --- answer ----------------------------------------------------------------------------------------------------------


def test_an_answer_is_read_by_the_types_options(connection: Connection) -> None:
    call = Call(verb=Verb.CREATE, object_type="wrapped", payload={})
    outcome = unit(connection, Tag(id=1), "wrapped").read_answer(call, answer(201, {"data": {"meta": {"id": 5}}}))
    assert (outcome.kind, outcome.remote_id) == (K.OK, "5")


def test_the_named_header_is_kept(connection: Connection) -> None:
    one = unit(connection, header_rate_limit_attr="X-Left")
    one.read_answer(UPDATE, answer(200, {"id": "R7"}, X_Left="3"))
    assert one.rate_limit == "3"


@pytest.mark.parametrize(("returned", "remote_id"), [("X9", "X9"), (9, "9"), (None, "1"), ({"a": 1}, "1"), (True, "1")])
def test_validate_response_may_correct_the_id_of_a_create(
    connection: Connection, returned: Any, remote_id: str
) -> None:
    one = unit(connection, validate_response=lambda self, response: returned)
    assert one.read_answer(CREATE, answer(201, {"id": 1})).remote_id == remote_id


def test_validate_response_may_find_an_id_that_nobody_else_finds(connection: Connection) -> None:
    one = unit(connection, validate_response=lambda self, response: response.json()["key"])
    outcome = one.read_answer(CREATE, answer(201, {"key": "K1"}))
    assert (outcome.kind, outcome.remote_id, outcome.code) == (K.OK, "K1", "")


def test_validate_response_never_changes_the_id_of_an_update(connection: Connection) -> None:
    one = unit(connection, validate_response=lambda self, response: "X9")
    assert one.read_answer(UPDATE, answer(200, {"id": "R7"})).remote_id == "R7"


def test_an_error_in_validate_response_is_no_doubt_about_the_remote(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        one = unit(connection, validate_response=lambda self, response: 1 / 0)
        outcome = one.read_answer(CREATE, answer(201, {"id": 1}))
    assert (outcome.kind, outcome.code, outcome.remote_id) == (K.HOOK_ERROR, "hook_error", "1")
    assert "ZeroDivisionError" in outcome.detail


def test_an_error_in_validate_response_leaves_a_nameless_create_in_doubt(connection: Connection) -> None:
    one = unit(connection, validate_response=lambda self, response: 1 / 0)
    assert one.read_answer(CREATE, answer(201, {"name": "x"})).kind is K.UNKNOWN


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (CREATE, answer(400, {})),
        (CREATE, Answer(error=ConnectFailed("no"))),
        (Call(verb=Verb.READ, object_type="product", remote_id="R7"), answer(200, {"id": "R7"})),
    ],
    ids=["refused", "not sent", "read"],
)
def test_validate_response_sees_successes_of_writes_alone(connection: Connection, call: Call, given: Answer) -> None:
    seen: list[Any] = []
    unit(connection, validate_response=lambda self, response: seen.append(response)).read_answer(call, given)
    assert seen == []


def test_our_own_validate_response_reads_by_the_types_options(connection: Connection) -> None:
    one = unit(connection, Tag(id=1), "wrapped")
    assert one.validate_response(answer(200, {"data": {"meta": {"id": 5}}}).response) == 5
    assert unit(connection, Tag(id=1), "located").validate_response(answer(200, {"id": 6}).response) == 6
    with pytest.raises(NotFound):
        one.validate_response(answer(404).response)


def test_a_batchs_answer_is_paired_by_key(connection: Connection) -> None:
    calls = [CREATE, replace(CREATE, object_id="8", payload={"sku": "i"})]
    given = answer(200, [{"sku": "i", "id": 2}, {"sku": "h", "id": 1}])
    assert [one.remote_id for one in unit(connection).read_bulk_answer(calls, given)] == ["1", "2"]


def test_validate_response_sees_each_part_of_a_batch(connection: Connection) -> None:
    calls = [CREATE, replace(CREATE, object_id="8", payload={"sku": "i"})]
    given = answer(200, [{"sku": "i", "id": 2}, {"sku": "h", "id": 1}])
    one = unit(connection, validate_response=lambda self, response: f"X{response.json()['id']}")
    assert [outcome.remote_id for outcome in one.read_bulk_answer(calls, given)] == ["X1", "X2"]
    lost = one.read_bulk_answer(calls, Answer(error=ConnectFailed("no")))
    assert [outcome.kind for outcome in lost] == [K.NOT_SENT, K.NOT_SENT]


# --- the way back ----------------------------------------------------------------------------------------------------


def test_the_remotes_fields_are_written_back(connection: Connection) -> None:
    one = unit(connection, Customer(id=1), "customer")
    assert one.writes_back()
    assert one.write_back_values(Outcome(kind=K.OK, data={"score": "7"})) == {"credit": 7}


@pytest.mark.parametrize("data", [None, [], "x"])
def test_nothing_is_written_back_from_nothing(connection: Connection, data: Any) -> None:
    assert unit(connection, Customer(id=1), "customer").write_back_values(Outcome(kind=K.OK, data=data)) == {}


def test_a_type_without_incoming_fields_writes_nothing_back(connection: Connection) -> None:
    assert not unit(connection).writes_back()
    assert unit(connection).write_back_values(Outcome(kind=K.OK, data={"name": "x"})) == {}


def test_write_back_of_ones_own_names_columns(connection: Connection) -> None:
    one = unit(connection, write_back=lambda self, data: {"stock": data["left"]})
    assert one.write_back_values(Outcome(kind=K.OK, data={"left": 3})) == {"stock": 3}


@pytest.mark.parametrize("name", ["id", "colour", "tags"])
def test_write_back_to_what_is_no_column_is_refused(connection: Connection, name: str) -> None:
    one = unit(connection, write_back=lambda self, data: {name: 1})
    with pytest.raises(PayloadError, match=name):
        one.write_back_values(Outcome(kind=K.OK, data={"left": 3}))


def test_write_back_that_raises_is_a_hook_error(connection: Connection) -> None:
    one = unit(connection, write_back=lambda self, data: data["nothing"])
    with pytest.raises(PayloadError, match="write_back"):
        one.write_back_values(Outcome(kind=K.OK, data={"left": 3}))


# --- listing ---------------------------------------------------------------------------------------------------------


@responses.activate
def test_a_listing_gives_ids_and_objects(connection: Connection) -> None:
    rule = responses.get("https://api.test/v2/tags", json=[{"id": 1, "name": "a"}, {"id": "b", "name": "c"}])
    taken: list[int] = []
    one = unit(connection, None, "tag", auth=ApiKeyAuth("hush", param="key"))
    rows = list(one.listing(params={"since": 5}, before_each=lambda: taken.append(1)))
    assert rows == [("1", {"id": 1, "name": "a"}), ("b", {"id": "b", "name": "c"})]
    assert taken == [1]
    assert rule.calls[0].request.params == {"since": "5", "key": "hush"}


@responses.activate
def test_a_listed_object_without_an_id_ends_the_listing(connection: Connection) -> None:
    responses.get("https://api.test/v2/tags", json=[{"name": "a"}])
    with pytest.raises(PaginationError, match="id") as caught:
        list(unit(connection, None, "tag").listing())
    assert caught.value.code == "no_id"


# --- what else the drain asks ----------------------------------------------------------------------------------------


def test_limits_threads_and_retry_are_those_in_force(connection: Connection) -> None:
    connection.options = {"threads": 2, "retry": "no_retry", "rate_limit": [{"limit": 5, "methods": ["DELETE"]}]}
    one = unit(connection)
    assert (one.threads(), one.retry_policy().attempts) == (2, 1)
    assert one.limits(Verb.UPDATE) == ()
    assert one.limits(Verb.DELETE) == (RateLimit(5, methods=("DELETE",)),)


@responses.activate
def test_a_request_is_sent_as_it_was_built(connection: Connection) -> None:
    responses.post("https://api.test/v2/products", json={"id": 1}, status=201)
    one = unit(connection)
    sent = one.transmit(one.build_request(CREATE))
    assert one.read_answer(CREATE, sent).remote_id == "1"


class Tokens:
    """Credentials whose token changes when it is renewed."""

    def __init__(self) -> None:
        self.token = "old"
        self.broken = False

    def headers(self, connection: Connection) -> dict[str, str]:
        if self.broken:
            raise Unauthorized("no token")
        return {"Authorization": f"Bearer {self.token}"}

    def params(self, connection: Connection) -> dict[str, str]:
        return {}

    def renew(self, connection: Connection, *, rejected: str) -> bool:
        if rejected == f"Bearer {self.token}":
            self.token = "new"
        return True


def test_a_refused_request_is_outdated_once_the_token_is_another(connection: Connection) -> None:
    tokens = Tokens()
    one = unit(connection, auth=tokens)
    request = one.build_request(CREATE)
    assert not one.outdated(request)
    assert one.renew(request)
    assert tokens.token == "new"
    assert one.outdated(request)
    tokens.broken = True
    assert not one.outdated(request)


def test_nothing_can_be_renewed_without_credentials(connection: Connection) -> None:
    one = unit(connection)
    request = one.build_request(CREATE)
    assert not one.outdated(request)
    assert not one.renew(request)


def test_our_own_before_send_changes_nothing(connection: Connection) -> None:
    assert unit(connection).before_send(Request(method="GET", url="https://api.test/")) is None


def test_an_error_of_ours_in_a_hook_passes(connection: Connection) -> None:
    def set_data(self: Any, model: Any) -> Any:
        raise ConstraintViolation("not this one")

    with pytest.raises(ConstraintViolation):
        unit(connection, set_data=set_data).build_payload({})


def test_every_account_is_the_default_route(connection: Connection) -> None:
    assert unit(connection).route(product()) is None
    assert unit(connection, route=lambda self, row: ["eu"]).route(product()) == ["eu"]


def test_hooks_that_nobody_replaced_are_not_called(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    for name in ("set_headers", "before_send", "validate_response", "validate_data", "write_back"):
        original = getattr(CrudIntegrator, name)

        def spy(*args: Any, _name: str = name, _original: Any = original) -> Any:
            called.append(_name)
            return _original(*args)

        from sync.integrators import hooks

        monkeypatch.setattr(CrudIntegrator, name, spy)
        monkeypatch.setattr(hooks, "_defaults", {*hooks._defaults, spy})
    one = unit(connection)
    one.build_payload({"category_id": None})
    one.build_request(CREATE)
    one.write_back_values(one.read_answer(CREATE, answer(201, {"id": 1})))
    assert called == []


def test_overridden_verbs_are_known(connection: Connection) -> None:
    assert not unit(connection).overrides("create")
    one = unit(connection, create_object=lambda self, object_id: "1")
    assert (one.overrides("create"), one.overrides("update"), one.overrides("read")) == (True, False, False)


@pytest.mark.django_db
def test_the_connection_is_read_by_its_name_when_it_is_needed(registered: Any) -> None:
    registered(SomeIntegrator)
    one = SomeIntegrator("product")
    assert one._connection == "default"
    assert one.connection.integrator == "some"
    assert SomeIntegrator.client().connection == one.connection
    assert SomeIntegrator.client(one.connection) is SomeIntegrator.client()


def test_construction_touches_no_database() -> None:
    assert isinstance(SomeIntegrator("product", product(), "nobody").headers, Mapping)
