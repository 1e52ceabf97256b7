"""An interview asks, refuses, goes back, and ends in an instance."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from talking import NOW, Talk, WriteForm

from xlsforms import (
    FormError,
    Refused,
    answer,
    back,
    begin,
    current,
    finish,
    go_to,
    prompt,
    read_instance,
    review,
    set_answer,
    set_language,
    skip,
    value,
)

Begin = Callable[..., Talk]

VISIT = """
| survey |
| | type | name | label::English (en) | label::বাংলা (bn) | hint::English (en) | required | required_message::English (en) | relevant | constraint | constraint_message::English (en) | constraint_message::বাংলা (bn) |
| | start | start | | | | | | | | | |
| | end | end | | | | | | | | | |
| | today | today | | | | | | | | | |
| | note | hello | Hello | নমস্কার | | | | | | | |
| | select_one yes_no | met | Did you meet? | দেখা হয়েছে? | Any time | yes | Please say | | | | |
| | begin_group | talk | The talk | কথা | | | | ${met} = 'yes' | | | |
| | integer | visits | How often? | কতবার? | | | | | . >= 1 and . < 100 | One or more | এক বা তার বেশি |
| | date | last | When, of ${visits} times? | কবে? | | | | ${visits} > 1 | . <= today() | | |
| | end_group | | | | | | | | | | |
| | select_multiple topic | topics | About what? | কী নিয়ে? | | | | | | | |
| | text | said | What was said? | কী কথা? | | | | | | | |
| choices |
| | list_name | name | label::English (en) | label::বাংলা (bn) |
| | yes_no | yes | Yes | হ্যাঁ |
| | yes_no | no | No | না |
| | topic | money | Money | টাকা |
| | topic | papers | Papers | কাগজ |
| settings |
| | form_id | version | default_language | instance_name |
| | visit | 2026112301 | বাংলা (bn) | concat('Visit ', today()) |
"""


@pytest.fixture
def visit(talk: Begin) -> Talk:
    return talk(VISIT, language="en")


def test_questions_come_in_the_order_of_the_form_and_only_those_that_apply(visit: Talk) -> None:
    order = []
    for text in ("", "yes", "1", "money", "thanks"):
        order.append(visit.asks)
        visit.say(text)
    assert order == ["hello", "met", "talk/visits", "topics", "said"]
    assert visit.asks is None


def test_a_group_that_does_not_apply_is_passed_over(visit: Talk) -> None:
    assert visit.say("", "no").asks == "topics"


def test_a_prompt_carries_everything_a_question_needs_to_be_asked(visit: Talk) -> None:
    shown = visit.say("").prompt
    assert (shown.path, shown.kind, shown.label, shown.hint) == (
        "met",
        "select_one",
        "Did you meet?",
        "Any time",
    )
    assert [(choice.name, choice.label) for choice in shown.choices] == [("yes", "Yes"), ("no", "No")]
    assert (shown.required, shown.section, shown.value) == (True, None, "")
    assert (shown.position, shown.total) == (1, 3)  # met, topics, said: notes are not counted
    inside = visit.say("yes").prompt
    assert (inside.section, inside.position, inside.total) == ("The talk", 2, 4)


def test_values_are_filled_into_labels(visit: Talk) -> None:
    assert visit.say("", "yes", "3").prompt.label == "When, of 3 times?"


def test_an_answer_that_breaks_its_constraint_is_refused_in_the_language_of_the_interview(
    visit: Talk,
) -> None:
    visit.say("", "yes")
    with pytest.raises(Refused) as caught:
        visit.say("0")
    assert (caught.value.path, caught.value.kind, caught.value.message) == (
        "talk/visits",
        "constraint",
        "One or more",
    )
    visit.state = set_language(visit.form, visit.state, "bn")
    with pytest.raises(Refused, match="এক বা তার বেশি"):
        visit.say("0")
    assert visit.value("talk/visits") == ""


def test_a_required_question_cannot_be_skipped_and_a_missing_message_stays_empty(visit: Talk) -> None:
    visit.say("")
    with pytest.raises(Refused, match="Please say") as caught:
        skip(visit.form, visit.state, now=NOW)
    assert caught.value.kind == "required"
    visit.state = set_language(visit.form, visit.state, "bn")
    with pytest.raises(Refused) as caught:
        skip(visit.form, visit.state, now=NOW)
    assert caught.value.message == ""  # the form says it in English only: the caller has words of its own
    assert "met" in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (("", "perhaps"), "choice"),
        (("", "yes", "three"), "type"),
        (("", "yes", "1.5"), "type"),
        (("", "yes", "3", "23.11.2026"), "type"),
        (("", "yes", "3", "2026-02-30"), "type"),
        (("", "yes", "3", "2026-11-24"), "constraint"),
        (("", "no", "money weather"), "choice"),
        (("hello to you",), "readonly"),
    ],
)
def test_what_does_not_fit_the_question_is_refused_and_said_why(
    visit: Talk, answers: tuple[str, ...], kind: str
) -> None:
    *before, last = answers
    state = visit.say(*before).state
    with pytest.raises(Refused) as caught:
        visit.say(last)
    assert caught.value.kind == kind
    assert visit.state is state


@pytest.mark.parametrize(
    ("type_", "typed", "kept"),
    [
        ("text", "0712", "0712"),
        ("text", " spaced ", " spaced "),
        ("text", "a\x00b\x0b", "ab"),
        ("text", "   ", ""),
        ("integer", "007", "7"),
        ("integer", " -3 ", "-3"),
        ("decimal", "2.50", "2.50"),
        ("decimal", "+.5", ".5"),
        ("date", "2024-02-29", "2024-02-29"),
        ("time", "14:30", "14:30"),
        ("dateTime", "2026-11-20T14:30:00.000+05:30", "2026-11-20T14:30:00.000+05:30"),
        ("acknowledge", "yes of course", "OK"),
    ],
)
def test_an_answer_is_kept_in_the_form_xforms_stores_it(
    talk: Begin, type_: str, typed: str, kept: str
) -> None:
    said = talk(f"| survey |\n| | type | name | label |\n| | {type_} | q | Q |").say(typed)
    assert said.value("q") == kept


def test_an_answer_has_a_length_that_can_be_stored(talk: Begin) -> None:
    said = talk("| survey |\n| | type | name | label |\n| | text | q | Q |")
    with pytest.raises(Refused):
        said.say("x" * 10_001)
    assert len(said.say("x" * 10_000).value("q")) == 10_000


@pytest.mark.parametrize("number", ["2147483648", "1e3", "٣", "--1", "99999999999999999999"])
def test_whole_numbers_are_written_in_plain_digits_and_fit_32_bits(talk: Begin, number: str) -> None:
    said = talk("| survey |\n| | type | name | label |\n| | integer | q | Q |")
    with pytest.raises(Refused):
        said.say(number)


def test_a_range_takes_the_numbers_on_its_scale(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | parameters |
        | | range | q | Q | start=1 end=5 step=2 |
        """)
    assert (said.prompt.kind, said.prompt.parameters["end"]) == ("integer", "5")
    for wrong in ("2", "7", "-1"):
        with pytest.raises(Refused):
            said.say(wrong)
    assert said.say("3").value("q") == "3"


def test_a_select_multiple_keeps_each_name_once(visit: Talk) -> None:
    assert visit.say("", "no", "papers  money papers").value("topics") == "papers money"


def test_an_answer_put_aside_with_its_group_comes_back_with_it(visit: Talk) -> None:
    visit.say("", "yes", "3", "2026-11-01")
    visit.set("met", "no")
    assert visit.value("talk/visits") == ""
    visit.set("met", "yes")
    assert (visit.value("talk/visits"), visit.value("talk/last")) == ("3", "2026-11-01")


def test_nothing_that_does_not_apply_reaches_the_instance(visit: Talk) -> None:
    visit.say("", "yes", "3", "2026-11-01").set("met", "no")
    xml = finish(visit.form, visit.state, now=NOW)
    assert "visits" not in xml
    assert "talk" not in xml


def test_back_reopens_the_question_before_with_its_answer(visit: Talk) -> None:
    visit.say("", "yes", "2")
    visit.state = back(visit.form, visit.state)
    assert (visit.asks, visit.prompt.value) == ("talk/visits", "2")
    assert visit.say("1").asks == "topics"


def test_back_at_the_first_question_changes_nothing(visit: Talk) -> None:
    assert back(visit.form, visit.state) == visit.state
    visit.say("")
    assert back(visit.form, visit.state) == visit.state  # a note is no question to go back to


def test_back_from_the_review_reopens_the_last_question(visit: Talk) -> None:
    visit.say("", "no", "money", "thanks")
    visit.state = back(visit.form, visit.state)
    assert visit.asks == "said"
    visit.state = back(visit.form, visit.state)
    assert visit.asks == "topics"
    assert visit.say("papers").asks is None


def test_the_review_shows_labels_and_no_notes_or_hidden_values(visit: Talk) -> None:
    visit.say("", "no", "money papers", "")
    lines = review(visit.form, visit.state)
    assert [(line.path, line.label, line.answer) for line in lines] == [
        ("met", "Did you meet?", "No"),
        ("topics", "About what?", "Money, Papers"),
    ]


def test_an_answer_changed_in_the_review_returns_to_the_review(visit: Talk) -> None:
    visit.say("", "no", "money", "thanks")
    visit.state = go_to(visit.form, visit.state, "topics")
    assert visit.prompt.value == "money"
    assert visit.say("papers").asks is None


def test_what_a_changed_answer_newly_opens_is_asked_before_the_review(visit: Talk) -> None:
    visit.say("", "no", "money", "thanks")
    visit.state = go_to(visit.form, visit.state, "met")
    assert visit.say("yes").asks == "talk/visits"
    assert visit.say("2").asks == "talk/last"
    assert visit.say("2026-11-01").asks is None


def test_a_question_that_does_not_apply_cannot_be_gone_to(visit: Talk) -> None:
    visit.say("", "no")
    for path in ("talk/visits", "nosuch"):
        with pytest.raises(KeyError, match=path):
            go_to(visit.form, visit.state, path)
        with pytest.raises(KeyError, match=path):
            prompt(visit.form, visit.state, path)


def test_a_question_further_up_that_a_later_answer_opens_is_asked_at_the_end(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | relevant |
        | | text | why | Why? | ${more} = '1' |
        | | integer | more | More? | |
        """)
    assert said.asks == "more"
    assert said.say("1").asks == "why"
    assert said.say("because").asks is None


def test_setting_an_answer_by_path_leaves_the_cursor_unless_it_was_there(visit: Talk) -> None:
    assert visit.set("said", "early").asks == "hello"
    visit.say("")
    assert visit.set("met", "no").asks == "topics"
    with pytest.raises(KeyError, match="nosuch"):
        visit.set("nosuch", "1")


def test_the_language_changes_at_any_time_and_answers_stay(visit: Talk) -> None:
    visit.say("", "yes", "3")
    state = set_language(visit.form, visit.state, "বাংলা (bn)")
    shown = current(visit.form, state)
    assert shown is not None
    assert (shown.label, shown.hint) == ("কবে?", None)
    assert review(visit.form, state)[0].answer == "হ্যাঁ"
    with pytest.raises(KeyError, match="no language 'fr'; it has English"):
        set_language(visit.form, state, "fr")


def test_without_a_language_the_interview_speaks_the_forms_default(write_form: WriteForm) -> None:
    form = write_form(VISIT)
    state = begin(form, now=NOW, instance_id="uuid:test")
    shown = current(form, state)
    assert shown is not None
    assert shown.label == "নমস্কার"


def test_a_label_missing_in_a_language_is_borrowed_from_the_default_language(talk: Begin) -> None:
    said = talk(
        """
        | survey |
        | | type | name | label::English (en) | label::বাংলা (bn) | hint::English (en) |
        | | text | a | Name | | A hint |
        | | text | b | Age | বয়স | |
        | settings |
        | | default_language |
        | | English (en) |
        """,
        language="bn",
    )
    assert (said.prompt.label, said.prompt.hint) == ("Name", "A hint")


def test_calculations_follow_every_answer(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | calculation | default |
        | | integer | a | A | | |
        | | integer | b | B | | 5 |
        | | calculate | sum | | ${a} + ${b} | |
        | | calculate | double | | ${sum} * 2 | |
        | | note | shown | ${double} in all | | |
        """)
    assert (said.value("b"), said.value("sum")) == ("5", "")
    assert said.say("1").value("double") == "12"
    assert said.say("3").prompt.label == "8 in all"
    assert said.set("a", "").value("double") == ""


def test_a_calculation_in_a_group_that_does_not_apply_runs_on_blanks_and_reads_as_blank(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | relevant | calculation |
        | | integer | open | Open | | |
        | | begin_group | g | G | ${open} = 1 | |
        | | text | x | X | | |
        | | calculate | c | | | concat(${x}, 'k') |
        | | end_group | | | | |
        | | calculate | d | | | ${c} |
        """)
    assert said.value("d") == ""
    said.say("1", "w")
    assert said.value("d") == "wk"
    assert said.set("open", "2").value("d") == ""
    assert said.set("open", "1").value("d") == "wk"


def test_relevance_inside_relevance_follows_the_outer_one(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | relevant |
        | | integer | a | A | |
        | | begin_group | outer | O | ${a} > 0 |
        | | text | x | X | |
        | | begin_group | inner | I | ${a} > 1 |
        | | text | y | Y | |
        | | end_group | | | |
        | | end_group | | | |
        """)
    assert said.say("2").asks == "outer/x"
    said.say("p", "q")
    assert said.finished()["outer/inner/y"] == "q"
    assert "outer/inner/y" not in said.set("a", "1").finished()
    assert "outer/x" not in said.set("a", "0").finished()
    assert said.set("a", "2").finished()["outer/inner/y"] == "q"


def test_a_dynamic_default_is_given_once_at_the_start(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | default | constraint |
        | | date | day | Day | today() | . <= today() |
        """)
    assert said.value("day") == "2026-11-23"
    said.say("")
    assert said.value("day") == ""


def test_a_triggered_calculation_runs_when_its_trigger_changes_and_only_then(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | calculation | trigger |
        | | text | a | A | | |
        | | text | b | B | | |
        | | calculate | stamp | | concat(${a}, '/', ${b}) | ${a} |
        """)
    assert said.value("stamp") == ""
    said.say("1")
    said.say("2")
    assert said.value("stamp") == "1/"
    said.set("a", "1")
    assert said.value("stamp") == "1/"


def test_triggers_that_run_in_a_circle_are_stopped(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | calculation | trigger |
        | | text | a | A | concat(${b}, 'x') | ${b} |
        | | text | b | B | concat(${a}, 'y') | ${a} |
        """)
    with pytest.raises(FormError, match="without end"):
        said.say("go")


def test_hidden_values_can_be_set_from_outside_and_steer_the_form(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | default | relevant |
        | | hidden | mode | | enumerator | |
        | | text | collector | C | | ${mode} = 'enumerator' |
        | | text | q | Q | | |
        """)
    assert said.asks == "collector"
    assert said.set("mode", "chat").asks == "q"
    assert said.say("x").finished()["mode"] == "chat"


def test_a_constraint_sees_the_new_answer_in_place_of_the_old_one(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | constraint |
        | | integer | n | N | ${n} < 10 and . < 10 |
        """)
    said.say("5")
    with pytest.raises(Refused):
        said.set("n", "50")
    assert said.value("n") == "5"


def test_an_answer_set_where_it_does_not_apply_is_put_aside(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | relevant | constraint |
        | | integer | a | A | | |
        | | integer | n | N | ${a} = 1 | . < 10 |
        """).set("n", "5")
    assert said.value("n") == ""
    assert said.set("a", "1").value("n") == "5"


def test_the_instance_is_refused_while_a_required_question_is_empty_or_a_constraint_fails(
    talk: Begin,
) -> None:
    said = talk("""
        | survey |
        | | type | name | label | required | constraint |
        | | integer | low | Low | | . < ${high} or ${high} = '' |
        | | integer | high | High | yes | |
        """)
    said.say("5")
    with pytest.raises(Refused) as caught:
        finish(said.form, said.state, now=NOW)
    assert (caught.value.path, caught.value.kind) == ("high", "required")
    said.say("3")
    with pytest.raises(Refused) as caught:
        finish(said.form, said.state, now=NOW)
    assert (caught.value.path, caught.value.kind) == ("low", "constraint")


def test_the_finished_instance_holds_what_a_phone_would_have_sent(visit: Talk) -> None:
    visit.say("", "yes", "2", "2026-11-01", "papers", "ভালো <কথা> & more")
    xml = finish(visit.form, visit.state, now=NOW + timedelta(minutes=5))
    found = read_instance(xml)
    assert (found.form_id, found.version, found.instance_id) == ("visit", "2026112301", "uuid:test")
    assert found.answers == {
        "start": "2026-11-23T10:15:30.000+05:30",
        "end": "2026-11-23T10:20:30.000+05:30",
        "today": "2026-11-23",
        "met": "yes",
        "talk/visits": "2",
        "talk/last": "2026-11-01",
        "topics": "papers",
        "said": "ভালো <কথা> & more",
        "meta/instanceID": "uuid:test",
        "meta/instanceName": "Visit 2026-11-23",
    }
    assert "<hello/>" in xml  # a relevant question without an answer is an empty element, as from JavaRosa


def test_no_step_changes_the_state_it_was_given(visit: Talk) -> None:
    form, states = visit.form, [visit.state]
    for text in ("", "yes", "2", "2026-11-01", "money", "x"):
        states.append(answer(form, states[-1], text, now=NOW))
    kept = copy.deepcopy(states)
    for state in states:
        back(form, state)
        set_language(form, state, "bn")
        set_answer(form, state, "met", "no", now=NOW)
        review(form, state)
        value(form, state, "met")
        if state["values"].get("met") == "yes":
            go_to(form, state, "talk/visits")
    finish(form, states[-1], now=NOW)
    assert states == kept


def test_a_state_is_plain_json(visit: Talk) -> None:
    visit.say("", "yes", "2")
    again = json.loads(json.dumps(visit.state))
    assert again == visit.state
    assert current(visit.form, again) == visit.prompt


def test_a_state_of_another_version_is_not_gone_on_with(talk: Begin, visit: Talk) -> None:
    newer = talk(VISIT.replace("2026112301", "2026112302"))
    with pytest.raises(FormError, match="begun with visit version 2026112301"):
        current(newer.form, visit.state)


def test_a_kind_of_question_that_cannot_be_asked_is_named(write_form: WriteForm) -> None:
    form = write_form("| survey |\n| | type | name | label |\n| | geopoint | place | Where? |")
    with pytest.raises(FormError, match="question place is of the kind 'geopoint', not yet asked in chat"):
        begin(form, now=NOW, instance_id="uuid:test")


@pytest.mark.parametrize(
    "rows",
    [
        "| | calculate | a | | ${b} + 1 | |\n| | calculate | b | | ${a} + 1 | |",
        "| | text | a | A | | ${b} = 1 |\n| | text | b | B | | ${a} = 1 |",
        "| | text | a | A | | ${a} = '' |",
        "| | calculate | a | | if(. = '', 1, 2) | |",
        "| | begin_group | a | A | | ${x} = 1 |\n| | begin_group | b | B | | ${y} = 1 |\n| | integer | x | X | | |\n"
        "| | end_group | | | | |\n| | end_group | | | | |\n| | integer | y | Y | | |",
        "| | begin_group | a | A | | ${b} = 1 |\n| | integer | b | B | | |\n| | end_group | | | | |",
    ],
)
def test_a_circle_of_rules_is_refused_and_its_questions_named(write_form: WriteForm, rows: str) -> None:
    with pytest.raises(FormError, match=r"form\.md: the relevant and calculation of .*a.* circle"):
        write_form(f"| survey |\n| | type | name | label | calculation | relevant |\n{rows}")


def test_sounds_pictures_and_guidance_come_with_the_question_in_its_language(talk: Begin) -> None:
    shown = talk(
        """
        | survey |
        | | type | name | label::English (en) | label::বাংলা (bn) | guidance_hint::English (en) | guidance_hint::বাংলা (bn) | media::audio::English (en) | media::audio::বাংলা (bn) | media::image::English (en) |
        | | text | a | A | ক | More on ${a} | আরও | a_en.mp3 | a_bn.mp3 | a.png |
        | | text | b | B | খ | | | | | |
        """,
        language="bn",
    )
    assert shown.prompt.media == {"audio": "a_bn.mp3", "image": "a.png"}
    assert (shown.prompt.hint, shown.prompt.guidance) == (None, "আরও")
    shown.state = set_language(shown.form, shown.set("a", "x").state, "en")
    again = prompt(shown.form, shown.state, "a")
    assert (again.media["audio"], again.guidance) == ("a_en.mp3", "More on x")
    plain = prompt(shown.form, shown.state, "b")
    assert (plain.media, plain.guidance, plain.number) == ({}, None, None)


def test_choices_in_random_order_keep_theirs(talk: Begin) -> None:
    mixed = talk("""
        | survey |
        | | type | name | label | parameters |
        | | select_one x | q | Q | randomize=true seed=7 |
        | choices |
        | | list_name | name | label |
        | | x | a | A |
        | | x | b | B |
        """)
    assert mixed.names() == ["a", "b"]
