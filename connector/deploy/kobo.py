"""KoboToolbox: a workbook is imported as a draft, lists are exchanged, and only a redeployment brings either to phones.

The server keeps no hash of what was sent (the same workbook imported twice makes two versions), deletes nothing by
itself, and compiles a form only when it is deployed. So the store remembers what was sent, the draft is compared with
the workbook before it goes into service, and what is in service is compared again afterwards.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from connector.deploy.package import Attachment, Package, meaning
from connector.deploy.plan import InService, NotInServiceError, Place, Plan
from connector.errors import ConnectorError, GiveUp, RetryLater, SkipRecord
from connector.kobo_content import form_version_of
from connector.kobo_session import kobo_session
from connector.session import Body, NotThere, Patience, RefusedWrite, Upload
from connector.store import Deployment
from connector.submission import FormVersion
from xlsforms import marks

__all__ = ["KoboPlatform"]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
JSON = {"format": "json"}
POLLS = 120  # an import of our forms takes a few seconds
POLL_SECONDS = 1.0

Asset = Mapping[str, Any]


class KoboPlatform:
    """One account on a KoboToolbox server that may edit and deploy forms. Use as a context manager.

    `assets` are the uids of projects known from config.yml; `wait` sleeps between two looks at an import.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        assets: Iterable[str] = (),
        token_name: str = "KOBO_DEPLOY_TOKEN",  # noqa: S107 - the name of a variable
        patience: Patience | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._assets = tuple(assets)
        self._wait = wait
        self._http = kobo_session(url, token=token, token_name=token_name, patience=patience)
        self.target = f"kobo:{self._http.base}"

    def __enter__(self) -> KoboPlatform:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    # what has to be done

    def plan(self, package: Package, known: Deployment | None, *, lists_only: bool = False) -> Plan:
        """Compare the project with the workbook and its lists; reads only."""
        form = package.form
        uid = self._find(package, known)
        if uid is None:
            if lists_only:
                raise NotInServiceError(
                    f"{form.form_id} is not on {self._http.place} yet; run `shakti forms deploy kobo` first."
                )
            return Plan(package, "", sends_form=True, lists=package.attachments, activates=True)
        asset = self._asset(uid)
        held = self._held(uid)
        lists = tuple(one for one in package.attachments if held.get(one.name, ("", ""))[0] != one.md5)
        if lists_only:
            self._require_in_service(uid, asset)
            # The form in service may ask for other lists than the workbook here; one that was being exchanged is gone.
            lists = tuple(one for one in lists if one.name in held or one.name in _asked_for(asset))
        sends_form = not lists_only and not _is_current(asset, uid, package, known)
        unfinished = known is not None and not known.finished
        return Plan(
            package,
            uid,
            native_version=str(asset.get("deployed_version_id") or ""),
            sends_form=sends_form,
            lists=lists,
            activates=sends_form or bool(lists) or unfinished or not _in_service(asset),
            notes=_notes(uid, asset, known),
        )

    def _find(self, package: Package, known: Deployment | None) -> str | None:
        """The project's uid: remembered, or named in config.yml, or found by title and form id."""
        if known is not None and known.native_form:
            self._asset(known.native_form)  # a project that is gone is said, not made again in silence
            return known.native_form
        for uid in self._assets:
            if _form_id(self._asset(uid)) == package.form.form_id:
                return uid
        found = [uid for uid in self._named(package.form.title) if self._is_form(uid, package)]
        if len(found) > 1:
            raise GiveUp(
                f"{self._http.place} has {len(found)} projects with the form {package.form.form_id} "
                f"({', '.join(found)}); name the right one in sources.kobo.assets of config.yml."
            )
        return found[0] if found else None

    def _named(self, title: str) -> list[str]:
        query = 'asset_type:survey AND name:"{}"'.format(title.replace('"', ""))
        answer = self._http.get_json("api/v2/assets/", JSON | {"q": query, "limit": "100"})
        return [str(one["uid"]) for one in answer.get("results") or ()]

    def _is_form(self, uid: str, package: Package) -> bool:
        return _form_id(self._asset(uid)) == package.form.form_id

    def _require_in_service(self, uid: str, asset: Asset) -> None:
        """New lists may not carry somebody's unfinished form into service."""
        if not asset.get("has_deployment") or not asset.get("deployment__active"):
            raise NotInServiceError(
                f"Project {uid} on {self._http.place} is not in service; run `shakti forms deploy kobo` first."
            )
        if asset.get("version_id") != asset.get("deployed_version_id"):
            raise NotInServiceError(
                f"Project {uid} on {self._http.place} was changed there and not deployed; new lists would bring that "
                "into service too. Run `shakti forms deploy kobo`, or deploy the change there, and push again."
            )

    # doing it

    def carry_out(self, plan: Plan) -> InService:
        """Import, exchange lists, deploy, verify."""
        place = Place()
        try:
            uid = self._import(plan, place) if plan.sends_form else plan.native_form
            held = self._held(uid)
            for one in plan.lists:
                self._exchange(uid, one, held.get(one.name), place)
            # Read as late as can be: what goes into service is this version and no other.
            asset = self._asset(uid)
            if plan.sends_form:
                self._require_same(plan.package, self._version_of(asset), "The draft")
            elif str(asset["version_id"]) != plan.native_version:
                raise GiveUp(f"Project {uid} on {self._http.place} was changed there in this very moment.")
            self._activate(uid, asset, plan, place)
            return self._verified(uid, str(asset["version_id"]), plan)
        except ConnectorError as error:
            place.end(error)

    def _import(self, plan: Plan, place: Place) -> str:
        """The uid of the project that holds the workbook as its draft."""
        file = Upload(plan.package.path.name, plan.package.workbook, XLSX)
        # Without exactly "false" it becomes a library block, which cannot be deployed.
        fields = {"library": "false", "name": plan.package.form.title, "desired_type": "survey"}
        if plan.native_form:
            fields["destination"] = self._http.address(_path(plan.native_form))
        place.words = (
            "It is not known whether the workbook arrived; if it did, it is a draft that no phone sees. Run the "
            "same command again."
        )
        begun = self._written("POST", "api/v2/imports/", Body(fields=fields, upload=file))
        about = self._imported(str(begun.get("uid")))
        uid = str(about["uid"])
        place.words = (
            f"The workbook is a draft of project {uid} and not in service; phones keep what they had. Run the same "
            "command again."
        )
        if not (about.get("summary") or {}).get("row_count"):
            raise GiveUp(
                f"{self._http.place} found no question in {plan.package.path}; look at its sheet `survey`."
            )
        return uid

    def _imported(self, import_uid: str) -> Mapping[str, Any]:
        """What the import made, once it is ready."""
        for _ in range(POLLS):
            answer = self._http.get_json(f"api/v2/imports/{quote(import_uid, safe='')}/", JSON)
            messages = answer.get("messages") or {}
            if answer.get("status") == "complete":
                made: Mapping[str, Any] = (messages.get("created") or messages["updated"])[0]
                return made
            if answer.get("status") == "error":
                raise GiveUp(
                    f"{self._http.place} does not take the workbook: {_sentence(messages.get('error'))}"
                )
            self._wait(POLL_SECONDS)
        raise RetryLater(f"{self._http.place} is still importing after {POLLS} looks.")

    def _exchange(self, uid: str, one: Attachment, held: tuple[str, str] | None, place: Place) -> None:
        """A file of the same name is refused: the old one goes first."""
        if held is not None:
            place.words = (
                f"{one.name} of project {uid} is being exchanged and may be missing there; phones keep the old one "
                "until the next deployment. Run the same command again."
            )
            with suppress(NotThere):  # somebody was faster
                self._http.write("DELETE", f"{_path(uid)}files/{quote(held[1], safe='')}/")
        fields = {
            "file_type": "form_media",
            "description": "default",
            "metadata": json.dumps({"filename": one.name}),
        }
        file = Upload(one.name, one.content, "text/csv")
        self._written("POST", f"{_path(uid)}files/", Body(fields=fields, upload=file, field="content"))
        place.words = (
            f"The new {one.name} lies in project {uid} and is not in service; phones keep what they had. Run the "
            "same command again."
        )

    def _activate(self, uid: str, asset: Asset, plan: Plan, place: Place) -> None:
        """Put the draft into service: POST the first time, PATCH with the version later."""
        first = not asset.get("has_deployment")
        # Without the version a PATCH answers 200 and deploys nothing; a version that is no longer current is refused.
        body = {"active": True} if first else {"active": True, "version_id": asset["version_id"]}
        try:
            self._written("POST" if first else "PATCH", f"{_path(uid)}deployment/", Body(json=body))
        except RetryLater:
            # The answer may be lost and the deed done: look before saying that it failed.
            now = self._asset(uid)
            if not (plan.sends_form and _in_service(now) and now["version_id"] == asset["version_id"]):
                raise
        place.words = (
            f"Project {uid} was put into service; look at it in the browser and run the same command again."
        )

    def _verified(self, uid: str, version: str, plan: Plan) -> InService:
        """Read everything back and compare it with what was sent."""
        asset = self._asset(uid)
        now = str(asset["version_id"])
        if not _in_service(asset) or (plan.sends_form and now != version):
            raise GiveUp(f"{self._http.place} does not show version {version} of project {uid} in service.")
        found = self._version_of(asset)
        if plan.sends_form:
            self._require_same(plan.package, found, "What is in service")
        held = self._held(uid)
        for one in plan.package.attachments if plan.sends_form else plan.lists:
            if held.get(one.name, ("", ""))[0] != one.md5:
                raise GiveUp(f"{self._http.place} holds another {one.name} than the one that was sent.")
        form = plan.package.form_version if plan.sends_form else found
        return InService(uid, now, form)

    def _require_same(self, package: Package, found: FormVersion, what: str) -> None:
        form = package.form
        same_name = (found.form_id, found.version) == (form.form_id, form.version)
        if not same_name or meaning(found.marks) != meaning(marks(form)):
            raise GiveUp(
                f"{what} on {self._http.place} is not the workbook that was sent (it says {found.form_id} "
                f"{found.version}); somebody may be editing the project at the same time."
            )

    # reading

    def _asset(self, uid: str) -> Asset:
        missing = (
            f"shows no project {uid!r} to this account: it was deleted, or the account may not see it. Give the "
            "account the right to edit it; if it was deleted on purpose, add --anew and a new project is made"
        )
        asset = self._http.get_json(_path(uid), JSON, missing=missing)
        if not isinstance(asset, dict) or "version_id" not in asset:
            raise RetryLater(f"{self._http.place} answered without a project; run the same command again.")
        return asset

    def _version_of(self, asset: Asset) -> FormVersion:
        """Our form in the newest version of the project."""
        path = f"{_path(asset['uid'])}versions/{quote(str(asset['version_id']), safe='')}/"
        content = self._http.get_json(path, JSON).get("content") or {}
        try:
            return form_version_of(content, asset.get("content") or {})
        except SkipRecord as error:
            raise GiveUp(str(error)) from error

    def _held(self, uid: str) -> dict[str, tuple[str, str]]:
        """{file name: (md5, uid of the file)} of the lists in the project."""
        answer = self._http.get_json(f"{_path(uid)}files/", JSON | {"limit": "1000"})
        found = {}
        for one in answer.get("results") or ():
            about = one.get("metadata") or {}
            if one.get("file_type") == "form_media":
                found[str(about.get("filename"))] = (
                    str(about.get("hash") or "").removeprefix("md5:"),
                    str(one["uid"]),
                )
        return found

    def _written(self, method: Any, path: str, body: Body) -> dict[str, Any]:
        """The JSON of a write's answer; a refusal in the server's words."""
        try:
            answer = self._http.write(method, path, body, JSON)
        except RefusedWrite as error:
            said = error.body
            why = said.get("error") or said.get("detail") or "; ".join(map(str, said.get("content") or ()))
            raise GiveUp(
                f"{self._http.place} refused: {_sentence(why or f'status {error.status}')}"
            ) from error
        found = self._http.decoded(answer)
        return found if isinstance(found, dict) else {}


def _path(uid: str) -> str:
    return f"api/v2/assets/{quote(uid, safe='')}/"


def _form_id(asset: Asset) -> str:
    return str(((asset.get("content") or {}).get("settings") or {}).get("id_string") or "")


def _asked_for(asset: Asset) -> set[str]:
    """The lists that the project's questions choose from."""
    rows = (asset.get("content") or {}).get("survey") or ()
    return {str(row["file"]) for row in rows if row.get("file")}


def _in_service(asset: Asset) -> bool:
    """Whether what is newest in the project is what phones get."""
    return (
        asset.get("deployment_status") == "deployed"
        and asset.get("version_id") == asset.get("deployed_version_id")
        and bool(asset.get("version_id"))
    )


def _is_current(asset: Asset, uid: str, package: Package, known: Deployment | None) -> bool:
    """Whether this very form was sent to this project and nothing came after it."""
    return (
        known is not None
        and known.native_form == uid
        and package.was_sent(known)
        and known.native_version == asset.get("deployed_version_id") == asset.get("version_id")
    )


def _notes(uid: str, asset: Asset, known: Deployment | None) -> tuple[str, ...]:
    notes = []
    if known is not None and not known.finished:
        notes.append("an earlier run was interrupted; this one makes it good")
    elif known is not None and known.native_version != asset.get("version_id"):
        notes.append(f"project {uid} was changed on the platform since; the workbook here replaces that")
    if asset.get("deployment_status") == "archived":
        notes.append(f"project {uid} is archived; deploying opens it again")
    return tuple(notes)


def _sentence(text: Any) -> str:
    words = " ".join(str(text or "no reason is given").split())
    return words if words.endswith((".", "!", "?")) else f"{words}."
