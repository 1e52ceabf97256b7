"""The grammar of XForms expressions: XPath 1.0 with ODK's functions, parsed into small trees of tokens.

The part of XPath 1.0 that JavaRosa reads: literals, operators, calls, and paths of named steps. Names and
numbers are read as XPath 1.0 (3.7) says: the longest that fits, `*`, `and`, `or`, `div` and `mod` are operators
where something stands before them to work on, and names elsewhere. Takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeGuard, TypeVar

from .functions import NAMES

T = TypeVar("T")

MAX_EXPRESSION = 8_192
"""Characters in one expression of an XForm: about 4,000 as an author types them, since pyxform writes a path for each
${name}. The longest in the public forms of `docs/conformance.md` has 1,172."""

MAX_NESTING = 150
"""Calls, brackets and signs inside one another; chains such as `a or b or c` count as one. Public forms go 16 deep, and an
`if()` in an `if()` for each of forty districts is no attack; what this keeps safe is Python's stack."""


class ExpressionError(ValueError):
    """An expression cannot be understood; the message is the reason alone, without the place."""


class Step(NamedTuple):
    """One step of a path: its name ('.', '..' and '*' too) and the conditions in brackets behind it."""

    name: str
    filters: tuple[Token, ...] = ()


class Token(NamedTuple):
    """A node of the syntax tree. Brackets around a whole part leave none.

    `symbol` is an operator, with its operands as `parts` (one for a sign, many for `a or b or c`), or one of

        STRING  `value` is its text, without the quotes
        NUMBER  `value` is the number as it was typed
        CALL    `value` is the function, `jr:choice-name` with its prefix; `parts` are the arguments
        NAME    a path of nothing but one plain name, `value`
        PATH    any other path: `steps` from the form (`value` is '/', or all of it where it is nothing but names,
                '/data/core/age'), from here ('') or from a call (`parts`)
    """

    symbol: str
    value: str = ""
    parts: tuple[Token, ...] = ()
    steps: tuple[Step, ...] = ()


STRING, NUMBER, CALL, NAME, PATH = "(string)", "(number)", "(call)", "(name)", "(path)"

CHAINS = frozenset(("or", "and", "+"))
"""Operators that work on any number of operands at once."""

_POWERS = {"or": 1, "and": 2, "=": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4}
_POWERS |= {"+": 5, "-": 5, "*": 6, "div": 6, "mod": 6}
"""How strongly an operator binds; each works from left to right."""

# A letter is anything beyond ASCII at first; writing out here what XML takes for one costs 50 ms at each start.
_NCNAME = r"[^\x00-@\[-^`{-\x7f][^\x00-,/:-@\[-^`{-\x7f]*"
_QNAME = f"{_NCNAME}(?::{_NCNAME})?"
_LEXEMES = re.compile(
    rf"""[ \t\r\n]*(
      (?:/{_QNAME})+ | {_QNAME}             # pyxform writes whole paths without blanks: one lexeme
    | "[^"]*" | '[^']*'
    | [0-9]+(?:\.[0-9]*)? | \.[0-9]+
    | // | \.\. | :: | != | <= | >= | [^ \t\r\n]
    )""",
    re.VERBOSE,
)
_IS_NAME = re.compile(_NCNAME).match
_NAME_SIGNS = str.maketrans(dict.fromkeys("-.\u00b7\u200c\u200d", "_"))
"""What a name may have besides letters, digits, and the vowel signs that belong to them."""

_QUOTES = frozenset("'\"")
_LITERAL = _QUOTES | frozenset("0123456789.")
_NO_LITERALS = frozenset((".", "..", *_QUOTES))
_NODE_TYPES = frozenset(("node", "text", "comment", "processing-instruction"))
_AXES = {"self": ".", "parent": ".."}
_NODES = ["node", "(", ")"]
_SHORT = frozenset((".", "..", "*"))
_GOES_ON = frozenset("/[(:")
"""What makes more of a path than its names; '::' makes an axis of the last one."""

_END = ""
_LOOKALIKES = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f", "is no quote here: type ' or \""),
    **dict.fromkeys("\u00a0\u2007\u202f\u200b\ufeff", "is no blank here: type an ordinary one"),
    **dict.fromkeys("\u2012\u2013\u2014\u2212", "is no minus here: type -"),
}
"""What word processors put in place of what was typed."""


class Read:
    """What was parsed of a form already: its expressions name the same questions again and again."""

    __slots__ = ("paths", "tokens")

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.paths: dict[str, Token] = {}

    def parse(self, source: str) -> Token:
        """As `parse`, each expression once."""
        found = self.tokens.get(source)
        if found is None:
            found = self.tokens[source] = _parsed(source, self.paths)
        return found


def parse(source: str) -> Token:
    """Parses one expression; ExpressionError says why it cannot be."""
    return _parsed(source, {})


def _parsed(source: str, paths: dict[str, Token]) -> Token:
    if len(source) > MAX_EXPRESSION:
        raise ExpressionError(f"it is longer than {MAX_EXPRESSION:,} characters")
    try:
        lexemes = _LEXEMES.findall(source)
        if not source.isascii():
            _require_letters(lexemes)
        return _Parser(lexemes, paths).whole()
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None


class _Parser:
    """Reads lexemes from the left; each method takes what it stands for and stops behind it."""

    __slots__ = ("_at", "_depth", "_levels", "_lexemes", "_paths")

    def __init__(self, lexemes: list[str], paths: dict[str, Token]) -> None:
        self._lexemes = [*lexemes, _END, _END]
        self._paths = paths
        self._at = 0
        self._depth = 0
        self._levels = 0  # the tree has this many at most

    def whole(self) -> Token:
        token = self._expression()
        if self._lexemes[self._at]:
            raise self._unexpected()
        if self._levels >= MAX_NESTING:
            _require_flat(token)
        return token

    def _expression(self, weakest: int = 1) -> Token:
        """Operands, joined by operators that bind at least so strongly."""
        left = self._operand()
        while True:
            operator = self._lexemes[self._at]
            power = _POWERS.get(operator, 0)
            if power < weakest:
                return left
            operands = [*left.parts] if operator in CHAINS and operator == left.symbol else [left]
            self._at += 1
            operands.append(self._expression(power + 1))
            while operator in CHAINS and self._lexemes[self._at] == operator:
                self._at += 1
                operands.append(self._expression(power + 1))
            left = Token(operator, "", tuple(operands))
            self._levels += 1

    def _operand(self) -> Token:
        lexeme = self._lexemes[self._at]
        first = lexeme[:1]
        if first == "/":
            return self._absolute(lexeme)
        if first in _LITERAL and lexeme not in _NO_LITERALS:
            self._at += 1
            return Token(STRING, lexeme[1:-1]) if first in _QUOTES else Token(NUMBER, lexeme)
        if first == "-":
            self._at += 1
            return Token("-", "", (self._nested(self._operand),))
        if first == "(":
            return self._bracketed()
        if self._lexemes[self._at + 1] == "(" and _IS_NAME(lexeme) and lexeme not in _NODE_TYPES:
            return self._from_call(self._call(lexeme))
        return self._relative()

    def _bracketed(self) -> Token:
        self._at += 1
        token = self._nested(self._expression)
        self._take(")")
        if self._lexemes[self._at][:1] in ("/", "["):
            raise ExpressionError("a path cannot begin with brackets")
        return token

    def _nested(self, read: Callable[[], T]) -> T:
        """One level further inside."""
        self._depth += 1
        self._levels += 1
        if self._depth > MAX_NESTING:
            raise ExpressionError("it is nested too deeply")
        found = read()
        self._depth -= 1
        return found

    def _take(self, wanted: str) -> None:
        if self._lexemes[self._at] != wanted:
            raise self._unexpected()
        self._at += 1

    # --- calls -------------------------------------------------------------------------------------

    def _call(self, name: str) -> Token:
        if name not in NAMES:
            raise ExpressionError(f"unknown function '{name}'")
        self._at += 2
        if self._lexemes[self._at] == ")":
            self._at += 1
            return Token(CALL, name)
        arguments = self._nested(self._arguments)
        self._take(")")
        return Token(CALL, name, tuple(arguments))

    def _arguments(self) -> list[Token]:
        arguments = [self._expression()]
        while self._lexemes[self._at] == ",":
            self._at += 1
            arguments.append(self._expression())
        return arguments

    def _from_call(self, call: Token) -> Token:
        """A call, or the path that goes on behind it."""
        following = self._lexemes[self._at][:1]
        if following == "[":
            raise ExpressionError(f"a condition in brackets cannot stand behind {call.value}()")
        return Token(PATH, "", (call,), self._further([])) if following == "/" else call

    # --- paths -------------------------------------------------------------------------------------

    def _absolute(self, lexeme: str) -> Token:
        following = self._lexemes[self._at + 1]
        if len(lexeme) > 2 and following[:1] not in _GOES_ON:
            self._at += 1
            return self._paths.get(lexeme) or self._plain(lexeme)
        if lexeme == "/" and following not in (".", "..", "*", "@") and not _IS_NAME(following):
            self._at += 1
            return Token(PATH, "/")
        return _from_form(self._further([]))

    def _plain(self, lexeme: str) -> Token:
        """A path of names alone, as pyxform writes them."""
        steps = tuple([Step(_local(name)) for name in lexeme[1:].split("/")])
        token = self._paths[lexeme] = _from_form(steps)
        return token

    def _relative(self) -> Token:
        steps = self._further([self._step()])
        name, filters = steps[0]
        if len(steps) == 1 and not filters and name not in _SHORT:
            return Token(NAME, name)
        return Token(PATH, "", (), steps)

    def _further(self, steps: list[Step]) -> tuple[Step, ...]:
        """These steps, and those behind the slashes that follow."""
        while True:
            lexeme = self._lexemes[self._at]
            if lexeme[:1] != "/":
                return tuple(steps)
            if lexeme == "//":
                raise ExpressionError("'//' is not understood in a path: write out every step")
            if lexeme == "/":
                self._at += 1
            else:
                *names, last = lexeme[1:].split("/")
                steps.extend([Step(_local(name)) for name in names])
                self._lexemes[self._at] = last
            steps.append(self._step())

    def _step(self) -> Step:
        lexeme = self._lexemes[self._at]
        if lexeme not in _SHORT and not _IS_NAME(lexeme):
            raise self._unexpected()
        self._at += 1
        following = self._lexemes[self._at]
        if following == "::":
            return self._from_axis(lexeme)
        if following == "(":
            raise ExpressionError(f"{lexeme}() is not understood in a path")
        if following == "[" and lexeme not in (".", ".."):
            return Step(_local(lexeme), tuple(self._filters()))
        return Step(_local(lexeme))

    def _from_axis(self, axis: str) -> Step:
        """`child::name`, `self::node()` and `parent::node()`: the long forms of a name, '.' and '..'."""
        self._at += 1
        if axis in _AXES and self._lexemes[self._at : self._at + 3] == _NODES:
            self._at += 3
            return Step(_AXES[axis])
        if axis == "child" and self._lexemes[self._at + 1] != "::":
            return self._step()
        raise ExpressionError(f"'{axis}::{self._lexemes[self._at]}' is not understood in a path")

    def _filters(self) -> Iterator[Token]:
        while self._lexemes[self._at] == "[":
            self._at += 1
            yield self._nested(self._expression)
            self._take("]")

    # --- what is wrong -----------------------------------------------------------------------------

    def _unexpected(self) -> ExpressionError:
        lexeme, before = self._lexemes[self._at], self._lexemes[self._at - 1] if self._at else ""
        if not lexeme:
            return ExpressionError("it ends too early" if before else "it is empty")
        if lexeme in ("'", '"'):
            return ExpressionError(f"the quote {lexeme} is opened and not closed")
        return ExpressionError(f"'{lexeme}' cannot stand " + (f"behind '{before}'" if before else "first"))


def _require_letters(lexemes: list[str]) -> None:
    """Names are of letters, in any script; what only looks like a quote, a blank or a minus is pointed out."""
    for lexeme in lexemes:
        if lexeme.isascii() or lexeme[0] in _QUOTES:
            continue
        for name in lexeme.removeprefix("/").replace(":", "/").split("/"):
            if not name.translate(_NAME_SIGNS).isidentifier():
                odd = next(
                    (sign for sign in name if not f"_{sign}".translate(_NAME_SIGNS).isidentifier()), name[0]
                )
                raise ExpressionError(f"{odd!a} {_LOOKALIKES.get(odd, 'has no place in a name')}")


def _from_form(steps: tuple[Step, ...]) -> Token:
    """A path that starts at the form."""
    if any(step.filters or step.name in _SHORT for step in steps):
        return Token(PATH, "/", (), steps)
    return Token(PATH, "/" + "/".join([step.name for step in steps]), (), steps)


def _local(name: str) -> str:
    """A name without its prefix: paths of the model have none."""
    return name.rpartition(":")[2]


# --- looking at a tree -----------------------------------------------------------------------------


def flatten(token: Token) -> tuple[Token | str, list[Step]]:
    """A path as where it starts ('/' the form, '' here, or the token of a call) and its steps."""
    if token.symbol == NAME:
        return "", [Step(token.value)]
    if token.symbol == CALL:
        return token, []
    if token.symbol != PATH:
        raise ExpressionError(f"'{token.value or token.symbol}' is not understood in a path")
    return (token.parts[0] if token.parts else token.value[:1]), list(token.steps)


def shown(steps: Iterable[Step]) -> str:
    """Steps as an author writes them."""
    return "/".join(step.name for step in steps)


def is_call(token: Token | str) -> TypeGuard[Token]:
    """Whether a path starts at a call, or a token is one."""
    return not isinstance(token, str) and token.symbol == CALL


def inside(token: Token) -> Iterator[Token]:
    """The parts right below a token, the conditions in brackets of a path too."""
    yield from token.parts
    for step in token.steps:
        yield from step.filters


def terms(token: Token, symbol: str) -> tuple[Token, ...]:
    """The operands of a chain such as `a or b or c`; anything else is a chain of one."""
    return token.parts if token.symbol == symbol else (token,)


def _require_flat(token: Token) -> None:
    """Whoever walks a tree may do so by recursion: it is never deeper than MAX_NESTING."""
    level = [token]
    for _ in range(MAX_NESTING):
        level = [part for above in level for part in inside(above)]
        if not level:
            return
    raise ExpressionError("it is nested too deeply")
