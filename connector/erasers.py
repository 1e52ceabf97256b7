"""How one record is deleted where it came from: on KoboToolbox, on ODK Central, in a folder of files.

Each eraser deletes one record by the source's own name for it, safely repeated. When it may not, GiveUp says how a
person does it by hand. Nothing but the record's number or id is ever in such a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import quote

from connector.central_session import CentralSession
from connector.errors import GiveUp, RetryLater
from connector.kobo_session import kobo_session
from connector.session import NotThere, Patience, Unauthorized

__all__ = ["CentralEraser", "Eraser", "FolderEraser", "KoboEraser", "NoEraser"]


class Eraser(Protocol):
    """Deletes records at one source."""

    def erase(self, native_id: str) -> None:
        """Delete the record; nothing happens when it is gone already. GiveUp (says how by hand), RetryLater."""
        ...


class NoEraser:
    """A source where this machine may delete nothing; `by_hand` says what to do there."""

    def __init__(self, by_hand: str) -> None:
        self._by_hand = by_hand

    def erase(self, native_id: str) -> None:
        """Never: says how it is done by hand."""
        raise GiveUp(self._by_hand.format(record=native_id))


class KoboEraser:
    """The records of one project on a KoboToolbox server, for an account that may delete submissions."""

    def __init__(
        self,
        url: str,
        *,
        token: str,
        asset: str,
        token_name: str = "KOBO_ERASE_TOKEN",  # noqa: S107 - the name of a variable
        patience: Patience | None = None,
    ) -> None:
        self._uid, self._token_name = asset, token_name
        self._path = f"api/v2/assets/{quote(asset, safe='')}/data/"
        self._http = kobo_session(url, token=token, token_name=token_name, patience=patience)

    @staticmethod
    def by_hand(asset: str) -> str:
        """What a person does; `{record}` stands for the record's number."""
        return (
            f"on KoboToolbox open the project {asset}, Data → Table, show the column _id, and delete the record whose "
            "_id is {record}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def erase(self, native_id: str) -> None:
        """Delete one row by its `_id`, and look that it is gone: a damaged row is shown and cannot be deleted."""
        try:
            self._http.write("DELETE", f"{self._path}{quote(native_id, safe='')}/", params={"format": "json"})
        except Unauthorized:
            raise
        except NotThere:
            pass  # gone already, or not for this account: the look below tells which
        except GiveUp as error:
            raise self._may_not(native_id) from error
        if self._shown(native_id):
            raise self._may_not(native_id)

    def _shown(self, native_id: str) -> bool:
        query = json.dumps({"_id": int(native_id) if native_id.isdecimal() else native_id})
        try:
            answer = self._http.get_json(
                self._path, {"format": "json", "query": query, "fields": '["_id"]', "limit": "1"}
            )
        except NotThere as error:
            raise self._may_not(native_id) from error
        if not isinstance(answer, dict) or not isinstance(answer.get("count"), int):
            raise RetryLater(f"{self._http.place} answered without a list of rows; run it again later.")
        return bool(answer["count"])

    def _may_not(self, native_id: str) -> GiveUp:
        return GiveUp(
            f"The account behind {self._token_name} could not delete it. Give it the right to view and delete submissions and "
            f"run this again, or {self.by_hand(self._uid).format(record=native_id)}."
        )


class CentralEraser:
    """The records of one form on an ODK Central server, for a web user who may delete submissions (Project Manager).

    The server purges what was deleted 30 days later.
    """

    def __init__(
        self,
        url: str,
        *,
        email: str,
        password: str,
        project: int,
        form: str,
        password_name: str = "CENTRAL_ERASE_PASSWORD",  # noqa: S107 - the name of a variable
        patience: Patience | None = None,
    ) -> None:
        self._project, self._form, self._password_name = project, form, password_name
        self._path = f"v1/projects/{project}/forms/{quote(form, safe='')}"
        self._http = CentralSession(
            url, email=email, password=password, password_name=password_name, patience=patience
        )

    @staticmethod
    def by_hand(project: int, form: str) -> str:
        """What a person does; `{record}` stands for the record's id."""
        return (
            f"on ODK Central open project {project}, form {form}, Submissions, and delete the submission whose "
            "instance id ends in {record}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def erase(self, native_id: str) -> None:
        """Delete one submission by its first instance id, whether or not that begins with `uuid:`."""
        for name in (f"uuid:{native_id}", native_id):
            if self._deleted(name, native_id):
                return
        # Neither was there. The form must be shown to this account, else nothing is known.
        try:
            self._http.get(self._path)
        except NotThere as error:
            raise self._may_not(native_id) from error

    def _deleted(self, name: str, native_id: str) -> bool:
        try:
            self._http.write("DELETE", f"{self._path}/submissions/{quote(name, safe='')}")
        except Unauthorized:
            raise
        except NotThere:
            return False
        except GiveUp as error:
            raise self._may_not(native_id) from error
        return True

    def _may_not(self, native_id: str) -> GiveUp:
        return GiveUp(
            f"The account behind {self._password_name} could not delete it. Make it a Project Manager of project "
            f"{self._project} and run this again, or "
            f"{self.by_hand(self._project, self._form).format(record=native_id)}."
        )


class FolderEraser:
    """Files of filled forms in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def erase(self, native_id: str) -> None:
        """Remove the file. What lies within an archive is left to a person."""
        path = self._folder / native_id
        if path.is_file():
            self._remove(path)
            return
        for archive in self._above(path):
            if archive.is_file():
                raise GiveUp(
                    f"It is in the archive {archive}: unpack it, delete {native_id} there, pack it again, and empty "
                    "the waste basket."
                )

    def _above(self, path: Path) -> Iterator[Path]:
        """The places above a path, as far as the folder."""
        for one in path.parents:
            if one == self._folder:
                return
            yield one

    def _remove(self, path: Path) -> None:
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise GiveUp(f"{path} leads out of the folder of forms; look at it and delete it by hand.")
        try:
            path.unlink()
        except OSError as error:
            raise GiveUp(f"{path} cannot be deleted ({error.strerror}); delete it by hand.") from error
