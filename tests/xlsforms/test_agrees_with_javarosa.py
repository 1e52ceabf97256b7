"""Our engine and JavaRosa, ODK's own, filling the same generated forms with the same answers.

Without Java the walks are left out, and what they once brought to light is tested by pinned cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from talking import NOW, Talk

from tests.reference.javarosa.driver import JavaRosa, is_installed, javarosa
from tests.xlsforms.agreement import WALK, walk
from tests.xlsforms.generated_forms import Generated, forms
from xlsforms import add_repeat

needs_java = pytest.mark.skipif(not is_installed(), reason="Java is not installed; only pinned cases run")


@pytest.fixture(scope="module")
def reference() -> Iterator[JavaRosa]:
    with javarosa() as running:
        yield running


@pytest.mark.java
@needs_java
@settings(WALK, max_examples=200, derandomize=True)
@given(form=forms(repeats=True), data=st.data())
def test_both_engines_say_the_same_after_every_answer(
    reference: JavaRosa, form: Generated, data: st.DataObject
) -> None:
    walk(reference, form, data)


@pytest.mark.java
@pytest.mark.nightly
@needs_java
@settings(WALK, max_examples=2000)
@given(form=forms(repeats=True), data=st.data())
def test_both_engines_say_the_same_on_many_more_forms(
    reference: JavaRosa, form: Generated, data: st.DataObject
) -> None:
    walk(reference, form, data)


# --- what walks brought to light -------------------------------------------------------------------


def test_a_default_that_is_not_offered_is_cleared_at_the_start(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | choice_filter | default |
        | | select_one l | one | One | name != 'a' | a |
        | choices |
        | | list_name | name | label |
        | | l | a | A |
        | | l | b | B |
        """
    )
    assert asked.value("one") == ""


def test_nothing_answered_where_nothing_was_runs_no_rule(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation |
        | | integer | sum | Sum | string-length(${word}) |
        | | text | word | Word | |
        """
    )
    assert asked.set("sum", "9").set("word", "").value("sum") == "9"
    assert asked.set("word", "abc").value("sum") == "3"


def test_a_first_value_is_seen_at_once_by_what_keeps_it(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation | default |
        | | text | word | Word | 'later' | concat('fir', 'st') |
        | | calculate | kept | | once(${word}) | |
        """
    )
    assert (asked.value("word"), asked.value("kept")) == ("later", "first")


def test_a_truth_that_was_calculated_is_read_as_a_truth(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation | relevant |
        | | integer | age | Age | | |
        | | calculate | grown | | ${age} >= 18 | |
        | | text | job | Job | | ${grown} |
        | | note | told | Grown: ${grown} | | |
        """
    )
    asked.say("12")
    assert (asked.value("grown"), asked.asks, asked.prompt.label) == ("0", "told", "Grown: false")
    assert asked.set("age", "20").value("grown") == "1"
    assert asked.say("").asks == "job"


def test_nothing_is_selected_in_nothing_and_nothing_else_is(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation |
        | | text | word | Word | |
        | | calculate | nothing | | selected(${word}, '') |
        | | calculate | a | | selected(${word}, 'a') |
        """
    )
    assert (asked.value("nothing"), asked.value("a")) == ("1", "0")
    asked.say("a b")
    assert (asked.value("nothing"), asked.value("a")) == ("0", "1")


def test_beside_other_values_a_question_that_does_not_apply_is_a_blank(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation | relevant |
        | | text | word | Word | | |
        | | text | more | More | | ${word} = 'a' |
        | | calculate | both | | join('-', ${word}, ${more}) | |
        """
    )
    assert asked.say("a", "b").value("both") == "a-b"
    assert asked.set("word", "x").value("both") == "x-"


def test_a_list_in_random_order_keeps_its_order_here(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | parameters | choice_filter |
        | | select_one l | one | One | randomize=true | |
        | | select_one l | two | Two | randomize=true, seed=3 | name != ${one} |
        | choices |
        | | list_name | name | label |
        | | l | a | A |
        | | l | b | B |
        | | l | c | C |
        """
    )
    assert asked.names() == ["a", "b", "c"]
    assert asked.say("b").names() == ["a", "c"]


def test_once_does_not_keep_a_value_that_does_not_apply(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation | relevant |
        | | text | word | Word | | |
        | | integer | n | N | | |
        | | calculate | kept | | once(${word}) | ${n} != '' |
        """
    )
    assert asked.set("word", "a").set("word", "b").set("n", "1").value("kept") == "b"
    assert asked.set("word", "c").value("kept") == "b"


def test_once_keeps_what_stood_there_before_though_it_computes_a_truth(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation | default |
        | | calculate | grown | | true() | |
        | | text | word | Word | once(${grown}) | b |
        | | text | other | Other | once(${grown}) | |
        | | calculate | both | | if(once(${grown}) and ${grown}, 'yes', 'no') | |
        """
    )
    assert (asked.value("word"), asked.value("other"), asked.value("both")) == ("b", "1", "yes")


def test_a_triggered_calculation_sees_what_its_author_named_from_wherever_it_stands(
    talk: Callable[..., Talk],
) -> None:
    """JavaRosa finds nothing at the path that pyxform writes here, and reads a blank."""
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation | trigger |
        | | begin_repeat | row | Row | | |
        | | text | first | First | | |
        | | begin_group | g | G | | |
        | | text | word | Word | | |
        | | text | made | Made | concat(${word}, '!') | ${first} |
        | | end_group | | | | |
        | | end_repeat | | | | |
        """
    )
    asked.set("row[1]/g/word", "hello").set("row[1]/first", "a")
    assert asked.value("row[1]/g/made") == "hello!"


def test_an_instance_can_begin_with_what_the_one_before_it_has(talk: Callable[..., Talk]) -> None:
    """The way that the XLSForm documentation shows."""
    asked = talk(
        """
        | survey |
        | | type | name | label | default |
        | | begin_repeat | row | Row | |
        | | text | street | Street | ${last}[position() = position(current()/..) - 1]/street |
        | | end_repeat | | | |
        """.replace("${last}", "/data/row")
    )
    asked.say("Main road", "add")
    assert asked.value("row[2]/street") == "Main road"


def test_a_first_value_triggers_what_waits_for_it(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation | default | trigger |
        | | text | word | Word | | concat('x', 1 + 1) | |
        | | text | made | Made | concat(${word}, '!') | | ${word} |
        | | begin_repeat | row | Row | | | |
        | | text | first | First | | concat('y', 1 + 1) | |
        | | text | then | Then | concat(${first}, '!') | | ${first} |
        | | end_repeat | | | | | |
        """
    )
    asked.state = add_repeat(asked.form, asked.state, "row", now=NOW)
    paths = ("made", "row[1]/then", "row[2]/then")
    assert [asked.value(path) for path in paths] == ["x2!", "y2!", "y2!"]


def test_truths_are_joined_over_a_repeat_as_truths(talk: Callable[..., Talk]) -> None:
    asked = talk(
        """
        | survey |
        | | type | name | label | calculation | repeat_count |
        | | begin_repeat | row | Row | | 2 |
        | | calculate | grown | | position(..) = 1 | |
        | | text | word | Word | | |
        | | end_repeat | | | | |
        | | calculate | all | | join(' ', ${grown}) | |
        | | calculate | either | | coalesce(join(' ', ${grown}), 'a') | |
        """
    )
    assert (asked.value("all"), asked.value("either")) == ("true false", "true false")
