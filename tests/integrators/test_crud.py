from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import responses

from examples.shop.models import Category, Customer, Product, Tag
from sync.exceptions import (
    ConstraintViolation,
    InTransaction,
    NotFound,
    NotSyncable,
    PayloadError,
    RateLimitExceeded,
    Refused,
    Throttled,
    UnknownObjectType,
)
from sync.integrators import IN, CrudIntegrator, Map, ObjectType
from sync.models import Binding, Operation, Status
from sync.types import Outcome, OutcomeKind, Verb

K = OutcomeKind
TAGS = "https://api.test/tags"


class TagIntegrator(CrudIntegrator):
    base_url = "https://api.test"

    @staticmethod
    def set_object_types() -> Any:
        return {
            "tag": {"model": Tag, "endpoint": "tags"},
            "category": ObjectType(
                model=Category,
                endpoint="categories",
                fields=[Map("name", "title"), Map("slug"), Map("parent", "parent_id", via="category")],
            ),
        }

    @staticmethod
    def set_data_constraints() -> Any:
        return {"tag": {"name": ["forbidden"]}}


@pytest.fixture
def remote() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def row(db: None) -> Tag:
    return Tag.objects.create(name="red")


# --- construction ----------------------------------------------------------------------------------------------------


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownObjectType, match="Invalid object type: tagg") as caught:
        TagIntegrator("tagg")
    assert caught.value.hint == "did you mean 'tag'?"
    with pytest.raises(UnknownObjectType) as caught:
        TagIntegrator("zzz")
    assert "set_object_types" in caught.value.hint


def test_the_declarations_can_be_read_from_an_instance() -> None:
    one = TagIntegrator("tag")
    assert one.object_types["tag"]["endpoint"] == "tags"
    assert one.data_constraints == {"tag": {"name": ["forbidden"]}}
    assert (one.object_type, one.spec.model) == ("tag", Tag)


def test_a_bare_integrator_has_no_types() -> None:
    with pytest.raises(UnknownObjectType):
        CrudIntegrator("tag")


# --- the verbs, on a row ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestVerbs:
    @pytest.fixture(autouse=True)
    def _registered(self, direct: Any) -> None:
        direct(TagIntegrator)

    def test_create_gives_the_remote_id_and_records_it(self, row: Tag, remote: Any) -> None:
        rule = remote.post(TAGS, json={"id": 71, "name": "red"}, status=201)
        assert TagIntegrator("tag", row).create_object(row.pk) == "71"
        assert json.loads(rule.calls[0].request.body) == {"name": "red"}
        assert Binding.objects.get().remote_id == "71"
        assert Operation.objects.get().status == Status.SUCCEEDED

    def test_the_row_is_found_by_its_id(self, row: Tag, remote: Any) -> None:
        remote.post(TAGS, json={"id": "a"}, status=201)
        assert TagIntegrator("tag").create_object(str(row.pk)) == "a"

    def test_an_instance_needs_no_id(self, row: Tag, remote: Any) -> None:
        remote.post(TAGS, json={"id": "a"}, status=201)
        assert TagIntegrator("tag", row).create_object() == "a"

    def test_update_gives_what_the_remote_answered(self, row: Tag, remote: Any) -> None:
        remote.post(TAGS, json={"id": 71}, status=201)
        rule = remote.patch(f"{TAGS}/71", json={"id": 71, "name": "blue"})
        TagIntegrator("tag", row).create_object(row.pk)
        Tag.objects.filter(pk=row.pk).update(name="blue")
        assert TagIntegrator("tag").update_object(row.pk) == {"id": 71, "name": "blue"}
        assert json.loads(rule.calls[0].request.body) == {"name": "blue"}

    def test_an_update_answered_without_a_body_gives_the_remote_id(self, row: Tag, remote: Any) -> None:
        remote.post(TAGS, json={"id": 71}, status=201)
        remote.patch(f"{TAGS}/71", status=204)
        TagIntegrator("tag", row).create_object(row.pk)
        assert TagIntegrator("tag", row).update_object(row.pk) == "71"

    def test_delete_removes_the_remote_object_then_the_row(self, row: Tag, remote: Any) -> None:
        remote.post(TAGS, json={"id": 71}, status=201)
        rule = remote.delete(f"{TAGS}/71", status=204)
        TagIntegrator("tag", row).create_object(row.pk)
        assert TagIntegrator("tag").delete_object(row.pk) is not None
        assert not Tag.objects.exists()
        assert rule.calls[0].request.body is None

    def test_further_headers_go_along(self, row: Tag, remote: Any) -> None:
        rule = remote.post(TAGS, json={"id": 71}, status=201)
        TagIntegrator("tag", row).create_object(row.pk, extra_headers={"X-Why": "test"})
        assert rule.calls[0].request.headers["X-Why"] == "test"
        assert "X-Why" not in TagIntegrator("tag", row).headers

    @pytest.mark.parametrize(("status", "error"), [(400, Refused), (429, Throttled)])
    def test_an_error_of_the_remote_is_raised_by_its_type(self, row: Tag, remote: Any, status: int, error: Any) -> None:
        remote.post(TAGS, status=status)
        with pytest.raises(error):
            TagIntegrator("tag", row).create_object(row.pk)

    def test_a_forbidden_value_is_raised_and_nothing_is_sent(self, remote: Any) -> None:
        row = Tag.objects.create(name="forbidden")
        with pytest.raises(ConstraintViolation):
            TagIntegrator("tag", row).create_object(row.pk)

    def test_without_a_free_token_the_caller_is_told_to_wait(self, row: Tag, settings: Any) -> None:
        settings.CRUDSYNC = {**settings.CRUDSYNC, "integrators": {}, "wait_s": 0.01}
        with pytest.raises(RateLimitExceeded):
            TagIntegrator("tag", row).create_object(row.pk)

    def test_inside_a_transaction_it_is_refused(self, row: Tag, settings: Any) -> None:
        settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": False}
        with pytest.raises(InTransaction):
            TagIntegrator("tag", row).create_object(row.pk)

    # --- a payload, no row ---

    def test_a_payload_creates_the_row_once_the_remote_agreed(self, remote: Any) -> None:
        remote.post(TAGS, json={"id": 5}, status=201)
        assert TagIntegrator("tag", {"name": "new"}).create_object() == "5"
        made = Tag.objects.get()
        assert made.name == "new"
        assert Binding.objects.get().object_id == str(made.pk)

    def test_a_refused_payload_creates_no_row(self, remote: Any) -> None:
        remote.post(TAGS, status=422)
        with pytest.raises(Refused):
            TagIntegrator("tag", {"name": "new"}).create_object()
        assert not Tag.objects.exists()

    def test_a_payload_is_mapped_back_to_fields_and_parents(self, remote: Any) -> None:
        parent = Category.objects.create(name="p", slug="p")
        remote.post("https://api.test/categories", json={"id": 1}, status=201)
        TagIntegrator("category", parent).create_object()
        remote.post("https://api.test/categories", json={"id": 2}, status=201)
        TagIntegrator("category", {"title": "Child", "slug": "child", "parent_id": "1"}).create_object()
        child = Category.objects.get(slug="child")
        assert (child.name, child.parent) == ("Child", parent)

    def test_a_payload_with_an_unknown_parent_leaves_the_reference_out(self, remote: Any) -> None:
        for number in (2, 3):
            remote.post("https://api.test/categories", json={"id": number}, status=201)
        TagIntegrator("category", {"title": "Child", "slug": "child", "parent_id": "nobody"}).create_object()
        TagIntegrator("category", {"title": "Top", "slug": "top", "parent_id": None}).create_object()
        assert set(Category.objects.values_list("parent", flat=True)) == {None}

    def test_the_row_takes_what_the_remote_decided(self, direct: Any, remote: Any) -> None:
        class KeyedIntegrator(TagIntegrator):
            @staticmethod
            def set_object_types() -> Any:
                fields = ["email", "name", Map("credit", "score", direction=IN)]
                return {"customer": ObjectType(model=Customer, endpoint="contacts", fields=fields)}

            @staticmethod
            def set_data_constraints() -> Any:
                return {}

        direct(KeyedIntegrator)
        remote.post("https://api.test/contacts", json={"id": 2, "score": 9}, status=201)
        KeyedIntegrator("customer", {"email": "a@b.test", "name": "Ann"}).create_object()
        assert Customer.objects.get().credit == 9

    # --- what cannot be meant ---

    @pytest.mark.parametrize(
        "call",
        [
            lambda: TagIntegrator("tag").create_object(999),
            lambda: TagIntegrator("tag").update_object(999),
            lambda: TagIntegrator("tag").create_object(),
            lambda: TagIntegrator("tag").delete_object(),
            lambda: TagIntegrator("tag", {"name": "x"}).update_object(),
            lambda: TagIntegrator("tag", Tag(name="x")).create_object(),
            lambda: TagIntegrator("tag", Category(id=1)).create_object(),
        ],
    )
    def test_what_is_neither_a_saved_row_nor_a_payload_is_refused(self, call: Callable[[], Any]) -> None:
        with pytest.raises(NotSyncable) as caught:
            call()
        assert caught.value.hint

    # --- hooks ---

    def test_validate_response_of_ones_own_is_what_a_verb_returns(self, direct: Any, row: Tag, remote: Any) -> None:
        class KeyedIntegrator(TagIntegrator):
            def validate_response(self, response: Any) -> Any:
                return response.json()["key"]

        direct(KeyedIntegrator)
        remote.post(TAGS, json={"key": "K1"}, status=201)
        assert KeyedIntegrator("tag", row).create_object(row.pk) == "K1"
        assert Binding.objects.get(connection__integrator="keyed").remote_id == "K1"


# --- overridden verbs ------------------------------------------------------------------------------------------------

DONE = Outcome(kind=K.OK, remote_id="71", data={"id": 71})


def perform(verb: Verb, outcome: Outcome, **members: Any) -> tuple[Outcome, int]:
    sent: list[int] = []

    def attempt() -> Outcome:
        sent.append(1)
        return outcome

    one = type("TagIntegrator", (TagIntegrator,), members)("tag", {"name": "x"})
    made = one.perform(verb, "1", attempt)
    assert one.attempt is None
    return made, len(sent)


def test_super_of_a_verb_sends_the_claimed_attempt_once() -> None:
    def create_object(self: Any, object_id: Any) -> Any:
        assert TagIntegrator.create_object(self, object_id) == "71"
        return TagIntegrator.create_object(self, object_id)

    assert perform(Verb.CREATE, DONE, create_object=create_object) == (DONE, 1)


def test_a_refused_attempt_raises_within_the_verb_and_stays_what_it_was() -> None:
    refused = Outcome(kind=K.REFUSED, code="refused", detail="no", status_code=400)

    def update_object(self: Any, object_id: Any) -> Any:
        with pytest.raises(Refused, match="no"):
            TagIntegrator.update_object(self, object_id)
        raise ValueError("later")

    assert perform(Verb.UPDATE, refused, update_object=update_object) == (refused, 1)


def test_an_error_after_a_success_is_a_hook_error_with_the_remote_id_kept() -> None:
    def create_object(self: Any, object_id: Any) -> Any:
        TagIntegrator.create_object(self, object_id)
        raise ValueError("later")

    made, _ = perform(Verb.CREATE, DONE, create_object=create_object)
    assert (made.kind, made.remote_id) == (K.HOOK_ERROR, "71")
    assert "later" in made.detail


@pytest.mark.parametrize(("returned", "remote_id"), [("A", "A"), (5, "5"), ({"id": 6, "name": "x"}, "6")])
def test_a_verb_that_sends_for_itself_returns_the_remote_id(returned: Any, remote_id: str) -> None:
    made, sent = perform(Verb.CREATE, DONE, create_object=lambda self, object_id: returned)
    assert (made.kind, made.remote_id, sent) == (K.OK, remote_id, 0)


@pytest.mark.parametrize("returned", [None, True, {}, {"id": None}])
def test_a_create_that_returns_no_id_is_in_doubt(returned: Any) -> None:
    made, _ = perform(Verb.CREATE, DONE, create_object=lambda self, object_id: returned)
    assert (made.kind, made.code) == (K.UNKNOWN, "no_id")


def test_an_update_of_ones_own_may_return_anything() -> None:
    made, _ = perform(Verb.UPDATE, DONE, update_object=lambda self, object_id: {"id": 6})
    assert (made.kind, made.data, made.remote_id) == (K.OK, {"id": 6}, None)
    made, _ = perform(Verb.DELETE, DONE, delete_object=lambda self, object_id: None)
    assert made.kind is K.OK


@pytest.mark.parametrize(
    ("verb", "error", "kind"),
    [
        (Verb.CREATE, Refused("no", status_code=400), K.REFUSED),
        (Verb.CREATE, NotFound("no", status_code=404), K.REFUSED),
        (Verb.UPDATE, NotFound("no", status_code=404), K.NOT_FOUND),
        (Verb.DELETE, NotFound("no", status_code=404), K.OK),
        (Verb.UPDATE, Throttled("no", status_code=429, retry_after_s=3), K.THROTTLED),
        (Verb.UPDATE, Throttled("no", status_code=503, retry_after_s=3), K.UNAVAILABLE),
        (Verb.UPDATE, ConnectionError("lost"), K.UNKNOWN),
    ],
)
def test_what_a_verb_of_ones_own_raises_says_what_the_remote_said(verb: Verb, error: Exception, kind: K) -> None:
    def fail(self: Any, object_id: Any) -> Any:
        raise error

    made, _ = perform(verb, DONE, **{f"{verb}_object": fail})
    assert made.kind is kind
    assert made.status_code == getattr(error, "status_code", 0)


def test_a_verb_of_ones_own_may_hold_its_object() -> None:
    def fail(self: Any, object_id: Any) -> Any:
        raise PayloadError("not like this")

    with pytest.raises(PayloadError):
        perform(Verb.UPDATE, DONE, update_object=fail)


def test_deleting_a_row_that_is_not_there_is_harmless() -> None:
    TagIntegrator("tag", {"name": "x"}).delete_row()
    TagIntegrator("tag", Tag(name="x")).delete_row()


def test_a_row_of_another_model_is_no_row_of_this_type(db: None) -> None:
    row = Product(category=Category.objects.create(name="c", slug="c"), name="p", sku="p", price=Decimal(1))
    row.save()
    with pytest.raises(NotSyncable, match=r"shop\.Product"):
        TagIntegrator("tag", row).create_object()
