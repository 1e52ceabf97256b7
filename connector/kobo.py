"""KoboToolbox: a walk along `_id` for what is new, a narrow listing for edits, reviews, deletions and late files.

The data have no modification time: an edit changes `_uuid` and nothing else, a review only `_validation_status`, a
file that comes later only `_attachments`, a deleted row just vanishes. Only a complete listing of three columns,
compared with what is held, finds them all. It is made in every run while a project fits one page, else when it is due
or when the number of rows is not what it should be; between two listings the project's history tells of edits and
reviews, where the token may read it. A row becomes visible after its `_id` was taken: the walk starts some rows back.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self
from urllib.parse import quote

from connector.errors import GiveUp, RetryLater, SkipRecord
from connector.kobo_content import files_asked_for, form_version_of
from connector.kobo_session import kobo_session
from connector.session import NotThere, Patience
from connector.submission import FormVersion, Held, Page, Submission, Unreadable, review_of, without_uuid

__all__ = ["KoboSource"]

PAGE_ROWS = 1000  # the server's own limit
OVERLAP_ROWS = 200
CHANGED_ROWS = 200  # ids in one query: keeps the address below 4 kB
CHANGED_ROOTS = 40  # uuids are longer
MOST_WAITING = 200  # rows whose files are still on their way; older ones are left to the next listing
HISTORY_EVENTS = 100
HISTORY_OVERLAP = dt.timedelta(minutes=5)
SWEEP_EVERY = dt.timedelta(hours=6)
NARROW = ["_id", "_uuid", "_validation_status"]
NOT_ANSWERS = frozenset({"formhub/uuid", "meta/rootUuid"})
FORBIDDEN = "forbidden"
CHANGES = "(action:modify-submission OR action:delete-submission)"
TIME = "%Y-%m-%dT%H:%M:%SZ"

Row = Mapping[str, Any]
Clock = Callable[[], dt.datetime]


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class _Mark:
    """The cursor. `after` is where the walk starts, `newest` the highest `_id` seen, `count` how many rows the server
    had at the end of the last run (None: not known), `swept` when everything was last listed (our clock: it only says
    when to list again), `history` up to when its events are known (None: never asked; "": it was empty), `known`
    those of them that the overlap will show again, `waiting` {_id: files that have come} of rows that lack some.
    """

    after: int = 0
    newest: int = 0
    count: int | None = None
    swept: str = ""
    history: str | None = None
    known: tuple[str, ...] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: Mapping[str, Any] | None) -> Self:
        found = cursor or {}
        return cls(
            after=int(found.get("after", 0)),
            newest=int(found.get("newest", 0)),
            count=found.get("count"),
            swept=str(found.get("swept", "")),
            history=found.get("history"),
            known=tuple(found.get("known", ())),
            waiting=dict(found.get("waiting", {})),
        )


@dataclass(frozen=True)
class _Names:
    """What a version of the asset is to us: our form and version, and the questions that are answered with a file."""

    form_id: str
    version: str
    files: Sequence[str] = ()


@dataclass
class _Walked:
    """What the run's walk has seen; its sweep goes on from there. `roots` None: too many to be listed by a walk."""

    mark: _Mark = field(default_factory=_Mark)
    rows: int = 0
    fresh: int = 0
    from_start: bool = False
    roots: set[str] | None = None


class KoboSource:
    """One deployed form (asset) on a KoboToolbox server, read with a token that may view its submissions.

    `sweep_every` is how often a project of more than a page is listed completely (0: in every run); an edit or a
    review in such a project is seen at the latest then.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        asset: str,
        name: str = "kobo",
        token_name: str = "KOBO_TOKEN",  # noqa: S107 - the name of a variable
        patience: Patience | None = None,
        page_rows: int = PAGE_ROWS,
        overlap_rows: int = OVERLAP_ROWS,
        sweep_every: dt.timedelta = SWEEP_EVERY,
        now: Clock = _utc_now,
    ) -> None:
        self.name = name
        self._uid = asset
        self._page_rows, self._overlap_rows = page_rows, overlap_rows
        self._sweep_every, self._now = sweep_every, now
        self._path = f"api/v2/assets/{quote(asset, safe='')}/"
        self._versions: dict[tuple[str, str], FormVersion] = {}
        self._lost: dict[tuple[str, str], SkipRecord] = {}
        self._names: dict[str, _Names] = {}
        self._asked: dict[str, tuple[str, ...]] = {}
        self._walked = _Walked()
        self._http = kobo_session(url, token=token, token_name=token_name, patience=patience)

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
        """Rows in the order of `_id`, from some rows before the newest one known."""
        self._lost.clear()  # a version that could not be had is asked for once in a run, and again in the next
        mark = _Mark.read(cursor)
        self._names = {version: _Names(*found) for version, found in (cursor or {}).get("names", {}).items()}
        if cursor is None:
            mark = self._first_look(mark)
        start = mark.after == 0
        walked = self._walked = _Walked(mark, from_start=start, roots=set() if start else None)
        recent: deque[int] = deque(maxlen=self._overlap_rows + 1)
        for rows in self._walk(mark.after):
            numbers = [int(row["_id"]) for row in rows]
            recent.extend(numbers)
            walked.rows += len(rows)
            walked.fresh += sum(number > mark.newest for number in numbers)
            walked.roots = self._joined(walked.roots, rows)
            page = self._page(rows)
            walked.mark = replace(
                walked.mark,
                # A short list of rows starts over: then the whole project is the overlap.
                after=recent[0] if len(recent) > self._overlap_rows else walked.mark.after,
                newest=max(walked.mark.newest, *numbers),
                waiting=self._waiting(walked.mark.waiting, rows),
            )
            yield replace(page, cursor=self._cursor(walked.mark))

    def sweep(self, held: Held) -> Iterator[Page]:
        """What a walk cannot see. An empty listing is given on: the caller refuses it."""
        walked = self._walked
        if walked.from_start and walked.roots is not None:
            # The walk was the listing: every row came with its version and its review.
            yield from self._concluded(held, walked.roots, walked.mark, count=walked.rows)
            return
        mark = yield from self._late_files(walked.mark)
        if self._was_read_whole(held):
            count = self._count()
            if count == walked.rows:
                yield Page(cursor=self._cursor(mark, count=count, swept=self._now()))
                return
        elif not self._must_list(mark):
            mark, roots = self._news(mark)
            count = self._count()
            if count == (mark.count or 0) + walked.fresh and (yield from self._changed_roots(roots)):
                yield Page(cursor=self._cursor(mark, count=count))
                return
        yield from self._listed(held, self._look_again(mark))

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        """Our form behind the asset's version. An edited row may name none: then it is the deployed one."""
        key = (native_form, native_version)
        if key in self._lost:
            raise self._lost[key]
        if key not in self._versions:
            try:
                self._versions[key] = self._fetch_version(native_form, native_version)
            except SkipRecord as error:
                self._lost[key] = error
                raise
        return self._versions[key]

    def committed(self, page: Page) -> None:
        """KoboToolbox needs no acknowledgement."""

    def reread(self, native_id: str, raw: str) -> Submission:  # noqa: ARG002 - the protocol's
        """A row out of the quarantine's copy. SkipRecord when its form version still cannot be had."""
        row = json.loads(raw)
        return self._submission(_root(row), row)

    def _cursor(
        self, mark: _Mark, *, count: int | None = None, swept: dt.datetime | None = None
    ) -> dict[str, Any]:
        """The mark as JSON, with what the versions are to us: the rows of the overlap need not ask again."""
        found = asdict(mark) | {"known": list(mark.known)}
        if count is not None:
            found["count"] = count
        if swept is not None:
            found["swept"] = swept.isoformat()
        names = {version: [one.form_id, one.version, list(one.files)] for version, one in self._names.items()}
        return found | {"names": names}

    # listing everything

    def _must_list(self, mark: _Mark) -> bool:
        """Whether all rows fit one page anyway, or the last listing is too long ago (or in the future: a clock moved)."""
        if not mark.swept or self._is_small(mark):
            return True
        return abs(self._now() - dt.datetime.fromisoformat(mark.swept)) >= self._sweep_every

    def _is_small(self, mark: _Mark) -> bool:
        return mark.count is None or mark.count + self._walked.fresh <= self._page_rows

    def _was_read_whole(self, held: Held) -> bool:
        """Whether this run has read every row, and nothing is held that it did not read."""
        return (
            self._walked.from_start and self._sweep_every > dt.timedelta(0) and len(held) <= self._walked.rows
        )

    def _listed(self, held: Held, mark: _Mark) -> Iterator[Page]:
        """Changed rows first, the complete listing last."""
        seen: set[str] = set()
        changed: dict[str, int] = {}
        count = 0
        for rows in self._walk(0, fields=NARROW):
            count += len(rows)
            for row in rows:
                root = _root(row)
                seen.add(root)
                # Two rows with one root: a failed request left a ghost behind. The one with the higher _id is real.
                if held.same(root, _version(row), review_of(_validation(row))):
                    changed.pop(root, None)
                else:
                    changed[root] = int(row["_id"])
        for some in _some(list(changed.values()), CHANGED_ROWS):
            yield self._page(self._by_number(some))
        yield from self._concluded(held, seen, mark, count=count)

    def _concluded(self, held: Held, roots: set[str], mark: _Mark, *, count: int) -> Iterator[Page]:
        """The listing. Before anything is taken for deleted, the account must be one that sees every row."""
        listing = frozenset(roots)
        if held.missing(listing):
            self._require_sight_of_every_row()
        yield Page(listing=listing, cursor=self._cursor(mark, count=count, swept=self._now()))

    def _require_sight_of_every_row(self) -> None:
        """GiveUp for an account with row-level permission: it gets fewer rows without any hint."""
        found = self._asset(self._path).get("effective_permissions")
        if not isinstance(found, list):
            return
        names = {one.get("codename") for one in found if isinstance(one, Mapping)}
        if names and "view_submissions" not in names:
            raise GiveUp(
                f"{self._http.place} shows this account only some submissions of {self._uid!r}, so what is missing was "
                "not taken for deleted. Share the project with the account with the permission View submissions, for "
                "all submissions."
            )

    def _count(self) -> int:
        """How many rows there are."""
        return int(self._rows({"_id": {"$gt": 0}}, 1, ["_id"])["count"])

    # what happened in between

    def _late_files(self, mark: _Mark) -> Generator[Page, None, _Mark]:
        """Rows whose files came after them, again; returns the mark without those that are complete."""
        if not mark.waiting:
            return mark
        rows = self._by_number([int(number) for number in mark.waiting], all_gone=True)
        came = [row for row in rows if _files_there(row) != mark.waiting[str(row["_id"])]]
        there = {str(row["_id"]) for row in rows}
        still = {number: files for number, files in mark.waiting.items() if number in there}
        if came:
            yield self._page(came)
        return replace(mark, waiting=self._waiting(still, came))

    def _waiting(self, known: Mapping[str, int], rows: Sequence[Row]) -> Mapping[str, int]:
        """{_id: files that are there} of the rows whose answers name more files than that."""
        if not any(one.files for one in self._names.values()):
            return known
        waiting = dict(known)
        for row in rows:
            waiting.pop(str(row["_id"]), None)
            names = self._names.get(str(row.get("__version__") or ""))
            asked = names.files if names else ()
            there = _files_there(row)
            if asked and there < sum(_without_places(path) in asked for path in _answers(row)):
                waiting[str(row["_id"])] = there
        return dict(list(waiting.items())[-MOST_WAITING:])

    def _news(self, mark: _Mark) -> tuple[_Mark, list[str]]:
        """The roots of rows edited or reviewed since the mark, by the project's history; none where it may not be read."""
        if mark.history in (None, FORBIDDEN):
            return mark, []
        try:
            events = list(self._events(mark.history or ""))
        except GiveUp:
            return replace(mark, history=FORBIDDEN), []
        names = {_event_name(one): _event_root(one) for one in events if _event_root(one)}
        fresh = [root for name, root in names.items() if name not in mark.known]
        since = max([mark.history or "", *(_before(name[:20]) for name in names)])
        again = tuple(name for name in names if name[:20] >= since)
        return replace(mark, history=since, known=again), list(dict.fromkeys(fresh))

    def _look_again(self, mark: _Mark) -> _Mark:
        """Before a large project is listed: may the history be read by now?"""
        unknown = mark.history in (None, FORBIDDEN)
        return self._first_look(mark) if unknown and not self._is_small(mark) else mark

    def _first_look(self, mark: _Mark) -> _Mark:
        """Where the history stands before everything is read. Only who manages the project may read it: never mind."""
        try:
            newest = [str(one["date_created"]) for one in self._events("", most=1)]
        except GiveUp:
            return replace(mark, history=FORBIDDEN, known=())
        return replace(mark, history=_before(newest[0]) if newest else "", known=())

    def _events(self, since: str, most: int | None = None) -> Iterator[Row]:
        """Edits, reviews and deletions since then, newest first."""
        words = f'{CHANGES} AND date_created__gte:"{since}"' if since else CHANGES
        start, limit = 0, str(most or HISTORY_EVENTS)
        while True:
            params = {"format": "json", "q": words, "limit": limit, "start": str(start)}
            answer = self._http.get_json(self._path + "history/", params)
            events = answer.get("results") if isinstance(answer, dict) else None
            if not isinstance(events, list) or not all(
                isinstance(one, dict) and one.get("date_created") for one in events
            ):
                raise RetryLater(f"{self._http.place} answered without a history; the next run tries again.")
            yield from events
            start += len(events)
            if most or not events or start >= int(answer.get("count", 0)):
                return

    def _changed_roots(self, roots: list[str]) -> Generator[Page, None, bool]:
        """The rows of these roots; returns False when none of some comes: then only a listing tells what became of them."""
        for some in _some(roots, CHANGED_ROOTS):
            query = {"meta/rootUuid": {"$in": [f"uuid:{root}" for root in some]}}
            rows = self._rows(query, self._page_rows)["results"]
            if not rows:
                return False
            yield self._page(rows)
        return True

    # reading rows

    def _joined(self, roots: set[str] | None, rows: Sequence[Row]) -> set[str] | None:
        """The roots of a walk while they are few enough to be kept: of a large project the listing is made apart."""
        if roots is None or len(roots) + len(rows) > self._page_rows:
            return None
        return roots | {_root(row) for row in rows}

    def _walk(self, after: int, fields: list[str] | None = None) -> Iterator[list[Row]]:
        """All rows beyond `after` in ascending `_id`, a page at a time; RetryLater when some are missing.

        Not by `start`: rows deleted during the walk would move the window and others would be skipped. A page that is
        empty although the one before announced more is no end: an operator a server does not know matches nothing.
        """
        left = 0
        while True:
            answer = self._rows({"_id": {"$gt": after}}, self._page_rows, fields)
            rows, count = answer["results"], int(answer["count"])
            if not rows:
                if count or left:
                    raise RetryLater(
                        f"{self._http.place} announces {count or left} more rows of {self._uid!r} and sends none; "
                        "the next run tries again."
                    )
                return
            last = max(int(row["_id"]) for row in rows)
            if last <= after:
                raise GiveUp(
                    f"{self._http.place} sends the same rows again and again; it is not a KoboToolbox this program "
                    "knows. Nothing was lost; please report it."
                )
            yield rows
            if len(rows) >= count:
                return
            after, left = last, count - len(rows)

    def _by_number(self, numbers: Sequence[int], *, all_gone: bool = False) -> list[Row]:
        """Whole rows by their `_id`. RetryLater when none comes, unless all may be gone."""
        rows: list[Row] = self._rows({"_id": {"$in": list(numbers)}}, len(numbers))["results"]
        if not rows and not all_gone:
            # Rows deleted meanwhile may be missing, but not all: an operator a server does not know matches nothing.
            raise RetryLater(
                f"{self._http.place} lists changed rows and does not send them; the next run tries again."
            )
        return rows

    def _rows(self, query: Mapping[str, Any], limit: int, fields: list[str] | None = None) -> Any:
        params = {
            "format": "json",
            "query": json.dumps(query),
            "sort": '{"_id":1}',
            "limit": str(limit),
        }
        if fields:
            params["fields"] = json.dumps(fields)
        try:
            answer = self._http.get_json(self._path + "data/", params)
        except NotThere as error:
            raise self._why_not_there() from error
        if not _is_listing(answer):
            raise RetryLater(f"{self._http.place} answered without a list of rows; the next run tries again.")
        return answer

    def _why_not_there(self) -> GiveUp:
        """Data that are not there, in words: the same 404 stands for a wrong uid and for a lost permission."""
        try:
            self._asset(self._path)
        except GiveUp:
            return GiveUp(
                f"{self._http.place} shows no project {self._uid!r} to this token: the uid in `assets` is wrong, the "
                "project was deleted, or it is not shared with the account. Nothing was deleted here. Share the "
                "project with the account (View submissions) or correct config.yml."
            )
        return GiveUp(
            f"{self._http.place} shows the project {self._uid!r} to this token, and not its submissions. Nothing was "
            "deleted here. Share the project with the account with the permission View submissions."
        )

    # making submissions of them

    def _page(self, rows: Sequence[Row]) -> Page:
        submissions: list[Submission] = []
        unreadable: list[Unreadable] = []
        for root, row in {_root(row): row for row in rows}.items():
            try:
                submissions.append(self._submission(root, row))
            except SkipRecord as error:
                raw = json.dumps(row, ensure_ascii=False)
                unreadable.append(Unreadable(self.name, str(row["_id"]), str(error), raw))
        return Page(tuple(submissions), tuple(unreadable))

    def _submission(self, root: str, row: Row) -> Submission:
        native_version = str(row.get("__version__") or "")
        names = self._names.get(native_version) or self._named(native_version)
        return Submission(
            source=self.name,
            native_form=self._uid,
            native_version=native_version,
            form_id=names.form_id,
            form_version=names.version,
            root_id=root,
            version_id=_version(row),
            changed_at=_utc(row),
            mode="enumerator",
            collector=None,
            review=review_of(_validation(row)),
            deleted=False,
            answers=_answers(row),
            native_id=str(row["_id"]),
        )

    def _named(self, native_version: str) -> _Names:
        """Our names for a version; kept, but for a row that names none: the deployed version will be another one day."""
        form = self.form_version(self._uid, native_version)
        names = _Names(form.form_id, form.version, self._asked.get(native_version, ()))
        if native_version:
            self._names[native_version] = names
        return names

    def _fetch_version(self, native_form: str, native_version: str) -> FormVersion:
        path = f"api/v2/assets/{quote(native_form, safe='')}/"
        asset: Any = {} if native_version else self._asset(path)
        version = native_version or str(asset.get("deployed_version_id") or "")
        try:
            answer = self._http.get_json(f"{path}versions/{quote(version, safe='')}/", {"format": "json"})
        except NotThere as error:
            raise SkipRecord(
                f"KoboToolbox does not show version {version!r} of the form {native_form!r}, so the record cannot be "
                "read; it stays in the quarantine and is tried again with every run."
            ) from error
        content = answer.get("content") or {}
        if not (content.get("settings") or {}).get("id_string"):
            asset = asset or self._asset(path)
        self._asked[native_version] = files_asked_for(content)
        return form_version_of(content, asset.get("content") or {})

    def _asset(self, path: str) -> Any:
        return self._http.get_json(path, {"format": "json"})


def _some(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _is_listing(answer: Any) -> bool:
    """Whether it has the shape of a page of rows: everything after this relies on it."""
    if not isinstance(answer, dict) or not isinstance(answer.get("count"), int):
        return False
    rows = answer.get("results")
    return isinstance(rows, list) and all(
        isinstance(row, dict) and isinstance(row.get("_id"), int) and row.get("_uuid") for row in rows
    )


def _root(row: Row) -> str:
    """`meta/rootUuid` is there in every listing; older servers have `_uuid` only."""
    return without_uuid(str(row.get("meta/rootUuid") or row["_uuid"]))


def _version(row: Row) -> str:
    return without_uuid(str(row["_uuid"]))


def _validation(row: Row) -> str | None:
    status = row.get("_validation_status")
    return str(status["uid"]) if isinstance(status, dict) and status.get("uid") else None


def _files_there(row: Row) -> int:
    """How many files of a row have come."""
    found = row.get("_attachments") or ()
    return sum(isinstance(one, Mapping) and not one.get("is_deleted") for one in found)


def _before(moment: str) -> str:
    """A time of the history, less the overlap."""
    return (dt.datetime.fromisoformat(moment) - HISTORY_OVERLAP).strftime(TIME)


def _event_root(event: Row) -> str:
    submission = (event.get("metadata") or {}).get("submission") or {}
    return without_uuid(str(submission.get("root_uuid") or ""))


def _event_name(event: Row) -> str:
    """What an event is known by when the overlap shows it again; begins with its time."""
    status = ((event.get("metadata") or {}).get("submission") or {}).get("status") or ""
    return f"{event['date_created']} {event.get('action')} {_event_root(event)} {status}"


def _utc(row: Row) -> dt.datetime | None:
    """`_submission_time` is UTC without saying so, cut to seconds."""
    try:
        return dt.datetime.fromisoformat(str(row.get("_submission_time"))).replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def _answers(row: Row) -> dict[str, str]:
    """Texts by path. Nearly all values are texts already: whole pages of rows pass through here."""
    answers: dict[str, str] = {}
    for key, value in row.items():
        if key[:1] == "_" or key in NOT_ANSWERS:
            continue
        if type(value) is str:
            if value:
                answers[key] = value
        else:
            answers.update(_flat(key, value, "", ""))
    return answers


def _flat(key: str, value: Any, parent: str, renamed: str) -> Iterator[tuple[str, str]]:
    """Paths as in an instance. A repeat is a list whose keys hold the full path without positions."""
    path = renamed + key.removeprefix(parent)
    if isinstance(value, list):
        for position, one in enumerate(value, start=1):
            if not isinstance(one, Mapping):
                continue
            # As in an instance: only several instances of a repeat are numbered.
            own = f"{path}[{position}]" if len(value) > 1 else path
            for name, inner in one.items():
                yield from _flat(name, inner, key, own)
    elif value is not None and value != "":
        yield path, str(value)


def _without_places(path: str) -> str:
    """`visit[2]/photo` as the form calls it."""
    if "[" not in path:
        return path
    return "/".join(part.partition("[")[0] for part in path.split("/"))
