"""What a form marks for evaluation, and the scales that follow from it."""

from __future__ import annotations

import json

import pytest
from talking import WriteForm

from xlsforms import Mark, Scale, marks, marks_from_json, marks_to_json, scale


def indicator(
    *choices: str, best: str | None = None, low: float | None = None, high: float | None = None
) -> Mark:
    return Mark("core/x", "select_one", None, None, "x", best, None, choices, low, high)


def test_only_marked_questions_have_a_mark(write_form: WriteForm) -> None:
    form = write_form("""
        | survey |
        | | type | name | label | parameters | bind::eval:is | bind::eval:measures | bind::eval:best | bind::eval:flag | bind::eval:service |
        | | text | unmarked | U | | | | | | |
        | | text | code | C | | survivor_code | | | | |
        | | begin_group | care | Care | | | | | | |
        | | select_one yn | bribe | B | | | bribe | no | yes | |
        | | range | wait | W | start=10 end=0 step=1 | | wait | 0 | | |
        | | select_one yn | asked | A | | asked | | | | health |
        | | end_group | | | | | | | | |
        | choices |
        | | list_name | name | label |
        | | yn | yes | Yes |
        | | yn | no | No |
        | | yn | dont_know | ? |
        | settings |
        | | namespaces |
        | | eval="urn:shakti:evaluation:1" |
        """)
    code, bribe, wait, asked = marks(form)
    assert (code.path, code.kind, code.is_) == ("code", "text", "survivor_code")
    assert (bribe.path, bribe.measures, bribe.best, bribe.flag) == ("care/bribe", "bribe", "no", "yes")
    assert bribe.choices == ("yes", "no", "dont_know")
    assert (asked.is_, asked.service) == ("asked", "health")
    assert scale(bribe) == Scale(0.0, 1.0, 0.0, {"yes": 1.0, "no": 0.0})
    assert scale(wait) == Scale(0.0, 10.0, 0.0, {})
    assert marks_from_json(json.loads(json.dumps(marks_to_json(marks(form))))) == marks(form)


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (indicator("1", "2", "3"), Scale(1.0, 3.0, 3.0, {"1": 1.0, "2": 2.0, "3": 3.0})),
        (indicator("3", "1", "2", best="1"), Scale(1.0, 3.0, 1.0, {"3": 3.0, "1": 1.0, "2": 2.0})),
        (indicator("1", "2", "dont_know", "wont_say", "other"), Scale(1.0, 2.0, 2.0, {"1": 1.0, "2": 2.0})),
        (indicator("yes", "no"), Scale(0.0, 1.0, 1.0, {"yes": 1.0, "no": 0.0})),
        (indicator("no", "yes", "dont_know", best="no"), Scale(0.0, 1.0, 0.0, {"no": 0.0, "yes": 1.0})),
        (indicator(low=0.0, high=10.0), Scale(0.0, 10.0, 10.0, {})),
    ],
)
def test_numbers_and_yes_or_no_have_a_scale(mark: Mark, expected: Scale) -> None:
    assert scale(mark) == expected


@pytest.mark.parametrize(
    "mark",
    [
        indicator(),
        indicator("no_problem", "small", "large"),
        indicator("1", "many"),
        indicator("1"),
        indicator("1", "2", "3", best="2"),
        indicator("1", "2", best="yes"),
        indicator("yes", "no", "partly"),
        indicator("dont_know"),
    ],
)
def test_what_has_no_order_to_be_read_off_has_no_scale(mark: Mark) -> None:
    assert scale(mark) is None
