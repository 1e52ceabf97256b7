"""Times the engine beside JavaRosa on the forms S, M and R: `python -m bench.engine`.

A turn is the step to the next question, its list of choices, and the answer with all that follows from it.
Both engines give the same answers in the same order, and must end with the same values.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.forms import medium, places, repeated, small
from bench.walk import Walk, walk
from tests.reference.javarosa.driver import compiled, is_installed, started
from xlsforms import Form, FormError, load_form, to_xform, value

FORMS = {"S": small, "M": medium, "R": repeated}
TARGETS = {"S": 1.0, "M": 1.0, "R": 2.0}
"""Our mean turn as a multiple of JavaRosa's, at most."""
LOADS = 15


@dataclass(frozen=True)
class Figures:
    """What was measured on one form. Turns in microseconds, loads in milliseconds, cold processes in seconds."""

    asked: int
    turn: float
    load: float
    cold: float
    reference_turn: float | None = None
    reference_load: float | None = None
    reference_cold: float | None = None
    differing: int | None = None


def main() -> None:
    """Prints the table; ends with 1 when a target is missed or the engines end with different values."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--walks", type=int, default=7, help="measured walks (default 7)")
    parser.add_argument("--warm", type=int, default=40, help="walks before, not measured (default 40)")
    wanted = parser.parse_args()
    _say(HEAD)
    missed = []
    with tempfile.TemporaryDirectory() as folder, _classes() as classes:
        for name, write in FORMS.items():
            file = _xform(Path(folder), name, write())
            try:
                figures = _measure(file, classes, wanted.warm, wanted.walks)
            except FormError as err:
                _say(f"{name:>4}  not timed: {err}")
                continue
            _say(_line(name, figures))
            missed += _missed(name, figures)
    _say("\n".join(["", *missed]) if missed else "\nEvery target is met.")
    sys.exit(bool(missed))


@contextmanager
def _classes() -> Iterator[str | None]:
    if not is_installed():
        _say("Java is not installed: JavaRosa is not timed.")
        yield None
        return
    with compiled() as classes:
        yield classes


def _xform(folder: Path, name: str, markdown: str) -> Path:
    workbook = folder / f"{name}.md"
    workbook.write_text(markdown, encoding="utf-8")
    (folder / "places.csv").write_text(places(), encoding="utf-8")
    file = folder / f"{name}.xml"
    file.write_text(to_xform(workbook).xform, encoding="utf-8")
    return file


# --- measuring -------------------------------------------------------------------------------------


def _measure(file: Path, classes: str | None, warm: int, walks: int) -> Figures:
    form = load_form(file)
    walk(form)
    timed = [walk(form) for _ in range(walks)]
    ours = Figures(
        asked=len(timed[-1].given),
        turn=statistics.median(one.turn for one in timed),
        load=statistics.median(_loads(file)),
        cold=_cold(file),
    )
    if classes is None:
        return ours
    return _beside(ours, form, timed[-1], file, classes, warm=warm, walks=walks)


def _beside(
    ours: Figures, form: Form, walked: Walk, file: Path, classes: str, *, warm: int, walks: int
) -> Figures:
    script = file.with_suffix(".answers")
    script.write_text("".join(f"{path}\t{text}\n" for path, text in walked.given.items()), encoding="utf-8")
    start = time.perf_counter()
    with started(classes) as reference:
        reference.bench(file, file.parent, script, warm=0, walks=1)
        cold = time.perf_counter() - start
    with started(classes) as reference:
        timed, told = reference.bench(file, file.parent, script, warm=warm, walks=walks)
        loads = reference.load(file, file.parent, warm + LOADS)[warm:]
    own = ("start", "end", "today", "meta/instanceID")
    differing = [
        p for p, text in told.values.items() if p not in own and not _same(value(form, walked.state, p), text)
    ]
    return replace(
        ours,
        reference_turn=statistics.median(spent / turns / 1000 for turns, spent in timed),
        reference_load=statistics.median(loads) / 1e6,
        reference_cold=cold,
        differing=len(differing) + abs(len(walked.given) - timed[-1][0]),
    )


def _same(ours: str, theirs: str) -> bool:
    """JavaRosa keeps a decimal answer 2 as 2.0."""
    return ours == theirs or ours == theirs.removesuffix(".0")


def _loads(file: Path) -> list[float]:
    """Milliseconds of each load in a process that holds nothing but the engine, as JavaRosa's does."""
    command = [sys.executable, "-c", f"from bench.walk import loads; loads({str(file)!r}, {1 + LOADS})"]
    told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return [float(line) for line in told.stdout.split()][1:]  # the first one brings in modules


def _cold(file: Path) -> float:
    """Seconds of a whole process that loads the form and fills it once, as on a machine that has run it before.

    The first of them is not timed: it compiles our source and its libraries, as Python does once after installing.
    """
    command = [sys.executable, "-c", f"from bench.walk import cold; cold({str(file)!r})"]
    surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": str(file.parent / "compiled")}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    spent = []
    for _ in range(6):
        start = time.perf_counter()
        subprocess.run(command, check=True, env=surroundings)  # noqa: S603
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


# --- telling ---------------------------------------------------------------------------------------


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


HEAD = (
    "form  asked | turn us: ours  JavaRosa  ratio (at most) | load ms: ours  JavaRosa"
    " | cold s: ours  JavaRosa | values that differ"
)


def _line(name: str, found: Figures) -> str:
    ratio = found.turn / found.reference_turn if found.reference_turn else None
    return (
        f"{name:>4} {found.asked:>6} | {found.turn:>13.1f} {_shown(found.reference_turn, 9, 1)}"
        f" {_shown(ratio, 6, 2)} ({TARGETS[name]:.0f})       |"
        f" {found.load:>13.1f} {_shown(found.reference_load, 9, 1)} |"
        f" {found.cold:>12.2f} {_shown(found.reference_cold, 9, 2)} | {_shown(found.differing, 6, 0)}"
    )


def _shown(number: float | None, width: int, places: int) -> str:
    return f"{'-':>{width}}" if number is None else f"{number:>{width}.{places}f}"


def _missed(name: str, found: Figures) -> list[str]:
    """One sentence for each target that is not met."""
    missed = []
    if found.reference_turn and found.turn > TARGETS[name] * found.reference_turn:
        missed.append(f"{name}: a turn takes more than {TARGETS[name]:.0f} times as long as JavaRosa's.")
    if name == "M" and found.load > 50:
        missed.append(f"M: loading takes {found.load:.0f} ms, more than 50.")
    if found.cold > 0.3:
        missed.append(f"{name}: a cold process takes {found.cold:.2f} s, more than 0.3.")
    if found.differing:
        missed.append(f"{name}: {found.differing} values differ from JavaRosa's at the end.")
    return missed


if __name__ == "__main__":
    main()
