"""The functions of the ODK XForms specification, as functions of plain values.

`PLAIN` are functions of their arguments alone, `OVER_NODES` take lists of node values, `TIMELY` need
the moment or a draw of chance (a `Moment`). What needs the form itself (paths, lists, labels) is
compiled in `xlsforms.xpath`; `SPECIAL` only names those, so that the grammar knows them.

All functions of the specification are there but these, refused when the form is loaded (`REFUSED`):

    area, enclosed-area, distance,   they measure places from a phone's map, and a conversation asks for no
    geofence, intersects             position
    property                         it tells the phone's number, device or user
    extract-signed                   it opens signed QR codes, which only a phone can read
    randomize                        belongs around a list of choices; there it is taken, and the order stays
    depend                           JavaRosa's own, without a meaning
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, NamedTuple, Protocol

from .coercion import (
    NAN,
    Value,
    day_fraction,
    decimal_days,
    parse_moment,
    parse_time,
    to_date,
    to_number,
    to_text,
    to_truth,
)
from .patterns import compile_pattern

MANY: int = 1_000
"""More arguments than any function is ever given."""


class Function(NamedTuple):
    """How many arguments a function takes, the kind it yields and what it does."""

    low: int
    high: int
    kind: str
    call: Callable[..., Any]


class Moment(Protocol):
    """What changes between two evaluations of the same expression."""

    @property
    def now(self) -> datetime: ...

    def draw(self) -> bytes:
        """32 fresh bytes of chance."""


# --- numbers ---------------------------------------------------------------------------------------


def _round(value: Value, places: Value = 0.0) -> float:
    """Half goes up: 2.345 to two places is 2.35, and -2.5 is -2."""
    number, digits = to_number(value), to_number(places)
    if not math.isfinite(number) or not math.isfinite(digits):
        return number if math.isinf(number) else NAN
    try:
        exact = Decimal(repr(number))
        shifted = exact.scaleb(int(digits)) + Decimal("0.5")
        return float(shifted.to_integral_value(ROUND_FLOOR).scaleb(-int(digits)))
    except InvalidOperation:  # more places than a number has
        return number


def _whole(rounding: Callable[[float], int]) -> Callable[[Value], float]:
    def rounded(value: Value) -> float:
        number = to_number(value)
        return float(rounding(number)) if math.isfinite(number) else number

    return rounded


def _real(function: Callable[..., float]) -> Callable[..., float]:
    """A function of real numbers which yields NaN where mathematics has no answer."""

    def guarded(*values: Value) -> float:
        try:
            return function(*map(to_number, values))
        except (ValueError, OverflowError, ZeroDivisionError):
            return NAN

    return guarded


# --- text ------------------------------------------------------------------------------------------


def _substr(value: Value, start: Value, end: Value | None = None) -> str:
    """From `start` (the first character is 0) up to but without `end`; negative counts from the end."""
    text = to_text(value)
    first = _position(start, len(text))
    last = len(text) if end is None else _position(end, len(text))
    return text[first:last] if first < last else ""


def _position(value: Value, length: int) -> int:
    number = to_number(value)
    if not math.isfinite(number):
        return 0 if number != math.inf else length
    place = int(number)
    return max(0, length + place) if place < 0 else min(place, length)


def _before(value: Value, mark: Value) -> str:
    head, found, _ = to_text(value).partition(to_text(mark) or "\0")
    return head if found else ""


def _after(value: Value, mark: Value) -> str:
    if not to_text(mark):
        return to_text(value)
    _, found, tail = to_text(value).partition(to_text(mark))
    return tail if found else ""


def _translate(value: Value, old: Value, new: Value) -> str:
    """Replaces characters one by one; those without a counterpart are removed."""
    table: dict[int, str | None] = {}
    replacements = to_text(new)
    for place, character in enumerate(to_text(old)):
        table.setdefault(ord(character), replacements[place] if place < len(replacements) else None)
    return to_text(value).translate(table)


def _normalize_space(value: Value) -> str:
    return " ".join(to_text(value).split())


def _regex(value: Value, wanted: Value) -> bool:
    """The whole text matches; a pattern that is no pattern matches nothing."""
    try:
        return compile_pattern(to_text(wanted)).matches(to_text(value))
    except ValueError:
        return False


_DIGESTS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def _digest(value: Value, algorithm: Value, encoding: Value = "base64") -> str:
    import hashlib  # noqa: PLC0415  brings OpenSSL, which hardly a form needs

    name = _DIGESTS.get(to_text(algorithm).upper())
    if name is None:
        return ""
    raw = hashlib.new(name, to_text(value).encode(), usedforsecurity=False)
    return raw.hexdigest() if to_text(encoding) == "hex" else base64.b64encode(raw.digest()).decode()


def _base64_decode(value: Value) -> str:
    try:
        return base64.b64decode(to_text(value)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


# --- choices ---------------------------------------------------------------------------------------


def _selected(values: Value, wanted: Value) -> bool:
    """As JavaRosa looks: nothing is selected in nothing, and nothing else is."""
    return f" {to_text(wanted).strip()} " in f" {to_text(values)} "


def _selected_at(values: Value, place: Value) -> str:
    """The chosen name at a place counted from 0; '' past the end."""
    names, number = to_text(values).split(), to_number(place)
    return names[int(number)] if 0 <= number < len(names) else ""


def _count_selected(values: Value) -> float:
    return float(len(to_text(values).split()))


def _checklist(low: Value, high: Value, *answers: Value) -> bool:
    return _within(sum(map(to_truth, answers)), low, high)


def _weighted_checklist(low: Value, high: Value, *pairs: Value) -> bool:
    answers = zip(pairs[::2], pairs[1::2], strict=False)
    return _within(sum(to_number(weight) for answer, weight in answers if to_truth(answer)), low, high)


def _within(count: float, low: Value, high: Value) -> bool:
    """-1 as the high end means: no upper limit."""
    least, most = to_number(low), to_number(high)
    return (least < 0 or count >= least) and (most < 0 or count <= most)


# --- dates -----------------------------------------------------------------------------------------

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date(value: Value) -> Value:
    """A day, from text, a moment or a count of days; '' where there is none."""
    found = to_date(value)
    if found is None:
        return ""
    return found.date() if isinstance(found, datetime) else found


def _date_time(value: Value) -> Value:
    found = to_date(value)
    return "" if found is None else found


def _decimal_date_time(value: Value) -> float:
    found = to_date(value)
    return NAN if found is None else decimal_days(found)


def _decimal_time(value: Value) -> float:
    """The part of the day, of a time or of a moment."""
    found = parse_time(to_text(value))
    if found is not None:
        return day_fraction(found)
    moment = value if isinstance(value, datetime) else parse_moment(to_text(value))
    return NAN if moment is None else day_fraction(moment.time())


def _format_date(value: Value, wanted: Value) -> str:
    found = to_date(value)
    if found is None:
        return ""
    shown, letters = "", iter(to_text(wanted))
    for letter in letters:
        shown += _date_part(found, next(letters, "")) if letter == "%" else letter
    return shown


def _date_part(day: date, letter: str) -> str:
    moment = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
    parts: dict[str, str] = {
        "Y": f"{moment.year:04}",
        "y": f"{moment.year % 100:02}",
        "m": f"{moment.month:02}",
        "n": str(moment.month),
        "b": _MONTHS[moment.month - 1],
        "d": f"{moment.day:02}",
        "e": str(moment.day),
        "H": f"{moment.hour:02}",
        "h": str(moment.hour),
        "M": f"{moment.minute:02}",
        "S": f"{moment.second:02}",
        "3": f"{moment.microsecond // 1000:03}",
        "a": _DAYS[moment.weekday()],
        "W": str(moment.isocalendar().week),
        "%": "%",
    }
    return parts.get(letter, "%" + letter)


# --- over nodes ------------------------------------------------------------------------------------


def _numbers(values: Sequence[Value]) -> list[float]:
    """Blanks and text that is no number are left out, as JavaRosa does."""
    return [number for number in map(to_number, values) if not math.isnan(number)]


def _join(values: Sequence[Value]) -> str:
    """The first value is put between the others; blanks stay ("4,,")."""
    return to_text(values[0]).join(map(to_text, values[1:]))


OVER_NODES: dict[str, Function] = {
    "sum": Function(1, 1, "number", lambda values: float(sum(_numbers(values)))),
    "min": Function(1, MANY, "number", lambda values: min(_numbers(values), default=NAN)),
    "max": Function(1, MANY, "number", lambda values: max(_numbers(values), default=NAN)),
    "count": Function(1, 1, "number", lambda values: float(len(values))),
    "count-non-empty": Function(1, 1, "number", lambda values: float(sum(to_text(v) != "" for v in values))),
    "concat": Function(0, MANY, "string", lambda values: "".join(map(to_text, values))),
    "join": Function(1, MANY, "string", _join),
}

PLAIN: dict[str, Function] = {
    "true": Function(0, 0, "boolean", lambda: True),
    "false": Function(0, 0, "boolean", lambda: False),
    "not": Function(1, 1, "boolean", lambda value: not to_truth(value)),
    "boolean": Function(1, 1, "boolean", to_truth),
    "boolean-from-string": Function(1, 1, "boolean", lambda value: to_text(value) in ("1", "true")),
    "number": Function(1, 1, "number", to_number),
    "string": Function(1, 1, "string", to_text),
    "int": Function(1, 1, "number", _whole(math.trunc)),
    "floor": Function(1, 1, "number", _whole(math.floor)),
    "ceiling": Function(1, 1, "number", _whole(math.ceil)),
    "round": Function(1, 2, "number", _round),
    "abs": Function(1, 1, "number", _real(abs)),
    "pow": Function(2, 2, "number", _real(math.pow)),
    "sqrt": Function(1, 1, "number", _real(math.sqrt)),
    "exp": Function(1, 1, "number", _real(math.exp)),
    "exp10": Function(1, 1, "number", _real(lambda power: math.pow(10.0, power))),
    "log": Function(1, 1, "number", _real(math.log)),
    "log10": Function(1, 1, "number", _real(math.log10)),
    "sin": Function(1, 1, "number", _real(math.sin)),
    "cos": Function(1, 1, "number", _real(math.cos)),
    "tan": Function(1, 1, "number", _real(math.tan)),
    "asin": Function(1, 1, "number", _real(math.asin)),
    "acos": Function(1, 1, "number", _real(math.acos)),
    "atan": Function(1, 1, "number", _real(math.atan)),
    "atan2": Function(2, 2, "number", _real(math.atan2)),
    "pi": Function(0, 0, "number", lambda: math.pi),
    "string-length": Function(1, 1, "number", lambda value: float(len(to_text(value)))),
    "substr": Function(2, 3, "string", _substr),
    "substring-before": Function(2, 2, "string", _before),
    "substring-after": Function(2, 2, "string", _after),
    "translate": Function(3, 3, "string", _translate),
    "normalize-space": Function(1, 1, "string", _normalize_space),
    "contains": Function(2, 2, "boolean", lambda text, part: to_text(part) in to_text(text)),
    "starts-with": Function(2, 2, "boolean", lambda text, part: to_text(text).startswith(to_text(part))),
    "ends-with": Function(2, 2, "boolean", lambda text, part: to_text(text).endswith(to_text(part))),
    "regex": Function(2, 2, "boolean", _regex),
    "digest": Function(2, 3, "string", _digest),
    "base64-decode": Function(1, 1, "string", _base64_decode),
    "selected": Function(2, 2, "boolean", _selected),
    "is-selected": Function(2, 2, "boolean", _selected),  # an old name of it
    "selected-at": Function(2, 2, "string", _selected_at),
    "count-selected": Function(1, 1, "number", _count_selected),
    "checklist": Function(2, MANY, "boolean", _checklist),
    "weighted-checklist": Function(2, MANY, "boolean", _weighted_checklist),
    "date": Function(1, 1, "date", _date),
    "date-time": Function(1, 1, "date", _date_time),
    "decimal-date-time": Function(1, 1, "number", _decimal_date_time),
    "decimal-time": Function(1, 1, "number", _decimal_time),
    "format-date": Function(2, 2, "string", _format_date),
    "format-date-time": Function(2, 2, "string", _format_date),
}


def _random(moment: Moment) -> float:
    """At least 0, below 1, in steps of 2^-53."""
    return (int.from_bytes(moment.draw()[:8], "big") >> 11) / 2**53


def _uuid(moment: Moment, length: Value | None = None) -> str:
    """A random (version 4) uuid; with a length, that many letters and digits."""
    raw = moment.draw()
    if length is not None:
        wanted = max(0, min(int(to_number(length) or 0), 64)) if to_number(length) > 0 else 0
        return raw.hex()[:wanted]
    digits = bytearray(raw[:16])
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


TIMELY: dict[str, Function] = {
    "today": Function(0, 0, "date", lambda moment: moment.now.date()),
    "now": Function(0, 0, "date", lambda moment: moment.now),
    "random": Function(0, 0, "number", _random),
    "uuid": Function(0, 1, "string", _uuid),
}

SPECIAL: dict[str, tuple[int, int]] = {
    "if": (3, 3),
    "coalesce": (2, 2),
    "once": (1, 1),
    "position": (0, 1),
    "indexed-repeat": (3, 3),
    "current": (0, 0),
    "instance": (1, 1),
    "pulldata": (4, 4),
    "randomize": (1, 2),
    "version": (0, 0),
    "jr:choice-name": (2, 2),
    "jr:itext": (1, 1),
}

_NO_PLACES = "it measures places, and a conversation asks for no position"
REFUSED: dict[str, str] = {
    "area": _NO_PLACES,
    "enclosed-area": _NO_PLACES,
    "distance": _NO_PLACES,
    "geofence": _NO_PLACES,
    "intersects": _NO_PLACES,
    "property": "it tells who holds the phone, and nobody shall know",
    "extract-signed": "it opens signed QR codes, which only a phone can read",
    "randomize": "it belongs around a list of choices",
    "depend": "it has no meaning; leave it out",
}
"""Functions that are known and not computed, and why."""

NAMES: frozenset[str] = frozenset((*OVER_NODES, *PLAIN, *TIMELY, *SPECIAL, *REFUSED))
"""Every function an expression may call."""
