"""Forms made to do harm: each is refused in one clear sentence, soon, and with little memory."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from talking import NOW, WriteForm

from xlsforms import FormError, begin, form_from_xml, load_form, set_answer, to_xform, value
from xlsforms.workbook import sheets

ROOM = Path(load_form.__code__.co_filename).parent
WORKBOOK = ROOM / "duty_bearer_evaluation.xlsx"
XFORM = """<?xml version="1.0"?>{doctype}<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml">
<h:head><h:title>t</h:title><model><instance><data id="t"><a/></data></instance><bind nodeset="/data/a" type="string"/>
</model></h:head><h:body><input ref="/data/a"><label>{label}</label></input>{body}</h:body></h:html>"""


def refused(path: Path) -> str:
    """What is said of a form that is not loaded, within five seconds of work (the machine may do other things)."""
    began = time.process_time()
    with pytest.raises(FormError) as caught:
        load_form(path)
    assert time.process_time() - began < 5
    return str(caught.value)


def xform(*, doctype: str = "", label: str = "A", body: str = "") -> str:
    return XFORM.format(doctype=doctype, label=label, body=body)


def markdown(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "form.md"
    path.write_text("| survey |\n| | type | name | label | calculation |\n" + rows, encoding="utf-8")
    return path


def test_an_external_entity_is_not_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("nobody's business", encoding="utf-8")
    doctype = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    with pytest.raises(FormError, match="has a DOCTYPE") as caught:
        form_from_xml(xform(doctype=doctype, label="&x;"))
    assert "nobody" not in str(caught.value)


@pytest.mark.parametrize("before", ["", " " * 5000, "<!-- " + "-x" * 3000 + " -->"])
def test_entities_that_grow_are_not_expanded(before: str) -> None:
    grown = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'{before}<!DOCTYPE r [<!ENTITY a0 "lollollol">{grown}]>'
    with pytest.raises(FormError, match=r"DOCTYPE|is not XML"):
        form_from_xml(xform(doctype=doctype, label="&a9;"))


def test_groups_nested_without_end_in_an_xform() -> None:
    with pytest.raises(FormError, match="is not XML: Excessive depth"):
        form_from_xml(xform(body="<group>" * 20_000 + "</group>" * 20_000))


@pytest.mark.parametrize("depth", [21, 150, 3_000, pytest.param(20_000, marks=pytest.mark.nightly)])
def test_groups_nested_without_end_in_a_workbook(tmp_path: Path, depth: int) -> None:
    begun = "".join(f"| | begin_group | g{n} | G | |\n" for n in range(depth))
    path = markdown(tmp_path, f"{begun}| | text | a | A | |\n" + "| | end_group | | | |\n" * depth)
    said = refused(path)
    assert "nested too deeply" in said or "takes more than" in said


@pytest.mark.parametrize("depth", [4_000, 20_000])
def test_brackets_without_end(tmp_path: Path, depth: int) -> None:
    said = refused(markdown(tmp_path, f"| | calculate | a | | {'(' * depth}1{')' * depth} |\n"))
    assert "nested too deeply" in said or "longer than 8,192 characters" in said
    assert len(said) < 600


def test_more_expressions_than_any_form_has() -> None:
    written = "".join(f'<bind nodeset="/data/q{n}" calculate="{"1 + " * 1_000}1"/>' for n in range(130))
    with pytest.raises(FormError, match=r"its expressions have 52\d,\d{3} characters together"):
        form_from_xml(xform().replace("</model>", f"{written}</model>"))


def test_more_questions_than_any_form_has() -> None:
    questions = "".join(f"<q{n}/>" for n in range(6_000))
    with pytest.raises(FormError, match=r"has more than 5,000 questions; no form is that long"):
        form_from_xml(xform().replace("<a/>", f"<a/>{questions}"))


def test_more_questions_in_a_repeat_than_can_be_repeated(tmp_path: Path) -> None:
    inside = "".join(f"| | text | q{n} | Q | |\n" for n in range(201))
    path = markdown(tmp_path, f"| | begin_repeat | r | R | |\n{inside}| | end_repeat | | | |\n")
    with pytest.raises(FormError, match="its repeats have 201 questions; a conversation repeats 200 at most"):
        begin(load_form(path), now=NOW, instance_id="uuid:test")


def test_calculations_over_a_repeat_in_every_question_of_it(tmp_path: Path) -> None:
    inside = "".join(f"| | integer | q{n} | Q | sum(../../r/n) |\n" for n in range(100))
    inside = f"| | begin_repeat | r | R | |\n| | integer | n | N | |\n{inside}| | end_repeat | | | |\n"
    said = refused(markdown(tmp_path, inside))
    assert "its rules would read 250,000 answers when its repeats stand 50 times" in said


def test_a_cascade_of_a_thousand_questions_is_cleared_without_end_of_the_stack(tmp_path: Path) -> None:
    rows = "".join(f"| | select_one l | s{n} | S | name = ${{s{n - 1}}} |\n" for n in range(1, 1_000))
    text = "| survey |\n| | type | name | label | choice_filter |\n| | select_one l | s0 | S | |\n" + rows
    text += "| choices |\n| | list_name | name | label |\n| | l | a | A |\n| | l | b | B |\n"
    path = tmp_path / "form.md"
    path.write_text(text, encoding="utf-8")
    form = load_form(path)
    state = begin(form, now=NOW, instance_id="uuid:test")
    state["values"] = {f"s{n}": "a" for n in range(1_000)}
    state = set_answer(form, state, "s0", "b", now=NOW)
    assert {path: text for path, text in state["values"].items() if path != "meta/instanceID"} == {"s0": "b"}


def test_answers_that_set_each_other_off_again_and_again() -> None:
    """Each sets the next one twice: after twenty-five of them, thirty million times."""
    names = [f"q{n}" for n in range(26)]
    inputs = "".join(
        f'<input ref="/data/{name}">'
        + "".join(
            f'<setvalue event="xforms-value-changed" ref="/data/{then}" value="concat(/data/{name}, {n})"/>'
            for n in (1, 2)
        )
        + "</input>"
        for name, then in itertools.pairwise(names)
    )
    fields = "".join(f"<{name}/>" for name in names)
    form = form_from_xml(xform(body=inputs).replace("<a/>", f"<a/>{fields}"))
    state = begin(form, now=NOW, instance_id="uuid:test")
    with pytest.raises(FormError, match="one answer sets off more than 1,000,000 steps of work"):
        set_answer(form, state, "q0", "x", now=NOW)


def test_a_list_in_a_list_in_a_list_is_not_searched_to_the_end(write_form: WriteForm) -> None:
    inner = "count(instance('l')/root/item[name != /data/a and count(instance('l')/root/item[name != /data/a]) > 1])"
    rows = "".join(f"| | l | c{n} | C | \n" for n in range(2_000))
    form = write_form(
        f"| survey |\n| | type | name | label | calculation |\n| | text | a | A | |\n| | select_one l | s | S | |\n"
        f"| | calculate | many | | {inner} |\n| choices |\n| | list_name | name | label |\n{rows}"
    )
    with pytest.raises(FormError, match="more than 1,000,000 steps of work"):
        begin(form, now=NOW, instance_id="uuid:test")


def test_a_circle_of_calculations(tmp_path: Path) -> None:
    rows = "".join(f"| | calculate | c{n} | | ${{c{(n + 1) % 500}}} + 1 |\n" for n in range(500))
    assert "in a circle" in refused(markdown(tmp_path, rows))


def test_a_long_chain_of_calculations_is_no_circle(tmp_path: Path) -> None:
    rows = "".join(f"| | calculate | c{n} | | ${{c{n + 1}}} + 1 |\n" for n in range(1_000))
    form = load_form(markdown(tmp_path, f"{rows}| | calculate | c1000 | | 1 |\n"))
    state = begin(form, now=NOW, instance_id="uuid:test")
    assert value(form, state, "c0") == "1001"


def test_a_pattern_that_would_take_for_ever(tmp_path: Path) -> None:
    path = markdown(tmp_path, f"| | calculate | a | | regex('{'a' * 40}!', '(a+)+$') |\n")
    assert load_form(path).form_id


def test_an_xlsx_that_unpacks_to_more_than_any_form_holds(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<row/>" * 6_000_000)
    assert "its sheets hold 34 MB" in refused(path)
    with pytest.raises(FormError, match="more than any form does"):
        sheets(path)


def rows(path: Path, count: int) -> Path:
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    survey = book.add_worksheet("survey")
    survey.write_row(0, 0, ["type", "name", "label"])
    for number in range(1, count + 1):
        survey.write_row(number, 0, ["text", f"q{number}", f"Question {number}"])
    book.close()
    return path


def test_a_sheet_without_end_is_read_up_to_a_limit(tmp_path: Path) -> None:
    with pytest.raises(FormError, match="the sheet 'survey' goes on beyond row 20,000"):
        sheets(rows(tmp_path / "long.xlsx", 21_000))


@pytest.mark.nightly
def test_a_long_workbook_is_converted_apart_and_ended_when_it_takes_too_much(tmp_path: Path) -> None:
    said = refused(rows(tmp_path / "long.xlsx", 40_000))
    assert "takes more than 4 seconds or 512 MB" in said


@pytest.mark.nightly
def test_three_hundred_thousand_rows(tmp_path: Path) -> None:
    path = rows(tmp_path / "long.xlsx", 300_000)
    assert "its sheets hold" in refused(path)


def test_a_workbook_from_outside_is_converted_apart_with_the_same_result() -> None:
    assert to_xform(WORKBOOK, untrusted=True) == to_xform(WORKBOOK)


def test_what_pyxform_says_is_the_same_when_it_says_it_apart(tmp_path: Path) -> None:
    path = markdown(tmp_path, "| | nosuchtype | q | Q | |\n")
    said = []
    for untrusted in (False, True):
        with pytest.raises(FormError) as caught:
            to_xform(path, untrusted=untrusted)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith(f"{path}: ")


@pytest.mark.nightly
def test_the_worst_of_them_stay_within_512_mb(tmp_path: Path) -> None:
    """In a process that is given no more; what a form takes above that would end it."""
    begun = "".join(f"| | begin_group | g{n} | G | |\n" for n in range(20_000))
    markdown(tmp_path, f"{begun}| | text | a | A | |\n" + "| | end_group | | | |\n" * 20_000)
    rows(tmp_path / "long.xlsx", 40_000)
    program = (
        "import resource, sys; from pathlib import Path; from xlsforms import FormError, load_form\n"
        "resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))\n"
        "for name in sys.argv[1:]:\n"
        "    try: load_form(Path(name))\n"
        "    except FormError: print('refused')\n"
    )
    files = [str(tmp_path / "form.md"), str(tmp_path / "long.xlsx")]
    done = subprocess.run(
        [sys.executable, "-c", program, *files],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOM.parent)},
    )
    assert done.stdout.split() == ["refused", "refused"], done.stderr
