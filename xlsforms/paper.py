"""The paper twin of a form: the same questions, numbers and signs on A4, to be ticked with a pen.

For meetings without a phone for everybody. What is written on paper is typed into the form afterwards, so the
sheet keeps the form's order, and says in words what a phone would skip by itself.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from .conditions import ANY, NONE, Term, demands, needed_answers
from .form import Form, Question
from .marks import RESERVED
from .model import Bind, Control, Output, Words
from .plain import Item, Listed, cascade, listed, outputs, variants
from .signs import signs
from .texts import MISSING, code_of

__all__ = ["paper"]

BLANK = "\u2009________\u2009"
"""Where the form would fill in a value."""

SHORT_LABEL = 26
"""Characters: lists whose labels are all this short stand in three columns or more, others in two."""

MOST_COLUMNS = 5
"""Up to so many short choices stand in one row, as a scale should."""

FEWEST_BEHIND_A_GATE = 3
LINES = {"multiline": 4}
LINES_OTHERWISE = 2

_DIGITS = {"bn": 0x09E6, "hi": 0x0966}
_UNASKED = ("calculate", "hidden")


@dataclass(frozen=True)
class Choices:
    """Boxes to tick, under a heading where a list depends on an earlier answer."""

    heading: str
    boxes: tuple[tuple[str, str], ...]
    columns: int


@dataclass(frozen=True)
class Entry:
    """One question (with a number) or note (without) as it stands on the sheet.

    `way`: boxes, lines, code, date, time, number, listed, tick, phone or note; `lines`: how many to write on.
    """

    number: str
    label: str
    hint: str
    aloud: str
    conditions: tuple[str, ...]
    required: bool
    way: str
    lists: tuple[Choices, ...] = ()
    many: bool = False
    named: bool = True
    lines: int = 0
    gate: str = ""


@dataclass(frozen=True)
class Section:
    """Questions under one heading."""

    title: str
    conditions: tuple[str, ...]
    entries: tuple[Entry, ...]


def paper(form: Form, language: str | None = None) -> str:
    """The form as one HTML page to print on A4, in a language given by code or name.

    Self-contained, without scripts. Its title is neutral: the form's mark is its initials and version.
    Raises KeyError (listing the form's languages) for a language it does not have.
    """
    spoken = form.language(language) if language else (form.default_language or "")
    sheet = _Sheet(form, spoken)
    return (
        _environment()
        .get_template("paper.html.j2")
        .render(
            language=code_of(spoken) or "en",
            say=sheet.say,
            mark=f"{_initials(form.form_id)} · {form.version}",
            sections=tuple(sheet.sections()),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("xlsforms"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    text = files("xlsforms").joinpath("paper_words.csv").read_text(encoding="utf-8")
    return {row["key"]: row for row in csv.DictReader(text.splitlines())}


def _initials(form_id: str) -> str:
    return "".join(word[:1] for word in form_id.replace("-", "_").split("_")).upper()


@dataclass
class _Sheet:
    """What the parts of one sheet share: the form, the language, and the number of each question."""

    form: Form
    language: str
    numbers: dict[str, str] = field(default_factory=dict)
    controls: dict[str, Control] = field(default_factory=dict)
    gates: dict[str, Term] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.controls = {
            control.path: control for control in self.form.model.controls if not self._never(control.path)
        }
        asked = [path for path in self.controls if self._question(path).kind != "note"]
        self.numbers = {path: self.digits(place) for place, path in enumerate(asked, start=1)}
        self.gates = dict(self._gates(asked))
        self._guidance = variants(self.form, "guidance").get(self.language, {})
        self._named_rows = self._rows_that_conditions_name()

    # --- words ---------------------------------------------------------------------------------------

    def say(self, key: str, **values: str) -> str:
        row = _words()[key]
        return (row.get(code_of(self.language)) or row["en"]).format(**values)

    def digits(self, number: object) -> str:
        zero = _DIGITS.get(code_of(self.language))
        text = str(number)
        return "".join(chr(zero + int(c)) if zero and c in "0123456789" else c for c in text)

    def text(self, words: Words | None) -> str:
        """A text in the sheet's language, with a blank to write in where the form fills in a value."""
        parts = outputs(self.form.model, words, self.language)
        found = "".join(BLANK if isinstance(part, Output) else part for part in parts).strip()
        return "" if found == MISSING else found

    # --- conditions ----------------------------------------------------------------------------------

    def _gates(self, asked: Sequence[str]) -> Iterator[tuple[str, Term]]:
        """Questions that everything after them waits for, with the answer it waits for (consent, of age)."""
        needed = {path: set(needed_answers(self.form.model, path)) for path in asked}
        for place, path in enumerate(asked):
            later = [needed[other] for other in asked[place + 1 :]]
            if len(later) < FEWEST_BEHIND_A_GATE:
                return
            for term in set.intersection(*later):
                if term is not None and term.path == path and term.how == ANY:
                    yield path, term

    def _never(self, path: str) -> bool:
        """Whether a question waits for a hidden value that a sheet does not have (who holds the phone)."""
        return any(
            term is not None and self._fixed(term.path) and not _holds(term, self._default(term.path))
            for term in needed_answers(self.form.model, path)
        )

    def conditions(self, path: str) -> tuple[str, ...]:
        """What this question or group itself waits for, in words."""
        bind = self._bind(path)
        said: list[str] = []
        for term in demands(bind.relevant, self.form.model.root, path):
            if term is not None and self.gates.get(term.path) == term:
                continue
            if term is None or not self._fixed(term.path):
                said.append(self._in_words(term))
        return tuple(dict.fromkeys(said))

    def _fixed(self, path: str) -> bool:
        """A hidden value, which nobody on paper can change."""
        return self._question(path).kind == "hidden"

    def _default(self, path: str) -> str:
        return next((leaf.default for leaf in self.form.model.leaves() if leaf.path == path), "")

    def _in_words(self, term: Term | None) -> str:
        if term is None or term.path not in self.numbers:
            return self.say("maybe")
        n = self.numbers[term.path]
        if term.how not in (ANY, NONE):
            return self.say("only_number", n=n, how=term.how, value=self.digits(term.values[0]))
        if "" in term.values:
            return self.say("only_empty" if term.how == ANY else "only_answered", n=n)
        return self.say("only_if" if term.how == ANY else "not_if", n=n, answers=self._answers(term))

    def _answers(self, term: Term) -> str:
        labels = {item.name: item for item in self._items(term.path)}
        shown = [
            f"“{labels[value].labels.get(self.language) or value}”" if value in labels else f"“{value}”"
            for value in term.values
        ]
        return f" {self.say('or')} ".join(shown)

    def _items(self, path: str) -> Sequence[Item]:
        control = self.controls.get(path)
        found = listed(self.form, control) if control else None
        return found.items if found else ()

    def _rows_that_conditions_name(self) -> dict[str, tuple[str, ...]]:
        """Of lists in files, the rows a condition asks for: "not on this list" needs a box of its own."""
        named: dict[str, dict[str, None]] = {}
        for path, bind in self.form.model.binds.items():
            for term in demands(bind.relevant, self.form.model.root, path):
                if term is not None and term.how == ANY:
                    named.setdefault(term.path, {}).update(dict.fromkeys(term.values))
        return {path: tuple(values) for path, values in named.items()}

    # --- the sheet -----------------------------------------------------------------------------------

    def sections(self) -> Iterator[Section]:
        for group, controls in groupby(
            self.controls.values(), lambda control: control.path.rpartition("/")[0]
        ):
            held = list(controls)
            title = self.text(held[0].section) if group else ""
            yield Section(title, self._around(group), tuple(map(self._entry, held)))

    def _around(self, group: str) -> tuple[str, ...]:
        said: list[str] = []
        steps = group.split("/") if group else []
        for size in range(1, len(steps) + 1):
            path = "/".join(steps[:size])
            said += self.conditions(path)
            if path in self.form.repeats:
                said.append(self.say("repeat"))
        return tuple(dict.fromkeys(said))

    def _entry(self, control: Control) -> Entry:
        path, question = control.path, self._question(control.path)
        gate = self.gates.get(path)
        choices = listed(self.form, control)
        way = _way(control, question, choices)
        return Entry(
            number=self.numbers.get(path, ""),
            label=self.text(control.label),
            hint=self.text(control.hint),
            aloud=self._guidance.get((control.hint.itext if control.hint else "") or "", ""),
            conditions=self.conditions(path),
            required=self._bind(path).required == "true()",
            way=way,
            lists=tuple(self._lists(control, question, choices)),
            many=question.kind == "select_multiple",
            named=question.eval.get("is") != "collector",
            lines=LINES.get(question.appearance or "", LINES_OTHERWISE) if way == "lines" else 0,
            gate=self.say("gate", answers=self._answers(gate)) if gate else "",
        )

    def _lists(self, control: Control, question: Question, choices: Listed | None) -> Iterator[Choices]:
        if control.tag == "range":
            steps = _steps(question.parameters)
            if steps:
                boxes = tuple((self.digits(step), "") for step in steps)
                yield Choices("", boxes, columns=len(boxes))
            return
        if choices is None:
            return
        if choices.file is not None:
            wanted = self._named_rows.get(control.path, ())
            named = [item for item in choices.items if item.name in wanted]
            if named:
                yield _row("", [("", self._label(item)) for item in named])
            return
        cascaded = cascade(self.form, control, choices)
        if cascaded is None or cascaded[1] not in self.numbers:
            yield from self._boxes("", choices.items)
            return
        column, earlier = cascaded
        for value, items in groupby(
            sorted(choices.items, key=lambda item: _place(item, column, choices.items)),
            lambda item: item.columns.get(column, ""),
        ):
            answer = self._answers(Term(earlier, ANY, (value,)))
            heading = self.say("list_of", n=self.numbers[earlier], answers=answer)
            yield from self._boxes(heading, tuple(items))

    def _boxes(self, heading: str, items: Sequence[Item]) -> Iterator[Choices]:
        """One row or block of boxes; "don't know" and its kind stand below a scale, not beside its ends."""
        names = [item.name for item in items]
        shown = [
            (self.digits(sign), self._label(item)) for sign, item in zip(signs(names), items, strict=True)
        ]
        aside = [pair for pair, name in zip(shown, names, strict=True) if name in RESERVED]
        steps = [pair for pair in shown if pair not in aside]
        if aside and len(steps) > 2 and shown == steps + aside:
            yield _row(heading, steps)
            yield _row("", aside, columns=3)
        else:
            yield _row(heading, shown)

    def _label(self, item: Item) -> str:
        return item.labels.get(self.language) or item.labels.get("", "") or item.name

    def _bind(self, path: str) -> Bind:
        return self.form.model.binds.get(path, Bind(path))

    def _question(self, path: str) -> Question:
        try:
            return self.form.question(path)
        except KeyError:
            return Question(path, "", False, None, (), {})


def _way(control: Control, question: Question, choices: Listed | None) -> str:
    """How a question is answered with a pen."""
    if choices is not None:
        return "listed" if choices.file is not None else "boxes"
    if question.eval.get("is") == "survivor_code":
        return "code"
    if control.tag == "range":
        return "boxes" if _steps(question.parameters) else "number"
    return {
        "note": "note",
        "text": "lines",
        "integer": "number",
        "decimal": "number",
        "date": "date",
        "dateTime": "date",
        "time": "time",
        "acknowledge": "tick",
    }.get(question.kind, "phone")


def _row(heading: str, boxes: Sequence[tuple[str, str]], columns: int = 0) -> Choices:
    """Boxes in as many columns as their labels allow."""
    short = all(len(label) <= SHORT_LABEL for _, label in boxes)
    fitting = len(boxes) if len(boxes) <= MOST_COLUMNS else 3
    return Choices(heading, tuple(boxes), columns or (max(fitting, 3) if short else 2))


def _steps(parameters: Mapping[str, str]) -> tuple[int, ...]:
    """The steps of a short range of whole numbers; () for any other."""
    try:
        first, last, step = (int(parameters.get(name, "1")) for name in ("start", "end", "step"))
    except ValueError:
        return ()
    found = range(first, last + 1, step) if step > 0 else range(0)
    return tuple(found) if 1 < len(found) <= 11 else ()


def _place(item: Item, column: str, items: Sequence[Item]) -> int:
    """Where the first item of the same part of a cascade stands: parts keep the order of the list."""
    value = item.columns.get(column, "")
    return next(place for place, other in enumerate(items) if other.columns.get(column, "") == value)


def _holds(term: Term, value: str) -> bool:
    if term.how in (ANY, NONE):
        return (value in term.values) == (term.how == ANY)
    return True
