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
    walked, difference = _walks(wanted.walks)
    if difference is None:
        sys.stdout.write(f"{walked} walks through generated forms in both engines, without difference.\n")
        return 0
    sys.stdout.write(f"{difference}\n\nAfter {walked} walks without difference the engines differ.\n")
    return 1


def _table(text: str) -> Iterator[str]:
    """The rows of the feature table."""
    _, _, section = text.partition("## Features")
    for line in section.splitlines():
        if line.startswith("## "):
            return
        if line.startswith("|"):
            yield line


def _walks(count: int) -> tuple[int, AssertionError | None]:
    """How many walks showed no difference, and the difference that ended them if any did."""
    walked = 0

    with javarosa() as reference:

        @settings(WALK, max_examples=count, phases=[Phase.generate, Phase.shrink])
        @given(form=forms(), data=st.data())
        def each(form: Generated, data: st.DataObject) -> None:
            nonlocal walked
            walk(reference, form, data)
            walked += 1

        try:
            each()
        except AssertionError as difference:
            return walked, difference
    return walked, None


if __name__ == "__main__":
    sys.exit(main())
