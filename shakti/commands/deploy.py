"""`shakti forms deploy` and `shakti providers push`: forms and lists on their way to the phones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from shakti.commands.forms import app
from shakti.commands.options import CONFIG, ConfigPath, now
from shakti.config import read_config
from shakti.screen import Screen

__all__ = ["app", "providers"]

providers = typer.Typer(no_args_is_help=True, help="Bring the registry to the phones.")

To = Annotated[Literal["kobo", "central"], typer.Argument(help="The platform, as config.yml names it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")]


@app.command(name="deploy")
def deploy_forms(
    to: To,
    forms: Annotated[
        list[Path] | None, typer.Argument(help="Workbooks (.xlsx); default: those of config.yml.")
    ] = None,
    config_path: ConfigPath = CONFIG,
    dry_run: DryRun = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget where the form was deployed before: that project is gone.")
    ] = False,
) -> None:
    """Check the forms, send what is new to the platform with its lists, put it into service, and verify it.

    Safe to repeat: what is in service already is not sent again.

    Example: shakti forms deploy kobo --dry-run
    Example: shakti forms deploy central xlsforms/services_checkin.xlsx
    """
    # The database and the network take a second to load; the other commands of the group need neither.
    from shakti import deployment  # noqa: PLC0415

    screen, config = Screen(), read_config(config_path)
    outcomes = deployment.deploy_forms(
        config,
        os.environ,
        screen,
        to=to,
        forms=deployment.forms_of(config, forms),
        today=now().date(),
        dry_run=dry_run,
        anew=anew,
    )
    new = deployment.unread(config, outcomes) if to == "kobo" else []
    if dry_run:
        screen.next("the same without --dry-run")
    elif new:
        screen.next(f"add {', '.join(new)} to sources.kobo.assets in config.yml, then shakti sync")
    else:
        screen.next("shakti sync")


@providers.command()
def push(to: To, config_path: ConfigPath = CONFIG, dry_run: DryRun = False) -> None:
    """Bring changed lists (providers.csv, collectors.csv) to the forms in service; the forms stay as they are.

    Example: shakti providers push kobo
    """
    from shakti import deployment  # noqa: PLC0415 - as above

    screen, config = Screen(), read_config(config_path)
    deployment.deploy_forms(
        config,
        os.environ,
        screen,
        to=to,
        forms=deployment.forms_of(config, None),
        today=now().date(),
        lists_only=True,
        dry_run=dry_run,
    )
    screen.next("the same without --dry-run" if dry_run else "shakti sync")
