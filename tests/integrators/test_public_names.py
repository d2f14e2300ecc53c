from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import sync
from sync import _HOMES


@pytest.mark.parametrize("name", sync.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(sync, name) is not None
    assert name in dir(sync)


def test_the_lists_of_public_names_agree() -> None:
    table = sorted(name for names in _HOMES.values() for name in names)
    assert table == sorted(sync.__all__)
    tree = ast.parse(inspect.getsource(sync))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == {name: home for home, names in _HOMES.items() for name in names}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = sync.no_such_name  # type: ignore[attr-defined]


def test_importing_the_package_loads_no_models() -> None:
    code = "import sync, sync.apps, sys; sys.exit('sync.models' in sys.modules or 'sync.integrators' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
