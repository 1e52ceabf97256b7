"""Which choices are offered: filters, cascades, attached lists, languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talking import NOW, Talk, WriteForm

from xlsforms import FormError, Refused, begin, current, every_choice, form_from_xml, review
from xlsforms.grammar import parse
from xlsforms.secondary import Table
from xlsforms.xpath import Compiler, compile_query

Begin = Callable[..., Talk]

CASCADE = """
| survey |
| | type | name | label | choice_filter | calculation |
| | select_one district | district | District | | |
| | select_one block | block | Block | district = ${district} | |
| | select_one role | role | Role | | |
| | select_one_from_file people.csv | who | Who? | (role = ${role} and block = ${block}) or name = 'not_listed' | |
| | calculate | copy | | | ${who} |
| choices |
| | list_name | name | label | district |
| | district | d1 | D1 | |
| | district | d2 | D2 | |
| | block | b1 | B1 | d1 |
| | block | b2 | B2 | d1 |
| | block | b3 | B3 | d2 |
| | role | nurse | Nurse | |
| | role | police | Police | |
"""
PEOPLE = """name,label,role,block
p1,One,nurse,b1
p2,Two,police,b1
p3,Three,nurse,b2
p4,Four,nurse,b1
not_listed,Not on this list,,
"""


@pytest.fixture
def cascade(talk: Begin) -> Talk:
    return talk(CASCADE, people=PEOPLE)


def test_a_filter_offers_only_what_fits_the_answer_before(cascade: Talk) -> None:
    assert cascade.say("d1").names() == ["b1", "b2"]
    assert cascade.set("district", "d2").names() == ["b3"]


def test_an_attached_list_is_filtered_and_keeps_its_order(cascade: Talk) -> None:
    assert cascade.say("d1", "b1", "nurse").names() == ["p1", "p4", "not_listed"]
    assert [choice.label for choice in cascade.prompt.choices] == ["One", "Four", "Not on this list"]


def test_a_choice_that_is_not_offered_is_refused(cascade: Talk) -> None:
    cascade.say("d1", "b1", "nurse")
    for name in ("p2", "p3", "nobody"):
        with pytest.raises(Refused) as caught:
            cascade.say(name)
        assert caught.value.kind == "choice"
    assert cascade.say("not_listed").value("who") == "not_listed"


def test_a_choice_no_longer_offered_is_cleared_at_once_with_all_that_hangs_on_it(cascade: Talk) -> None:
    cascade.say("d1", "b1", "nurse", "p4")
    assert cascade.value("copy") == "p4"
    cascade.set("district", "d2")
    assert (cascade.value("block"), cascade.value("who"), cascade.value("copy")) == ("", "", "")
    assert cascade.asks == "block"  # what was cleared is asked again


def test_a_choice_still_offered_stays_when_its_parent_changes(cascade: Talk) -> None:
    cascade.say("d1", "b1", "nurse", "not_listed").set("role", "police")
    assert cascade.value("who") == "not_listed"


def test_of_several_choices_only_those_no_longer_offered_are_cleared(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | choice_filter |
        | | integer | limit | Limit | |
        | | select_multiple n | some | Some | size <= ${limit} |
        | choices |
        | | list_name | name | label | size |
        | | n | a | A | 1 |
        | | n | b | B | 2 |
        | | n | c | C | 10 |
        """)
    said.say("10")
    assert said.names() == ["a", "b", "c"]
    assert said.say("c a b").set("limit", "2").value("some") == "a b"


def test_questions_that_exclude_each_others_choices_are_no_circle(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label | choice_filter |
        | | select_one n | first | First | name != ${second} |
        | | select_one n | second | Second | name != ${first} |
        | choices |
        | | list_name | name | label |
        | | n | a | A |
        | | n | b | B |
        """)
    assert said.say("a").names() == ["b"]
    said.say("b").set("first", "a")
    assert (said.value("first"), said.value("second")) == ("a", "b")


def test_an_attached_list_speaks_the_language_of_the_interview_where_it_has_a_column_for_it(
    talk: Begin,
) -> None:
    people = "name,label,label_bn,label_hi\np1,রিনা · Rina,রিনা,\n"
    form = """
        | survey |
        | | type | name | label::English (en) | label::বাংলা (bn) | label::हिन्दी (hi) |
        | | select_one_from_file people.csv | who | Who? | কে? | कौन? |
        """
    shown = {
        code: talk(form, language=code, people=people).prompt.choices[0].label for code in ("en", "bn", "hi")
    }
    assert shown == {"en": "রিনা · Rina", "bn": "রিনা", "hi": "রিনা · Rina"}


def test_a_list_may_name_its_own_columns(talk: Begin) -> None:
    said = talk(
        """
        | survey |
        | | type | name | label | parameters |
        | | select_one_from_file people.csv | who | Who? | value=code label=title |
        """,
        people="\ufeffcode,title\nx,Ex\n",
    )
    assert [(choice.name, choice.label) for choice in said.prompt.choices] == [("x", "Ex")]


def test_the_name_of_a_choice_is_shown_by_choice_name_in_the_language_of_the_interview(talk: Begin) -> None:
    from xlsforms import set_language, value

    said = talk(
        """
        | survey |
        | | type | name | label::English (en) | label::বাংলা (bn) | calculation |
        | | select_one yn | q | Q | ক | |
        | | calculate | shown | | | jr:choice-name(${q}, '${q}') |
        | choices |
        | | list_name | name | label::English (en) | label::বাংলা (bn) |
        | | yn | yes | Yes | হ্যাঁ |
        """,
        language="en",
    ).say("yes")
    assert said.value("shown") == "Yes"
    assert value(said.form, set_language(said.form, said.state, "bn"), "shown") == "হ্যাঁ"


def test_labels_of_choices_may_hold_values(talk: Begin) -> None:
    said = talk("""
        | survey |
        | | type | name | label |
        | | text | who | Who? |
        | | select_one yn | q | Q |
        | choices |
        | | list_name | name | label |
        | | yn | yes | Yes, ${who} |
        """).say("Rina")
    assert said.prompt.choices[0].label == "Yes, Rina"
    said.say("yes")
    assert review(said.form, said.state)[1].answer == "Yes, Rina"


def test_all_choices_can_be_listed_without_an_interview(write_form: WriteForm) -> None:
    form = write_form(CASCADE, people=PEOPLE)
    assert [choice.name for choice in every_choice(form, "block")] == ["b1", "b2", "b3"]
    assert len(every_choice(form, "who")) == 5
    assert every_choice(form, "who")[0].label == "One"


def test_the_filter_of_the_real_forms_is_answered_by_an_index(cascade: Talk) -> None:
    choices = cascade.form.program.by_path["who"].choices
    assert choices is not None
    assert [branch.columns for branch in choices.query.branches] == [("role", "block"), ("name",)]


def test_a_filter_naming_a_column_the_file_does_not_have_is_refused(write_form: WriteForm) -> None:
    with pytest.raises(
        FormError, match=r"question who, choices .* people\.csv has no column 'block'; it has name, lab"
    ):
        write_form(CASCADE, people="name,label,role\n")


def test_a_missing_list_is_named_with_the_folder_to_put_it_in(write_form: WriteForm) -> None:
    with pytest.raises(
        FormError, match=r"form\.md: the form chooses from people\.csv, which is not in .*; put it there"
    ):
        write_form(CASCADE)


def test_an_xform_without_its_lists_gives_its_marks_but_no_interview(write_form: WriteForm) -> None:
    xml = write_form(CASCADE, people=PEOPLE).xform
    bare = form_from_xml(xml)
    assert bare.question("block").choice_names == ("b1", "b2", "b3")
    assert bare.question("who").choice_names == ()
    with pytest.raises(
        FormError, match=r"data: the form chooses from people\.csv, which was not given with it"
    ):
        begin(bare, now=NOW, instance_id="uuid:test")
    whole = form_from_xml(xml, media={"people.csv": PEOPLE})
    assert current(whole, begin(whole, now=NOW, instance_id="uuid:test")) is not None


def test_choices_from_other_answers_are_refused_with_their_question(write_form: WriteForm) -> None:
    xml = write_form("| survey |\n| | type | name | label |\n| | select_one x | q | Q |\n| choices |\n"
                     "| | list_name | name | label |\n| | x | a | A |").xform  # fmt: skip
    with pytest.raises(
        FormError, match="question q takes its choices from other answers, not yet asked in chat"
    ):
        _ = form_from_xml(xml.replace("instance('x')/root/item", "/data/q")).program


# --- the index and the plain search agree ----------------------------------------------------------

COLUMNS = ("name", "role", "block")
CELL = st.sampled_from(["", "a", "a", "b", "01", "1"])
CONDITIONS = [
    "role = 'a'",
    "role = 1",
    "block = '1' and role = 'a'",
    "(role = 'a' and block = 'b') or name = 'b'",
    "role = 'a' or block = 'a' or name != 'a'",
    "'b' = name and block = role",
    "role = 'a' and (block = 'a' or block = 'b')",
    "role = 'a' and role = 'b'",
    "role = '' and name > 0",
    "not(role = 'a')",
    "count(instance('l')/root/item[role != 'b']) > 0 and block != 'a'",
    "instance('l')/root/item[role = 'a']/block = block or role = 'b'",
    "role = 'a' and position() = 1",
    "2",
]


class Lists:
    """What a filter may name: one list and no questions."""

    root, version, groups = "data", "", {}

    def __init__(self, table: Table) -> None:
        self.tables = {table.id: table}

    def kind(self, path: str) -> None:
        return None


class Reading:
    """A run that reads nothing but the rows of lists."""

    def __init__(self) -> None:
        self.row: tuple[str, ...] = ()
        self.place = 0

    def spend(self, steps: int) -> None:
        """Nobody counts its work."""


@pytest.mark.parametrize("condition", CONDITIONS)
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=12))
def test_an_index_finds_the_same_rows_as_trying_each(rows: list[tuple[str, ...]], condition: str) -> None:
    table = Table("l", None, COLUMNS, tuple(rows))
    query, _ = compile_query(parse(f"instance('l')/root/item[{condition}]"), Lists(table), "")
    plain = Compiler(Lists(table), "", table).code(parse(condition)).run
    expected = []
    for number, row in enumerate(rows):
        run = Reading()
        run.row, run.place = row, number + 1
        verdict = plain(run)
        if verdict == number + 1 if isinstance(verdict, float) else verdict:
            expected.append(number)
    assert list(query.numbers(Reading())) == expected


def test_a_list_read_inside_a_condition_leaves_the_row_in_place() -> None:
    table = Table("l", None, COLUMNS, (("x", "a", "a"), ("y", "a", "b"), ("z", "c", "c")))
    condition = "count(instance('l')/root/item[role != 'b']) = 3 and block != 'a'"
    query, _ = compile_query(parse(f"instance('l')/root/item[{condition}]"), Lists(table), "")
    assert list(query.numbers(Reading())) == [1, 2]
    condition = "count(instance('l')/root/item[role != 'a']) = 1 and block != 'c'"
    query, _ = compile_query(parse(f"instance('l')/root/item[{condition}]"), Lists(table), "")
    assert list(query.numbers(Reading())) == [0, 1]
