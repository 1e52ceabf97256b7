"""Every rating says why and what would change it, in three languages, with a number beside every probability."""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from string import Formatter
from typing import Any, get_args

import pytest
from scoring_samples import by_provider, rated, world
from test_scoring_lists import TWINS, changed, decided, rating

from scoring import Settings, SettingsError, explain
from scoring.explain import CLASSES, Language, needed_change, reasons
from scoring.lists import decide
from scoring.records import Rule

LANGUAGES: tuple[Language, ...] = get_args(Language)
TABLE = list(
    csv.DictReader(files("scoring").joinpath("sentences.csv").read_text(encoding="utf-8").splitlines())
)
SCRIPTS = {"bn": re.compile(r"[\u0980-\u09ff]"), "hi": re.compile(r"[\u0900-\u097f]")}


def placeholders(text: str) -> set[str]:
    return {found for _, found, _, _ in Formatter().parse(text) if found}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["key"])
def test_every_sentence_is_there_in_every_language_with_the_same_numbers(row: dict[str, str]) -> None:
    assert placeholders(row["en"]) == placeholders(row["bn"]) == placeholders(row["hi"])
    assert all(script.search(row[language]) for language, script in SCRIPTS.items())
    assert all(row[language].strip() == row[language] != "" for language in LANGUAGES)


def test_no_key_stands_twice() -> None:
    assert len({row["key"] for row in TABLE}) == len(TABLE)


def test_every_rule_has_a_sentence() -> None:
    keys = {row["key"] for row in TABLE}
    assert {f"rule.{name}" for name in get_args(Rule)} <= keys
    assert {f"above.{name}" for _, name in CLASSES} <= keys


@pytest.mark.parametrize(
    ("p_top", "p_above", "sentence"),
    [
        (0.97, 1.0, "Almost certainly (97 in 100) among the best fifth of its peers."),
        (1.0, 1.0, "Almost certainly (99 in 100) among the best fifth of its peers."),
        (0.80, 1.0, "Very likely (80 in 100) among the best fifth of its peers."),
        (0.60, 1.0, "Probably (60 in 100) among the best fifth of its peers."),
        (0.59, 0.95, "Almost certainly (95 in 100) better than the middle of its peers."),
        (0.1, 0.5, "We cannot tell (50 in 100) if it is better than the middle of its peers."),
        (0.1, 0.2, "Probably not (20 in 100) better than the middle of its peers."),
        (0.0, 0.0, "Very unlikely (1 in 100) to be better than the middle of its peers."),
    ],
)
def test_a_probability_is_a_fixed_phrase_with_its_number(p_top: float, p_above: float, sentence: str) -> None:
    assert decided(rating(p_top=p_top, p_above=p_above))["sw_1"].reasons[0] == sentence


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("hundredths", range(0, 101, 4))
def test_no_probability_stands_without_its_number_in_any_language(
    hundredths: int, language: Language
) -> None:
    p = hundredths / 100
    one = rating(p_top=p, p_above=max(p, 0.3))
    number = explain.in_100(p if p >= 0.6 else max(p, 0.3))
    first = reasons(one, Settings(), language)[0]
    assert re.search(rf"\b{number}\b", first)
    assert "100" in first


def test_another_share_than_a_fifth_is_said_as_a_number() -> None:
    settings = Settings(top_share=0.3)
    assert "the best 30 in 100 of its peers" in decide([rating()], settings)[0].reasons[0]
    assert "30" in reasons(rating(), settings, "hi")[0]


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ({}, "next_time"),
        ({"hold": "review"}, "review"),
        ({"score": None, "p_top": None, "p_above": None}, "more_voices"),
        ({"p_top": None, "p_above": None}, "more_peers"),
        ({"p_top": 0.1, "p_above": 0.7}, "narrower"),
        ({"p_top": 0.0, "p_above": 0.02}, "better"),
        ({"p_top": 0.5, "sure_with": 2}, "twice"),
        ({"p_top": 0.5, "sure_with": 4}, "four_times"),
        ({"p_top": 0.5}, "better"),
        ({"n": 9}, "more_voices"),
        ({"reliability": 0.4}, "more_voices"),
        ({"p_top_without_one": 0.5}, "more_sources"),
        ({"collectors": 1, "chat_share": 0.0}, "other_ways"),
    ],
)
def test_what_would_change_it_is_the_first_thing_that_is_needed(given: dict[str, Any], change: str) -> None:
    one = decided(rating(**given))["sw_1"]
    assert needed_change(one) == change
    assert one.reasons[-1] == explain.say(f"change.{change}")


def test_somebody_who_is_surely_among_the_best_but_cut_from_the_list_is_told_so() -> None:
    low = Settings(recognise_p=0.5, recognise_p_small=0.5)
    some = [rating(f"sw_{p}", p_top=p / 100) for p in (60, 55)]
    assert needed_change(decided(*some, settings=low)["sw_55"]) == "surer_list"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_case_says_at_least_why_and_what_would_change_it_in_its_script(language: Language) -> None:
    cases = [
        *(rating(**twin) for _, twin in TWINS),
        rating(),
        rating(n=0, score=None, p_top=None, p_above=None),
        rating(p_top=0.0, p_above=0.01),
        rating(modes_comparable=False, held_by=("red flag", "odd answers"), hold="review"),
        changed(),
    ]
    for (one,) in (decide([case], Settings()) for case in cases):
        said = reasons(one, Settings(), language)
        assert len(said) >= 2
        assert all(SCRIPTS[language].search(sentence) for sentence in said if language in SCRIPTS)
        assert not any("{" in sentence for sentence in said)


def test_odd_answers_and_red_flags_are_told_apart() -> None:
    flag = decided(rating(hold="review", held_by=("red flag",)))["sw_1"].reasons
    odd = decided(rating(hold="review", held_by=("odd answers",)))["sw_1"].reasons
    assert any("red flag" in sentence for sentence in flag)
    assert any("look odd" in sentence for sentence in odd)
    assert not any("red flag" in sentence for sentence in odd)


def test_improvement_and_good_practice_are_said() -> None:
    said = " ".join(decided(changed())["sw_1"].reasons)
    assert "Clearly better than in the first half of the window." in said
    learnt = " ".join(reasons(rating(highlights=("dignity", "patience")), Settings()))
    assert "Others can learn from it: respect, privacy, no discrimination, a real choice; patience." in learnt


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="en, bn, hi"):
        reasons(rating(), Settings(), "ta")  # type: ignore[arg-type]


def test_about_twice_as_many_answers_are_promised_only_where_they_would_suffice() -> None:
    """Rated again with every answer twice over: who was told that this would do is then sure enough."""
    rows, registry, _ = world(seed=12, providers=44, voices=(8, 20), tau=7.0)
    found = by_provider(rated(rows, registry))
    told = [name for name, one in found.items() if one.sure_with == 2 and one.unit == "person"]
    assert told
    for name in told:
        again = [
            {**row, "evaluation": f"{row['evaluation']}x", "survivor": f"{row['survivor']}x"}
            for row in rows
            if row["provider"] == name
        ]
        twice = by_provider(rated([*rows, *again], registry))[name]
        assert (twice.p_top or 0.0) >= Settings().recognise_p - 0.05
