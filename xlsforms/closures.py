"""The closures expressions are compiled to: literals, answers, operators and calls over a `Run`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from .coercion import NAN, Value, equal, parse_day, parse_moment, to_number, to_truth
from .functions import OVER_NODES, Function
from .secondary import Query, Row


class Run(Protocol):
    """What closures read: the answers of one interview at one moment."""

    values: dict[str, str]
    """Question path to the text of its answer; relevant questions only, without the empty ones."""
    row: Row
    """Inside brackets: the row of the list that is tried."""
    place: int
    """Inside brackets: the row's position, from 1."""

    @property
    def now(self) -> datetime: ...
    def draw(self) -> bytes: ...
    def relevant(self, path: str) -> bool: ...
    def own(self, path: str) -> str:
        """The answer the question keeps, relevant or not."""

    def choice_label(self, path: str, name: str) -> str: ...
    def itext(self, name: str) -> str: ...


Runner = Callable[[Any], Any]


class Code(NamedTuple):
    """A compiled (sub)expression.

    `kind`: string, number, boolean, date, any. Numbers and dates of questions are '' while empty.
    `nodes` yields the values a path stands for; `path` is set for a question that holds plain text.
    """

    run: Runner
    kind: str
    constant: bool = False
    nodes: Callable[[Any], list[Value]] | None = None
    path: str | None = None


def constant(value: Value) -> Code:
    kind = {str: "string", float: "number", bool: "boolean"}.get(value.__class__, "date")
    return Code(lambda _: value, kind, constant=True)


def folded(code: Code, *operands: Code) -> Code:
    """A constant when all operands are constants, else the code itself."""
    for operand in operands:
        if not operand.constant:
            return code
    return constant(code.run(None))._replace(kind=code.kind) if operands else code


# --- answers ---------------------------------------------------------------------------------------


def question(path: str, kind: str) -> Code:
    """The answer to a question, read as its kind."""

    def nodes(run: Run) -> list[Value]:
        return [read(run)] if run.relevant(path) else []

    if kind == "string":
        read: Runner = lambda run: run.values.get(path, "")  # noqa: E731  the shortest call is the fastest
        return Code(read, kind, nodes=nodes, path=path)
    if kind == "number":

        def read_number(run: Run) -> Value:
            text = run.values.get(path)
            if not text:
                return ""
            return float(text) if text.isdigit() and text.isascii() else _number_or_text(text)

        read = read_number
    else:
        typed = _TYPED[kind]
        read = lambda run: typed(run.values.get(path, ""))  # noqa: E731
    return Code(read, kind, nodes=nodes)


def group(path: str) -> Code:
    """A group as a value: it can be counted, and has no text of its own."""

    def nodes(run: Run) -> list[Value]:
        return [""] if run.relevant(path) else []

    return Code(lambda _: "", "string", nodes=nodes)


def several(paths: tuple[str, ...], kind: str) -> Code:
    """One question in several instances of a repeat. As text it is the first that applies."""
    typed = _TYPED.get(kind, _as_it_is)

    def nodes(run: Run) -> list[Value]:
        values, relevant = run.values, run.relevant
        return [typed(values.get(path, "")) for path in paths if relevant(path)]

    def read(run: Run) -> Value:
        return next((typed(run.values.get(path, "")) for path in paths if run.relevant(path)), "")

    return Code(read, kind, nodes=nodes)


def some(codes: list[Code], conditions: list[Runner]) -> Code:
    """Those of several nodes whose condition holds; as text the first of them."""
    pairs = tuple(
        (code.nodes or _single(code.run), keep) for code, keep in zip(codes, conditions, strict=True)
    )

    def nodes(run: Any) -> list[Value]:
        return [value for read, keep in pairs if keep(run) for value in read(run)]

    return Code(lambda run: next(iter(nodes(run)), ""), codes[0].kind if codes else "string", nodes=nodes)


def chosen(paths: tuple[str, ...], kind: str, place: Callable[[Any], float]) -> Code:
    """The question in the instance of this number: below 1 the first one, past the last nothing."""
    typed = _TYPED.get(kind, _as_it_is)

    def read(run: Run) -> Value:
        number = place(run)
        index = max(int(number), 1) if math.isfinite(number) else 1
        return typed(run.values.get(paths[index - 1], "")) if index <= len(paths) else ""

    return Code(read, kind)


def _as_it_is(text: str) -> Value:
    return text


def _number_or_text(text: str) -> Value:
    if not text:
        return text
    number = to_number(text)
    return number if number == number else text  # noqa: PLR0124  NaN is not itself


def _date_or_text(text: str) -> Value:
    if not text:
        return text
    return (parse_moment(text) if "T" in text else parse_day(text)) or text


def as_truth(text: str) -> Value:
    """A truth is kept as 1 or 0 and read as the truth it was: '0' as a text would be true."""
    return text == "1" if text in ("1", "0") else text


_TYPED: dict[str, Callable[[str], Value]] = {
    "number": _number_or_text,
    "date": _date_or_text,
    "boolean": as_truth,
}


def listed(query: Query, below: tuple[str, ...]) -> Code:
    """The values of a column of a list; without a column, the rows' own (empty) text."""
    place = query.table.place(below[0]) if below else None
    rows = query.table.rows

    def nodes(run: Run) -> list[Value]:
        numbers = query.numbers(run)
        return [rows[number][place] if place is not None else "" for number in numbers]

    def read(run: Run) -> Value:
        """As text a path means its first node."""
        for number in query.numbers(run):
            return rows[number][place] if place is not None else ""
        return ""

    return Code(read, "string", nodes=nodes)


# --- operators -------------------------------------------------------------------------------------


def number_of(code: Code) -> Callable[[Any], float]:
    """The code's value as a number."""
    read = code.run
    if code.constant:
        fixed = to_number(read(None))
        return lambda _: fixed
    if code.kind == "number" and code.nodes is None and code.path is None:
        return lambda run: value if (value := read(run)).__class__ is float else to_number(value)
    return lambda run: to_number(read(run))


def truth_of(code: Code) -> Callable[[Any], bool]:
    """The code's value as a truth."""
    read = code.run
    return read if code.kind == "boolean" and code.nodes is None else lambda run: to_truth(read(run))


def junction(symbol: str, operands: list[Code]) -> Code:
    """`a and b and …` or `a or b or …`; what decides early is not evaluated further."""
    truths = tuple(map(truth_of, operands))
    if len(truths) == 2:
        first, second = truths
        if symbol == "and":
            return folded(Code(lambda run: first(run) and second(run), "boolean"), *operands)
        return folded(Code(lambda run: first(run) or second(run), "boolean"), *operands)
    decide = all if symbol == "and" else any
    return folded(Code(lambda run: decide(truth(run) for truth in truths), "boolean"), *operands)


def addition(operands: list[Code]) -> Code:
    """`a + b + …`, added from the left."""
    first, *others = map(number_of, operands)

    def add(run: Any) -> float:
        total = first(run)
        for number in others:
            total += number(run)
        return total

    return folded(Code(add, "number"), *operands)


def equality(wanted: bool, left: Code, right: Code) -> Code:
    """`=` when wanted, `!=` else: the opposite verdict, also for blanks."""
    return folded(Code(_equality(wanted, left, right), "boolean"), left, right)


def _equality(wanted: bool, left: Code, right: Code) -> Runner:
    first, second = left.run, right.run
    if left.kind == right.kind == "string":
        if left.path is not None and right.constant:
            path, text = left.path, second(None)
            if wanted:
                return lambda run: run.values.get(path, "") == text
            return lambda run: run.values.get(path, "") != text
        return lambda run: (first(run) == second(run)) is wanted
    return lambda run: equal(first(run), second(run)) is wanted


def _divide(one: float, other: float) -> float:
    if other:
        return one / other
    if not one or one != one:  # noqa: PLR0124  NaN is not itself
        return NAN
    return math.copysign(math.inf, one) * math.copysign(1, other)


def _remainder(one: float, other: float) -> float:
    """The sign is that of the first operand: -7 mod 3 is -1."""
    return math.fmod(one, other) if other and math.isfinite(one) else NAN


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "-": operator.sub,
    "*": operator.mul,
    "div": _divide,
    "mod": _remainder,
}


def calculation(symbol: str, left: Code, right: Code) -> Code:
    """Comparisons by size and arithmetic: both sides are numbers."""
    operate: Callable[[float, float], Value] = COMPARISONS.get(symbol) or ARITHMETIC[symbol]
    kind = "boolean" if symbol in COMPARISONS else "number"
    first, second = number_of(left), number_of(right)
    if not right.constant:
        return folded(Code(lambda run: operate(first(run), second(run)), kind), left, right)
    fixed = second(None)
    return folded(Code(lambda run: operate(first(run), fixed), kind), left, right)


def negative(operand: Code) -> Code:
    read = number_of(operand)
    return folded(Code(lambda run: -read(run), "number"), operand)


# --- calls -----------------------------------------------------------------------------------------


def plain_call(function: Function, arguments: list[Code]) -> Code:
    """A function of its arguments alone."""
    call, kind = function.call, function.kind
    runs = tuple(argument.run for argument in arguments)
    if not runs:
        return constant(call())
    if len(runs) == 1:
        (only,) = runs
        return folded(Code(lambda run: call(only(run)), kind), *arguments)
    if len(runs) == 2:
        first, second = runs
        return folded(Code(lambda run: call(first(run), second(run)), kind), *arguments)
    return folded(Code(lambda run: call(*[read(run) for read in runs]), kind), *arguments)


def nodes_call(function: Function, arguments: list[Code]) -> Code:
    """A function of all values its argument stands for; beside other arguments each stands for one value.

    So a question that does not apply is left out of `sum(${x})`, and is a blank in `join(' ', ${x}, ${y})`.
    """
    call = function.call
    alone = len(arguments) == (2 if function is OVER_NODES["join"] else 1)
    readers = tuple((alone and argument.nodes) or _single(argument.run) for argument in arguments)
    code = Code(lambda run: call([value for read in readers for value in read(run)]), function.kind)
    return folded(code, *arguments)


def _single(read: Runner) -> Callable[[Any], list[Value]]:
    return lambda run: [read(run)]


def timely_call(function: Function, arguments: list[Code]) -> Code:
    """A function of the moment or of chance."""
    call = function.call
    runs = tuple(argument.run for argument in arguments)
    return Code(lambda run: call(run, *[read(run) for read in runs]), function.kind)


def common_kind(*codes: Code) -> str:
    """The kind of all branches; an empty text fits every kind, as an empty answer does."""
    kinds = {code.kind for code in codes if not (code.constant and code.run(None) == "")}
    if len(kinds) > 1:
        return "any"
    return kinds.pop() if kinds else "string"
