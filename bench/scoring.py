"""Times scoring out of the store beside pandas, one DuckDB scan and statsmodels' MixedLM: `python -m bench.scoring`.

All of it in one run, on the same invented evaluations of six indicators: 500 for each provider, 20 providers in a peer group, a third
as many survivors as evaluations, half of them in the chat.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

import scoring
from connector import FormVersion, Keys, Provider, Registry, Store
from connector.store import Weight
from scoring.items import domains
from shakti import assembly
from xlsforms import Mark

INDICATORS = ("availability", "timeliness", "respect", "confidentiality", "choice", "outcome")
FORM, VERSION = "benchmark", "2026112301"
PER_PROVIDER, PER_GROUP = 500, 20
QUARTERS = ("2026Q1", "2026Q2", "2026Q3", "2026Q4")
KEYS = Keys.from_hex(pseudonym="00" * 32, text_public="11" * 32)
MOST_BY_STATEMENT = (
    200_000  # a minute for each 1,000,000 evaluations and more; nothing of a rating waits for it
)
TIMES, SECONDS = 3.0, 2.0
"""The target: so many times the scan, and so many seconds more."""


@dataclass(frozen=True)
class World:
    """Columns of so many evaluations; answers are 1-5, N x 6."""

    provider: np.ndarray[Any, np.dtype[np.int64]]
    survivor: np.ndarray[Any, np.dtype[np.int64]]
    quarter: np.ndarray[Any, np.dtype[np.int64]]
    chat: np.ndarray[Any, np.dtype[np.bool_]]
    day: np.ndarray[Any, np.dtype[np.int64]]
    collector: np.ndarray[Any, np.dtype[np.int64]]
    answers: np.ndarray[Any, np.dtype[np.int64]]

    def __len__(self) -> int:
        return len(self.provider)


def main() -> None:
    """Prints the table; ends with 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100000,1000000", help="evaluations (default 100000,1000000)")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many is printed (default 3)")
    parser.add_argument("--mixed", type=int, default=120, help="seconds that MixedLM is given (default 120)")
    wanted = parser.parse_args()
    missed = False
    for size in map(int, wanted.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            missed |= _beside_each_other(size, Path(folder), wanted.runs, wanted.mixed)
    sys.exit(missed)


def _beside_each_other(size: int, folder: Path, runs: int, patience: int) -> bool:
    world = make(size)
    path = folder / "store.db"
    fill(path, world)
    to_duckdb(folder / "scan.duckdb", world)
    _say(
        f"\n{size:,} evaluations of {len(INDICATORS)} indicators, {size // PER_PROVIDER:,} providers; seconds (of CPU)"
    )
    scan = _timed(
        "one DuckDB scan, its own file: n, sum, sum of squares of each",
        runs,
        lambda: duckdb_scan(folder / "scan.duckdb"),
    )
    _timed("pandas out of the store: votes, then n, sum, sum of squares", runs, lambda: pandas_cells(path))
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        if size <= MOST_BY_STATEMENT:
            _timed("Store.cells: the same by one statement in SQLite", runs, lambda: store_cells(store))
        read = _timed(
            "ours, reading: Store.columns and scoring.from_columns", runs, lambda: evaluations(store)
        )
        columns, registry = evaluations(store), assembly.units_of(store.registry())
        settings = scoring.Settings()
        _timed(
            "ours, score and interval of everybody only (no place, no check)",
            runs,
            lambda: rate(columns, registry, scoring.Settings(peers=10**6, alarms=0.0)),
        )
        rated = _timed("ours, everything of a rating", runs, lambda: rate(columns, registry, settings))
    _mixed(world, patience)
    whole, limit = read + rated, TIMES * scan + SECONDS
    met = whole <= limit
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _say(
        f"ours from the store: {whole:.2f} s; target {TIMES:g} x scan + {SECONDS:g} s = {limit:.2f} s: {'met' if met else 'MISSED'}; {memory:,.0f} MB held at most"
    )
    return not met


# --- what is rated


def make(size: int, seed: int = 1) -> World:
    """Invented evaluations."""
    rng = np.random.default_rng(seed)
    providers = size // PER_PROVIDER
    provider = rng.integers(0, providers, size)
    survivor = rng.integers(0, size // 3, size)
    chat = rng.random(size) < 0.5
    felt = rng.normal(60.0, 8.0, providers)[provider] + rng.normal(0.0, 8.0, size // 3)[survivor]
    felt += rng.normal(0.0, 10.0, size) + np.where(chat, 0.0, 4.0)
    answers = np.clip(
        np.round((felt[:, None] + rng.normal(0.0, 16.0, (size, len(INDICATORS)))) / 25.0) + 1, 1, 5
    )
    return World(
        provider=provider,
        survivor=survivor,
        quarter=rng.integers(0, 4, size),
        chat=chat,
        day=rng.integers(0, 90, size),
        collector=provider // PER_GROUP * 4 + rng.integers(0, 4, size),
        answers=answers.astype(np.int64),
    )


def registry_of(world: World) -> Registry:
    """Every provider in the district of its peer group."""
    return Registry(
        providers=tuple(
            Provider(
                name=f"p{index:06d}",
                **dict.fromkeys(("label", "label_bn", "label_hi", "label_en"), f"Provider {index} (sample)"),
                kind="person",
                office="",
                role="social_worker",
                block=f"b{index // PER_GROUP:05d}",
                district=f"d{index // PER_GROUP:05d}",
                state="19",
                since=None,
                until=None,
                served=None,
            )
            for index in range(len(world) // PER_PROVIDER)
        )
    )


def fill(path: Path, world: World) -> None:
    """The evaluations in a store; past its front door, which is measured by `bench.sync`."""
    marks = tuple(
        Mark(f"core/{name}", "select_one", None, None, name, None, None, ("1", "2", "3", "4", "5"))
        for name in INDICATORS
    )
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        store.migrate()
        store.add_form(FormVersion(FORM, VERSION, marks, None))
        store.set_registry(registry_of(world))
    with sqlite3.connect(path) as database:
        (form,) = database.execute("SELECT id FROM form_version").fetchone()
        survivors = ((_pseudonym("a", number),) for number in range(len(world) // 3))
        database.executemany("INSERT INTO issued_code (survivor) VALUES (?)", survivors)
        database.executemany(
            "INSERT INTO submission (id, form_id, root_id, form_version_id, owner, mode, review, deleted, provider, role, "
            "place, day, quarter, seconds, survivor, collector, flags, ratings) "
            "VALUES (?, 'benchmark', ?, ?, 'bench', ?, 'none', 0, ?, 'social_worker', ?, ?, ?, ?, ?, ?, '[]', ?)",
            _rows(world, form),
        )
        database.execute("ANALYZE")
    database.close()


def _rows(world: World, form: int) -> Iterator[tuple[Any, ...]]:
    first = [dt.date(2026, 3 * quarter + 1, 1) for quarter in range(4)]
    ratings = ["".join(map(str, row)) for row in world.answers.tolist()]
    columns = (world.provider, world.survivor, world.quarter, world.chat, world.day, world.collector)
    for number, (provider, survivor, quarter, chat, day, collector) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        yield (
            number + 1,
            f"{number:036d}",
            form,
            "chat" if chat else "enumerator",
            f"p{provider:06d}",
            f"b{provider // PER_GROUP:05d}",
            (first[quarter] + dt.timedelta(days=day)).isoformat(),
            QUARTERS[quarter],
            None if chat else 300 + number % 40 * 30,
            _pseudonym("a", survivor),
            None if chat else _pseudonym("c", collector),
            ratings[number],
        )


def _pseudonym(kind: str, number: int) -> str:
    return f"{kind}{number:031x}"


# --- the ways


def evaluations(store: Store) -> scoring.Evaluations:
    """The store's evaluations as scoring reads them."""
    scales = {
        version: {name: scoring.Scale(low=of.low, high=of.high, best=of.best) for name, of in own.items()}
        for version, own in store.scales().items()
    }
    return assembly.evaluations_of(store.columns(), scales)


def rate(
    found: scoring.Evaluations, registry: tuple[scoring.Unit, ...], settings: scoring.Settings
) -> object:
    """The ratings, with everything that belongs to them."""
    return scoring.rate(found, registry, settings, rng=np.random.default_rng(1))


def store_cells(store: Store) -> object:
    """Sufficient statistics of the composite."""
    weights = [
        Weight(f"{FORM}/{VERSION}", "social_worker", name, domain)
        for domain, names in domains(INDICATORS, scoring.Settings()).items()
        for name in names
    ]
    return store.cells(weights, quarters=QUARTERS)


def pandas_cells(path: Path) -> object:
    """The same the short way: one row for each survivor, provider and quarter, then three sums of each indicator."""
    values = ", ".join(
        f"CAST(substr(ratings, {at + 1}, 1) AS REAL) AS {name}" for at, name in enumerate(INDICATORS)
    )
    with sqlite3.connect(path) as database:
        table = pd.read_sql(
            f"SELECT s.provider, s.mode, s.quarter, s.survivor, {values} FROM submission s "  # noqa: S608
            "JOIN issued_code c ON c.survivor = s.survivor WHERE s.deleted = 0 AND s.review IN ('none', 'approved')",
            database,
        )
    database.close()
    votes = table.groupby(["provider", "mode", "quarter", "survivor"], sort=False)[list(INDICATORS)].mean()
    squares = votes**2
    by = ["provider", "mode", "quarter"]
    return votes.groupby(by).agg(["count", "sum"]), squares.groupby(by).sum()


def to_duckdb(path: Path, world: World) -> None:
    """A table of DuckDB's own with the labels as numbers: the least that anybody could have to read."""
    columns = {"provider": world.provider, "mode": world.chat.astype(int), "quarter": world.quarter}
    frame = pd.DataFrame(columns | {name: world.answers[:, at] for at, name in enumerate(INDICATORS)})
    with duckdb.connect(str(path)) as database:
        database.register("frame", frame)
        database.execute("CREATE TABLE evaluation AS SELECT * FROM frame")


def duckdb_scan(path: Path) -> object:
    """Count, sum and sum of squares of each indicator for each provider, mode and quarter."""
    sums = ", ".join(f"count({name}), sum({name}), sum({name} * {name})" for name in INDICATORS)
    with duckdb.connect(str(path), read_only=True) as database:
        return database.execute(
            f"SELECT provider, mode, quarter, {sums} FROM evaluation GROUP BY provider, mode, quarter"  # noqa: S608
        ).fetchnumpy()


def _mixed(world: World, patience: int) -> None:
    """statsmodels' random intercepts on the composite, in a process that can be stopped."""
    name = "statsmodels MixedLM: one variance, no place, no check"
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        waiting = pool.apply_async(mixed, (world,))
        try:
            converged, deviation = waiting.get(patience)
        except multiprocessing.TimeoutError:
            _say(f"  {name:<66} not done after {patience} s")
            return
    took = time.perf_counter() - began
    _say(f"  {name:<66} {took:8.2f}   converged: {converged}, between {deviation:.1f} (true 8)")


def mixed(world: World) -> tuple[bool, float]:
    """Whether it converged, and the deviation between providers on 0-100."""
    composite = (world.answers.mean(axis=1) - 1.0) * 25.0
    frame = pd.DataFrame({"y": composite, "face": ~world.chat, "provider": world.provider})
    fitted = smf.mixedlm("y ~ face", frame, groups=frame["provider"]).fit()
    return bool(fitted.converged), float(np.sqrt(fitted.cov_re.iloc[0, 0]))


def _timed(name: str, runs: int, way: Callable[[], object]) -> float:
    """The least seconds on the clock of so many runs, printed with those of the CPU."""
    best, cpu = float("inf"), float("inf")
    for _ in range(runs):
        began, spent = time.perf_counter(), time.process_time()
        way()
        best, cpu = min(best, time.perf_counter() - began), min(cpu, time.process_time() - spent)
    _say(f"  {name:<66} {best:8.2f} ({cpu:.2f})")
    return best


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
