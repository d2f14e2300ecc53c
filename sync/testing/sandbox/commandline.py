"""The options of ``python -m sync.testing.sandbox`` and of ``manage.py crudsync_sandbox``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sync.testing.sandbox.config import ConfigError
from sync.testing.sandbox.server import SandboxServer

Announce = Callable[[SandboxServer], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the sandbox's options to a parser."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (the default)")
    parser.add_argument("--prefix", default="", help="leading path that is cut off, such as /v2")
    parser.add_argument("--journal", metavar="FILE", help="append every request to FILE as a JSON line")
    parser.add_argument("--state", metavar="FILE", help="keep the objects in FILE, so that they survive a restart")
    parser.add_argument("--fsync", action="store_true", help="sync both files to disk before each answer")
    parser.add_argument("--token", action="append", default=[], help="accept this bearer token only (repeatable)")
    parser.add_argument("--rate-limit", action="append", default=[], metavar="N/SECONDS", help="such as 100/60")
    parser.add_argument("--config", metavar="FILE", help="a JSON object of options")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one option; VALUE is JSON")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="stop when standard input ends: with the parent process"
    )


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``Config`` options that parsed arguments name; later ones win.

    Raises:
        ConfigError: a file cannot be read, or a value cannot be understood.
    """
    options: dict[str, Any] = _file(given["config"]) if given.get("config") else {}
    if given.get("prefix"):
        options["prefix"] = given["prefix"]
    if given.get("token"):
        options["auth"] = {**options.get("auth", {}), "bearer": list(given["token"])}
    if given.get("rate_limit"):
        options["rate_limits"] = [_limit(text) for text in given["rate_limit"]]
    for text in given.get("set") or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set takes NAME=VALUE, not {text!r}")
        options[name.strip().replace("-", "_")] = _value(value)
    return options


def run(given: Mapping[str, Any], announce: Announce) -> None:
    """Serve until SIGTERM, Ctrl-C, or the end of standard input where that was asked for.

    Raises:
        ConfigError: an option makes no sense.
        OSError: the port is taken.
    """
    ended = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
    files = {name: given.get(name) for name in ("journal", "state")}
    server = SandboxServer(
        host=given["host"], port=given["port"], fsync=bool(given.get("fsync")), **files, **options_of(given)
    )
    with server:
        announce(server)
        if given.get("until_stdin_closes"):
            threading.Thread(target=_watch_stdin, args=(ended,), daemon=True).start()
        try:
            ended.wait()
        except KeyboardInterrupt:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox in this process. Prints one JSON line with its URL when it is ready."""
    parser = argparse.ArgumentParser(prog="python -m sync.testing.sandbox", description=__doc__)
    add_options(parser)
    try:
        run(vars(parser.parse_args(arguments)), _print_line)
    except (ConfigError, OSError) as exc:
        sys.stderr.write(f"sandbox: {exc}\n")
        return 2
    return 0


def _print_line(server: SandboxServer) -> None:
    told = {"url": server.url, "host": server.host, "port": server.port, "pid": os.getpid()}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _watch_stdin(ended: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        continue
    ended.set()


def _file(path: str) -> dict[str, Any]:
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}") from exc
    if not isinstance(told, dict):
        raise ConfigError(f"{path} holds no JSON object")
    return told


def _limit(text: str) -> dict[str, Any]:
    limit, _, per = text.partition("/")
    try:
        return {"limit": int(limit), "per": float(per or 60)}
    except ValueError as exc:
        raise ConfigError(f"--rate-limit takes N/SECONDS, not {text!r}") from exc


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
