"""How a survivor's wish to be forgotten is carried out everywhere, so that stopping anywhere and repeating finishes it.

In this order: the erasure list on the disk, the store, the bot's outbox, then each place the record came from. After
the first step nothing can come back; what the last one cannot do is said, with what a person does by hand.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from connector.erasers import Eraser
from connector.erasure_list import ErasureList
from connector.errors import ConnectorError, SkipRecord
from connector.store import Audited, Erasures, Store, Task, Wish
from connector.submission import Page, Source, Submission

__all__ = ["Erased", "digits", "erase", "finish_erasures"]


@dataclass(frozen=True)
class Erased:
    """What an erasure did: instances taken out of the store, interviews out of the outbox, records at their sources;
    and what still lies at a source, each with its reason."""

    stored: int = 0
    outbox: int = 0
    at_sources: int = 0
    left: tuple[Task, ...] = ()


def erase(
    store: Store,
    wish: Wish,
    *,
    erasures: ErasureList,
    outbox: Source | None,
    erasers: Mapping[str, Eraser],
    today: dt.date,
) -> Erased:
    """Carry out a wish; `erasers` by the name of the source. Safe to repeat, also after an interruption."""
    wanted = store.wished(wish, today=today)
    erasures.add(store, wanted)
    stored = store.erase(wanted, today=today)
    erasures.add(store, store.erasures())
    waiting = sum(
        _erase_page(store, page, outbox, erasures, today) for page in _matching(store, wish, outbox)
    )
    done = replace(
        finish_erasures(store, erasers=erasers, today=today, audited=False), stored=stored, outbox=waiting
    )
    _audit(store, f"erase by {wish.by}", done, today)
    return done


def finish_erasures(
    store: Store, *, erasers: Mapping[str, Eraser], today: dt.date, audited: bool = True
) -> Erased:
    """Delete at the sources what was erased here and still lies there."""
    deleted, left = 0, []
    for task in store.erasure_tasks():
        try:
            if task.source not in erasers:
                raise SkipRecord(
                    f"config.yml no longer names {task.source}; delete record {task.native_id} there by hand."
                )
            erasers[task.source].erase(task.native_id)
        except ConnectorError as error:
            reason = str(error)
            store.fail_erasure(task, reason)
            left.append(replace(task, reason=reason))
            continue
        store.finish_erasure(task)
        deleted += 1
    done = Erased(at_sources=deleted, left=tuple(left))
    if audited:
        _audit(store, "finish erasures", done, today)
    return done


def digits(typed: str) -> str:
    """The plain digits of a number as a person wrote it: in any script, with blanks or dashes between."""
    return "".join(
        str(unicodedata.decimal(sign)) for sign in typed if unicodedata.decimal(sign, None) is not None
    )


def _matching(store: Store, wish: Wish, outbox: Source | None) -> Iterator[Page]:
    """What waits in the outbox and is meant; nothing of it is stored."""
    if outbox is None:
        return
    for page in outbox.pages(None):
        meant = tuple(one for one in page.submissions if _is_meant(store, outbox, wish, one))
        if meant:
            yield Page(meant)


def _is_meant(store: Store, outbox: Source, wish: Wish, one: Submission) -> bool:
    form = store.form(one.form_id, one.form_version)
    try:
        form = form or outbox.form_version(one.native_form, one.native_version)
    except SkipRecord:
        return False  # recognised by the list when its form is known, and never stored
    return wish.matches(one.answers, form)


def _erase_page(
    store: Store, page: Page, outbox: Source | None, erasures: ErasureList, today: dt.date
) -> int:
    wanted = Erasures(frozenset(store.erasure_hash(one.form_id, one.root_id) for one in page.submissions))
    erasures.add(store, wanted)
    store.erase(wanted, today=today)
    if outbox is not None:
        outbox.committed(page)
    return len(page.submissions)


def _audit(store: Store, action: str, done: Erased, today: dt.date) -> None:
    said = (
        f"{done.stored} taken out of the store, {done.outbox} out of the outbox, {done.at_sources} deleted at their "
        f"sources, {len(done.left)} still there."
    )
    store.add_audit(Audited(today, action, said))
