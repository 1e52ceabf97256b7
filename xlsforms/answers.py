"""Answers as text: brought into the one form XForms stores them in, or refused for their type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from .coercion import parse_day, parse_moment, parse_time, to_number
from .errors import Refused

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})", re.ASCII)
_LARGEST = 2**31 - 1  # JavaRosa's integers have 32 bits
_NOT_XML = dict.fromkeys({*range(32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF} - {9, 10, 13})
"""Characters that XML cannot hold; as a regular expression they would cost 8 ms at each start."""
ACKNOWLEDGED = "OK"
MAX_TEXT = 10_000
"""Characters of one answer: several pages. A whole instance stays far below what is read back."""


def canonical(path: str, kind: str, text: str) -> str:
    """The answer as the instance keeps it; '' for an empty one. Raises Refused of the kind "type".

    Text keeps every character it was typed with ("0712"), except those XML cannot hold.
    """
    if len(text) > MAX_TEXT:
        raise Refused(path, "type")
    text = text.translate(_NOT_XML)
    if kind == "text":
        return "" if text.isspace() else text
    text = text.strip()
    if not text:
        return ""
    found = _READERS.get(kind, str)(text)
    if found is None:
        raise Refused(path, "type")
    return found


def _integer(text: str) -> str | None:
    if not _INTEGER.fullmatch(text) or abs(int(text)) > _LARGEST:
        return None
    return str(int(text))


def _decimal(text: str) -> str | None:
    return text.removeprefix("+") if _DECIMAL.fullmatch(text) else None


def _select_multiple(text: str) -> str:
    """Each name once, in the order given."""
    return " ".join(dict.fromkeys(text.split()))


_READERS: dict[str, Callable[[str], str | None]] = {
    "integer": _integer,
    "decimal": _decimal,
    "date": lambda text: text if parse_day(text) else None,
    "time": lambda text: text if parse_time(text) else None,
    "dateTime": lambda text: text if parse_moment(text) else None,
    "select_multiple": _select_multiple,
    "acknowledge": lambda _: ACKNOWLEDGED,
}


def in_range(text: str, parameters: Mapping[str, str]) -> bool:
    """Whether a number lies on the scale of a range question: between its ends, on one of its steps."""
    start, end = to_number(parameters.get("start", "")), to_number(parameters.get("end", ""))
    step, number = to_number(parameters.get("step", "1")), to_number(text)
    if math.isnan(start) or math.isnan(end):
        return True
    low, high = min(start, end), max(start, end)
    steps = (number - low) / abs(step) if step else 0.0
    return low <= number <= high and abs(steps - round(steps)) < 1e-9
