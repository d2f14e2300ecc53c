"""The table of faults names a test for every row, and each of those tests is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.servers.process import ROOT

PAGE = ROOT / "docs/explanation/delivery.md"
HEADING = "## Every fault, and its test"
COLUMNS = 4
REFERENCE = re.compile(r"`([a-z_/]+\.py)::(test_[a-z0-9_]+)`")


def rows() -> list[list[str]]:
    """The cells of each row, without the table's head."""
    section = PAGE.read_text().split(HEADING, 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def defined_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_every_row_says_how_it_is_injected_what_was_measured_and_which_test_shows_it(row: list[str]) -> None:
    assert len(row) == COLUMNS
    assert all(row)
    references = REFERENCE.findall(row[2])
    assert references
    for file, name in references:
        assert name in defined_in(ROOT / "tests" / file)


def test_the_table_is_not_cut_short() -> None:
    assert len(rows()) > 40
