"""Parts that stand several times: asked one after another, added, taken out, counted, and written."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from talking import NOW, Talk, WriteForm

from xlsforms import (
    FormError,
    Refused,
    add_repeat,
    begin,
    current,
    every_choice,
    finish,
    form_from_xml,
    go_to,
    prompt,
    read_instance,
    remove_repeat,
    repeats,
    review,
)

Begin = Callable[..., Talk]

VISITS = """
    | survey |
    | | type | name | label | calculation | default | relevant | constraint | choice_filter |
    | | text | who | Who? | | | | | |
    | | begin_repeat | visit | Visit | | | | | |
    | | integer | hours | Hours on visit ${place} | | 2 | | . > 0 and . < 24 | |
    | | text | why | Why so long? | | | ${hours} > 8 | | |
    | | select_one x | kind | Kind | | | | | size <= ${hours} |
    | | calculate | place | | position(..) | | | | |
    | | calculate | before | | indexed-repeat(${hours}, ${visit}, position(..) - 1) | | | | |
    | | calculate | own | | sum(${hours}) | | | | |
    | | calculate | called | | jr:choice-name(${kind}, '${kind}') | | | | |
    | | end_repeat | | | | | | | |
    | | calculate | total | | sum(${hours}) | | | | |
    | | calculate | longest | | max(${hours}) | | | | |
    | | calculate | shortest | | min(${hours}) | | | | |
    | | calculate | many | | count(${visit}) | | | | |
    | | calculate | all | | join('+', ${hours}) | | | | |
    | | calculate | second | | indexed-repeat(${hours}, ${visit}, 2) | | | | |
    | | calculate | last | | indexed-repeat(${hours}, ${visit}, ${many}) | | | | |
    | | calculate | long | | count(${visit}[hours > 4]) | | | | |
    | | calculate | third | | ${visit}[3]/hours | | | | |
    | | note | end_note | ${many} visits, ${total} hours | | | | | |
    | choices |
    | | list_name | name | label | size |
    | | x | short | A short one | 1 |
    | | x | long | A long one | 5 |
    """


@pytest.fixture
def visits(talk: Begin) -> Talk:
    """Two visits, of 3 and of 9 hours."""
    return talk(VISITS).say("Rina", "3", "short", "add", "9", "the road", "long")


def test_instances_are_asked_one_after_another_until_there_are_no_more(talk: Begin) -> None:
    visits = talk(VISITS).say("Rina")
    assert visits.asks == "visit[1]/hours"
    assert visits.say("3", "short").asks == "visit"
    assert (visits.prompt.kind, visits.prompt.label, visits.prompt.number) == ("repeat", "Visit", 1)
    assert visits.names() == ["add", "done"]
    assert visits.say("add").asks == "visit[2]/hours"
    assert (visits.prompt.label, visits.prompt.number) == ("Hours on visit 2", 2)
    assert visits.say("9").asks == "visit[2]/why"
    assert visits.say("the road", "long", "done").asks == "end_note"
    assert visits.prompt.label == "2 visits, 12 hours"
    assert visits.say("").asks is None


def test_the_question_for_another_one_is_not_counted_and_can_be_passed(visits: Talk) -> None:
    assert (visits.prompt.kind, visits.prompt.position, visits.prompt.total) == ("repeat", 6, 6)
    assert visits.say("").asks == "end_note"


def test_the_question_for_another_one_takes_add_and_done_only(visits: Talk) -> None:
    with pytest.raises(Refused) as refused:
        visits.say("perhaps")
    assert (refused.value.path, refused.value.kind) == ("visit", "choice")


def test_calculations_inside_and_outside_see_the_instances_javarosa_sees(visits: Talk) -> None:
    paths = ("total", "longest", "shortest", "many", "all", "second", "last", "long", "third")
    assert [visits.value(path) for path in paths] == ["12", "9", "3", "2", "3+9", "9", "9", "1", ""]
    inside = ("place", "before", "own", "called")
    assert [visits.value(f"visit[1]/{path}") for path in inside] == ["1", "3", "3", "A short one"]
    assert [visits.value(f"visit[2]/{path}") for path in inside] == ["2", "3", "9", "A long one"]


def test_an_instance_is_edited_without_touching_the_others(visits: Talk) -> None:
    visits.say("done", "")
    visits.state = go_to(visits.form, visits.state, "visit[1]/hours")
    visits.say("6")
    assert (visits.asks, visits.value("total"), visits.value("visit[2]/before")) == (None, "15", "6")


def test_a_constraint_and_a_relevance_hold_within_their_instance(visits: Talk) -> None:
    with pytest.raises(Refused) as refused:
        visits.set("visit[2]/hours", "30")
    assert (refused.value.path, refused.value.kind) == ("visit[2]/hours", "constraint")
    assert visits.value("visit[2]/why") == "the road"
    with pytest.raises(KeyError, match="does not apply"):
        prompt(visits.form, visits.state, "visit[1]/why")


def test_a_choice_that_is_no_longer_offered_is_cleared_in_its_instance_only(visits: Talk) -> None:
    visits.set("visit[2]/hours", "4").set("visit[1]/hours", "5")
    assert (visits.value("visit[2]/kind"), visits.value("visit[1]/kind")) == ("", "short")


def test_an_instance_is_taken_out_and_the_later_ones_move_up(visits: Talk) -> None:
    visits.state = remove_repeat(visits.form, visits.state, "visit", 1, now=NOW)
    assert repeats(visits.form, visits.state, "visit") == 1
    assert (visits.value("visit[1]/hours"), visits.value("visit[1]/why")) == ("9", "the road")
    assert (visits.value("visit[1]/place"), visits.value("visit[1]/before")) == ("1", "9")
    assert [visits.value(path) for path in ("total", "many", "second")] == ["9", "1", ""]
    assert visits.asks == "visit"


def test_taking_out_the_instance_under_the_cursor_leads_to_the_question_for_another(visits: Talk) -> None:
    visits.state = go_to(visits.form, visits.state, "visit[2]/hours")
    later = remove_repeat(visits.form, visits.state, "visit", 1, now=NOW)
    shown = current(visits.form, later)
    assert shown is not None
    assert shown.path == "visit[1]/hours"
    gone = remove_repeat(visits.form, visits.state, "visit", 2, now=NOW)
    shown = current(visits.form, gone)
    assert shown is not None
    assert shown.path == "visit"


def test_all_instances_can_be_taken_out_and_new_ones_begin_with_their_defaults(visits: Talk) -> None:
    for _ in range(2):
        visits.state = remove_repeat(visits.form, visits.state, "visit", 1, now=NOW)
    assert [visits.value(path) for path in ("total", "longest", "many", "all")] == ["0", "", "0", ""]
    assert (visits.prompt.kind, visits.prompt.number) == ("repeat", 0)
    assert visits.say("add").asks == "visit[1]/hours"
    assert (visits.value("visit[1]/hours"), visits.value("total")) == ("2", "2")


def test_an_instance_is_added_beside_the_conversation(visits: Talk) -> None:
    visits.say("done", "")
    assert visits.asks is None
    visits.state = add_repeat(visits.form, visits.state, "visit", now=NOW)
    assert visits.asks == "visit[3]/hours"


def test_a_conversation_takes_fifty_instances_and_no_more(visits: Talk) -> None:
    for _ in range(48):
        visits.say("add", "1", "")
    assert repeats(visits.form, visits.state, "visit") == 50
    assert visits.asks == "end_note"
    with pytest.raises(Refused):
        add_repeat(visits.form, visits.state, "visit", now=NOW)


def test_the_finished_instance_holds_every_instance_and_is_read_back(visits: Talk) -> None:
    xml = finish(visits.form, visits.say("done", "").state, now=NOW)
    answers = read_instance(xml).answers
    assert (answers["visit[1]/hours"], answers["visit[2]/hours"]) == ("3", "9")
    assert "visit[1]/why" not in answers
    assert xml.count("<visit>") == 2
    assert {path: text for path, text in visits.state["values"].items() if path in answers} == answers


def test_a_single_instance_is_known_for_a_repeat_when_the_form_is_known(talk: Begin) -> None:
    one = talk(VISITS).say("Rina", "3", "short", "done", "")
    xml = finish(one.form, one.state, now=NOW)
    assert one.form.repeats == ("visit",)
    assert read_instance(xml).answers["visit/hours"] == "3"
    assert read_instance(xml, repeats=one.form.repeats).answers["visit[1]/hours"] == "3"


def test_the_state_stays_plain_json(visits: Talk) -> None:
    assert json.loads(json.dumps(visits.state)) == visits.state
    before = json.dumps(visits.state)
    remove_repeat(visits.form, visits.state, "visit", 1, now=NOW)
    add_repeat(visits.form, visits.state, "visit", now=NOW)
    assert json.dumps(visits.state) == before


def test_the_review_names_the_instance_of_each_answer(visits: Talk) -> None:
    lines = [(line.path, line.number) for line in review(visits.form, visits.state)]
    assert lines[:3] == [("who", None), ("visit[1]/hours", 1), ("visit[1]/kind", 1)]
    assert ("visit[2]/kind", 2) in lines


def test_questions_and_choices_of_a_repeat_are_known_without_numbers(visits: Talk) -> None:
    assert visits.form.question("visit[2]/hours") == visits.form.question("visit/hours")
    assert [choice.name for choice in every_choice(visits.form, "visit/kind")] == ["short", "long"]


COUNTED = """
    | survey |
    | | type | name | label | repeat_count | relevant |
    | | integer | n | How many? | | |
    | | text | r | R | | |
    | | begin_repeat | child | Child | ${n} | ${r} != 'none' |
    | | text | name | Name | | |
    | | end_repeat | | | | |
    """


def test_a_count_makes_the_instances_and_nobody_is_asked_for_another(talk: Begin) -> None:
    family = talk(COUNTED)
    assert repeats(family.form, family.state, "child") == 0
    family.say("2", "")
    assert family.asks == "child[1]/name"
    assert family.say("Asha").asks == "child[2]/name"
    assert family.say("Bela").asks is None


def test_a_lower_count_takes_off_what_nobody_answered_and_nothing_else(talk: Begin) -> None:
    family = talk(COUNTED).say("12", "", "Asha", "Bela")
    assert repeats(family.form, family.set("n", "1").state, "child") == 2
    assert repeats(family.form, family.set("n", "3").state, "child") == 3
    assert family.value("child[2]/name") == "Bela"


@pytest.mark.parametrize("count", ["51", "1000000000"])
def test_a_count_beyond_all_reason_is_refused_with_the_answer_that_makes_it(talk: Begin, count: str) -> None:
    family = talk(COUNTED)
    with pytest.raises(Refused) as refused:
        family.say(count)
    assert (refused.value.path, refused.value.kind) == ("n", "constraint")


def test_instances_are_neither_added_nor_taken_out_where_the_form_counts(talk: Begin) -> None:
    family = talk(COUNTED).say("2")
    for change in (
        lambda: add_repeat(family.form, family.state, "child", now=NOW),
        lambda: remove_repeat(family.form, family.state, "child", 1, now=NOW),
    ):
        with pytest.raises(Refused) as refused:
            change()
        assert refused.value.kind == "readonly"


def test_a_repeat_that_does_not_apply_is_not_asked_and_not_written(talk: Begin) -> None:
    family = talk(COUNTED).say("2", "none")
    assert family.asks is None
    assert "child" not in finish(family.form, family.state, now=NOW)


def test_a_repeat_in_a_group_follows_the_group(talk: Begin) -> None:
    trip = talk("""
        | survey |
        | | type | name | label | relevant | calculation |
        | | integer | n | N | | |
        | | begin_group | g | G | ${n} > 1 | |
        | | begin_repeat | day | Day | ${n} > 2 | |
        | | integer | km | Km | | |
        | | end_repeat | | | | |
        | | end_group | | | | |
        | | calculate | total | | | sum(${km}) + 10 * count(${day}) |
        """)
    assert trip.say("2").asks is None
    assert trip.set("n", "3").asks == "g/day[1]/km"
    assert trip.say("5").asks == "g/day"
    assert trip.say("add", "6", "done").value("total") == "31"
    assert trip.set("n", "2").value("total") == "0"
    assert trip.set("n", "4").value("total") == "31"


def test_values_set_by_the_form_begin_every_instance(talk: Begin) -> None:
    log = talk("""
        | survey |
        | | type | name | label | default | trigger | calculation |
        | | begin_repeat | row | Row | | | |
        | | date | day | Day | today() | | |
        | | text | what | What | | | |
        | | calculate | stamped | | | ${what} | concat(${what}, '!') |
        | | calculate | kept | | | | once(${what}) |
        | | end_repeat | | | | | |
        """).say("", "a", "add", "2026-01-02", "b")
    assert (log.value("row[1]/stamped"), log.value("row[2]/stamped")) == ("a!", "b!")
    log.say("add")
    assert log.value("row[3]/day") == "2026-11-23"
    assert log.set("row[1]/what", "c").value("row[1]/kept") == "a"
    assert log.value("row[1]/stamped") == "c!"


def test_a_running_total_over_the_instances_is_no_circle(talk: Begin) -> None:
    sums = talk("""
        | survey |
        | | type | name | label | calculation |
        | | begin_repeat | row | Row | |
        | | integer | n | N | |
        | | calculate | sum | | if(position(..) = 1, ${n}, ${n} + indexed-repeat(${sum}, ${row}, position(..) - 1)) |
        | | end_repeat | | | |
        """).say("1", "add", "2", "add", "3")
    assert sums.value("row[3]/sum") == "6"
    assert sums.set("row[1]/n", "10").value("row[3]/sum") == "15"


def test_a_calculation_over_all_instances_used_inside_each_of_them_is_no_circle(talk: Begin) -> None:
    shares = talk("""
        | survey |
        | | type | name | label | calculation |
        | | begin_repeat | row | Row | |
        | | integer | n | N | |
        | | calculate | share | | round(100 * ${n} div ${all}, 0) |
        | | calculate | of | | count(../../row) |
        | | end_repeat | | | |
        | | calculate | all | | sum(${n}) |
        """).say("1", "add", "3")
    assert [shares.value(f"row[{n}]/share") for n in (1, 2)] == ["25", "75"]
    assert [shares.value(f"row[{n}]/of") for n in (1, 2)] == ["2", "2"]


def test_a_circle_through_instances_is_refused(write_form: WriteForm) -> None:
    with pytest.raises(FormError, match="circle"):
        write_form("""
            | survey |
            | | type | name | label | calculation |
            | | begin_repeat | row | Row | |
            | | integer | n | N | |
            | | calculate | share | | ${n} div ${all} |
            | | end_repeat | | | |
            | | calculate | all | | sum(${share}) |
            """)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("indexed-repeat(${n}, ${g}, 1)", r"indexed-repeat\(\) takes a question, the repeat it stands in"),
        ("indexed-repeat(${out}, ${row}, 1)", r"indexed-repeat\(\) takes a question"),
        ("indexed-repeat(${n}, ${row}, 1, ${row}, 2)", r"indexed-repeat\(\) takes 3 arguments"),
        ("/data/row/nowhere", "there is no question at /data/row/nowhere"),
    ],
)
def test_what_cannot_be_read_from_a_repeat_is_said(write_form: WriteForm, expression: str, why: str) -> None:
    with pytest.raises(FormError, match=why):
        write_form(f"""
            | survey |
            | | type | name | label | calculation |
            | | begin_group | g | G | |
            | | integer | out | Out | |
            | | end_group | | | |
            | | begin_repeat | row | Row | |
            | | integer | n | N | |
            | | end_repeat | | | |
            | | calculate | bad | | {expression} |
            """)


def test_a_repeat_in_a_repeat_is_refused_when_the_interview_begins(write_form: WriteForm) -> None:
    form = write_form("""
        | survey |
        | | type | name | label |
        | | begin_repeat | visit | Visit |
        | | begin_repeat | person | Person |
        | | text | name | Name |
        | | end_repeat | | |
        | | end_repeat | | |
        """)
    with pytest.raises(
        FormError, match="the repeat visit/person inside the repeat visit is not yet asked in chat; use"
    ):
        begin(form, now=NOW, instance_id="uuid:test")


def test_a_draft_from_before_repeats_goes_on(talk: Begin) -> None:
    old = talk("| survey |\n| | type | name | label |\n| | text | a | A |")
    del old.state["repeats"]
    assert old.say("x").value("a") == "x"


def test_only_the_template_of_a_repeat_means_no_instance_yet(visits: Talk) -> None:
    xform = visits.form.xform
    first = xform.index("<visit>")
    end = xform.index("</visit>", first) + len("</visit>")
    form = form_from_xml(xform[:first] + xform[end:])
    state = begin(form, now=NOW, instance_id="uuid:test")
    assert repeats(form, state, "visit") == 0


def test_a_question_in_the_branch_that_is_never_taken_still_runs_the_rule_that_names_it(talk: Begin) -> None:
    """As in JavaRosa, and as outside of repeats: what was typed over a calculation is computed again."""
    log = talk("""
        | survey |
        | | type | name | label | calculation |
        | | begin_repeat | row | Row | |
        | | text | word | Word | |
        | | text | typed | Typed | coalesce(substr('2026', 1, 3), if(1 = 2, ${word}, 'x')) |
        | | integer | n | N | if(position(..) = 1, 5, ${m}) |
        | | integer | m | M | |
        | | end_repeat | | | |
        | | text | second | Second | concat('-', indexed-repeat(${word}, ${row}, 2)) |
        """)
    log.set("row[1]/typed", "mine").set("row[1]/n", "8").set("second", "mine")
    assert [log.value(path) for path in ("row[1]/typed", "row[1]/n", "second")] == ["mine", "8", "mine"]
    log.set("row[1]/word", "a").set("row[1]/m", "3")
    assert [log.value(path) for path in ("row[1]/typed", "row[1]/n", "second")] == ["02", "5", "-"]


def test_an_instance_more_or_less_computes_anew_all_that_hangs_on_it(talk: Begin) -> None:
    """As in JavaRosa also what was typed over a calculation, and though nothing between has changed."""
    log = talk("""
        | survey |
        | | type | name | label | calculation |
        | | begin_repeat | row | Row | |
        | | integer | n | N | |
        | | integer | place | Place | position(..) |
        | | end_repeat | | | |
        | | calculate | many | | if(count(${row}) > 100, 1, 0) |
        | | calculate | much | | if(sum(${n}) > 100, 1, 0) |
        | | integer | first | First | ${many} + 1 |
        | | integer | second | Second | ${much} + 1 |
        """)
    log.set("first", "9").set("second", "8").set("row[1]/place", "7")
    log.state = add_repeat(log.form, log.state, "row", now=NOW)
    assert [log.value(path) for path in ("first", "second", "row[1]/place")] == ["1", "1", "1"]
    log.set("first", "9").set("second", "8")
    log.state = remove_repeat(log.form, log.state, "row", 1, now=NOW)
    assert (log.value("first"), log.value("second")) == ("1", "1")


def test_a_rule_in_an_instance_that_moves_up_runs_once_at_most(talk: Begin) -> None:
    """For the question it reads, as in JavaRosa, and not for its new place too."""
    log = talk("""
        | survey |
        | | type | name | label | calculation |
        | | begin_repeat | row | Row | |
        | | text | word | Word | |
        | | calculate | longer | | concat(once(${word}), 'x') |
        | | end_repeat | | | |
        """).say("a", "add", "b")
    longer = log.value("row[2]/longer")
    log.state = remove_repeat(log.form, log.state, "row", 1, now=NOW)
    assert (log.value("row[1]/word"), log.value("row[1]/longer")) == ("b", longer + "x")
