"""The settings reference says what ``sync/conf.py`` says."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from sync import conf
from sync.integrators import options

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/settings.md"
ENTRY = re.compile(r"^    (\w+): (.+)$")


def explained() -> dict[str, str]:
    """Return what the docstring of Settings says of each key."""
    found: dict[str, str] = {}
    name = ""
    for line in inspect.getdoc(conf.Settings).split("Args:\n")[1].splitlines():  # type: ignore[union-attr]
        if entry := ENTRY.match(line):
            name, found[entry[1]] = entry[1], entry[2]
        else:
            found[name] += f" {line.strip()}"
    return found


def shown(field: Any) -> str:
    default = field.default if field.default is not MISSING else field.default_factory()
    return f"`{default!r}`"


def table() -> str:
    words = {name: text.replace("``", "`") for name, text in explained().items()}
    rows = [f"| `{field.name}` | {shown(field)} | {words[field.name]} |" for field in fields(conf.Settings)]
    return "\n".join(["| key | default | what it is |", "|---|---|---|", *rows])


def test_every_setting_is_explained() -> None:
    assert list(explained()) == list(conf.NAMES)


def test_the_reference_holds_the_table_of_all_settings() -> None:
    assert table() in PAGE.read_text()


def test_the_reference_names_every_option_of_an_integrator() -> None:
    text = PAGE.read_text()
    assert [name for name in options.OF_SETTINGS if f"`{name}`" not in text] == []
