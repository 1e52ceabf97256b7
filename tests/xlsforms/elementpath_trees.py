"""What elementpath's XPath 1.0 parser makes of an expression, as trees of our own grammar: a second opinion on it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar

from elementpath import ElementPathError
from elementpath.tdop import Parser
from elementpath.xpath1 import XPath1Parser

from xlsforms.functions import NAMES
from xlsforms.grammar import CALL, CHAINS, NAME, NUMBER, PATH, STRING, Step, Token

Foreign = Any
"""A node of elementpath's tree: `.symbol`, `.value`, `.label`, and its operands by index."""


class RefusedError(ValueError):
    """elementpath does not understand the expression, or finds in it what our grammar has no tokens for."""


class OdkParser(XPath1Parser):  # type: ignore[misc]
    """XPath 1.0 with paths that go on after `instance(…)`, and Indic names."""

    DEFAULT_NAMESPACES: ClassVar[dict[str, str]] = {
        **XPath1Parser.DEFAULT_NAMESPACES,
        "jr": "http://openrosa.org/javarosa",
    }
    # Bengali and Devanagari vowel signs are no word characters to Python, but they are to XML.
    name_pattern = re.compile(r"[^\d\W][\w.\-\xb7\u0300-\u036F\u0900-\u0DFF\u203F\u2040]*")
    PATH_STEP_LABELS: ClassVar[tuple[str, ...]] = (*XPath1Parser.PATH_STEP_LABELS, "function")

    def parse(self, source: str) -> Foreign:
        """The syntax tree; unlike the parent's, this evaluates nothing."""
        return Parser.parse(self, source)


@cache
def _parser() -> type[OdkParser]:
    """The parser with exactly ODK's functions declared."""
    table = OdkParser.symbol_table
    for symbol in [s for s, token in table.items() if getattr(token, "label", "") == "function"]:
        del table[symbol]
    for name in sorted(NAMES):
        prefix, _, local = name.rpartition(":")
        OdkParser.function(local, prefix=prefix or None, nargs=(0, None))
    return OdkParser


def tree(source: str) -> Token:
    """The expression as elementpath reads it; RefusedError says why it cannot."""
    try:
        return _token(_parser()().parse(source))
    except (ElementPathError, SyntaxError, ValueError, TypeError, KeyError, NameError) as err:
        raise RefusedError(str(err)) from err


def _token(found: Foreign) -> Token:
    symbol = found.symbol
    if symbol == "(" and len(found) == 1:
        return _token(found[0])
    if symbol == "(string)":
        return Token(STRING, str(found.value))
    if symbol in ("(integer)", "(decimal)", "(float)"):
        return Token(NUMBER, repr(float(found.value)))
    if _is_call(found):
        name = f"{found[0].value}:{found[1].symbol}" if symbol == ":" else symbol
        return Token(CALL, name, tuple(map(_token, found[1] if symbol == ":" else found)))
    if symbol in ("/", "[", "(name)", ":", ".", "..") or (symbol == "*" and len(found) == 0):
        return _path(*_steps(found))
    if symbol in ("and", "or", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "div", "mod"):
        return _operation(symbol, [_token(part) for part in found])
    raise RefusedError(symbol)


def _operation(symbol: str, parts: list[Token]) -> Token:
    if len(parts) == 1 and symbol != "-":
        raise RefusedError("a plus sign")
    if symbol in CHAINS and parts[0].symbol == symbol:
        parts[:1] = parts[0].parts
    return Token(symbol, "", tuple(parts))


def _is_call(found: Foreign) -> bool:
    return bool((found[1] if found.symbol == ":" else found).label == "function")


def _steps(found: Foreign) -> tuple[str, tuple[Token, ...], list[Step]]:
    """Where a path starts ('/' or '', or the call before it), and its steps."""
    if found.symbol == "/":
        if len(found) < 2:
            return "/", (), [_step(part) for part in found]
        start, calls, steps = _steps(found[0])
        return start, calls, [*steps, _step(found[1])]
    if _is_call(found):
        return "", (_token(found),), []
    return "", (), [_step(found)]


def _step(found: Foreign) -> Step:
    filters: list[Token] = []
    while found.symbol == "[":
        filters.insert(0, _token(found[1]))
        found = found[0]
    if found.symbol == "(name)" or (found.symbol in (".", "..", "*") and len(found) == 0):
        return Step(str(found.value) if found.symbol == "(name)" else found.symbol, tuple(filters))
    raise RefusedError(found.symbol)


def _path(start: str, calls: tuple[Token, ...], steps: list[Step]) -> Token:
    if not start and not calls and len(steps) == 1 and not steps[0].filters:
        name = steps[0].name
        if name not in (".", "..", "*"):
            return Token(NAME, name)
    return Token(PATH, start, calls, tuple(steps))
