"""A set of ids behaves as a set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.reconcile.idset import IdSet

numbers = st.integers(min_value=0, max_value=2**40) | st.integers(min_value=0, max_value=20_000)


@given(added=st.lists(numbers), removed=st.lists(numbers), kept=st.sets(numbers), asked=numbers)
def test_it_holds_what_a_set_would_hold(added: list[int], removed: list[int], kept: set[int], asked: int) -> None:
    ids, others = IdSet(), IdSet()
    removed += added[::3]
    kept |= set(added[::2])
    for number in added:
        ids.add(number)
    for number in kept:
        others.add(number)
    for number in removed:
        ids.discard(number)
    model = set(added) - set(removed)
    assert (list(ids), len(ids), asked in ids) == (sorted(model), len(model), asked in model)
    ids.keep(others)
    assert list(ids) == sorted(model & kept)


def test_a_million_dense_ids_take_little_memory() -> None:
    ids = IdSet()
    for number in range(0, 1_000_000, 100):
        ids.add(number)
    assert sum(len(page) for page in ids._pages.values()) < 130_000
