"""`shakti forms deploy` and `shakti providers push`: forms and lists on their way to the phones."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from shakti.commands.forms import app
from shakti.commands.options import CONFIG, ConfigPath, now
from shakti.config import ConfigError, read_config
from shakti.files import write_new
from shakti.screen import Screen

__all__ = ["app", "providers"]

PICTURES = (".svg", ".png", ".pdf")

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


@app.command()
def qr(
    out: Annotated[
        Path, typer.Option("--out", help="The picture: .svg, .png or .pdf; it must not exist yet.")
    ],
    config_path: ConfigPath = CONFIG,
) -> None:
    """Draw the code that sets up ODK Collect on an enumerator's phone for the Central project, in one scan.

    It holds the token of an App User, never a password: whoever scans it can send forms. Destroy it after the training.

    Example: shakti forms qr --out collect.svg
    """
    # The database and the network are not needed to draw, nor is the drawing by the other commands.
    import segno  # noqa: PLC0415

    from connector.deploy import server_url, settings_code  # noqa: PLC0415

    screen, config = Screen(), read_config(config_path)
    central = config.sources.central
    if central is None:
        raise ConfigError(
            "config.yml names no sources.central; fill it in, App Users exist on ODK Central only."
        )
    if out.suffix not in PICTURES:
        raise typer.BadParameter(f"{out} must end in {', '.join(PICTURES)}", param_hint="--out")
    token = config.secret(central.app_user_token_env, os.environ)
    code = segno.make(settings_code(server_url(central.url, token, central.project)), micro=False)
    picture = io.BytesIO()
    code.save(picture, kind=out.suffix.removeprefix("."), scale=6)
    write_new(out, picture.getvalue())
    screen.say(
        f"{out}: readable by you alone. Print it, scan it in Collect (Add project), destroy it after the training."
    )
    screen.next("shakti forms deploy central")


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
