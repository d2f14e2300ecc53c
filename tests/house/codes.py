"""Every stable code that the package can write, found in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("sync", "tasks")
SURFACES = ("sync/admin", "sync/api", "sync/dashboard", "sync/management", "sync/monitoring")
STRANGERS = ("sync/testing", "sync/migrations", "sync/checks", *SURFACES)
"""The sandbox is a remote, system checks have ids, and surfaces explain their own words; but a story tells of these:"""

TOLD = ("sync/monitoring/probe.py",)

NAMES = ("code", "CODE", "CODES")


def codes() -> dict[str, str]:
    """Return each code with the first place that says it."""
    found: dict[str, str] = {}
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name in TOLD or not name.startswith(STRANGERS):
            for code, line in _said(ast.parse(path.read_text())):
                found.setdefault(code, f"{name}:{line}")
    return found


def _said(tree: ast.Module) -> Iterator[tuple[str, int]]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        for value in _values(node):
            for each in ast.walk(value):
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.isidentifier():
                    yield each.value, each.lineno
                elif isinstance(each, ast.Name) and each.id in constants:
                    yield constants[each.id], each.lineno


def _values(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that become a code: an argument, an attribute, a local name, what a function of codes returns."""
    if (isinstance(node, ast.keyword) and node.arg == "code") or _assigns(node):
        yield from _plain(node.value)
    elif isinstance(node, ast.FunctionDef) and node.name == "code_of":
        yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value is not None)


def _plain(value: ast.expr) -> Iterator[ast.expr]:
    """Leave out what a call or a comparison only looks at."""
    if isinstance(value, ast.Constant | ast.Name):
        yield value
    elif isinstance(value, ast.IfExp):
        yield from (*_plain(value.body), *_plain(value.orelse))
    elif isinstance(value, ast.BoolOp | ast.Dict):
        for each in value.values:
            yield from _plain(each)


def _assigns(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return any(_named(target) for target in node.targets)
    return isinstance(node, ast.AnnAssign) and node.value is not None and _named(node.target)


def _named(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id in NAMES
