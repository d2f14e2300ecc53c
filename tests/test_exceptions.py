from __future__ import annotations

import inspect
import pickle
import re
from typing import Any

import pytest

from sync import exceptions
from sync.exceptions import CrudSyncError, RateLimitExceeded, RemoteError, Throttled, UnknownIntegrator

CLASSES: list[type[Any]] = [
    cls for _, cls in inspect.getmembers(exceptions, inspect.isclass) if issubclass(cls, CrudSyncError)
]


def drawn() -> dict[str, str | None]:
    """The tree of the module's docstring: each name, and its parent's."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in str(exceptions.__doc__).splitlines():
        found = re.match(r"^    ([│ ]*)(?:[├└]── )?([A-Z]\w+)(?:\s{2,}|$)", line)
        if found:
            depth = len(found[1]) // 4 + ("──" in line)
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else None
    return parents


def test_the_tree_that_is_drawn_is_the_one_that_there_is() -> None:
    assert drawn() == {cls.__name__: None if cls is CrudSyncError else cls.__mro__[1].__name__ for cls in CLASSES}


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z][a-z_]*", code) for code in codes)


def test_every_error_says_what_it_is() -> None:
    assert all(cls.__doc__ for cls in CLASSES)


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_without_arguments_is_a_sentence_all_the_same(cls: type[Any]) -> None:
    error = cls()
    assert str(error)
    assert error.code == cls.code
    assert isinstance(error, CrudSyncError)


def test_a_hint_follows_the_sentence() -> None:
    error = UnknownIntegrator("no integrator is named 'x'", hint="did you mean 'y'?")
    assert (error.message, error.code) == ("no integrator is named 'x'", "unknown_integrator")
    assert str(error) == "no integrator is named 'x' (did you mean 'y'?)"


def test_a_code_may_be_given_for_one_case() -> None:
    assert CrudSyncError("x", code="special").code == "special"
    assert CrudSyncError.code == "error"


def test_a_limit_says_how_long_to_wait() -> None:
    assert RateLimitExceeded(retry_after_s=1.234).retry_after_s == 1.234
    assert str(RateLimitExceeded(retry_after_s=1.234)) == "no token free; the next one in 1.23 s"
    assert str(RateLimitExceeded("said otherwise", hint="wait")) == "said otherwise (wait)"


def test_a_remotes_error_has_its_status_and_its_wish() -> None:
    error = Throttled("slow down", status_code=429, retry_after_s=7.0)
    assert (error.status_code, error.retry_after_s) == (429, 7.0)
    assert (RemoteError().status_code, RemoteError().retry_after_s) == (0, None)


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_survives_the_way_to_another_process(cls: type[Any]) -> None:
    error = pickle.loads(pickle.dumps(cls("a sentence", code="a_code", hint="a hint")))
    assert (type(error), str(error), error.code, error.hint) == (cls, "a sentence (a hint)", "a_code", "a hint")
