"""Which figures may stand on one list together, so that no difference between them speaks about fewer than k survivors.

A *cell* is a figure and the survivors behind it; cells form trees (role × district › role × block › person or office). Whoever
holds a parent and some of what lies below it can take them away: what is left is the *complement*. Two sets must each be empty or
hold at least k survivors:

- who spoke in the cells below that are not shown (their mean is what a subtraction yields), and
- who is counted in the parent but in none of the shown cells below (the people by whom two tables differ).

The rule is that of the statistical offices: a parent that would betray its complement is withheld, and where a sibling would
betray the withheld one, the next smallest sibling is withheld too (secondary suppression).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Cell", "Shown", "Tree", "complement", "enough", "shown_together"]

Shown = frozenset[str]


@dataclass(frozen=True)
class Cell:
    """One figure: its key, the cell it is part of (None at the top), the pseudonyms behind it."""

    key: str
    parent: str | None
    survivors: frozenset[str]


@dataclass(frozen=True)
class Tree:
    """All cells of a window, shown or not: what is not shown is what a subtraction would yield."""

    cells: Mapping[str, Cell]

    @cached_property
    def _children(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for cell in self.cells.values():
            if cell.parent is not None:
                found.setdefault(cell.parent, []).append(cell.key)
        return {parent: tuple(sorted(keys)) for parent, keys in found.items()}

    def below(self, key: str) -> tuple[str, ...]:
        return self._children.get(key, ())

    def depth(self, key: str) -> int:
        """How many cells lie above this one."""
        above = self.cells[key].parent
        return 0 if above is None else 1 + self.depth(above)

    def survivors(self, key: str) -> frozenset[str]:
        return self.cells[key].survivors


Complements = Callable[[Tree, str, Shown], Iterable[frozenset[str]]]


def complement(tree: Tree, key: str, shown: Shown) -> tuple[frozenset[str], frozenset[str]]:
    """What taking away everything shown below this cell leaves: who spoke in the rest, and who is counted nowhere else."""
    taken = _union(tree.survivors(found) for found in _highest_shown(tree, key, shown))
    return _rest(tree, key, shown), tree.survivors(key) - taken


def shown_together(
    tree: Tree, wanted: Iterable[str], *, shown: Shown, k: int, complements: Complements = complement
) -> Shown:
    """`shown`, and those wanted cells that may join it; from the bottom up, so that whoever joins has no shown cell above it.

    `wanted` are cells that have cells below them; a cell without any below has no complement and is in `shown` already.
    """
    for key in sorted(wanted, key=lambda key: (-tree.depth(key), len(tree.survivors(key)), key)):
        shown = _with(tree, key, shown, k, complements)
    return shown


def _with(tree: Tree, key: str, shown: Shown, k: int, complements: Complements) -> Shown:
    """The set with this cell, without one of its shown parts if that is what it takes, or as it was."""
    fewer = [shown - {part} for part in _parts_by_size(tree, key, shown)]
    for rest in [shown, *fewer]:
        if enough(complements(tree, key, rest), k):
            return rest | {key}
    return shown


def _parts_by_size(tree: Tree, key: str, shown: Shown) -> list[str]:
    """The shown cells right below that have parts themselves, smallest first: a person's own result is not given up."""
    parts = [child for child in tree.below(key) if child in shown and tree.below(child)]
    return sorted(parts, key=lambda part: (len(tree.survivors(part)), part))


def enough(complements: Iterable[Collection[str]], k: int) -> bool:
    """Whether every complement is empty or holds at least k survivors."""
    return all(len(left) == 0 or len(left) >= k for left in complements)


def _rest(tree: Tree, key: str, shown: Shown) -> frozenset[str]:
    """Who spoke in the cell's parts that are not shown, or in no part at all (providers who are not on the list)."""
    parts = tree.below(key)
    in_no_part = tree.survivors(key) - _union(tree.survivors(part) for part in parts)
    return in_no_part | _union(_rest(tree, part, shown) for part in parts if part not in shown)


def _highest_shown(tree: Tree, key: str, shown: Shown) -> Iterator[str]:
    for part in tree.below(key):
        if part in shown:
            yield part
        else:
            yield from _highest_shown(tree, part, shown)


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
