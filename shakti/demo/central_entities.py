"""ODK Central's datasets: lists of entities whose properties are texts, with a feed of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shakti.demo.central_call import PROJECT, Call, answer_json
from shakti.demo.central_forms import iso
from shakti.demo.central_odata import ODATA
from shakti.demo.central_platform import Platform
from shakti.demo.central_problem import ProblemError, already_exists, missing_parameter, not_found
from shakti.demo.central_rows import SUBMITTER
from shakti.demo.wire import Response, Route, compact

DATASET = PROJECT + "datasets/{dataset}"


@dataclass
class Entity:
    """One entity; `version` counts its changes."""

    uuid: str
    label: str
    data: dict[str, str]
    created_at: datetime
    version: int = 1
    updated_at: datetime | None = None


@dataclass
class Dataset:
    """A list of entities with its properties."""

    name: str
    properties: list[str] = field(default_factory=list)
    entities: dict[str, Entity] = field(default_factory=dict)


class EntityRoutes:
    """The handlers of datasets, their properties, entities and feed."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._datasets: dict[tuple[int, str], Dataset] = {}

    def routes(self) -> tuple[Route, ...]:
        """The routes; the feed before the plain names."""
        return (
            Route("POST", PROJECT + "datasets", self._new),
            Route("GET", PROJECT + "datasets/{dataset}.svc/Entities", self._feed),
            Route("POST", DATASET + "/properties", self._new_property),
            Route("GET", DATASET + "/entities", self._list),
            Route("POST", DATASET + "/entities", self._create),
            Route("PATCH", DATASET + "/entities/{uuid}", self._update),
        )

    def _new(self, call: Call) -> Response:
        project, name = call.project(self._platform), str(call.json().get("name") or "")
        if not name:
            raise missing_parameter("name")
        if (project.id, name) in self._datasets:
            raise already_exists("datasets", ["name", "projectId"], [name, str(project.id)])
        self._datasets[project.id, name] = Dataset(name)
        return answer_json({"name": name, "projectId": project.id})

    def _new_property(self, call: Call) -> Response:
        self._dataset(call).properties.append(str(call.json().get("name")))
        return answer_json({"success": True})

    def _create(self, call: Call) -> Response:
        dataset, body = self._dataset(call), call.json()
        uuid, label, data = str(body.get("uuid") or ""), body.get("label"), dict(body.get("data") or {})
        if not label:
            raise missing_parameter("label")
        if uuid in dataset.entities:
            raise already_exists("entities", ["uuid"], [uuid])
        self._check(dataset, data)
        made = dataset.entities[uuid] = Entity(uuid, str(label), data, self._platform.now())
        return answer_json(_entity_json(made))

    def _update(self, call: Call) -> Response:
        """A change needs the version it was made from, or force; one without a change counts as well."""
        dataset = self._dataset(call)
        found = dataset.entities.get(call.names["uuid"])
        if found is None:
            raise not_found()
        base = call.request.parameter("baseVersion")
        if call.request.parameter("force") != "true" and base != str(found.version):
            details = {"current": str(found.version), "provided": base}
            raise ProblemError(409.15, "The entity was changed in the meantime.", details)
        body = call.json()
        data = dict(body.get("data") or {})
        self._check(dataset, data)
        found.label, found.version = str(body.get("label") or found.label), found.version + 1
        found.data |= data
        found.updated_at = self._platform.now()
        return answer_json(_entity_json(found))

    def _list(self, call: Call) -> Response:
        return answer_json([_entity_json(one) for one in self._dataset(call).entities.values()])

    def _feed(self, call: Call) -> Response:
        """All properties are texts, and one that was never set is "", not null. There is no ETag."""
        dataset = self._dataset(call)
        rows = [_row(one, dataset) for one in reversed(dataset.entities.values())]
        body: dict[str, Any] = {"value": rows}
        if call.request.parameter("$count") == "true":
            body["@odata.count"] = len(rows)
        return Response(200, compact(body), ODATA)

    def _check(self, dataset: Dataset, data: dict[str, Any]) -> None:
        for name, value in data.items():
            if name not in dataset.properties:
                raise ProblemError(400.28, f"The entity is invalid: {name} is no property of the dataset.")
            if not isinstance(value, str):
                details = {"value": value, "expected": "string"}
                raise ProblemError(400.11, "Invalid input data type: expected a string", details)

    def _dataset(self, call: Call) -> Dataset:
        found = self._datasets.get((call.project(self._platform).id, call.names["dataset"]))
        if found is None:
            raise not_found()
        return found


def _entity_json(one: Entity) -> dict[str, Any]:
    return {
        "uuid": one.uuid,
        "creatorId": SUBMITTER,
        "createdAt": iso(one.created_at),
        "updatedAt": iso(one.updated_at),
        "deletedAt": None,
        "currentVersion": {"label": one.label, "data": one.data, "version": one.version},
    }


def _row(one: Entity, dataset: Dataset) -> dict[str, Any]:
    system = {
        "createdAt": iso(one.created_at),
        "creatorId": str(SUBMITTER),
        "updates": one.version - 1,
        "updatedAt": iso(one.updated_at),
        "version": one.version,
        "conflict": None,
    }
    values = {name: one.data.get(name, "") for name in dataset.properties}
    return {"__id": one.uuid, "label": one.label, "__system": system, **values}
