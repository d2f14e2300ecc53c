from __future__ import annotations

import socket
from typing import Any

import pytest
import requests
from requests import exceptions as theirs
from urllib3 import exceptions as lower

from sync import exceptions as ours
from sync.http.failures import typed

CANARY = "https://h/?token=c4n4ry"


def pool() -> Any:
    return object()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (theirs.ConnectTimeout(CANARY), ours.ConnectFailed),
        (theirs.ReadTimeout(CANARY), ours.DeadlineExceeded),
        (theirs.SSLError(CANARY), ours.TlsFailed),
        (theirs.ProxyError(CANARY), ours.ConnectFailed),
        (theirs.ChunkedEncodingError(CANARY), ours.ConnectionLost),
        (theirs.ContentDecodingError(CANARY), ours.BadBody),
        (theirs.InvalidURL(CANARY), ours.ConfigurationError),
        (theirs.InvalidSchema(CANARY), ours.ConfigurationError),
        (theirs.InvalidHeader(CANARY), ours.ConfigurationError),
        (requests.ConnectionError(CANARY), ours.ConnectionLost),
        (requests.ConnectionError(), ours.ConnectionLost),
        (requests.ConnectionError(ConnectionRefusedError(CANARY)), ours.ConnectFailed),
        (requests.ConnectionError(lower.NewConnectionError(pool(), CANARY)), ours.ConnectFailed),
        (requests.ConnectionError(lower.NameResolutionError("h", pool(), socket.gaierror())), ours.NameNotResolved),
        (
            requests.ConnectionError(lower.MaxRetryError(pool(), CANARY, lower.NewConnectionError(pool(), CANARY))),
            ours.ConnectFailed,
        ),
        (requests.ConnectionError(lower.ProtocolError(CANARY, ConnectionResetError())), ours.ConnectionLost),
        (requests.ConnectionError(RuntimeError(CANARY)), ours.ConnectionLost),
        (lower.ProtocolError(CANARY), ours.ConnectionLost),
        (lower.LocationParseError(CANARY), ours.ConfigurationError),
        (ConnectionRefusedError(CANARY), ours.ConnectFailed),
        (ConnectionResetError(CANARY), ours.ConnectionLost),
        (socket.gaierror(CANARY), ours.NameNotResolved),
        (TimeoutError(CANARY), ours.DeadlineExceeded),
        (OSError(CANARY), ours.ConnectionLost),
        (KeyError(CANARY), ours.DeliveryUnknown),
    ],
)
def test_an_exception_of_a_library_becomes_ours_and_tells_nothing(error: Exception, expected: type[Exception]) -> None:
    mine = typed(error)
    assert type(mine) is expected
    assert "c4n4ry" not in str(mine)


def test_an_error_of_ours_stays_itself() -> None:
    error = ours.BodyTooLarge("x")
    assert typed(error) is error
