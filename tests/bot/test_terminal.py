"""A form talked in the terminal, and the conversation talked there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from speaking import NOW, AtTheDesk
from test_conversation import TO_REVIEW, stored

from bot.outbox import KeyPair, Outbox
from bot.terminal import EndOfReplies, converse, interview
from xlsforms import Form, load_form, read_instance


def talk(form: Form, *replies: str, language: str | None = "en") -> tuple[dict[str, str], list[str]]:
    said: list[str] = []
    given: Iterator[str] = iter(replies)
    xml = interview(form, given, said.append, language=language, now=lambda: NOW, instance_id="uuid:test")
    assert next(given, None) is None, "a reply was left over"
    return dict(read_instance(xml).answers), said


def test_every_question_is_asked_in_order_and_the_instance_returned(visit: Form) -> None:
    answers, said = talk(visit, "yes", "3", "20/11/2026", "1 3", "2.5", "well")
    assert answers["when/last"] == "2026-11-20"
    assert answers["places"] == "home school"
    assert answers["meta/instanceID"] == "uuid:test"
    assert said[0] == "About a visit."
    assert said[-1] == "That was all."


def test_an_empty_reply_skips_and_where_that_is_not_allowed_the_question_stays(visit: Form) -> None:
    answers, said = talk(visit, "", "yes", "", "", "", "", "")
    assert set(answers) == {"met", "meta/instanceID"}
    assert any("needed" in line for line in said)


def test_the_word_for_it_skips_in_every_language_but_not_where_an_answer_is_needed(visit: Form) -> None:
    answers, said = talk(visit, "skip", "yes", "skip", "বাদ দিন", "छोड़ दें", "skip", "skip")
    assert set(answers) == {"met", "meta/instanceID"}
    assert any("did not find that" in line for line in said)


def test_a_reply_that_does_not_fit_says_why_and_the_next_answers_the_same_question(visit: Form) -> None:
    answers, said = talk(visit, "perhaps", "yes", "12", "many", "4", "", "", "", "")
    assert answers["when/times"] == "4"
    assert any("Between 0 and 8" in line for line in said)
    assert any("did not find that" in line for line in said)


def test_the_form_speaks_its_language_and_labels_of_all_are_read(visit: Form) -> None:
    answers, said = talk(visit, "हाँ", "৩", "", "অফিসে", "", "ঠিক", language="বাংলা (bn)")
    assert answers["places"] == "office"
    assert any("দেখা হয়েছে?" in line for line in said)


def test_when_replies_run_out_the_open_question_is_named(visit: Form) -> None:
    with pytest.raises(EndOfReplies, match=r"still open: when/times \(How often\?\)") as caught:
        talk(visit, "yes")
    assert caught.value.path == "when/times"


def test_a_closed_gate_ends_the_real_form_at_once(forms: tuple[Form, ...]) -> None:
    answers, said = talk(forms[0], "no", "no")
    assert answers["adult"] == "no"
    assert any("1098" in line for line in said)


def test_the_whole_conversation_is_talked_by_lines_and_button_titles(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair
) -> None:
    said: list[str] = []
    spoken = converse(person.clerk, [*TO_REVIEW[:-1], "Skip", "Send"], said.append)
    assert "It is saved." in spoken[-1].text
    assert len(said) == len(spoken)
    assert stored(outbox, keys)[0]["provider"]


TRIPS = """
| survey | | | | |
| | type | name | label::English (en) | label::বাংলা (bn) |
| | begin_repeat | trip | Trip | যাত্রা |
| | integer | km | How far? | কত দূর? |
| | end_repeat | | | |
| settings | | | | |
| | form_id | version | | |
| | trips | 1 | | |
"""


def test_parts_that_stand_several_times_are_asked_until_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "trips.md").write_text(TRIPS.strip() + "\n", encoding="utf-8")
    form = load_form(tmp_path / "trips.md")
    answers, said = talk(form, "3", "yes", "4", "perhaps", "no")
    assert (answers["trip[1]/km"], answers["trip[2]/km"]) == ("3", "4")
    assert any("Trip 2" in line for line in said)
    assert sum("Is there another one?" in line for line in said) == 2
    answers, said = talk(form, "৩", "হ্যাঁ", "৪", "না", language="বাংলা (bn)")
    assert answers["trip[2]/km"] == "4"
    assert any("যাত্রা ২" in line for line in said)
