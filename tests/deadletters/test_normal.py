"""What is said of many objects in the same words is one complaint, whatever their values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.deadletters.normal import without_values

SAID = [
    ("Too long.", "Too long."),
    ("name 'Mr. X' is taken", "name … is taken"),
    ("name 'O'Brien' is taken", "name … is taken"),
    ("it can't be blank, and mustn't be short", "it can't be blank, and mustn't be short"),
    ('the sku "A\\"B" is taken', "the sku … is taken"),
    ("‘red’ and “blue” and `green` and «grün»", "… and … and … and …"),
    ("one of 'a', 'b', 'c'", "one of …"),
    ("price -12.50 is below 0", "price # is below #"),
    ("$1,299.00 is 5% too much", "$# is #% too much"),
    ("No such customer: cus_Nff4rFeUfNV2Hi", "No such customer: #"),
    ("No such customer: cus_NffrFeUfNVHibq", "No such customer: #"),
    ("object 550e8400-abcd-41d4-a716-446655440000 is gone", "object # is gone"),
    ("digest deadbeefdeadbeefcafe is unknown", "digest # is unknown"),
    ("not before 2026-11-24T12:58:39.123+01:00", "not before #"),
    ("since Tue, 24 Nov 2026 12:58:39 GMT", "since #"),
    ("since November 24, 2026 at 1:05 PM", "since # at #"),
    ("ann.b+x@mail.shop.test is taken", "# is taken"),
    ("ids 1, 2 and 3", "ids # and #"),
    ("items.12.price", "items.#.price"),
    ("/data/12/sku", "/data/#/sku"),
    ("group:4 has r12", "group:# has #"),
    ("  a\n\tb\x00c\ud800 ", "a b c"),
    ("", ""),
]


@pytest.mark.parametrize(("said", "kept"), SAID)
def test_values_are_taken_out_and_words_stay(said: str, kept: str) -> None:
    assert without_values(said) == kept


words = st.text(alphabet=st.characters(whitelist_categories=("Ll", "Lu")), min_size=1, max_size=8)
values = st.one_of(
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(lambda value: f"{value:f}"),
    st.uuids().map(str),
    st.dates().map(str),
    st.datetimes(timezones=st.just(None)).map(lambda value: value.isoformat()),
    st.datetimes().map(lambda value: value.strftime("%d %b %Y")),
    st.emails(domains=st.just("shop.test")).filter(lambda text: re.fullmatch(r"[\w.+-]+@[\w.-]+", text) is not None),
)
quoted = st.text(alphabet=st.characters(blacklist_characters="\"'\\", blacklist_categories=("Cs",))).flatmap(
    lambda text: st.sampled_from([f'"{text}"', f"'{text}'"])
)


@st.composite
def two_of_one_kind(draw: st.DrawFn) -> tuple[str, str]:
    """Two messages of one template, each with values of its own."""
    first, second = [], []
    for _ in range(draw(st.integers(1, 4))):
        word = draw(words)
        slot = draw(st.sampled_from([values, quoted]))
        first += [word, draw(slot)]
        second += [word, draw(slot)]
    return " ".join(first), " ".join(second)


@given(two_of_one_kind())
def test_messages_that_differ_in_values_alone_are_one(said: tuple[str, str]) -> None:
    assert without_values(said[0]) == without_values(said[1])


signs = st.text(alphabet="\"'“”‘’«»`\\#…@ -+.,:;/_aF1ZPMGMT\n")


@given(st.text() | signs)
def test_taking_values_out_again_changes_nothing(said: str) -> None:
    once = without_values(said)
    assert without_values(once) == once


@given(st.text(max_size=400) | signs)
def test_no_digit_and_nothing_that_cannot_be_stored_stays(said: str) -> None:
    left = without_values(said)
    assert not re.search(r"\d", left)
    assert left.isprintable()
    left.encode()


@given(st.lists(words, min_size=1, max_size=12))
def test_plain_words_stay_as_they_are(said: list[str]) -> None:
    text = " ".join(said)
    if not re.search("(?i)jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|[0-9a-f]{16}", text):
        assert without_values(text) == text


@pytest.mark.parametrize("said", ["x" * 10**6, "x@" * 10**5, "'a" * 10**5, "a." * 10**5, "1 " * 10**5, '"\\' * 10**5])
def test_a_text_of_any_length_is_cut_before_it_is_looked_at(said: str) -> None:
    assert without_values(said) == without_values(said[:1000])
