"""`shakti demo`: the main job on invented data, from the forms to the lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.runtime import find_rasa_python
from shakti.demo.run import run_demo
from shakti.screen import Screen


def demo(
    out: Annotated[Path, typer.Option("--out", help="The folder for everything it makes.")] = Path(
        "out/demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Another number invents other people.")] = 2026,
    evaluations: Annotated[int, typer.Option("--evaluations", min=200, help="How many are invented.")] = 3400,
) -> None:
    """Run the whole path on invented data: no account and no network are needed.

    Checks the forms, trains and starts Rasa, talks two evaluations, reads a folder of Collect files and two local
    servers that speak KoboToolbox's and ODK Central's API, stores, scores, and writes the lists.

    Example: shakti demo --out out/demo
    """
    run_demo(out, seed=seed, evaluations=evaluations, rasa=find_rasa_python(), screen=Screen())
