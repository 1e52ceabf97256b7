"""Given estimates, compared: somebody else's table of names, estimates and standard errors, pooled, placed and graded.

The same steps as for ratings (`pooling`, `ranks`, `grades`), with the frequentist set of the best (`rank_sets`) beside them. What a
published analysis did differently can be asked for: tau by DerSimonian-Laird or REML (`between`), its priors, its grades.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from io import StringIO
from typing import Literal

import numpy as np

from scoring.between import dersimonian_laird, reml
from scoring.errors import SettingsError, TableError
from scoring.evaluations import Bools, Floats, Ints
from scoring.grades import LAMBDA, graded
from scoring.pooling import Flat, HalfCauchy, HalfNormal, Known, Normal, Posterior, pool
from scoring.rank_sets import best_set
from scoring.ranks import draw, places, top_places

__all__ = [
    "Compared",
    "ComparedUnit",
    "Given",
    "Method",
    "cochran_q",
    "compare",
    "mu_prior",
    "read_estimates",
    "tau_prior",
]

COLUMNS = ("name", "estimate", "se")
TOP_SHARE = 0.2
DRAWS = 4000
FLAT = Flat()


@dataclass(frozen=True)
class Given:
    """J estimates with their standard errors (all > 0), and whose they are."""

    names: tuple[str, ...]
    estimate: Floats
    se: Floats


@dataclass(frozen=True)
class Method:
    """How given estimates are compared. SettingsError where a number is out of its range.

    `tau`: integrated over its prior, or a plug-in. `tau_prior` None: half-Cauchy with the median standard error as its scale.
    `best`: how many places the top has; None is a fifth of them, rounded down, at least one.
    """

    tau: Literal["integrated", "reml", "dl"] = "integrated"
    mu_prior: Flat | Normal = FLAT
    tau_prior: HalfNormal | HalfCauchy | None = None
    grade_prior: Literal["normal", "logspline"] = "normal"
    penalty: float = LAMBDA
    best: int | None = None
    level: float = 0.90

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise SettingsError(f"the level is {self.level:g}; it must lie between 0 and 1, as in 0.90")
        if not 0.0 <= self.penalty <= 1.0:
            raise SettingsError(f"lambda is {self.penalty:g}; it must lie in [0, 1]")
        if self.best is not None and self.best < 1:
            raise SettingsError(f"the best {self.best} were asked for; it must be at least 1")


@dataclass(frozen=True)
class ComparedUnit:
    """What is known about one of them. `low`, `high`, `place_low`, `place_high` are posterior, `in_best_set` is frequentist."""

    name: str
    estimate: float
    se: float
    mean: float
    sd: float
    low: float
    high: float
    place: float
    place_low: int
    place_high: int
    p_top: float
    in_best_set: bool
    grade: int


@dataclass(frozen=True)
class Compared:
    """The common mean and deviation (posterior means, or the plug-in), Cochran's Q, and the units in the order given."""

    mu: float
    tau: float
    q: float
    units: tuple[ComparedUnit, ...]


def compare(given: Given, method: Method, *, rng: np.random.Generator) -> Compared:
    """Pool, place and grade; at least two estimates. The order of the units and their names change nothing.

    SettingsError if more places are asked for than there are units.
    """
    many = len(given.names)
    best = method.best if method.best is not None else top_places(many, TOP_SHARE)
    if best > many:
        raise SettingsError(f"the best {best} were asked for, but there are only {many} estimates")
    order = np.lexsort((given.se, given.estimate))  # dice are dealt in this order, whatever the rows are
    estimate, se = given.estimate[order], given.se[order]
    posterior = _pooled(estimate, se, method)
    units = _units([given.names[index] for index in order], posterior, best, method, rng=rng)
    by_row = np.argsort(order)
    return Compared(
        mu=float(posterior.mu[0]),
        tau=posterior.tau_mean,
        q=cochran_q(estimate, se**2),
        units=tuple(units[index] for index in by_row),
    )


def cochran_q(estimate: Floats, variance: Floats) -> float:
    """Cochran's Q: the sum of squared distances from the mean under equal effects, in standard errors."""
    weight = 1.0 / variance
    return float(weight @ (estimate - weight @ estimate / weight.sum()) ** 2)


def mu_prior(text: str) -> Flat | Normal:
    """`flat`, or `normal:0,5` for a mean of 0 and a deviation of 5. SettingsError if it is neither."""
    kind, _, numbers = text.strip().partition(":")
    if kind == "flat" and not numbers:
        return Flat()
    if kind == "normal":
        mean, sd = (_number(part) for part in numbers.partition(",")[::2])
        if mean is not None and sd is not None and sd > 0.0:
            return Normal(mean, sd)
    raise SettingsError(
        f"'{text}' is no prior of the mean; write flat, or normal:0,5 (mean and deviation, above 0)"
    )


def tau_prior(text: str) -> HalfNormal | HalfCauchy:
    """`half-normal:15` or `half-cauchy:5`. SettingsError if it is neither."""
    kind, _, number = text.strip().partition(":")
    scale = _number(number)
    if scale is not None and scale > 0.0:
        if kind == "half-normal":
            return HalfNormal(scale)
        if kind == "half-cauchy":
            return HalfCauchy(scale)
    raise SettingsError(
        f"'{text}' is no prior of the deviation; write half-normal:15 or half-cauchy:5 (a scale above 0)"
    )


def read_estimates(text: str) -> Given:
    """The estimates of a CSV text with the columns name, estimate, se; others are not read.

    TableError names the row (the header is row 1), the column and the reason.
    """
    rows = _rows(text.removeprefix("\ufeff"))
    names: dict[str, int] = {}
    estimates: list[float] = []
    errors: list[float] = []
    for number, cells in rows:
        _check_name(cells["name"], number, names)
        estimates.append(_cell(cells, "estimate", number))
        errors.append(_cell(cells, "se", number))
        if errors[-1] <= 0.0:
            raise TableError(
                f"row {number}, column 'se': {cells['se']} is not above 0; a standard error must be"
            )
    if len(names) < 2:
        raise TableError(f"row {len(names) + 2} is missing: a comparison needs at least two estimates")
    return Given(tuple(names), np.array(estimates), np.array(errors))


def _pooled(estimate: Floats, se: Floats, method: Method) -> Posterior:
    if method.tau == "integrated":
        prior = method.tau_prior or HalfCauchy(float(np.median(se)))
        return pool(estimate, se**2, tau=prior, mu=method.mu_prior)
    plug_in = reml if method.tau == "reml" else dersimonian_laird
    return pool(estimate, se**2, tau=Known(math.sqrt(plug_in(estimate, se**2))), mu=method.mu_prior)


def _units(
    names: list[str], posterior: Posterior, best: int, method: Method, *, rng: np.random.Generator
) -> list[ComparedUnit]:
    everyone = np.arange(len(names))
    se = np.sqrt(posterior.variance)
    tail = (1.0 - method.level) / 2.0
    low, high = posterior.quantile(tail), posterior.quantile(1.0 - tail)
    # With all of them in the top there is no edge to be above: the places are drawn with one less, and p_top is 1.
    share = min(best, len(names) - 1) / len(names)
    found = places(draw(posterior, everyone, share=share, draws=DRAWS, rng=rng), level=method.level)
    p_top = found.p_top if best < len(names) else np.ones(len(names))
    in_set: Bools = best_set(posterior.estimate, se, best, level=method.level, rng=rng)
    grade = _grades(posterior, everyone, method)
    return [
        ComparedUnit(
            name=name,
            estimate=float(posterior.estimate[index]),
            se=float(se[index]),
            mean=float(posterior.mean[index]),
            sd=float(posterior.sd[index]),
            low=float(low[index]),
            high=float(high[index]),
            place=float(found.expected[index]),
            place_low=int(found.low[index]),
            place_high=int(found.high[index]),
            p_top=float(p_top[index]),
            in_best_set=bool(in_set[index]),
            grade=int(grade[index]),
        )
        for index, name in enumerate(names)
    ]


def _grades(posterior: Posterior, everyone: Ints, method: Method) -> Ints:
    free = method.grade_prior == "logspline"
    pi = posterior.shape.exceeds(everyone) if free else posterior.exceeds(everyone)
    return graded(pi, penalty=method.penalty).grade


def _rows(text: str) -> list[tuple[int, dict[str, str]]]:
    """Each row's number and its three cells."""
    first = text.partition("\n")[0]
    try:
        rows = list(
            csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
        )
    except csv.Error as error:
        raise TableError(f"this is not CSV ({error}); save the table as CSV again") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    for name in COLUMNS:
        if header.count(name) != 1:
            times = "no column" if name not in header else "more than one column"
            raise TableError(f"row 1 names {times} '{name}'; it must name {', '.join(COLUMNS)}, each once")
    found = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise TableError(
                f"row {number} has {len(row)} cells where the header has {len(header)}; mend the row"
            )
        found.append((number, {name: row[header.index(name)].strip() for name in COLUMNS}))
    return found


def _check_name(name: str, number: int, seen: dict[str, int]) -> None:
    if not name:
        raise TableError(f"row {number}, column 'name' is empty; every estimate is somebody's")
    first = seen.setdefault(name, number)
    if first != number:
        raise TableError(
            f"row {number}, column 'name': '{name}' was already in row {first}; each has one estimate"
        )


def _cell(cells: dict[str, str], column: str, number: int) -> float:
    value = _number(cells[column])
    if value is None:
        what = f"'{cells[column]}' is not a number" if cells[column] else "it is empty"
        raise TableError(
            f"row {number}, column '{column}': {what}; write it with a decimal point, as in 12.5"
        )
    return value


def _number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
