"""JavaRosa, ODK's own engine, as a reference: one Java process that fills forms as it is told.

The engine comes out of the jar that pyxform brings with it. `Driver.java` says how it is spoken to.
"""

from __future__ import annotations

import importlib.resources
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("Driver.java")
JAR = ("validators", "odk_validate", "bin", "ODK_Validate.jar")
OPTIONS = ("-Djavax.xml.accessExternalDTD=", "-Duser.timezone=UTC", "-Duser.language=en", "-Xmx256m")


class JavaRosaError(Exception):
    """JavaRosa could not do what it was asked; its own words."""


@dataclass(frozen=True)
class Seen:
    """A question as it is asked now. `holds`: whether its constraint holds for its present value."""

    label: str
    required: bool
    holds: bool
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Told:
    """The whole form after a step: the value of every leaf that applies, and every question that applies."""

    verdict: str
    values: dict[str, str] = field(default_factory=dict)
    questions: dict[str, Seen] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """The finished instance, and where its last check found fault: (path, "required" or "constraint")."""

    xml: str
    fault: tuple[str, str] | None


def is_installed() -> bool:
    """Whether there is a Java compiler and runtime here."""
    return shutil.which("java") is not None and shutil.which("javac") is not None


@contextmanager
def javarosa() -> Iterator[JavaRosa]:
    """Compiles the driver and starts the reference; it ends with the block."""
    with compiled() as classes, started(classes) as running:
        yield running


@contextmanager
def compiled() -> Iterator[str]:
    """The driver compiled: the class path to start it with."""
    javac = shutil.which("javac")
    if javac is None:
        raise JavaRosaError("Java is not installed: 'java' and 'javac' are needed (a JDK, 11 or newer).")
    jar = importlib.resources.files("pyxform").joinpath(*JAR)
    with tempfile.TemporaryDirectory() as folder, importlib.resources.as_file(jar) as path:
        subprocess.run([javac, "-cp", str(path), "-d", folder, str(SOURCE)], check=True)
        yield f"{folder}{os.pathsep}{path}"


@contextmanager
def started(classes: str) -> Iterator[JavaRosa]:
    """One process of the reference. What JavaRosa logs is thrown away: its errors come as replies."""
    with subprocess.Popen(
        ["java", *OPTIONS, "-cp", classes, "Driver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        yield JavaRosa(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


class JavaRosa:
    """A conversation with the reference. Paths leave out the root element; instances count from 1."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def form(self, file: Path, folder: Path) -> Told:
        """Opens a form; the lists it attaches are read from `folder`."""
        return _told(self._ask("form", str(file), str(folder)))

    def answer(self, path: str, text: str) -> Told:
        """The verdict is OK, REQUIRED_BUT_EMPTY or CONSTRAINT_VIOLATED."""
        return _told(self._ask("answer", path, text))

    def language(self, name: str) -> Told:
        return _told(self._ask("language", name))

    def add_repeat(self, path: str) -> Told:
        return _told(self._ask("repeat", path))

    def remove_repeat(self, path: str) -> Told:
        return _told(self._ask("remove", path))

    def finish(self) -> Finished:
        (_, xml), check = self._ask("finish")
        fault = {"REQUIRED_BUT_EMPTY": "required", "CONSTRAINT_VIOLATED": "constraint"}
        return Finished(xml, None if check == ["valid"] else (check[1], fault[check[2]]))

    def bench(
        self, file: Path, folder: Path, script: Path, *, warm: int, walks: int
    ) -> tuple[list[tuple[int, int]], Told]:
        """Walks as (turns, nanoseconds), and the form at the end of the last one."""
        lines = self._ask("bench", str(file), str(folder), str(script), str(warm), str(walks))
        timed = [(int(line[1]), int(line[2])) for line in lines if line[0] == "walk"]
        return timed, _told([["walked"], *(line for line in lines if line[0] != "walk")])

    def load(self, file: Path, folder: Path, times: int) -> list[int]:
        """Nanoseconds to read a form, each time."""
        return [int(line[1]) for line in self._ask("load", str(file), str(folder), str(times))]

    def _ask(self, *request: str) -> list[list[str]]:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\t".join(map(_escape, request)) + "\n")
        process.stdin.flush()
        lines: list[list[str]] = []
        while (line := process.stdout.readline()) != ".\n":
            if not line:
                raise JavaRosaError(f"the Java process ended at {request}")
            lines.append([_unescape(part) for part in line.removesuffix("\n").split("\t")])
        for line_ in lines:
            if line_[0] == "error":
                raise JavaRosaError(line_[1])
        return lines


def _told(lines: list[list[str]]) -> Told:
    nodes = {line[1]: line[2:] for line in lines if line[0] == "n"}
    labels = {line[1]: line[2] for line in lines if line[0] == "q"}
    choices: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        if line[0] == "c":
            choices.setdefault(line[1], []).append((line[2], line[3]))
    return Told(
        verdict=lines[0][0],
        values={path: value if relevant == "1" else "" for path, (relevant, _, _, value) in nodes.items()},
        questions={
            path: Seen(label, nodes[path][1] == "1", nodes[path][2] == "1", tuple(choices.get(path, ())))
            for path, label in labels.items()
        },
    )


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _unescape(text: str) -> str:
    plain, letters = "", iter(text)
    for letter in letters:
        if letter == "\\":
            following = next(letters, "")
            plain += {"t": "\t", "n": "\n", "r": "\r"}.get(following, following)
        else:
            plain += letter
    return plain
