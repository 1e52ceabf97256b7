"""Expressions come out as in JavaRosa, ODK's own engine.

`javarosa_values.tsv` holds what JavaRosa 5.1.0 stored for a calculation in the form below (in UTC).
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from talking import Talk, WriteForm

from xlsforms import Form, FormError, State, begin, load_form, value

FIELDS = """
| survey |
| | type | name | label | default | relevant |
| | text | t | Text | 0712 | |
| | text | blank | Blank text | | |
| | integer | i | Integer | 5 | |
| | integer | iblank | Blank integer | | |
| | decimal | d | Decimal | 2.50 | |
| | date | day | Date | 2026-03-09 | |
| | date | dblank | Blank date | | |
| | dateTime | dt | Moment | 2026-03-09T14:05:06.789Z | |
| | time | tm | Time | 14:30:00.000Z | |
| | select_one l | s | Select | b | |
| | select_multiple l | sm | Several | a c | |
| | text | hid | Not relevant | gone | 1 = 2 |
| | begin_group | g | Group | | |
| | text | gt | Inside | in | |
| | end_group | | | | |
"""
CHOICES = """
| choices |
| | list_name | name | label | n |
| | l | a | Aye | 1 |
| | l | b | Bee | 2 |
| | l | c | Sea | 10 |
| settings |
| | form_id | version |
| | f | 1 |
"""


def _pinned() -> list[tuple[str, str]]:
    with (Path(__file__).parent / "javarosa_values.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(expression, expected) for expression, expected in rows[1:]]


PINNED = _pinned()


@pytest.fixture(scope="module")
def calculated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Form, State]:
    """One interview over a form with every pinned expression as a calculation."""
    header = FIELDS.replace("| default |", "| default | calculation |")
    rows = [f"| | calculate | e{place} | | | {text} | |" for place, (text, _) in enumerate(PINNED)]
    lines = [
        line if "| name |" in line else _with_a_blank_column(line) for line in header.strip().splitlines()
    ]
    path = tmp_path_factory.mktemp("expressions") / "form.md"
    path.write_text("\n".join([*lines, *rows, *CHOICES.strip().splitlines()]) + "\n", encoding="utf-8")
    form = load_form(path)
    return form, begin(form, now=datetime(2026, 11, 23, 10, 0, tzinfo=UTC), instance_id="uuid:test")


def _with_a_blank_column(line: str) -> str:
    """The rows of `FIELDS` have no calculation: their relevant moves one column on."""
    cells = line.split("|")
    return "|".join([*cells[:-2], " ", *cells[-2:]]) if len(cells) > 4 else line


@pytest.mark.parametrize("place", range(len(PINNED)), ids=[text for text, _ in PINNED])
def test_a_calculation_stores_what_javarosa_stores(calculated: tuple[Form, State], place: int) -> None:
    form, state = calculated
    assert value(form, state, f"e{place}") == PINNED[place][1]


def test_the_pinned_values_cover_every_function_that_yields_the_same_each_time() -> None:
    from xlsforms.functions import OVER_NODES, PLAIN

    untold = {name for name in (*PLAIN, *OVER_NODES) if not any(f"{name}(" in text for text, _ in PINNED)}
    # Compared below, rounded; JavaRosa 5.1.0 has no floor and no ceiling.
    assert untold <= {
        "acos",
        "asin",
        "atan",
        "ceiling",
        "cos",
        "exp",
        "floor",
        "log",
        "pi",
        "sin",
        "tan",
        "decimal-time",
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("floor(-3.2)", "-4"),
        ("ceiling(3.2)", "4"),
        ("round(exp(1), 6)", "2.718282"),
        ("round(log(10), 6)", "2.302585"),
        ("round(pi(), 6)", "3.141593"),
        ("round(sin(1) + cos(1) + tan(1), 6)", "2.939181"),
        ("round(asin(0.5) + acos(0.5) + atan(1), 6)", "2.356194"),
        ("string(${tm})", "14:30:00.000Z"),
        ("instance('l')/root/item[2]/name", "b"),
        ("date('no day')", ""),
        ("date('2026-02-30')", ""),
        ("format-date('no day', '%Y')", ""),
        ("decimal-time('06:00:00')", "0.25"),
        ("-(2 + 3) * 2", "-10"),
        ("if(${i} = 5, null, 'x')", ""),
        ("count(instance('l')/root/item[n = 2 or name = 'a'])", "2"),
        ("count(instance('l')/root/item[n > 1][position() = 1])", "1"),
        ("instance('l')/root/item[name = ${s} and n = 2]/label", "Bee"),
        ("instance('l')/root/item[n = ${i} - 4]/label", "Aye"),
        ("regex('٣', '\\d')", "0"),
        (" + ".join(["${i}"] * 500), "2500"),
        (" or ".join(["${i} = 6"] * 400), "0"),
    ],
)
def test_where_javarosa_has_no_answer_there_is_a_sensible_one(
    talk: Callable[..., Talk], expression: str, expected: str
) -> None:
    header = FIELDS.replace("| default | relevant |", "| default | relevant | calculation |")
    said = talk(f"{header.strip()}\n| | calculate | e | | | | {expression} |\n{CHOICES}")
    assert said.value("e") == expected


def test_today_and_now_follow_the_moment_of_the_answer(talk: Callable[..., Talk]) -> None:
    said = talk("""
        | survey |
        | | type | name | label | calculation |
        | | text | q | Q | |
        | | calculate | day | | format-date(today(), '%Y-%m-%d') |
        | | calculate | moment | | now() |
        """)
    assert said.value("day") == "2026-11-23"
    assert said.value("moment") == "2026-11-23T10:15:30.000+05:30"


def test_a_calculated_day_counts_as_a_day_where_it_is_read(talk: Callable[..., Talk]) -> None:
    said = talk("""
        | survey |
        | | type | name | label | calculation |
        | | date | seen | Seen | |
        | | calculate | limit | | date(${seen} + 30) |
        | | calculate | left | | ${limit} - ${seen} |
        | | calculate | open | | if(${seen} = '', '', ${limit}) |
        | | calculate | next | | ${open} + 1 - ${seen} |
        """).say("2026-01-15")
    assert said.value("limit") == "2026-02-14T00:00:00.000+05:30"  # as JavaRosa stores a day without a type
    assert said.value("left") == "30"
    assert said.value("next") == "31"


def test_chance_comes_from_the_instance_id_and_is_the_same_for_the_same_interview(
    talk: Callable[..., Talk],
) -> None:
    form = """
        | survey |
        | | type | name | label | calculation |
        | | text | q | Q | |
        | | calculate | dice | | random() |
        | | calculate | other | | random() |
        | | calculate | id | | uuid() |
        """
    one, same, another = (talk(form, instance_id=name) for name in ("uuid:a", "uuid:a", "uuid:b"))
    assert one.value("dice") == same.value("dice")
    assert len({one.value("dice"), one.value("other"), another.value("dice")}) == 3
    assert 0 <= float(one.value("dice")) < 1
    assert one.value("id")[14] == "4"  # a version 4 uuid
    assert len(one.value("id")) == 36


def test_once_keeps_its_first_value_while_chance_beside_it_rolls_again(talk: Callable[..., Talk]) -> None:
    said = talk("""
        | survey |
        | | type | name | label | calculation |
        | | text | q | Q | |
        | | calculate | kept | | once(concat(random(), ${q})) |
        | | calculate | rolled | | concat(random(), ${q}) |
        """)
    kept, rolled = said.value("kept"), said.value("rolled")
    said.set("q", "x")
    assert (said.value("kept") == kept, said.value("rolled") == rolled) == (True, False)


def test_the_same_answer_again_rolls_chance_again_further_down(talk: Callable[..., Talk]) -> None:
    """An unchanged value in between does not stop it, as in JavaRosa."""
    said = talk("""
        | survey |
        | | type | name | label | calculation |
        | | text | q | Q | |
        | | calculate | between | | string-length(${q}) |
        | | calculate | rolled | | concat(random(), ${between}) |
        """).set("q", "a")
    rolled = said.value("rolled")
    assert said.set("q", "b").value("rolled") != rolled


def test_a_value_typed_over_a_calculation_gives_way_when_the_calculation_runs_again(
    talk: Callable[..., Talk],
) -> None:
    said = talk("""
        | survey |
        | | type | name | label | calculation |
        | | integer | n | N | |
        | | integer | double | Double | ${n} * 2 |
        """).say("9", "99")
    assert said.value("double") == "99"
    assert said.set("n", "9").value("double") == "18"


def test_pulldata_reads_an_attached_list(talk: Callable[..., Talk]) -> None:
    said = talk(
        """
        | survey |
        | | type | name | label | calculation |
        | | text | code | Code | |
        | | calculate | office | | pulldata('people', 'office', 'name', ${code}) |
        """,
        people="name,office\np1,north\np2,south\n",
    )
    assert said.say("p2").value("office") == "south"
    assert said.set("code", "p9").value("office") == ""


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("frobnicate(1)", "unknown function 'frobnicate'"),
        ("(1 + 2", "it ends too early"),
        ("1 +", "it ends too early"),
        ("if(1, 2)", "if() takes 3 arguments, not 2"),
        ("area('1 2;3 4')", "area() is not computed in a conversation: it measures places"),
        (
            "property('deviceid')",
            "property() is not computed in a conversation: it tells who holds the phone",
        ),
        ("regex(${t}, '[a')", "the pattern '[a' is not valid"),
        ("regex(${t}, '" + "a" * 501 + "')", "the pattern is longer than 500 characters"),
        ("/data/nosuch = 1", "there is no question at /data/nosuch"),
        ("instance('zz')/root/item/name", "the form has no list 'zz'"),
        ("${t}[1]", "brackets"),
        ("../../..", "'..' leads out of the form"),
        ("position()", "inside brackets only"),
        ("'" + "x" * 8_192 + "'", "longer than 8,192 characters"),
        ("-" * 400 + "1", "nested too deeply"),
        (" - ".join(["${i}"] * 400), "nested too deeply"),
        ("1" + " = (1" * 200 + ")" * 200, "nested too deeply"),
        ("(" * 4000 + "1" + ")" * 4000, "nested too deeply"),
    ],
)
def test_a_broken_expression_is_named_with_its_file_question_and_reason(
    write_form: WriteForm, expression: str, reason: str
) -> None:
    header = FIELDS.replace("| default | relevant |", "| default | relevant | calculation |")
    with pytest.raises(FormError) as caught:
        write_form(f"{header.strip()}\n| | calculate | e | | | | {expression} |\n{CHOICES}")
    text = str(caught.value)
    assert "form.md: question e, calculation `" in text
    assert reason in text
    assert text.count("\n") == 0


def test_the_message_shows_the_expression_as_it_was_typed(write_form: WriteForm) -> None:
    with pytest.raises(
        FormError, match=r"question b, relevant `\$\{a\} = frob\(\$\{a\}\)`: unknown function 'frob'"
    ):
        write_form("""
            | survey |
            | | type | name | label | relevant |
            | | text | a | A | |
            | | text | b | B | ${a} = frob(${a}) |
            """)
