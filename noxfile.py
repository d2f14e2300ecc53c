"""The tests with every interpreter and Django that this machine has: ``nox``."""

from __future__ import annotations

import nox

nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "venv"

DJANGOS = {"5.2": ("3.11", "3.12", "3.13"), "6.0": ("3.12", "3.13")}
PAIRS = [(python, django) for django, pythons in DJANGOS.items() for python in pythons]


@nox.session
@nox.parametrize(("python", "django"), PAIRS, ids=[f"py{python}-django{django}" for python, django in PAIRS])
def tests(session: nox.Session, django: str) -> None:
    """Run the tests on SQLite, and on PostgreSQL where ``-- --pg`` is given."""
    session.install("-e", ".[beat,postgres,demo,test]", f"Django~={django}.0")
    session.run("python", "-m", "pytest", *session.posargs)
