"""Every code that can be met is explained, and the reference says the same."""

from __future__ import annotations

import re

from sync.models import STUCK, State
from sync.monitoring.codes import CODES
from tests.house.codes import ROOT, codes

MADE = {f"parent_{state}" for state in (*STUCK, State.ABSENT)} | {"unlinked", "no_row", "not_in_scope"}
"""Codes that are put together, or handed on by name."""

OF_OTHERS = {"key_in_use", "no_token"}
"""Codes that an integrator of the user's own may give."""


def test_every_code_in_the_source_is_explained() -> None:
    said = codes()
    assert len(said) > 100
    unexplained = {code: place for code, place in said.items() if code not in CODES}
    assert not unexplained, f"explain these in sync/monitoring/codes.py: {unexplained}"
    assert set(CODES) >= MADE


def test_no_code_is_explained_that_nothing_says() -> None:
    assert set(CODES) - set(codes()) - MADE == OF_OTHERS


def test_an_explanation_is_a_sentence() -> None:
    for code, word in CODES.items():
        assert re.fullmatch(r"[A-Z].*\.", word.meaning), code
        assert not word.cure or re.fullmatch(r"[A-Z].*[.)]", word.cure), code


def test_the_reference_has_every_code_with_its_meaning() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text()
    lines = [f"| `{code}` | {word.meaning} | {word.cure} |" for code, word in sorted(CODES.items())]
    missing = [line for line in lines if line not in text.splitlines()]
    assert not missing, "\n".join(["add to docs/reference/errors.md:", *missing])
    listed = re.findall(r"^\| `(\w+)` \| [^`|]+ \|", text.partition("## Every code")[2], re.MULTILINE)
    assert listed == sorted(CODES)
