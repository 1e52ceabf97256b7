"""Who may do what on ODK Central: the web user's role, app users with their keys, and the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from shakti.demo.central_call import DONE, FORM, PROJECT, Call, answer_json
from shakti.demo.central_forms import iso
from shakti.demo.central_platform import AppUser, Platform
from shakti.demo.central_problem import (
    forbidden,
    missing_parameter,
    not_authenticated,
    not_found,
)
from shakti.demo.wire import Request, Response, Route

KEY_LENGTH = 64
# What a device may do with the forms it is assigned to; all else is forbidden to it.
DEVICE = (("POST", "submission"), ("HEAD", "submission"), ("GET", "formList"))
GROUPS = {"submission": "submission."}


@dataclass
class Permission:
    """The web user's role in every project: "manager", "viewer" (reads all, changes nothing), or "none"."""

    role: Literal["manager", "viewer", "none"] = "manager"

    def lose(self) -> None:
        """The account is taken out of the project: 403 where something is, 404 where nothing is."""
        self.role = "none"

    def regain(self) -> None:
        """The account may do everything again."""
        self.role = "manager"

    def viewer(self) -> None:
        """A Project Viewer: what the connector should be."""
        self.role = "viewer"

    def check(self, request: Request, platform: Platform) -> None:
        """Raise ProblemError 403.1 for what the role does not allow; what does not exist stays not found (404.1)."""
        place = request.segments[1:]
        if place[:1] == ("audits",) and self.role != "manager":
            raise forbidden()
        if place[:1] != ("projects",) or len(place) < 2 or self.role == "manager":
            return
        if not place[1].isdecimal() or int(place[1]) not in platform.projects:
            return
        if self.role == "none" or request.method not in ("GET", "HEAD"):
            raise forbidden()


def key_of(request: Request) -> tuple[str | None, Request]:
    """The key in an address such as /v1/key/TOKEN/…, and the request without it."""
    parts = request.path.split("/")
    if parts[:3] != ["", "v1", "key"] or len(parts) < 4:
        return None, request
    return parts[3], replace(request, path="/".join(["", "v1", *parts[4:]]))


def device_of(key: str, platform: Platform) -> AppUser:
    """The app user of a key. Raises ProblemError: 401.2 for what is no key, 403.1 for an unknown or revoked one."""
    if len(key) != KEY_LENGTH:
        raise not_authenticated()
    found = next((one for one in platform.app_users.values() if one.token == key), None)
    if found is None:
        raise forbidden()
    return found


def check_device(user: AppUser, request: Request) -> None:
    """Raise ProblemError 403.1 for what a device may not do: read submissions, lists, another project."""
    place = request.segments[1:]
    own = place[:2] == ("projects", str(user.project))
    sends = (request.method, place[-1]) in DEVICE
    form = len(place) > 3 and place[2] == "forms"
    defines = form and request.method == "GET" and (place[3].endswith(".xml") or "attachments" in place)
    edits = form and "submissions" in place and request.method in ("POST", "PUT")
    if not own or not (sends or defines or edits):
        raise forbidden()


class AccessRoutes:
    """The handlers of app users, their assignments and the audit log."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> tuple[Route, ...]:
        """The routes of this part of the API."""
        return (
            Route("GET", PROJECT + "app-users", self._app_users),
            Route("POST", PROJECT + "app-users", self._new_app_user),
            Route("POST", FORM + "/assignments/app-user/{user}", self._assign),
            Route("DELETE", FORM + "/assignments/app-user/{user}", self._withdraw),
            Route("GET", "/v1/audits", self._audits),
        )

    def _app_users(self, call: Call) -> Response:
        project = call.project(self._platform)
        users = self._platform.app_users.values()
        return answer_json([_user_json(one) for one in users if one.project == project.id])

    def _new_app_user(self, call: Call) -> Response:
        name = call.json().get("displayName")
        if not name:
            raise missing_parameter("displayName")
        return answer_json(_user_json(self._platform.new_app_user(call.project(self._platform), str(name))))

    def _assign(self, call: Call) -> Response:
        call.form(self._platform).assigned.add(self._user(call).id)
        return answer_json(DONE)

    def _withdraw(self, call: Call) -> Response:
        call.form(self._platform).assigned.discard(self._user(call).id)
        return answer_json(DONE)

    def _user(self, call: Call) -> AppUser:
        id = call.names["user"]
        found = self._platform.app_users.get(int(id)) if id.isdecimal() else None
        if found is None:
            raise not_found()
        return found

    def _audits(self, call: Call) -> Response:
        """Newest first; `action` is exact or a group, `end` leaves itself out, an unknown action finds nothing."""
        read = call.request.parameter
        action, start, end = read("action"), read("start"), read("end")
        found = [
            one
            for one in reversed(self._platform.audits)
            if _is(one, action)
            and (not start or str(one["loggedAt"]) >= start)
            and (not end or str(one["loggedAt"]) < end)
        ]
        offset, limit = int(read("offset") or 0), int(read("limit") or len(found) or 1)
        return answer_json(found[offset : offset + limit])


def _is(entry: Mapping[str, Any], action: str | None) -> bool:
    if action is None:
        return True
    group = GROUPS.get(action)
    return bool(entry["action"].startswith(group)) if group else bool(entry["action"] == action)


def _user_json(user: AppUser) -> dict[str, Any]:
    return {
        "projectId": user.project,
        "id": user.id,
        "type": "field_key",
        "displayName": user.name,
        "createdAt": iso(user.created_at),
        "updatedAt": None,
        "deletedAt": None,
        "token": user.token,
        "expiresAt": "9999-12-31T23:59:59.000Z",
    }


def closed_to(user: AppUser | None, assigned: set[int]) -> bool:
    """Whether a device is not assigned to a form; OpenRosa then says 401, REST 403."""
    return user is not None and user.id not in assigned
