"""The bot's outbox as a source: rows are opened with the connector's private key and deleted once they are stored.

Delivery is at least once: a crash between the store's commit and the acknowledgement brings the same rows again, and
the store knows them by their instance id. A row that cannot be stored stays in the outbox, sealed. An alert is not for the
connector; one that nobody fetched goes after some weeks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bot.outbox import Outbox, Row, UnreadableError, WordsError, open_row
from connector.errors import RetryLater, SkipRecord
from connector.local_forms import LocalForms
from connector.submission import FormVersion, Held, Page, Submission, Unreadable, Withdrawal, without_uuid
from xlsforms import Form, Instance, read_instance
from xlsforms.errors import FormError

__all__ = ["ChatSource"]

ROWS_PER_PAGE = 200
ALERTS = dt.timedelta(days=30)


class ChatSource:
    """Finished interviews of the bot. The caller owns `outbox` and closes it."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        private_key: str,
        forms: Iterable[Form],
        name: str = "chat",
        rows_per_page: int = ROWS_PER_PAGE,
        alerts: dt.timedelta = ALERTS,
    ) -> None:
        self.name = name
        self._alerts = alerts
        self._outbox = outbox
        # A closure, not an attribute: nothing that prints this object can print the key.
        self._unseal: Callable[[Row], str] = lambda row: open_row(row, private_key)
        self._forms = LocalForms(forms)
        self._rows_per_page = rows_per_page

    def __repr__(self) -> str:
        return f"<ChatSource {self.name}>"

    def pages(self, cursor: dict[str, Any] | None) -> Iterator[Page]:  # noqa: ARG002 - the protocol's
        """Everything in the outbox: what was stored is no longer there, so no cursor is needed."""
        after = 0
        while rows := self._take(after):
            after = rows[-1].seq
            yield self._page(rows)

    def sweep(self, held: Held) -> Iterator[Page]:  # noqa: ARG002 - the protocol's
        """Nothing: the outbox forgets what it delivered."""
        return iter(())

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        """The local workbook's version. SkipRecord when it is not at hand."""
        return self._forms.version(native_form, native_version)

    def committed(self, page: Page) -> None:
        """Delete from the outbox what the store has committed."""
        delivered = [one.native_id for one in page.submissions]
        delivered += [one.native_id for one in page.withdrawals]
        if not delivered:
            return
        try:
            self._outbox.acknowledge(delivered)
        except UnreadableError as error:
            raise RetryLater(
                f"{error} What was stored comes again with the next run and counts once."
            ) from error

    def forget(self, today: dt.date) -> int:
        """Delete alerts that waited for too long; how many there were."""
        try:
            return self._outbox.discard("alert", before=today - self._alerts)
        except UnreadableError as error:
            raise RetryLater(f"{error} The next run tries again.") from error

    def _take(self, after: int) -> list[Row]:
        try:
            return self._outbox.take(after, self._rows_per_page)
        except UnreadableError as error:
            raise RetryLater(f"{error} The next run tries again.") from error

    def _page(self, rows: list[Row]) -> Page:
        submissions: list[Submission] = []
        unreadable: list[Unreadable] = []
        withdrawals: list[Withdrawal] = []
        for row in rows:
            try:
                if row.kind == "evaluation":
                    submissions.append(self._submission(row, self._open(row)))
                elif row.kind == "withdrawal":
                    withdrawals.append(self._withdrawal(row, self._open(row)))
            except SkipRecord as error:
                unreadable.append(Unreadable(self.name, row.id, str(error), row.sealed.hex()))
        return Page(tuple(submissions), tuple(unreadable), None, None, tuple(withdrawals))

    def _open(self, row: Row) -> Instance:
        try:
            return read_instance(self._unseal(row))
        except WordsError as error:
            raise SkipRecord(f"{error} The row stays in the outbox.") from error
        except FormError as error:
            raise SkipRecord(f"{error} The row stays in the outbox.") from error

    def _submission(self, row: Row, instance: Instance) -> Submission:
        if not instance.instance_id:
            raise SkipRecord("The interview has no instanceID, so it cannot be told from another one.")
        form_id, form_version = self._forms.names(instance.form_id, instance.version)
        root = without_uuid(instance.instance_id)
        return Submission(
            source=self.name,
            native_form=instance.form_id,
            native_version=instance.version,
            form_id=form_id,
            form_version=form_version,
            root_id=root,
            version_id=root,
            changed_at=dt.datetime.combine(row.day, dt.time(), tzinfo=dt.UTC),
            mode="chat",
            collector=None,
            review="none",
            deleted=False,
            answers=instance.answers,
            native_id=row.id,
        )

    def _withdrawal(self, row: Row, instance: Instance) -> Withdrawal:
        """The receipt is the answer called `receipt`, in whatever form it was given."""
        for path, answer in instance.answers.items():
            if path.rsplit("/", 1)[-1] == "receipt":
                return Withdrawal(self.name, row.id, answer)
        raise SkipRecord("The withdrawal names no receipt, so it is not known what to erase.")
