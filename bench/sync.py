"""Times a source's way into the store beside pyODK with pandas and beside the floor: `python -m bench.sync`.

Each measurement is a process of its own; the platform is replayed by another one from answers made before.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.sync_ours import KEYS
from bench.sync_rows import Platform, central, kobo
from bench.sync_server import replaying, requests_of
from connector import Store

TIMES_PANDAS, TIMES_FLOOR, MOST_MEGABYTES, MOST_REQUESTS = 5.0, 2.0, 200, 3
WAYS = ("ours", "pandas", "floor")
MANY = 10  # times as many rows for the measurement of memory


@dataclass(frozen=True)
class Measured:
    """One way into one database: seconds on the clock and of this process's CPU, and the most memory it held."""

    seconds: float
    cpu: float
    megabytes: float
    rows: int


def main() -> None:
    """Prints the table; ends with 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="submissions (default 100,000)")
    parser.add_argument("--runs", type=int, default=3, help="measured runs of each way (default 3)")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument(
        "--without-memory", action="store_true", help="leave out the run with ten times the rows"
    )
    parser.add_argument("--one", nargs=4, metavar=("WAY", "URL", "FORM", "DATABASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_measure(*options.one)))  # noqa: T201 - read by the process that started this one
        return
    missed = _run(options)
    for line in missed:
        print(f"missed: {line}")  # noqa: T201
    sys.exit(bool(missed))


def _run(options: argparse.Namespace) -> list[str]:
    missed: list[str] = []
    platforms = {"ours": kobo(), "pandas": central()}
    platforms["floor"] = platforms["ours"]
    print(f"{options.rows} submissions, median of {options.runs} runs")  # noqa: T201
    print("database    way      seconds    CPU s      MB   of ours")  # noqa: T201
    for database in options.databases.split(","):
        found = _compare(platforms, database, options.rows, options.runs)
        for way, one in found.items():
            share = found["ours"].seconds / one.seconds
            print(  # noqa: T201
                f"{database:<11} {way:<8} {one.seconds:>7.2f}  {one.cpu:>7.2f}  {one.megabytes:>6.0f}   {share:>6.2f}"
            )
        missed += _missed(database, found)
        requests, many = _again(platforms["ours"], database, options)
        print(f"{database:<11} requests of a run that finds nothing new: {requests}")  # noqa: T201
        if requests > MOST_REQUESTS:
            missed.append(
                f"{database}: a run that finds nothing new asks {requests} times, more than {MOST_REQUESTS}."
            )
        if many:
            print(f"{database:<11} {many.rows} rows: {many.seconds:.1f} s, {many.megabytes:.0f} MB")  # noqa: T201
            if many.megabytes > MOST_MEGABYTES:
                missed.append(
                    f"{database}: {many.rows} rows take {many.megabytes:.0f} MB, more than {MOST_MEGABYTES}."
                )
    return missed


def _compare(platforms: dict[str, Platform], database: str, rows: int, runs: int) -> dict[str, Measured]:
    """The ways in turns, so that a busy moment of the machine meets all of them."""
    found: dict[str, list[Measured]] = {way: [] for way in WAYS}
    for _ in range(runs):
        for way in WAYS:
            with replaying(platforms[way], rows) as (url, _), _fresh(database) as address:
                found[way].append(_apart(way, url, platforms[way].form, address))
    return {way: sorted(some, key=lambda one: one.seconds)[len(some) // 2] for way, some in found.items()}


def _again(platform: Platform, database: str, options: argparse.Namespace) -> tuple[int, Measured | None]:
    """The requests of a second run, and what many rows take."""
    with replaying(platform, options.rows) as (url, line), _fresh(database) as address:
        _apart("ours", url, platform.form, address)
        before = requests_of(line)
        _apart("ours", url, platform.form, address)
        requests = requests_of(line) - before
    if options.without_memory:
        return requests, None
    with replaying(platform, options.rows * MANY) as (url, _), _fresh(database) as address:
        return requests, _apart("ours", url, platform.form, address)


def _apart(way: str, url: str, form: str, database: str) -> Measured:
    command = [sys.executable, "-m", "bench.sync", "--one", way, url, form, database]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    return Measured(**json.loads(done.stdout))


def _measure(way: str, url: str, form: str, database: str) -> dict[str, Any]:
    run = importlib.import_module(f"bench.sync_{way}").run  # no way pays for the libraries of another
    started, cpu = time.perf_counter(), time.process_time()
    rows = run(url, form, database)
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows": rows,
    }


@contextmanager
def _fresh(database: str) -> Iterator[str]:
    """The address of an empty store."""
    with tempfile.TemporaryDirectory(prefix="sync-") as folder:
        if database == "sqlite":
            address = f"sqlite:///{folder}/shakti.db"
            _migrated(address)
            yield address
        else:
            with _server(Path(folder)) as address:
                _migrated(address)
                yield address


def _migrated(address: str) -> None:
    with Store(address, keys=KEYS) as store:
        store.migrate()


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of its own, with its usual settings (fsync on), on a socket in `folder`."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    # PostgreSQL refuses to run as root.
    alone = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if alone:
        shutil.chown(folder, "postgres")
    data = str(folder / "data")

    def run(*command: str) -> None:
        subprocess.run([*alone, *command], check=True, cwd="/", stdout=subprocess.DEVNULL)  # noqa: S603

    run(str(binaries / "initdb"), "-D", data, "-U", "shakti", "-A", "trust")
    control = [str(binaries / "pg_ctl"), "-D", data, "-w"]
    run(*control, "-l", str(folder / "log"), "-o", f"-c listen_addresses= -k {folder}", "start")
    try:
        yield f"postgresql+psycopg://shakti@/postgres?host={folder}"
    finally:
        run(*control, "-m", "immediate", "stop")


def _missed(database: str, found: dict[str, Measured]) -> list[str]:
    ours, pandas, floor = (found[way].seconds for way in ("ours", "pandas", "floor"))
    missed = []
    if ours * TIMES_PANDAS > pandas:
        missed.append(
            f"{database}: {pandas / ours:.1f} times as fast as pyODK and pandas, not {TIMES_PANDAS:.0f}."
        )
    if ours > TIMES_FLOOR * floor:
        missed.append(f"{database}: {ours / floor:.1f} times the floor, more than {TIMES_FLOOR:.0f}.")
    return missed


if __name__ == "__main__":
    main()
