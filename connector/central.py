"""ODK Central: the OData feed of one form, changed and deleted rows by filter, counted at the end of each walk.

`submissionDate`, `updatedAt` and `deletedAt` are taken before the commit: a row can appear below one already read, so
every run asks again from some minutes before the newest time seen. Restores, purges and rows that were still longer in
coming move no time at all: the number of living rows tells of them, and now and then everything is listed, narrowly.
A file that comes later moves nothing at all: rows that lack one are asked for by name.

The feed shows the fields of the form version in service and of no other. A row of an older version whose marked
questions are no longer there is read from its own XML.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self
from urllib.parse import quote, urlsplit

from connector.central_session import CentralSession
from connector.errors import RetryLater, SkipRecord
from connector.session import Answer, NotThere, Patience
from connector.submission import FormVersion, Held, Page, Submission, Unreadable, review_of, without_uuid
from xlsforms import Form, form_from_xml, marks, read_instance
from xlsforms.errors import FormError

__all__ = ["CentralSource"]

PAGE_ROWS = 1000
PICKED_ROWS = 30  # ids in one filter: keeps the address below 4 kB
MOST_PICKED = 600  # more changed rows than this are read by a walk
MOST_WAITING = 30
OVERLAP = dt.timedelta(minutes=10)  # longer than a request with attachments may take to commit
SWEEP_EVERY = dt.timedelta(hours=24)
BEGINNING = "1970-01-01T00:00:00.000Z"
TIMES = ("submissionDate", "updatedAt", "deletedAt")
NARROW = "__id,__system/reviewState,meta/instanceID"
UNMARKED = ("start", "end", "today")  # what the connector reads beside the marked questions
ENCRYPTED = ("missingEncryptedFormData", "notDecrypted")

Row = Mapping[str, Any]
Clock = Callable[[], dt.datetime]


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class _Mark:
    """The cursor. `since` is the time to ask from, `newest` the newest one seen (server's times), `etag` the mark of the
    question from `since`, `alive` how many living rows the server had (None: not known), `listed` the mark of a listing
    that fits one page, `swept` when everything was last listed (our clock: it only says when to list again), `waiting`
    {__id: files that have come} of rows that lack some, `schema` which fields the feed showed, and `whole`
    {form version: whether it shows all of that version's marked questions}.
    """

    since: str = ""
    newest: str = ""
    etag: str = ""
    alive: int | None = None
    listed: str = ""
    swept: str = ""
    waiting: Mapping[str, int] = field(default_factory=dict)
    schema: str = ""
    whole: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: Mapping[str, Any] | None) -> Self:
        known = {name: value for name, value in (cursor or {}).items() if name in cls.__dataclass_fields__}
        return cls(**known)

    @property
    def json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Walked:
    """What the run's walk has seen; its sweep goes on from there. `roots` None: too many to be listed by a walk."""

    mark: _Mark = field(default_factory=_Mark)
    come: int = 0
    gone: int = 0
    from_start: bool = False
    began: dt.datetime | None = None
    roots: set[str] | None = None


class CentralSource:
    """One form of one project on an ODK Central server, read as a web user (Project Viewer is enough).

    `sweep_every` is how often a form of more than a page of rows is listed completely (0: in every run).
    """

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
        sweep_every: dt.timedelta = SWEEP_EVERY,
        now: Clock = _utc_now,
    ) -> None:
        self.name = name
        self._form = form
        self._page_rows = page_rows
        self._sweep_every, self._now = sweep_every, now
        self._path = f"v1/projects/{project}/forms/{quote(form, safe='')}"
        self._versions: dict[str, FormVersion] = {}
        self._forms: dict[str, Form] = {}
        self._lost: dict[str, SkipRecord] = {}
        self._walked = _Walked()
        self._http = CentralSession(
            url, email=email, password=password, password_name=password_name, patience=patience
        )
        self._missing = (
            f"shows no published form {form!r} in project {project} to this account: an id in config.yml is wrong, "
            "or the form was deleted. Nothing was deleted here"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    @property
    def server_time(self) -> dt.datetime | None:
        """What the server's clock said last; None before the first answer."""
        return self._http.time

    def pages(self, cursor: dict[str, Any] | None) -> Iterator[Page]:
        """What changed since the cursor, deleted rows included. The feed runs newest first: only the last page moves it."""
        self._lost.clear()  # a version that could not be had is asked for once in a run, and again in the next
        mark = _Mark.read(cursor)
        start = not mark.since
        walked = self._walked = _Walked(mark, from_start=start, roots=set() if start else None)
        newest = mark.newest or mark.since
        for rows, last, tag in self._walk(self._filter(mark.since), mark.etag):
            self._take_stock(rows, mark)
            newest = max([newest, *(time for row in rows for time in _times_of(row))])
            page = self._page(rows)
            if last:
                moved = _moved(mark.since, newest, walked.began)
                # The tag answers for this very question: it is kept only while the question stays the same.
                etag = tag if tag and moved == mark.since else ""
                walked.mark = replace(walked.mark, since=moved, newest=newest, etag=etag)
                page = replace(page, cursor=walked.mark.json)
            yield page

    def sweep(self, held: Held) -> Iterator[Page]:
        """What the filter cannot see: restored, purged and very late rows, and files that came after their row."""
        walked = self._walked
        mark = yield from self._late_files(walked.mark)
        if walked.roots is not None:
            yield self._concluded(mark, walked.roots)  # the walk has read everything there is
            return
        if walked.from_start and len(held) <= walked.come:
            mark = replace(mark, alive=0, swept=self._now().isoformat())
        if not self._must_list(mark):
            alive = self._count()
            if alive == (mark.alive or 0) + walked.come - walked.gone:
                yield Page(cursor=replace(mark, alive=alive).json)
                return
        yield from self._list(held, mark)

    def form_version(self, native_form: str, native_version: str) -> FormVersion:  # noqa: ARG002 - the protocol's
        """The published form version, with its marks read from the XForm."""
        if native_version in self._lost:
            raise self._lost[native_version]
        if native_version not in self._versions:
            try:
                self._versions[native_version] = self._fetch_version(native_version)
            except SkipRecord as error:
                self._lost[native_version] = error
                raise
        return self._versions[native_version]

    def committed(self, page: Page) -> None:
        """ODK Central needs no acknowledgement."""

    def reread(self, native_id: str, raw: str) -> Submission:  # noqa: ARG002 - the protocol's
        """A row out of the quarantine's copy. SkipRecord when it is encrypted."""
        row = json.loads(raw)
        self._look_at_fields([row])
        return self._submission(row)

    # listing everything

    def _must_list(self, mark: _Mark) -> bool:
        """Whether all rows fit one page anyway, or the last listing is too long ago (or in the future: a clock moved)."""
        if mark.alive is None or not mark.swept:
            return True
        if mark.alive + self._walked.come - self._walked.gone <= self._page_rows:
            return True
        return abs(self._now() - dt.datetime.fromisoformat(mark.swept)) >= self._sweep_every

    def _list(self, held: Held, mark: _Mark) -> Iterator[Page]:
        """Changed rows first, the complete listing last; nothing when the server says that it is the one of last time."""
        seen: set[str] = set()
        changed: list[str] = []
        tag: str | None = None
        for rows, _, found in self._walk({"$select": NARROW}, mark.listed):
            tag = found
            seen.update(_root(row) for row in rows)
            changed += [
                str(row["__id"]) for row in rows if not held.same(_root(row), _version(row), _review(row))
            ]
        if tag is None and not seen and mark.listed:
            if mark is not self._walked.mark:
                yield Page(cursor=mark.json)
            return
        yield from self._read_again(changed)
        # Only where nothing differed does the tag say that nothing differs: what could not be read is tried again.
        yield self._concluded(mark, seen, "" if changed else tag or "")

    def _concluded(self, mark: _Mark, roots: set[str], tag: str = "") -> Page:
        known = self._walked.mark
        marked = replace(
            mark,
            alive=len(roots),
            listed=tag,
            swept=self._now().isoformat(),
            schema=known.schema,
            whole=known.whole,
        )
        return Page(listing=frozenset(roots), cursor=marked.json)

    def _read_again(self, ids: Sequence[str]) -> Iterator[Page]:
        """Whole rows by their `__id`; of very many by a walk over all."""
        if len(ids) > MOST_PICKED:
            wanted = set(ids)
            for rows, _, _ in self._walk({"$expand": "*"}, ""):
                some = [row for row in rows if row["__id"] in wanted]
                if some:
                    yield self._page(some)
            return
        for start in range(0, len(ids), PICKED_ROWS):
            rows = self._picked(ids[start : start + PICKED_ROWS])
            if rows:
                yield self._page(rows)

    def _count(self) -> int:
        """How many living rows there are."""
        answer = self._json(self._get(f"{self._path}.svc/Submissions", {"$top": "0", "$count": "true"}))
        return int(answer.get("@odata.count", -1))

    def _take_stock(self, rows: Sequence[Row], before: _Mark) -> None:
        """Count what came and went since the last run: what the number of living rows must have become."""
        walked = self._walked
        for row in rows:
            system = row["__system"]
            is_new = str(system.get("submissionDate") or "") > before.newest
            if not system.get("deletedAt"):
                walked.come += is_new
            elif not is_new:
                walked.gone += str(system["deletedAt"]) > before.newest
            there, expected = _files(row)
            if there < expected and not system.get("deletedAt"):
                waiting = {**walked.mark.waiting, str(row["__id"]): there}
                walked.mark = replace(walked.mark, waiting=dict(list(waiting.items())[-MOST_WAITING:]))
        if walked.roots is not None:
            walked.roots |= {_root(row) for row in rows if not row["__system"].get("deletedAt")}
            if len(walked.roots) > self._page_rows:
                walked.roots = None

    def _late_files(self, mark: _Mark) -> Generator[Page, None, _Mark]:
        """Rows whose files came after them, again; returns the mark without those that are complete."""
        if not mark.waiting:
            return mark
        rows = self._picked(list(mark.waiting))
        came = [row for row in rows if _files(row)[0] != mark.waiting[str(row["__id"])]]
        if came:
            yield self._page(came)
        files = {str(row["__id"]): _files(row) for row in rows}
        return replace(mark, waiting={id: there for id, (there, all_) in files.items() if there < all_})

    # reading rows

    def _filter(self, since: str) -> dict[str, str]:
        # The first run names deletions too: what was deleted before it must not come back by another source.
        since = since or BEGINNING
        return {"$expand": "*", "$filter": " or ".join(f"__system/{time} ge {since}" for time in TIMES)}

    def _picked(self, ids: Sequence[str]) -> list[Row]:
        """Living rows by their `__id`."""
        names = " or ".join("__id eq '{}'".format(id.replace("'", "''")) for id in ids)
        params = {"$expand": "*", "$filter": names}
        return self._are_rows(self._json(self._get(f"{self._path}.svc/Submissions", params)))

    def _walk(self, selection: Mapping[str, str], etag: str) -> Iterator[tuple[list[Row], bool, str | None]]:
        """(rows, whether they are the last, the ETag of a selection that fits one page); nothing when it has not changed.

        RetryLater when fewer rows came than the server counted: a purged cursor row ends a walk in silence.
        """
        params = {"$count": "true", "$top": str(self._page_rows), **selection}
        answer = self._get(f"{self._path}.svc/Submissions", params, etag=etag or None)
        if answer.status == 304:
            return
        self._walked.began = self._walked.began or answer.date
        tag, collected, counted, link = answer.etag, 0, -1, ""
        while True:
            body = self._json(answer)
            rows = self._are_rows(body)
            collected += len(rows)
            # A row that comes in during the walk raises the later counts and lands before the cursor.
            count = int(body.get("@odata.count", 0))
            counted = count if counted < 0 else min(counted, count)
            before, link = link, str(body.get("@odata.nextLink") or "")
            if not link:
                break
            if link == before or not rows:
                raise RetryLater(f"{self._http.place} sent the same page twice; the next run tries again.")
            yield rows, False, None
            answer = self._get(self._on_our_host(link))
        if collected < counted:
            raise RetryLater(
                f"{self._http.place} counted {counted} rows of {self._form!r} and sent {collected}; nothing is "
                "concluded from that, the next run tries again."
            )
        yield rows, True, tag if collected == len(rows) else None

    def _get(self, path: str, params: Mapping[str, str] | None = None, *, etag: str | None = None) -> Answer:
        return self._http.get(path, params, etag=etag, missing=self._missing)

    def _json(self, answer: Answer) -> dict[str, Any]:
        body = self._http.decoded(answer)
        if not isinstance(body, dict):
            raise RetryLater(f"{self._http.place} answered without rows; the next run tries again.")
        return body

    def _are_rows(self, body: Mapping[str, Any]) -> list[Row]:
        """The rows of a page; RetryLater when it has another shape: everything after this relies on it."""
        rows = body.get("value")
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and row.get("__id") and isinstance(row.get("__system"), dict)
            for row in rows
        ):
            raise RetryLater(f"{self._http.place} answered without rows; the next run tries again.")
        return rows

    def _on_our_host(self, link: str) -> str:
        """Path and query of a `nextLink`: it names the server's configured domain, whatever name we called it by.

        So nothing is ever sent to another host.
        """
        parts = urlsplit(link)
        _, version, rest = parts.path.partition("/v1/")
        if not version:
            raise RetryLater(f"{self._http.place} named a next page that is none; the next run tries again.")
        return f"{version}{rest}?{parts.query}"

    # making submissions of them

    def _page(self, rows: Sequence[Row]) -> Page:
        submissions: list[Submission] = []
        unreadable: list[Unreadable] = []
        self._look_at_fields(rows)
        for row in rows:
            try:
                submissions.append(self._submission(row))
            except SkipRecord as error:
                raw = json.dumps(row, ensure_ascii=False)
                unreadable.append(Unreadable(self.name, _root(row), str(error), raw))
        return Page(tuple(submissions), tuple(unreadable))

    def _submission(self, row: Row) -> Submission:
        system = row["__system"]
        if system.get("status") in ENCRYPTED:
            raise SkipRecord(
                "The record is encrypted and cannot be read here; use a form without encryption, or decrypt it "
                "with ODK Central's own export."
            )
        version = str(system.get("formVersion") or "")
        root = _root(row)
        return Submission(
            source=self.name,
            native_form=self._form,
            native_version=version,
            form_id=self._form,
            form_version=version,
            root_id=root,
            version_id=_version(row),
            changed_at=_content_time(row),
            mode="enumerator",
            collector=None,
            review=_review(row),
            deleted=bool(system.get("deletedAt")),
            answers=self._answers(row, version),
            native_id=root,
        )

    def _answers(self, row: Row, version: str) -> dict[str, str]:
        """The row's answers; from its XML where the form in service has lost a question that is marked."""
        if row["__system"].get("deletedAt") or self._shows_all(version, row):
            return _answers(row)
        xml = self._get(f"{self._path}/submissions/{quote(str(row['__id']), safe='')}.xml").content
        try:
            return read_instance(xml).answers
        except FormError as error:
            raise SkipRecord(f"The submission on ODK Central cannot be read: {error}") from error

    def _look_at_fields(self, rows: Sequence[Row]) -> None:
        """When the feed shows other fields than before, nothing is known any more of what each version lacks."""
        shown = next((row for row in rows if row["__system"].get("status") not in ENCRYPTED), None)
        if shown is None:
            return
        schema = hashlib.sha256("\n".join(_fields(shown, "")).encode()).hexdigest()[:16]
        if schema != self._walked.mark.schema:
            self._walked.mark = replace(self._walked.mark, schema=schema, whole={})

    def _shows_all(self, version: str, row: Row) -> bool:
        """Whether the feed has a field of its own for every marked question of a version."""
        known = self._walked.mark.whole
        if version not in known:
            try:
                self.form_version(self._form, version)
            except SkipRecord:
                return True  # whoever knows the version already can read what there is
            lost = any(not _has_field(row, path) for path in _needed(self._forms[version]))
            self._walked.mark = replace(self._walked.mark, whole={**known, version: not lost})
        return self._walked.mark.whole[version]

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
        self._forms[version] = form
        return FormVersion(form.form_id, form.version, marks(form), xml)


def _needed(form: Form) -> Iterator[str]:
    """The paths of the questions that must have a field: not those in repeats, where a blank one has no key."""
    asked = {question.path for question in form.questions}
    for path in (*(mark.path for mark in marks(form)), *(path for path in UNMARKED if path in asked)):
        if not any(path.startswith(f"{repeat}/") for repeat in form.repeats):
            yield path


def _has_field(row: Row, path: str) -> bool:
    """Whether the feed names it as the form does. It writes `a-b` and `a.b` both `a_b`: such a name is none."""
    place: Any = row
    for name in path.split("/"):
        if not isinstance(place, Mapping) or name not in place:
            return False
        place = place[name]
    return True


def _fields(row: Row, path: str) -> Iterator[str]:
    """The fields a row shows, blank ones too; repeats come and go with their instances."""
    for name, value in row.items():
        if name.startswith("__") or "@odata." in name or isinstance(value, list):
            continue
        yield path + name
        if isinstance(value, Mapping):
            yield from _fields(value, f"{path}{name}/")


def _root(row: Row) -> str:
    return without_uuid(str(row["__id"]))


def _version(row: Row) -> str:
    """The instance id of the current version; encrypted rows show none."""
    return without_uuid(str((row.get("meta") or {}).get("instanceID") or row["__id"]))


def _review(row: Row) -> Any:
    return review_of(row["__system"].get("reviewState"))


def _files(row: Row) -> tuple[int, int]:
    """How many files of a row have come, of how many its answers name."""
    system = row["__system"]
    return int(system.get("attachmentsPresent") or 0), int(system.get("attachmentsExpected") or 0)


def _times_of(row: Row) -> list[str]:
    """The row's times as the server writes them: UTC, milliseconds, so they compare as text."""
    return [str(row["__system"][time]) for time in TIMES if row["__system"].get(time)]


def _content_time(row: Row) -> dt.datetime | None:
    """When this version came: an edit or review, else the submission. A deletion is no version."""
    system = row["__system"]
    moment = system.get("updatedAt") or system.get("submissionDate")
    return dt.datetime.fromisoformat(str(moment)).astimezone(dt.UTC) if moment else None


def _moved(since: str, newest: str, now: dt.datetime | None) -> str:
    """The time to ask from next: what is older than the overlap has been committed by `now`, the server's own time.

    Without that, the overlap is taken from the newest time seen. Never before `since`.
    """
    if not newest:
        return since
    seen = dt.datetime.fromisoformat(newest).astimezone(dt.UTC)
    moment = seen - OVERLAP if now is None else min(seen, now - OVERLAP)
    return max(since, moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def _answers(row: Row) -> dict[str, str]:
    """Texts by path. Groups are nested objects, repeats lists of objects, numbers numbers: all becomes text again."""
    answers: dict[str, str] = {}
    _collect(answers, "", row)
    return answers


def _collect(answers: dict[str, str], path: str, values: Row) -> None:
    for name, value in values.items():
        if value is None or value == "" or name[:2] == "__" or "@odata." in name:
            continue
        here = path + name
        if type(value) is str:  # nearly all are: whole pages of rows pass through here
            answers[here] = value
        elif isinstance(value, dict):
            _collect(answers, f"{here}/", value)
        elif isinstance(value, list):
            for position, one in enumerate(value, start=1):
                # As in an instance: only several instances of a repeat are numbered.
                own = f"{here}[{position}]" if len(value) > 1 else here
                if isinstance(one, dict):
                    _collect(answers, f"{own}/", one)
                elif one is not None:
                    answers[own] = _text(one)  # the numbers of a place on the map
        else:
            answers[here] = _text(value)


def _text(value: Any) -> str:
    """XForms text of a JSON scalar. 3.0 was written 3 by the server: the form's type has no say here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
