"""An estimate is the mean of the votes without the mode effect; its variance carries everything that makes it unsure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scoring_samples import evaluations, row, unit, world

from scoring import ModeEffect, Settings
from scoring.estimates import Estimates, estimates_of, worst_without_one
from scoring.levels import levels
from scoring.selection import select

NO_EFFECT = ModeEffect("social_worker", 0.0, 0.0, 0.0, "one mode")
EFFECT = ModeEffect("social_worker", 6.0, 3.0, 100.0, "role")


def estimates(
    rows: list[dict[str, Any]], registry: list[Any], mode: ModeEffect, **settings: Any
) -> Estimates:
    made = Settings(**settings)
    heard = select(evaluations(rows), made, as_of=None)
    return estimates_of(levels(heard.evaluations, registry)[0], heard, [mode], made)


def both_ways(interviewed: int, chat: int) -> list[dict[str, Any]]:
    """Every enumerator another one: no likeness widens the error."""
    taken = [row(number, collector=f"c{number}", values={"percent": 56.0}) for number in range(interviewed)]
    written = [
        row(number + 500, mode="chat", collector=None, values={"percent": 50.0}) for number in range(chat)
    ]
    return taken + written


def test_the_mode_effect_is_taken_off_interviews_and_off_nothing_else() -> None:
    assert estimates(both_ways(3, 0), [unit("sw_1")], EFFECT).estimate == pytest.approx([50.0])
    assert estimates(both_ways(0, 3), [unit("sw_1")], EFFECT).estimate == pytest.approx([50.0])
    assert estimates(both_ways(1, 3), [unit("sw_1")], NO_EFFECT).estimate == pytest.approx([51.5])


def test_the_error_of_the_mode_effect_is_carried_by_the_share_of_interviews() -> None:
    for interviewed, chat in ((4, 0), (1, 3), (0, 4)):
        rows = both_ways(interviewed, chat)
        known, unsure = (estimates(rows, [unit("sw_1")], mode).variance for mode in (NO_EFFECT, EFFECT))
        assert unsure - known == pytest.approx([(interviewed / 4) ** 2 * 9.0])


def test_repeats_in_both_modes_are_corrected_by_their_share() -> None:
    rows = [
        row(0, survivor="s", values={"percent": 60.0}),
        row(1, survivor="s", mode="chat", collector=None, values={"percent": 60.0}),
    ]
    assert estimates(rows, [unit("sw_1")], EFFECT).estimate == pytest.approx([57.0])


def test_the_variance_is_the_pooled_one_over_the_votes_never_the_units_own() -> None:
    rows, registry, _ = world(providers=6, voices=(4, 9))
    alike = [
        line | {"values": {"percent": 50.0}} if line["provider"] == registry[0].provider else line
        for line in rows
    ]
    found = estimates(alike, registry, NO_EFFECT, collector_rho=0.0)
    assert found.variance == pytest.approx(found.sigma**2 / found.size)
    assert found.sigma[0] == found.sigma[1] > 10.0


def test_the_worst_without_one_is_what_leaving_each_out_gives() -> None:
    rng = np.random.default_rng(8)
    rows = []
    for number in range(14):
        chat = bool(number % 3)
        rows.append(
            row(
                number,
                f"sw_{number % 2}",
                survivor=f"s{number % 2}_{number // 4}",
                quarter=f"2026Q{1 + number % 4}",
                mode="chat" if chat else "enumerator",
                collector=None if chat else f"c{number % 4}",
                values={"percent": float(rng.integers(0, 101))},
            )
            | {"day": None if number == 5 else row(number % 5)["day"]}
        )
    found = estimates(rows, [unit("sw_0"), unit("sw_1")], EFFECT)
    own = [line for line in rows if line["provider"] == "sw_1"]
    mode_se = found.mode_se[
        1
    ]  # 3 times the room that there is at this level of the scale; the effect is 6 times it
    expected: dict[float, float] = {}
    for column in ("survivor", "collector", "day"):
        for label in {line[column] for line in own} - {None}:
            left = [line for line in own if line[column] != label]
            interviewed = np.array([line["mode"] == "enumerator" for line in left])
            value = np.array([line["values"]["percent"] for line in left]) - 2.0 * mode_se * interviewed
            variance = (
                found.sigma[1] ** 2 * found.design[1] / len(left) + interviewed.mean() ** 2 * mode_se**2
            )
            key = round(float(variance), 9)
            expected[key] = min(expected.get(key, np.inf), float(value.mean()))
    estimate, variance = worst_without_one(found, 1)
    got = dict(zip(np.round(variance, 9).tolist(), estimate.tolist(), strict=True))
    assert got.keys() == expected.keys()
    assert [got[key] for key in sorted(got)] == pytest.approx([expected[key] for key in sorted(got)])


def test_without_the_only_collector_nothing_is_left() -> None:
    rows = [row(number, collector="c") for number in range(6)]
    _, variance = worst_without_one(estimates(rows, [unit("sw_1")], NO_EFFECT), 0)
    assert variance.max() == np.inf


def test_answers_whose_day_is_no_longer_known_are_not_one_day() -> None:
    """Days are dropped after 90 days; half a window would count as one cluster."""
    rows = [row(number, collector=f"c{number}", day=None) for number in range(6)]
    _, variance = worst_without_one(estimates(rows, [unit("sw_1")], NO_EFFECT), 0)
    assert variance.max() < np.inf
