"""Regular expressions that take time in proportion to the text, whatever the pattern: `(a+)+$` is answered at once.

The subset of Java's patterns that forms use, matched on the whole text by following all ways through the pattern
side by side (Thompson's construction). What needs more than that is refused when the form is loaded: references
to earlier groups, looking ahead or behind, possessive quantifiers, set operations in classes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

MAX_PATTERN = 500
"""Characters of a pattern; a form's patterns are far shorter."""

MAX_STATES = 1_000
"""Places of a pattern after `{n}` is written out; `[0-9]{10}` has ten."""

MAX_NESTING = 40
MAX_MATCHED = 2_000
"""Characters of the text a pattern is tried on; longer text does not match."""

MAX_REMEMBERED = 2_000

Matcher = Callable[[str], bool]


class _Set(NamedTuple):
    matches: Matcher


class _At(NamedTuple):
    """`^`, `$`, `b` (at the edge of a word) or `B` (not there)."""

    where: str


class _Sequence(NamedTuple):
    parts: tuple[_Node, ...]


class _Either(NamedTuple):
    branches: tuple[_Node, ...]


class _Repeated(NamedTuple):
    part: _Node
    low: int
    high: int | None


_Node = _Set | _At | _Sequence | _Either | _Repeated


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Pattern:
    """The pattern ready to match; ValueError says why there is none. Digits and words are ASCII, as in Java."""
    if len(text) > MAX_PATTERN:
        raise ValueError(f"the pattern is longer than {MAX_PATTERN} characters")
    try:
        return _Builder().pattern(_Parser(text).whole())
    except ValueError as err:
        raise ValueError(f"the pattern {text!r} is not valid: {err}") from None


# --- reading a pattern -----------------------------------------------------------------------------

_DIGIT = frozenset("0123456789")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
_SPACE = frozenset(" \t\n\x0b\f\r")
_ENDS_LINE = frozenset("\n\r\x85\u2028\u2029")
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_POSIX = {
    "Lower": "abcdefghijklmnopqrstuvwxyz",
    "Upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "Digit": "0123456789",
    "Alpha": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "Alnum": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "Punct": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "Space": " \t\n\x0b\f\r",
}
_CATEGORIES = re.compile("L[ultmo]?|M[nce]?|N[dlo]?|P[cdseo]?|S[mcko]?|Z[slp]?")


class _Parser:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self.fold = text.startswith("(?i)")
        self.text = text.removeprefix("(?i)")
        self.at = 0
        self.depth = 0

    def whole(self) -> _Node:
        node = self._either()
        if self.at < len(self.text):
            raise ValueError("a bracket is closed that was not opened")
        return node

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self) -> str:
        if self.at >= len(self.text):
            raise ValueError("it ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def _taken(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) if found else 0
        return found

    def _either(self) -> _Node:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ValueError("it is nested too deeply")
        branches = [self._sequence()]
        while self._taken("|"):
            branches.append(self._sequence())
        self.depth -= 1
        return branches[0] if len(branches) == 1 else _Either(tuple(branches))

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._next() and self._next() not in "|)":
            parts.append(self._repeated(self._single()))
        return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))

    def _repeated(self, part: _Node) -> _Node:
        bounds = self._bounds()
        if bounds is None:
            return part
        if self._taken("+"):
            raise ValueError("possessive quantifiers such as '*+' are not understood")
        self._taken("?")  # a short or a long way through: on the whole text both match or none
        if self._next() and self._next() in "*+?{":
            raise ValueError("a repetition is repeated without brackets")
        return _Repeated(part, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        for mark, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._taken(mark):
                return bounds
        return self._counted() if self._taken("{") else None

    def _counted(self) -> tuple[int, int | None]:
        low = self._number()
        if self._taken("}"):
            return low, low
        if not self._taken(","):
            raise ValueError("'{' must be followed by numbers, such as {2} or {2,5}")
        if self._taken("}"):
            return low, None
        high = self._number()
        if not self._taken("}") or high < low:
            raise ValueError("'{' must be followed by numbers, such as {2} or {2,5}")
        return low, high

    def _number(self) -> int:
        digits = ""
        while self._next() and self._next() in _DIGIT:
            digits += self._take()
        if not digits or len(digits) > 4:
            raise ValueError("'{' must be followed by numbers, such as {2} or {2,5}")
        return int(digits)

    def _single(self) -> _Node:
        letter = self._take()
        if letter == "(":
            return self._group()
        if letter == "[":
            return _Set(self._class())
        if letter == ".":
            return _Set(lambda character: character not in _ENDS_LINE)
        if letter in "^$":
            return _At(letter)
        if letter in "*+?{":
            raise ValueError("there is nothing to repeat")
        if letter == "\\":
            return self._escaped()
        return _Set(self._one(letter))

    def _group(self) -> _Node:
        if self._taken("?") and not self._taken(":"):
            raise ValueError("of groups with '(?' only '(?:' is understood, and '(?i)' at the beginning")
        node = self._either()
        if not self._taken(")"):
            raise ValueError("a bracket is not closed")
        return node

    def _escaped(self) -> _Node:
        if self._next() and self._next() in "bB":
            return _At(self._take())
        if self._next() and self._next() in "AzZ":
            return _At("^" if self._take() == "A" else "$")
        found = self._escape()
        return _Set(self._one(found) if isinstance(found, str) else found)

    def _escape(self) -> str | Matcher:
        """What a backslash begins: a character, or a class of them."""
        letter = self._take()
        if letter in "123456789k":
            raise ValueError("references to earlier groups are not understood")
        kinds = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
        if letter.lower() in kinds:
            members, wanted = kinds[letter.lower()], letter.islower()
            return lambda character: (character in members) is wanted
        if letter in "pP":
            return self._property(letter == "p")
        if letter in "xu":
            digits = self.text[self.at : self.at + (2 if letter == "x" else 4)]
            self.at += len(digits)
            return chr(int(digits, 16))
        if letter in _CONTROL:
            return _CONTROL[letter]
        if letter.isascii() and letter.isalnum():
            raise ValueError(f"'\\{letter}' is not understood")
        return letter

    def _property(self, wanted: bool) -> Matcher:
        if not self._taken("{"):
            raise ValueError("'\\p' needs a name in braces, such as \\p{L}")
        name, closed, _ = self.text[self.at :].partition("}")
        self.at += len(name) + len(closed)
        name = name.removeprefix("Is")
        if name in _POSIX:
            members = frozenset(_POSIX[name])
            return lambda character: (character in members) is wanted
        if not _CATEGORIES.fullmatch(name):
            raise ValueError(f"the class '\\p{{{name}}}' is not understood")
        return lambda character: unicodedata.category(character).startswith(name) is wanted

    def _class(self) -> Matcher:
        wanted = not self._taken("^")
        matchers: list[Matcher] = []
        while not matchers or self._next() != "]":
            matchers.append(self._member())
        self._take()
        return lambda character: any(matches(character) for matches in matchers) is wanted

    def _member(self) -> Matcher:
        if self._next() in ("[", "]") or self.text.startswith("&&", self.at):
            raise ValueError("in a class, '[', ']' and '&&' need a backslash")
        low = self._class_character()
        if not isinstance(low, str):
            return low
        if self._next() != "-" or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return self._one(low)
        self._take()
        high = self._class_character()
        if not isinstance(high, str) or high < low:
            raise ValueError("a range in a class goes from a lower to a higher character")
        if not self.fold:
            return lambda character: low <= character <= high
        return lambda character: any(low <= each <= high for each in (character.lower(), character.upper()))

    def _class_character(self) -> str | Matcher:
        letter = self._take()
        return self._escape() if letter == "\\" else letter

    def _one(self, letter: str) -> Matcher:
        if self.fold and letter.isascii():
            both = letter.lower(), letter.upper()
            return lambda character: character in both
        return lambda character: character == letter


# --- matching --------------------------------------------------------------------------------------

_States = frozenset[int]
_Edge = tuple[bool, bool, bool]
"""Where a place in the text is: at its beginning, at its end, at the edge of a word."""


@dataclass(slots=True)
class _State:
    """One place in a pattern: what it takes (a matcher), demands (`_At`) or neither, and where it leads."""

    matches: Matcher | None = None
    at: str = ""
    then: tuple[int, ...] = ()


class _Builder:
    """Writes a pattern out as states. The first one is the end: whoever reaches it has matched."""

    def __init__(self) -> None:
        self.states = [_State()]

    def pattern(self, node: _Node) -> Pattern:
        return Pattern(self._before(node, 0), tuple(self.states))

    def _add(self, state: _State) -> int:
        if len(self.states) >= MAX_STATES:
            raise ValueError("it repeats too much")
        self.states.append(state)
        return len(self.states) - 1

    def _before(self, node: _Node, then: int) -> int:
        """The state where `node` begins, if what follows it begins at `then`."""
        if isinstance(node, _Set):
            return self._add(_State(matches=node.matches, then=(then,)))
        if isinstance(node, _At):
            return self._add(_State(at=node.where, then=(then,)))
        if isinstance(node, _Sequence):
            for part in reversed(node.parts):
                then = self._before(part, then)
            return then
        if isinstance(node, _Either):
            return self._add(_State(then=tuple(self._before(branch, then) for branch in node.branches)))
        return self._repeated(node, then)

    def _repeated(self, node: _Repeated, then: int) -> int:
        if node.high is None:
            entry = self._add(_State())
            self.states[entry].then = (self._before(node.part, entry), then)
        else:
            entry = then
            for _ in range(node.high - node.low):
                entry = self._add(_State(then=(self._before(node.part, entry), then)))
        for _ in range(node.low):
            entry = self._before(node.part, entry)
        return entry


@dataclass(frozen=True)
class Pattern:
    """A pattern ready to match whole texts. Steps once taken are remembered, up to a limit."""

    start: int
    states: tuple[_State, ...]
    _known: dict[tuple[_States, str, _Edge], _States] = field(default_factory=dict, repr=False, compare=False)

    def matches(self, text: str) -> bool:
        """Whether the whole text matches; a text beyond MAX_MATCHED characters does not."""
        if len(text) > MAX_MATCHED:
            return False
        reached = self._reach(frozenset((self.start,)), _edge(text, 0))
        for place, character in enumerate(text, start=1):
            reached = self._step(reached, character, _edge(text, place))
            if not reached:
                return False
        return 0 in reached

    def _step(self, reached: _States, character: str, edge: _Edge) -> _States:
        key = reached, character, edge
        found = self._known.get(key)
        if found is None:
            states = (self.states[number] for number in reached)
            taking = [
                state.then[0] for state in states if state.matches is not None and state.matches(character)
            ]
            found = self._reach(frozenset(taking), edge)
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found

    def _reach(self, begun: _States, edge: _Edge) -> _States:
        """The states reached without taking a character."""
        reached, waiting = set(begun), list(begun)
        while waiting:
            state = self.states[waiting.pop()]
            if state.matches is None and _holds(state.at, edge):
                fresh = [number for number in state.then if number not in reached]
                reached.update(fresh)
                waiting.extend(fresh)
        return frozenset(reached)


def _edge(text: str, place: int) -> _Edge:
    before, after = text[place - 1 : place] if place else "", text[place : place + 1]
    ends = not after or (after == "\n" and place == len(text) - 1)
    return place == 0, ends, (before in _WORD) is not (after in _WORD)


def _holds(at: str, edge: _Edge) -> bool:
    begins, ends, word = edge
    return not at or {"^": begins, "$": ends, "b": word, "B": not word}[at]
