from __future__ import annotations

import gzip
import json
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.usefixtures("client")


def test_a_post_creates_an_object_with_an_id_of_the_servers(client):
    answer = client("POST", "/products", {"name": "Lamp"})
    assert answer.status_code == 201
    assert answer.json()["id"] == "products_00000001"
    assert answer.headers["Location"] == "/products/products_00000001"
    assert client("GET", "/products/products_00000001").json()["name"] == "Lamp"


def test_ids_are_integers_where_that_is_asked_for(start):
    client = start(ids="int")
    assert client("POST", "/products", {}).json()["id"] == 1
    assert client("GET", "/products/1").json()["id"] == 1


def test_integer_ids_come_back_as_text_where_that_is_asked_for(start):
    client = start(ids="int_text")
    assert client("POST", "/products", {}).json()["id"] == "1"


def test_the_id_of_a_deleted_object_is_not_given_again(start):
    client = start(ids="int")
    client("POST", "/products", {})
    client("DELETE", "/products/1")
    assert client("POST", "/products", {}).json()["id"] == 2


def test_a_patch_changes_only_the_fields_it_names(client):
    made = client("POST", "/products", {"name": "Lamp", "price": "3"}).json()
    assert client("PATCH", f"/products/{made['id']}", {"price": "4"}).status_code == 200
    now = client("GET", f"/products/{made['id']}").json()
    assert (now["name"], now["price"]) == ("Lamp", "4")


def test_a_post_to_one_object_updates_it(client):
    made = client("POST", "/products", {"name": "Lamp"}).json()
    client("POST", f"/products/{made['id']}", {"price": "4"})
    assert client("GET", f"/products/{made['id']}").json()["price"] == "4"


def test_a_put_replaces_the_whole_object(client):
    made = client("POST", "/products", {"name": "Lamp", "price": "3"}).json()
    client("PUT", f"/products/{made['id']}", {"name": "Chair"})
    now = client("GET", f"/products/{made['id']}").json()
    assert now["name"] == "Chair"
    assert "price" not in now


def test_a_put_under_our_own_id_creates(client):
    assert client("PUT", "/products/mine", {"name": "Lamp"}).status_code == 201
    assert client("PUT", "/products/mine", {"name": "Lamp"}).status_code == 200
    assert client("GET", "/products/mine").json()["id"] == "mine"


def test_a_put_to_an_unknown_id_is_missing_where_clients_give_no_ids(start):
    client = start(client_ids=False)
    assert client("PUT", "/products/mine", {}).status_code == 404
    assert client.remote.objects("products") == []


def test_a_merge_goes_deep_where_that_is_asked_for(start):
    client = start(merge="deep")
    client("PUT", "/contacts/1", {"properties": {"a": 1, "b": {"c": 1}}})
    client("PATCH", "/contacts/1", {"properties": {"b": {"d": 2}}})
    assert client.remote.get("contacts", 1)["properties"] == {"a": 1, "b": {"c": 1, "d": 2}}


def test_a_delete_answers_204_and_a_second_one_404(client):
    made = client("POST", "/products", {}).json()
    assert client("DELETE", f"/products/{made['id']}").status_code == 204
    assert client("DELETE", f"/products/{made['id']}").status_code == 404
    assert client("GET", f"/products/{made['id']}").status_code == 404


def test_a_post_to_a_delete_sub_path_deletes(client):
    client("PUT", "/products/1", {})
    assert client("POST", "/products/1/delete").status_code == 204
    assert client.remote.objects("products") == []


def test_a_delete_may_answer_with_the_object(start):
    client = start(delete_status=200)
    client("PUT", "/products/1", {"name": "Lamp"})
    assert client("DELETE", "/products/1").json()["name"] == "Lamp"


@pytest.mark.parametrize(
    ("option", "method", "status"),
    [("delete_missing", "DELETE", 204), ("update_missing", "PATCH", 204), ("update_missing", "PATCH", 200)],
)
def test_a_missing_object_may_look_like_a_success(start, option, method, status):
    client = start(**{option: status})
    assert client(method, "/products/1", {}).status_code == status
    assert client.remote.calls("products", method)[0].applied is False


def test_a_read_of_a_missing_object_may_be_forbidden(start):
    assert start(read_missing=403)("GET", "/products/1").status_code == 403


@pytest.mark.parametrize(
    ("path", "collection"),
    [
        ("/products/7", "products"),
        ("/v2/products/7", "products"),
        ("/api/v1.0/products/7", "products"),
        ("/accounts/3/products/7", "products"),
    ],
)
def test_the_last_segments_name_collection_and_object(client, path, collection):
    client("PUT", path, {"name": "Lamp"})
    assert client.remote.get(collection, 7)["name"] == "Lamp"


def test_nothing_is_served_outside_the_prefix(start):
    client = start(prefix="/crm/v3/objects")
    assert client("PUT", "/crm/v3/objects/contacts/7", {}).status_code == 201
    assert client("PUT", "/contacts/7", {}).status_code == 404
    assert client("GET", "/crm/v3/objects/").status_code == 404


@pytest.mark.parametrize("odd", ["a/b", "..", "?x=1", "a b", "ä", "100%", "a\r\nX-Injected: 1"])
def test_any_text_may_be_an_id(client, odd):
    path = f"/products/{quote(odd, safe='').replace('..', '%2E%2E')}"
    assert client("PUT", path, {"n": 1}).status_code == 201
    assert client.remote.get("products", odd)["n"] == 1


def test_a_violated_unique_field_gets_409_with_the_other_objects_id(start):
    client = start(unique=["email"])
    first = client("POST", "/contacts", {"email": "a@b.test"}).json()
    answer = client("POST", "/contacts", {"email": "a@b.test"})
    assert answer.status_code == 409
    assert answer.json()["error"]["field"] == "email"
    assert answer.json()["error"]["id"] == first["id"]


def test_the_status_of_a_duplicate_can_be_chosen(start):
    client = start(unique=["email"], duplicate_status=500)
    client("POST", "/contacts", {"email": "a@b.test"})
    assert client("POST", "/contacts", {"email": "a@b.test"}).status_code == 500


def test_unique_together_needs_all_values_to_repeat(start):
    client = start(unique=["name+country"])
    assert client("POST", "/contacts", {"name": "A", "country": "DE"}).status_code == 201
    assert client("POST", "/contacts", {"name": "A", "country": "FR"}).status_code == 201
    assert client("POST", "/contacts", {"name": "A"}).status_code == 201
    assert client("POST", "/contacts", {"name": "A", "country": "FR"}).status_code == 409


def test_a_value_is_free_again_once_its_object_is_gone_or_changed(start):
    client = start(unique=["email"], ids="int")
    client("POST", "/contacts", {"email": "a"})
    client("PATCH", "/contacts/1", {"email": "b"})
    assert client("POST", "/contacts", {"email": "a"}).status_code == 201
    client("DELETE", "/contacts/1")
    assert client("POST", "/contacts", {"email": "b"}).status_code == 201


def test_an_update_may_keep_its_own_unique_value(start):
    client = start(unique=["email"], ids="int")
    client("POST", "/contacts", {"email": "a"})
    assert client("PATCH", "/contacts/1", {"email": "a"}).status_code == 200


def test_an_invalid_value_gets_422_that_names_the_field(start):
    client = start(invalid={"status": ["invalid", "archived"], "price": -1})
    answer = client("POST", "/products", {"status": "archived"})
    assert answer.status_code == 422
    assert answer.json()["error"] == {
        "code": "invalid",
        "message": "status cannot be 'archived'",
        "field": "status",
    }
    assert client("POST", "/products", {"price": -1}).status_code == 422
    assert client("POST", "/products", {"status": "active"}).status_code == 201


def test_an_invalid_value_is_refused_in_an_update(start):
    client = start(invalid={"status": ["invalid"]})
    client("PUT", "/products/1", {"status": "ok"})
    assert client("PATCH", "/products/1", {"status": "invalid"}).status_code == 422
    assert client.remote.get("products", 1)["status"] == "ok"


def test_a_required_field_is_missed_on_create_but_not_in_a_patch(start):
    client = start(required=["name"])
    assert client("POST", "/products", {}).json()["error"]["field"] == "name"
    client("PUT", "/products/1", {"name": "Lamp"})
    assert client("PATCH", "/products/1", {"price": 1}).status_code == 200


def test_options_can_differ_in_one_collection(start):
    client = start(collections={"contacts": {"unique": ["email"], "envelope": "data"}})
    assert client("POST", "/products", {"email": "a"}).json()["email"] == "a"
    assert client("POST", "/contacts", {"data": {"email": "a"}}).json()["data"]["email"] == "a"
    assert client("POST", "/contacts", {"data": {"email": "a"}}).status_code == 409


def test_an_object_can_be_wrapped(start):
    client = start(envelope="data")
    answer = client("POST", "/products", {"data": {"name": "Lamp"}})
    assert answer.json()["data"]["name"] == "Lamp"
    assert client("POST", "/products", {"name": "Bare"}).json()["data"]["name"] == "Bare"


def test_an_object_can_be_wrapped_in_a_list(start):
    client = start(envelope="contacts[]")
    answer = client("POST", "/contacts", {"contacts": [{"name": "Ada"}]})
    assert answer.json()["contacts"][0]["name"] == "Ada"
    assert client("GET", "/contacts").json()["contacts"][0]["name"] == "Ada"


def test_a_form_is_accepted_with_nested_names(client):
    answer = client("POST", "/customers", data={"name": "Ada", "metadata[plan]": "gold", "metadata[tier][n]": "1"})
    assert answer.json()["name"] == "Ada"
    assert answer.json()["metadata"] == {"plan": "gold", "tier": {"n": "1"}}


def test_a_gzipped_body_is_accepted(client):
    body = gzip.compress(json.dumps({"name": "Lamp"}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert client("POST", "/products", data=body, headers=headers).json()["name"] == "Lamp"


def test_a_body_that_only_claims_to_be_gzip_gets_400(client):
    assert client("POST", "/products", data=b"{}", headers={"Content-Encoding": "gzip"}).status_code == 400


def test_a_long_answer_is_gzipped_for_those_who_accept_it(client):
    client("PUT", "/products/1", {"text": "x" * 5000})
    answer = client("GET", "/products/1", stream=True)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["text"] == "x" * 5000
    plain = client("GET", "/products/1", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


def test_gzip_can_be_switched_off(start):
    client = start(gzip=False)
    client("PUT", "/products/1", {"text": "x" * 5000})
    assert "Content-Encoding" not in client("GET", "/products/1").headers


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"null", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_gets_400(client, body):
    answer = client("POST", "/products", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert client.remote.calls("products")[0].applied is False


def test_text_of_any_kind_survives(client):
    text = 'ä\u2028\x00"\\ \U0001f600'
    made = client("POST", "/products", {"name": text}).json()
    assert client("GET", f"/products/{made['id']}").json()["name"] == text


def test_a_lone_surrogate_does_not_break_the_server(client):
    client("POST", "/products", data=b'{"name": "\\ud800"}', headers={"Content-Type": "application/json"})
    assert client("GET", "/products").status_code == 200
    assert client("GET", "/").status_code == 200


def test_an_unknown_method_gets_405_with_what_is_allowed(client):
    answer = client("PATCH", "/products", {})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"


def test_options_and_head_are_served(client):
    client("PUT", "/products/1", {})
    assert client("OPTIONS", "/products/1").headers["Allow"] == "GET, PUT, PATCH, POST, DELETE"
    answer = client("HEAD", "/products/1")
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["Content-Length"]) > 10


def test_it_describes_its_fields_where_they_are_named(start):
    client = start(fields={"name": "string", "price": "decimal"}, required=["name"], updated_field="")
    answer = client("OPTIONS", "/products")
    assert (answer.status_code, answer.headers["Allow"]) == (200, "GET, POST")
    told = answer.json()["actions"]["POST"]
    assert told["name"] == {"type": "string", "required": True, "read_only": False}
    assert {name for name, each in told.items() if each["read_only"]} == {"id", "created_at"}
    assert client("OPTIONS", "/products/1").status_code == 204


def test_a_missing_trailing_slash_is_redirected_where_that_is_asked_for(start):
    client = start(trailing_slash="redirect")
    answer = client("POST", "/products?x=1", {"name": "Lamp"})
    assert answer.status_code == 301
    assert answer.headers["Location"] == "/products/?x=1"
    assert client.remote.objects("products") == []
    assert client("POST", "/products/", {"name": "Lamp"}).status_code == 201


# --- versions --------------------------------------------------------------------------------------------------------


def test_if_match_with_the_current_tag_passes_and_with_an_old_one_gets_412(client):
    first = client("PUT", "/products/1", {"n": 1}).headers["ETag"]
    second = client("PATCH", "/products/1", {"n": 2}, headers={"If-Match": first})
    assert second.status_code == 200
    stale = client("PATCH", "/products/1", {"n": 3}, headers={"If-Match": first})
    assert stale.status_code == 412
    assert client.remote.get("products", 1)["n"] == 2
    assert client("DELETE", "/products/1", headers={"If-Match": first}).status_code == 412
    assert client("DELETE", "/products/1", headers={"If-Match": f'"x", {second.headers["ETag"]}'}).status_code == 204


def test_if_match_on_a_missing_object_gets_412(client):
    assert client("PATCH", "/products/1", {}, headers={"If-Match": "*"}).status_code == 412


def test_if_none_match_spares_the_body_of_an_unchanged_object(client):
    tag = client("PUT", "/products/1", {}).headers["ETag"]
    answer = client("GET", "/products/1", headers={"If-None-Match": f"W/{tag}"})
    assert answer.status_code == 304
    assert answer.content == b""
    client("PATCH", "/products/1", {"n": 1})
    assert client("GET", "/products/1", headers={"If-None-Match": tag}).status_code == 200


def test_if_none_match_star_lets_a_put_only_create(client):
    assert client("PUT", "/products/1", {}, headers={"If-None-Match": "*"}).status_code == 201
    assert client("PUT", "/products/1", {}, headers={"If-None-Match": "*"}).status_code == 412


def test_a_recreated_object_has_another_tag(client):
    first = client("PUT", "/products/1", {}).headers["ETag"]
    client("DELETE", "/products/1")
    assert client("PUT", "/products/1", {}).headers["ETag"] != first


def test_a_listing_has_a_tag_too(client):
    client("PUT", "/products/1", {})
    tag = client("GET", "/products").headers["ETag"]
    assert client("GET", "/products", headers={"If-None-Match": tag}).status_code == 304
    client("PUT", "/products/2", {})
    assert client("GET", "/products", headers={"If-None-Match": tag}).status_code == 200


def test_tags_can_be_switched_off(start):
    client = start(etags=False)
    assert "ETag" not in client("PUT", "/products/1", {}).headers
    assert "ETag" not in client("GET", "/products").headers
    assert client("PATCH", "/products/1", {}, headers={"If-Match": '"no"'}).status_code == 200


def test_a_version_field_counts_the_writes(start):
    client = start(version_field="version")
    assert client("PUT", "/products/1", {}).json()["version"] == 1
    assert client("PATCH", "/products/1", {"version": 77}).json()["version"] == 2


def test_fields_of_the_servers_own_can_be_left_out(start):
    client = start(created_field="", updated_field="")
    assert client("PUT", "/products/1", {"n": 1}).json() == {"id": "1", "n": 1}


# --- bulk ------------------------------------------------------------------------------------------------------------


def test_a_bulk_create_takes_a_list_or_items(client):
    answer = client("POST", "/products/bulk", {"items": [{"n": 1}, {"n": 2}]})
    assert [item["n"] for item in answer.json()["items"]] == [1, 2]
    client("POST", "/products/bulk", [{"n": 3}])
    assert [item["n"] for item in client.remote.objects("products")] == [1, 2, 3]
    assert client.remote.journal(kind="bulk")[0].ids == ("products_00000001", "products_00000002")


def test_a_bulk_update_finds_objects_by_id(client):
    client.remote.load(products={"1": {"n": 1}, "2": {"n": 2}})
    client("PATCH", "/products/bulk", [{"id": "2", "n": 5}, {"id": "9", "n": 6}])
    assert [item["n"] for item in client.remote.objects("products")] == [1, 5]


def test_a_bulk_answer_holds_fewer_objects_than_were_sent_and_names_the_others(start):
    client = start(invalid={"status": ["bad"]})
    answer = client("POST", "/products/bulk", [{"n": 1}, {"status": "bad"}, 7]).json()
    assert len(answer["items"]) == 1
    assert [(error["index"], error["code"]) for error in answer["errors"]] == [(1, "invalid"), (2, "not_an_object")]


@pytest.mark.parametrize(
    "bad",
    [{"status": "bad"}, {"email": "taken"}, {"email": "twice"}, 7],
    ids=["invalid", "taken", "twice", "no object"],
)
def test_one_bad_item_refuses_an_atomic_batch_and_nothing_is_stored(start, bad):
    client = start(invalid={"status": ["bad"]}, unique=["email"], bulk_atomic=True)
    client("POST", "/products", {"email": "taken"})
    answer = client("POST", "/products/bulk", [{"email": "twice"}, {"n": 1}, bad])
    assert answer.status_code == 422
    assert answer.json()["error"]["errors"][0]["index"] == 2
    assert len(client.remote.objects("products")) == 1


def test_an_atomic_batch_of_updates_is_refused_for_a_missing_object(start):
    client = start(bulk_atomic=True)
    client.remote.load(products={"1": {"n": 1}})
    assert client("PATCH", "/products/bulk", [{"id": "1", "n": 2}, {"id": "9"}]).status_code == 422
    assert client.remote.get("products", 1)["n"] == 1
    assert client("PATCH", "/products/bulk", [{"id": "1", "n": 2}]).status_code == 200
    assert client.remote.get("products", 1)["n"] == 2


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_a_bulk_answer_can_come_in_another_order(start, order):
    client = start(bulk_order=order)
    answer = client("POST", "/products/bulk", [{"n": n} for n in range(20)]).json()
    assert [item["n"] for item in answer["items"]] != list(range(20))
    assert sorted(item["n"] for item in answer["items"]) == list(range(20))


def test_a_bulk_call_may_be_wrapped_in_the_envelope(start):
    client = start(envelope="contacts[]")
    assert client("POST", "/contacts/bulk", {"contacts": [{}, {}]}).status_code == 200
    assert len(client.remote.objects("contacts")) == 2


def test_bulk_refuses_other_methods_too_many_items_and_other_bodies(start):
    client = start(bulk_max=2)
    assert client("GET", "/products/bulk").status_code == 405
    assert client("POST", "/products/bulk", [{}, {}, {}]).status_code == 413
    assert client("POST", "/products/bulk", {"n": 1}).status_code == 400
