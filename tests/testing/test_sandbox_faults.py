from __future__ import annotations

import gzip
import json
import socket
import threading
import time

import pytest
import requests

from sync.exceptions import Refused
from sync.testing.sandbox.rules import ACTIONS, AFTER, BEFORE, KINDS, SPOILERS
from sync.testing.sandbox.spoil import BAD_BODIES, BAD_VALUES, IDS, MIB, SPOILS, bomb


def raw(client, method="POST", path="/products", body=b'{"name":"Lamp"}', timeout=5.0):
    """Send a request over a plain socket and return all bytes until the server closes."""
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=timeout) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        data = b""
        while part := connection.recv(65536):
            data += part
        return data


def applied(client):
    return [entry.applied for entry in client.remote.calls("products", "POST")]


# --- which requests a fault meets ------------------------------------------------------------------------------------


def test_without_matchers_a_fault_meets_every_request_until_it_is_lifted(client):
    client.remote.fault("status", status=503)
    assert [client("GET", "/products").status_code for _ in range(3)] == [503, 503, 503]
    client.remote.clear_faults()
    assert client("GET", "/products").status_code == 200


@pytest.mark.parametrize(
    "matcher",
    [
        {"method": "POST"},
        {"method": ["POST", "PUT"]},
        {"path": "^/products$", "method": "POST"},
        {"collection": "products", "method": "post"},
        {"body": "Lamp"},
    ],
)
def test_a_fault_meets_only_what_it_matches(client, matcher):
    client.remote.fault("status", status=503, **matcher)
    assert client("POST", "/products", {"name": "Lamp"}).status_code == 503
    assert client("GET", "/products").status_code == 200
    assert client("PATCH", "/customers/1", {"name": "Ada"}).status_code == 404


def test_times_bounds_how_often(client):
    client.remote.fault("status", status=503, times=2)
    assert [client("GET", "/products").status_code for _ in range(4)] == [503, 503, 200, 200]


@pytest.mark.parametrize(("nth", "expected"), [(2, [200, 503, 200]), ([1, 3], [503, 200, 503])])
def test_nth_chooses_which_of_those_that_match(client, nth, expected):
    client.remote.fault("status", status=503, nth=nth, method="GET")
    assert [client("GET", "/products").status_code for _ in range(3)] == expected


def test_a_probability_is_repeatable_by_its_seed(client):
    runs = []
    for _ in range(2):
        client.remote.fault("status", status=503, probability=0.5, seed=7)
        runs.append([client("GET", "/products").status_code for _ in range(20)])
        client.remote.clear_faults()
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}


def test_the_first_fault_that_matches_wins(client):
    client.remote.fault("status", status=503, times=1)
    client.remote.fault("status", status=502)
    assert [client("GET", "/products").status_code for _ in range(2)] == [503, 502]


def test_faults_are_listed_with_their_counts_and_lifted_one_by_one(client):
    first = client.remote.fault("status", status=503, method="DELETE")
    client.remote.fault("status", status=500, times=1, name="boom")
    client("GET", "/products")
    client("GET", "/products")
    listed = client.remote.faults()
    assert [(rule["name"], rule["seen"], rule["fired"]) for rule in listed] == [("status", 0, 0), ("boom", 2, 1)]
    client.remote.call("DELETE", f"/__faults__/{first}")
    assert [rule["name"] for rule in client.remote.faults()] == ["boom"]


def test_several_faults_can_be_ordered_at_once(client):
    client.remote.call("POST", "/__faults__", {"rules": [{"do": "reset"}, {"do": "close"}]})
    client.remote.call("POST", "/__faults__", [{"do": "html"}])
    assert [rule["do"] for rule in client.remote.faults()] == ["reset", "close", "html"]


@pytest.mark.parametrize(
    "rule",
    [
        {"do": "explode"},
        {"do": "status", "colour": "red"},
        {"do": "status", "path": "("},
        {"do": "status", "nth": "x"},
        {"do": "id", "kind": "purple"},
        {"do": "status", "kind": "nan"},
    ],
)
def test_a_fault_without_sense_is_refused(client, rule):
    with pytest.raises(Refused):
        client.remote.fault(**rule)
    assert client.remote.faults() == []


@pytest.mark.parametrize("body", [7, [7], "x"])
def test_a_body_without_faults_is_refused(client, body):
    with pytest.raises(Refused):
        client.remote.call("POST", "/__faults__", body)


def test_the_journal_names_the_fault(client):
    client.remote.fault("status", status=503, name="brown-out", times=1)
    client("GET", "/products")
    client("GET", "/products")
    assert [entry.fault for entry in client.remote.journal()] == ["brown-out", ""]


def test_every_action_is_known_to_the_part_that_does_it():
    elsewhere = {*BEFORE, *AFTER, "late", "delay", "id"}
    assert set(ACTIONS) == elsewhere | set(SPOILS)
    assert set(SPOILERS) <= set(ACTIONS)
    assert set(KINDS["bad_json"]) == {*BAD_VALUES, *BAD_BODIES}
    assert set(KINDS["id"]) == {"missing", "changed", "other", *IDS}


# --- before and after applying ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("do", "effect"), [("status", False), ("status_after", True)])
def test_an_error_can_come_before_or_after_applying(client, do, effect):
    client.remote.fault(do, status=500)
    answer = client("POST", "/products", {"name": "Lamp"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "fault"
    assert bool(client.remote.objects("products")) is effect
    assert applied(client) == [effect]


@pytest.mark.parametrize(("do", "effect"), [("reset", False), ("reset_after", True), ("close", False)])
def test_a_connection_can_break_before_or_after_applying(client, do, effect):
    client.remote.fault(do, method="POST")
    with pytest.raises(requests.ConnectionError):
        client("POST", "/products", {"name": "Lamp"})
    assert applied(client) == [effect]
    assert client.remote.calls("products", "POST")[0].status == 0


def test_a_reset_is_a_reset_and_a_close_is_a_close(client):
    client.remote.fault("reset", times=1)
    with pytest.raises(ConnectionResetError):
        raw(client)
    client.remote.fault("close_after", times=1)
    assert raw(client) == b""
    assert len(client.remote.objects("products")) == 1


@pytest.mark.parametrize(("do", "effect"), [("hold", False), ("hold_after", True)])
def test_an_answer_can_be_held_back_before_or_after_applying(client, do, effect):
    client.remote.fault(do, seconds=30)
    with pytest.raises(requests.Timeout):
        client("POST", "/products", {"name": "Lamp"}, timeout=0.2)
    assert applied(client) == [effect]


def test_a_hold_ends_by_itself_without_an_answer(client):
    client.remote.fault("hold", seconds=0.2)
    began = time.monotonic()
    assert raw(client) == b""
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("then", ["close", "hold"])
def test_a_request_can_be_applied_after_the_client_was_left_without_an_answer(client, then):
    client.remote.fault("late", seconds=0.3, then=then)
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        client("POST", "/products", {"name": "Lamp"}, timeout=0.1)
    assert client.remote.objects("products") == []
    assert applied(client) == [False]
    client.remote.wait(lambda: client.remote.objects("products"), timeout_s=5)
    assert applied(client) == [True]


def test_a_late_update_lands_on_top_of_a_newer_one(client):
    client("PUT", "/products/1", {"n": 0})
    client.remote.fault("late", seconds=0.2, then="close", times=1)
    with pytest.raises(requests.ConnectionError):
        client("PATCH", "/products/1", {"n": 1})
    client("PATCH", "/products/1", {"n": 2})
    client.remote.wait(lambda: client.remote.get("products", 1)["n"] == 1, timeout_s=5)


def test_a_late_request_that_is_refused_in_the_end_was_not_applied(start):
    client = start(invalid={"n": [1]})
    client.remote.fault("late", seconds=0.01, then="close", times=1)
    with pytest.raises(requests.ConnectionError):
        client("POST", "/products", {"n": 1})
    client("POST", "/products", {"n": 2})
    assert [row["n"] for row in client.remote.objects("products")] == [2]


def test_a_delay_comes_before_applying_and_the_answer_is_true(client):
    client.remote.fault("delay", seconds=0.2)
    began = time.monotonic()
    assert client("POST", "/products", {"name": "Lamp"}).status_code == 201
    assert time.monotonic() - began >= 0.2
    assert client.remote.journal()[0].duration_s >= 0.2


def test_a_delay_after_shows_the_object_before_the_answer(client):
    client.remote.fault("delay_after", seconds=5, times=1)
    with pytest.raises(requests.Timeout):
        client("POST", "/products", {"name": "Lamp"}, timeout=0.1)
    assert len(client.remote.objects("products")) == 1


def test_any_fault_can_be_delayed(client):
    client.remote.fault("status", status=502, delay_s=0.1)
    began = time.monotonic()
    assert client("GET", "/products").status_code == 502
    assert time.monotonic() - began >= 0.1


def test_apply_overrides_whether_the_request_takes_effect(client):
    client.remote.fault("html", apply=False, times=1)
    client("POST", "/products", {})
    assert client.remote.objects("products") == []
    client.remote.fault("redirect", apply=True, times=1)
    client("POST", "/products", {})
    assert len(client.remote.objects("products")) == 1


# --- bad answers -----------------------------------------------------------------------------------------------------


def test_a_status_can_have_a_body_and_headers_of_its_own(client):
    client.remote.fault("status", status=503, answer="<h1>no</h1>", headers={"Retry-After": "2"})
    answer = client("GET", "/products")
    assert (answer.text, answer.headers["Retry-After"]) == ("<h1>no</h1>", "2")
    assert answer.headers["Content-Type"].startswith("text/html")
    client.remote.clear_faults()
    client.remote.fault("status", status=200, answer={"errors": ["no"]})
    assert client("GET", "/products").json() == {"errors": ["no"]}


def test_a_success_can_have_another_status_and_the_true_body(client):
    client.remote.fault("status_after", status=200, times=1, headers={"Backoff": "3"})
    answer = client("POST", "/products", {"name": "Lamp"})
    assert (answer.status_code, answer.json()["name"], answer.headers["Backoff"]) == (200, "Lamp", "3")
    client.remote.fault("status_after", status=204, times=1)
    answer = client("POST", "/products", {"name": "Lamp"})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_request_can_be_redirected(client, status):
    client.remote.fault("redirect", status=status)
    answer = client("POST", "/products", {})
    assert (answer.status_code, answer.headers["Location"]) == (status, "/products/")
    assert client.remote.objects("products") == []


def test_a_redirect_can_lead_anywhere(client):
    client.remote.fault("redirect", location="http://elsewhere.invalid/")
    assert client("GET", "/products").headers["Location"] == "http://elsewhere.invalid/"


def test_html_can_come_with_200(client):
    client.remote.fault("html")
    answer = client("POST", "/products", {})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert len(client.remote.objects("products")) == 1


@pytest.mark.parametrize(
    ("do", "start_of_body"),
    [("non_utf8", b'{"id":"1","name":"caf\xe9'), ("bom", b"\xef\xbb\xbf{"), ("empty", b"")],
)
def test_a_body_can_be_no_clean_text(client, do, start_of_body):
    client.remote.fault(do)
    answer = client("POST", "/products", {})
    assert answer.status_code == 201
    assert answer.content.startswith(start_of_body)
    assert bool(answer.content) is bool(start_of_body)


@pytest.mark.parametrize("kind", sorted(BAD_VALUES))
def test_a_body_can_hold_a_value_that_breaks_readers(client, kind):
    client.remote.fault("bad_json", kind=kind)
    text = client("POST", "/products", {"name": "Lamp"}).text
    assert text.startswith('{"id":"products_00000001"')
    assert text.endswith(f'"spoiled":{BAD_VALUES[kind]}}}')


@pytest.mark.parametrize("kind", sorted(BAD_BODIES))
def test_a_body_can_be_something_else_than_an_object(client, kind):
    client.remote.fault("bad_json", kind=kind)
    assert client("POST", "/products", {}).content == BAD_BODIES[kind]


def test_a_bad_value_finds_its_place_in_a_list_too(client):
    client.remote.fault("bad_json", kind="nan")
    assert client("GET", "/products").text == '{"spoiled":NaN}'


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("null", None), ("list", ["1"]), ("bool", True), ("empty", ""), ("long", "x" * 10_240), ("other", "7")],
)
def test_an_id_can_be_of_any_kind(client, kind, expected):
    client("PUT", "/products/7", {})
    client.remote.fault("id", kind=kind)
    assert client("POST", "/products", {"name": "Lamp"}).json()["id"] == expected


def test_an_id_can_be_missing_or_changed(client):
    client.remote.fault("id", kind="missing", times=1)
    client.remote.fault("id", kind="changed")
    assert "id" not in client("POST", "/products", {}).json()
    assert client("PUT", "/products/1", {}).json()["id"] == "1-changed"


def test_an_id_within_an_envelope_is_found(start):
    client = start(envelope="contacts[]")
    client.remote.fault("id", kind="null")
    assert client("POST", "/contacts", {}).json()["contacts"][0]["id"] is None


@pytest.mark.parametrize(("method", "path"), [("GET", "/products"), ("DELETE", "/products/1")])
def test_an_id_fault_leaves_answers_without_an_object_as_they_are(client, method, path):
    client("PUT", "/products/1", {})
    client.remote.fault("id", kind="null")
    assert client(method, path).status_code in (200, 204)


def test_a_body_can_be_far_too_large(client):
    client.remote.fault("oversized", bytes=MIB)
    assert len(client("GET", "/products").content) > MIB


def test_a_small_body_can_become_a_huge_one(client):
    client.remote.fault("gzip_bomb", bytes=5 * MIB)
    answer = client("GET", "/products", stream=True)
    assert len(answer.raw.read(decode_content=False)) < 50_000


def test_a_bomb_is_whole_gzip_and_holds_json():
    text = gzip.decompress(bomb(3 * MIB))
    assert len(text) == 3 * MIB + len(b'{"id":"1"}')
    assert json.loads(text) == {"id": "1"}


def test_a_body_can_be_without_end(client):
    client.remote.fault("endless", seconds=0.2)
    began = time.monotonic()
    data = raw(client)
    assert time.monotonic() - began >= 0.2
    assert b"Transfer-Encoding: chunked" in data
    assert not data.endswith(b"0\r\n\r\n")


def test_a_body_can_be_cut_off(client):
    client.remote.fault("truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client("POST", "/products", {"name": "Lamp"})
    assert len(client.remote.objects("products")) == 1


@pytest.mark.parametrize("extra", [10, -10])
def test_a_content_length_can_be_wrong(client, extra):
    client.remote.fault("wrong_length", bytes=extra)
    head, _, body = raw(client).partition(b"\r\n\r\n")
    told = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    assert told == len(body) + extra


@pytest.mark.parametrize("do", ["drip_headers", "drip_body"])
def test_an_answer_can_come_in_drops(client, do):
    client.remote.fault(do, seconds=0.01, bytes=20)
    began = time.monotonic()
    assert client("POST", "/products", {"name": "Lamp"}).json()["name"] == "Lamp"
    assert time.monotonic() - began >= 0.05


def test_a_drip_ends_when_the_client_leaves(client):
    client.remote.fault("drip_headers", seconds=5)
    with pytest.raises(requests.Timeout):
        client("GET", "/products", timeout=0.1)
    serving = client.remote.journal()[0].client  # its thread bears the client's address
    client.remote.wait(lambda: serving not in {thread.name for thread in threading.enumerate()}, timeout_s=3)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("many", b"X-Header-999: 999\r\n"),
        ("long", b"X-Long: xxx"),
        ("binary", b"\xff\xfe"),
        ("no_colon", b"this line is no header"),
        ("negative_length", b"Content-Length: -1"),
        ("two_lengths", b"Content-Length: 7"),
        ("bad_status", b"HTTP/1.1 abc"),
    ],
)
def test_headers_can_be_absurd(client, kind, part):
    client.remote.fault("headers", kind=kind)
    assert part in raw(client)


def test_a_fault_can_meet_the_token_endpoint(start):
    client = start(auth={"oauth": {"clients": {"me": "pw"}}})
    client.remote.fault("status", status=503, path="/oauth/token", times=1)
    form = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "pw"}
    assert client("POST", "/oauth/token", data=form).status_code == 503
    assert client("POST", "/oauth/token", data=form).status_code == 200


def test_a_stopping_server_lets_go_of_what_it_holds(start):
    client = start()
    client.remote.fault("hold", seconds=60, method="POST")
    client.remote.fault("drip_body", seconds=30, method="GET")
    with socket.create_connection(("127.0.0.1", client.server.port)) as held:
        held.sendall(b"POST /products HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        client.remote.wait(client.remote.journal)
        began = time.monotonic()
        client.server.remote.stopping.set()
        assert held.recv(10) == b""
        assert time.monotonic() - began < 2
