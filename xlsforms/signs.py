"""The number shown before each choice: the same in the chat and on paper."""

from __future__ import annotations

from collections.abc import Sequence

from .marks import RESERVED

__all__ = ["LONGEST_SIGN", "signs"]

LONGEST_SIGN = 2
"""Names such as "5" are signs people know from the question; codes such as "303" are not."""


def signs(names: Sequence[str]) -> tuple[str, ...]:
    """The sign of each choice, given the choices' names in their order.

    The name where names are small numbers, else the position. Beside numbers, "don't know" and its kind
    get the numbers after the highest: no scale step looks like them.

    >>> signs(["yes", "no", "dont_know"])
    ('1', '2', '3')
    >>> signs(["5", "3", "1", "wont_say"])
    ('5', '3', '1', '6')
    """
    numbers = [name for name in names if name not in RESERVED]
    if not numbers or not all(n.isascii() and n.isdigit() and len(n) <= LONGEST_SIGN for n in numbers):
        return tuple(str(position) for position in range(1, len(names) + 1))
    following = iter(range(max(map(int, numbers)) + 1, max(map(int, numbers)) + 1 + len(names)))
    return tuple(name if name not in RESERVED else str(next(following)) for name in names)
