"""How alike the answers of one collector are is learnt from many collectors, and widens standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scoring_samples import evaluations, row, unit

from scoring import ModeEffect, Settings
from scoring.collectors import likeness
from scoring.estimates import Estimates, estimates_of
from scoring.levels import levels
from scoring.selection import select

NO_EFFECT = ModeEffect("social_worker", 0.0, 0.0, 0.0, "one mode")


def interviews(collectors: int, manner: float, seed: int = 1) -> list[dict[str, Any]]:
    """Twenty providers, thirty interviews by each collector; the deviation of one answer is 10."""
    rng = np.random.default_rng(seed)
    quality, own = rng.normal(50, 5, 20), rng.normal(0, manner, collectors)
    rows = []
    for collector in range(collectors):
        for about in rng.integers(0, 20, 30).tolist():
            value = float(np.clip(quality[about] + own[collector] + rng.normal(0, 10), 0, 100))
            rows.append(
                row(len(rows), f"sw_{about:02d}", collector=f"c{collector:03d}", values={"percent": value})
            )
    return rows


def estimated(rows: list[dict[str, Any]], **settings: Any) -> Estimates:
    made = Settings(**settings)
    heard = select(evaluations(rows), made, as_of=None)
    registry = [unit(f"sw_{index:02d}") for index in range(20)]
    return estimates_of(levels(heard.evaluations, registry)[0], heard, [NO_EFFECT], made)


def found(rows: list[dict[str, Any]], settings: Settings | None = None) -> float:
    one = estimated(rows)
    return float(likeness(one.votes, one.corrected, np.zeros(20, dtype=np.int64), settings or Settings())[0])


def test_the_likeness_of_many_collectors_is_recovered() -> None:
    """Manner 5, answers 10: a likeness of 25 / 125."""
    by_data = Settings(collector_rho_worth=1e-9)
    several = [found(interviews(80, 5.0, seed), by_data) for seed in range(6)]
    assert np.mean(several) == pytest.approx(0.2, abs=0.03)
    assert found(interviews(80, 0.0), by_data) == pytest.approx(0.0, abs=0.02)


def test_a_few_collectors_do_not_push_the_planning_value_far() -> None:
    assert found(interviews(4, 20.0)) < 0.05 + 4 / 24
    assert found(interviews(80, 20.0)) > 0.5


def test_without_interviews_by_named_collectors_the_planning_value_stands() -> None:
    chat = [line | {"mode": "chat", "collector": None} for line in interviews(5, 5.0)]
    unnamed = [line | {"collector": None} for line in interviews(5, 5.0)]
    assert found(chat) == found(unnamed) == 0.05


def test_collectors_of_a_manner_of_their_own_widen_standard_errors() -> None:
    alike, apart = estimated(interviews(80, 0.0)), estimated(interviews(80, 20.0))
    assert (apart.design > alike.design).all()
    assert alike.design.mean() < estimated(interviews(80, 0.0), collector_rho_worth=1e9).design.mean()
