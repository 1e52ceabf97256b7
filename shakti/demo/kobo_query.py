"""KoboToolbox's two query languages: MongoDB documents over rows, and `key:value` words over lists."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_MISSING = object()
_WORD = re.compile(r'\(|\)|[^\s():"]+:"[^"]*"|[^\s():"]+:[^\s()"]+|[^\s()"]+')


def matches(row: Row, query: Mapping[str, Any]) -> bool:
    """Whether a row answers a MongoDB query document.

    An operator the platform does not let through is no error there: it matches nothing, and so here.
    """
    return all(_clause(row, key, wanted) for key, wanted in query.items())


def _clause(row: Row, key: str, wanted: Any) -> bool:
    if key == "$and":
        return all(matches(row, part) for part in wanted)
    if key == "$or":
        return any(matches(row, part) for part in wanted)
    if key.startswith("$"):
        return False
    value = _value(row, key)
    if not isinstance(wanted, dict):
        return _same(value, wanted)
    return all(_test(value, name, operand) for name, operand in wanted.items())


def _value(row: Row, key: str) -> Any:
    """A row's value; a dot goes down into an attribute (`_validation_status.uid`), never into answers."""
    if key in row:
        return row[key]
    head, _, tail = key.partition(".")
    inner = row.get(head)
    return inner.get(tail, _MISSING) if isinstance(inner, dict) and tail else _MISSING


def _test(value: Any, name: str, operand: Any) -> bool:
    if name in _COMPARISONS:
        operand = _like(value, operand)
        # MongoDB compares within one type: 507 > "abc" is nothing, and no error.
        return type(value) is type(operand) and _COMPARISONS[name](value, operand)
    tests: dict[str, Callable[[], bool]] = {
        "$in": lambda: any(_same(value, one) for one in operand),
        "$nin": lambda: not any(_same(value, one) for one in operand),
        "$ne": lambda: not _same(value, operand),
        "$exists": lambda: (value is not _MISSING) == bool(operand),
    }
    return name in tests and tests[name]()


def _same(value: Any, wanted: Any) -> bool:
    return value is not _MISSING and bool(value == _like(value, wanted))


def _like(value: Any, operand: Any) -> Any:
    """Ids are integers, and the platform turns "507" into one."""
    if isinstance(value, int) and isinstance(operand, str) and operand.isdecimal():
        return int(operand)
    return operand


def found_by(words: str, read: Callable[[str], str | None]) -> bool:
    """Whether one item answers `key:value AND key:"two words" OR NOT (…)`.

    `read` gives the item's value for a key; the key "" is the item's own text, for a word without a key.
    """
    tokens = [token for token in _WORD.findall(words) if token]
    result, rest = _either(tokens, read)
    return result and not rest


def _either(tokens: Sequence[str], read: Callable[[str], str | None]) -> tuple[bool, Sequence[str]]:
    result, tokens = _both(tokens, read)
    while tokens and tokens[0] == "OR":
        other, tokens = _both(tokens[1:], read)
        result = result or other
    return result, tokens


def _both(tokens: Sequence[str], read: Callable[[str], str | None]) -> tuple[bool, Sequence[str]]:
    result, tokens = _one(tokens, read)
    while tokens and tokens[0] == "AND":
        other, tokens = _one(tokens[1:], read)
        result = result and other
    return result, tokens


def _one(tokens: Sequence[str], read: Callable[[str], str | None]) -> tuple[bool, Sequence[str]]:
    if not tokens:
        return False, tokens
    if tokens[0] == "NOT":
        result, rest = _one(tokens[1:], read)
        return not result, rest
    if tokens[0] == "(":
        result, rest = _either(tokens[1:], read)
        return result, rest[1:]
    return _word(tokens[0], read), tokens[1:]


def _word(token: str, read: Callable[[str], str | None]) -> bool:
    key, colon, value = token.partition(":")
    if not colon:
        return token.casefold() in (read("") or "").casefold()
    wanted = value.strip('"')
    if key.endswith("__gte"):
        found = read(key.removesuffix("__gte"))
        return found is not None and found >= wanted
    return read(key) == wanted
