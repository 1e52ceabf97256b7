"""Prints what the engine can do beside JavaRosa, then walks generated forms in both: `make conformance`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.reference.javarosa.driver import is_installed, javarosa
from tests.xlsforms.agreement import WALK, walk
from tests.xlsforms.generated_forms import Generated, forms

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"


def main() -> int:
    """0 when no walk showed a difference, or when there is no Java to walk with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--walks", type=int, default=200, help="forms to fill in both engines (default 200)")
    wanted = parser.parse_args()
    sys.stdout.write("\n".join(_table(DOCUMENT.read_text(encoding="utf-8"))) + "\n\n")
    if not is_installed():
        sys.stdout.write("Java is not installed: no form was walked through.\n")
        return 0
    walked, differences = _walks(wanted.walks)
    for number, difference in enumerate(differences, start=1):
        sys.stdout.write(f"--- Difference {number} of {len(differences)}\n{_told(difference)}\n\n")
    without = "without difference" + (
        f"; then the engines differed in {len(differences)} ways" if differences else ""
    )
    sys.stdout.write(f"{walked} walks through generated forms in both engines, {without}.\n")
    return 1 if differences else 0


def _table(text: str) -> Iterator[str]:
    """The rows of the feature table."""
    _, _, section = text.partition("## Features")
    for line in section.splitlines():
        if line.startswith("## "):
            return
        if line.startswith("|"):
            yield line


def _walks(count: int) -> tuple[int, tuple[Exception, ...]]:
    """How many walks went well before the first that did not, and every kind of difference, each on the
    smallest form that shows it."""
    walked, differs = 0, False

    with javarosa() as reference:

        @settings(WALK, max_examples=count, phases=[Phase.generate, Phase.shrink])
        @given(form=forms(repeats=True), data=st.data())
        def each(form: Generated, data: st.DataObject) -> None:
            nonlocal walked, differs
            try:
                walk(reference, form, data)
            except Exception:
                differs = True
                raise
            walked += not differs

        try:
            each()
        except ExceptionGroup as several:
            return walked, several.exceptions
        except Exception as difference:  # an engine that breaks off differs as well
            return walked, (difference,)
    return walked, ()


def _told(difference: Exception) -> str:
    """The difference, and the form with the steps that lead to it."""
    found = [f"{type(difference).__name__}: {difference}", *getattr(difference, "__notes__", ())]
    return "\n".join(found)


if __name__ == "__main__":
    sys.exit(main())
