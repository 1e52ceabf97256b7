"""Anybody's estimates can be compared alone, with the priors of their analysis; a bad table is refused with its place."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given as given_that
from hypothesis import settings
from hypothesis import strategies as st

from scoring.errors import SettingsError, TableError
from scoring.given import Compared, Given, Method, compare, mu_prior, read_estimates, tau_prior
from scoring.pooling import Flat, HalfCauchy, HalfNormal, Normal

SCHOOLS = "name,estimate,se\n" + "\n".join(
    f"{name},{estimate},{se}"
    for name, estimate, se in zip(
        "ABCDEFGH", [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18], strict=True
    )
)


def schools(**method: object) -> Compared:
    return compare(read_estimates(SCHOOLS), Method(**method), rng=np.random.default_rng(0))  # type: ignore[arg-type]


def test_eight_schools_with_the_priors_of_the_book() -> None:
    found = schools(mu_prior=mu_prior("normal:0,5"), tau_prior=tau_prior("half-cauchy:5"))
    published = [6.150, 4.940, 3.906, 4.796, 3.614, 4.051, 6.317, 4.884]
    assert [one.mean for one in found.units] == pytest.approx(published, abs=0.07)
    assert (found.mu, found.tau) == pytest.approx((4.411, 3.602), abs=0.07)
    assert found.q == pytest.approx(4.707, abs=5e-4)


def test_the_default_prior_has_the_median_standard_error_as_its_scale() -> None:
    assert schools() == schools(tau_prior=HalfCauchy(11.0))
    assert schools() != schools(tau_prior=HalfCauchy(10.0))


def test_a_plug_in_of_zero_calls_everybody_equal() -> None:
    for tau in ("reml", "dl"):
        found = schools(tau=tau)
        assert found.tau == 0.0
        assert {round(one.mean, 9) for one in found.units} == {round(found.mu, 9)}
        assert {one.grade for one in found.units} == {1}
        assert all((one.place_low, one.place_high) == (1, 8) for one in found.units)


def test_the_best_of_eight_is_one_unless_said_otherwise() -> None:
    assert schools() == schools(best=1)
    assert sum(one.p_top for one in schools(best=3).units) == pytest.approx(3.0, abs=0.2)
    everybody = schools(best=8)
    assert all(one.in_best_set and one.p_top == 1.0 for one in everybody.units)


def test_clear_estimates_are_told_apart_by_every_measure() -> None:
    table = "name,estimate,se\n" + "\n".join(f"n{index},{10 * index},0.5" for index in range(10))
    found = compare(read_estimates(table), Method(best=2), rng=np.random.default_rng(0))
    assert [one.place for one in found.units] == pytest.approx(range(10, 0, -1))
    assert [one.grade for one in found.units] == list(range(10, 0, -1))
    assert [one.in_best_set for one in found.units] == [False] * 8 + [True] * 2
    assert [round(one.p_top) for one in found.units] == [0] * 8 + [1] * 2


def test_a_flexible_prior_of_grades_is_another_one() -> None:
    rng = np.random.default_rng(3)
    truth = np.r_[np.full(20, 40.0), np.full(20, 60.0)]
    table = Given(tuple(f"n{index}" for index in range(40)), truth + rng.normal(0, 6.0, 40), np.full(40, 6.0))
    normal, free = (
        compare(table, Method(grade_prior=prior), rng=np.random.default_rng(0))
        for prior in ("normal", "logspline")
    )
    assert [one.grade for one in normal.units] != [one.grade for one in free.units]
    assert [one.mean for one in normal.units] == [one.mean for one in free.units]


@settings(max_examples=15, deadline=None)
@given_that(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.5, 20)), min_size=2, max_size=9, unique=True),
    st.randoms(use_true_random=False),
)
def test_neither_the_order_of_the_rows_nor_the_names_matter(pairs, random) -> None:  # type: ignore[no-untyped-def]
    estimate, se = np.array(pairs).T
    order = list(range(len(pairs)))
    random.shuffle(order)
    straight = compare(Given(tuple(map(str, order)), estimate, se), Method(), rng=np.random.default_rng(0))
    other_names = tuple(f"x{index}" for index in range(len(pairs)))
    mixed = compare(Given(other_names, estimate[order], se[order]), Method(), rng=np.random.default_rng(0))
    without_name = [asdict(one) | {"name": ""} for one in straight.units]
    assert [asdict(one) | {"name": ""} for one in mixed.units] == [without_name[index] for index in order]


@settings(max_examples=25, deadline=None)
@given_that(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.5, 20)), min_size=2, max_size=9))
def test_every_figure_lies_in_its_interval(pairs: list[tuple[float, float]]) -> None:
    estimate, se = np.array(pairs).T
    names = tuple(f"n{index}" for index in range(len(pairs)))
    for one in compare(Given(names, estimate, se), Method(), rng=np.random.default_rng(0)).units:
        assert one.low < one.mean < one.high
        assert 1 <= one.place_low <= one.place_high <= len(pairs)
        assert 0.0 <= one.p_top <= 1.0
        assert 1 <= one.grade <= len(pairs)


def test_priors_are_read_as_they_are_written() -> None:
    assert mu_prior("flat") == Flat()
    assert mu_prior("normal:-1.5, 5") == Normal(-1.5, 5.0)
    assert tau_prior("half-normal:15") == HalfNormal(15.0)
    assert tau_prior(" half-cauchy:0.5") == HalfCauchy(0.5)


@pytest.mark.parametrize(
    "text", ["", "flat:1", "normal:5", "normal:0,0", "normal:0,-1", "normal:0,nan", "t:0,5"]
)
def test_a_wrong_prior_of_the_mean_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match="write flat, or normal:0,5"):
        mu_prior(text)


@pytest.mark.parametrize(
    "text", ["", "flat", "half-normal", "half-normal:0", "half-cauchy:inf", "normal:0,5"]
)
def test_a_wrong_prior_of_the_deviation_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match="write half-normal:15 or half-cauchy:5"):
        tau_prior(text)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"level": 1.0}, "the level is 1; it must lie between 0 and 1"),
        ({"level": math.nan}, "the level is nan"),
        ({"penalty": -0.1}, r"lambda is -0\.1; it must lie in \[0, 1\]"),
        ({"best": 0}, "the best 0 were asked for; it must be at least 1"),
        ({"best": 9}, "the best 9 were asked for, but there are only 8 estimates"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, float], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        schools(**numbers)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("", "row 1 names no column 'name'"),
        ("name,estimate\na,1", "row 1 names no column 'se'; it must name name, estimate, se"),
        ("name,estimate,se,se\na,1,1,1", "row 1 names more than one column 'se'"),
        ("name,estimate,se\na,1,1\nb,x,1", "row 3, column 'estimate': 'x' is not a number"),
        ("name,estimate,se\na,1,1\nb,,1", "row 3, column 'estimate': it is empty"),
        ("name,estimate,se\na,1,1\nb,nan,1", "row 3, column 'estimate': 'nan' is not a number"),
        ("name,estimate,se\na,1,1\n\nb,2,inf", "row 4, column 'se': 'inf' is not a number"),
        ("name,estimate,se\na,1,0\nb,2,1", "row 2, column 'se': 0 is not above 0"),
        ("name,estimate,se\na,1,1\nb,2,-1", "row 3, column 'se': -1 is not above 0"),
        ("name,estimate,se\na,1,1\n,2,1", "row 3, column 'name' is empty"),
        ("name,estimate,se\na,1,1\nb,2,1\na,3,1", "row 4, column 'name': 'a' was already in row 2"),
        ("name,estimate,se\na,1", "row 2 has 2 cells where the header has 3"),
        ("name,estimate,se\na,1,1", "row 3 is missing: a comparison needs at least two"),
        ('name,estimate,se\n"a,1,1', "this is not CSV"),
    ],
)
def test_a_bad_table_is_refused_with_row_column_and_reason(table: str, sentence: str) -> None:
    with pytest.raises(TableError, match=sentence):
        read_estimates(table)


def test_a_table_may_come_from_a_spreadsheet() -> None:
    found = read_estimates("\ufeffid;name; estimate ;se\r\n1;Ana; 1.5;2\r\n2;Bo;-2e1;0.5\r\n")
    assert found.names == ("Ana", "Bo")
    assert found.estimate.tolist() == [1.5, -20.0]
    assert found.se.tolist() == [2.0, 0.5]
