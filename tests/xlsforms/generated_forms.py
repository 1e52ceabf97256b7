"""Forms nobody wrote: types, conditions, constraints, calculations, cascades, defaults, triggers and languages.

Every expression reads only rows that come before its own in an order of dependence, which is not the
order of the form: so there are references to later questions, but no circles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

COLUMNS = (
    "type", "name", "required", "relevant", "constraint", "calculation", "choice_filter", "default",
    "trigger", "parameters", "repeat_count",
)  # fmt: skip
LANGUAGES = ("English (en)", "বাংলা (bn)")
NAMES = ("a", "b", "c", "d")
QUESTIONS = (
    "text", "integer", "decimal", "date", "time", "dateTime", "select_one", "select_multiple", "acknowledge", "range",
)  # fmt: skip
ANSWERS: dict[str, tuple[str, ...]] = {
    "text": ("", "a", "b", "0712", "7", "two words", "-1", "রিনা"),
    "integer": ("", "0", "1", "2", "5", "-3", "12"),
    "decimal": ("", "0.5", "2.0", "3.75", "-1.25"),
    "range": ("", "1", "3", "5"),
    "date": ("", "2026-01-05", "2025-02-28", "2031-12-31"),
    "time": ("", "14:30:00.000Z", "00:05:00.000Z"),
    "dateTime": ("", "2026-03-09T14:05:06.789Z", "2025-12-31T23:59:59.000Z"),
    "acknowledge": ("", "OK"),
}
"""What is answered, in the shape JavaRosa keeps it in."""
DEFAULTS = {
    "text": "b",
    "integer": "2",
    "decimal": "0.5",
    "date": "2026-01-05",
    "select_one": "a",
    "hidden": "b",
}
FIRST_VALUES = {
    "text": "concat('x', 1 + 1)",
    "integer": "1 + 1",
    "date": "today()",
    "hidden": "concat('h', 2)",
}

Draw = Callable[..., Any]


@dataclass(frozen=True)
class Known:
    """A field that expressions may read, the name of the repeat it stands in, and of what directly holds it."""

    name: str
    kind: str
    repeat: str | None
    holder: str | None


@dataclass
class Node:
    """A row of the survey, or a group with rows inside."""

    type: str
    name: str
    cells: dict[str, str] = field(default_factory=dict)
    inside: list[Node] | None = None
    repeats: bool = False

    def rows(self) -> list[dict[str, str]]:
        if self.inside is None:
            return [{"type": self.type, "name": self.name, **self.cells}]
        rows = [row for node in self.inside for row in node.rows()]
        kind = "repeat" if self.repeats else "group"
        return [{"type": f"begin_{kind}", "name": self.name, **self.cells}, *rows, {"type": f"end_{kind}"}]


@dataclass(frozen=True)
class Generated:
    """A form as a markdown table, the attached list if any, its languages, the kinds of
    its questions by name, and the paths of its repeats; of those `open` that take another instance."""

    markdown: str
    places: str | None
    languages: tuple[str, ...]
    kinds: dict[str, str] = field(repr=False)
    repeats: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """How Hypothesis shows a form."""
        printer.text(f"\n{self.markdown}\n{self.places or ''}\n")


# --- expressions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expressions:
    """Draws expressions over fields, given as (name, kind). `dot`: the kind of the question constrained.

    `many`: fields inside a repeat, (repeat, name, kind), read from outside of it. `inside`: whether `position(..)` may
    be asked for.
    """

    draw: Draw
    fields: tuple[tuple[str, str], ...]
    many: tuple[tuple[str, str, str], ...] = ()
    inside: bool = False
    dot: str | None = None
    choice_names: bool = True

    def _one(self, options: Sequence[Callable[[int], str]], depth: int) -> str:
        return self.draw(st.sampled_from(options))(depth)

    def _of(self, *kinds: str) -> list[str]:
        found = [f"${{{name}}}" for name, kind in self.fields if kind in kinds]
        return [*found, "."] if self.dot in kinds else found

    def _pick(self, *kinds: str) -> str:
        return self.draw(st.sampled_from(self._of(*kinds)))

    def truth(self, depth: int = 2) -> str:
        options: list[Callable[[int], str]] = [lambda _: "true()", lambda _: "1 = 2"]
        if self._anything():
            options += [self._blank] * 2
        if self._of("select_one", "select_multiple"):
            options += [self._chosen] * 3
        if self._of("text", "calculate", "hidden"):
            options += [self._textual]
        if self._of("integer", "decimal", "range", "calculate"):
            options += [self._compared] * 3
        if self._of("date"):
            options += [self._dated]
        if depth:
            options += [self._joined, lambda d: f"not({self.truth(d - 1)})", self._numbers_compared]
        return self._one(options, depth)

    def _anything(self) -> list[str]:
        return [f"${{{name}}}" for name, _ in self.fields] + (["."] if self.dot else [])

    def _blank(self, _: int) -> str:
        return f"{self.draw(st.sampled_from(self._anything()))} {self.draw(st.sampled_from(('=', '!=')))} ''"

    def _chosen(self, _: int) -> str:
        field_, name = self._pick("select_one", "select_multiple"), self.draw(st.sampled_from(NAMES))
        shape = self.draw(
            st.sampled_from(("selected({}, '{}')", "{} = '{}'", "{} != '{}'", "not(selected({}, '{}'))"))
        )
        return shape.format(field_, name)

    def _textual(self, _: int) -> str:
        shape = self.draw(
            st.sampled_from(
                (
                    "{} = 'a'",
                    "contains({}, 'o')",
                    "starts-with({}, '0')",
                    "regex({}, '[a-z ]+')",
                    "{} = 7",
                    "string-length({}) < 3",
                    "{} = 712",
                    "ends-with({}, 's')",
                )
            )
        )
        return shape.format(self._pick("text", "calculate", "hidden"))

    def _compared(self, _: int) -> str:
        field_ = self._pick("integer", "decimal", "range", "calculate")
        return f"{field_} {self._operator()} {self.draw(st.sampled_from(('0', '2', '2.0', '3.5', '-1')))}"

    def _operator(self) -> str:
        return self.draw(st.sampled_from(("=", "!=", "<", "<=", ">", ">=")))

    def _dated(self, depth: int) -> str:
        return f"{self._pick('date')} {self._operator()} {self.day(depth)}"

    def _numbers_compared(self, depth: int) -> str:
        return f"({self.number(depth - 1)}) {self._operator()} ({self.number(depth - 1)})"

    def _joined(self, depth: int) -> str:
        word = self.draw(st.sampled_from(("and", "or")))
        return f"({self.truth(depth - 1)} {word} {self.truth(depth - 1)})"

    def number(self, depth: int = 2) -> str:
        options: list[Callable[[int], str]] = [
            lambda _: self.draw(st.sampled_from(("0", "1", "2.5", "-4", "7")))
        ]
        if self._of("integer", "decimal", "range"):
            options += [lambda _: self._pick("integer", "decimal", "range")] * 2
            options += [lambda _: f"coalesce({self._pick('integer', 'decimal', 'range')}, 9)"]
            options += [lambda _: f"sum({self._pick('integer', 'decimal', 'range')})"]
        if self._of("select_multiple", "select_one"):
            options += [lambda _: f"count-selected({self._pick('select_multiple', 'select_one')})"]
        if self._of("text", "calculate"):
            options += [
                lambda _: f"string-length({self._pick('text', 'calculate')})",
                lambda _: f"number({self._pick('text', 'calculate')})",
            ]
        if self._of("date"):
            options += [lambda d: f"{self._pick('date')} - {self.day(d)}"]
        if self.many:
            options += [self._over_repeat] * 3
        if self.inside:
            options += [lambda _: "position(..)"]
        if depth:
            options += [
                lambda d: (
                    f"({self.number(d - 1)} {self.draw(st.sampled_from(('+', '-', '*', 'div', 'mod')))} {self.number(d - 1)})"
                ),
                lambda d: f"if({self.truth(d - 1)}, {self.number(d - 1)}, {self.number(d - 1)})",
                lambda d: (
                    f"{self.draw(st.sampled_from(('max', 'min')))}(1, {self.number(d - 1)}, {self.number(d - 1)})"
                ),
                lambda d: f"round({self.number(d - 1)}, {self.draw(st.sampled_from('012'))})",
                lambda d: f"int({self.number(d - 1)})",
                lambda d: f"abs({self.number(d - 1)})",
            ]
        return self._one(options, depth)

    def _over_repeat(self, _: int) -> str:
        repeat, name, kind = self.draw(st.sampled_from(self.many))
        shapes = ["count(${{{1}}})", "count(${{{0}}})", "count-non-empty(${{{1}}})"]
        if kind in ("integer", "decimal", "range"):
            shapes += ["sum(${{{1}}})", "min(${{{1}}})", "indexed-repeat(${{{1}}}, ${{{0}}}, 1)"] * 2
        return self.draw(st.sampled_from(shapes)).format(repeat, name)

    def _many_texts(self) -> list[tuple[str, str, str]]:
        return [one for one in self.many if one[2] not in ("time", "dateTime")]

    def _one_of_many(self, _: int) -> str:
        repeat, name, _kind = self.draw(st.sampled_from(self._many_texts()))
        shapes = ("join(' ', ${{{1}}})", "indexed-repeat(${{{1}}}, ${{{0}}}, 2)")
        return self.draw(st.sampled_from(shapes)).format(repeat, name)

    def text(self, depth: int = 2) -> str:
        options: list[Callable[[int], str]] = [lambda _: self.draw(st.sampled_from(("'a'", "'x y'", "''")))]
        if self._many_texts():
            options += [self._one_of_many] * 2
        if self.fields:
            options += [
                lambda _: (
                    self._pick(*(kind for _, kind in self.fields if kind not in ("time", "dateTime")))
                    if any(kind not in ("time", "dateTime") for _, kind in self.fields)
                    else "'z'"
                )
            ]
        if self._of("select_one") and self.choice_names:
            options += [self._choice_name] * 2
        if self._of("select_multiple"):
            options += [lambda _: f"selected-at({self._pick('select_multiple')}, 1)"]
        if self._of("date"):
            options += [lambda _: f"format-date({self._pick('date')}, '%Y-%m-%d')"]
        if self._of("text", "calculate", "hidden"):
            options += [
                lambda _: f"substr({self._pick('text', 'calculate', 'hidden')}, 1, 3)",
                lambda _: f"substring-before({self._pick('text', 'calculate', 'hidden')}, 'o')",
                lambda _: f"translate({self._pick('text', 'calculate', 'hidden')}, 'ab', 'X')",
                lambda _: f"once({self._pick('text', 'calculate', 'hidden')})",
            ]
        if depth:
            options += [
                lambda d: f"concat({self.text(d - 1)}, {self.text(d - 1)})",
                lambda d: f"if({self.truth(d - 1)}, {self.text(d - 1)}, {self.text(d - 1)})",
                lambda d: f"coalesce({self.text(d - 1)}, {self.text(d - 1)})",
                lambda d: f"string({self.number(d - 1)})",
                lambda d: f"join('-', {self.text(d - 1)}, {self.text(d - 1)})",
            ]
        return self._one(options, depth)

    def _choice_name(self, _: int) -> str:
        field_ = self._pick("select_one")
        return f"jr:choice-name({field_}, '{field_}')" if field_ != "." else "string(.)"

    def day(self, _: int = 0) -> str:
        options = ["today()", "date('2026-01-05')", *self._of("date")]
        return self.draw(st.sampled_from(options))


# --- rows ------------------------------------------------------------------------------------------


def _skeleton(draw: Draw, depth: int, counter: list[int], *, repeats: bool) -> list[Node]:
    """Rows and groups. `repeats`: whether a group may repeat; inside one that does, none may."""
    nodes = []
    kinds = [*QUESTIONS, "select_one", "select_one", "calculate", "calculate", "note", "hidden"]
    for _ in range(draw(st.integers(1 if depth else 2, 3 if depth else 6))):
        counter[0] += 1
        name = f"q{counter[0]}"
        if depth < 2 and draw(st.integers(0, 2 if repeats else 4)) == 0:
            again = repeats and draw(st.booleans())
            inside = _skeleton(draw, depth + 1, counter, repeats=repeats and not again)
            nodes.append(Node("group", name, inside=inside, repeats=again))
        else:
            nodes.append(Node(draw(st.sampled_from(kinds)), name))
    return nodes


@dataclass(frozen=True)
class Place:
    """A node, the name of the repeat around it, and of the group or repeat that directly holds it."""

    node: Node
    repeat: str | None
    holder: str | None

    def triggers(self, known: Sequence[Known]) -> list[str]:
        """What may set off its calculation. Inside a repeat only what stands beside it: pyxform writes the
        calculation as seen from the trigger, and JavaRosa reads it as seen from here."""
        near = [one for one in known if one.repeat == self.repeat and one.kind in QUESTIONS]
        return [one.name for one in near if self.repeat is None or one.holder == self.holder]


def _in_order(
    draw: Draw, nodes: list[Node], repeat: str | None = None, holder: str | None = None
) -> list[Place]:
    """Every node once, what holds it first; among brothers the order is drawn."""
    ordered = []
    for node in draw(st.permutations(nodes)):
        ordered.append(Place(node, repeat, holder))
        if node.inside is not None:
            within = node.name if node.repeats else repeat
            ordered += _in_order(draw, node.inside, within, node.name)
    return ordered


def _fill(draw: Draw, place: Place, known: list[Known], *, choice_names: bool, attached: bool) -> None:
    node = place.node
    fields = tuple((one.name, one.kind) for one in known if one.repeat in (None, place.repeat))
    many = tuple((one.repeat, one.name, one.kind) for one in known if one.repeat not in (None, place.repeat))
    over = Expressions(
        draw,
        fields,
        many,
        place.holder is not None and place.holder == place.repeat,
        choice_names=choice_names,
    )
    if fields and draw(st.integers(0, 2)) == 0:
        node.cells["relevant"] = over.truth()
    if node.repeats and draw(st.integers(0, 2)) == 0:
        node.cells["repeat_count"] = _count(over)
    if node.inside is None and node.type != "note":
        _fill_question(node, over, place.triggers(known), attached=attached)


def _fill_question(node: Node, over: Expressions, triggers: list[str], *, attached: bool) -> None:
    cells, kind, draw = node.cells, node.type, over.draw
    if kind == "calculate":
        shape = draw(st.sampled_from((over.number, over.text, over.text, over.truth, over.day)))
        cells["calculation"] = shape()
        return
    if kind in DEFAULTS and draw(st.integers(0, 3)) == 0:
        cells["default"] = draw(st.sampled_from([DEFAULTS[kind], FIRST_VALUES.get(kind, DEFAULTS[kind])]))
    if kind == "hidden":
        return
    if draw(st.integers(0, 4)) == 0:
        cells["required"] = "yes" if draw(st.booleans()) else over.truth(1)
    if kind != "acknowledge" and draw(st.integers(0, 3)) == 0:
        own = Expressions(draw, over.fields, dot=kind, choice_names=over.choice_names)
        cells["constraint"] = own.truth()
    if kind in ("text", "integer") and over.fields and draw(st.integers(0, 7)) == 0:
        cells["calculation"] = over.text() if kind == "text" else f"int({over.number()})"
        if triggers and draw(st.booleans()):
            cells["trigger"] = f"${{{draw(st.sampled_from(triggers))}}}"
    if kind in ("select_one", "select_multiple"):
        from_file = attached and kind == "select_one" and draw(st.booleans())
        node.type = "select_one_from_file places.csv" if from_file else f"{kind} l"
        if draw(st.booleans()):
            cells["choice_filter"] = _choice_filter(over)
    if kind == "range":
        cells["parameters"] = "start=1 end=5 step=2"


def _count(over: Expressions) -> str:
    """How often a repeat stands: as somebody answered, as the answers have it, or always the same."""
    options = ["2", *over._of("integer", "range") * 3]
    if over._of("select_multiple"):
        options += [f"count-selected({over._pick('select_multiple')})"]
    if over.fields:
        options += [f"if({over.truth(1)}, 3, 1)"]
    return over.draw(st.sampled_from(options))


def _choice_filter(over: Expressions) -> str:
    """Mostly a cascade; also bounds, several parents, and conditions about the row and the answers at once."""
    options = ["n < 3", "name != 'a'", "true()"]
    if over._of("select_one"):
        options += [f"parent = {over._pick('select_one')}"] * 4
        options += [
            f"name != {over._pick('select_one')}",
            f"parent = {over._pick('select_one')} or name = 'd'",
            f"parent = {over._pick('select_one')} and n > 1",
        ]
    if over._of("select_multiple"):
        options += [f"selected({over._pick('select_multiple')}, parent)"]
    if over._of("integer"):
        options += [f"n <= {over._pick('integer')}"]
    if over.fields:
        options += [f"n > 2 or {over.truth(1)}"]
    return over.draw(st.sampled_from(options))


# --- the whole form --------------------------------------------------------------------------------


@st.composite
def forms(draw: Draw, *, repeats: bool = False) -> Generated:
    """A form of 2 to about 20 rows, with one list in it and perhaps the same list attached, perhaps with repeats."""
    languages = LANGUAGES if draw(st.booleans()) else ()
    attached = draw(st.booleans())
    nodes = _skeleton(draw, 0, [0], repeats=repeats)
    known: list[Known] = []
    for place in _in_order(draw, nodes):
        kind = place.node.type
        _fill(draw, place, known, choice_names=not languages, attached=attached)
        if place.node.inside is None and kind != "note":
            known.append(Known(place.node.name, kind, place.repeat, place.holder))
    fields = tuple((one.name, one.kind) for one in known if one.repeat is None)
    parents = [draw(st.sampled_from(("a", "b", ""))) for _ in NAMES]
    rows = [row for node in nodes for row in node.rows()]
    markdown = _markdown(rows, parents, languages, fields)
    places = _places(parents) if "places.csv" in markdown else None
    kinds = {one.name: one.kind for one in known}
    repeating = dict(_repeats(nodes))
    open_ = tuple(path for path, node in repeating.items() if "repeat_count" not in node.cells)
    return Generated(markdown, places, languages, kinds, tuple(repeating), open_)


def _repeats(nodes: list[Node], above: str = "") -> Iterator[tuple[str, Node]]:
    for node in nodes:
        if node.repeats:
            yield above + node.name, node
        yield from _repeats(node.inside or [], f"{above}{node.name}/")


def _markdown(
    rows: list[dict[str, str]],
    parents: list[str],
    languages: tuple[str, ...],
    fields: tuple[tuple[str, str], ...],
) -> str:
    labels = [f"label::{language}" for language in languages] or ["label"]
    lines = ["| survey |", _line([*COLUMNS, *labels])]
    shown = fields[0][0] if fields and fields[0][1] not in ("decimal", "time", "dateTime") else None
    for row in rows:
        texts = [_label(row, place, shown) for place, _ in enumerate(labels)]
        lines.append(_line([*(row.get(column, "") for column in COLUMNS), *texts]))
    lines += ["| choices |", _line(["list_name", "name", "parent", "n", *labels])]
    for number, (name, parent) in enumerate(zip(NAMES, parents, strict=True), 1):
        texts = [f"{name.upper()}{place}" for place, _ in enumerate(labels)]
        lines.append(_line(["l", name, parent, str(number), *texts]))
    lines += ["| settings |", _line(["form_id", "version"]), _line(["walk", "1"])]
    return "\n".join(lines) + "\n"


def _label(row: dict[str, str], place: int, shown: str | None) -> str:
    if row["type"] in ("calculate", "hidden", "end_group", "end_repeat"):
        return ""
    if row["type"] == "note" and shown:
        return f"{row['name']} {place} ${{{shown}}}"
    return f"{row['name']} {place}"


def _line(cells: Sequence[str]) -> str:
    return "| | " + " | ".join(cells) + " |"


def _places(parents: list[str]) -> str:
    rows = [
        f"{name},{name.upper()} place,{parent},{number}"
        for number, (name, parent) in enumerate(zip(NAMES, parents, strict=True), 1)
    ]
    return "\n".join(["name,label,parent,n", *rows]) + "\n"
