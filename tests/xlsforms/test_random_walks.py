"""Whatever a person does, an interview stays sound: plain JSON, every rule settled, nothing lost at the end."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from talking import NOW

import xlsforms
from xlsforms import (
    Form,
    Prompt,
    Refused,
    State,
    answer,
    back,
    begin,
    current,
    finish,
    go_to,
    load_form,
    prompt,
    read_instance,
    remove_repeat,
    review,
    set_answer,
    set_language,
    value,
)
from xlsforms.run import Run

MIXED = """
| survey |
| | type | name | label::English (en) | label::বাংলা (bn) | required | relevant | constraint | calculation | choice_filter | default |
| | text | name | Name | নাম | | | string-length(.) < 4 | | | |
| | integer | n | N of ${name} | ন | yes | | . >= 0 and . < 5 | | | |
| | begin_group | g | G | গ | | ${n} > 1 | | | | |
| | decimal | d | D | ঘ | | | . <= ${n} | | | |
| | select_one x | one | One | এক | | | | | limit <= ${n} | |
| | begin_group | h | H | হ | | ${one} = 'a' or ${some} = '' | | | | |
| | date | day | Day | দিন | | | . <= today() | | | today() |
| | calculate | week | | | | | | ${day} - date('2026-01-01') | | |
| | end_group | | | | | | | | | |
| | end_group | | | | | | | | | |
| | select_multiple x | some | Some | কিছু | | | | | name != ${one} | |
| | calculate | total | | | | | | coalesce(${d}, 0) + coalesce(${n}, 0) + count-selected(${some}) | | |
| | note | told | ${total}: ${label} | ${total} | | ${total} > 3 | | | | |
| | calculate | label | | | | | | jr:choice-name(${one}, '${one}') | | |
| | text | last | Last | শেষ | | ${week} > 300 or ${total} < 3 | | | | |
| choices |
| | list_name | name | label::English (en) | label::বাংলা (bn) | limit |
| | x | a | A | ক | 1 |
| | x | b | B | খ | 2 |
| | x | c | C | গ | 4 |
"""
REPEATING = """
| survey |
| | type | name | label::English (en) | label::বাংলা (bn) | relevant | constraint | calculation | repeat_count | choice_filter | default |
| | integer | n | How many? | কত? | | . < 8 | | | | |
| | begin_group | g | G | গ | ${n} != 3 | | | | | |
| | begin_repeat | visit | Visit | দেখা | ${n} > 0 or ${n} = '' | | | | | |
| | integer | k | K of ${place} | ক | | . >= 0 and . < 5 | | | | 2 |
| | select_one x | one | One | এক | ${k} > 0 | | | | limit <= ${k} | |
| | begin_group | h | H | হ | ${one} != 'b' | | | | | |
| | text | t | T | ট | | | | | | |
| | end_group | | | | | | | | | |
| | calculate | place | | | | | position(..) | | | |
| | calculate | before | | | | | indexed-repeat(${k}, ${visit}, position(..) - 1) | | | |
| | calculate | share | | | | | coalesce(${k}, 0) div ${sum} | | | |
| | end_repeat | | | | | | | | | |
| | end_group | | | | | | | | | |
| | calculate | sum | | | | | sum(${k}) + count(${visit}) | | | |
| | calculate | all | | | | | join(',', ${one}) | | | |
| | begin_repeat | child | Child | শিশু | ${sum} != 5 | | | ${n} | | |
| | text | name | Name | নাম | | | | | | |
| | end_repeat | | | | | | | | | |
| choices |
| | list_name | name | label::English (en) | label::বাংলা (bn) | limit |
| | x | a | A | ক | 1 |
| | x | b | B | খ | 2 |
"""
SAMPLES = {
    "text": ["", "a", "Rina", "long name"],
    "integer": ["", "0", "2", "4", "9", "x"],
    "decimal": ["", "0.5", "3.75", "-1"],
    "date": ["", "2026-01-05", "2026-11-23", "2027-01-01", "no day"],
    "note": [""],
}


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> list[Form]:
    path = tmp_path_factory.mktemp("walks") / "mixed.md"
    path.write_text(MIXED.strip() + "\n", encoding="utf-8")
    repeating = path.with_name("repeating.md")
    repeating.write_text(REPEATING.strip() + "\n", encoding="utf-8")
    room = Path(xlsforms.__file__).parent
    return [
        load_form(path),
        load_form(room / "duty_bearer_evaluation.xlsx"),
        load_form(room / "services_checkin.xlsx"),
        load_form(repeating),
    ]


def reply_to(shown: Prompt, chance: Random) -> str:
    """An answer a person might give, now and then a wrong one."""
    names = [choice.name for choice in shown.choices]
    if shown.kind == "select_multiple":
        return " ".join(chance.sample([*names, "zz"], chance.randint(0, min(3, len(names)))))
    if shown.kind == "repeat":
        return chance.choice(["add", "done", "done"])
    if shown.choices:
        return chance.choice([*names, *names, "", "zz"])
    return chance.choice(SAMPLES[shown.kind])


def without_an_instance(form: Form, state: State, chance: Random) -> State:
    """The interview without one of the instances of its first repeat, where there is one to take out."""
    with contextlib.suppress(IndexError, KeyError):
        return remove_repeat(form, state, form.repeats[0], chance.randint(1, 4), now=NOW)
    return state


def step(form: Form, state: State, chance: Random) -> State:
    """One thing a person may do next; a refusal leaves everything as it was."""
    shown, lines = current(form, state), review(form, state)
    move = chance.choice(
        ["answer"] * 6
        + ["skip", "back", "language"]
        + ["go_to", "empty"] * bool(lines)
        + ["remove"] * bool(form.repeats)
    )
    if move == "back":
        return back(form, state)
    if move in ("language", "remove"):
        changed = without_an_instance(form, state, chance) if move == "remove" else state
        return set_language(form, changed, chance.choice(form.languages))
    if move == "go_to":
        return go_to(form, state, chance.choice(lines).path)
    with contextlib.suppress(Refused):
        if move == "empty":
            return set_answer(form, state, chance.choice(lines).path, "", now=NOW)
        if shown is not None:
            reply = "" if move == "skip" else reply_to(shown, chance)
            return answer(form, state, reply, now=NOW)
    return state


def assert_settled(form: Form, state: State) -> None:
    """Running every rule once more changes nothing."""
    program = form.program_for(state["repeats"])
    run = Run.writing(program, state, NOW)
    run.wake(range(len(program.rules)))
    run.settle()
    assert (run.values, run.kept, run.off) == (state["values"], state["kept"], state["off"])


def assert_only_offered(form: Form, state: State) -> None:
    """No answer is a choice that is not offered."""
    for path, asked in form.program_for(state["repeats"]).by_path.items():
        if asked.choices is not None and state["values"].get(path):
            names = {choice.name for choice in prompt(form, state, path).choices}
            assert set(state["values"][path].split()) <= names


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 3), seed=st.integers(0, 2**32), steps=st.integers(1, 40))
def test_after_every_step_the_state_is_json_and_every_rule_is_settled(
    forms: list[Form], which: int, seed: int, steps: int
) -> None:
    form, chance = forms[which], Random(seed)
    state = begin(form, now=NOW, language=chance.choice(form.languages), instance_id="uuid:walk")
    for _ in range(steps):
        state = step(form, state, chance)
        again = json.loads(json.dumps(state))
        assert again == state
        assert current(form, again) == current(form, state)
        assert review(form, again) == review(form, state)
        assert_settled(form, state)
        assert_only_offered(form, state)


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 3), seed=st.integers(0, 2**32))
def test_every_interview_comes_to_an_end_and_the_instance_holds_what_was_answered(
    forms: list[Form], which: int, seed: int
) -> None:
    form, chance = forms[which], Random(seed)
    state = begin(form, now=NOW, instance_id="uuid:walk")
    while (shown := current(form, state)) is not None:
        with contextlib.suppress(Refused):
            state = answer(form, state, reply_to(shown, chance), now=NOW)
    state, answers = mended_and_finished(form, state)
    for path in set(form.program_for(state["repeats"]).types) - {"end"}:
        assert answers.get(path, "") == value(form, state, path)


def mended_and_finished(form: Form, state: State) -> tuple[State, dict[str, str]]:
    """The instance's answers; a constraint that a later answer broke is mended by emptying its question."""
    try:
        return state, read_instance(finish(form, state, now=NOW), repeats=form.repeats).answers
    except Refused as refused:
        return mended_and_finished(form, set_answer(form, state, refused.path, "", now=NOW))
