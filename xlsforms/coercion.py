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
    return days(value)  # type: ignore[arg-type]


def _text_to_number(text: str) -> float:
    """XPath numerals only: no exponent, no plus sign, no 'Infinity'."""
    text = text.strip()
    if not text or not _NUMERALS.issuperset(text):
        return NAN
    try:
        return float(text)
    except ValueError:
        return NAN


def days(value: date | datetime) -> float:
    """Days since 1970-01-01, with the time of day as the fraction (by the clock on the wall)."""
    whole = float(value.toordinal() - _EPOCH)
    if not isinstance(value, datetime):
        return whole
    return whole + day_fraction(value.time())


def day_fraction(moment: time) -> float:
    """The part of the day that has passed, 0 ≤ … < 1."""
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    return seconds / 86400


def to_text(value: Value) -> str:
    """The text of a value, as string() gives it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, date):
        return value.isoformat()
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
        return parse_moment(value) if "T" in value else parse_day(value)
    number = to_number(value)
    if not math.isfinite(number):
        return None
    try:
        return date.fromordinal(math.floor(number) + _EPOCH)
    except (ValueError, OverflowError):
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
    """As Collect writes moments: `2026-11-20T14:30:00.000+05:30`."""
    return moment.isoformat(timespec="milliseconds")


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
    if abs(number) < 2**53 and abs(number - round(number)) < _SAME:
        return str(round(number))
    return _java_double(number)


def _java_double(number: float) -> str:
    """Java writes an exponent below 0.001 and from 10,000,000 on: 1.2345678905E9, 1.0E-5."""
    if 1e-3 <= abs(number) < 1e7:
        return repr(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    power = exponent + len(digits) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


def stored(value: Value) -> str:
    """A calculated value as the instance keeps it: truths as 1 and 0, NaN as nothing."""
    if value.__class__ is str:
        return value  # type: ignore[return-value]
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value != value:  # noqa: PLR0124  NaN is not itself
        return ""
    return to_text(value)
