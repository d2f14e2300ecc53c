from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from project.servers import wait_until
from sync.exceptions import ConnectFailed
from sync.management.commands.crudsync_sandbox import Command
from sync.testing.remote import Remote, SandboxProcess, read_journal
from sync.testing.sandbox import ConfigError, SandboxServer
from sync.testing.sandbox.commandline import main, options_of

ROOT = Path(__file__).resolve().parents[2]


def talk(server, data, *, parts=1):
    """Send bytes, perhaps in parts, and return all that comes until the server closes."""
    size = max(1, len(data) // parts)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        for at in range(0, len(data), size):
            connection.sendall(data[at : at + size])
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


@pytest.fixture
def server():
    with SandboxServer() as running:
        yield running


# --- HTTP ------------------------------------------------------------------------------------------------------------


def test_a_connection_serves_many_requests(server):
    one = b"GET /products HTTP/1.1\r\nHost: x\r\n\r\n"
    assert talk(server, one * 3).count(b"HTTP/1.1 200 OK") == 3
    assert len({entry.client for entry in Remote(server.url).journal()}) == 1


def test_a_connection_is_closed_when_the_client_asks_for_it(server):
    closing = b"GET /products HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert talk(server, closing * 2).count(b"HTTP/1.1 200 OK") == 1
    assert talk(server, b"GET /products HTTP/1.0\r\n\r\n" * 2).count(b"HTTP/1.1 200 OK") == 1


def test_a_request_may_come_byte_by_byte(server):
    whole = b'\r\nPOST /products HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"n": 1 }'
    assert b"201 Created" in talk(server, whole, parts=len(whole))


def test_a_chunked_body_is_accepted(server):
    whole = (
        b"POST /products HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5;x=y\r\n{"n":\r\n3\r\n 1}\r\n0\r\nTrailer: x\r\n\r\nGET /products HTTP/1.1\r\n\r\n'
    )
    answer = talk(server, whole, parts=7)
    assert answer.count(b'"n":1') == 2


def test_a_client_that_waits_for_permission_gets_it(server):
    whole = b"POST /products HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
    assert talk(server, whole).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created")


def test_an_absolute_target_is_understood(server):
    assert b"200 OK" in talk(server, b"GET http://x/products?n=1 HTTP/1.1\r\n\r\n")
    assert Remote(server.url).journal()[0].query == "n=1"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /products HTTP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nspace : x\r\n\r\n", 400),
        (b"POST /p HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /p HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST /p HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 300_000, 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000, 431),
    ],
)
def test_what_is_no_request_gets_an_error_and_a_closed_connection(server, data, status):
    answer = talk(server, data)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer


@pytest.mark.parametrize("data", [b"GET /prod", b"POST /p HTTP/1.1\r\nContent-Length: 10\r\n\r\n{", b"\r\n", b""])
def test_a_client_that_leaves_halfway_is_forgotten(server, data):
    assert talk(server, data) == b""
    assert Remote(server.url).journal() == []


def test_an_idle_connection_is_closed():
    with SandboxServer(keep_alive_s=0.1) as server, socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.settimeout(5)
        assert idle.recv(10) == b""


def test_a_failure_of_its_own_is_a_500_and_is_told(server, capfd):
    server.remote.listing = None
    assert b"500 Internal" in talk(server, b"GET /products HTTP/1.1\r\n\r\n")
    assert "AttributeError" in capfd.readouterr().err


def test_many_clients_at_once_lose_and_double_nothing(tmp_path):
    with SandboxServer(journal=tmp_path / "journal", state=tmp_path / "state", ids="int") as server:

        def run(worker):
            with requests.Session() as session:
                session.trust_env = False
                return [
                    session.post(f"{server.url}/products", json={"n": f"{worker}-{n}"}, timeout=10).json()["id"]
                    for n in range(25)
                ]

        with ThreadPoolExecutor(8) as pool:
            ids = [item_id for some in pool.map(run, range(8)) for item_id in some]
        assert sorted(ids) == list(range(1, 201))
        assert [entry.seq for entry in Remote(server.url).journal()] == list(range(1, 201))
    assert len(read_journal(tmp_path / "journal")) == 200
    with SandboxServer(state=tmp_path / "state") as again:
        assert len({row["n"] for row in Remote(again.url).objects("products")}) == 200


def test_a_stopped_server_leaves_no_thread_and_no_port():
    before = threading.active_count()
    with SandboxServer(webhooks=[{"url": "http://127.0.0.1:9/"}]) as server:
        talk(server, b"PUT /products/1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
        idle = socket.create_connection(("127.0.0.1", server.port))
    idle.close()
    assert wait_until(lambda: threading.active_count() <= before, 10)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_server_that_was_never_started_can_be_stopped():
    SandboxServer().stop()


def test_a_wrong_option_is_refused_before_anything_listens():
    with pytest.raises(ConfigError):
        SandboxServer(ids="roman")


def test_a_file_that_cannot_be_opened_frees_the_port(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with pytest.raises(FileNotFoundError):
        SandboxServer(port=port, state=tmp_path / "no" / "state")
    with SandboxServer(port=port):
        pass


# --- a process of its own --------------------------------------------------------------------------------------------


def test_a_process_is_killed_and_comes_back_on_its_port_with_its_state(tmp_path):
    files = {"journal": tmp_path / "journal", "state": tmp_path / "state"}
    with SandboxProcess(**files, fsync=True, ids="int", unique=["email"]) as process:
        remote, url, pid = process.remote, process.url, process.pid
        requests.post(f"{url}/contacts", json={"email": "a"}, timeout=5)
        assert requests.post(f"{url}/contacts", json={"email": "a"}, timeout=5).status_code == 409
        process.kill()
        assert process.pid == 0
        with pytest.raises(ConnectFailed):
            remote.objects("contacts")
        process.restart()
        assert (process.url, process.pid == pid) == (url, False)
        assert [row["email"] for row in remote.objects("contacts")] == ["a"]
        assert len(remote.journal()) == 2


def test_a_process_can_be_paused(tmp_path):
    with SandboxProcess() as process:
        process.pause()
        with pytest.raises(ConnectFailed):
            Remote(process.url, timeout_s=0.2).objects("products")
        process.resume()
        assert process.remote.objects("products") == []
        process.pause()  # a suspended one is stopped all the same


def test_a_process_that_cannot_start_is_a_typed_error(capfd):
    with pytest.raises(ConnectFailed, match="code 2"):
        SandboxProcess(ids="roman").start()
    assert "ids is one of" in capfd.readouterr().err


def test_a_process_ends_with_its_parent():
    code = (
        "import os, sys\n"
        "from sync.testing.remote import SandboxProcess\n"
        "process = SandboxProcess().start()\n"
        "print(process.url, flush=True)\n"
        "os._exit(0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=20, check=True)
    url = done.stdout.decode().strip()
    Remote(url).wait(lambda: _gone(url), timeout_s=5)


def _gone(url):
    try:
        Remote(url, timeout_s=1).objects("products")
    except ConnectFailed:
        return True
    return False


def test_the_request_path_imports_nothing_else_of_the_library():
    code = (
        "import sys\n"
        "import sync.testing.sandbox.commandline\n"
        "names = {name for name in sys.modules if name.split('.')[0] in ('sync', 'tasks', 'django', 'requests')}\n"
        "print(sorted(name for name in names if not name.startswith('sync.testing.sandbox')))\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=20, check=True)
    assert done.stdout.decode().strip() == "['sync', 'sync.testing']"


def test_the_command_line_prints_one_line_of_json_and_ends_on_sigterm(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"ids": "int", "unique": ["email"]}')
    command = [sys.executable, "-m", "sync.testing.sandbox", "--config", str(config), "--token", "t", "--prefix", "/v2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        told = json.loads(process.stdout.readline())
        assert told["pid"] == process.pid
        headers = {"Authorization": "Bearer t"}
        answer = requests.post(f"{told['url']}/v2/contacts", json={}, headers=headers, timeout=5)
        assert answer.json()["id"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


# --- options of the command line -------------------------------------------------------------------------------------


def test_later_options_win_over_the_file(tmp_path):
    file = tmp_path / "config.json"
    file.write_text('{"ids": "int", "auth": {"basic": {"a": "b"}}}')
    given = {
        "config": str(file),
        "prefix": "/v2",
        "token": ["t"],
        "rate_limit": ["100/60", "5"],
        "set": ["ids=text", "page-size=5", 'unique=["email"]', "envelope=data"],
    }
    assert options_of(given) == {
        "ids": "text",
        "auth": {"basic": {"a": "b"}, "bearer": ["t"]},
        "prefix": "/v2",
        "rate_limits": [{"limit": 100, "per": 60.0}, {"limit": 5, "per": 60.0}],
        "page_size": 5,
        "unique": ["email"],
        "envelope": "data",
    }


@pytest.mark.parametrize(
    "given", [{"set": ["ids"]}, {"rate_limit": ["many"]}, {"config": "/nonexistent.json"}, {"config": __file__}]
)
def test_options_that_cannot_be_understood_are_refused(given):
    with pytest.raises(ConfigError):
        options_of(given)


def test_a_file_that_holds_no_object_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ConfigError, match="no JSON object"):
        options_of({"config": str(tmp_path / "config.json")})


def test_a_wrong_option_ends_the_command_line_with_2(capsys):
    assert main(["--set", "ids=roman"]) == 2
    assert capsys.readouterr().err.startswith("sandbox: ids is one of")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line_ends_in_order_on_a_signal(number, capsys, monkeypatch):
    monkeypatch.setattr("sync.testing.sandbox.commandline._print_line", lambda _: _signal_soon(number))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main([]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def _signal_soon(number):
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()


def test_the_command_line_ends_with_its_standard_input(monkeypatch, capsys):
    reading, writing = os.pipe()
    before = signal.getsignal(signal.SIGTERM)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        os.close(writing)
        try:
            assert main(["--until-stdin-closes"]) == 0
        finally:
            signal.signal(signal.SIGTERM, before)
    assert json.loads(capsys.readouterr().out)["port"] > 0


# --- manage.py crudsync_sandbox --------------------------------------------------------------------------------------


class Ended(Command):
    """The command, which reads its own health once it serves and is then stopped."""

    def _banner(self, server):
        super()._banner(server)
        with urllib.request.urlopen(f"{server.url}/__health__", timeout=5) as answer:
            self.stdout.write(f"ok {json.load(answer)['ok']}")
        _signal_soon(signal.SIGINT)


def test_the_management_command_shows_its_addresses_and_serves():
    out = StringIO()
    before = signal.getsignal(signal.SIGTERM)
    try:
        call_command(Ended(stdout=out, no_color=True), port=0)
    finally:
        signal.signal(signal.SIGTERM, before)
    text = out.getvalue()
    assert "Sandbox remote at http://127.0.0.1:" in text
    assert "/__journal__" in text
    assert "ok True" in text
    assert text.endswith("Stopped.\n")


def test_the_management_command_refuses_a_wrong_option():
    with pytest.raises(CommandError, match="ids is one of"):
        call_command(Command(), set=["ids=roman"])
