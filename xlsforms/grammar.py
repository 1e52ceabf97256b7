"""The grammar of XForms expressions: elementpath's XPath 1.0 parser, taught ODK's functions.

Only the parser is used. elementpath's evaluator disagrees with ODK on blanks and on text that looks
like a number, so `xlsforms.xpath` turns the parsed tokens into closures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from elementpath import ElementPathError
from elementpath.tdop import Parser
from elementpath.xpath1 import XPath1Parser

from .functions import NAMES

Token = Any
"""A node of elementpath's syntax tree: `.symbol`, `.value`, `.label`, and its operands by index."""

MAX_EXPRESSION = 8_192
"""Characters in one expression of an XForm: about 4,000 as an author types them, since pyxform writes a path for each
${name}. The longest in the public forms of `docs/conformance.md` has 1,172."""

JAVAROSA = "http://openrosa.org/javarosa"


MAX_NESTING = 150
"""Calls and brackets inside one another; chains such as `a or b or c` count as one. Public forms go 16 deep, and an
`if()` in an `if()` for each of forty districts is no attack; what this keeps safe is Python's stack."""


class ExpressionError(ValueError):
    """An expression cannot be understood; the message is the reason alone, without the place."""


class OdkParser(XPath1Parser):
    """XPath 1.0 with ODK's functions, paths that go on after `instance(…)`, and Indic names."""

    DEFAULT_NAMESPACES: ClassVar[dict[str, str]] = {**XPath1Parser.DEFAULT_NAMESPACES, "jr": JAVAROSA}
    # Bengali and Devanagari vowel signs are no word characters to Python, but they are to XML.
    name_pattern = re.compile(r"[^\d\W][\w.\-\xb7\u0300-\u036F\u0900-\u0DFF\u203F\u2040]*")
    PATH_STEP_LABELS: ClassVar[tuple[str, ...]] = (*XPath1Parser.PATH_STEP_LABELS, "function")

    def parse(self, source: str) -> Token:
        """The syntax tree of one expression. Unlike the parent's, this evaluates nothing."""
        return Parser.parse(self, source)


@cache
def _parser() -> type[OdkParser]:
    """The parser with exactly ODK's functions declared; the number of arguments is checked by the compiler."""
    table = OdkParser.symbol_table
    for symbol in [s for s, token in table.items() if getattr(token, "label", "") == "function"]:
        del table[symbol]
    for name in sorted(NAMES):
        prefix, _, local = name.rpartition(":")
        OdkParser.function(local, prefix=prefix or None, nargs=(0, None))
    return OdkParser


def parse(source: str) -> Token:
    """Parses one expression; ExpressionError says why it cannot be."""
    if len(source) > MAX_EXPRESSION:
        raise ExpressionError(f"it is longer than {MAX_EXPRESSION:,} characters")
    try:
        return _parser()().parse(source)
    except (ElementPathError, SyntaxError, ValueError, TypeError, KeyError, NameError) as err:
        raise ExpressionError(_reason(err)) from err
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None


def _reason(err: Exception) -> str:
    """elementpath's message without its error code and class: 'unexpected end of source'."""
    text = str(err)
    _, _, plain = text.rpartition("] ")
    return plain or text


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: its name ('.' and '..' too) and the conditions in brackets behind it."""

    name: str
    filters: tuple[Token, ...] = ()


def flatten(token: Token) -> tuple[Token | str, list[Step]]:
    """A path as where it starts ('/' the form, '' here, or the token of a call) and its steps."""
    if token.symbol == "/":
        if len(token) == 0:
            return "/", []
        if len(token) == 1:
            return "/", [_step(token[0])]
        origin, steps = flatten(token[0])
        return origin, [*steps, _step(token[1])]
    if is_call(token):
        return token, []
    return "", [_step(token)]


def _step(token: Token) -> Step:
    filters: list[Token] = []
    while token.symbol == "[":
        filters.insert(0, token[1])
        token = token[0]
    if token.symbol == "(name)":
        return Step(str(token.value), tuple(filters))
    if token.symbol == ":":
        return Step(str(token[1].value), tuple(filters))
    if token.symbol == "self":
        return Step(".", tuple(filters))
    if token.symbol in (".", "..", "*") and len(token) == 0:
        return Step(token.symbol, tuple(filters))
    raise ExpressionError(f"'{token.symbol}' is not understood in a path")


def shown(steps: Iterable[Step]) -> str:
    """Steps as an author writes them."""
    return "/".join(step.name for step in steps)


def is_call(token: Token | str) -> bool:
    """Whether a token calls a function, with or without a prefix."""
    if isinstance(token, str):
        return False
    if token.symbol == ":":
        return bool(token[1].label == "function")
    return bool(token.label == "function")


def call_name(token: Token) -> str:
    """`coalesce` or, with its prefix, `jr:choice-name`."""
    return f"{token[0].value}:{token[1].symbol}" if token.symbol == ":" else str(token.symbol)


def call_arguments(token: Token) -> list[Token]:
    """The arguments of a call, in order."""
    return list(token[1]) if token.symbol == ":" else list(token)


def terms(token: Token, symbol: str) -> list[Token]:
    """The operands of a chain such as `a or b or c`, in order. Chains may be long: no recursion along them."""
    found: list[Token] = []
    while token.symbol == symbol and len(token) == 2:
        found.append(token[1])
        token = token[0]
    return [token, *reversed(found)]


def without_brackets(token: Token) -> Token:
    """What stands inside the brackets around a whole expression."""
    while token.symbol == "(" and len(token) == 1:
        token = token[0]
    return token
