"""ODK Central: the OData feed of one form, changed and deleted rows by filter, counted at the end of each walk.

`submissionDate`, `updatedAt` and `deletedAt` are taken before the commit: a row can appear below one already read, so
every run asks again from some minutes before the newest time seen. Restores and purges move no time at all: when the
number of living rows differs from what is held, everything is listed once.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from connector.errors import RetryLater, SkipRecord
from connector.session import Answer, HttpSession, NotThere, Patience, Unauthorized
from connector.submission import FormVersion, Held, Page, Submission, Unreadable, review_of, without_uuid
from xlsforms import form_from_xml, marks
from xlsforms.errors import FormError

__all__ = ["CentralSource"]

PAGE_ROWS = 500
OVERLAP = dt.timedelta(minutes=10)  # longer than a request with attachments may take to commit
BEGINNING = "1970-01-01T00:00:00.000Z"
MARKS = ("submissionDate", "updatedAt", "deletedAt")

Row = Mapping[str, Any]


class CentralSource:
    """One form of one project on an ODK Central server, read as a web user (Project Viewer is enough)."""

    def __init__(
        self,
        url: str,
        *,
        email: str,
        password: str,
        project: int,
        form: str,
        name: str = "central",
        password_name: str = "CENTRAL_PASSWORD",  # noqa: S107 - the name of a variable
        patience: Patience | None = None,
        page_rows: int = PAGE_ROWS,
    ) -> None:
        self.name = name
        self._form = form
        self._page_rows = page_rows
        self._path = f"v1/projects/{project}/forms/{quote(form, safe='')}"
        self._versions: dict[tuple[str, str], FormVersion] = {}
        self._token: str | None = None
        # A closure, not attributes: nothing that prints this object can print the password.
        self._login: Callable[[], dict[str, str]] = lambda: {"email": email, "password": password}
        self._http = HttpSession(
            url,
            service="ODK Central",
            authorization=lambda: f"Bearer {self._token}" if self._token else None,
            unauthorized=(
                f"does not accept the account or the password in {password_name}; check that a web user can log "
                "in with them in the browser and correct the variables"
            ),
            patience=patience,
        )
        self._missing = (
            f"shows no published form {form!r} in project {project} to this account: an id in config.yml is wrong, "
            "or the form was deleted. Nothing was deleted here"
        )

    def __enter__(self) -> CentralSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def pages(self, cursor: dict[str, Any] | None) -> Iterator[Page]:
        """What changed since the cursor, deleted rows included. The feed runs newest first: only the last page moves it."""
        since = str((cursor or {}).get("since", ""))
        etag = str((cursor or {}).get("etag", "")) or None
        newest = since
        for rows, last, tag in self._walk(self._filter(since), etag):
            newest = max([newest, *(mark for row in rows for mark in _marks_of(row))])
            if not last:
                yield self._page(rows, cursor)
                continue
            moved = _earlier(newest, since)
            # The tag answers for this very question: it is kept only while the question stays the same.
            yield self._page(rows, {"since": moved, "etag": tag if tag and moved == since else ""})

    def sweep(self, held: Held) -> Iterator[Page]:
        """Nothing when the server counts as many living rows as are held; else the whole form, then its listing."""
        answer = self._json(self._get(f"{self._path}.svc/Submissions", {"$top": "0", "$count": "true"}))
        if int(answer.get("@odata.count", -1)) == len(held):
            return
        seen: set[str] = set()
        for rows, _, _ in self._walk({}, None):
            seen.update(_root(row) for row in rows)
            changed = [row for row in rows if not held.same(_root(row), _version(row), _review(row))]
            if changed:
                yield self._page(changed, None)
        yield Page(listing=frozenset(seen))

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        """The published form version, with its marks read from the XForm."""
        key = (native_form, native_version)
        if key not in self._versions:
            self._versions[key] = self._fetch_version(native_version)
        return self._versions[key]

    def committed(self, page: Page) -> None:
        """ODK Central needs no acknowledgement."""

    def reread(self, native_id: str, raw: str) -> Submission:  # noqa: ARG002 - the protocol's
        """A row out of the quarantine's copy. SkipRecord when it is encrypted."""
        return self._submission(json.loads(raw))

    def _filter(self, since: str) -> dict[str, str]:
        # The first run names deletions too: what was deleted before it must not come back by another source.
        return {"$filter": " or ".join(f"__system/{mark} ge {since or BEGINNING}" for mark in MARKS)}

    def _walk(
        self, selection: Mapping[str, str], etag: str | None
    ) -> Iterator[tuple[list[Row], bool, str | None]]:
        """(rows, whether they are the last, the ETag of a selection that fits one page).

        RetryLater when fewer rows came than the server counted: a purged cursor row ends a walk in silence.
        """
        params = {"$expand": "*", "$count": "true", "$top": str(self._page_rows), **selection}
        answer = self._get(f"{self._path}.svc/Submissions", params, etag=etag)
        if answer.status == 304:
            return
        first_tag = answer.etag
        seen: set[str] = set()
        counted: int | None = None
        while True:
            body = self._json(answer)
            rows, link = body.get("value"), body.get("@odata.nextLink")
            if not _are_rows(rows):
                raise RetryLater(f"{self._http.place} answered without rows; the next run tries again.")
            fresh = {str(row["__id"]) for row in rows} - seen
            if link and not fresh:
                raise RetryLater(f"{self._http.place} sent the same page twice; the next run tries again.")
            seen |= fresh
            # A row that comes in during the walk raises the later counts and lands before the cursor.
            count = int(body.get("@odata.count", 0))
            counted = count if counted is None else min(counted, count)
            if not link:
                break
            yield rows, False, None
            answer = self._get(_on_our_host(str(link)))
        if len(seen) < counted:
            raise RetryLater(
                f"{self._http.place} counted {counted} rows of {self._form!r} and sent {len(seen)}; nothing is "
                "concluded from that, the next run tries again."
            )
        yield rows, True, first_tag if len(seen) == len(rows) else None

    def _page(self, rows: list[Row], cursor: dict[str, Any] | None) -> Page:
        submissions: list[Submission] = []
        unreadable: list[Unreadable] = []
        for row in rows:
            try:
                submissions.append(self._submission(row))
            except SkipRecord as error:
                raw = json.dumps(row, ensure_ascii=False)
                unreadable.append(Unreadable(self.name, _root(row), str(error), raw))
        return Page(tuple(submissions), tuple(unreadable), cursor)

    def _submission(self, row: Row) -> Submission:
        system = row["__system"]
        if system.get("status") in ("missingEncryptedFormData", "notDecrypted"):
            raise SkipRecord(
                "The record is encrypted and cannot be read here; use a form without encryption, or decrypt it "
                "with ODK Central's own export."
            )
        version = str(system.get("formVersion") or "")
        return Submission(
            source=self.name,
            native_form=self._form,
            native_version=version,
            form_id=self._form,
            form_version=version,
            root_id=_root(row),
            version_id=_version(row),
            changed_at=_content_time(row),
            mode="enumerator",
            collector=None,
            review=_review(row),
            deleted=bool(system.get("deletedAt")),
            answers=dict(_answers(row)),
            native_id=_root(row),
        )

    def _fetch_version(self, version: str) -> FormVersion:
        path = f"{self._path}/versions/{quote(version, safe='')}.xml" if version else f"{self._path}.xml"
        try:
            xml = self._get(path).text
            form = form_from_xml(xml)
        except NotThere as error:
            raise SkipRecord(
                f"ODK Central does not show version {version!r} of the form {self._form!r}, so the record cannot be "
                "read; it is tried again with every run."
            ) from error
        except FormError as error:
            raise SkipRecord(f"The form {self._form!r} on ODK Central cannot be read: {error}") from error
        return FormVersion(form.form_id, form.version, marks(form), xml)

    def _get(self, path: str, params: Mapping[str, str] | None = None, *, etag: str | None = None) -> Answer:
        """A GET in a session; one that ended (they last a day) is opened again, once."""
        if self._token is None:
            self._open_session()
            return self._http.get(path, params, etag=etag, missing=self._missing)
        try:
            return self._http.get(path, params, etag=etag, missing=self._missing)
        except Unauthorized:
            self._open_session()
            return self._http.get(path, params, etag=etag, missing=self._missing)

    def _open_session(self) -> None:
        self._token = None
        answer = self._http.post_json("v1/sessions", self._login())
        self._token = str(answer["token"])

    def _json(self, answer: Answer) -> Any:
        body = self._http.decoded(answer)
        if not isinstance(body, dict):
            raise RetryLater(f"{self._http.place} answered without rows; the next run tries again.")
        return body


def _on_our_host(link: str) -> str:
    """Path and query of a `nextLink`: it names the server's configured domain, whatever name we called it by.

    So nothing is ever sent to another host.
    """
    parts = urlsplit(link)
    _, version, rest = parts.path.partition("/v1/")
    return f"{version}{rest}?{parts.query}"


def _are_rows(rows: Any) -> bool:
    """Whether it has the shape of a page of rows: everything after this relies on it."""
    return isinstance(rows, list) and all(
        isinstance(row, dict) and row.get("__id") and isinstance(row.get("__system"), dict) for row in rows
    )


def _root(row: Row) -> str:
    return without_uuid(str(row["__id"]))


def _version(row: Row) -> str:
    """The instance id of the current version; encrypted rows show none."""
    return without_uuid(str((row.get("meta") or {}).get("instanceID") or row["__id"]))


def _review(row: Row) -> Any:
    return review_of(row["__system"].get("reviewState"))


def _marks_of(row: Row) -> list[str]:
    """The row's times as the server writes them: UTC, milliseconds, so they compare as text."""
    return [str(row["__system"][mark]) for mark in MARKS if row["__system"].get(mark)]


def _content_time(row: Row) -> dt.datetime | None:
    """When this version came: an edit or review, else the submission. A deletion is no version."""
    system = row["__system"]
    moment = system.get("updatedAt") or system.get("submissionDate")
    return dt.datetime.fromisoformat(str(moment)).astimezone(dt.UTC) if moment else None


def _earlier(newest: str, since: str) -> str:
    """The time to ask from next: the overlap before the newest time seen, never before `since`."""
    if not newest:
        return since
    moment = dt.datetime.fromisoformat(newest).astimezone(dt.UTC) - OVERLAP
    return max(since, moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def _answers(row: Row) -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if not key.startswith("__") and "@odata." not in key:
            yield from _flat(key, value)


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Groups are nested objects, repeats lists of objects, numbers numbers; all becomes text by path again."""
    if isinstance(value, list):
        for position, one in enumerate(value, start=1):
            # As in an instance: only several instances of a repeat are numbered.
            yield from _flat(f"{path}[{position}]" if len(value) > 1 else path, one)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not key.startswith("__") and "@odata." not in key:
                yield from _flat(f"{path}/{key}", inner)
    elif value is not None and value != "":
        yield path, _text(value)


def _text(value: Any) -> str:
    """XForms text of a JSON scalar. 3.0 was written 3 by the server: the form's type has no say here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
