"""``python -m project.demo``: the whole house on this machine, with sample data, in one command."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.fernet import Fernet

from project.servers import LOOPBACK, free_port, is_free
from project.stack import ROOT, Stack, StackError

WEB_PORT = 8000
SANDBOX_PORT = 8100
LOGIN = "admin"

INVITATION = """
  Shop, states and history   http://{host}:{web}/admin/      login {login}, password {login}
  Its API                    http://{host}:{web}/api/crudsync/v1/docs/, once you have logged in there
  Sandbox remote             {sandbox}
  What the processes say     {log}

  The sample rows are on their way now; the list of products shows which of them have arrived. Then try:
  * change a product: the sandbox shows it within a second, and the product's Sync history who, when and how long
  * create a category under another one, and a product in it: parents go first
  * delete a product, and look for it in the sandbox
  * make a product a draft: it is held, with the reason, until it is published
  * break the remote, then change a product:
      curl -X POST {sandbox}__faults__ -d '{{"do": "status", "status": 503, "times": 3}}'

  Ctrl-C stops everything.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo, and return its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        with _home(options) as home:
            return _run(home, options)
    except StackError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: stopped")
        return 0 if not options.once else 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m project.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="seed, wait until all is synced, report, and end")
    parser.add_argument("--count", type=int, default=100, help="products to have (default 100)")
    parser.add_argument("--verbose", action="store_true", help="show what web, worker and beat say here")
    parser.add_argument("--port", type=int, help=f"of the site (default {WEB_PORT}, or a free one)")
    parser.add_argument("--home", type=Path, help="where it keeps its files (default .demo; --once: a fresh place)")
    parser.add_argument("--timeout", type=float, default=120, help="seconds that --once waits (default 120)")
    return parser


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _home(options: argparse.Namespace) -> Iterator[Path]:
    """Yield the directory of what the demo keeps: a fresh one for --once, else the one of last time.

    With a database of one's own it is always the lasting one: the sandbox's objects belong to that database's rows.
    """
    if options.home is None and options.once and "DATABASE_URL" not in os.environ:
        with tempfile.TemporaryDirectory(prefix="crudsync-demo-") as name:
            yield Path(name)
        return
    home = (options.home or ROOT / ".demo").resolve()
    home.mkdir(exist_ok=True)
    yield home


def _run(home: Path, options: argparse.Namespace) -> int:
    web = _port(options.port, 0 if options.once else WEB_PORT, "the site")
    sandbox = _port(None, 0 if options.once else SANDBOX_PORT, "the sandbox")
    with Stack(home, _environment(home, sandbox), quiet=options.once or not options.verbose) as stack:
        print("demo: starting Redis, the sandbox remote, web, worker and beat …", flush=True)
        if not os.environ.get("REDIS_URL"):
            stack.env["REDIS_URL"] = stack.start_redis()
        stack.manage("migrate", "--verbosity=0")
        stack.manage("shop_superuser", LOGIN)
        stack.start_sandbox(sandbox, home / f"sandbox-{_digest(stack.env['DATABASE_URL'])}.jsonl")
        stack.start_site(web)
        started = time.monotonic()
        stack.manage("shop_seed", f"--count={options.count}")
        if options.once:
            return _report(stack, options.timeout, started)
        log = "here" if options.verbose else f"tail -f {os.path.relpath(home / 'site.log')}"
        known = {"host": LOOPBACK, "web": web, "sandbox": stack.env["SANDBOX_URL"], "login": LOGIN, "log": log}
        print(INVITATION.format(**known), flush=True)
        stack.wait()
    return 0


def _report(stack: Stack, timeout_s: float, started: float) -> int:
    code = stack.manage("shop_agree", f"--timeout={timeout_s:g}", check=False)
    print(f"seconds from the first row to the last answer: {time.monotonic() - started:.1f}")
    if code:
        print(f"demo: the sides do not agree. The site's last words:\n{stack.tail('site')}", file=sys.stderr)
    return code


def _port(wanted: int | None, usual: int, what: str) -> int:
    """Return a port for a server: the wanted one or an error, else the usual one or a free one."""
    if wanted is not None:
        if not is_free(wanted):
            raise StackError(f"port {wanted} is taken: give {what} another one with --port")
        return wanted
    if usual and is_free(usual):
        return usual
    port = free_port()
    if usual:
        print(f"demo: port {usual} is taken; {what} uses {port}")
    return port


def _environment(home: Path, sandbox: int) -> dict[str, str]:
    """Return the environment of all processes: what is set already goes before what the demo chooses."""
    chosen = {
        "DEBUG": "1",
        "ENV_FILE": os.devnull,
        "DATABASE_URL": f"sqlite:///{home / 'demo.sqlite3'}",
        "CRUDSYNC_ENCRYPTION_KEYS": _key(home / "encryption.key"),
    }
    needed = {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "SANDBOX_URL": f"http://{LOOPBACK}:{sandbox}/",
        "HOST": LOOPBACK,
        "GUNICORN_CMD_ARGS": "--no-control-socket",
        "PYTHONUNBUFFERED": "1",
    }
    return {**chosen, **os.environ, **needed}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _key(file: Path) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(Fernet.generate_key())
    return file.read_text()


if __name__ == "__main__":
    sys.exit(main())
