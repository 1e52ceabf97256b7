"""ODK Central's addresses of forms: drafts, files, publication and versions."""

from __future__ import annotations

from shakti.demo.central_call import (
    DONE,
    FORM,
    PROJECT,
    XLSX,
    XML,
    Call,
    answer_json,
    drafted,
    published,
    shown,
)
from shakti.demo.central_forms import Definition, attachment_json, form_json
from shakti.demo.central_platform import STATES, Platform
from shakti.demo.central_problem import not_found, unexpected_value
from shakti.demo.loopback import Response, Route


class FormRoutes:
    """The handlers of everything about forms but their submissions."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> tuple[Route, ...]:
        """The routes; endings such as `.xml` before the plain names."""
        return (
            Route("GET", PROJECT + "forms", self._forms),
            Route("POST", PROJECT + "forms", self._new_form),
            Route("GET", PROJECT + "forms/{form}.xml", self._form_xml),
            Route("GET", FORM + ".xlsx", self._form_xlsx),
            Route("GET", FORM, self._form),
            Route("PATCH", FORM, self._change_form),
            Route("DELETE", FORM, self._delete_form),
            Route("GET", FORM + "/versions", self._versions),
            Route("GET", FORM + "/versions/{version}.xml", self._version_xml),
            Route("GET", FORM + "/versions/{version}", self._version),
            Route("GET", FORM + "/attachments", self._attachments),
            Route("GET", FORM + "/attachments/{name}", self._attachment),
            Route("POST", FORM + "/draft", self._new_draft),
            Route("GET", FORM + "/draft.xml", self._draft_xml),
            Route("GET", FORM + "/draft", self._draft),
            Route("DELETE", FORM + "/draft", self._delete_draft),
            Route("GET", FORM + "/draft/attachments", self._draft_attachments),
            Route("POST", FORM + "/draft/attachments/{name}", self._attach),
            Route("POST", FORM + "/draft/publish", self._publish),
        )

    def _forms(self, call: Call) -> Response:
        forms = call.project(self._platform).forms.values()
        return answer_json([form_json(form, *shown(form)) for form in forms])

    def _new_form(self, call: Call) -> Response:
        read, project = call.request.parameter, call.project(self._platform)
        ignore = read("ignoreWarnings") == "true"
        form = self._platform.draft(project, call.request.body, ignore_warnings=ignore)
        if read("publish") == "true":
            self._platform.publish(form)
        return answer_json(form_json(form, *shown(form)))

    def _form(self, call: Call) -> Response:
        form = call.form(self._platform)
        return answer_json(form_json(form, *shown(form)))

    def _change_form(self, call: Call) -> Response:
        form, state = call.form(self._platform), call.json().get("state", "open")
        if state not in STATES:
            raise unexpected_value("state", state, f"expected one of {', '.join(STATES)}")
        form.state = state
        return self._form(call)

    def _delete_form(self, call: Call) -> Response:
        """Everything of the form is then as if it had never been (404.1)."""
        form = call.form(self._platform)
        del call.project(self._platform).forms[form.xml_form_id]
        return answer_json(DONE)

    def _form_xml(self, call: Call) -> Response:
        return Response(200, shown(call.form(self._platform))[0].xform.encode(), XML)

    def _form_xlsx(self, call: Call) -> Response:
        source = shown(call.form(self._platform))[0].source
        if source.lstrip().startswith(b"<"):
            raise not_found()  # it was made of an XForm: there is no workbook
        return Response(200, source, XLSX)

    def _versions(self, call: Call) -> Response:
        form = call.form(self._platform)
        return answer_json([form_json(form, version) for version in reversed(form.versions)])

    def _version(self, call: Call) -> Response:
        return answer_json(form_json(call.form(self._platform), self._find_version(call)))

    def _version_xml(self, call: Call) -> Response:
        return Response(200, self._find_version(call).xform.encode(), XML)

    def _find_version(self, call: Call) -> Definition:
        for definition in call.form(self._platform).versions:
            if definition.shape.version == call.names["version"]:
                return definition
        raise not_found()

    def _attachments(self, call: Call) -> Response:
        return answer_json(
            [attachment_json(*item) for item in published(call.form(self._platform)).files.items()]
        )

    def _attachment(self, call: Call) -> Response:
        found = published(call.form(self._platform)).files.get(call.names["name"])
        if found is None:
            raise not_found()
        return Response(200, found.content, {"Content-Type": "text/csv", "ETag": f'"{found.md5}"'})

    def _new_draft(self, call: Call) -> Response:
        form, project = call.form(self._platform), call.project(self._platform)
        if not call.request.body:
            self._platform.draft_again(form, published(form))
            return answer_json(DONE)
        ignore = call.request.parameter("ignoreWarnings") == "true"
        self._platform.draft(project, call.request.body, ignore_warnings=ignore, form=form)
        return answer_json(DONE)

    def _draft(self, call: Call) -> Response:
        form = call.form(self._platform)
        return answer_json(form_json(form, drafted(form), draft=True))

    def _draft_xml(self, call: Call) -> Response:
        return Response(200, drafted(call.form(self._platform)).xform.encode(), XML)

    def _delete_draft(self, call: Call) -> Response:
        self._platform.abandon(call.form(self._platform))
        return answer_json(DONE)

    def _draft_attachments(self, call: Call) -> Response:
        return answer_json(
            [attachment_json(*item) for item in drafted(call.form(self._platform)).files.items()]
        )

    def _attach(self, call: Call) -> Response:
        name = call.names["name"]
        attachment = self._platform.attach(call.form(self._platform), name, call.request.body)
        return answer_json(attachment_json(name, attachment))

    def _publish(self, call: Call) -> Response:
        self._platform.publish(call.form(self._platform), version=call.request.parameter("version"))
        return answer_json(DONE)
