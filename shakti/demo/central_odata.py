"""ODK Central's OData feed: filters, pages, expanded repeats, sub-tables and the mark of what has changed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from shakti.demo.central_filter import DELETED, parse_filter, parse_order
from shakti.demo.central_forms import Definition, Form, Selection, iso
from shakti.demo.central_problem import ProblemError, not_found, unsupported
from shakti.demo.central_rows import ROOT, SUBMITTER, Row, Submission, has_table, row_of, table_rows
from shakti.demo.loopback import Request, Response, compact

PARAMETERS = (
    "$format",
    "$count",
    "$skip",
    "$top",
    "$filter",
    "$wkt",
    "$expand",
    "$select",
    "$skiptoken",
    "$orderby",
    "$search",
)
ODATA = {"OData-Version": "4.0", "Content-Type": "application/json; charset=utf-8"}
NOTHING = "0" * 32
MOST_SELECTIONS = 8


class BrokenError(Exception):
    """What the real server answers with 500 and no code."""


@dataclass(frozen=True)
class Feed:
    """One request for a table: the form, its current version, where the feed lives, and who submitted."""

    request: Request
    form: Form
    definition: Definition
    address: str
    submitter: str

    def answer(self, table: str) -> Response:
        """The table as JSON, or 304 when nothing of the selection has changed."""
        self._check_parameters()
        if table.startswith(f"{ROOT}('") and table.endswith("')"):
            return self._one(table[len(ROOT) + 2 : -2])
        if not has_table(self.definition.shape, table):
            raise not_found()
        return self._table(table)

    def _one(self, id: str) -> Response:
        submission = self.form.submissions.get(id)
        if submission is None or submission.deleted_at is not None:
            raise not_found()
        context = {"@odata.context": f"{self.address}/$metadata#{ROOT}"}
        return Response(200, compact({"value": [self._row(submission)], **context}), ODATA)

    def _table(self, table: str) -> Response:
        selected = self._selection("" if table == ROOT else f"$root/{ROOT}/")
        selection = selected.found
        items: list[Any] = selection
        if table != ROOT:
            items = [row for one in selection for row in table_rows(one, self.definition.shape, table)]
        page, link = self._page(table, items, selected.places)
        counted_only = self.request.parameter("$top") == "0"
        # A sub-table has the mark of all its parents, a page of submissions its own.
        mark = None if counted_only else event_hash(page if table == ROOT else selection)
        if mark and _same_mark(self.request.headers.get("if-none-match"), mark):
            return Response(304, headers={"OData-Version": "4.0", "ETag": mark})
        rows = [self._row(item) if isinstance(item, Submission) else item for item in page]
        body: dict[str, Any] = {"value": [self._selected(row) for row in rows]}
        body["@odata.context"] = f"{self.address}/$metadata#{table}"
        if link:
            body["@odata.nextLink"] = link
        if self.request.parameter("$count") == "true":
            body["@odata.count"] = len(items)
        return Response(200, compact(body), ODATA | ({"ETag": mark} if mark else {}))

    def _selection(self, prefix: str) -> Selection:
        """The submissions the filter leaves; found anew when something has happened to the form, not for each page."""
        text, order = self.request.parameter("$filter"), self.request.parameter("$orderby")
        key = (prefix, text, order)
        known = self.form.selections.get(key)
        if known is None or known.changes != self.form.changes:
            found = self._search(prefix, text, order)
            places = {one.root: place for place, one in enumerate(found)}
            known = self.form.selections[key] = Selection(self.form.changes, found, places)
            while len(self.form.selections) > MOST_SELECTIONS:
                del self.form.selections[next(iter(self.form.selections))]
        return known

    def _search(self, prefix: str, text: str | None, order: str | None) -> list[Submission]:
        """The submissions the filter leaves, in the feed's order; deleted ones only if it speaks of deletion."""
        test = parse_filter(text, prefix=prefix) if text else None
        alive_only = test is None or DELETED not in test.fields
        found = [
            one
            for one in self.form.submissions.values()
            if (one.deleted_at is None or not alive_only) and (test is None or test(one.values))
        ]
        found.sort(key=lambda one: (one.created_at, one.number), reverse=True)
        for name, descending in reversed(parse_order(order) if order else []):
            # Nulls stand first upwards and last downwards.
            found.sort(key=partial(_orderable, name), reverse=descending)
        return found

    def _page(self, table: str, items: list[Any], places: Mapping[str, int]) -> tuple[list[Any], str | None]:
        """One page of the items, and the address of the next."""
        key = "instanceId" if table == ROOT else "repeatId"
        top, skip = _whole(self.request, "$top"), _whole(self.request, "$skip") or 0
        token = self.request.parameter("$skiptoken")
        if token is not None and self.request.parameter("$orderby"):
            raise unsupported("using $orderby and $skiptoken together")
        if table != ROOT:
            places = {_identity(item): place for place, item in enumerate(items)}
        start = 0 if token is None else _after(len(items), places, _open_token(token, key), key)
        begin = start + skip if token is None else start
        if top is None:
            return items[begin:], None
        page = items[begin : begin + top]
        # As there: with $skip the last page still names a next one, which is empty.
        more = page and len(items) - start > top
        return page, self._next(table, page[-1], key) if more else None

    def _next(self, table: str, last: Any, key: str) -> str:
        token = b"01" + base64.b64encode(compact({key: _identity(last)}))
        pairs = [(name, value) for name, value in self.request.query if name != "$skiptoken"]
        pairs.append(("$skiptoken", token.decode()))
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
        return f"{self.address}/{table}?{query}"

    def _row(self, submission: Submission) -> Row:
        system = {
            "submissionDate": iso(submission.created_at),
            "updatedAt": iso(submission.updated_at),
            "submitterId": str(SUBMITTER),
            "submitterName": self.submitter,
            "attachmentsPresent": sum(content is not None for content in submission.files.values()),
            "attachmentsExpected": len(submission.files),
            "status": submission.status,
            "reviewState": submission.review_state,
            "deviceId": submission.device_id,
            "edits": len(submission.versions) - 1,
            "formVersion": submission.form_version,
            "deletedAt": iso(submission.deleted_at),
        }
        expand = self.request.parameter("$expand") == "*"
        return row_of(submission, self.definition.shape, system, expand=expand)

    def _selected(self, row: Row) -> Row:
        """The properties $select names; a path such as `hh/head` keeps its group around it."""
        wanted = self.request.parameter("$select")
        if wanted is None:
            return row
        shown: Row = {}
        for name in wanted.split(","):
            group, _, inner = name.strip().partition("/")
            if group not in row and "status" in row["__system"] and row["__system"]["status"]:
                continue  # of an encrypted one there is nothing to show
            value = row.get(group, row)
            if value is row or (inner and inner not in value):
                raise ProblemError(400.23, f"Could not find a property named '{name}'", {"property": name})
            if inner:
                shown.setdefault(group, {})[inner] = value[inner]
            else:
                shown[group] = value
        return shown

    def _check_parameters(self) -> None:
        for name, value in self.request.query:
            if name not in PARAMETERS:
                raise unsupported(f"the query parameter {name}")
            if name == "$expand" and value != "*":
                message = "The $expand parameter is only supported with the value *."
                raise ProblemError(501.6, message)
        if self.request.parameter("$expand") and self.request.parameter("$select"):
            raise ProblemError(501.11, "The $select parameter cannot be used with $expand.")


def event_hash(selection: Sequence[Submission]) -> str:
    """A weak ETag that changes when a row of the selection does: created, edited, reviewed, deleted, restored."""
    text = ",".join(f"{one.number}:{one.event}" for one in selection)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() if selection else NOTHING
    return f'W/"eventhash:{digest}"'


def _same_mark(given: str | None, mark: str) -> bool:
    return given is not None and given.removeprefix("W/") == mark.removeprefix("W/")


def _whole(request: Request, name: str) -> int | None:
    text = request.parameter(name)
    if text is None:
        return None
    if text.removeprefix("-").isdecimal() and int(text) < 0:
        raise BrokenError
    if not text.isdecimal():
        details = {"value": text, "expected": "integer"}
        raise ProblemError(400.11, f"Invalid input data type: expected {name} to be an integer", details)
    return int(text)


def _open_token(token: str, key: str) -> str:
    try:
        if not token.startswith("01"):
            raise ValueError(token)
        return str(json.loads(base64.b64decode(token[2:], validate=True))[key])
    except (ValueError, KeyError, TypeError) as error:
        raise ProblemError(400.35, "Invalid $skiptoken") from error


def _after(number: int, places: Mapping[str, int], id: str, key: str) -> int:
    """Where the rows after the one a token names begin; after an unknown submission come none, and nothing says so."""
    place = places.get(id)
    if place is None and key == "repeatId":
        raise ProblemError(400.34, "Record associated with the provided $skiptoken not found.")
    return number if place is None else place + 1


def _identity(item: Any) -> str:
    return str(item.root if isinstance(item, Submission) else item["__id"])


def _orderable(name: str, submission: Submission) -> tuple[bool, Any]:
    value = submission.values[name]
    return (value is not None, value if value is not None else "")


def _quoted(text: str) -> str:
    """As JavaScript's encodeURIComponent."""
    return quote(text, safe="!'()*~")
