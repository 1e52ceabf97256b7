"""Bringing forms and lists to a platform from config.yml, and saying what was done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from connector.deploy import NotInServiceError, Outcome, Package, deploy, prepare
from shakti import assembly
from shakti.config import Config, ConfigError
from shakti.screen import Screen

PLATFORMS = {"kobo": "KoboToolbox", "central": "ODK Central"}


def deploy_forms(
    config: Config,
    environment: assembly.Environment,
    screen: Screen,
    *,
    to: str,
    forms: Sequence[Path],
    today: dt.date,
    lists_only: bool = False,
    dry_run: bool = False,
    anew: bool = False,
) -> tuple[Outcome, ...]:
    """Deploy the forms (or their lists alone) one after another. What is wrong with any of them stops all.

    Lists alone are not brought to a form that is not in service: that is said, and the others get theirs. Raises
    NotInServiceError when none is in service.
    """
    assembly.load_registry(config)  # a wrong list is said here, before anything is sent
    media = config.path(config.registry.providers).parent
    packages = [prepare(form, media=media, checked=not lists_only) for form in forms]
    for package in packages:
        for warning in package.warnings:
            screen.warn(f"{package.path}: {warning}")
    outcomes, missing = [], []
    with (
        assembly.open_store(config, environment) as store,
        assembly.open_platform(config, environment, to) as platform,
    ):
        for package in packages:
            try:
                with screen.step(f"{package.form.form_id} on {PLATFORMS[to]}"):
                    outcome = deploy(
                        store,
                        platform,
                        package,
                        today=today,
                        lists_only=lists_only,
                        dry_run=dry_run,
                        anew=anew,
                    )
            except NotInServiceError as error:
                missing.append(error)
                continue
            for sentence in said(package, outcome, dry_run=dry_run):
                screen.say(sentence)
            outcomes.append(outcome)
    if missing and not outcomes:
        raise missing[0]
    for left_out in missing:
        screen.warn(str(left_out))
    return tuple(outcomes)


def said(package: Package, outcome: Outcome, *, dry_run: bool) -> tuple[str, ...]:
    """What was done, or would be, in sentences that begin with the form's id."""
    form_id, plan, done = package.form.form_id, outcome.plan, outcome.done
    what = ", ".join(plan.sends) or "nothing new"
    if not plan.activates:
        first = f"{form_id}: in service as it is here; nothing {'would be' if dry_run else 'was'} sent."
    elif dry_run or done is None:
        first = f"{form_id}: would send {what} and put it into service; nothing was sent."
    else:
        first = f"{form_id}: sent {what}; in service as {done.native_form} {done.native_version}, read back and found right."
    return (
        *[f"{form_id}: {note}." for note in plan.notes],
        first,
        *[f"{form_id}: {change}" for change in outcome.changes],
    )


def unread(config: Config, outcomes: Sequence[Outcome]) -> list[str]:
    """Projects on KoboToolbox that were deployed and that config.yml does not read yet."""
    kobo = config.sources.kobo
    known = kobo.assets if kobo else ()
    return [one.done.native_form for one in outcomes if one.done and one.done.native_form not in known]


def forms_of(config: Config, given: Sequence[Path] | None) -> list[Path]:
    """The workbooks that were named, else those of config.yml. ConfigError when one is not there."""
    forms = list(given or (config.path(form) for form in config.forms))
    for form in forms:
        if not form.is_file():
            raise ConfigError(f"{form} is not there; name a workbook, or correct `forms` in config.yml.")
    return forms
