"""Conditions as far as they are plain: which answers a question waits for, and what can never come true.

A *term* is one plain demand on another question. What is not plain (a calculation, a date, a function) is kept as
None: nothing is concluded from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .coercion import to_number
from .grammar import (
    NUMBER,
    STRING,
    ExpressionError,
    Token,
    flatten,
    inside,
    is_call,
    parse,
    terms,
)
from .model import Model

__all__ = [
    "ANY",
    "NONE",
    "Term",
    "comparisons",
    "constant",
    "contradiction",
    "demands",
    "needed_answers",
    "path_of",
]

ANY, NONE = "any", "none"
_ORDER = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_COMPARING = ("=", "!=", *_ORDER)


@dataclass(frozen=True, slots=True)
class Term:
    """The question at `path` has any (`any`) or none (`none`) of `values`, or compares (`<`, `>=` …) with the one.

    `chosen`: the question takes several choices, and the value is one among them (`selected`).
    """

    path: str
    how: str
    values: tuple[str, ...]
    chosen: bool = False


@lru_cache(maxsize=4096)
def demands(text: str, root: str, here: str) -> tuple[Term | None, ...]:
    """What all must hold for an expression to be true; None stands for a part that is not plain."""
    if not text.strip():
        return ()
    try:
        return tuple(_term(part, root, here) for part in _conjuncts(parse(text)))
    except (ExpressionError, RecursionError):
        return (None,)


def comparisons(text: str, root: str, here: str) -> Iterator[Term]:
    """Every plain comparison of a question with a text, wherever in the expression it stands."""
    terms = (_comparison(token, root, here) for token in _everything(text))
    return (term for term in terms if term is not None)


def named(text: str, root: str, here: str) -> Iterator[str]:
    """The path of every question that an expression names, wherever in it that stands."""
    paths = (path_of(token, root, here) for token in _everything(text))
    return (path for path in paths if path is not None)


def _everything(text: str) -> Iterator[Token]:
    """An expression and all its parts; nothing of one that cannot be understood."""
    try:
        waiting = [parse(text)] if text.strip() else []
    except ExpressionError:
        return
    while waiting:
        token = waiting.pop()
        yield token
        waiting.extend(inside(token))


def constant(text: str) -> bool | None:
    """Whether an expression is always true or always false; None when that depends on answers."""
    try:
        return _fixed(parse(text)) if text.strip() else None
    except (ExpressionError, RecursionError):
        return None


def contradiction(found: tuple[Term | None, ...]) -> tuple[Term, Term] | None:
    """Two of these demands that no answer can meet together."""
    plain = [term for term in found if term is not None]
    for number, first in enumerate(plain):
        for second in plain[number + 1 :]:
            if first.path == second.path and _exclude(first, second):
                return first, second
    return None


def needed_answers(model: Model, path: str) -> tuple[Term | None, ...]:
    """All a question (or group) waits for: its own condition, those around it, and those of the questions it names.

    A question that is not shown has no answer, so whoever needs its answer needs what it waits for, too.
    """
    found: dict[Term | None, None] = {}
    seen: set[str] = set()
    waiting = [path]
    while waiting:
        place = waiting.pop()
        for outer in _and_around(place):
            if outer in seen:
                continue
            seen.add(outer)
            bind = model.binds.get(outer)
            for term in demands(bind.relevant if bind else "", model.root, outer):
                found[term] = None
                if term is not None and term.how != NONE and "" not in term.values:
                    waiting.append(term.path)
    return tuple(found)


def _and_around(path: str) -> list[str]:
    steps = path.split("/")
    return ["/".join(steps[:size]) for size in range(len(steps), 0, -1)]


def path_of(token: Token, root: str, here: str) -> str | None:
    """The question a path leads to, from the question `here`; None for anything else."""
    try:
        origin, steps = flatten(token)
    except ExpressionError:
        return None
    if not isinstance(origin, str) or any(step.filters for step in steps):
        return None
    names = [step.name for step in steps]
    if origin == "/" and names[:1] != [root]:
        return None
    path = [] if origin == "/" else here.split("/")
    for name in names[1:] if origin == "/" else names:
        if name == ".." and path:
            path.pop()
        elif name in ("..", "*"):
            return None
        elif name != ".":
            path.append(name)
    return "/".join(path)


# --- reading one part --------------------------------------------------------------------------------


def _conjuncts(token: Token) -> Iterator[Token]:
    if token.symbol == "and":
        for part in terms(token, "and"):
            yield from _conjuncts(part)
    else:
        yield token


def _term(token: Token, root: str, here: str) -> Term | None:
    if token.symbol == "or":
        return _any_of([_term(part, root, here) for part in terms(token, "or")])
    if is_call(token) and token.value == "not" and len(token.parts) == 1:
        return _opposite(_term(token.parts[0], root, here))
    return _comparison(token, root, here)


def _any_of(parts: list[Term | None]) -> Term | None:
    """`${a} = 'x' or ${a} = 'y'` is one demand on one question; other alternatives are not plain."""
    first = parts[0]
    if first is None or any(
        part is None or (part.path, part.how, part.chosen) != (first.path, ANY, first.chosen)
        for part in parts
    ):
        return None
    return Term(
        first.path, ANY, tuple(value for part in parts if part for value in part.values), first.chosen
    )


def _opposite(term: Term | None) -> Term | None:
    if term is None or term.how not in (ANY, NONE):
        return None
    return Term(term.path, NONE if term.how == ANY else ANY, term.values, term.chosen)


def _comparison(token: Token, root: str, here: str) -> Term | None:
    if is_call(token) and token.value == "selected" and len(token.parts) == 2:
        question, value = token.parts
        path, text = path_of(question, root, here), _literal(value)
        return None if path is None or text is None else Term(path, ANY, (text,), chosen=True)
    if token.symbol not in _COMPARING:
        return None
    (left, right), how = token.parts, token.symbol
    if _literal(left) is not None:
        left, right, how = right, left, _ORDER.get(how, how)
    path, text = path_of(left, root, here), _literal(right)
    if path is None or text is None:
        return None
    return Term(path, {"=": ANY, "!=": NONE}.get(how, how), (text,))


def _literal(token: Token) -> str | None:
    return token.value if token.symbol in (NUMBER, STRING) else None


# --- what can never be true --------------------------------------------------------------------------


def _fixed(token: Token) -> bool | None:
    if token.symbol in ("and", "or"):
        verdicts = [_fixed(part) for part in terms(token, token.symbol)]
        decisive = token.symbol == "or"
        if decisive in verdicts:
            return decisive
        return None if None in verdicts else not decisive
    if is_call(token):
        return _fixed_call(token.value, token.parts)
    if token.symbol in _COMPARING:
        return _fixed_comparison(token)
    return None


def _fixed_call(name: str, arguments: tuple[Token, ...]) -> bool | None:
    if name in ("true", "false"):
        return name == "true"
    if name != "not" or len(arguments) != 1:
        return None
    verdict = _fixed(arguments[0])
    return None if verdict is None else not verdict


def _fixed_comparison(token: Token) -> bool | None:
    left, right = map(_literal, token.parts)
    how = token.symbol
    if left is None or right is None:
        return None
    if how in ("=", "!="):
        numbers = to_number(left), to_number(right)
        same = left == right or (not any(map(math.isnan, numbers)) and numbers[0] == numbers[1])
        return same == (how == "=")
    return _compares(to_number(left), how, to_number(right))


def _compares(left: float, how: str, right: float) -> bool:
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[how]


def _exclude(first: Term, second: Term) -> bool:
    """Whether no single answer meets both."""
    if first.chosen or second.chosen:
        opposite = {first.how, second.how} == {ANY, NONE}
        return first.chosen == second.chosen and opposite and _subset(first, second)
    if first.how == ANY:
        return not any(_meets(value, second) for value in first.values)
    if second.how == ANY:
        return not any(_meets(value, first) for value in second.values)
    low, high = (first, second) if first.how.startswith(">") else (second, first)
    if not low.how.startswith(">") or not high.how.startswith("<"):
        return False
    bottom, top = to_number(low.values[0]), to_number(high.values[0])
    return bottom > top or (bottom == top and not (low.how == ">=" and high.how == "<="))


def _subset(first: Term, second: Term) -> bool:
    wanted, refused = (first, second) if first.how == ANY else (second, first)
    return set(wanted.values) <= set(refused.values)


def _meets(value: str, term: Term) -> bool:
    if term.how in (ANY, NONE):
        alike = any(_same(value, other) for other in term.values)
        return alike == (term.how == ANY)
    return _compares(to_number(value), term.how, to_number(term.values[0]))


def _same(value: str, other: str) -> bool:
    return value == other or to_number(value) == to_number(other)
