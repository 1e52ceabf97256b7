"""OData's $filter and $orderby as ODK Central understands them: the system fields, compared as SQL would."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shakti.demo.central_problem import unparseable, unsupported_field

SYSTEM = "__system/"
TIMES = ("submissionDate", "updatedAt", "deletedAt")
FIELDS = frozenset({"__id", *(SYSTEM + name for name in (*TIMES, "submitterId", "reviewState"))})
DELETED = SYSTEM + "deletedAt"

Values = Mapping[str, Any]
Test = Callable[[Values], bool | None]  # None is SQL's "unknown"

_TOKEN = re.compile(
    r"\s+|(?P<sign>[()])|(?P<text>'(?:[^']|'')*')"
    r"|(?P<time>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2}))?)(?=[\s)]|$)"
    r"|(?P<number>-?\d+(?:\.\d+)?)(?=[\s)]|$)|(?P<word>[$A-Za-z_][\w./$-]*)"
)
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


@dataclass(frozen=True)
class Filter:
    """A parsed $filter. `fields` are the names it mentions."""

    test: Test
    fields: frozenset[str]

    def __call__(self, values: Values) -> bool:
        return self.test(values) is True


def parse_filter(text: str, *, prefix: str = "") -> Filter:
    """The filter as a test over `FIELDS`; names must begin with `prefix` (sub-tables: `$root/Submissions/`).

    Raises ProblemError: 400.18 for what is not OData, 501.5 for a field the server cannot filter on.
    """
    parser = _Parser(_tokens(text), prefix, len(text))
    test = parser.either()
    parser.expect_end()
    return Filter(test, frozenset(parser.fields))


def parse_order(text: str) -> list[tuple[str, bool]]:
    """$orderby as (field, descending) pairs. Raises ProblemError 501.5 for other fields."""
    order = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        if name not in FIELDS:
            raise unsupported_field(name, text.index(part.strip()))
        order.append((name, direction.strip().lower() == "desc"))
    return order


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise unparseable(f"Unexpected character at {at}")
        if match.lastgroup:
            found.append(_Token(match.lastgroup, match.group(), at))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token], prefix: str, end: int) -> None:
        self._tokens, self._prefix, self._end, self._at = tokens, prefix, end, 0
        self.fields: set[str] = set()

    def either(self) -> Test:
        left = self._both()
        while self._take("or"):
            left = _or(left, self._both())
        return left

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise unparseable(f"Unexpected character at {self._tokens[self._at].at}")

    def _both(self) -> Test:
        left = self._one()
        while self._take("and"):
            left = _and(left, self._one())
        return left

    def _one(self) -> Test:
        if self._take("not"):
            return _not(self._one())
        if self._take("("):
            inner = self.either()
            if not self._take(")"):
                raise unparseable(f"Unexpected character at {self._position()}")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        left, name = self._operand(), self._next().text
        if name not in (*_ORDERED, "eq", "ne"):
            raise unparseable(f"Unexpected character at {self._tokens[self._at - 1].at}")
        return _compare(name, left, self._operand())

    def _operand(self) -> Callable[[Values], Any]:
        token = self._next()
        if token.kind == "word" and token.text != "null":
            return self._field(token)
        if token.kind == "sign":
            raise unparseable(f"Unexpected character at {token.at}")
        value = None if token.text == "null" else _literal(token)
        return lambda _values: value

    def _field(self, token: _Token) -> Callable[[Values], Any]:
        name = token.text.removeprefix(self._prefix)
        if name not in FIELDS or not token.text.startswith(self._prefix):
            raise unsupported_field(token.text, token.at)
        self.fields.add(name)
        return lambda values: values[name]

    def _take(self, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].text == text:
            self._at += 1
            return True
        return False

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise unparseable(f"Unexpected character at {self._end}")
        self._at += 1
        return self._tokens[self._at - 1]

    def _position(self) -> int:
        return self._tokens[self._at].at if self._at < len(self._tokens) else self._end


def _literal(token: _Token) -> Any:
    if token.kind == "text":
        return token.text[1:-1].replace("''", "'")
    if token.kind == "number":
        return token.text
    return _moment(token.text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _compare(name: str, left: Callable[[Values], Any], right: Callable[[Values], Any]) -> Test:
    def test(values: Values) -> bool | None:
        one, other = left(values), right(values)
        if isinstance(one, datetime) and isinstance(other, str):
            other = _moment(other)
        if name in ("eq", "ne"):  # "is (not) distinct from": null is a value here
            return bool((one == other) == (name == "eq"))
        return _ORDERED[name](one, other) if type(one) is type(other) and one is not None else None

    return test


def _or(left: Test, right: Test) -> Test:
    def test(values: Values) -> bool | None:
        one, other = left(values), right(values)
        if one is True or other is True:
            return True
        return None if one is None or other is None else False

    return test


def _and(left: Test, right: Test) -> Test:
    def test(values: Values) -> bool | None:
        one, other = left(values), right(values)
        if one is False or other is False:
            return False
        return None if one is None or other is None else True

    return test


def _not(inner: Test) -> Test:
    def test(values: Values) -> bool | None:
        value = inner(values)
        return None if value is None else not value

    return test
