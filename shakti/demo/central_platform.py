"""What happens inside ODK Central, without HTTP: forms are drafted and published, submissions come, change and go."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lxml import etree

from shakti.demo.central_forms import Attachment, Definition, Form, Project, iso, to_milliseconds
from shakti.demo.central_problem import (
    ProblemError,
    already_exists,
    missing_parameter,
    no_published_version,
    not_found,
    unexpected_value,
)
from shakti.demo.central_rows import SUBMITTER, Submission, Version, files_named, read_anyhow
from shakti.demo.instances import InstanceError, children, deprecated_id, instance_id, parse, write
from shakti.demo.shapes import XFORMS, read_shape
from xlsforms.errors import FormError
from xlsforms.workbook import to_xform

REVIEW_STATES = ("approved", "hasIssues", "rejected", "edited", None)
STATES = ("open", "closing", "closed")


@dataclass(frozen=True)
class Pending:
    """A submission that has its times and its number and is not visible yet: its transaction has not ended."""

    form: Form
    submission: Submission
    finish: Callable[[], None]

    def commit(self) -> str:
        """Make it visible; returns the root id."""
        self.form.submissions[self.submission.root] = self.submission
        self.finish()
        return self.submission.root


@dataclass
class AppUser:
    """A device's user: may send to the forms it is assigned to, and read their definitions."""

    id: int
    project: int
    name: str
    token: str | None
    created_at: datetime


class Platform:
    """One ODK Central in memory. The database keeps milliseconds; `rng` draws tokens and ids.

    `audits` are what happened, oldest first, as the audit log shows it.
    """

    def __init__(self, *, clock: Callable[[], datetime], rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self.projects: dict[int, Project] = {}
        self.next_project = self.next_form = 1
        self._submissions = self._events = 0
        self.app_users: dict[int, AppUser] = {}
        self.audits: list[dict[str, Any]] = []

    def now(self) -> datetime:
        """The clock, as the database keeps it."""
        return to_milliseconds(self._clock())

    def token(self) -> str:
        """64 random characters, `!` and `$` among them."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!$"
        return "".join(self._rng.choices(letters, k=64))

    def new_project(self, name: str) -> Project:
        """Make a project."""
        project = Project(self.next_project, name, self._uuid(), self.now())
        self.projects[project.id] = project
        self.next_project += 1
        return project

    def form(self, project: str, form_id: str) -> Form:
        """A form by project number and id. Raises ProblemError 404.1."""
        found = self.projects.get(int(project)) if project.isdecimal() else None
        if found is None or form_id not in found.forms:
            raise not_found()
        return found.forms[form_id]

    def draft(
        self, project: Project, content: bytes, *, ignore_warnings: bool, form: Form | None = None
    ) -> Form:
        """Make a form, or a new draft of `form`, from a workbook or an XForm."""
        xform, warnings = _converted(content)
        if warnings and not ignore_warnings:
            details = {"warnings": {"xlsFormWarnings": list(warnings)}}
            raise ProblemError(400.16, "The form is valid, but there are warnings.", details)
        try:
            shape = read_shape(xform)
        except ValueError as error:
            raise missing_parameter("formId") from error
        if form is None:
            form = self._new_form(project, shape.form_id)
        elif shape.form_id != form.xml_form_id:
            raise unexpected_value("xmlFormId", shape.form_id, "must match the form")
        known = form.current.files if form.current else {}
        form.draft = Definition(
            xform, shape, {name: known.get(name) for name in sorted(shape.media)}, source=content
        )
        form.draft_token = self.token()
        form.draft_submissions.clear()
        return form

    def attach(self, form: Form, name: str, content: bytes) -> Attachment:
        """Upload a file the draft asks for. Raises ProblemError 404.1 for any other name."""
        if form.draft is None or name not in form.draft.files:
            raise not_found()
        attachment = Attachment(content, self.now())
        form.draft.files[name] = attachment
        return attachment

    def draft_again(self, form: Form, definition: Definition) -> None:
        """A new draft that is a copy of a version, its files and its workbook included."""
        form.draft = replace(definition, files=dict(definition.files), published_at=None)
        form.draft_token = self.token()

    def abandon(self, form: Form) -> None:
        """Take the draft away. Raises ProblemError: 409.7 before the first publication, 404.1 without a draft."""
        if form.current is None:
            raise no_published_version()
        if form.draft is None:
            raise not_found()
        form.draft, form.draft_token = None, ""

    def publish(self, form: Form, *, version: str | None = None) -> None:
        """Put the draft into service, as `version` if one is given. Its version must be a new one (409.6)."""
        if form.draft is None:
            raise not_found()
        if version:
            xform = _with_version(form.draft.xform, version)
            form.draft = replace(form.draft, xform=xform, shape=read_shape(xform))
        version = form.draft.shape.version
        if any(one.shape.version == version for one in form.versions):
            details = {"xmlFormId": form.xml_form_id, "version": version}
            message = "The version name you have specified conflicts with another version of this form."
            raise ProblemError(409.6, message, details)
        form.draft.published_at = form.updated_at = self.now()
        form.versions.append(form.draft)
        form.draft, form.draft_token = None, ""
        form.draft_submissions.clear()
        form.changes += 1  # the feed shows the fields of the new version only, in old rows too

    def submit(
        self,
        form: Form,
        xml: bytes,
        *,
        device_id: str | None = None,
        user_agent: str | None = None,
        created_at: datetime | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Submission:
        """Take a new submission. Raises ProblemError: 400.8, 404.6, 409.2, 409.3."""
        pending = self.begin(
            form, xml, device_id=device_id, user_agent=user_agent, created_at=created_at, files=files
        )
        pending.commit()
        return pending.submission

    def begin(
        self,
        form: Form,
        xml: bytes,
        *,
        device_id: str | None = None,
        user_agent: str | None = None,
        created_at: datetime | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Pending:
        """A new submission up to the moment before it becomes visible: its times are those of now."""
        root = self._root_for(form, xml)
        if form.state == "closed":
            raise ProblemError(409.2, "This form is not currently accepting submissions.")
        given = instance_id(root) or self._uuid()
        if self.holder(form, given) is not None:
            key = [str(form.number), given, "f"]
            raise already_exists("submissions", ["formId", "instanceId", "draft"], key)
        self._submissions += 1
        now = to_milliseconds(created_at) if created_at else self.now()
        submission = Submission(given, self._submissions, now, root.get("version", ""), device_id)
        submission.versions.append(Version(given, xml.decode(), now, user_agent))
        self._expect_files(form, submission, root, files or {})

        def finish() -> None:
            self._happened(form, submission, "submission.create")

        return Pending(form, submission, finish)

    def submit_draft(self, form: Form, xml: bytes) -> Submission:
        """Take a test of the draft: it stays with the draft and goes with it."""
        if form.draft is None:
            raise not_found()
        root = read_anyhow(xml)
        given = instance_id(root) or self._uuid()
        self._submissions += 1
        submission = Submission(given, self._submissions, self.now(), root.get("version", ""), None)
        submission.versions.append(Version(given, xml.decode(), submission.created_at))
        form.draft_submissions[given] = submission
        return submission

    def add_file(self, form: Form, root_id: str, name: str, content: bytes) -> None:
        """A file that came later: no time, no event and no ETag tells of it, only the audit log does."""
        submission = self.live(form, root_id)
        if name not in submission.files:
            raise not_found()
        submission.files[name] = content
        self._log(form, submission, "submission.attachment.update")

    def purge(self, form: Form, root_id: str) -> None:
        """Remove a deleted submission for good (the server does that after 30 days)."""
        submission = form.submissions.get(root_id)
        if submission is None or submission.deleted_at is None:
            raise not_found()
        del form.submissions[root_id]
        self._happened(form, submission, "submission.purge")

    def encrypt(self, form: Form, root_id: str, status: str | None) -> None:
        """Make a submission one that was sent encrypted: "notDecrypted", or "missingEncryptedFormData"."""
        submission = self.live(form, root_id)
        submission.status = status
        submission.form_version += "[encrypted:AaIGl/Cb]"
        submission.event = self._event()
        form.changes += 1

    def new_app_user(self, project: Project, name: str) -> AppUser:
        """Make an app user."""
        user = AppUser(len(self.app_users) + 8, project.id, name, self.token(), self.now())
        self.app_users[user.id] = user
        return user

    def _expect_files(
        self, form: Form, submission: Submission, root: etree._Element, files: Mapping[str, bytes]
    ) -> None:
        shape = form.current.shape if form.current else None
        for name in files_named(root, shape) if shape else ():
            submission.files[name] = files.get(name, submission.files.get(name))

    def _happened(self, form: Form, submission: Submission, action: str) -> None:
        submission.event = self._event()
        form.changes += 1
        self._log(form, submission, action)

    def _log(self, form: Form, submission: Submission, action: str) -> None:
        # After an edit the log names the edited instance, not the first one.
        details = {"instanceId": submission.current.instance_id, "submissionId": submission.number}
        self.audits.append(
            {
                "actorId": SUBMITTER,
                "action": action,
                "acteeId": f"{form.project}/{form.xml_form_id}",
                "details": details,
                "loggedAt": iso(self.now()),
                "notes": None,
            }
        )

    def edit(
        self,
        form: Form,
        root_id: str,
        xml: bytes,
        *,
        user_agent: str | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Submission:
        """Replace a submission's content. Raises ProblemError: 400.19, 404.1, 409.3, 409.9."""
        root = self._root_for(form, xml)
        submission, base, new = self.live(form, root_id), deprecated_id(root), instance_id(root)
        if not base:
            raise ProblemError(400.19, "This form has no deprecatedID, so it is not an edit.")
        if base != submission.current.instance_id:
            message = (
                f"The submission edit could not be accepted because the copy you were editing ({base}) is now "
                "out of date. Please get the new version that has been submitted, and make your edits again."
            )
            raise ProblemError(409.9, message, {"deprecatedId": base})
        if self.holder(form, new) is not None:
            message = f"A resource already exists with instanceID value(s) of {new}."
            raise ProblemError(409.3, message, {"fields": "instanceID", "values": new})
        now = self.now()
        submission.versions.append(Version(new, xml.decode(), now, user_agent))
        submission.updated_at, submission.review_state = now, "edited"
        submission.files.clear()
        self._expect_files(form, submission, root, files or {})
        self._happened(form, submission, "submission.update.version")
        return submission

    def review(self, form: Form, root_id: str, state: str | None) -> Submission:
        """Set the review state; `updatedAt` moves even when the state stays. Raises ProblemError 400.8."""
        submission = self.live(form, root_id)
        if state not in REVIEW_STATES:
            raise unexpected_value("state", state, "not a recognized state name")
        submission.review_state, submission.updated_at = state, self.now()
        self._happened(form, submission, "submission.update")
        return submission

    def delete(self, form: Form, root_id: str) -> None:
        """Delete softly: `updatedAt` stays, the row shows with its content to who asks for deleted ones."""
        submission = self.live(form, root_id)
        submission.deleted_at = self.now()
        self._happened(form, submission, "submission.delete")

    def restore(self, form: Form, root_id: str) -> None:
        """Bring a deleted submission back; no time of it says so."""
        submission = form.submissions.get(root_id)
        if submission is None or submission.deleted_at is None:
            raise not_found()
        submission.deleted_at = None
        self._happened(form, submission, "submission.restore")

    def live(self, form: Form, root_id: str) -> Submission:
        """A submission that is not deleted. Raises ProblemError 404.1."""
        submission = form.submissions.get(root_id)
        if submission is None or submission.deleted_at is not None:
            raise not_found()
        return submission

    def holder(self, form: Form, id: str) -> Submission | None:
        """The submission, deleted or not, one of whose versions has this instance id."""
        if id in form.submissions:
            return form.submissions[id]
        edited = (one for one in form.submissions.values() if len(one.versions) > 1)
        return next((one for one in edited if any(v.instance_id == id for v in one.versions)), None)

    def edited(self, form: Form, base: str) -> Submission:
        """The submission an edit of the version `base` is about. Raises ProblemError 404.1."""
        found = self.holder(form, base)
        if found is None:
            raise not_found()
        return found

    def _root_for(self, form: Form, xml: bytes) -> etree._Element:
        try:
            root = read_anyhow(xml)
        except (InstanceError, ValueError) as error:
            raise missing_parameter("form ID xml attribute") from error
        given = root.get("id")
        if not given:
            raise missing_parameter("form ID xml attribute")
        if given != form.xml_form_id:
            reason = f"did not match the form ID in the URL ({form.xml_form_id})"
            raise unexpected_value("form ID", given, reason)
        version = root.get("version", "")
        if all(one.shape.version != version for one in form.versions):
            message = f"The form version specified in this submission '{version}' does not exist."
            raise ProblemError(404.6, message, {"formVersion": version})
        return root

    def _new_form(self, project: Project, xml_form_id: str) -> Form:
        if not xml_form_id:
            raise missing_parameter("formId")
        if xml_form_id in project.forms:
            raise already_exists("forms", ["projectId", "xmlFormId"], [str(project.id), xml_form_id])
        form = Form(self.next_form, project.id, xml_form_id, self.now())
        self.next_form += 1
        project.forms[xml_form_id] = form
        return form

    def _event(self) -> int:
        self._events += 1
        return self._events

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _with_version(xform: str, version: str) -> str:
    """The same form under another version."""
    root = parse(xform)
    data = next(children(next(root.iter(f"{XFORMS}instance"))))
    data.set("version", version)
    return write(root)


def _converted(content: bytes) -> tuple[str, tuple[str, ...]]:
    """The XForm in an upload, and pyxform's warnings when it was a workbook."""
    if content.lstrip().startswith(b"<"):
        return content.decode(), ()
    with TemporaryDirectory(prefix="central-") as folder:
        workbook = Path(folder) / "form.xlsx"
        workbook.write_bytes(content)
        try:
            converted = to_xform(workbook)
        except FormError as error:
            details = {"error": str(error), "warnings": None}
            raise ProblemError(400.15, "The given XLSForm file was not valid.", details) from error
    return converted.xform, converted.warnings
