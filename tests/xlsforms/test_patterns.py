"""Patterns of `regex()`: the same verdict as Python's own matcher, in a time that no pattern can stretch."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from talking import WriteForm

from xlsforms import FormError
from xlsforms.patterns import MAX_MATCHED, compile_pattern

ATOMS = st.sampled_from(
    [
        r"a",
        r"b",
        r"1",
        r"_",
        r".",
        r"\d",
        r"\w",
        r"\s",
        r"\D",
        r"\W",
        r"\.",
        r"[ab]",
        r"[^a1]",
        r"[a-c1-3]",
        r"[\d_-]",
        r"[b-]",
        r"\x61",
        r"\u0062",
        r"ক",
        r"[ক-হ]",
    ]
)


def patterns() -> st.SearchStrategy[str]:
    """Patterns both matchers read alike."""

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        repeated = st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,}", "*?", "+?"]))
        return st.one_of(
            st.lists(inner, max_size=4).map("".join),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
            repeated.map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
            inner.map(lambda part: f"^{part}$"),
            inner.map(lambda part: rf"\b{part}"),
        )

    return st.recursive(ATOMS, grown, max_leaves=12)


@settings(max_examples=400, deadline=None)
@given(pattern=patterns(), text=st.text("ab1_. ক-\n", max_size=8))
def test_the_verdict_is_that_of_pythons_matcher(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).matches(text) is (
        re.compile(pattern, re.ASCII).fullmatch(text) is not None
    )


@pytest.mark.parametrize(
    ("pattern", "text", "verdict"),
    [
        ("^[0-9]{10}$", "0123456789", True),
        ("^[0-9]{10}$", "012345678", False),
        ("[A-Z]{2}-?\\d+", "WB-19", True),
        ("(?i)yes|no", "YES", True),
        ("(?i)[a-f]+", "aBcF", True),
        (r"\p{L}[\p{L}\p{M} ]*", "রিনা দাস", True),
        (r"\p{Lu}\P{L}+", "A12", True),
        (r"\p{Alpha}+", "abc", True),
        ("a|", "", True),
        ("", "", True),
        ("()", "", True),
        ("(a*)*b", "aab", True),
        ("[.]", "x", False),
        (r"[\]\[]+", "[]", True),
        (".", "\u2028", False),
    ],
)
def test_patterns_of_forms_match_as_in_java(pattern: str, text: str, verdict: bool) -> None:
    assert compile_pattern(pattern).matches(text) is verdict


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a)\1", "references to earlier groups are not understood"),
        ("(?=a)b", r"only '\(\?:' is understood"),
        ("(?<!a)b", r"only '\(\?:' is understood"),
        ("a*+", "possessive"),
        ("a**", "repeated without brackets"),
        ("[a-z&&[^b]]", "need a backslash"),
        ("(a", "a bracket is not closed"),
        ("a)", "a bracket is closed that was not opened"),
        ("[a", "it ends too early"),
        ("*a", "nothing to repeat"),
        ("a{x}", "must be followed by numbers"),
        ("a{3,2}", "must be followed by numbers"),
        ("[z-a]", "from a lower to a higher"),
        (r"\y", r"'\\y' is not understood"),
        (r"\p{Bengalese}", "is not understood"),
        ("(a{100}){100}", "it repeats too much"),
        ("a" * 501, "longer than 500 characters"),
        ("(" * 60 + ")" * 60, "nested too deeply"),
    ],
)
def test_what_is_not_understood_is_refused_and_said(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 40 + "!"),
        ("(a|aa)+", "a" * 1999 + "!"),
        ("(a|a|a|a)*b", "a" * 2000),
        ("((a*)*)*b", "a" * 2000),
        ("(.*a){20}", "a" * 2000 + "b"),
        ("(a?){200}a{200}", "a" * 200),
        ("([a-zA-Z0-9]+\\s?)*$", "word " * 399 + "!"),
    ],
)
def test_no_pattern_stretches_the_time(pattern: str, text: str) -> None:
    began = time.process_time()
    compile_pattern(pattern).matches(text)
    assert time.process_time() - began < 1.0


def test_the_known_bomb_is_answered_in_a_tenth_of_a_second() -> None:
    began = time.process_time()
    assert not compile_pattern("(a+)+$").matches("a" * 40 + "!")
    assert time.process_time() - began < 0.1


def test_a_text_longer_than_any_answer_to_a_pattern_does_not_match() -> None:
    assert compile_pattern("a*").matches("a" * MAX_MATCHED)
    assert not compile_pattern("a*").matches("a" * (MAX_MATCHED + 1))


def test_a_pattern_that_is_not_understood_stops_the_form(write_form: WriteForm) -> None:
    with pytest.raises(
        FormError, match=r"question q, constraint .*references to earlier groups are not understood"
    ):
        write_form(r"""
            | survey |
            | | type | name | label | constraint |
            | | text | q | Q | regex(., '(a)\1') |
            """)
