"""Submissions as KoboToolbox keeps and shows them: flat keys, text values, blanks without a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from shakti.demo.instances import children, deprecated_id, instance_id, local

Row = dict[str, Any]
ALWAYS_SHOWN = ("_uuid", "meta/rootUuid", "_validation_status")


def bare(uuid: str) -> str:
    """An instance id without `uuid:`."""
    return uuid.removeprefix("uuid:")


@dataclass(frozen=True)
class Attachment:
    """A file that came with a submission; `xpath` is the question whose answer names it."""

    uid: str
    name: str
    content: bytes = field(repr=False)
    mimetype: str
    xpath: str


@dataclass
class Stored:
    """A submission: `row` is what the API shows, `xml` the bytes it came as, `former` its replaced uuids.

    `files` are all that ever came for it: only those an answer names are shown. A `ghost` is listed and cannot be
    deleted: the database never had it.
    """

    row: Row
    xml: bytes
    root: str
    submitted_at: datetime
    former: list[str] = field(default_factory=list)
    files: dict[str, Attachment] = field(default_factory=dict)
    ghost: bool = False

    @property
    def id(self) -> int:
        """The server-wide number."""
        return int(self.row["_id"])

    @property
    def uuid(self) -> str:
        """The current instance id, without `uuid:`."""
        return str(self.row["_uuid"])


def names_of_files(row: Row, files: Mapping[str, bytes]) -> dict[str, str]:
    """{file name: path of the question that names it}, inside repeats too; others came for nothing."""
    return {text: path for path, text in _texts(row) if text in files and not path.startswith(("_", "meta/"))}


def _texts(row: Row) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path, value in row.items():
        if isinstance(value, str):
            found.append((path, value))
        elif isinstance(value, list) and not path.startswith("_"):
            for one in value:
                found += _texts(one)
    return found


def row_of(
    root: etree._Element,
    *,
    id: int,
    root_uuid: str,
    submitted_at: datetime,
    by: str | None,
    repeats: frozenset[str],
    validation: dict[str, Any],
) -> Row:
    """A submission's JSON: the answers in the order of the XML, then the platform's attributes."""
    row: Row = {"_id": id}
    row |= _answers(root, "", repeats)
    row |= {
        "_xform_id_string": root.get("id", ""),
        "_uuid": bare(instance_id(root)),
        "meta/rootUuid": f"uuid:{root_uuid}",
        "_attachments": [],
        "_status": "submitted_via_web",
        "_geolocation": [None, None],
        # UTC, cut to the second, without a zone: what makes a cursor on it lose rows.
        "_submission_time": submitted_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "_validation_status": validation,
        "_submitted_by": by,
    }
    return row


def base_of(root: etree._Element) -> str:
    """The instance id an edit replaces, without `uuid:`; '' when the XML is no edit."""
    return bare(deprecated_id(root))


def project(row: Row, fields: Sequence[str]) -> Row:
    """A row with the asked keys only.

    Some attributes come along unasked, and `_validation_status` is then an invented `{}`.
    """
    shown = {name: value for name, value in row.items() if name in (*fields, *ALWAYS_SHOWN) and name != "_id"}
    if "_validation_status" not in fields:
        shown["_validation_status"] = {}
    return shown | {"_id": row["_id"]}


def _answers(element: etree._Element, path: str, repeats: frozenset[str]) -> Row:
    """The non-blank answers below an element; a repeat is a list, its blank instances are dropped."""
    found: Row = {}
    for child in children(element):
        here = f"{path}/{local(child)}" if path else local(child)
        if here in repeats:
            inner = _answers(child, here, repeats)
            if inner:
                found.setdefault(here, []).append(inner)
        elif len(child):
            found |= _answers(child, here, repeats)
        elif child.text and child.text.strip():
            found[here] = child.text
    return found
