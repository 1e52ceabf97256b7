"""One survivor has one vote for a unit and a quarter; votes add up in cells; likeness widens the error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import QUARTERS, evaluations, row

from scoring import Settings
from scoring.cells import BOTH, Cells, add, cells_of, over_quarters, pooled_variance
from scoring.levels import levels
from scoring.selection import select
from scoring.votes import Votes, design_effect, votes_of


def votes(rows: Sequence[dict[str, Any]]) -> Votes:
    """The votes about providers, numbered by the order of their names."""
    heard = select(evaluations(rows), Settings(), as_of="2026Q4")
    names = sorted({one["provider"] for one in rows})
    about = np.array([names.index(name) for name in heard.evaluations.provider.tolist()], dtype=np.int64)
    return votes_of(heard, about)


def answer(number: int, value: float, **more: Any) -> dict[str, Any]:
    return row(number, values={"percent": value}, **more)


def test_repeats_of_one_survivor_in_a_quarter_are_one_vote_with_their_mean() -> None:
    found = votes([answer(0, 20.0, survivor="s"), answer(1, 80.0, survivor="s"), answer(2, 60.0)])
    assert sorted(found.value.tolist()) == [50.0, 60.0]


def test_another_quarter_or_another_provider_is_another_vote() -> None:
    rows = [
        answer(0, 20.0, survivor="s"),
        answer(1, 80.0, survivor="s", quarter="2026Q3"),
        answer(2, 60.0, survivor="s", provider="sw_2"),
    ]
    assert len(votes(rows)) == 3


def test_repeats_in_both_modes_are_a_mode_of_their_own() -> None:
    found = votes([answer(0, 20.0, survivor="s"), answer(1, 80.0, survivor="s", mode="chat", collector=None)])
    assert found.interviewed.tolist() == [0.5]
    assert cells_of(found).mode.tolist() == [BOTH]


def test_levels_keep_a_vote_for_each_place_and_count_who_is_not_on_the_list() -> None:
    rows = [answer(0, 20.0), answer(1, 40.0, provider="not_listed"), answer(2, 60.0, block="303_b02")]
    heard = select(evaluations(rows), Settings(), as_of=None)
    by_name = {level.name: level for level in levels(heard.evaluations, [])}
    block = votes_of(heard, by_name["block"].unit)
    assert [place.provider for place in by_name["block"].units] == [
        "social_worker@303_b01",
        "social_worker@303_b02",
    ]
    assert np.bincount(block.unit).tolist() == [2, 1]
    assert len(votes_of(heard, by_name["provider"].unit)) == 0


answers = st.lists(
    st.tuples(
        st.integers(0, 3),  # provider
        st.sampled_from(QUARTERS),
        st.sampled_from(["chat", "enumerator"]),
        st.integers(0, 100),
    ),
    max_size=30,
)


def made(answered: list[tuple[int, str, str, int]], start: int) -> list[dict[str, Any]]:
    return [
        answer(
            start + index, float(value), provider=f"sw_{provider}", quarter=quarter, mode=mode,
            collector=f"c{index % 3}" if mode == "enumerator" else None,
        )
        for index, (provider, quarter, mode, value) in enumerate(answered)
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(answers, answers)
def test_cells_of_two_stores_add_up_to_the_cells_of_both(
    left: list[tuple[int, str, str, int]], right: list[tuple[int, str, str, int]]
) -> None:
    everyone = [
        answer(10_000 + index, 0.0, provider=f"sw_{index}") for index in range(4)
    ]  # numbers providers alike
    here, there = made(left, 0) + everyone, made(right, 500)
    both = votes(here + there)
    apart = add(cells_of(votes(here)), cells_of(votes(there + everyone)))
    doubled = add(cells_of(both), cells_of(votes(everyone)))
    for name in ("unit", "mode", "quarter", "n", "total", "squares"):
        assert getattr(apart, name) == pytest.approx(getattr(doubled, name))


@settings(max_examples=40, deadline=None)
@given(answers)
def test_summing_over_quarters_loses_nobody(answered: list[tuple[int, str, str, int]]) -> None:
    cells = cells_of(votes(made(answered, 0)))
    window = over_quarters(cells)
    assert window.n.sum() == len(answered)
    assert window.total.sum() == pytest.approx(cells.total.sum())
    assert len(set(zip(window.unit.tolist(), window.mode.tolist(), strict=True))) == len(window.n)


def cells(n: Sequence[float], total: Sequence[float], squares: Sequence[float]) -> Cells:
    many = len(n)
    zeros = np.zeros(many, dtype=np.int64)
    return Cells(np.arange(many), zeros, zeros, np.array(n), np.array(total), np.array(squares))


def test_the_within_variance_is_pooled_over_the_units_of_a_role() -> None:
    # 10, 20 about 15 (50) and 30, 60 about 45 (450): 500 over two degrees of freedom
    two = cells([2.0, 2.0], [30.0, 90.0], [500.0, 4500.0])
    role = np.zeros(2, dtype=np.int64)
    assert pooled_variance(two, role, 1, prior_sd=25.0, prior_df=0.0).tolist() == [250.0]


def test_three_equal_answers_are_not_certainty() -> None:
    alike = cells([3.0], [150.0], [7500.0])
    found = pooled_variance(alike, np.zeros(1, dtype=np.int64), 1, prior_sd=25.0, prior_df=10.0)
    assert found[0] > 400.0


def test_a_role_with_hardly_a_vote_leans_on_the_other_roles() -> None:
    n = [101.0, 2.0]
    spread = cells(n, [0.0, 0.0], [100 * 400.0, 0.0])
    found = pooled_variance(spread, np.arange(2), 2, prior_sd=25.0, prior_df=10.0)
    assert found == pytest.approx([401.5, 378.8], abs=0.1)  # its own votes: 400 and 0


def test_votes_taken_by_one_collector_widen_the_error_and_votes_in_the_chat_do_not() -> None:
    one = [answer(index, 50.0, collector="c") for index in range(21)]
    chat = [answer(index, 50.0, mode="chat", collector=None) for index in range(21)]
    assert design_effect(votes(one), 1, collector_rho=0.05, survivor_rho=0.5).tolist() == [pytest.approx(2.0)]
    assert design_effect(votes(chat), 1, collector_rho=0.05, survivor_rho=0.5).tolist() == [1.0]


def test_enumerators_who_are_not_named_count_as_one_collector() -> None:
    unnamed = [answer(index, 50.0, collector=None) for index in range(21)]
    assert design_effect(votes(unnamed), 1, collector_rho=0.05, survivor_rho=0.5).tolist() == [
        pytest.approx(2.0)
    ]


def test_a_survivor_who_speaks_in_every_quarter_does_not_count_as_four() -> None:
    rows = [
        answer(index, 50.0, survivor="s", quarter=quarter, mode="chat", collector=None)
        for index, quarter in enumerate(QUARTERS)
    ]
    assert design_effect(votes(rows), 1, collector_rho=0.05, survivor_rho=1.0).tolist() == [4.0]
