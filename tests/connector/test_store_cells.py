"""The sufficient statistics out of one statement are those that scoring makes of the evaluations themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from store_worlds import fill

import scoring
from connector import FormVersion, Store
from connector.store import Cell, Weight
from scoring.cells import cells_of
from scoring.levels import levels
from scoring.selection import select
from scoring.votes import votes_of

QUARTERS = ("2026Q1", "2026Q2", "2026Q3", "2026Q4")
MODES = ("chat", "enumerator", "both")  # as scoring numbers them
DOMAINS = {"dignity": ("respect", "percent", "bribe"), "honesty": ("bribe",)}
SETTINGS = scoring.Settings(
    domains=DOMAINS, weights={"honesty": 0.5}, red_flags=frozenset({"safety"}), quarters=4
)


@pytest.fixture
def full(store: Store, form_version: FormVersion) -> Store:
    fill(store, form_version)
    return store


def weights(rows: list[dict[str, Any]]) -> list[Weight]:
    """What applies to a role in a form version: what one in twenty of such evaluations answered (`scoring.items`)."""
    asked = Counter((row["form_version"], row["role"]) for row in rows)
    answered: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        answered.update((row["form_version"], row["role"], name) for name in row["values"])
    return [
        Weight(version, role, name, domain, SETTINGS.weights.get(domain, 1.0))
        for (version, role, name), count in answered.items()
        for domain, members in DOMAINS.items()
        if name in members and count >= 0.05 * asked[version, role]
    ]


def counted(store: Store) -> list[dict[str, Any]]:
    return [
        row
        for row in store.evaluations()
        if row["verified"] and not row["own_office"] and row["review"] in ("none", "approved")
    ]


def in_memory(store: Store) -> tuple[list[Cell], dict[str, int]]:
    """The same by scoring's own functions on arrays."""
    scales = {
        version: {name: scoring.Scale(one.low, one.high, one.best) for name, one in of.items()}
        for version, of in store.scales().items()
    }
    heard = select(scoring.table(store.evaluations(), scales), SETTINGS, as_of=QUARTERS[-1])
    units = [
        scoring.Unit(provider=name, kind="person", role="", block="", district="", state="")
        for name in {one.name for one in store.registry().providers}
    ]
    level = levels(heard.evaluations, units)[0]
    votes = votes_of(heard, level.unit)
    cells = cells_of(votes)
    names = [unit.provider for unit in level.units]
    found = [
        Cell(names[unit], MODES[mode], heard.window[quarter], int(n), total, squares)
        for unit, mode, quarter, n, total, squares in zip(
            *(getattr(cells, name).tolist() for name in ("unit", "mode", "quarter", "n", "total", "squares")),
            strict=True,
        )
    ]
    survivors: dict[str, set[int]] = defaultdict(set)
    for unit, survivor in zip(votes.unit.tolist(), votes.survivor.tolist(), strict=True):
        survivors[names[unit]].add(survivor)
    return sorted(found, key=lambda one: (one.provider, one.mode, one.quarter)), {
        name: len(some) for name, some in survivors.items()
    }


def test_one_statement_gives_the_cells_of_scoring(full: Store) -> None:
    found = full.cells(weights(counted(full)), quarters=QUARTERS)
    expected, survivors = in_memory(full)
    assert [(one.provider, one.mode, one.quarter, one.n) for one in found.cells] == [
        (one.provider, one.mode, one.quarter, one.n) for one in expected
    ]
    assert {one.mode for one in found.cells} == set(MODES)
    assert [one.total for one in found.cells] == pytest.approx([one.total for one in expected], rel=1e-12)
    assert [one.squares for one in found.cells] == pytest.approx([one.squares for one in expected], rel=1e-12)
    assert found.survivors == survivors


def test_only_approved_evaluations_count_where_that_is_asked(full: Store) -> None:
    some = weights(counted(full))
    every = full.cells(some, quarters=QUARTERS)
    approved = full.cells(some, quarters=QUARTERS, reviews=("approved",))
    assert 0 < sum(one.n for one in approved.cells) < sum(one.n for one in every.cells)


def test_only_the_quarters_that_are_asked_for_count(full: Store) -> None:
    found = full.cells(weights(counted(full)), quarters=("2026Q2",))
    assert {one.quarter for one in found.cells} == {"2026Q2"}
    assert full.cells(weights(counted(full)), quarters=()).cells == ()


def test_nobody_is_counted_before_the_roll_is_there(store: Store, form_version: FormVersion) -> None:
    fill(store, form_version, roll=())
    found = store.cells(
        [Weight("small_evaluation/2026112301", "social_worker", "respect", "dignity")], quarters=QUARTERS
    )
    assert (found.cells, found.survivors) == ((), {})
