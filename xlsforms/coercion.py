"""How XForms values turn into one another, as JavaRosa does it.

A value is text, a number (always `float`), a truth, a date or a moment. An empty field is the
empty text; as a number it is NaN, so that every comparison with it is false.
"""

from __future__ import annotations

import math
from datetime import date, datetime, time
from decimal import Decimal

Value = str | float | bool | date | datetime
"""What an expression yields. `datetime` is a moment, a bare `date` a day."""

NAN = math.nan
_EPOCH = date(1970, 1, 1).toordinal()
_SAME = 1e-12  # two numbers nearer than this are equal
_JAVA_INT, _JAVA_LONG = 2.0**31, 2.0**63
_NUMERALS = frozenset("0123456789.-")


def to_number(value: Value) -> float:
    """A number; NaN for text that is none. Dates count days since 1970-01-01."""
    kind = value.__class__
    if kind is float:
        return value  # type: ignore[return-value]
    if kind is str:
        return _text_to_number(value)  # type: ignore[arg-type]
    if isinstance(value, bool | int):
        return float(value)
    return _days(value)  # type: ignore[arg-type]


def _text_to_number(text: str) -> float:
    """XPath numerals only: no exponent, no plus sign, no 'Infinity'."""
    text = text.strip()
    if not text or not _NUMERALS.issuperset(text):  # float() alone would take "1e3", "inf" and "1_0"
        return NAN
    try:
        return float(text)
    except ValueError:
        return NAN


def _days(value: date) -> float:
    """Whole days since 1970-01-01, of a moment too: JavaRosa compares moments by their day."""
    return float(value.toordinal() - _EPOCH)


def decimal_days(value: date | datetime) -> float:
    """Days since 1970-01-01, the time of day (by the clock on the wall) as the fraction."""
    return _days(value) + (day_fraction(value.time()) if isinstance(value, datetime) else 0.0)


def day_fraction(moment: time) -> float:
    """The part of the day that has passed, 0 ≤ … < 1."""
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    return seconds / 86400


def to_text(value: Value) -> str:
    """The text of a value, as string() gives it: of a moment only the day."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return f"{value.year:04}-{value.month:02}-{value.day:02}"
    return number_text(value)


def to_truth(value: Value) -> bool:
    """Text is true when not empty ('0' too), a number when not 0 and not NaN."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return bool(value)
    if isinstance(value, float):
        return abs(value) > _SAME and value == value  # noqa: PLR0124  NaN is not itself
    return True


def to_date(value: Value) -> date | datetime | None:
    """A day (or a moment) from ISO text or a count of days; None where there is none."""
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        return parse_moment(value) if "T" in value else _loose_day(value)
    number = to_number(value)
    if not math.isfinite(number):
        return None
    try:
        return date.fromordinal(math.floor(number) + _EPOCH)
    except (ValueError, OverflowError):
        return None


def _loose_day(text: str) -> date | None:
    """A day whose month and day may lack their zeros, as expressions may write it."""
    try:
        year, month, day = map(int, text.split("-"))
        return date(year, month, day)
    except ValueError:
        return None


def parse_day(text: str) -> date | None:
    """`2026-11-20` as a date; None for anything else."""
    if len(text) != len("2026-11-20") or text[4] != "-" or text[7] != "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_moment(text: str) -> datetime | None:
    """An ISO date and time, with or without offset; None for anything else."""
    if parse_day(text[:10]) is None or text[10:11] != "T":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def parse_time(text: str) -> time | None:
    """`14:30`, `14:30:00` or `14:30:00.000+05:30` as a time; None for anything else."""
    if text[2:3] != ":":
        return None
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def moment_text(moment: datetime) -> str:
    """As Collect writes moments: `2026-11-20T14:30:00.000+05:30`, or `Z` where the offset is nothing."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def equal(left: Value, right: Value) -> bool:
    """XPath's `=`: as truths if one is a truth, as numbers if one is a number, else as text."""
    if left.__class__ is str and right.__class__ is str:
        return left == right
    if isinstance(left, bool) or isinstance(right, bool):
        return to_truth(left) is to_truth(right)
    if isinstance(left, float) or isinstance(right, float):
        return abs(to_number(left) - to_number(right)) < _SAME
    return to_text(left) == to_text(right)


def number_text(number: float) -> str:
    """A number as text: whole numbers without a fraction, others as Java's Double.toString."""
    if number != number:  # noqa: PLR0124  NaN is not itself
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if abs(number) < _JAVA_INT and abs(number - round(number)) < _SAME:
        return str(round(number))
    return _java_double(number)


def stored_number(number: float) -> str:
    """A number as a question keeps it: NaN as nothing, whole numbers of any size in full."""
    if number != number:  # noqa: PLR0124  NaN is not itself
        return ""
    return str(int(number)) if number.is_integer() and abs(number) < _JAVA_LONG else number_text(number)


def _java_double(number: float) -> str:
    """Java writes an exponent below 0.001 and from 10,000,000 on: 1.2345678905E9, 1.0E-5."""
    if 1e-3 <= abs(number) < 1e7:
        return repr(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    power = exponent + len(digits) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"
