"""Every way out goes past the guard: calls, redirects, pages, locations, token endpoints, sessions for SDKs."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sync import conf
from sync.connectors.links import follow
from sync.connectors.oauth2 import OAuth2ClientCredentials
from sync.connectors.options import RestOptions
from sync.connectors.pagination import NextUrlPaginator
from sync.connectors.rest import RestConnector
from sync.exceptions import ConfigurationError, CrudSyncError, NotSent, PaginationError
from sync.http import Transport, guard
from sync.http.pool import Pool
from sync.types import Request
from tests.http.conftest import Handler, RawServer, ok

Serve = Callable[[Handler | bytes], RawServer]


@pytest.fixture
def inner() -> Iterator[tuple[int, list[Any]]]:
    """A service on an address that may not be called, and who came."""
    came: list[Any] = []
    with socket.create_server(("127.0.0.2", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    came.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    for each in came:
        each.close()


@pytest.fixture(autouse=True)
def _one_host(settings: Any) -> None:
    settings.DEBUG = False
    settings.CRUDSYNC = {**settings.CRUDSYNC, "allow_networks": ["127.0.0.1/32"]}


HOSTS = [
    "127.0.0.2", "127.0.2", "0x7f.0.0.2", "2130706434", "0x7f000002", "017700000002", "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]", "[0:0:0:0:0:ffff:127.0.0.2]", "[64:ff9b::7f00:2]", "[::127.0.0.2]", "127.0.0.2.", "0.0.0.0", "0",
    "[::]", "[::1]", "[fe80::1%25lo]", "[fe80::1%lo]", "１２７.0.0.2", "127。0。0。2", "localhost.", "ⓛocalhost",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_no_spelling_of_an_inner_address_is_called(
    host: str, inner: tuple[int, list[Any]], transport: Transport
) -> None:
    port, came = inner
    answer = transport.send(Request(method="GET", url=f"http://{host}:{port}/", timeout_s=5, connect_s=2))
    assert isinstance(answer.error, NotSent | ConfigurationError)
    assert answer.error.hint or answer.error.code == "bad_url"
    assert not came


@pytest.mark.parametrize(
    "url", ["ftp://h/", "file:///etc/passwd", "gopher://h/", "http://u:p@h/", "http:///x", "//h/", ""]
)
def test_a_url_that_is_no_plain_http_is_not_sent(url: str, transport: Transport) -> None:
    answer = transport.send(Request(method="GET", url=url, timeout_s=2))
    assert isinstance(answer.error, NotSent | ConfigurationError)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE"])
def test_no_redirect_leads_inside(
    serve: Serve, transport: Transport, inner: tuple[int, list[Any]], status: int, method: str
) -> None:
    port, came = inner
    server = serve(ok(b"", f"Location: http://127.0.0.2:{port}/", status=f"{status} Elsewhere"))
    answer = transport.send(Request(method=method, url=server.url, redirects=method in ("GET", "HEAD"), timeout_s=5))
    assert answer.response is not None
    assert answer.response.status_code == status
    assert (len(server.requests), came) == (1, [])


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.2:{port}/",
        "//127.0.0.2:{port}/",
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1/",
        "http://a@127.0.0.1/",
    ],
)
def test_no_page_leads_to_another_origin(serve: Serve, inner: tuple[int, list[Any]], link: str) -> None:
    port, came = inner
    body = f'{{"rows": [{{"id": 1}}], "next": "{link.format(port=port)}"}}'.encode()
    server = serve(ok(body, "Content-Type: application/json"))
    rest = RestConnector(base_url=server.url)
    options = RestOptions(endpoint="n", paginator=NextUrlPaginator(), items="rows")
    with pytest.raises(PaginationError) as caught:
        list(rest.listing(options, headers={"Authorization": "Bearer c4n4ry"}))
    assert caught.value.code == "other_origin"
    assert (len(server.requests), came) == (1, [])


def test_a_read_of_ones_own_cannot_leave_the_base_url(serve: Serve) -> None:
    rest = RestConnector(base_url="http://127.0.0.1/v2/")
    for path in ("http://127.0.0.2/", "//127.0.0.2/", "../x", "a/../../x", "a\r\nX: 1"):
        with pytest.raises(ConfigurationError):
            rest.get(path)


def test_a_token_endpoint_is_guarded_too(inner: tuple[int, list[Any]]) -> None:
    port, came = inner
    auth = OAuth2ClientCredentials(f"http://127.0.0.2:{port}/token", "shop", "secret")
    with pytest.raises(NotSent):
        auth._ask({"client_id": "shop", "client_secret": "secret"})
    assert not came


@pytest.mark.parametrize("redirected", [False, True])
def test_a_session_for_an_sdk_is_guarded_too(
    serve: Serve, transport: Transport, inner: tuple[int, list[Any]], redirected: bool
) -> None:
    port, came = inner
    target = f"http://127.0.0.2:{port}/"
    server = serve(ok(b"", f"Location: {target}", status="302 Found"))
    session = transport.session()
    with pytest.raises((CrudSyncError, requests.RequestException)):
        session.get(server.url if redirected else target, timeout=5)
    assert not came


def test_proxies_of_the_environment_are_not_used(
    serve: Serve, transport: Transport, inner: tuple[int, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, came = inner
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.2:{port}")
    server = serve(ok())
    assert transport.send(Request(method="GET", url=server.url, timeout_s=5)).response is not None
    assert transport.session().get(server.url, timeout=5).status_code == 200
    assert not came


@pytest.mark.parametrize("answers", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
def test_of_a_name_with_two_addresses_only_the_one_that_may_be_called_is(
    monkeypatch: pytest.MonkeyPatch, answers: list[str]
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in answers]
    assert [each[4][0] for each in guard.admit("h", found)] == ["127.0.0.1"]


@pytest.mark.parametrize("link", ["https://api.test:443/x", "https://API.test/x", "/x", "?a=1"])
def test_a_link_on_the_same_origin_is_followed(link: str) -> None:
    assert follow("https://api.test/a", link).startswith("https://")


def test_certificates_are_always_verified_in_production(settings: Any) -> None:
    settings.DEBUG = False
    with pytest.raises(ConfigurationError) as caught:
        Transport(verify=False)
    assert caught.value.code == "tls_not_verified"
    assert caught.value.hint
    settings.DEBUG = True
    Transport(verify=False).close()


def test_no_setting_and_no_variable_turns_verification_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [name for name in conf.NAMES if "verify" in name or "tls" in name or "ssl" in name]
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONHTTPSVERIFY"):
        monkeypatch.setenv(name, "0")
    context = Pool("https://api.test", 1, True)._context
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
