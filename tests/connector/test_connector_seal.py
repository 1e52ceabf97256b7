"""Pseudonyms say nothing without the key, texts open with the other key alone, codes check themselves."""

from __future__ import annotations

import hmac

import pytest
from connector_worlds import CODE, KEYS, TEXT_PRIVATE
from hypothesis import example, given
from hypothesis import strategies as st

from connector import GiveUp, Keys, SkipRecord, is_code, new_code, new_key, new_pair, open_text

CODES = st.integers(0, 10**8 - 1).map(new_code)


@given(CODES)
def test_a_new_code_checks_itself(code: str) -> None:
    assert len(code) == 10
    assert is_code(code)
    assert int(code) % 97 == 1


@given(CODES, st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_is_noticed(code: str, place: int, digit: int) -> None:
    wrong = code[:place] + str(digit) + code[place + 1 :]
    assert is_code(wrong) == (wrong == code)


@given(CODES, st.integers(0, 8))
def test_two_swapped_neighbours_are_noticed(code: str, place: int) -> None:
    wrong = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert is_code(wrong) == (wrong == code)


@pytest.mark.parametrize(
    "text", ["", "1", "12345678901", "১২৩৪৫৬৭৮৯০", " 000000001", "000000000a", "0000000001\n"]
)
def test_what_is_not_ten_digits_is_no_code(text: str) -> None:
    assert not is_code(text)


def test_a_number_that_is_too_large_makes_no_code() -> None:
    with pytest.raises(ValueError, match="100,000,000"):
        new_code(10**8)


@given(CODES)
def test_a_pseudonym_never_holds_its_code(code: str) -> None:
    pseudonym = KEYS.survivor(code)
    assert len(pseudonym) == 32
    assert code not in pseudonym
    assert pseudonym == KEYS.survivor(code)


@example(b"k" * 65, CODE)
@given(st.binary(min_size=1, max_size=200), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_pseudonym_is_hmac_sha256_of_the_kind_and_the_code(key: bytes, code: str) -> None:
    expected = hmac.new(key, b"survivor\0" + code.encode(), "sha256").hexdigest()
    assert Keys(key, KEYS.text_public).survivor(code) == expected[:32]


def test_another_key_gives_another_pseudonym() -> None:
    other = Keys.from_hex(pseudonym=new_key(), text_public=new_pair()[1])
    assert other.survivor(CODE) != KEYS.survivor(CODE)


def test_a_survivor_is_never_taken_for_a_collector() -> None:
    names = {
        KEYS.survivor(CODE),
        KEYS.collector(CODE),
        KEYS.receipt(CODE),
        KEYS.erasure(CODE, ""),
        KEYS.version(CODE, ""),
    }
    assert len(names) == 5


def test_the_writer_cannot_read_a_sealed_text() -> None:
    sealed = KEYS.seal("she helped me")
    assert b"she helped me" not in sealed
    assert open_text(sealed, TEXT_PRIVATE) == "she helped me"
    with pytest.raises(SkipRecord, match="another key"):
        open_text(sealed, new_key())


def test_the_keys_do_not_show_themselves() -> None:
    assert repr(KEYS) == "Keys()"


@pytest.mark.parametrize("key", ["", "11" * 31, "zz" * 32])
def test_a_wrong_key_is_told_without_repeating_it(key: str) -> None:
    with pytest.raises(GiveUp, match="64 hexadecimal digits; make new keys with `shakti keys new`") as caught:
        Keys.from_hex(pseudonym=key, text_public=new_pair()[1])
    assert not key or key not in str(caught.value)
