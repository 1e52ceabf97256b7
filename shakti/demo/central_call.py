"""One call of ODK Central's API on its way to a handler, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shakti.demo.central_forms import Definition, Form, Project
from shakti.demo.central_platform import AppUser, Platform
from shakti.demo.central_problem import ProblemError, not_found
from shakti.demo.loopback import Request, Response, compact

JSON = {"Content-Type": "application/json; charset=utf-8"}
XML = {"Content-Type": "application/xml; charset=utf-8"}
XLSX = {"Content-Type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
PROJECT = "/v1/projects/{project}/"
FORM = PROJECT + "forms/{form}"
DONE = {"success": True}


@dataclass(frozen=True)
class Call:
    """A request, the names in its path, and the app user who sent it (None: the web user)."""

    request: Request
    names: Mapping[str, str]
    device: AppUser | None = None

    def json(self) -> dict[str, Any]:
        """The body's JSON object. Raises ProblemError 400.1 when it is none."""
        try:
            body = self.request.json()
        except ValueError as error:
            raise ProblemError(400.1, "Could not parse the given data as json.") from error
        return body if isinstance(body, dict) else {}

    def project(self, platform: Platform) -> Project:
        """The project of the path. Raises ProblemError: 400.11 for what is no number, 404.1."""
        text = self.names["project"]
        if not text.isdecimal():
            details = {"value": text, "expected": "integer"}
            raise ProblemError(400.11, "Invalid input data type: expected an integer", details)
        found = platform.projects.get(int(text))
        if found is None:
            raise not_found()
        return found

    def form(self, platform: Platform) -> Form:
        """The form of the path. Raises ProblemError 404.1."""
        self.project(platform)
        return platform.form(self.names["project"], self.names["form"])


def answer_json(body: object) -> Response:
    """A JSON answer."""
    return Response(200, compact(body), JSON)


def published(form: Form) -> Definition:
    """The version in service. Raises ProblemError 404.1 before the first."""
    if form.current is None:
        raise not_found()
    return form.current


def drafted(form: Form) -> Definition:
    """The draft. Raises ProblemError 404.1 when there is none."""
    if form.draft is None:
        raise not_found()
    return form.draft


def shown(form: Form) -> tuple[Definition, bool]:
    """What a form shows of itself: the published version, before that the draft."""
    if form.current is not None:
        return form.current, False
    return drafted(form), True
