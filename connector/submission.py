"""What every source yields: the submission, the page it comes on, and the protocol a source fulfils."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from xlsforms import Mark

__all__ = [
    "FormVersion",
    "Held",
    "Mode",
    "Page",
    "Review",
    "Source",
    "Submission",
    "Unreadable",
    "Withdrawal",
    "precedence",
    "review_of",
    "without_uuid",
]

Review = Literal["none", "approved", "on_hold", "rejected"]
Mode = Literal["enumerator", "chat"]

# A platform outranks a Collect folder, the folder outranks the chat (docs/decisions/0004).
_PRECEDENCE = {"kobo": 3, "central": 3, "collect": 2, "chat": 1}

_REVIEWS: dict[str, Review] = {
    "validation_status_approved": "approved",
    "validation_status_not_approved": "rejected",
    "validation_status_on_hold": "on_hold",
    "approved": "approved",
    "rejected": "rejected",
    "hasIssues": "on_hold",
}


@dataclass(frozen=True)
class Submission:
    """One filled form as a source delivered it.

    `source` is the source's name ("kobo", "kobo:a1b2…"), `root_id` the instance id of the first version and
    `version_id` that of this one, both without `uuid:`; `changed_at` is the server's time (UTC) or None;
    `answers` maps question paths without the root element to text; `native_id` is how the source itself calls the row.
    """

    source: str
    native_form: str
    native_version: str
    form_id: str
    form_version: str
    root_id: str
    version_id: str
    changed_at: dt.datetime | None
    mode: Mode
    collector: str | None
    review: Review
    deleted: bool
    answers: Mapping[str, str] = field(repr=False)
    native_id: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A record that could not be understood: kept sealed in the quarantine with its reason."""

    source: str
    native_id: str
    reason: str
    raw: str = field(repr=False)


@dataclass(frozen=True)
class Withdrawal:
    """A survivor takes an evaluation back; her receipt says which."""

    source: str
    native_id: str
    receipt: str = field(repr=False)


@dataclass(frozen=True)
class Page:
    """What is stored in one transaction, and the cursor (JSON) from which to go on afterwards.

    `cursor` None leaves the stored one. `listing` is given only when it is the source's COMPLETE list of root ids:
    what the store holds of this source and the listing lacks was deleted there. `settled` are the native ids of records
    that can be read and need not be stored (a newer version is there): they leave the quarantine.
    """

    submissions: tuple[Submission, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    cursor: dict[str, Any] | None = None
    listing: frozenset[str] | None = None
    withdrawals: tuple[Withdrawal, ...] = ()
    settled: tuple[str, ...] = ()


@dataclass(frozen=True)
class FormVersion:
    """One version of one of our forms: what its questions mean, and the XForm where it could be had."""

    form_id: str
    version: str
    marks: tuple[Mark, ...]
    xform: str | None = None


class Held(Protocol):
    """What the store holds of one source, for a sweep to compare with."""

    def __len__(self) -> int:
        """How many of the source's rows are known and not deleted (rows that were refused included)."""
        ...

    def same(self, root_id: str, version_id: str, review: Review) -> bool:
        """Whether exactly this version in this state of review is known."""
        ...

    def missing(self, listing: frozenset[str]) -> int:
        """How many known rows a complete listing lacks."""
        ...


class Source(Protocol):
    """Where submissions come from. A new source is one file with these five."""

    @property
    def name(self) -> str:
        """Its name in the store; what stands before a colon is its kind: kobo, central, collect, chat."""
        ...

    def pages(self, cursor: dict[str, Any] | None) -> Iterator[Page]:
        """What is new since `cursor` (None: everything), oldest promise first: a page is yielded whole or not at all."""
        ...

    def sweep(self, held: Held) -> Iterator[Page]:
        """Edits, reviews and deletions that `pages` cannot see, by comparing with what the store holds."""
        ...

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        """Which of our forms that is. Raises SkipRecord when it cannot be had."""
        ...

    def committed(self, page: Page) -> None:
        """Called after the store has committed a page: the moment to acknowledge."""
        ...


def precedence(source: str) -> int:
    """The rank of a source by its name: the higher one's content counts."""
    return _PRECEDENCE[source.split(":", 1)[0]]


def review_of(state: str | None) -> Review:
    """One word for the review states of both platforms; unknown, "edited" and none are "none"."""
    return _REVIEWS.get(state or "", "none")


def without_uuid(identifier: str) -> str:
    """The instance id without its `uuid:` prefix."""
    return identifier.strip().removeprefix("uuid:")
