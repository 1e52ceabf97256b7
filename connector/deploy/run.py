"""One deployment from beginning to end: what is known, what is planned, what is done, what is remembered."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from connector.deploy.changes import changes
from connector.deploy.package import Package, meaning
from connector.deploy.plan import InService, Plan, Platform
from connector.errors import GiveUp
from connector.store import Deployment, Store
from xlsforms import marks

__all__ = ["Outcome", "deploy"]


@dataclass(frozen=True)
class Outcome:
    """What was planned, and what is in service since; `done` is None when nothing was sent.

    `changes` says what is different from the version before, where that is known.
    """

    plan: Plan
    done: InService | None = None
    changes: tuple[str, ...] = ()


def deploy(
    store: Store,
    platform: Platform,
    package: Package,
    *,
    today: dt.date,
    lists_only: bool = False,
    dry_run: bool = False,
    anew: bool = False,
) -> Outcome:
    """Bring one form on a platform to what the workbook and its lists say. Safe to repeat: then nothing is sent.

    `lists_only` leaves the form as it is; `anew` forgets where it was deployed before; `dry_run` only plans.
    Raises ConnectorError; what was begun and not finished is made good by the next run.
    """
    form_id = package.form.form_id
    known = None if anew else store.deployment(platform.target, form_id)
    if not lists_only:
        _refuse_a_used_version(store, package, known, today)
    plan = platform.plan(package, known, lists_only=lists_only)
    before = store.form(form_id, known.version) if known and plan.sends_form else None
    differences = changes(before.xform if before else None, package.form)
    if dry_run:
        return Outcome(plan, changes=differences)
    if not plan.activates:
        if not lists_only and (known is None or not known.finished):
            _remember(store, platform, package, _as_planned(plan), today)
        return Outcome(plan)
    begun = known or _unknown(platform, plan, today)
    store.keep_deployment(replace(begun, finished=False))
    done = platform.carry_out(plan)
    if lists_only:
        store.add_form(done.form)
        # The workbook in service is still the one that was sent before, whatever lies here now.
        now = replace(begun, native_form=done.native_form, native_version=done.native_version, day=today)
        store.keep_deployment(replace(now, finished=True))
    else:
        _remember(store, platform, package, done, today)
    return Outcome(plan, done, differences)


def _remember(store: Store, platform: Platform, package: Package, done: InService, today: dt.date) -> None:
    store.add_form(done.form)
    store.keep_deployment(
        Deployment(
            target=platform.target,
            form_id=package.form.form_id,
            workbook=package.sha256,
            xform=package.xform_sha256,
            version=package.form.version,
            native_form=done.native_form,
            native_version=done.native_version,
            day=today,
        )
    )


def _unknown(platform: Platform, plan: Plan, today: dt.date) -> Deployment:
    """What is noted of a form that this store never deployed: where it is, and that its workbook is not known."""
    return Deployment(
        target=platform.target,
        form_id=plan.package.form.form_id,
        workbook="",
        xform="",
        version="",
        native_form=plan.native_form,
        native_version=plan.native_version,
        day=today,
    )


def _as_planned(plan: Plan) -> InService:
    """What was found in service, as it should be."""
    form = replace(plan.package.form_version, version=plan.native_version)
    return InService(plan.native_form, plan.native_version, form)


def _refuse_a_used_version(store: Store, package: Package, known: Deployment | None, today: dt.date) -> None:
    """A version means one form for ever: what was answered in it is read by its marks."""
    form = package.form
    stored = store.form(form.form_id, form.version)
    resent = known is not None and known.version == form.version and not package.was_sent(known)
    remarked = stored is not None and meaning(stored.marks) != meaning(marks(form))
    if resent or remarked:
        raise GiveUp(used_version(package, today))


def used_version(package: Package, today: dt.date) -> str:
    """The sentence about a changed workbook under an old version, with the next free one."""
    form = package.form
    return (
        f"{package.path} was changed but still says version {form.version}, and that version of {form.form_id} is "
        f"known already; write {next_version(form.version, today)} into `version` of its settings sheet and deploy again."
    )


def next_version(version: str, today: dt.date) -> str:
    """The version after this one: today's date and a two-digit count."""
    first = int(f"{today:%Y%m%d}01")
    return str(max(first, int(version) + 1)) if version.isdecimal() else str(first)
