"""A server that speaks ODK Central's API: sessions, projects, forms, submissions, reviews and the OData feed."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from lxml import etree

from shakti.demo.central_access import AccessRoutes, Permission, check_device, device_of, key_of
from shakti.demo.central_call import DONE, JSON, PROJECT, Call, answer_json
from shakti.demo.central_entities import EntityRoutes
from shakti.demo.central_form_routes import FormRoutes
from shakti.demo.central_forms import Form, Project, iso, project_json
from shakti.demo.central_odata import ODATA, BrokenError
from shakti.demo.central_platform import AppUser, Pending, Platform
from shakti.demo.central_problem import ProblemError, missing_parameter, not_authenticated, not_found
from shakti.demo.central_submission_routes import SubmissionRoutes, openrosa_answer
from shakti.demo.instances import deprecated_id, parse
from shakti.demo.loopback import LoopbackServer, Request, Response, Route, compact

LIFETIME = timedelta(hours=24)


class CentralServer(LoopbackServer):
    """ODK Central with one user, in memory, on loopback. Use as a context manager.

    `clock` gives aware time; `email` and `password` open a session of 24 hours by that clock. `domain` is the address
    the server believes it has: its links point there.

    What people do: `submit` (an edit has a `deprecatedID`), `review`, `delete`, `restore`, `attach`. What becomes of
    it: `begin` (a row that becomes visible after later ones), `purge` (after which a page's cursor may lead nowhere),
    `encrypt`, `submit_draft`, `end_sessions`, `permission.lose()`, `.regain()`, `.viewer()`. What the network does:
    `trouble`.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        email: str,
        password: str,
        seed: int = 0,
        domain: str | None = None,
    ) -> None:
        super().__init__()
        self.clock, self._email, self._password = clock, email, password
        self.permission, self.domain = Permission(), domain
        rng = random.Random(seed)  # noqa: S311 - tokens of an invented server
        self.platform = Platform(clock=clock, rng=rng)
        self._sessions: dict[str, datetime] = {}
        self._routes = (
            Route("DELETE", "/v1/sessions/{token}", self._log_out),
            Route("GET", "/v1/projects", self._projects),
            Route("POST", "/v1/projects", self._new_project),
            Route("GET", PROJECT, self._project),
            *AccessRoutes(self.platform).routes(),
            *EntityRoutes(self.platform).routes(),
            *SubmissionRoutes(self.platform, url=lambda: self.domain or self.url, submitter=email).routes(),
            *FormRoutes(self.platform).routes(),
        )

    # -- without HTTP: what a demonstration does to the platform itself

    @property
    def project(self) -> Project:
        """The first project; made when it is first asked for."""
        projects = self.platform.projects
        return next(iter(projects.values())) if projects else self.platform.new_project("Sample")

    def deploy(self, form_path: Path) -> str:
        """Publish a workbook with the CSV files it asks for (from its folder) in `project`; returns the form's id."""
        with self.lock:
            forms = self.project.forms
            form = self.platform.draft(
                self.project, form_path.read_bytes(), ignore_warnings=True, form=forms.get(form_path.stem)
            )
            for name in form.draft.files if form.draft else ():
                self.platform.attach(form, name, (form_path.parent / name).read_bytes())
            self.platform.publish(form)
            return form.xml_form_id

    def submit(
        self,
        instance_xml: str,
        created_at: datetime | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> str:
        """Send an instance; returns the root id. One with `deprecatedID` is an edit. Raises ProblemError."""
        with self.lock:
            root, form, xml = self._opened(instance_xml)
            base = deprecated_id(root)
            if base:
                held = self.platform.edited(form, base).root
                return self.platform.edit(form, held, xml, files=files).root
            return self.platform.submit(form, xml, created_at=created_at, files=files).root

    def begin(self, instance_xml: str) -> Pending:
        """A submission whose transaction is not over: it has its times and is seen after `commit`."""
        with self.lock:
            _, form, xml = self._opened(instance_xml)
            return self.platform.begin(form, xml)

    def submit_draft(self, instance_xml: str) -> str:
        """Send an instance to the form's draft; returns its id."""
        with self.lock:
            _, form, xml = self._opened(instance_xml)
            return self.platform.submit_draft(form, xml).root

    def attach(self, root_id: str, name: str, content: bytes) -> None:
        """A file arrives that an answer names."""
        with self.lock:
            self.platform.add_file(self._form_of(root_id), root_id, name, content)

    def purge(self, root_id: str) -> None:
        """Remove a deleted submission for good."""
        with self.lock:
            self.platform.purge(self._form_of(root_id), root_id)

    def encrypt(self, root_id: str, status: str = "notDecrypted") -> None:
        """Make a submission one that came encrypted."""
        with self.lock:
            self.platform.encrypt(self._form_of(root_id), root_id, status)

    def end_sessions(self) -> None:
        """Everybody is logged out."""
        with self.lock:
            self._sessions.clear()

    def _opened(self, instance_xml: str) -> tuple[etree._Element, Form, bytes]:
        root = parse(instance_xml)
        return root, self.platform.form(str(self.project.id), root.get("id", "")), instance_xml.encode()

    def review(self, root_id: str, state: str | None) -> None:
        """Set a submission's review state: approved, hasIssues, rejected, edited or None."""
        with self.lock:
            self.platform.review(self._form_of(root_id), root_id, state)

    def delete(self, root_id: str) -> None:
        """Delete a submission."""
        with self.lock:
            self.platform.delete(self._form_of(root_id), root_id)

    def restore(self, root_id: str) -> None:
        """Bring a deleted submission back."""
        with self.lock:
            self.platform.restore(self._form_of(root_id), root_id)

    def _form_of(self, root_id: str) -> Form:
        for form in self.project.forms.values():
            if root_id in form.submissions:
                return form
        raise not_found()

    # -- HTTP

    def answer(self, request: Request) -> Response:
        """ODK Central's answer to one request, with Express' ETag over bodies that have none of their own."""
        try:
            answer = self._route(request)
        except ProblemError as problem:
            odata = ODATA if problem.code != not_authenticated().code and ".svc/" in request.path else JSON
            answer = Response(problem.status, compact(problem.json), odata)
        except BrokenError:
            answer = Response(500, compact({"message": "Internal Server Error"}), JSON)
        if not answer.body or "ETag" in answer.headers or ".svc/Entities" in request.path:
            return answer
        mark = body_etag(answer.body)
        if request.method == "GET" and request.headers.get("if-none-match") == mark:
            return Response(304, headers={"ETag": mark})
        return replace(answer, headers={**answer.headers, "ETag": mark})

    def _route(self, request: Request) -> Response:
        if request.segments[:1] != ("v1",):
            raise ProblemError(404.2, "Expected an API version (eg /v1) at the start of the request URL.")
        if (request.method, request.path) == ("POST", "/v1/sessions"):
            return self._log_in(Call(request, {}))
        if request.segments[1:2] == ("test",):
            return self._test_of_draft(request)
        key, request = key_of(request)
        device = self._device(key, request)
        if device is not None:
            check_device(device, request)
        else:
            self._authenticate(request)
            self.permission.check(request, self.platform)
        for route in self._routes:
            names = route.match(request.segments)
            if names is not None and route.method == request.method:
                return route.handler(Call(request, names, device))
        raise not_found()  # a wrong method on a known path too

    def _test_of_draft(self, request: Request) -> Response:
        """`/v1/test/TOKEN/projects/1/forms/F/draft/submission`: the token of the draft is all that is asked for."""
        token, *place = request.segments[2:]
        form = self.platform.form(place[1], place[3]) if len(place) == 6 else None
        sent = [part.content for part in request.parts() if part.name == "xml_submission_file"]
        if form is None or not form.draft_token or token != form.draft_token or not sent:
            raise not_found()
        self.platform.submit_draft(form, sent[0])
        return openrosa_answer(201, "", "full submission upload was successful!")

    def _device(self, key: str | None, request: Request) -> AppUser | None:
        """The app user whose key is in the address, or whose token is the bearer."""
        if key is not None:
            return device_of(key, self.platform)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        users = self.platform.app_users.values()
        return next((one for one in users if token and one.token == token), None)

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic" or (not scheme and "cookie" in request.headers):
            raise ProblemError(401.3, "This authentication method is only available over HTTPS")
        expires = self._sessions.get(token)
        if scheme != "Bearer" or expires is None or expires <= self.platform.now():
            raise not_authenticated()

    def _log_in(self, call: Call) -> Response:
        body = call.json()
        if "email" not in body or "password" not in body:
            missing = [name for name in ("email", "password") if name not in body]
            raise ProblemError(400.3, "Required parameters missing.", {"expected": missing})
        if (body["email"], body["password"]) != (self._email, self._password):
            raise not_authenticated()
        now, token = self.platform.now(), self.platform.token()
        self._sessions[token] = now + LIFETIME
        about = {"csrf": self.platform.token(), "expiresAt": iso(now + LIFETIME), "createdAt": iso(now)}
        return answer_json({"token": token, **about})

    def _log_out(self, call: Call) -> Response:
        token = call.names["token"]
        if token == "current":  # noqa: S105 - a word of the path
            token = call.request.headers["authorization"].removeprefix("Bearer ")
        for user in self.platform.app_users.values():
            if user.token == token:
                user.token = None  # a device is locked out
                return answer_json(DONE)
        if self._sessions.pop(token, None) is None:
            raise not_found()
        return answer_json(DONE)

    def _projects(self, _call: Call) -> Response:
        if self.permission.role == "none":
            return answer_json([])
        return answer_json([project_json(project) for project in self.platform.projects.values()])

    def _new_project(self, call: Call) -> Response:
        name = call.json().get("name")
        if not name:
            raise missing_parameter("name")
        return answer_json(project_json(self.platform.new_project(str(name))))

    def _project(self, call: Call) -> Response:
        return answer_json(project_json(call.project(self.platform)))


def body_etag(body: bytes) -> str:
    """The weak ETag Express gives a body: its length and the beginning of its SHA-1."""
    digest = base64.b64encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()
    return f'W/"{len(body):x}-{digest[:27]}"'
