"""The option ``--pg``. Loaded by ``-p``: the server must be up before pytest-django reads the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.postgres import PostgresServer

VARIABLE = "DATABASE_URL"

_started: list[PostgresServer] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pg", action="store_true", help="start a PostgreSQL for this run and use it")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: Any, parser: pytest.Parser, args: list[str]) -> Iterator[None]:
    options = parser.parse_known_args(args)
    is_worker = "PYTEST_XDIST_WORKER" in os.environ  # it inherits the address of the controller's server
    if options.pg and not is_worker and not (options.help or options.version):
        _start()
    return (yield)


def _start() -> None:
    server = PostgresServer(hasty=True)  # no test cuts the power; a server that a test breaks is another one
    _started.append(server)
    server.start()
    os.environ[VARIABLE] = server.url


def pytest_unconfigure() -> None:
    while _started:
        _started.pop().remove()


def postgres_server() -> PostgresServer | None:
    """Return the server that this run started, None where it started none (or another process of the run did)."""
    return _started[-1] if _started else None
