"""Change between the halves of the window: the algebra against plain matrices, and promises where the truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scoring_samples import QUARTERS, by_provider, rated, row, unit

from scoring import Settings, Unit
from scoring.trend import Movements


def pairs(seed: int = 3, units: int = 9) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    rng = np.random.default_rng(seed)
    start = rng.normal(60.0, 8.0, units)
    then = 62.0 + 0.7 * (start - 60.0) + rng.normal(0.0, 5.0, units)
    variance = rng.uniform(5.0, 60.0, (2, units))
    return {
        "before": start + rng.normal(0.0, np.sqrt(variance[0])),
        "now": then + rng.normal(0.0, np.sqrt(variance[1])),
        "before_variance": variance[0],
        "now_variance": variance[1],
        "shared": rng.uniform(0.0, 2.0, units),
    }


def test_the_posterior_is_that_of_the_whole_normal_model_written_as_matrices() -> None:
    """Every value of all units in one vector, flat means: generalised least squares at each grid point."""
    data = pairs()
    moved = Movements.of(**data, tau_prior_sd=15.0)
    units = len(data["now"])
    y = np.concatenate([data["before"], data["now"]])
    noise = np.diag(np.concatenate([data["before_variance"], data["now_variance"]]))
    noise[np.arange(units), units + np.arange(units)] = data["shared"]
    noise[units + np.arange(units), np.arange(units)] = data["shared"]
    design = np.kron(np.eye(2), np.ones((units, 1)))
    change = np.hstack([-np.eye(units), np.eye(units)])
    mean, sd = moved.components(np.arange(units))
    likelihood = []
    for point, (tau2, rho) in enumerate(zip(moved.tau2, moved.rho, strict=True)):
        truth = tau2 * np.kron(np.array([[1.0, rho], [rho, 1.0]]), np.eye(units))
        total = np.linalg.inv(noise + truth)
        cov = np.linalg.inv(design.T @ total @ design)
        mu = cov @ design.T @ total @ y
        rest = y - design @ mu
        logdet = -np.linalg.slogdet(total)[1] - np.linalg.slogdet(cov)[1]
        likelihood.append(-0.5 * (logdet + rest @ total @ rest))
        if point % 50:
            continue
        expected = change @ (design @ mu + truth @ total @ rest)
        left = change @ (design - truth @ total @ design)
        spread = np.diag(change @ (truth - truth @ total @ truth) @ change.T + left @ cov @ left.T)
        assert mean[:, point] == pytest.approx(expected, abs=1e-8)
        assert sd[:, point] == pytest.approx(np.sqrt(spread), abs=1e-6)
    tau = np.sqrt(moved.tau2)
    unit_se = np.sqrt(np.median(np.concatenate([data["before_variance"], data["now_variance"]])))
    density = np.array(likelihood) - 0.5 * (tau / 15.0) ** 2 + np.log(tau + unit_se)
    weight = np.exp(density - density.max())
    assert moved.weight == pytest.approx(weight / weight.sum(), abs=1e-10)


def test_a_change_is_likely_where_both_estimates_are_sure_and_far_apart() -> None:
    data = pairs()
    data["now_variance"][:] = data["before_variance"][:] = 1.0
    data["shared"][:] = 0.0
    data["now"][0], data["before"][0] = 80.0, 60.0
    moved = Movements.of(**data, tau_prior_sd=15.0)
    assert moved.above(0.0)[0] > 0.99
    assert moved.above(5.0)[0] > 0.99
    assert (moved.above(5.0) <= moved.above(0.0)).all()


def test_what_if_changes_only_the_one_asked_about_and_no_evidence_gives_no_claim() -> None:
    moved = Movements.of(**pairs(), tau_prior_sd=15.0)
    same = moved.above_given(5.0, 4, moved.now[[4, 4]], np.array([moved.now_variance[4], np.inf]))
    assert same[0] == pytest.approx(moved.above(5.0)[4])
    assert same[1] == 0.0


def test_probabilities_of_change_are_kept() -> None:
    """800 units with a known change: of those promised .8 to 1, as many really changed."""
    promised, kept = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        start = rng.normal(60.0, 10.0, 40)
        then = 60.0 + 0.6 * (start - 60.0) + rng.normal(0.0, 8.0, 40)
        variance = rng.uniform(10.0, 60.0, (2, 40))
        moved = Movements.of(
            start + rng.normal(0.0, np.sqrt(variance[0])),
            then + rng.normal(0.0, np.sqrt(variance[1])),
            *variance,
            tau_prior_sd=15.0,
        )
        promised.append(moved.above(5.0))
        kept.append(then - start > 5.0)
    sure, right = np.concatenate(promised), np.concatenate(kept)
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        of = (sure >= low) & (sure <= high)
        error = 3.5 * np.sqrt((sure[of] * (1.0 - sure[of])).sum()) / of.sum()
        assert right[of].mean() == pytest.approx(sure[of].mean(), abs=error)


def world(*, improves: float = 0.0, seed: int = 5, fakes: int = 0) -> tuple[list[dict[str, Any]], list[Unit]]:
    """22 social workers, 30 answers in each half of the year, the truth unchanged but for the first one's."""
    rng = np.random.default_rng(seed)
    registry = [unit(f"sw_{index:02d}") for index in range(22)]
    rows: list[dict[str, Any]] = []
    for index, person in enumerate(registry):
        true = float(rng.normal(50.0, 8.0))
        for half in (0, 1):
            for _ in range(30):
                value = true + half * improves * (index == 0) + rng.normal(0.0, 15.0)
                rows.append(
                    row(
                        len(rows),
                        person.provider,
                        quarter=QUARTERS[2 * half + len(rows) % 2],
                        mode="chat",
                        collector=None,
                        values={"percent": float(np.clip(value, 0.0, 100.0))},
                    )
                )
    for _ in range(fakes):
        rows.append(
            row(len(rows), "sw_01", collector="c99", values={"percent": 100.0}) | {"quarter": QUARTERS[3]}
        )
    return rows, registry


def test_who_really_improved_is_found_and_nobody_else() -> None:
    found = by_provider(rated(*world(improves=25.0)))
    assert [name for name, one in found.items() if one.improved] == ["sw_00"]
    assert found["sw_00"].trend == "improved"
    change = found["sw_00"].change
    assert change is not None
    assert change.mean == pytest.approx(25.0, abs=9.0)


def plain_changes(rows: list[dict[str, Any]]) -> list[float]:
    halves = {
        (name, half): [
            one["values"]["percent"]
            for one in rows
            if one["provider"] == name and half == (one["quarter"] > "2026Q2")
        ]
        for name in {one["provider"] for one in rows}
        for half in (False, True)
    }
    return [
        float(np.mean(halves[name, True]) - np.mean(halves[name, False])) for name, half in halves if half
    ]


def test_luck_is_not_taken_for_change() -> None:
    """Nobody changed; by chance alone many means differ by more than the 5 points that count as a change."""
    trends: list[str] = []
    plain: list[float] = []
    for seed in range(4):
        rows, registry = world(seed=seed)
        plain += plain_changes(rows)
        trends += [one.trend for one in rated(rows, registry).rows if one.unit == "person"]
    assert sum(change > 5.0 for change in plain) > 5
    assert len(trends) == 88
    assert set(trends) == {"no clear change"}


def test_ten_false_voices_of_one_collector_make_nobody_improved() -> None:
    found = by_provider(rated(*world(fakes=25)))["sw_01"]
    assert found.change is not None
    assert found.change.p_clearly_better > 0.5  # they do move it
    assert not found.improved


def test_few_voices_in_one_half_or_a_single_quarter_say_nothing_about_change() -> None:
    registry = [unit(f"sw_{index:02d}") for index in range(10)]
    rows = [
        row(10 * index + number, person.provider, quarter=QUARTERS[3 if number else 0])
        for index, person in enumerate(registry)
        for number in range(15)
    ]
    rows = [{**one, "evaluation": f"e{number}", "survivor": f"s{number}"} for number, one in enumerate(rows)]
    assert {one.change for one in rated(rows, registry).rows} == {None}
    assert {one.change for one in rated(rows, registry, Settings(quarters=1)).rows} == {None}
