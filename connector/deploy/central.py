"""ODK Central: a draft is made, given its lists, compared with the workbook, and published; what fails is taken back.

A published version is never changed: new lists for the same form need a new draft too, which is published under the
same version with a count behind it ("2026112301-2"). The server keeps the workbook that was uploaded, so that what is
in service can be compared even where nothing is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from connector.central_session import CentralSession
from connector.deploy.package import Package, meaning
from connector.deploy.plan import InService, NotInServiceError, Place, Plan
from connector.errors import ConnectorError, GiveUp, RetryLater
from connector.session import Answer, Body, NotThere, Patience, RefusedWrite, Upload
from connector.store import Deployment
from connector.submission import FormVersion
from xlsforms import form_from_xml, marks
from xlsforms.errors import FormError

__all__ = ["CentralPlatform"]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COUNTED = re.compile(r"(?P<version>.*)-(?P<count>[0-9]+)")
SAME_VERSION = 409.6
AGAIN = "Run the same command again."

Described = Mapping[str, Any]


class CentralPlatform:
    """One project on an ODK Central server, as a web user who may manage its forms. Use as a context manager."""

    def __init__(
        self,
        url: str,
        *,
        email: str,
        password: str,
        project: int,
        password_name: str = "CENTRAL_DEPLOY_PASSWORD",  # noqa: S107 - the name of a variable
        patience: Patience | None = None,
    ) -> None:
        self._project = project
        self._http = CentralSession(
            url, email=email, password=password, password_name=password_name, patience=patience
        )
        self.target = f"central:{self._http.base}/{project}"

    def __enter__(self) -> CentralPlatform:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    # what has to be done

    def plan(self, package: Package, known: Deployment | None, *, lists_only: bool = False) -> Plan:
        """Compare what is published with the workbook and its lists; reads only."""
        form_id, ours = package.form.form_id, package.form.version
        form = self._form(form_id)
        if form is None or form.get("publishedAt") is None:
            if lists_only:
                raise NotInServiceError(
                    f"{form_id} is not published on {self._place} yet; run `shakti forms deploy central` first."
                )
            note = "an unpublished draft stood there and is replaced"
            return Plan(
                package,
                form_id if form else "",
                native_version=ours,
                sends_form=True,
                lists=package.attachments,
                activates=True,
                replaces_draft=form is not None,
                notes=(note,) if form else (),
            )
        plan = self._against_published(package, known, form, lists_only=lists_only)
        return self._with_draft(plan, str(form["version"])) if plan.activates else plan

    def _against_published(
        self, package: Package, known: Deployment | None, form: Described, *, lists_only: bool
    ) -> Plan:
        form_id, version = package.form.form_id, str(form["version"])
        held = self._held(self._path(form_id))
        lists = tuple(one for one in package.attachments if held.get(one.name) != one.md5)
        notes = (
            ()
            if form.get("state") == "open"
            else (f"the form is {form.get('state')} there: phones cannot send",)
        )
        plan = Plan(package, form_id, native_version=version, notes=notes)
        if lists_only or self._is_published(package, known, version):
            lists = tuple(one for one in lists if one.name in held)
            if not lists:
                return plan
            return replace(
                plan, lists=lists, activates=True, native_version=self._counted_up(form_id, version)
            )
        if package.form.version in self._versions(form_id):
            raise GiveUp(
                f"{self._place} has version {package.form.version} of {form_id} already, made of another workbook; "
                "raise `version` in the settings sheet (year, month, day, two-digit count) and deploy again."
            )
        return replace(
            plan, sends_form=True, lists=lists, activates=True, native_version=package.form.version
        )

    def _is_published(self, package: Package, known: Deployment | None, version: str) -> bool:
        """Whether the very workbook here is in service, remembered or read back."""
        if known is not None and known.native_version == version and package.was_sent(known):
            return True
        try:
            return self._get(f"{self._path(package.form.form_id)}.xlsx").content == package.workbook
        except NotThere:
            return False  # it was made of an XForm

    def _with_draft(self, plan: Plan, published: str) -> Plan:
        """A draft of the version we send, or a copy of the published one, is taken for ours; another stops us."""
        draft = self._draft(plan.native_form)
        if draft is None:
            return plan
        if draft.get("version") not in (plan.native_version, published):
            raise GiveUp(
                f"{self._place} holds a draft of {plan.native_form} (version {draft.get('version')!r}) that was not "
                "made here; publish or abandon it in the browser and deploy again."
            )
        note = "a draft stood there and is replaced"
        return replace(plan, replaces_draft=True, notes=(*plan.notes, note))

    def _versions(self, form_id: str) -> set[str]:
        found = self._json(f"{self._path(form_id)}/versions")
        return {str(one.get("version")) for one in found}

    def _counted_up(self, form_id: str, version: str) -> str:
        """The next version of the same form with other lists."""
        counted = COUNTED.fullmatch(version)
        base = counted["version"] if counted else version
        count, used = 2, self._versions(form_id)
        while f"{base}-{count}" in used:
            count += 1
        return f"{base}-{count}"

    # doing it

    def carry_out(self, plan: Plan) -> InService:
        """Draft, lists, comparison, publication, verification."""
        place = Place()
        path = self._path(plan.package.form.form_id)
        drafted = False
        try:
            try:
                self._make_draft(path, plan)
                drafted = True
                for one in plan.lists:
                    address = f"{path}/draft/attachments/{quote(one.name, safe='')}"
                    self._write("POST", address, Body(upload=Upload(one.name, one.content, "text/csv")))
                self._compare_draft(path, plan)
                self._publish(path, plan)
            except ConnectorError:
                place.words = self._taken_back(path, plan, drafted=drafted)
                raise
            place.words = f"It was published; look at it in the browser. {AGAIN}"
            return self._verified(path, plan)
        except ConnectorError as error:
            place.end(error)

    def _make_draft(self, path: str, plan: Plan) -> None:
        ignore = {"ignoreWarnings": "true"}  # they were shown before, by our own check
        file = Body(upload=Upload(plan.package.path.name, plan.package.workbook, XLSX))
        if not plan.native_form:
            self._write("POST", f"v1/projects/{self._project}/forms", file, ignore)
        elif plan.sends_form:
            self._write("POST", f"{path}/draft", file, ignore)
        else:
            self._write("POST", f"{path}/draft")  # without a body: a copy of what is published

    def _compare_draft(self, path: str, plan: Plan) -> None:
        """The draft is what was sent, and lacks no list: seen before any phone gets it."""
        if plan.sends_form:
            found = self._form_version(f"{path}/draft.xml")
            self._require_same(plan.package, found, plan.native_version, "The draft")
        self._require_lists(f"{path}/draft", plan)

    def _publish(self, path: str, plan: Plan) -> None:
        params = {} if plan.sends_form else {"version": plan.native_version}
        try:
            self._write("POST", f"{path}/draft/publish", params=params)
        except (RetryLater, NotThere):
            # The answer may be lost and the deed done: look before saying that it failed.
            form = self._form(plan.package.form.form_id)
            if not _is_in_service(form, plan.native_version):
                raise

    def _taken_back(self, path: str, plan: Plan, *, drafted: bool) -> str:
        """After a failure: take our draft away where phones have a version to stay with; what is left, in words."""
        try:
            form = self._form(plan.package.form.form_id)
            if form is None:
                return "Nothing was changed there."
            if form.get("publishedAt") is None:
                return f"The form stands there as a draft that no phone sees. {AGAIN}"
            if drafted and _is_in_service(form, plan.native_version):
                return f"It was published after all. {AGAIN}"
            return self._without_draft(path, plan, drafted=drafted)
        except ConnectorError:
            return f"What is left there could not be seen: at most a draft that no phone sees. {AGAIN}"

    def _without_draft(self, path: str, plan: Plan, *, drafted: bool) -> str:
        if self._draft(plan.native_form) is None:
            return f"No draft was left behind; phones keep what they had. {AGAIN}"
        if not drafted and plan.replaces_draft:
            return f"A draft stands there, as before; phones keep what they had. {AGAIN}"
        self._write("DELETE", f"{path}/draft")
        return f"The draft was taken away again; phones keep what they had. {AGAIN}"

    def _verified(self, path: str, plan: Plan) -> InService:
        """Read everything back and compare it with what was sent."""
        form = self._form(plan.package.form.form_id)
        if not _is_in_service(form, plan.native_version):
            raise GiveUp(f"{self._place} does not show version {plan.native_version} in service.")
        found = self._form_version(f"{path}.xml")
        if plan.sends_form:
            self._require_same(plan.package, found, plan.native_version, "What is in service")
        self._require_lists(path, plan)
        return InService(plan.package.form.form_id, plan.native_version, found)

    def _require_same(self, package: Package, found: FormVersion, version: str, what: str) -> None:
        same_name = (found.form_id, found.version) == (package.form.form_id, version)
        if not same_name or meaning(found.marks) != meaning(marks(package.form)):
            raise GiveUp(
                f"{what} on {self._place} is not the workbook that was sent (it says {found.form_id} {found.version}); "
                "somebody may be editing the form at the same time."
            )

    def _require_lists(self, path: str, plan: Plan) -> None:
        held = self._held(path)
        sent = plan.package.attachments if plan.sends_form else plan.lists
        for one in sent:
            if held.get(one.name) != one.md5:
                raise GiveUp(f"{self._place} holds another {one.name} than the one that was sent.")
        for name, md5 in held.items():
            if md5 is None:
                raise GiveUp(f"{self._place} asks for {name}, which is not among the form's files here.")

    # reading and writing

    @property
    def _place(self) -> str:
        return f"{self._http.place} (project {self._project})"

    def _path(self, form_id: str) -> str:
        return f"v1/projects/{self._project}/forms/{quote(form_id, safe='')}"

    def _form(self, form_id: str) -> Described | None:
        """The form as it is published, or its draft where it never was; None when the project has no such form."""
        try:
            found: Described = self._json(self._path(form_id))
        except NotThere:
            missing = (
                f"shows no project {self._project} to this account; correct `project` in config.yml (the number in "
                "the project's address) or make the account a Project Manager there"
            )
            self._get(f"v1/projects/{self._project}", missing=missing)
            return None
        return found

    def _draft(self, form_id: str) -> Described | None:
        try:
            found: Described = self._json(f"{self._path(form_id)}/draft")
        except NotThere:
            return None
        return found

    def _held(self, path: str) -> dict[str, str | None]:
        """{file name: md5, None for one that is awaited} of the form or draft at `path`."""
        return {
            str(one["name"]): str(one["hash"]) if one.get("hash") else None
            for one in self._json(f"{path}/attachments")
        }

    def _form_version(self, path: str) -> FormVersion:
        try:
            form = form_from_xml(self._get(path).text)
        except FormError as error:
            raise GiveUp(f"What {self._place} made of the workbook cannot be read: {error}") from error
        return FormVersion(form.form_id, form.version, marks(form), form.xform)

    def _json(self, path: str) -> Any:
        return self._http.decoded(self._get(path))

    def _get(self, path: str, *, missing: str = "") -> Answer:
        return self._http.get(path, missing=missing)

    def _write(
        self,
        method: Literal["POST", "DELETE"],
        path: str,
        body: Body | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        try:
            self._http.write(method, path, body or Body(), params)
        except RefusedWrite as error:
            if error.body.get("code") == SAME_VERSION:
                raise GiveUp(
                    f"{self._place} has this version already; raise `version` in the settings sheet (year, month, "
                    "day, two-digit count) and deploy again."
                ) from error
            raise GiveUp(f"{self._place} refused: {_why(error)}") from error


def _is_in_service(form: Described | None, version: str) -> bool:
    return form is not None and form.get("publishedAt") is not None and form.get("version") == version


def _why(error: RefusedWrite) -> str:
    """The server's own words, the converter's among them."""
    details = error.body.get("details")
    inner = details.get("error") if isinstance(details, Mapping) else None
    words = str(inner or error.body.get("message") or f"status {error.status}")
    words = " ".join(words.split())
    return words if words.endswith((".", "!", "?")) else f"{words}."
