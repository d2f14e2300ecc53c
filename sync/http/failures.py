"""What an exception of the libraries below means, as one of ours."""

from __future__ import annotations

import socket

import requests
from requests import exceptions as theirs
from urllib3 import exceptions as lower

from sync.exceptions import (
    BadBody,
    ConfigurationError,
    ConnectFailed,
    ConnectionLost,
    CrudSyncError,
    DeadlineExceeded,
    DeliveryUnknown,
    NameNotResolved,
    TlsFailed,
)

_TABLE: tuple[tuple[type[BaseException], type[CrudSyncError], str], ...] = (
    (theirs.ConnectTimeout, ConnectFailed, "no connection in time"),
    (theirs.SSLError, TlsFailed, "the TLS handshake failed"),
    (theirs.ProxyError, ConnectFailed, "no connection through the proxy"),
    (theirs.Timeout, DeadlineExceeded, "no answer within the deadline"),
    (theirs.ContentDecodingError, BadBody, "the body is not in the encoding it says"),
    (theirs.ChunkedEncodingError, ConnectionLost, "the connection broke in the middle of the body"),
    (theirs.InvalidURL, ConfigurationError, "the URL is not valid"),
    (theirs.MissingSchema, ConfigurationError, "the URL is not valid"),
    (theirs.InvalidSchema, ConfigurationError, "the URL is neither http nor https"),
    (theirs.InvalidHeader, ConfigurationError, "a header is not valid"),
    (lower.NameResolutionError, NameNotResolved, "the host name has no address"),
    (lower.NewConnectionError, ConnectFailed, "no connection"),
    (lower.ConnectTimeoutError, ConnectFailed, "no connection in time"),
    (lower.LocationValueError, ConfigurationError, "the URL is not valid"),
    (socket.gaierror, NameNotResolved, "the host name has no address"),
    (ConnectionRefusedError, ConnectFailed, "the connection was refused"),
    (TimeoutError, DeadlineExceeded, "no answer within the deadline"),
    (OSError, ConnectionLost, "the connection broke"),
    (lower.HTTPError, ConnectionLost, "the connection broke"),
)


def typed(error: Exception) -> CrudSyncError:
    """Return the error of ours that says what this one means; its text is never taken over, it may hold a secret.

    Args:
        error: from requests, urllib3, the socket module, or one of ours already.
    """
    if isinstance(error, CrudSyncError):
        return error
    # requests raises one ConnectionError for everything; what it was is in its argument.
    cause = _innermost(error) if type(error) is requests.ConnectionError else error
    for theirs_class, ours, sentence in _TABLE:
        if isinstance(cause, theirs_class):
            return ours(sentence)
    if isinstance(error, OSError):
        return ConnectionLost("the connection broke")
    return DeliveryUnknown(f"the call failed with {type(error).__name__}", code="client_error")


def _innermost(error: BaseException) -> BaseException:
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    return _innermost(inner) if isinstance(inner, BaseException) and inner is not error else error
