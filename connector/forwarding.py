"""Copies of chat evaluations for the platform, as a phone would have sent them; only where config.yml asks for it.

The copy goes out after the store has the evaluation and before the outbox forgets it: a crash in between sends it again,
and the platform knows it by its instance id. So does the store, when the platform shows it: it counts once.
What may not be stored is not sent, neither is what was erased.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol, Self
from urllib.parse import quote

from connector.errors import ConnectorError, GiveUp, RetryLater
from connector.kobo_content import form_version_of
from connector.kobo_session import kobo_session
from connector.session import Body, HttpSession, Patience, RefusedWrite, Upload
from connector.store import Store
from connector.submission import FormVersion, Held, Page, Source, Submission
from connector.sync import Forgetful

__all__ = ["CentralForwarder", "Forwarder", "Forwarding", "KoboForwarder", "filled_form"]

OPENROSA = {"X-OpenRosa-Version": "1.0"}
THERE_ALREADY = 409  # with other content: it was edited or deleted there since, and that counts
BUSY = 423  # KoboToolbox works on this very instance
STEP = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<number>[0-9]+)\])?")


class Forwarder(Protocol):
    """Sends one evaluation to a platform."""

    def forward(self, one: Submission) -> None:
        """Send it; nothing happens when it is there already. GiveUp, RetryLater."""
        ...


class Forwarding:
    """The chat with a copy of each evaluation sent on. A platform that does not take them stops nothing but the copies:
    everything is stored, what was not sent stays in the outbox too, and the run ends with the reason."""

    def __init__(self, chat: Source, store: Store, forwarder: Forwarder) -> None:
        self.name = chat.name
        self._chat, self._store, self._forwarder = chat, store, forwarder
        self._error: ConnectorError | None = None

    def pages(self, cursor: dict[str, Any] | None) -> Iterator[Page]:
        """The chat's pages."""
        self._error = None
        return self._chat.pages(cursor)

    def sweep(self, held: Held) -> Iterator[Page]:
        """The chat's sweep; then the reason why a copy could not be sent, if there was one."""
        yield from self._chat.sweep(held)
        if self._error is not None:
            raise self._error

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        """The chat's form versions."""
        return self._chat.form_version(native_form, native_version)

    def committed(self, page: Page) -> None:
        """Send the copies; the outbox forgets what needs none and what was sent."""
        meant = {(one.form_id, one.root_id) for one in self._store.storable(page.submissions)}
        done = [
            one for one in page.submissions if (one.form_id, one.root_id) not in meant or self._is_sent(one)
        ]
        self._chat.committed(Page(tuple(done), withdrawals=page.withdrawals))

    def forget(self, today: dt.date) -> int:
        """What the chat forgets."""
        return self._chat.forget(today) if isinstance(self._chat, Forgetful) else 0

    def _is_sent(self, one: Submission) -> bool:
        if self._error is not None:
            return False
        try:
            self._forwarder.forward(one)
        except ConnectorError as error:
            self._error = error
            return False
        return True


class CentralForwarder:
    """Sends to one project on ODK Central as an App User, who may send and can read nothing."""

    def __init__(
        self,
        url: str,
        *,
        token: str,
        project: int,
        token_name: str = "CENTRAL_APP_USER_TOKEN",  # noqa: S107 - the name of a variable
        patience: Patience | None = None,
    ) -> None:
        self._path = f"v1/projects/{project}/submission"
        self._missing = (
            f"did not take a chat evaluation: project {project} has no such form in this version, or the App User behind "
            f"{token_name} may not send it. Run `shakti forms deploy central` and give the App User the form; what was not sent "
            "waits in the outbox"
        )
        self._http = HttpSession(
            url,
            service="ODK Central",
            authorization=lambda: f"Bearer {token}",
            unauthorized=f"does not accept the App User's token in {token_name}; make a new App User and put its token there",
            patience=patience,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def forward(self, one: Submission) -> None:
        """Send one evaluation under our own form id and version."""
        _send(
            self._http,
            self._path,
            filled_form(one, root="data", form_id=one.form_id, version=one.form_version),
            self._missing,
        )


@dataclass(frozen=True)
class _Deployed:
    """A project as it is in service: its names for our form."""

    uid: str
    version: str
    formhub: str
    form: FormVersion


class KoboForwarder:
    """Sends to the projects of one KoboToolbox account that may add submissions and view the projects.

    `submissions_url` is the server that takes submissions where it is another one (kc.kobotoolbox.org).
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        assets: Iterable[str],
        submissions_url: str | None = None,
        token_name: str = "KOBO_FORWARD_TOKEN",  # noqa: S107 - the name of a variable
        patience: Patience | None = None,
    ) -> None:
        self._assets = tuple(assets)
        self._known: dict[str, _Deployed] = {}
        self._missing = (
            f"did not take a chat evaluation: the account behind {token_name} may not add submissions to the project. Share "
            "it with the account (Add submissions); what was not sent waits in the outbox"
        )

        account = {"token": token, "token_name": token_name}
        self._http = kobo_session(url, **account, patience=patience)
        self._submissions = kobo_session(submissions_url or url, **account, patience=patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._submissions.close()

    def forward(self, one: Submission) -> None:
        """Send one evaluation as a phone would that filled in the project's form."""
        deployed = self._deployed(one)
        filled = filled_form(
            one,
            root=deployed.uid,
            form_id=deployed.uid,
            version=deployed.version,
            first={"formhub/uuid": deployed.formhub},
            last={"__version__": deployed.version},
        )
        _send(self._submissions, "submission", filled, self._missing)

    def _deployed(self, one: Submission) -> _Deployed:
        if not self._known:
            self._known = {found.form.form_id: found for found in map(self._look, self._assets)}
        found = self._known.get(one.form_id)
        if found is None or found.form.version != one.form_version:
            there = found.form.version if found else "none"
            raise GiveUp(
                f"Chat evaluations of {one.form_id} {one.form_version} cannot be sent to {self._http.place}: in service there "
                f"is version {there}. Run `shakti forms deploy kobo`; what was not sent waits in the outbox."
            )
        return found

    def _look(self, uid: str) -> _Deployed:
        path = f"api/v2/assets/{quote(uid, safe='')}/"
        asset = self._http.get_json(path, {"format": "json"}, missing=self._missing)
        version = str(asset.get("deployed_version_id") or "")
        formhub = str(asset.get("deployment__uuid") or "")
        if not version or not formhub:
            raise GiveUp(f"The project {uid} on {self._http.place} is not deployed; deploy it there.")
        content = self._http.get_json(f"{path}versions/{quote(version, safe='')}/", {"format": "json"})
        form = form_version_of(content.get("content") or {}, asset.get("content") or {})
        return _Deployed(uid, version, formhub, form)


def filled_form(
    one: Submission,
    *,
    root: str,
    form_id: str,
    version: str,
    first: Mapping[str, str] | None = None,
    last: Mapping[str, str] | None = None,
) -> str:
    """The instance XML of a submission: always the same text, so that a second sending is known as one."""
    tree: dict[tuple[str, int], Any] = {}
    # The instance id comes last, where form clients write it.
    answers = {path: text for path, text in one.answers.items() if not path.startswith("meta/")}
    meta = {path: text for path, text in one.answers.items() if path.startswith("meta/")}
    for path, text in {**(first or {}), **answers, **(last or {}), **meta}.items():
        steps = [_step(part) for part in path.split("/")]
        place = tree
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = text
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{root} id="{escape(form_id)}" version="{escape(version)}">'
        f"{''.join(_elements(tree))}</{root}>"
    )


def _step(part: str) -> tuple[str, int]:
    found = STEP.fullmatch(part)
    return (found["name"], int(found["number"] or 1)) if found else (part, 1)


def _elements(tree: Mapping[tuple[str, int], Any]) -> Iterator[str]:
    for (name, _), inner in tree.items():
        text = "".join(_elements(inner)) if isinstance(inner, dict) else escape(inner, quote=False)
        yield f"<{name}>{text}</{name}>"


def _send(http: HttpSession, path: str, filled: str, missing: str) -> None:
    upload = Upload("submission.xml", filled.encode(), "text/xml")
    body = Body(fields={}, upload=upload, field="xml_submission_file", headers=OPENROSA)
    try:
        http.write("POST", path, body, missing=missing)
    except RefusedWrite as error:
        if error.status == THERE_ALREADY:
            return
        if error.status == BUSY:
            raise RetryLater(
                f"{http.place} is working on a chat evaluation; the next run tries again."
            ) from error
        raise GiveUp(
            f"{http.place} did not take a chat evaluation (status {error.status}); look there whether the form is in service "
            "and the account has space left. It waits in the outbox."
        ) from error
