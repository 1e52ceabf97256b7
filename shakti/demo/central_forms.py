"""ODK Central's projects, forms, drafts, versions and form files, and the JSON it shows of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shakti.demo.central_rows import Submission
from shakti.demo.shapes import Shape


def iso(moment: datetime | None) -> str | None:
    """A time as Central writes it: UTC, milliseconds, Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_milliseconds(moment: datetime) -> datetime:
    """A time as the database keeps it: rounded to the millisecond."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=0) + timedelta(milliseconds=round(moment.microsecond / 1000))


@dataclass(frozen=True)
class Attachment:
    """A form file that was uploaded."""

    content: bytes
    updated_at: datetime

    @property
    def md5(self) -> str:
        """The hash Central shows."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


@dataclass
class Definition:
    """One version of a form, draft or published; `files` has every name the form asks for."""

    xform: str
    shape: Shape
    files: dict[str, Attachment | None]
    published_at: datetime | None = None
    source: bytes = b""


@dataclass(frozen=True)
class Selection:
    """The submissions a question to the feed found after so many changes of the form, and the place of each."""

    changes: int
    found: list[Submission]
    places: dict[str, int]


@dataclass
class Form:
    """A form with its published versions (oldest first), its draft, and its submissions by root id.

    `assigned` are the app users who may send; `changes` counts what happened, `selections` keeps what the feed found.
    """

    number: int
    project: int
    xml_form_id: str
    created_at: datetime
    updated_at: datetime | None = None
    versions: list[Definition] = field(default_factory=list)
    draft: Definition | None = None
    draft_token: str = ""
    submissions: dict[str, Submission] = field(default_factory=dict)
    draft_submissions: dict[str, Submission] = field(default_factory=dict)
    state: str = "open"
    assigned: set[int] = field(default_factory=set)
    changes: int = 0
    selections: dict[object, Selection] = field(default_factory=dict)

    @property
    def current(self) -> Definition | None:
        """The version that is in service."""
        return self.versions[-1] if self.versions else None


@dataclass
class Project:
    """A project and its forms by their id."""

    id: int
    name: str
    actee: str
    created_at: datetime
    forms: dict[str, Form] = field(default_factory=dict)


def project_json(project: Project) -> dict[str, Any]:
    """A project."""
    return {
        "id": project.id,
        "name": project.name,
        "acteeId": project.actee,
        "createdAt": iso(project.created_at),
        "updatedAt": None,
        "deletedAt": None,
        "archived": None,
        "keyId": None,
        "description": None,
    }


def form_json(form: Form, definition: Definition, draft: bool = False) -> dict[str, Any]:
    """A form in one of its versions."""
    xml = definition.xform.encode()
    return {
        "projectId": form.project,
        "xmlFormId": form.xml_form_id,
        "state": form.state,
        "enketoId": None,
        "enketoOnceId": None,
        "createdAt": iso(form.created_at),
        "updatedAt": iso(form.updated_at),
        "webformsEnabled": True,
        "keyId": None,
        "version": definition.shape.version,
        "hash": hashlib.md5(xml, usedforsecurity=False).hexdigest(),
        "sha": hashlib.sha1(xml, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(xml).hexdigest(),
        "draftToken": form.draft_token if draft else None,
        "publishedAt": iso(definition.published_at),
        "name": definition.shape.title,
    }


def attachment_json(name: str, attachment: Attachment | None) -> dict[str, Any]:
    """A form file, uploaded or still awaited."""
    there = attachment is not None
    body: dict[str, Any] = {
        "name": name,
        "type": "file",
        "hash": attachment.md5 if attachment else None,
        "exists": there,
        "blobExists": there,
        "datasetExists": False,
    }
    if attachment:
        body |= {"updatedAt": iso(attachment.updated_at), "size": len(attachment.content)}
    return body
