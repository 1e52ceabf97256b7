"""Moments and backfitting against full maximum likelihood with crossed effects: on real ratings where they are, on invented ones always."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crossed import CrossedModel

from scoring.leniency import Components, Crossed, backfit, components

HERE = Path(__file__).parent


def published(name: str) -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return numbers


@pytest.fixture(scope="module")
def insteval() -> dict[str, np.ndarray[Any, Any]]:
    path = os.environ.get("INSTEVAL_CSV", "")
    if not path:
        pytest.skip("InstEval belongs to a GPL package and is not copied here; INSTEVAL_CSV names no file")
    table = np.genfromtxt(path, delimiter=",", names=True)
    return {
        "y": table["y"],
        "service": table["service"],
        **{name: np.unique(table[name], return_inverse=True)[1] for name in ("s", "d", "dept")},
    }


def relative(sd: dict[str, float], *names: str) -> list[float]:
    return [sd[name] / sd["rest"] for name in names]


def by_department(data: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    department = np.eye(14)[data["dept"]]
    return np.column_stack([department, department * data["service"][:, None]])


def test_the_yardstick_has_the_published_deviances_of_insteval(
    insteval: dict[str, np.ndarray[Any, Any]],
) -> None:
    numbers = published("insteval")
    fixed = np.column_stack([np.ones(len(insteval["y"])), insteval["service"]])
    three = CrossedModel(insteval["y"], fixed, [insteval["s"], insteval["d"], insteval["dept"]])
    found = three.at(relative(numbers["sd_service_and_dept"], "s", "d", "dept"))
    # At the optimum the deviance is flat: eight digits of the deviations give it to 1e-6.
    assert found.deviance == pytest.approx(numbers["deviance_service_and_dept"], abs=1e-5)

    two = CrossedModel(insteval["y"], by_department(insteval), [insteval["s"], insteval["d"]])
    found = two.at(relative(numbers["sd_service_by_dept"], "s", "d"))
    assert found.deviance == pytest.approx(numbers["deviance_service_by_dept"], abs=1e-5)


def test_moments_and_backfitting_agree_with_maximum_likelihood_on_insteval(
    insteval: dict[str, np.ndarray[Any, Any]],
) -> None:
    sd = published("insteval")["sd_plain"]
    model = CrossedModel(insteval["y"], np.ones((len(insteval["y"]), 1)), [insteval["s"], insteval["d"]])
    best = model.at(relative(sd, "s", "d"))
    assert best.deviance == pytest.approx(published("insteval")["deviance_plain"], abs=1e-5)

    votes = Crossed(insteval["d"], insteval["s"], insteval["y"])
    found = components(votes)
    assert found is not None
    # Two estimators of the same deviations: 2 % apart between lecturers and students, .2 % within.
    assert np.sqrt(found.units) == pytest.approx(sd["d"], rel=0.025)
    assert np.sqrt(found.raters) == pytest.approx(sd["s"], rel=0.025)
    assert np.sqrt(found.rest) == pytest.approx(sd["rest"], rel=0.0025)
    lecturers, students = backfit(votes, found)
    assert np.corrcoef(lecturers, best.effects[1])[0, 1] > 0.9999
    assert np.corrcoef(students, best.effects[0])[0, 1] > 0.9999

    same = Components(sd["d"] ** 2, sd["s"] ** 2, sd["rest"] ** 2)
    lecturers, students = backfit(votes, same)
    assert lecturers == pytest.approx(best.effects[1], abs=2e-6)
    assert students == pytest.approx(best.effects[0], abs=2e-6)


@pytest.mark.nightly
def test_the_pinned_deviations_of_insteval_are_where_the_likelihood_is_highest(
    insteval: dict[str, np.ndarray[Any, Any]],
) -> None:
    model = CrossedModel(insteval["y"], np.ones((len(insteval["y"]), 1)), [insteval["s"], insteval["d"]])
    found = model.fit([0.3, 0.4])
    sd = published("insteval")["sd_plain"]
    assert [*found.sd, found.sigma] == pytest.approx([sd["s"], sd["d"], sd["rest"]], rel=1e-4)


def invented(
    seed: int, *, raters: int = 400, units: int = 60, each: int = 8
) -> tuple[Crossed, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    rater = np.repeat(np.arange(raters), each)
    unit = np.concatenate([rng.choice(units, each, replace=False) for _ in range(raters)])
    kind, quality = rng.normal(0, 6.0, raters), rng.normal(0, 9.0, units)
    value = 60 + quality[unit] + kind[rater] + rng.normal(0, 15.0, len(unit))
    return Crossed(unit, rater, value), kind


def test_on_invented_ratings_backfitting_gives_the_predictors_of_maximum_likelihood() -> None:
    votes, _ = invented(1)
    model = CrossedModel(votes.value, np.ones((len(votes.value), 1)), [votes.rater, votes.unit])
    best = model.fit([0.4, 0.6])
    unit, rater = backfit(votes, Components(best.sd[1] ** 2, best.sd[0] ** 2, best.sigma**2))
    assert unit == pytest.approx(best.effects[1], abs=1e-5)
    assert rater == pytest.approx(best.effects[0], abs=1e-5)
    found = components(votes)
    assert found is not None
    assert np.sqrt([found.units, found.raters, found.rest]) == pytest.approx(
        [best.sd[1], best.sd[0], best.sigma],
        rel=0.06,  # two estimators of the same, from 3,200 ratings
    )
    assert np.corrcoef(backfit(votes, found)[1], best.effects[0])[0, 1] > 0.9999
