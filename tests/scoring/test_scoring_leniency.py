"""Leniency is found where it can be known, is capped, carries its uncertainty, and is left alone elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scoring_samples import by_provider, evaluations, rated, row, unit

from scoring import ModeEffect, Settings
from scoring.estimates import Estimates, estimates_of, worst_without_one
from scoring.leniency import Components, Crossed, backfit, components, leniency
from scoring.levels import levels
from scoring.pooling import Known, pool
from scoring.selection import select


def crossed(
    seed: int, *, raters: int = 300, each: int = 5, units: int = 40, kindness: float = 8.0
) -> Crossed:
    rng = np.random.default_rng(seed)
    rater = np.repeat(np.arange(raters), each)
    about = np.concatenate([rng.choice(units, each, replace=False) for _ in range(raters)])
    value = rng.normal(0, 9.0, units)[about] + rng.normal(0, kindness, raters)[rater]
    return Crossed(about, rater, 60 + value + rng.normal(0, 12.0, len(rater)))


def test_the_three_deviations_are_recovered() -> None:
    found = [components(crossed(seed)) for seed in range(20)]
    deviations = np.array([[one.units, one.raters, one.rest] for one in found if one is not None])
    assert len(deviations) == 20
    assert np.sqrt(deviations.mean(axis=0)) == pytest.approx([9.0, 8.0, 12.0], rel=0.05)


def test_shifting_all_votes_changes_neither_deviations_nor_effects() -> None:
    here = crossed(1)
    there = Crossed(here.unit, here.rater, here.value + 1e6)
    one, other = components(here), components(there)
    assert one is not None
    assert other is not None
    assert [other.units, other.raters, other.rest] == pytest.approx(
        [one.units, one.raters, one.rest], rel=1e-6
    )
    assert backfit(there, other)[1] == pytest.approx(backfit(here, one)[1], abs=1e-5)


def test_where_nobody_rated_two_the_deviations_cannot_be_told_apart() -> None:
    alone = Crossed(np.arange(20) % 4, np.arange(20), np.arange(20.0))
    assert components(alone) is None
    found = leniency(alone, min_share=0.0, cap=10.0)
    assert not found.used
    assert found.effect.tolist() == [0.0] * 20
    assert found.spread.tolist() == [1.0] * 20


def test_it_is_used_from_a_fifth_of_the_raters_on() -> None:
    rng = np.random.default_rng(2)
    for several, used in ((40, True), (38, False)):
        once = 200 - several
        rater = np.r_[np.repeat(np.arange(several), 2), several + np.arange(once)]
        about = np.r_[np.tile([0, 1], several), rng.integers(0, 6, once)]
        kind = rng.normal(0, 9.0, 200)
        votes = Crossed(about, rater, 50 + kind[rater] + rng.normal(0, 4.0, len(rater)))
        found = leniency(votes, min_share=0.2, cap=10.0)
        assert found.share == several / 200
        assert found.used is used


def test_no_effect_moves_a_vote_by_more_than_the_cap() -> None:
    found = leniency(crossed(3, kindness=30.0), min_share=0.2, cap=10.0)
    assert np.max(np.abs(found.effect)) == 10.0


def test_the_more_a_survivor_said_elsewhere_the_better_her_leniency_is_known() -> None:
    votes = crossed(4)
    more = Crossed(
        np.r_[votes.unit, np.arange(30)],
        np.r_[votes.rater, np.zeros(30, dtype=np.int64)],
        np.r_[votes.value, np.full(30, 60.0)],
    )
    found = leniency(more, min_share=0.2, cap=10.0)
    assert found.used
    spread = np.bincount(more.rater, found.spread) / np.bincount(more.rater)
    assert spread[0] < spread[1] < 1.0


def test_a_vote_of_a_rater_of_one_unit_stays_as_it_is() -> None:
    votes = crossed(5)
    new = int(np.max(votes.rater)) + 1
    lonely = Crossed(np.r_[votes.unit, 0], np.r_[votes.rater, new], np.r_[votes.value, 90.0])
    found = leniency(lonely, min_share=0.2, cap=10.0)
    assert found.effect[-1] == pytest.approx(0.0, abs=1e-9)
    assert found.spread[-1] == pytest.approx(1.0)


def test_what_is_said_of_a_unit_itself_is_not_taken_for_kindness() -> None:
    """A vote moves what is taken off the survivor's other votes, never what is taken off itself (but through the deviations)."""
    votes = crossed(6)
    raised = votes.value.copy()
    raised[0] += 5.0
    before, after = (
        leniency(Crossed(votes.unit, votes.rater, value), min_share=0.2, cap=1e9)
        for value in (votes.value, raised)
    )
    others = (votes.rater == votes.rater[0]) & (np.arange(len(raised)) > 0)
    assert after.effect[0] == pytest.approx(before.effect[0], abs=0.1)
    assert (after.effect[others] > before.effect[others] + 0.4).all()


def test_backfitting_without_differences_between_raters_is_pooling() -> None:
    votes = crossed(6)
    effect, rater = backfit(votes, Components(81.0, 0.0, 144.0))
    n = np.bincount(votes.unit)
    pooled = pool(np.bincount(votes.unit, votes.value) / n, 144.0 / n, tau=Known(9.0))
    assert effect == pytest.approx(pooled.mean - pooled.mu[0], abs=1e-6)
    assert rater.tolist() == [0.0] * len(rater)


NO_EFFECT = ModeEffect("social_worker", 0.0, 0.0, 0.0, "one mode")


def kind_and_stern(seed: int = 7) -> tuple[list[dict[str, Any]], list[Any], np.ndarray[Any, Any]]:
    """30 providers of known quality; 200 survivors rate three or four each, the kind ones mostly in the first half."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(50.0, 6.0, 30)
    rows = []
    for survivor in range(200):
        kind = rng.normal(0.0, 8.0)
        half = np.arange(15) + (0 if kind + rng.normal(0, 4) > 0 else 15)
        own, other = rng.choice(half, 3, replace=False), rng.choice(30)
        for about in {*own.tolist(), int(other)}:
            value = float(np.clip(quality[about] + kind + rng.normal(0, 8.0), 0, 100))
            rows.append(
                row(
                    len(rows),
                    f"sw_{about:02d}",
                    survivor=f"s{survivor}",
                    mode="chat",
                    collector=None,
                    values={"percent": value},
                )
            )
    return rows, [unit(f"sw_{index:02d}") for index in range(30)], quality


def estimated(rows: list[dict[str, Any]], registry: list[Any], **settings: Any) -> Estimates:
    made = Settings(**settings)
    heard = select(evaluations(rows), made, as_of=None)
    return estimates_of(levels(heard.evaluations, registry)[0], heard, [NO_EFFECT], made)


def test_who_is_rated_by_kind_survivors_gains_little_by_it() -> None:
    rows, registry, quality = kind_and_stern()
    found = estimated(rows, registry)
    plain = np.bincount(found.votes.unit, found.votes.value) / found.size

    def favour(estimate: np.ndarray[Any, Any]) -> float:
        """By how much the half of the kind survivors is seen too good."""
        return float((estimate - quality)[:15].mean() - (estimate - quality)[15:].mean())

    assert favour(plain) > 4.0
    assert abs(favour(found.estimate)) < 0.5 * favour(plain)
    assert (found.variance < found.sigma**2 * found.design / found.size).all()


def test_leaving_one_out_carries_the_spread_of_each_vote() -> None:
    rows, registry, _ = kind_and_stern()
    found = estimated(rows, registry)
    assert 0.3 < found.spread.min() < found.spread.max() <= 1.0
    lowest, variance = worst_without_one(found, 0)
    own = found.votes.unit == 0
    value, spread = found.corrected[own], found.spread[own]
    for index in range(len(value)):
        value_left, spread_left = np.delete(value, index), np.delete(spread, index)
        expected = found.sigma[0] ** 2 * found.design[0] * spread_left.sum() / len(value_left) ** 2
        case = int(np.argmin(np.abs(variance - expected)))
        assert variance[case] == pytest.approx(expected)
        assert lowest[case] <= value_left.mean() + 1e-9


def test_a_survivor_cannot_buy_a_good_vote_by_bad_ones_elsewhere() -> None:
    """Ten points is the most her other votes can move the one that counts for her friend."""
    rows, registry, _ = kind_and_stern()
    base = by_provider(rated(rows, registry))["sw_00"].score
    bad = [
        row(
            5000 + index,
            f"sw_{index:02d}",
            survivor="enemy",
            mode="chat",
            collector=None,
            values={"percent": 0.0},
        )
        for index in range(1, 30)
    ]
    good = row(6000, "sw_00", survivor="enemy", mode="chat", collector=None, values={"percent": 100.0})
    honest = by_provider(rated([*rows, good], registry))["sw_00"].score
    bought = by_provider(rated([*rows, *bad, good], registry))["sw_00"].score
    assert base is not None
    assert honest is not None
    assert bought is not None
    votes = sum(line["provider"] == "sw_00" for line in rows) + 1
    assert bought - honest < 10.0 / votes + 1.5
