from __future__ import annotations

import json
import os
import socket
import urllib.request

import pytest
import requests

from sync.exceptions import ConnectFailed, NotFound, Refused
from sync.testing.remote import Remote, read_journal
from sync.testing.sandbox import SandboxServer
from sync.testing.sandbox.windows import measure

# --- the journal -----------------------------------------------------------------------------------------------------


def test_an_entry_says_what_came_and_what_became_of_it(client):
    client("POST", "/v2/products?x=1", {"name": "Lamp"}, headers={"X-Trace": "7"})
    entry = client.remote.journal()[0]
    assert (entry.seq, entry.method, entry.path, entry.query) == (1, "POST", "/v2/products", "x=1")
    assert (entry.collection, entry.id, entry.ids) == ("products", "products_00000001", ("products_00000001",))
    assert (entry.applied, entry.status, entry.kind) == (True, 201, "object")
    assert entry.data == {"name": "Lamp"}
    assert entry.headers["x-trace"] == "7"
    assert entry.at <= entry.applied_at
    assert 0 < entry.duration_s < 5
    assert entry.client


def test_a_long_body_is_cut_and_its_length_kept(start):
    client = start(journal_body=10)
    client("POST", "/products", {"name": "x" * 100})
    entry = client.remote.journal()[0]
    assert len(entry.body) == 10
    assert entry.body_bytes == 112
    assert entry.data is None


def test_the_journal_can_be_asked_for_a_part(client):
    client("POST", "/products", {})
    client("GET", "/products")
    seen = client.remote.last_seq()
    client("POST", "/contacts", {})
    client("DELETE", "/contacts/none")
    assert [entry.method for entry in client.remote.calls("products")] == ["POST", "GET"]
    assert [entry.collection for entry in client.remote.calls(method="post")] == ["products", "contacts"]
    assert [entry.seq for entry in client.remote.journal(since=seen)] == [3, 4]
    assert [entry.seq for entry in client.remote.calls(applied=True)] == [1, 3]
    assert [entry.seq for entry in client.remote.calls(applied=False)] == [2, 4]
    assert [entry.seq for entry in client.remote.journal(limit=1)] == [4]
    assert [entry.seq for entry in client.remote.journal(id="none")] == [4]


def test_the_journal_can_be_cleared_and_its_numbers_go_on(client):
    client("GET", "/products")
    client.remote.clear_journal()
    assert client.remote.journal() == []
    client("GET", "/products")
    assert client.remote.journal()[0].seq == 2


def test_an_old_entry_is_dropped_and_counted(start):
    client = start(journal_keep=2)
    for _ in range(5):
        client("GET", "/products")
    assert [entry.seq for entry in client.remote.journal()] == [4, 5]
    assert client.remote.windows(1, 60).dropped == 3


def test_a_request_under_way_is_in_the_journal(client):
    client.remote.fault("delay", seconds=30)
    with socket.create_connection(("127.0.0.1", client.server.port)) as connection:
        connection.sendall(b"GET /products HTTP/1.1\r\n\r\n")
        entry = client.remote.wait(client.remote.journal)[0]
        assert (entry.status, entry.fault) == (0, "delay")


def test_the_file_has_a_line_before_the_answer_leaves(start, tmp_path):
    file = tmp_path / "journal.jsonl"
    client = start(journal=file, fsync=True)
    for number in range(1, 4):
        client("POST", "/products", {"name": "a\u2028b"})
        assert len(read_journal(file)) == number
    assert file.read_bytes().count(b"\n") == 3
    assert read_journal(file)[0] == client.remote.journal()[0]


def test_what_was_applied_late_is_marked_in_the_file(start, tmp_path):
    client = start(journal=tmp_path / "journal.jsonl")
    client.remote.fault("late", seconds=0.05, then="reset", times=1)
    with pytest.raises(requests.ConnectionError):
        client("POST", "/products", {})
    client.remote.wait(lambda: client.remote.calls(applied=True))
    client.remote.wait(lambda: read_journal(tmp_path / "journal.jsonl")[0].applied)
    assert read_journal(tmp_path / "journal.jsonl")[0].ids == ("products_00000001",)


def test_the_journal_goes_on_after_a_restart(tmp_path):
    file = tmp_path / "journal.jsonl"
    with SandboxServer(journal=file) as first:
        _get(first)
        Remote(first.url).fault("late", seconds=0.01, then="close")
        with socket.create_connection(("127.0.0.1", first.port)) as connection:
            connection.sendall(b"POST /products HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            assert connection.recv(10) == b""
        Remote(first.url).wait(lambda: Remote(first.url).calls(applied=True))
    with file.open("ab") as torn:
        torn.write(b'{"seq": 3, "meth')
    with SandboxServer(journal=file) as second:
        _get(second)
        entries = Remote(second.url).journal()
        assert [(entry.seq, entry.applied) for entry in entries] == [(1, False), (2, True), (3, False)]
        Remote(second.url).clear_journal()
        assert read_journal(file) == []


def _get(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET /products HTTP/1.1\r\nConnection: close\r\n\r\n")
        while connection.recv(4096):
            continue


# --- windows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrivals", "limit", "per", "over", "highest"),
    [
        ([], 1, 1, 0, 0),
        ([0, 1, 2], 1, 1, 0, 1),
        ([0, 0.999, 2], 1, 1, 1, 2),
        ([2, 0, 0.999], 1, 1, 1, 2),
        ([0, 0, 0, 0], 2, 1, 2, 4),
        ([0, 5, 10, 15], 2, 10, 0, 2),
        ([0, 5, 9.9, 15], 2, 10, 1, 3),
    ],
)
def test_windows_are_counted_at_every_arrival(arrivals, limit, per, over, highest):
    found = measure(arrivals, limit, per)
    assert (found.calls, found.over, found.highest) == (len(arrivals), over, highest)


def test_the_fullest_window_is_named():
    assert measure([0, 10, 10.1, 20], 1, 1).fullest_at == 10


def test_windows_are_measured_over_the_journal(start):
    client = start(auth={"oauth": {}, "bearer": ["t"]})
    client("POST", "/oauth/token", data={"grant_type": "client_credentials"})
    for path in ("/products", "/products", "/contacts"):
        client("GET", path, headers={"Authorization": "Bearer t"})
    found = client.remote.windows(2, 60)
    assert (found.calls, found.over, found.highest) == (3, 1, 3)
    assert client.remote.windows(3, 60).over == 0
    assert client.remote.windows(1, 60, collection="products").highest == 2
    assert client.remote.windows(1, 60, kind="token").calls == 1


@pytest.mark.parametrize(("limit", "per"), [(0, 60), (5, 0), ("x", 1)])
def test_windows_need_a_limit_and_a_length(client, limit, per):
    with pytest.raises(Refused):
        client.remote.windows(limit, per)


# --- the state -------------------------------------------------------------------------------------------------------


def test_the_state_is_loaded_shown_and_edited_without_the_journal(client):
    client.remote.load(products=[{"id": "7", "n": 1}, {"n": 2}], contacts={"1": {"n": 3}})
    assert [row["id"] for row in client.remote.objects("products")] == ["7", "products_00000001"]
    assert client.remote.get("contacts", 1)["n"] == 3
    client.remote.edit("contacts", 1, n=4)
    assert client.remote.get("contacts", "1")["n"] == 4
    client.remote.call("PUT", "/__state__/contacts/1", {"m": 5})
    assert "n" not in client.remote.get("contacts", 1)
    client.remote.remove("contacts", 1)
    assert client.remote.get("contacts", 1) is None
    assert client.remote.objects("nothing") == []
    assert client.remote.journal() == []


def test_a_collection_or_everything_can_be_removed(client):
    client.remote.load(products={"1": {}, "2": {}}, contacts={"1": {}})
    client.remote.call("DELETE", "/__state__/products")
    assert (client.remote.objects("products"), len(client.remote.objects("contacts"))) == ([], 1)
    client.remote.call("DELETE", "/__state__")
    assert client.remote.objects("contacts") == []


def test_the_state_can_be_asked_for_by_parameter(client):
    client.remote.load(products={"1": {}}, contacts={"1": {}})
    assert list(client.remote.call("GET", "/__state__", params={"collection": "products"})) == ["products"]
    assert list(client.remote.call("GET", "/__state__")) == ["products", "contacts"]


def test_an_edit_of_a_missing_object_is_an_error(client):
    with pytest.raises(NotFound):
        client.remote.edit("products", 1, n=1)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/__state__", []),
        ("PUT", "/__state__", {"products": 7}),
        ("PUT", "/__state__", {"products": [7]}),
        ("POST", "/__state__", {}),
        ("PATCH", "/__state__/products", {}),
        ("GET", "/__nothing__", None),
        ("POST", "/__config__", [1]),
        ("POST", "/__reset__?keep=magic", None),
        ("DELETE", "/__faults__/x", None),
    ],
)
def test_the_side_door_refuses_what_makes_no_sense(client, method, path, body):
    with pytest.raises((Refused, NotFound)):
        client.remote.call(method, path, body)


def test_a_body_that_is_no_json_is_refused_at_the_side_door(client):
    assert client("POST", "/__config__", data=b"{").status_code == 422


def test_objects_can_be_seeded_by_number(client):
    client.remote.seed("products", 3, name="Lamp {n}", price=5)
    assert [row["name"] for row in client.remote.objects("products")] == ["Lamp 1", "Lamp 2", "Lamp 3"]


def test_a_reset_forgets_everything_and_restores_the_options(start):
    client = start(ids="int", idempotency=True, auth={"oauth": {}})
    token = client("POST", "/oauth/token", data={"grant_type": "client_credentials"}).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
    client("POST", "/products", {}, headers=headers)
    client.remote.configure(ids="text", auth={})
    client.remote.fault("status", status=503, times=1)
    client.remote.reset()
    assert client.remote.journal() == []
    assert client.remote.faults() == []
    assert client.remote.configure()["ids"] == "int"
    assert client("GET", "/products", headers=headers).status_code == 401
    client.remote.configure(auth={})
    assert client("POST", "/products", {}, headers=headers).json()["id"] == 1


def test_a_reset_can_keep_parts(client):
    client("PUT", "/products/1", {})
    client.remote.configure(ids="int")
    client.remote.reset("objects", "config")
    assert len(client.remote.objects("products")) == 1
    assert client.remote.configure()["ids"] == "int"
    assert client.remote.journal() == []


def test_the_state_survives_a_restart(tmp_path):
    options = {"state": tmp_path / "state.jsonl", "idempotency": True, "ids": "int", "auth": {"oauth": {}}}
    with SandboxServer(**options) as first:
        remote = Remote(first.url)
        token = remote.call("POST", "/oauth/token", {"grant_type": "client_credentials"})
        made = [_post(first, token["access_token"], key) for key in ("k1", "k2", "k3")]
        remote.remove("products", made[2]["id"])
        used = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
        remote.call("POST", "/oauth/token", used)
        before = remote.objects("products")
    with (tmp_path / "state.jsonl").open("ab") as torn:
        torn.write(b'{"collection": "products", "it')
    for _ in range(2):  # the first start reads the changes, the second what the first made of them
        with SandboxServer(**options) as second:
            remote = Remote(second.url)
            assert remote.objects("products") == before
            assert _post(second, token["access_token"], "k1") == made[0]
            with pytest.raises(Refused):
                remote.call("POST", "/oauth/token", used)
    with SandboxServer(**options) as third:
        assert _post(third, token["access_token"], "k4")["id"] == 4


def _post(server, token, key):
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    request = urllib.request.Request(f"{server.url}/products", b"{}", headers, method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def test_a_reset_reaches_the_state_file(tmp_path):
    with SandboxServer(state=tmp_path / "state.jsonl", fsync=True) as first:
        Remote(first.url).add("products", n=1)
        Remote(first.url).reset()
    with SandboxServer(state=tmp_path / "state.jsonl") as second:
        assert Remote(second.url).objects("products") == []


def test_a_loaded_state_reaches_the_file(tmp_path):
    with SandboxServer(state=tmp_path / "state.jsonl") as first:
        Remote(first.url).load(products={"1": {"n": 1}})
    with SandboxServer(state=tmp_path / "state.jsonl") as second:
        assert Remote(second.url).get("products", 1)["n"] == 1


# --- the page, the health --------------------------------------------------------------------------------------------


def test_the_page_shows_collections_and_requests_and_escapes_them(client):
    client("POST", "/products", {"name": "<script>alert(1)</script>"})
    client.remote.seed("contacts", 40)
    client("GET", "/products?x=<b>")
    answer = client("GET", "/")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "products (1)" in answer.text
    assert "contacts (40, the 25 changed last)" in answer.text
    assert "POST /products" in answer.text
    assert "<script>" not in answer.text
    assert "<b>" not in answer.text
    assert 'http-equiv="refresh"' in answer.text


def test_the_page_shows_what_was_changed_last_first(client):
    client.remote.seed("contacts", 40)
    client("PATCH", "/contacts/contacts_00000001", {"name": "changed"})
    shown = client("GET", "/").text
    assert "<td>contacts_00000001</td>" in shown
    assert shown.index("<td>contacts_00000001</td>") < shown.index("<td>contacts_00000040</td>")


def test_the_page_names_the_faults_that_are_still_in_force(client):
    client.remote.fault("status", status=503, times=1, name="a bad moment")
    assert "Faults in force: a bad moment (fired 0)." in client("GET", "/").text
    client("POST", "/products", {})
    assert "No faults in force." in client("GET", "/").text


def test_the_page_can_hold_still_and_has_nothing_inline(client):
    text = client("GET", "/?refresh=0").text
    assert "http-equiv" not in text
    assert "It holds nothing yet." in text
    assert "style=" not in text
    assert "<style" not in text
    assert client("GET", "/__style__.css").headers["Content-Type"].startswith("text/css")


def test_health_names_the_process_and_counts(client):
    client("PUT", "/products/1", {})
    told = client.remote.call("GET", "/__health__")
    assert (told["ok"], told["pid"], told["requests"], told["objects"]) == (True, os.getpid(), 1, {"products": 1})


# --- the client ------------------------------------------------------------------------------------------------------


def test_wait_returns_what_it_waited_for(client):
    values = iter([0, None, "yes"])
    assert client.remote.wait(lambda: next(values), poll_s=0.001) == "yes"


def test_wait_gives_up(client):
    with pytest.raises(TimeoutError, match="last value was 0"):
        client.remote.wait(lambda: 0, timeout_s=0.01, poll_s=0.001)
    with pytest.raises(TimeoutError, match="no lamp"):
        client.remote.wait(lambda: None, timeout_s=0.01, message="no lamp")


def test_nobody_there_is_a_typed_error():
    with pytest.raises(ConnectFailed):
        Remote("http://127.0.0.1:9").objects("products")


def test_an_answer_that_is_no_json_error_is_still_a_typed_one(client):
    client.remote.fault("status", status=400, answer="nonsense")
    with pytest.raises(Refused, match="nonsense"):
        client.remote.call("GET", "/products")
