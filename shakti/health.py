"""How the programme's data stand, in a clerk's words: which sources are well, what waits, and what to do about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from connector import Beat, Quarantined, Run, SourceHealth, Task

__all__ = ["Advice", "Health", "Known", "SourceLine", "ago", "as_json", "health_of", "lasted"]

State = Literal["well", "look", "act"]
URGENCY = ("act", "look", "well")

STALE = dt.timedelta(days=1)  # where no scheduler runs, somebody should read the sources every day
MISSED_TURNS = 3  # a turn may take long; three that did not come are no chance
LONG_READING = dt.timedelta(hours=6)


@dataclass(frozen=True)
class Known:
    """What the store and the machine know; `lock_held` says whether a scheduler runs on this machine now, `clock_doubt`
    why its clock is not believed."""

    sources: Mapping[str, SourceHealth]
    quarantined: Sequence[Quarantined]
    tasks: Sequence[Task]
    beat: Beat | None
    lock_held: bool
    instances: int
    clock_doubt: str | None = None


@dataclass(frozen=True)
class SourceLine:
    """One source: its state, when it was last read to its end, its records here and there, and its last run."""

    name: str
    state: State
    read_at: dt.datetime | None
    stored: int = 0
    there: int | None = None
    set_aside: int = 0
    unread: int = 0
    last: Run | None = None


@dataclass(frozen=True)
class Advice:
    """Something a person should look at or must do, in one or two sentences."""

    state: State
    text: str


@dataclass(frozen=True)
class Health:
    """Everything the page shows. `state` is the worst of what there is advice about."""

    at: dt.datetime
    state: State
    scheduler: str
    instances: int
    sources: tuple[SourceLine, ...]
    advice: tuple[Advice, ...]


def health_of(configured: Iterable[str], known: Known, *, now: dt.datetime) -> Health:
    """The page of this moment; `configured` are the sources that config.yml names."""
    names = tuple(configured)
    lines = tuple(_line(name, known, now) for name in names)
    advice = (
        *_on_clock(known),
        *_on_failures(lines, known, now),
        *_on_sources(lines, known, now),
        *_on_scheduler(known, now),
        *_on_erasures(known.tasks),
        *_on_quarantine(known.quarantined),
    )
    if not names:
        advice = (Advice("act", "config.yml names no source: fill in at least one under `sources`."), *advice)
    ordered = tuple(sorted(advice, key=lambda one: URGENCY.index(one.state)))
    worst = ordered[0].state if ordered else "well"
    return Health(now, worst, _scheduler(known, now), known.instances, lines, ordered)


def as_json(health: Health) -> dict[str, Any]:
    """The page for another program: times in ISO format, lengths in seconds."""
    found: dict[str, Any] = _plain(asdict(health))
    return found


def ago(moment: dt.datetime, now: dt.datetime) -> str:
    """How long ago something was, as people say it."""
    return f"{lasted(now - moment)} ago" if now - moment >= dt.timedelta(minutes=1) else "just now"


def lasted(length: dt.timedelta) -> str:
    """A length of time in its two coarsest words at most: "40 s", "12 min", "3 h", "5 days"."""
    seconds = max(length.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


def _line(name: str, known: Known, now: dt.datetime) -> SourceLine:
    one = known.sources.get(name)
    if one is None:
        return SourceLine(name, "look", None)
    state: State = "act" if one.last.error else "well"
    if state == "well" and (_is_stale(one, known, now) or _was_cut_off(one.last, known)):
        state = "look"
    return SourceLine(
        name, state, one.read_at, one.stored, one.last.expected, one.set_aside, one.quarantined, one.last
    )


def _is_stale(one: SourceHealth, known: Known, now: dt.datetime) -> bool:
    return one.read_at is None or now - one.read_at > _patience(known)


def _was_cut_off(run: Run, known: Known) -> bool:
    """Whether the run has no end and is not the scheduler's that goes on now."""
    beat = known.beat
    goes_on = known.lock_held and beat is not None and beat.finished is None and run.started >= beat.began
    return run.finished is None and not goes_on


def _patience(known: Known) -> dt.timedelta:
    """How old a reading may be."""
    if known.beat is None:
        return STALE
    return max(dt.timedelta(minutes=known.beat.every_minutes * MISSED_TURNS), dt.timedelta(hours=1))


def _on_clock(known: Known) -> Iterable[Advice]:
    if known.clock_doubt:
        yield Advice("act", known.clock_doubt)


def _on_failures(lines: Iterable[SourceLine], known: Known, now: dt.datetime) -> Iterable[Advice]:
    """One advice for each reason: a server that is down fails all its sources alike."""
    by_error: dict[str, list[str]] = {}
    for line in lines:
        if line.last is None or not line.last.error:
            continue
        failed = known.sources[line.name].failures
        since = f"last read to its end {ago(line.read_at, now)}" if line.read_at else "never read to its end"
        by_error.setdefault(line.last.error, []).append(
            f"{line.name} ({since}, {_times(failed)} failed since)"
        )
    for error, names in by_error.items():
        yield Advice("act", f"{', '.join(names)}: {error}")


def _on_sources(lines: Iterable[SourceLine], known: Known, now: dt.datetime) -> Iterable[Advice]:
    for line in lines:
        if line.last is None:
            yield Advice("look", f"{line.name} was never read: run shakti sync.")
        elif _was_cut_off(line.last, known):
            yield Advice(
                "look",
                f"{line.name}: the run that began {ago(line.last.started, now)} did not finish. It still goes on, or it was cut "
                "off: then run shakti sync, nothing is lost.",
            )
        elif line.state == "look" and line.read_at is not None:
            yield Advice(
                "look",
                f"{line.name} was last read {ago(line.read_at, now)}: run shakti sync, or let shakti run do it.",
            )
        missing = (line.there or 0) - line.stored - line.set_aside - line.unread
        ended = line.last is not None and line.last.finished is not None and not line.last.error
        if ended and missing > 0:
            yield Advice(
                "look",
                f"{line.name} shows {_records(missing)} more than are here: run shakti sync; if it stays so, look at the "
                "last records there.",
            )


def _on_scheduler(known: Known, now: dt.datetime) -> Iterable[Advice]:
    beat = known.beat
    if beat is None or known.lock_held:
        if beat is not None and beat.finished is None and now - beat.began > LONG_READING:
            yield Advice(
                "look",
                f"The scheduler has been reading for {lasted(now - beat.began)}; the first reading of a large project may "
                "take that long, a later one not.",
            )
        return
    if now - beat.began > _patience(known):
        yield Advice(
            "act",
            f"The scheduler last ran {ago(beat.began, now)} and does not run now: start it again (systemctl start shakti, "
            "or shakti run).",
        )


def _on_erasures(tasks: Sequence[Task]) -> Iterable[Advice]:
    if not tasks:
        return
    where = ", ".join(sorted({one.source for one in tasks}))
    yield Advice(
        "act",
        f"{_records(len(tasks)).capitalize()} that a survivor had erased still {_lie(len(tasks))} at {where}: run shakti "
        "erase pending, it deletes them or says how to do it by hand.",
    )


def _on_quarantine(waiting: Sequence[Quarantined]) -> Iterable[Advice]:
    if waiting:
        yield Advice(
            "look",
            f"{_records(len(waiting)).capitalize()} could not be read and {'waits' if len(waiting) == 1 else 'wait'} in the "
            "quarantine: shakti quarantine list says why.",
        )


def _scheduler(known: Known, now: dt.datetime) -> str:
    beat = known.beat
    if beat is None:
        return "never ran; the sources are read when somebody runs shakti sync"
    pause = f"every {beat.every_minutes} min"
    if beat.finished is None and known.lock_held:
        return f"reads the sources since {lasted(now - beat.began)}, {pause}"
    if beat.finished is None:
        return f"last began {ago(beat.began, now)} and was cut off; does not run now"
    runs = pause if known.lock_held else "does not run now"
    return f"last ran {ago(beat.finished, now)}, {runs}"


def _records(count: int) -> str:
    return "one record" if count == 1 else f"{count:,} records"


def _times(count: int) -> str:
    return "one run" if count == 1 else f"{count} runs"


def _lie(count: int) -> str:
    return "lies" if count == 1 else "lie"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    return value
