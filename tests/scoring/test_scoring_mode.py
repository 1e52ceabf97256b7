"""The mode effect comes from within providers, is carried on with its error, and is not invented where it cannot be known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scoring_samples import rated, row, unit, world

from scoring import ModeEffect, Settings


def effect(rows: list[dict[str, Any]], registry: list[Any], settings: Settings | None = None) -> ModeEffect:
    return next(mode for mode in rated(rows, registry, settings).modes if mode.role == "social_worker")


def test_the_mode_effect_is_recovered_although_the_better_are_interviewed_more() -> None:
    rng = np.random.default_rng(11)
    registry = [unit(f"sw_{index:02d}") for index in range(60)]
    rows = []
    for index, one in enumerate(registry):
        for _ in range(30):
            interviewed = rng.random() < 0.1 + 0.8 * index / 60  # better providers, higher share
            value = 35 + index / 3 + (6.0 if interviewed else 0.0) + rng.normal(0, 10)
            rows.append(
                row(
                    len(rows),
                    one.provider,
                    mode="enumerator" if interviewed else "chat",
                    collector="c1" if interviewed else None,
                    values={"percent": float(np.clip(value, 0, 100))},
                )
            )
    found = effect(rows, registry)
    values = np.array([line["values"]["percent"] for line in rows])
    interviewed_rows = np.array([line["mode"] == "enumerator" for line in rows])
    naive = values[interviewed_rows].mean() - values[~interviewed_rows].mean()
    assert found.source == "role"
    assert found.beta == pytest.approx(6.0, abs=2.5 * found.se)
    assert found.se < 1.0
    assert naive > 9.0  # the trap: who is interviewed is mistaken for how they answer


def test_a_role_with_few_providers_in_both_modes_takes_the_effect_of_all_roles() -> None:
    many, registry, _ = world(seed=5, providers=20, voices=(30, 30))
    few, own, _ = world(seed=6, providers=3, voices=(6, 6), roles=("police",))
    few = [line | {"evaluation": f"p{index}"} for index, line in enumerate(few)]
    modes = {mode.role: mode for mode in rated(many + few, registry + own).modes}
    assert modes["social_worker"].source == "role"
    assert modes["police"].source == "all roles"
    assert modes["police"].weight > modes["social_worker"].weight


def test_where_hardly_anybody_was_evaluated_in_both_modes_nothing_is_corrected_and_it_is_said() -> None:
    rows, registry, _ = world(seed=5, providers=8, voices=(10, 10))
    # four providers only in the chat, four only by enumerators
    apart = [
        line
        | ({"mode": "chat", "collector": None} if index < 40 else {"mode": "enumerator", "collector": "c1"})
        for index, line in enumerate(rows)
    ]
    ratings = rated(apart, registry)
    assert ratings.modes == (ModeEffect("social_worker", 0.0, 0.0, 0.0, "not comparable yet"),)
    people = [line for line in ratings.rows if line.unit == "person"]
    assert not any(line.modes_comparable for line in people)
    assert all(any("cannot be compared yet" in sentence for sentence in line.reasons) for line in people)


def test_a_role_with_one_mode_has_nothing_to_correct() -> None:
    rows = [row(index, collector=f"c{index % 3}") for index in range(20)]
    assert effect(rows, [unit("sw_1")]).source == "one mode"


def test_near_the_end_of_the_scale_there_is_less_room_to_be_kind() -> None:
    """Effects of 8 at 50 and about 3 at 90 are one effect on the logistic scale; each provider loses her own."""
    rng = np.random.default_rng(3)
    registry, rows, truth = [], [], {}
    for index in range(40):
        one = unit(f"sw_{index:02d}")
        registry.append(one)
        level = 50.0 if index % 2 else 90.0
        truth[one.provider] = level
        for number in range(40):
            # the low ones are reached by enumerators, the high ones in the chat: only what both have tells the effect
            interviewed = number % 4 != 0 if index % 2 else number % 4 == 0
            kind = 32.0 * level * (100.0 - level) / 10_000.0 if interviewed else 0.0
            rows.append(
                row(
                    len(rows),
                    one.provider,
                    mode="enumerator" if interviewed else "chat",
                    collector=f"c{number}" if interviewed else None,
                    values={"percent": float(np.clip(level + kind + rng.normal(0, 3), 0, 100))},
                )
            )
    found = {line.provider: line.score for line in rated(rows, registry).rows}
    for level in (50.0, 90.0):
        error = [(found[name] or 0.0) - true for name, true in truth.items() if true == level]
        assert np.mean(error) == pytest.approx(0.0, abs=0.5)
