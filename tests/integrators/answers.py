"""Answers as requests gives them."""

from __future__ import annotations

import json
from typing import Any

import requests

from sync.types import Answer


def response(status: int = 200, body: Any = None, **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    if body is not None:
        made._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        made.headers["Content-Type"] = "application/json"
    else:
        made._content = b""
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


def answer(status: int = 200, body: Any = None, **headers: str) -> Answer:
    return Answer(response=response(status, body, **headers))
