"""`shakti score --estimates`: somebody's table of estimates and standard errors, pooled, placed and graded."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from scoring.errors import TableError
from scoring.given import Compared, Method, compare, mu_prior, read_estimates, tau_prior
from shakti.screen import Screen

Estimates = Annotated[
    Path | None,
    typer.Option("--estimates", help="Compare the estimates of this CSV table (name, estimate, se)."),
]
Tau = Annotated[
    Literal["integrated", "reml", "dl"],
    typer.Option(
        "--tau",
        help="With --estimates: the deviation between units, integrated over its prior or plugged in.",
    ),
]
MuPrior = Annotated[str, typer.Option("--mu-prior", help="With --estimates: flat, or normal:M,S.")]
TauPrior = Annotated[
    str | None,
    typer.Option(
        "--tau-prior",
        help="With --estimates and --tau integrated: half-normal:S or half-cauchy:S (default: half-cauchy of the median se).",
    ),
]
GradePrior = Annotated[
    Literal["normal", "logspline"],
    typer.Option("--grade-prior", help="With --estimates: the shape of the true values that grades assume."),
]
Lambda = Annotated[
    float,
    typer.Option("--lambda", help="With --estimates: what a right order gains where a wrong one costs 1."),
]
Best = Annotated[
    int | None,
    typer.Option("--best", help="With --estimates: how many places the top has (default: a fifth)."),
]
Level = Annotated[
    float, typer.Option("--level", help="With --estimates: the probability of intervals and sets.")
]


def compare_table(
    path: Path,
    *,
    tau: Literal["integrated", "reml", "dl"],
    mu: str,
    tau_scale: str | None,
    grade_prior: Literal["normal", "logspline"],
    penalty: float,
    best: int | None,
    level: float,
    as_json: bool,
    screen: Screen,
) -> None:
    """Read the table, compare, print. TableError names the file, the row, the column and the reason."""
    method = Method(
        tau=tau,
        mu_prior=mu_prior(mu),
        tau_prior=tau_prior(tau_scale) if tau_scale is not None else None,
        grade_prior=grade_prior,
        penalty=penalty,
        best=best,
        level=level,
    )
    try:
        given = read_estimates(_text(path))
    except TableError as error:
        raise TableError(f"{path}: {error}") from error
    # Always the same dice: the same table and options give the same bytes.
    found = compare(given, method, rng=np.random.default_rng(0))
    if as_json:
        screen.raw(json.dumps(asdict(found), ensure_ascii=False, indent=2))
        return
    _show(found, level, screen)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        raise TableError(f"row {row} is not UTF-8 text; save the table as CSV in UTF-8") from error


def _show(found: Compared, level: float, screen: Screen) -> None:
    percent = f"{100 * level:g} %"
    screen.say(f"mean {found.mu:.4g}, deviation between units {found.tau:.4g}, Cochran's Q {found.q:.4g}")
    screen.table(
        "By expected place",
        [
            "name",
            "estimate",
            "± se",
            "pooled",
            f"{percent} interval",
            "place",
            f"{percent} range",
            "P(top)",
            "could be top",
            "grade",
        ],
        [
            [
                one.name,
                f"{one.estimate:.4g}",
                f"{one.se:.3g}",
                f"{one.mean:.4g}",
                f"{one.low:.4g} to {one.high:.4g}",
                f"{one.place:.1f}",
                f"{one.place_low}–{one.place_high}",
                f"{one.p_top:.2f}",
                "yes" if one.in_best_set else "no",
                one.grade,
            ]
            for one in sorted(found.units, key=lambda one: (one.place, one.name))
        ],
    )
