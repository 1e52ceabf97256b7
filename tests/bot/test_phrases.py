"""The tables of words: complete in every language, and clear about what is wrong when they are not."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

import bot
from bot.errors import WordsError
from bot.phrases import Words, load_words
from bot.understand import CONTROLS, script_language

TODAY = dt.date(2026, 11, 23)
TABLES = ("phrases.csv", "lexicon.csv", "helplines.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tables, to be spoilt."""
    for table in TABLES:
        shutil.copy(Path(bot.__file__).parent / table, tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_sentence_is_written_in_the_script_of_its_language(words: Words) -> None:
    without_letters = {"helpline", "review_line", "section"}
    for key, texts in words.phrases.texts.items():
        if key not in without_letters:
            assert (script_language(texts["bn"]), script_language(texts["hi"])) == ("bn", "hi"), key
            assert script_language(texts["en"]) is None, key


def test_the_words_that_work_everywhere_exist_in_five_ways_of_writing(words: Words) -> None:
    text = (Path(bot.__file__).parent / "lexicon.csv").read_text(encoding="utf-8")
    rows = [line.split(",")[:2] for line in text.splitlines()]
    for meaning in (*CONTROLS, "affirm", "deny", *(f"number:{n}" for n in range(21))):
        ways = {way for found, way in rows if found == meaning}
        assert {"en", "bn", "hi", "bn-Latn", "hi-Latn"} <= ways, meaning


def test_an_empty_cell_is_named_by_row_key_and_language(folder: Path) -> None:
    change(folder / "phrases.csv", "Skip,বাদ দিন,", "Skip,,")
    with pytest.raises(
        WordsError, match=r"phrases\.csv, row \d+ \(button_skip\): the cell bn is empty; fill it"
    ):
        load_words(folder)


def test_a_lost_placeholder_is_named(folder: Path) -> None:
    change(folder / "phrases.csv", "লিখে নিলাম: {answer}", "লিখে নিলাম")
    with pytest.raises(
        WordsError, match=r"\(noted\): the text in bn must have the same placeholders .*\{answer\}"
    ):
        load_words(folder)


def test_a_placeholder_that_is_not_closed_is_named(folder: Path) -> None:
    change(folder / "phrases.csv", "I noted: {answer}", "I noted: {answer")
    with pytest.raises(WordsError, match=r"row \d+: a \{placeholder\} is not closed"):
        load_words(folder)


def test_a_key_that_is_there_twice_is_named(folder: Path) -> None:
    with (folder / "phrases.csv").open("a", encoding="utf-8") as file:
        file.write("saved,a,খ,ग\n")
    with pytest.raises(WordsError, match="saved is there twice"):
        load_words(folder)


def test_a_missing_column_is_named(folder: Path) -> None:
    change(folder / "phrases.csv", "key,en,bn,hi", "key,en,bn,or")
    with pytest.raises(WordsError, match=r"phrases\.csv: the column hi is missing"):
        load_words(folder)


def test_a_table_saved_by_a_spreadsheet_with_a_byte_order_mark_is_read(folder: Path) -> None:
    path = folder / "phrases.csv"
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_words(folder) == load_words()


def test_a_table_in_another_encoding_is_refused_in_words(folder: Path) -> None:
    (folder / "lexicon.csv").write_bytes("meaning,language\nকী".encode("utf-16"))
    with pytest.raises(WordsError, match=r"lexicon\.csv: save it as CSV in UTF-8"):
        load_words(folder)


def test_national_numbers_are_always_shown_and_181_not_in_west_bengal(words: Words) -> None:
    numbers = [line.number for line in words.helplines_for("19", TODAY + dt.timedelta(days=3650))]
    assert {"112", "1098", "15100", "14416"} <= set(numbers)
    assert "181" not in numbers
    assert words.emergency_number() == "112"


def test_a_local_number_is_shown_in_its_state_while_its_check_is_fresh(folder: Path) -> None:
    with (folder / "helplines.csv").open("a", encoding="utf-8") as file:
        file.write("20,12345,Invented,উদ্ভাবিত,काल्पनिक,crisis,2026-09-01,Invented for this test\n")
    words = load_words(folder)

    def numbers(state: str | None, day: dt.date) -> list[str]:
        return [line.number for line in words.helplines_for(state, day)]

    assert "12345" in numbers("20", dt.date(2026, 11, 23))
    assert "12345" not in numbers("19", dt.date(2026, 11, 23))
    assert "12345" not in numbers("20", dt.date(2026, 12, 1))


def test_a_date_of_verification_that_is_none_is_named(folder: Path) -> None:
    change(folder / "helplines.csv", "2025-12-13", "last week")
    with pytest.raises(WordsError, match=r"helplines\.csv, row 2: verified_on is a date .* not 'last week'"):
        load_words(folder)


def test_there_must_be_an_emergency_number(folder: Path) -> None:
    change(folder / "helplines.csv", "emergency", "other")
    with pytest.raises(WordsError, match="kind emergency"):
        load_words(folder)
