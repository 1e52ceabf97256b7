"""`shakti status`: a page of health for whoever looks after the data: what is well, what is not, and what to do."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer

from connector import Audited, Counts, Quarantined, Run, SourceHealth, is_locked
from shakti import assembly
from shakti.commands.options import CONFIG, AsJson, ConfigPath
from shakti.config import read_config
from shakti.health import Health, Known, SourceLine, ago, as_json, health_of, lasted
from shakti.screen import Screen

SHOWN = 5  # of the quarantine; `shakti quarantine list` shows all
RUNS = 20

WORDS = {"well": "All is well.", "look": "Something deserves a look.", "act": "Something needs you."}
MARKS = {"well": "well", "look": "look", "act": "ACT"}


def status(
    config_path: ConfigPath = CONFIG,
    as_json_text: AsJson = False,
    runs: Annotated[
        bool, typer.Option("--runs", help=f"Show the last {RUNS} runs too, and what was done by hand.")
    ] = False,
) -> None:
    """Show how the sources stand, what waits, and what to do about it.

    Each instance counts once, whatever sources delivered it.

    Example: shakti status --config out/demo/config.yml
    """
    screen, config = Screen(), read_config(config_path)
    now = dt.datetime.now(dt.UTC)
    with assembly.open_store(config, os.environ) as store:
        seen = store.sightings_summary()
        waiting = store.quarantined()
        known = Known(
            store.source_health(),
            waiting,
            store.erasure_tasks(),
            store.last_beat(),
            is_locked(config.path(assembly.LOCK)),
            sum(seen.values()),
            store.clock_doubt(now),
        )
        last_runs, audit = store.runs(limit=RUNS), store.audit(limit=RUNS)
    health = health_of(assembly.source_names(config), known, now=now)
    if as_json_text:
        found = as_json(health)
        found["delivered_by"] = {" and ".join(kinds): count for kinds, count in seen.items()}
        found["quarantine"] = [
            {"source": one.source, "record": one.native_id, "reason": one.reason} for one in waiting
        ]
        screen.raw(json.dumps(found, ensure_ascii=False, indent=2))
        return
    show(health, screen)
    show_refusals(known.sources.values(), screen)
    show_quarantine(waiting, screen)
    if runs:
        show_runs(last_runs, screen)
        show_audit(audit, screen)
    if seen:
        screen.say("")
        show_sightings(seen, screen)
    screen.next("shakti report" if seen else "shakti sync")


def show(health: Health, screen: Screen) -> None:
    """The head of the page, what to do (the urgent first), and how each source stands."""
    screen.say(f"{health.at.astimezone():%d %B %Y, %H:%M} · {WORDS[health.state]}")
    screen.say(f"Scheduler: {health.scheduler}.")
    if health.advice:
        screen.head("What to do")
    for number, one in enumerate(health.advice, start=1):
        screen.item(f"{number}.", one.text)
    screen.head("Sources")
    screen.columns(
        ["source", "state", "last read", "stored", "there", "aside", "unread"],
        [_source(line, health.at) for line in health.sources],
        words=3,
    )
    read = [(line.name, line.last) for line in health.sources if line.last is not None]
    if read:
        screen.head("The last run of each")
        screen.columns(
            ["source", "new", "edited", "deleted", "refused", "waited", "took"],
            [_last_run(name, run) for name, run in read],
            words=1,
        )


def show_refusals(sources: Iterable[SourceHealth], screen: Screen) -> None:
    """What was not taken in since the beginning, and why."""
    total = sum((one.total for one in sources), start=Counts())
    reasons = {
        "without consent": total.no_consent,
        "under 18": total.not_adult,
        "only practice": total.practice,
        "erased": total.erased,
    }
    said = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
    if said:
        screen.say(f"\nNot taken in so far: {said}.")


def show_sightings(seen: Mapping[tuple[str, ...], int], screen: Screen) -> None:
    """How many instances are stored, by the sources that delivered them: each counts once."""
    screen.table(
        "Stored instances, each once, by the sources that delivered it",
        ["delivered by", "instances"],
        [[" and ".join(sources), f"{count:,}"] for sources, count in seen.items()]
        + [["together", f"{sum(seen.values()):,}"]],
    )


def show_quarantine(waiting: Sequence[Quarantined], screen: Screen) -> None:
    """The first records of the quarantine."""
    if not waiting:
        return
    rest = f" (the first {SHOWN} of {len(waiting):,})" if len(waiting) > SHOWN else ""
    screen.head(f"Could not be read, kept sealed{rest}")
    for one in waiting[:SHOWN]:
        screen.item("·", f"{one.source}, {one.native_id}: {one.reason}")


def show_runs(runs: Sequence[Run], screen: Screen) -> None:
    """The ledger's last lines, the newest first; what went wrong stands below."""
    screen.head("Last runs (UTC)")
    screen.columns(
        ["source", "began", "new", "edited", "deleted", "refused", "took"],
        [[run.source, f"{run.started:%m-%d %H:%M}", *_last_run("", run)[1:5], _took(run)] for run in runs],
        words=2,
    )
    for run in runs:
        if run.error:
            screen.item("·", f"{run.started:%m-%d %H:%M} {run.error}")


def show_audit(audit: Sequence[Audited], screen: Screen) -> None:
    """What people did, the newest first."""
    if audit:
        screen.head("What was done by hand")
    for one in audit:
        screen.item("·", f"{one.day:%d %b %Y}, {one.action}: {one.said}")


def _source(line: SourceLine, now: dt.datetime) -> list[str]:
    return [
        line.name,
        MARKS[line.state],
        ago(line.read_at, now) if line.read_at else "never",
        f"{line.stored:,}",
        "" if line.there is None else f"{line.there:,}",
        f"{line.set_aside:,}",
        f"{line.unread:,}",
    ]


def _last_run(name: str, run: Run) -> list[str]:
    counts = run.counts
    return [
        name,
        *[f"{number:,}" for number in (counts.new, counts.edited, counts.deleted, counts.refused)],
        "" if run.waited is None else lasted(run.waited),
        _took(run),
    ]


def _took(run: Run) -> str:
    return "did not finish" if run.duration is None else lasted(run.duration)
