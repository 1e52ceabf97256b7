"""KoboToolbox: a walk along `_id` for what is new, a narrow sweep for edits, reviews and deletions.

The data have no modification time: an edit changes `_uuid` and nothing else, a review only `_validation_status`, a
deleted row just vanishes. So every run ends with a complete listing of three columns, compared with what is held.
A row becomes visible after its `_id` was taken: the walk starts some rows back each time.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from connector.errors import GiveUp, RetryLater, SkipRecord
from connector.kobo_content import form_version_of
from connector.session import HttpSession, NotThere, Patience
from connector.submission import FormVersion, Held, Page, Submission, Unreadable, review_of, without_uuid

__all__ = ["KoboSource"]

PAGE_ROWS = 1000  # the server's own limit
OVERLAP_ROWS = 200
CHANGED_ROWS = 200  # ids in one query: keeps the address below 4 kB
NARROW = ["_id", "_uuid", "_validation_status"]
NOT_ANSWERS = ("_", "formhub/uuid", "meta/rootUuid")

Row = Mapping[str, Any]


class KoboSource:
    """One deployed form (asset) on a KoboToolbox server, read with a token that may view its submissions."""

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
    ) -> None:
        self.name = name
        self._uid = asset
        self._page_rows = page_rows
        self._path = f"api/v2/assets/{quote(asset, safe='')}/"
        self._versions: dict[tuple[str, str], FormVersion] = {}
        self._http = HttpSession(
            url,
            service="KoboToolbox",
            authorization=lambda: f"Token {token}",
            unauthorized=(
                f"does not accept the token in {token_name}; make a new one under Account settings → Security "
                "and put it there"
            ),
            patience=patience,
        )
        self._missing = (
            f"shows no project {asset!r} to this token: the uid in `assets` is wrong, the project was deleted, or the "
            "account may not view its submissions. Nothing was deleted here. Share the project with the account "
            "(View submissions) or correct config.yml"
        )

    def __enter__(self) -> KoboSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def pages(self, cursor: dict[str, Any] | None) -> Iterator[Page]:
        """Rows in the order of `_id`, from some rows before the newest one known."""
        after = int((cursor or {}).get("after", 0))
        recent: deque[int] = deque(maxlen=OVERLAP_ROWS + 1)
        for rows in self._walk(after):
            recent.extend(int(row["_id"]) for row in rows)
            # A short list of rows starts over: then the whole project is the overlap.
            after = recent[0] if len(recent) > OVERLAP_ROWS else after
            yield self._page(rows, {"after": after})

    def sweep(self, held: Held) -> Iterator[Page]:
        """Changed rows first, the complete listing last. An empty listing is given on: the caller refuses it."""
        newest: dict[str, Row] = {}
        for rows in self._walk(0, fields=NARROW):
            # Two rows with one root: a failed request left a ghost behind. The higher _id is the real one.
            newest.update({_root(row): row for row in rows})
        changed = [
            int(row["_id"])
            for root, row in newest.items()
            if not held.same(root, _version(row), review_of(_validation(row)))
        ]
        for start in range(0, len(changed), CHANGED_ROWS):
            some = changed[start : start + CHANGED_ROWS]
            rows = self._rows({"_id": {"$in": some}}, len(some))["results"]
            if not rows:
                # Rows deleted meanwhile may be missing, but not all: an operator a server does not know matches nothing.
                raise RetryLater(
                    f"{self._http.place} lists changed rows and does not send them; the next run tries again."
                )
            yield self._page(rows, None)
        yield Page(listing=frozenset(newest))

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        """Our form behind the asset's version. An edited row may name none: then it is the deployed one."""
        key = (native_form, native_version)
        if key not in self._versions:
            self._versions[key] = self._fetch_version(native_form, native_version)
        return self._versions[key]

    def committed(self, page: Page) -> None:
        """KoboToolbox needs no acknowledgement."""

    def reread(self, native_id: str, raw: str) -> Submission:  # noqa: ARG002 - the protocol's
        """A row out of the quarantine's copy. SkipRecord when its form version still cannot be had."""
        return self._submission(json.loads(raw))

    def _walk(self, after: int, fields: list[str] | None = None) -> Iterator[list[Row]]:
        """All rows beyond `after` in ascending `_id`, a page at a time; RetryLater when rows are missing.

        Not by `start`: rows deleted during the walk would move the window and others would be skipped.
        """
        while True:
            answer = self._rows({"_id": {"$gt": after}}, self._page_rows, fields)
            rows, count = answer["results"], int(answer["count"])
            if not rows:
                if count:
                    raise RetryLater(
                        f"{self._http.place} announces {count} more rows of {self._uid!r} and sends none; "
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
            after = last

    def _rows(self, query: Mapping[str, Any], limit: int, fields: list[str] | None = None) -> Any:
        params = {
            "format": "json",
            "query": json.dumps(query),
            "sort": '{"_id":1}',
            "limit": str(limit),
        }
        if fields:
            params["fields"] = json.dumps(fields)
        answer = self._http.get_json(self._path + "data/", params, missing=self._missing)
        if not _is_listing(answer):
            raise RetryLater(f"{self._http.place} answered without a list of rows; the next run tries again.")
        return answer

    def _page(self, rows: list[Row], cursor: dict[str, Any] | None) -> Page:
        submissions: list[Submission] = []
        unreadable: list[Unreadable] = []
        for row in {_root(row): row for row in rows}.values():
            try:
                submissions.append(self._submission(row))
            except SkipRecord as error:
                raw = json.dumps(row, ensure_ascii=False)
                unreadable.append(Unreadable(self.name, str(row["_id"]), str(error), raw))
        return Page(tuple(submissions), tuple(unreadable), cursor)

    def _submission(self, row: Row) -> Submission:
        native_version = str(row.get("__version__") or "")
        form = self.form_version(self._uid, native_version)
        return Submission(
            source=self.name,
            native_form=self._uid,
            native_version=native_version,
            form_id=form.form_id,
            form_version=form.version,
            root_id=_root(row),
            version_id=_version(row),
            changed_at=_utc(row),
            mode="enumerator",
            collector=None,
            review=review_of(_validation(row)),
            deleted=False,
            answers=dict(_answers(row)),
            native_id=str(row["_id"]),
        )

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
        return form_version_of(content, asset.get("content") or {})

    def _asset(self, path: str) -> Any:
        return self._http.get_json(path, {"format": "json"}, missing=self._missing)


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
    status = row.get("_validation_status") or {}
    return str(status.get("uid")) if isinstance(status, Mapping) and status.get("uid") else None


def _utc(row: Row) -> dt.datetime | None:
    """`_submission_time` is UTC without saying so, cut to seconds."""
    try:
        return dt.datetime.fromisoformat(str(row.get("_submission_time"))).replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def _answers(row: Row) -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if not key.startswith(NOT_ANSWERS):
            yield from _flat(key, value, "", "")


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
