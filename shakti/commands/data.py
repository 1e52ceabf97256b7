"""`shakti sync|report|run`: from the sources into the store, and from the store to the lists."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from connector import Beat, Counts, Loss, RetryLater, RunReport, Store, run_forever, sync
from reports import write_all
from reports.files import put
from reports.services import SERVICES, services_table
from reports.tables import Row, csv_text, leaders
from scoring import Ratings
from shakti import assembly
from shakti.assembly import Releases
from shakti.commands.options import CONFIG, ConfigPath, now
from shakti.config import Config, ConfigError, read_config
from shakti.screen import Screen

SHOWN = 10  # lines of a list that are printed; the files hold all

Spoken = Literal["bn", "hi", "en"]


class SourcesFailed(Exception):  # noqa: N818 - it says what happened
    """Some sources could not be read; the others were. `later`: whether trying again may help."""

    def __init__(self, reports: Sequence[RunReport]) -> None:
        failed = [report for report in reports if report.error is not None]
        super().__init__(" ".join(f"{report.source}: {report.error}" for report in failed))
        self.later = any(isinstance(report.error, RetryLater) for report in failed)


def sync_sources(
    config_path: ConfigPath = CONFIG,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="Believe it when more than a fifth was deleted.")
    ] = False,
    believe_clock: Annotated[
        bool,
        typer.Option(
            "--believe-clock", help="Believe this machine's clock though nothing has shown so late a day."
        ),
    ] = False,
) -> None:
    """Bring the store up to date with every source. Safe to repeat: what is known already changes nothing.

    When more than a fifth of a source's records are gone it stops and asks; where nobody can answer, nothing is deleted.

    Example: shakti sync --config config.yml
    """
    screen = Screen()
    allows = True if allow_deletions else believed if sys.stdin.isatty() else False
    reports = sync_once(
        read_config(config_path), os.environ, screen, allow_deletions=allows, believe_clock=believe_clock
    )
    if any(report.error is not None for report in reports):
        raise SourcesFailed(reports)
    screen.next("shakti report")


def believed(loss: Loss) -> bool:
    """Ask whoever sits there whether so many records were really deleted."""
    return typer.confirm(
        f"{loss.source} no longer shows {loss.gone} of {loss.known} records. Were they really deleted there (and not only "
        "hidden from this account)? Delete them here too?",
        err=True,
    )


def sync_once(
    config: Config,
    environment: assembly.Environment,
    screen: Screen,
    *,
    allow_deletions: bool | Callable[[Loss], bool] = False,
    quiet: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    believe_clock: bool = False,
) -> tuple[RunReport, ...]:
    """One run over all sources, with a table of what became of the records unless `quiet`."""
    forms = assembly.load_forms(config)
    registry = assembly.load_registry(config)
    with (
        assembly.open_store(config, environment) as store,
        assembly.open_sources(config, environment, forms, store) as sources,
    ):
        if not sources:
            raise ConfigError("config.yml names no source; fill in at least one under `sources`.")
        store.set_registry(registry)
        reports = sync(
            store,
            sources,
            now=moment,
            allow_deletions=allow_deletions,
            erasures=assembly.erasure_list(config),
            renames=assembly.renames(config, forms),
            stopping=stopping,
            believe_clock=believe_clock,
            copies=dt.timedelta(days=config.retention.quarantine_days),
            warn=screen.warn,
        )
    if quiet:
        return reports
    screen.table(
        "What became of the records",
        ["source", "seen", "new", "edited", "unchanged", "deleted", "refused", "quarantined"],
        [[report.source, *_counted(report.counts)] for report in reports],
    )
    return reports


def _counted(counts: Counts) -> list[str]:
    return [
        f"{number:,}"
        for number in (
            counts.seen,
            counts.new,
            counts.edited,
            counts.unchanged,
            counts.deleted,
            counts.refused,
            counts.quarantined,
        )
    ]


def show_method(ratings: Ratings, screen: Screen) -> None:
    """The coefficients behind the lists: no provider, no survivor."""
    if not ratings.window:
        screen.say("Nothing can be compared yet: no evaluation with a code of the roll is in the store.")
        return
    screen.table(
        f"Groups of peers, {ratings.window[0]} to {ratings.window[-1]}"
        if ratings.window
        else "Groups of peers",
        ["role", "area", "rated as", "heard about", "with a result", "mean", "between", "within"],
        [
            [
                group.role,
                group.area,
                group.unit,
                group.members,
                group.peers,
                f"{group.mu:.0f}",
                f"{group.tau:.1f}",
                f"{group.sigma:.1f}",
            ]
            for group in ratings.groups
            if group.peers
        ],
    )
    screen.table(
        "Answers to an enumerator against answers in the chat (points on 0-100, taken off)",
        ["role", "difference", "± se", "known from"],
        [[mode.role, f"{mode.beta:+.1f}", f"{mode.se:.1f}", mode.source] for mode in ratings.modes],
    )


def report(
    config_path: ConfigPath = CONFIG,
    out: Annotated[Path | None, typer.Option("--out", help="The folder (default: reports.folder).")] = None,
    lang: Annotated[
        Spoken | None, typer.Option("--lang", help="bn, hi or en (default: reports.language).")
    ] = None,
) -> None:
    """Score, pass the gate, and write leaders.csv, leaders.xlsx, leaders.html (outward), programme.csv, services.csv and run.json (inside).

    Example: shakti report --lang bn --out out/reports
    """
    screen = Screen()
    config = read_config(config_path)
    with assembly.open_store(config, os.environ) as store:
        registry = store.registry()
        ratings = assembly.score(config, store)
        offer = services_of(config, store, ratings)
    releases = assembly.release(
        config, ratings, registry, assembly.load_forms(config), cutoff=now().date(), sample=config.sample
    )
    folder = out or config.path(config.reports.folder)
    paths = write_all(releases.outward, releases.programme, folder, lang or config.reports.language)
    inside = {"services.csv": services_csv(offer), "run.json": record_of_run(ratings)}
    paths = (*paths, *put(folder, inside, modes=dict.fromkeys(inside, 0o600)))
    show_lists(releases, paths, screen)
    screen.next(f"open {folder / 'leaders.html'}; programme.csv and services.csv stay inside the programme")


def services_of(config: Config, store: Store, ratings: Ratings, *, as_of: str | None = None) -> list[Row]:
    """What survivors say of the services in the window of these ratings; its own last quarter where nobody was evaluated."""
    last = as_of or (ratings.window[-1] if ratings.window else None)
    found = assembly.services(config, store, as_of=last)
    return services_table(found, last or "", k=config.release.k_programme)


def services_csv(rows: Sequence[Row]) -> bytes:
    """The table of services as a file for a spreadsheet."""
    return csv_text(SERVICES, rows).encode("utf-8-sig")


def show_services(rows: Sequence[Row], screen: Screen) -> None:
    """What is known of the services over all districts; the files hold each district."""
    known = [row for row in rows if row["area"] == "" and row["value"]]
    if known:
        screen.table(
            "Services, all districts (in 100, or days; of days only those whose step is done)",
            ["service", "figure", "survivors", "value"],
            [[str(row[name]) for name in ("service", "figure", "n_band", "value")] for row in known],
        )


def record_of_run(ratings: Ratings) -> bytes:
    """What makes the same ratings again, as the text of `run.json`; about no single person, and not to be published."""
    text = json.dumps(ratings.audit, ensure_ascii=False, indent=2, sort_keys=True)
    return f"{text}\n".encode()


def show_lists(releases: Releases, paths: Sequence[Path], screen: Screen) -> None:
    """Where the lists are, and the first lines of the one that leaves the programme."""
    rows = leaders(releases.outward, "en")
    if not rows:
        screen.say("Nobody can be recommended for recognition yet; the programme list says why for each.")
        _say_paths(paths, screen)
        return
    screen.table(
        f"Recommended for recognition, {releases.outward.mark} (the first {min(len(rows), SHOWN)} of {len(rows)})",
        ["name", "role", "area", "place", "score", "survivors", "among the best fifth"],
        [
            [
                row["name"],
                row["role"],
                row["area"],
                f"{row['place_low']}–{row['place_high']}",
                row["score_band"],
                row["n_band"],
                row["p_top"],
            ]
            for row in rows[:SHOWN]
        ],
    )
    _say_paths(paths, screen)


def _say_paths(paths: Sequence[Path], screen: Screen) -> None:
    for path in paths:
        screen.say(str(path))


def run(config_path: ConfigPath = CONFIG) -> None:
    """Read all sources now and then every schedule.every_minutes, until stopped; one scheduler a machine.

    When it is stopped (Ctrl-C, systemctl stop) it finishes the page it is at. `shakti status` says when it last ran.

    Example: shakti run --config config.yml
    """
    screen = Screen()
    config = read_config(config_path)
    assembly.renames(config, assembly.load_forms(config))
    with assembly.open_store(config, os.environ):  # keys, forms and database are right before the first turn
        pass
    stop = threading.Event()
    screen.say(f"Reading every {config.schedule.every_minutes} minutes; stop with Ctrl-C.")
    run_forever(
        lambda: turn(config, os.environ, screen, stopping=stop.is_set),
        every_minutes=config.schedule.every_minutes,
        lock_path=config.path(assembly.LOCK),
        now=moment,
        stop=stop,
    )
    screen.next("shakti report")


def turn(
    config: Config, environment: assembly.Environment, screen: Screen, *, stopping: Callable[[], bool]
) -> None:
    """One turn of the scheduler: what goes wrong is said and does not end the schedule."""
    from shakti.exits import exit_code, sentence  # noqa: PLC0415 - the table of exits imports this module

    beat = Beat(moment(), None, config.schedule.every_minutes)
    try:
        with assembly.open_store(config, environment) as store:
            store.beat(beat)
        reports = sync_once(config, environment, screen, quiet=True, stopping=stopping)
        with assembly.open_store(config, environment) as store:
            store.beat(replace(beat, finished=moment()))
    except Exception as error:
        if exit_code(error) is None:
            raise
        screen.warn(sentence(error))
        return
    counts = sum((one.counts for one in reports), start=Counts())
    screen.say(
        f"{beat.began:%Y-%m-%d %H:%M} UTC: {counts.new:,} new, {counts.edited:,} edited, {counts.deleted:,} deleted, "
        f"{counts.refused:,} refused, {counts.quarantined:,} unread."
    )
    for one in reports:
        if one.error is not None:
            screen.warn(f"{one.source}: {one.error}")


def moment() -> dt.datetime:
    """The time as the store keeps it."""
    return dt.datetime.now(dt.UTC)
