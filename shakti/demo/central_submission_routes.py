"""ODK Central's addresses of submissions: the OData feed, REST, reviews, and OpenRosa's way in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import quote

from shakti.demo.central_access import closed_to
from shakti.demo.central_call import DONE, FORM, PROJECT, XML, Call, answer_json, drafted, published
from shakti.demo.central_forms import iso
from shakti.demo.central_metadata import metadata, service_document
from shakti.demo.central_odata import ODATA, Feed
from shakti.demo.central_platform import Platform
from shakti.demo.central_problem import ProblemError, missing_parameter, not_authenticated, not_found
from shakti.demo.central_rows import SUBMITTER, Submission, Version, read_anyhow
from shakti.demo.instances import InstanceError, deprecated_id, instance_id
from shakti.demo.wire import Response, Route, compact

OPENROSA = {"Content-Type": "text/xml; charset=utf-8", "X-OpenRosa-Version": "1.0"}


class SubmissionRoutes:
    """The handlers of submissions. `url` gives the server's own address, `submitter` the name rows carry."""

    def __init__(self, platform: Platform, *, url: Callable[[], str], submitter: str) -> None:
        self._platform, self._url, self._submitter = platform, url, submitter

    def routes(self) -> tuple[Route, ...]:
        """The routes; endings such as `.xml` before the plain names."""
        one = FORM + "/submissions/{id}"
        return (
            Route("GET", PROJECT + "forms/{form}.svc", self._service),
            Route("GET", PROJECT + "forms/{form}.svc/$metadata", self._metadata),
            Route("GET", PROJECT + "forms/{form}.svc/{table}", self._feed),
            Route("GET", FORM + "/draft.svc/{table}", self._draft_feed),
            Route("GET", FORM + "/draft/submissions", self._draft_submissions),
            Route("POST", FORM + "/draft/submissions", self._submit_draft),
            Route("POST", PROJECT + "submission", self._openrosa),
            Route("HEAD", PROJECT + "submission", lambda _call: Response(204, headers=OPENROSA)),
            Route("GET", FORM + "/submissions", self._submissions),
            Route("POST", FORM + "/submissions", self._submit),
            Route("GET", one + ".xml", self._submission_xml),
            Route("GET", one, self._submission),
            Route("PUT", one, self._edit),
            Route("PATCH", one, self._review),
            Route("DELETE", one, self._delete),
            Route("POST", one + "/restore", self._restore),
            Route("GET", one + "/attachments", self._attachments),
            Route("GET", one + "/attachments/{name}", self._attachment),
            Route("POST", one + "/attachments/{name}", self._attach),
            Route("GET", one + "/versions", self._versions),
            Route("GET", one + "/versions/{version}.xml", self._version_xml),
        )

    def _feed(self, call: Call) -> Response:
        form = call.form(self._platform)
        project, name = form.project, call.names["form"]
        address = f"{self._url()}/v1/projects/{project}/forms/{name}.svc"
        return Feed(call.request, form, published(form), address, self._submitter).answer(call.names["table"])

    def _service(self, call: Call) -> Response:
        form = call.form(self._platform)
        address = f"{self._url()}/v1/projects/{form.project}/forms/{call.names['form']}.svc"
        return Response(200, compact(service_document(published(form).shape, address)), ODATA)

    def _metadata(self, call: Call) -> Response:
        body = metadata(published(call.form(self._platform)).shape)
        return Response(200, body.encode(), {"OData-Version": "4.0", **XML})

    def _draft_feed(self, call: Call) -> Response:
        """The tests of a draft: a feed of its own, which shares nothing with the form's."""
        form = call.form(self._platform)
        address = f"{self._url()}/v1/projects/{form.project}/forms/{call.names['form']}/draft.svc"
        tests = replace(form, submissions=form.draft_submissions, selections={})
        return Feed(call.request, tests, drafted(form), address, self._submitter).answer(call.names["table"])

    def _draft_submissions(self, call: Call) -> Response:
        found = call.form(self._platform).draft_submissions.values()
        return answer_json([_submission_json(one, review=True) for one in found])

    def _submit_draft(self, call: Call) -> Response:
        form = call.form(self._platform)
        return answer_json(_submission_json(self._platform.submit_draft(form, call.request.body)))

    def _submissions(self, call: Call) -> Response:
        deleted = call.request.parameter("deleted") == "true"
        found = [
            submission
            for submission in call.form(self._platform).submissions.values()
            if (submission.deleted_at is not None) == deleted
        ]
        found.sort(key=lambda one: (one.created_at, one.number), reverse=True)
        return answer_json([_submission_json(one, review=True) for one in found])

    def _submit(self, call: Call) -> Response:
        submission = self._platform.submit(
            call.form(self._platform),
            call.request.body,
            device_id=call.request.parameter("deviceID"),
            user_agent=call.request.headers.get("user-agent"),
        )
        return answer_json(_submission_json(submission, agent=True, version=True))

    def _edit(self, call: Call) -> Response:
        agent = call.request.headers.get("user-agent")
        submission = self._platform.edit(
            call.form(self._platform), call.names["id"], call.request.body, user_agent=agent
        )
        return answer_json(_submission_json(submission, review=True, agent=True, version=True))

    def _review(self, call: Call) -> Response:
        form, id, body = call.form(self._platform), call.names["id"], call.json()
        if "reviewState" not in body:
            return answer_json(_submission_json(self._platform.live(form, id), review=True))
        return answer_json(
            _submission_json(self._platform.review(form, id, body["reviewState"]), review=True)
        )

    def _submission(self, call: Call) -> Response:
        form, id = call.form(self._platform), call.names["id"]
        holder = self._platform.holder(form, id)
        if holder is not None and holder.root != id:  # an edited version's id leads to the version
            here = call.request.path.rpartition("/")[0]
            return Response(301, headers={"Location": f"{here}/{quote(holder.root)}/versions/{quote(id)}"})
        return answer_json(
            _submission_json(self._platform.live(form, id), review=True, agent=True, version=True)
        )

    def _submission_xml(self, call: Call) -> Response:
        submission = self._platform.live(call.form(self._platform), call.names["id"])
        return Response(200, submission.current.xml.encode(), XML)

    def _delete(self, call: Call) -> Response:
        self._platform.delete(call.form(self._platform), call.names["id"])
        return answer_json(DONE)

    def _restore(self, call: Call) -> Response:
        self._platform.restore(call.form(self._platform), call.names["id"])
        return answer_json(DONE)

    def _attachments(self, call: Call) -> Response:
        submission = self._platform.live(call.form(self._platform), call.names["id"])
        files = submission.files.items()
        return answer_json([{"name": name, "exists": content is not None} for name, content in files])

    def _attachment(self, call: Call) -> Response:
        submission = self._platform.live(call.form(self._platform), call.names["id"])
        content = submission.files.get(call.names["name"])
        if content is None:  # not come yet and never awaited: the same
            raise not_found()
        mark = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        return Response(200, content, {"Content-Type": "application/octet-stream", "ETag": mark})

    def _attach(self, call: Call) -> Response:
        form, names = call.form(self._platform), call.names
        self._platform.add_file(form, names["id"], names["name"], call.request.body)
        return answer_json(DONE)

    def _versions(self, call: Call) -> Response:
        submission = self._platform.live(call.form(self._platform), call.names["id"])
        newest_first = reversed(submission.versions)
        return answer_json([_version_json(submission, one) for one in newest_first])

    def _version_xml(self, call: Call) -> Response:
        submission = self._platform.live(call.form(self._platform), call.names["id"])
        for one in submission.versions:
            if one.instance_id == call.names["version"]:
                return Response(200, one.xml.encode(), XML)
        raise not_found()

    def _openrosa(self, call: Call) -> Response:
        """OpenRosa's way in: identical XML again is a success, refusals are XML without a code."""
        if "x-openrosa-version" not in call.request.headers:
            return openrosa_answer(400, "error", "Expected an OpenRosa version header.")
        parts = call.request.parts()
        sent = [part.content for part in parts if part.name == "xml_submission_file"]
        files = {part.filename: part.content for part in parts if part.filename}
        if not sent:
            return openrosa_answer(400, "error", "Required multipart POST field xml_submission_file missing.")
        try:
            self._receive(call, sent[0], files)
        except ProblemError as problem:
            return openrosa_answer(problem.status, "error", str(problem))
        except InstanceError as error:
            return openrosa_answer(400, "error", str(error))
        return openrosa_answer(201, "", "full submission upload was successful!")

    def _receive(self, call: Call, xml: bytes, files: Mapping[str, bytes]) -> None:
        root = read_anyhow(xml)
        if not root.get("id"):
            raise missing_parameter("form ID xml attribute")
        form = self._platform.form(call.names["project"], root.get("id", ""))
        if closed_to(call.device, form.assigned):
            raise not_authenticated()
        known = self._platform.holder(form, instance_id(root))
        agent = call.request.headers.get("user-agent")
        if known is None and deprecated_id(root):
            base = self._platform.edited(form, deprecated_id(root)).root
            self._platform.edit(form, base, xml, user_agent=agent, files=files)
        elif known is None:
            device = call.request.parameter("deviceID")
            self._platform.submit(form, xml, device_id=device, user_agent=agent, files=files)
        elif known.deleted_at is not None:
            raise ProblemError(409.18, "This submission has been deleted. You may not resubmit it.")
        elif known.current.xml.encode() != xml:
            message = (
                "A submission already exists with this ID, but with different XML. Resubmissions to attach "
                "additional multimedia must resubmit an identical xml_submission_file."
            )
            raise ProblemError(409.1, message)
        else:
            for name, content in files.items():
                if name in known.files:
                    self._platform.add_file(form, known.root, name, content)


def openrosa_answer(status: int, nature: str, text: str) -> Response:
    """OpenRosa's envelope; nature "error" for a refusal."""
    body = (
        '<OpenRosaResponse xmlns="http://openrosa.org/http/response" items="0">'
        f'<message nature="{nature}">{escape(text)}</message></OpenRosaResponse>'
    )
    return Response(status, body.encode(), OPENROSA)


def _submission_json(
    submission: Submission, *, review: bool = False, agent: bool = False, version: bool = False
) -> dict[str, Any]:
    """A submission as REST shows it; which parts it has depends on the request that asked."""
    first = submission.versions[0]
    body: dict[str, Any] = {
        "instanceId": submission.root,
        "submitterId": SUBMITTER,
        "deviceId": submission.device_id,
        "createdAt": iso(submission.created_at),
        "updatedAt": iso(submission.updated_at),
    }
    if review:
        body["reviewState"] = submission.review_state
    if agent:
        body["userAgent"] = first.user_agent
    if review:
        body["deletedAt"] = iso(submission.deleted_at)
    if version:
        body["currentVersion"] = _version_json(submission, submission.current)
    return body


def _version_json(submission: Submission, version: Version) -> dict[str, Any]:
    return {
        "submitterId": SUBMITTER,
        "createdAt": iso(version.created_at),
        "instanceName": None,
        "instanceId": version.instance_id,
        "current": version is submission.current,
        "deviceId": submission.device_id,
        "userAgent": version.user_agent,
    }
