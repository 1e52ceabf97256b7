"""Submissions as KoboToolbox keeps and shows them: flat keys, text values, blanks without a key."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass
class Stored:
    """A submission: `row` is what the API shows, `xml` the bytes it came as, `former` its replaced uuids."""

    row: Row
    xml: bytes
    root: str
    submitted_at: datetime
    former: list[str] = field(default_factory=list)

    @property
    def id(self) -> int:
        """The server-wide number."""
        return int(self.row["_id"])

    @property
    def uuid(self) -> str:
        """The current instance id, without `uuid:`."""
        return str(self.row["_uuid"])


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
