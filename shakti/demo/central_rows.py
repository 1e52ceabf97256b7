"""Submissions as ODK Central keeps them, and as its OData feed shows them: nested, typed, nulls for blanks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from lxml import etree

from shakti.demo.instances import InstanceError, children, local, parse
from shakti.demo.shapes import Field, Shape

Row = dict[str, Any]
ROOT = "Submissions"


@dataclass(frozen=True)
class Version:
    """One state of a submission: its instance id and the XML as it came."""

    instance_id: str
    xml: str
    created_at: datetime
    user_agent: str | None = None


@dataclass
class Submission:
    """A submission with its versions, newest last. `number` orders it, `event` changes when its row does.

    `files` are those its answers name, None while one has not come; `status` says why an encrypted one cannot be shown.
    """

    root: str
    number: int
    created_at: datetime
    form_version: str
    device_id: str | None
    versions: list[Version] = field(default_factory=list)
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    review_state: str | None = None
    event: int = 0
    files: dict[str, bytes | None] = field(default_factory=dict)
    status: str | None = None

    @property
    def current(self) -> Version:
        """The newest version."""
        return self.versions[-1]

    @property
    def values(self) -> dict[str, Any]:
        """What $filter and $orderby may look at."""
        return {
            "__id": self.root,
            "__system/submissionDate": self.created_at,
            "__system/updatedAt": self.updated_at,
            "__system/deletedAt": self.deleted_at,
            "__system/submitterId": str(SUBMITTER),
            "__system/reviewState": self.review_state,
        }


SUBMITTER = 5


def read_anyhow(xml: str | bytes) -> etree._Element:
    """The root of what was posted, whole or not: the server takes broken XML and reads what it can.

    Raises InstanceError when there is no element at all.
    """
    try:
        return parse(xml)
    except InstanceError:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
        try:
            found = etree.fromstring(xml.encode() if isinstance(xml, str) else xml, parser)
        except etree.XMLSyntaxError:
            found = None
        if found is None:
            raise
        return found


def files_named(root: etree._Element, shape: Shape) -> list[str]:
    """The files the answers of a submission name: every one must still come."""
    wanted = {one.path for one in shape.walk() if one.type == "binary"}
    found: list[str] = []
    for element in root.iter(etree.Element):
        names = [local(element)]
        names += [local(above) for above in element.iterancestors() if above is not root]
        if "/".join(reversed(names)) in wanted and element.text:
            found.append(element.text)
    return found


def row_of(submission: Submission, shape: Shape, system: Row, *, expand: bool) -> Row:
    """A row of the `Submissions` table. Fields the current form does not know are left out.

    Of XML that breaks off, what can be read is shown; of an encrypted submission nothing.
    """
    if submission.status is not None:
        return {"__id": submission.root, "__system": system}
    root = read_anyhow(submission.current.xml)
    row = _group(root, shape.fields)
    row |= {"__id": submission.root, "__system": system}
    return row | _repeats(root, shape.fields, ROOT, submission.root, expand=expand)


def table_rows(submission: Submission, shape: Shape, table: str) -> Iterator[Row]:
    """The rows of a repeat's own table, such as `Submissions.visit`; nothing for a table the form has not."""
    path = tuple(table.split(".")[1:])
    root = read_anyhow(submission.current.xml)
    yield from _table(root, shape.fields, path, ROOT, submission.root)


def has_table(shape: Shape, table: str) -> bool:
    """Whether the form has this table."""
    fields, known = shape.fields, table.split(".", maxsplit=1)[0] == ROOT
    for name in table.split(".")[1:]:
        found = next((one for one in _below(fields) if one.name == name and one.kind == "repeat"), None)
        fields, known = (found.fields, known) if found else ((), False)
    return known


def _table(
    element: etree._Element, fields: tuple[Field, ...], path: tuple[str, ...], table: str, id: str
) -> Iterator[Row]:
    for repeat in _below(fields):
        if repeat.kind != "repeat" or repeat.name != path[0]:
            continue
        inner = f"{table}.{repeat.name}"
        for child, inner_id in _instances(element, repeat, id):
            if len(path) > 1:
                yield from _table(child, repeat.fields, path[1:], inner, inner_id)
                continue
            row = _group(child, repeat.fields) | {"__id": inner_id}
            row[f"__{table.replace('.', '-')}-id"] = id
            yield row | _repeats(child, repeat.fields, inner, inner_id, expand=False)


def _group(element: etree._Element | None, fields: tuple[Field, ...]) -> Row:
    found = {} if element is None else {local(child): child for child in children(element)}
    row: Row = {}
    for one in fields:
        name = one.name.replace("-", "_").replace(".", "_")
        if one.kind == "group":
            row[name] = _group(found.get(one.name), one.fields)
        elif one.kind == "leaf":
            child = found.get(one.name)
            row[name] = None if child is None else _value(child.text, one.type)
    return row


def _repeats(element: etree._Element, fields: tuple[Field, ...], table: str, id: str, *, expand: bool) -> Row:
    """A link to each repeat's rows, and with `expand` the rows; a repeat without instances leaves no key."""
    row: Row = {}
    for repeat in _below(fields):
        instances = list(_instances(element, repeat, id)) if repeat.kind == "repeat" else []
        if not instances:
            continue
        row[f"{repeat.name}@odata.navigationLink"] = f"{table}('{quote(id, safe='')}')/{repeat.name}"
        if expand:
            row[repeat.name] = [
                _group(child, repeat.fields)
                | {"__id": inner_id}
                | _repeats(child, repeat.fields, f"{table}.{repeat.name}", inner_id, expand=True)
                for child, inner_id in instances
            ]
    return row


def _below(fields: tuple[Field, ...]) -> Iterator[Field]:
    """The fields of a level, those inside groups included, those inside repeats not."""
    for one in fields:
        yield one
        if one.kind == "group":
            yield from _below(one.fields)


def _instances(element: etree._Element, repeat: Field, id: str) -> Iterator[tuple[etree._Element, str]]:
    """The instances of a repeat with their ids: a hash of the parent's id and the position, nothing of the content."""
    position = 0
    for child in element.iter(etree.Element):
        if child is not element and local(child) == repeat.name and _inside(child, element, repeat):
            position += 1
            text = f"{id}/{repeat.path}[{position}]"
            yield child, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _inside(child: etree._Element, element: etree._Element, repeat: Field) -> bool:
    """Whether the child stands where the repeat belongs: groups only between it and the element."""
    names = [local(child)]
    parent = child.getparent()
    while parent is not None and parent is not element:
        names.append(local(parent))
        parent = parent.getparent()
    return repeat.path.endswith("/".join(reversed(names))) and parent is element


def _value(text: str | None, kind: str) -> Any:
    """A leaf's value by the type of its bind; what does not parse is null, and nothing says so."""
    if not text:
        return None
    if kind == "int":
        return _number(text, "+-0123456789", int)
    if kind == "decimal":
        number = _number(text, "+-0123456789.eE", float)
        return int(number) if isinstance(number, float) and number.is_integer() else number
    return text


def _number(text: str, letters: str, make: type[int] | type[float]) -> int | float | None:
    """The longest beginning that is a number, as JavaScript reads it."""
    text = text.strip()
    end = next((at for at, letter in enumerate(text) if letter not in letters), len(text))
    while end:
        try:
            return make(text[:end])
        except ValueError:
            end -= 1
    return None
