"""Kinto, a CRUD server of other people's: installed from PyPI into an environment of its own, and started."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import requests

from project.servers import LOOPBACK, free_port, wait_until
from tests.servers.process import Process, ProcessFailed

REQUIREMENTS = ("kinto>=20", "setuptools<81")  # it finds its own version by pkg_resources, which is gone after that
INSTALL_S = 300
USER = ("shop", "of no account")
BUCKET = "shop"

SETTINGS = """
[server:main]
use = egg:waitress#main
host = {host}
port = {port}

[app:main]
use = egg:kinto
kinto.userid_hmac_secret = of-no-account
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.bucket_create_principals = system.Authenticated
multiauth.policies = basicauth

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = line

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = line

[formatter_line]
format = %(message)s
"""


class NotInstalled(RuntimeError):
    """pip could not install it; the message holds the end of what it said."""


def install(home: Path) -> Path:
    """Make a virtual environment with Kinto in it, unless there is one, and return the path of its program.

    Raises:
        NotInstalled: there is no index to install it from, or none that has it for this Python.
    """
    program = home / "bin" / "kinto"
    if not _runs(program):
        venv.create(home, with_pip=True, clear=True)
        pip = [
            str(home / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries",
            "2",
        ]
        _run([*pip, *REQUIREMENTS])
        if not _runs(program):
            raise NotInstalled(f"{program} was installed and does not run on Python {sys.version.split()[0]}")
    return program


def _runs(program: Path) -> bool:
    return program.exists() and subprocess.run([program, "version"], capture_output=True, check=False).returncode == 0


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"pip was not done within {INSTALL_S} s") from error
    if done.returncode:
        raise NotInstalled(done.stderr[-2000:])


class Kinto:
    """A running server that keeps everything in memory.

    Args:
        program: the path of ``kinto``.
        home: a directory for its settings and its log.
    """

    def __init__(self, program: Path, home: Path) -> None:
        self.port = free_port()
        settings = home / "kinto.ini"
        settings.write_text(SETTINGS.format(host=LOOPBACK, port=self.port))
        command = [str(program), "start", "--ini", str(settings), "--port", str(self.port)]
        self.process = Process(f"kinto-{self.port}", command, env=dict(os.environ), home=home)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = USER

    @property
    def url(self) -> str:
        """The URL below which the collections of the shop's bucket are."""
        return f"http://{LOOPBACK}:{self.port}/v1/buckets/{BUCKET}/collections/"

    def start(self) -> Self:
        """Start it, and return once it answers.

        Raises:
            ProcessFailed: it does not within half a minute.
        """
        self.process.start()
        if not wait_until(self._answers, 30, every_s=0.1):
            raise ProcessFailed(f"Kinto did not start\n{self.process.tail()}")
        return self

    def stop(self) -> None:
        """Stop it; what it held is gone."""
        self.session.close()
        self.process.stop()

    def empty(self, *collections: str) -> None:
        """Let the bucket hold these collections, with nothing in them."""
        self._ask("PUT", self.url.removesuffix("/collections/"))
        self._ask("DELETE", self.url.removesuffix("/"))
        for name in collections:
            self._ask("PUT", self.url + name)

    def records(self, collection: str) -> list[dict[str, Any]]:
        """Return what a collection holds, in the order of names."""
        rows: list[dict[str, Any]] = self._ask("GET", f"{self.url}{collection}/records?_sort=name")["data"]
        return rows

    def edit(self, collection: str, record: str, **fields: Any) -> None:
        """Change a record, as somebody else would."""
        self._ask("PATCH", f"{self.url}{collection}/records/{record}", {"data": fields})

    def remove(self, collection: str, record: str) -> None:
        """Delete a record, as somebody else would."""
        self._ask("DELETE", f"{self.url}{collection}/records/{record}")

    def _ask(self, method: str, url: str, body: Any = None) -> Any:
        response = self.session.request(method, url, json=body, timeout=10)
        response.raise_for_status()
        return response.json()

    def _answers(self) -> bool:
        try:
            return self.session.get(f"http://{LOOPBACK}:{self.port}/v1/", timeout=1).ok
        except requests.RequestException:
            if not self.process.running:
                raise ProcessFailed(f"Kinto ended\n{self.process.tail()}") from None
            return False
