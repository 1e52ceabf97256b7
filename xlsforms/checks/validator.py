"""What ODK Validate says of an XForm, where Java is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..workbook import odk_validate
from .finding import Finding

SECONDS = 30
"""A form of this project takes one second. Longer than this is a form that would hang a phone, too."""

# No entity of a form is ever fetched; small and quick to start, because one form is checked and that is all.
JAVA = (
    "-Djavax.xml.accessExternalDTD=",
    "-Djava.awt.headless=true",
    "-Xmx256m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
)
_NOISE = ("Picked up ", "SLF4J:", ">> ", "Xform is", "Warning: The config.json")


class Validation:
    """A run of ODK Validate that goes on beside our own checks; `findings` waits for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def findings(self, seconds: float = SECONDS) -> Iterator[Finding]:
        """What it said; one warning when it did not come to an end in time."""
        try:
            _, said = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            yield Finding(
                "warning",
                "workbook",
                None,
                f"ODK Validate did not finish within {seconds:g} seconds.",
                "Make the form's expressions shorter and its groups less deep.",
            )
            return
        level = "error" if self._process.returncode else "warning"
        text = " ".join(_told(said))
        if level == "error" or text:
            yield Finding(
                "error" if level == "error" else "warning",
                "workbook",
                None,
                f"ODK Validate: {text or 'the form is not valid'}".rstrip(".") + ".",
                "Correct that and check again.",
            )


@contextmanager
def validating(xform: str, java: str = "java") -> Iterator[Validation | None]:
    """ODK Validate begins to read this XForm; None where Java or ODK Validate is not installed.

    `java`: the program to run, a name on the path or a file. Nothing of it is left running afterwards.
    """
    program, jar = shutil.which(java), odk_validate()
    if program is None or jar is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "form.xml"
        path.write_text(xform, encoding="utf-8")
        process = subprocess.Popen(  # noqa: S603  a fixed command; the form is only a file to it
            [program, *JAVA, "-jar", str(jar), str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        try:
            yield Validation(process)
        finally:
            if process.poll() is None:
                process.kill()
            if process.stderr:
                process.stderr.close()
            process.wait()


def not_run() -> Finding:
    """The note where Java is missing."""
    return Finding(
        "note",
        "workbook",
        None,
        "ODK Validate was not run, because Java is not installed.",
        "Install a Java runtime (11 or newer), or check with --no-validate.",
    )


def _told(text: str) -> Iterator[str]:
    """Its sentences without the stack traces and the lines that always appear."""
    seen: set[str] = set()
    for line in text.splitlines():
        bare = line.strip().removeprefix(">> ").strip()
        traced = bare.startswith(("at ", "... ", "java.", "Caused by"))
        if bare and not traced and not bare.startswith(_NOISE) and bare not in seen:
            seen.add(bare)
            yield bare
