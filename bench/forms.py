"""The forms the engines are timed on, S, M and R, written as XLSForms; made anew each time, always the same."""

from __future__ import annotations

from random import Random

CHANCE = 20261123
"""Where the conditions come from: the same every time."""
HEADER = ("type", "name", "label", "relevant", "calculation", "choice_filter", "constraint", "required")
PLACES = 500
"""Rows of the list that cascades: 10 regions, 50 districts below them, 440 places below those."""


def small() -> str:
    """S: 40 questions, 10 conditions, 5 calculations."""
    return _form("s", [*_questions(_chance(), 40, conditions=10), *_calculations(5, 40, sums=1)], lists=False)


def medium() -> str:
    """M: 300 questions, 100 conditions, 50 calculations (10 of them sums of 40 questions), 40 cascades over a
    list of 500 rows, every other one an attached file."""
    plain = _questions(_chance(), 180, conditions=100)
    return _form("m", [*plain, *_cascades(40), *_calculations(50, 180, sums=10)], lists=True)


def repeated() -> str:
    """R: a repeat of 8 questions, 5 conditions and 3 calculations, filled 20 times, with 6 calculations over it."""
    rows = [_row("integer", "members", "Members", required="yes"), _row("begin_repeat", "member", "Member")]
    rows[1]["repeat_count"] = "${members}"
    rows += [
        _row("integer", "age", "Age", constraint=". >= 0 and . < 120"),
        _row("select_one yes_no", "school", "School?", relevant="${age} < 18"),
        _row("select_one yes_no", "work", "Work?", relevant="${age} >= 14"),
        _row("decimal", "wage", "Wage", relevant="${work} = 'yes'"),
        _row("integer", "days", "Days", relevant="${work} = 'yes'"),
        _row("text", "trade", "Trade", relevant="${wage} > 100"),
        _row("integer", "visits", "Visits"),
        _row("select_one yes_no", "ill", "Ill?"),
        _row("calculate", "income", calculation="${wage} * ${days}"),
        _row("calculate", "adult", calculation="if(${age} >= 18, 1, 0)"),
        _row("calculate", "place", calculation="position(..)"),
        _row("end_repeat", ""),
        _row("calculate", "incomes", calculation="sum(${income})"),
        _row("calculate", "people", calculation="count(${member})"),
        _row("calculate", "oldest", calculation="max(${age})"),
        _row("calculate", "second", calculation="indexed-repeat(${age}, ${member}, 2)"),
        _row("calculate", "adults", calculation="sum(${adult})"),
        _row("calculate", "each", calculation="${incomes} div ${people}"),
        _row("text", "remark", "Remark"),
    ]
    return _form("r", rows, lists=False)


def places() -> str:
    """The attached list of M."""
    return "\n".join(["name,label,parent", *(",".join(row) for row in _places())]) + "\n"


def _chance() -> Random:
    return Random(CHANCE)  # noqa: S311  nothing secret is drawn


def _row(type_: str, name: str, label: str = "", **cells: str) -> dict[str, str]:
    return {"type": type_, "name": name, "label": label, **cells}


def _questions(chance: Random, count: int, *, conditions: int) -> list[dict[str, str]]:
    """Integers, decimals, texts, dates and choices in turn; conditions look at questions before."""
    kinds = ("integer", "select_one yes_no", "text", "decimal", "integer", "select_multiple several", "date")
    rows: list[dict[str, str]] = []
    conditional = set(chance.sample(range(10, count), conditions)) if count > conditions + 10 else set()
    always: list[tuple[str, str]] = []
    for number in range(count):
        kind, name = kinds[number % len(kinds)], f"q{number}"
        row = _row(kind, name, f"Question {number}")
        if number in conditional:
            row["relevant"] = _condition(chance, always)
        elif kind in ("integer", "decimal", "select_one yes_no"):
            always.append((name, kind))
        if kind == "integer":
            row["constraint"] = ". >= 0 and . < 1000"
        rows.append(row)
    return rows


def _condition(chance: Random, fields: list[tuple[str, str]]) -> str:
    (one, first), (other, second) = chance.sample(fields, 2)
    return f"{_met(one, first)} {chance.choice(('and', 'or'))} {_met(other, second)}"


def _met(name: str, kind: str) -> str:
    return f"${{{name}}} = 'yes'" if kind == "select_one yes_no" else f"${{{name}}} >= 3"


def _calculations(count: int, questions: int, *, sums: int) -> list[dict[str, str]]:
    numbers = [f"q{number}" for number in range(questions) if number % 7 in (0, 3, 4)]
    rows = []
    for number in range(count):
        if number < sums:
            start = number * 5 % len(numbers)
            chosen = (numbers[start:] + numbers[:start])[:40]
            text = " + ".join(f"coalesce(${{{name}}}, 0)" for name in chosen)
        elif number % 3:
            text = f"if(${{{numbers[number % len(numbers)]}}} > 5, ${{{numbers[(number * 3) % len(numbers)]}}} * 2, 0)"
        else:
            text = f"concat(${{q2}}, ' ', ${{{numbers[number % len(numbers)]}}})"
        rows.append(_row("calculate", f"c{number}", calculation=text))
    return rows


def _cascades(count: int) -> list[dict[str, str]]:
    """Region, district, place: three questions each; every other cascade reads the attached file."""
    rows = []
    for number in range(count):
        kind = "select_one_from_file places.csv" if number % 2 else "select_one place"
        rows += [
            _row(kind, f"r{number}", "Region", choice_filter="parent = ''"),
            _row(kind, f"d{number}", "District", choice_filter=f"parent = ${{r{number}}}"),
            _row(kind, f"p{number}", "Place", choice_filter=f"parent = ${{d{number}}}"),
        ]
    return rows


def _places() -> list[tuple[str, str, str]]:
    rows = [(f"r{number}", f"Region {number}", "") for number in range(10)]
    rows += [(f"d{number}", f"District {number}", f"r{number % 10}") for number in range(50)]
    rows += [(f"p{number}", f"Place {number}", f"d{number % 50}") for number in range(PLACES - 60)]
    return rows


def _form(name: str, rows: list[dict[str, str]], *, lists: bool) -> str:
    header = (*HEADER, "repeat_count")
    lines = ["| survey |", _line(header), *(_line([row.get(cell, "") for cell in header]) for row in rows)]
    lines += ["| choices |", _line(("list_name", "name", "label", "parent"))]
    lines += [_line(("yes_no", choice, choice.title(), "")) for choice in ("yes", "no")]
    lines += [_line(("several", choice, choice.upper(), "")) for choice in "abcde"]
    if lists:
        lines += [_line(("place", *row)) for row in _places()]
    return "\n".join([*lines, "| settings |", _line(("form_id", "version")), _line((name, "1"))]) + "\n"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| | " + " | ".join(cells) + " |"
