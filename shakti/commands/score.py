"""`shakti score`: ratings out of the store, or out of anybody's table."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import scoring
from reports.files import put
from reports.tables import Row, csv_text
from scoring.grades import LAMBDA
from scoring.tables import RESULT_COLUMNS
from shakti import assembly
from shakti.commands.data import (
    SHOWN,
    Spoken,
    record_of_run,
    services_csv,
    services_of,
    show_method,
    show_services,
)
from shakti.commands.estimates import (
    Best,
    Estimates,
    GradePrior,
    Lambda,
    Level,
    MuPrior,
    Tau,
    TauPrior,
    compare_table,
)
from shakti.commands.options import CONFIG, AsJson, ConfigPath
from shakti.config import ConfigError, read_config
from shakti.screen import Screen

INSIDE = 0o600  # exact figures and the record of a run are for those who run the programme


def score(
    *,
    config_path: ConfigPath = CONFIG,
    ratings: Annotated[
        Path | None, typer.Option("--ratings", help="Rate this CSV table instead of the store.")
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option("--scale", help="Worst and best value, 1..5, or waiting=5..1 for one column."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="The window's last quarter, 2026Q4 (default: the last with answers)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder for the results and the record of the run.")
    ] = None,
    estimates: Estimates = None,
    tau: Tau = "integrated",
    mu: MuPrior = "flat",
    tau_scale: TauPrior = None,
    grade_prior: GradePrior = "normal",
    penalty: Lambda = LAMBDA,
    best: Best = None,
    level: Level = 0.90,
    lang: Annotated[
        Spoken, typer.Option("--lang", help="The language of the reasons given with --ratings: bn, hi or en.")
    ] = "en",
    as_json: AsJson = False,
) -> None:
    """Rate every provider with what is in the store, and show how: the coefficients of each group of peers.

    Names and figures of single providers are in the lists of `shakti report`, which passes the gate.
    With --ratings any table with a column `provider` is rated, and the exact figures are given. With --estimates a table of
    names, estimates and standard errors is pooled, placed and graded.

    Example: shakti score --ratings ratings.csv --scale 1..5 --out out/scores
    """
    screen = Screen()
    if estimates is not None:
        if ratings is not None or scale or out is not None or as_of is not None:
            raise ConfigError("--estimates stands alone; leave out --ratings, --scale, --as-of and --out.")
        compare_table(
            estimates,
            tau=tau,
            mu=mu,
            tau_scale=tau_scale,
            grade_prior=grade_prior,
            penalty=penalty,
            best=best,
            level=level,
            as_json=as_json,
            screen=screen,
        )
    elif ratings is not None:
        _rate_table(ratings, scale or ["1..5"], as_of, out, screen, lang=lang, as_json=as_json)
    elif scale:
        raise ConfigError("--scale belongs to --ratings; the scales of the store come from its forms.")
    else:
        _rate_store(config_path, as_of, out, screen, as_json=as_json)


def _rate_store(
    config_path: Path, as_of: str | None, out: Path | None, screen: Screen, *, as_json: bool
) -> None:
    config = read_config(config_path)
    with assembly.open_store(config, os.environ) as store:
        found = assembly.score(config, store, as_of=as_of)
        offer = services_of(config, store, found, as_of=as_of)
    if out is not None:
        contents = {"services.csv": services_csv(offer), "run.json": record_of_run(found)}
        _say_paths(put(out, contents, modes=dict.fromkeys(contents, INSIDE)), screen, as_json=as_json)
    if as_json:
        whole = {**found.audit, "services": offer}
        screen.raw(json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True))
        return
    show_method(found, screen)
    _show_findings(found, screen)
    show_services(offer, screen)
    screen.next("shakti report")


def _rate_table(
    path: Path,
    scale: list[str],
    as_of: str | None,
    out: Path | None,
    screen: Screen,
    *,
    lang: Spoken,
    as_json: bool,
) -> None:
    try:
        read = scoring.read_ratings(_text(path), scoring.read_scales(scale))
    except scoring.TableError as error:
        raise scoring.TableError(f"{path}: {error}") from error
    settings = scoring.Settings()
    found = scoring.rate(read.evaluations, read.registry, settings, rng=np.random.default_rng(0), as_of=as_of)
    rows = scoring.result_rows(found, settings, lang)
    if read.without_evaluator:
        screen.warn(f"{read.without_evaluator} rows without an evaluator count for nobody.")
    for name in sorted(settings.red_flags & set(read.evaluations.indicators)):
        screen.warn(f"Column '{name}' is a red flag and enters no score.")
    if out is not None:
        contents = {"ratings.csv": _csv(rows), "run.json": record_of_run(found)}
        _say_paths(put(out, contents, modes=dict.fromkeys(contents, INSIDE)), screen, as_json=as_json)
    if as_json:
        screen.raw(json.dumps(_plain(found, rows), ensure_ascii=False, indent=2, sort_keys=True))
        return
    show_method(found, screen)
    _show_findings(found, screen)
    _show_rated(found, screen)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise scoring.TableError(f"row {line} is not UTF-8 text; save the table as CSV in UTF-8") from error


def _csv(rows: list[dict[str, Any]]) -> bytes:
    flat: list[Row] = [
        {name: " ".join(cell) if isinstance(cell, list) else cell for name, cell in row.items()}
        for row in rows
    ]
    return csv_text(RESULT_COLUMNS, flat).encode("utf-8-sig")


def _plain(found: scoring.Ratings, rows: list[dict[str, Any]]) -> dict[str, object]:
    return {
        "units": rows,
        "groups": [asdict(group) for group in found.groups],
        "modes": [asdict(mode) for mode in found.modes],
        "audit": dict(found.audit),
    }


def _show_findings(found: scoring.Ratings, screen: Screen) -> None:
    """How many findings each check had; whom they are about is for those who look into them."""
    if found.findings:
        held = sum("odd answers" in row.held_by for row in found.rows)
        screen.table(
            f"Answers that look odd: {held} honours are held until a person has looked",
            ["check", "findings", "evaluations"],
            [
                [
                    name,
                    str(many),
                    str(len({e for f in found.findings if f.check == name for e in f.evaluations})),
                ]
                for name, many in found.audit["findings"].items()
            ],
        )


def _show_rated(found: scoring.Ratings, screen: Screen) -> None:
    """The surest first, and nobody who is more likely below the middle of their peers."""
    placed = [row for row in found.rows if row.p_top is not None and row.unit != "role_place"]
    upper = [row for row in placed if (row.p_above or 0.0) >= 0.5]
    best = sorted(upper, key=lambda row: (-(row.p_top or 0.0), row.provider))[:SHOWN]
    screen.table(
        f"The surest to be among the best of their peers (the first {len(best)} of {len(placed)} with a place)",
        ["provider", "role", "area", "place", "score", "90 % interval", "P(top)", "recommendation"],
        [
            [
                row.provider,
                row.role,
                row.area,
                f"{row.place_low}–{row.place_high} of {row.peers}",
                f"{row.score:.0f}",
                f"{row.score_low:.0f}–{row.score_high:.0f}",
                f"{row.p_top:.2f}",
                row.recommendation,
            ]
            for row in best
        ],
    )


def _say_paths(paths: tuple[Path, ...], screen: Screen, *, as_json: bool) -> None:
    if not as_json:  # what another program reads holds nothing else
        for path in paths:
            screen.say(str(path))
