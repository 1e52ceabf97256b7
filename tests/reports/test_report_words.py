"""The reports' own words: complete in three languages, with the number beside every probability."""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from string import Formatter
from typing import get_args

import pytest

from connector.registry import Provider
from reports.errors import WordsError
from reports.names import LANGUAGES, Language, names, plain
from reports.reasons import not_recognised_yet
from reports.words import above_phrase, label, top_phrase, words
from scoring.records import Rule

TABLE = list(csv.DictReader(files("reports").joinpath("words.csv").read_text(encoding="utf-8").splitlines()))
SCRIPTS = {"bn": re.compile(r"[\u0980-\u09ff]"), "hi": re.compile(r"[\u0900-\u097f]")}


def placeholders(text: str) -> set[str]:
    return {found for _, found, _, _ in Formatter().parse(text) if found}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["key"])
def test_every_word_exists_in_every_language_with_the_same_placeholders(row: dict[str, str]) -> None:
    assert all(row[language].strip() == row[language] != "" for language in LANGUAGES)
    assert placeholders(row["en"]) == placeholders(row["bn"]) == placeholders(row["hi"])
    letters = re.sub(r"\{\w+\}|&[PN]", "", row["en"])
    if re.search(r"[a-z]{2}", letters):
        assert all(script.search(row[language]) for language, script in SCRIPTS.items())


def test_no_key_stands_in_the_table_twice() -> None:
    keys = [row["key"] for row in TABLE]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("probability", "phrase"),
    [
        (1.0, "almost certainly among the best fifth (99 in 100)"),
        (0.95, "almost certainly among the best fifth (95 in 100)"),
        (0.88, "very likely among the best fifth (88 in 100)"),
        (0.6, "probably among the best fifth (60 in 100)"),
        (0.5, "we cannot tell if among the best fifth (50 in 100)"),
        (0.2, "probably not among the best fifth (20 in 100)"),
        (0.0, "very unlikely to be among the best fifth (1 in 100)"),
    ],
)
def test_a_probability_is_a_fixed_phrase_and_its_number(probability: float, phrase: str) -> None:
    assert top_phrase(probability, "en") == phrase


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("hundredths", range(101))
def test_no_phrase_in_any_language_stands_without_its_number(hundredths: int, language: Language) -> None:
    for phrase in (top_phrase(hundredths / 100, language), above_phrase(hundredths / 100, language)):
        assert "100" in phrase
        assert phrase.endswith(")")


def test_a_missing_word_is_told_with_its_key() -> None:
    with pytest.raises(WordsError, match=r"no row 'page\.nothing'"):
        words("en")("page.nothing")


def test_an_unknown_language_is_told_with_the_known_ones() -> None:
    with pytest.raises(WordsError, match="en, bn, hi"):
        words("ta")  # type: ignore[arg-type]


def test_a_label_says_each_language_with_that_languages_values() -> None:
    made = label("reason.see_place", name=label("roles.police"))
    assert (made.en, made.bn) == ("See instead: Police.", "এর বদলে দেখুন: পুলিশ।")


@pytest.mark.parametrize("rule", sorted(set(get_args(Rule)) - {"comparison", "hold"}))
def test_every_rule_of_recognition_that_scoring_names_is_known_here(rule: Rule) -> None:
    said = list(not_recognised_yet((rule,)))
    assert len(said) == 1
    assert not re.search(r"\d", said[0].en)


def test_whatever_would_change_a_rating_is_known_here() -> None:
    ours = {row["key"] for row in TABLE if row["key"].startswith("change.")}
    own = csv.DictReader(files("scoring").joinpath("sentences.csv").read_text(encoding="utf-8").splitlines())
    assert ours == {row["key"] for row in own if row["key"].startswith("change.")}


def test_names_lose_what_cannot_be_seen_and_keep_the_joiners_of_their_script() -> None:
    assert plain("\x00Rina\u202e\t Das\n") == "Rina Das"
    assert plain("ক্\u200cষ क्\u200dष") == "ক্\u200cষ क्\u200dष"


def test_of_several_postings_the_latest_says_where_somebody_works() -> None:
    import datetime as dt

    def posting(block: str, since: dt.date | None) -> Provider:
        return Provider(
            name="hw_1",
            label="Rina",
            label_bn="রিনা",
            label_hi="",
            label_en="",
            kind="person",
            office="",
            role="health_worker",
            block=block,
            district="303",
            state="19",
            since=since,
            until=None,
            served=7,
        )

    made = names([posting("303_b02", dt.date(2026, 4, 1)), posting("303_b01", None)])
    assert made["hw_1"].block == "303_b02"
    assert (made["hw_1"].label.en, made["hw_1"].label.text("hi"), made["hw_1"].served) == ("Rina", "Rina", 7)
