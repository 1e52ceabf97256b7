"""The shape of a form: the tree of its fields, read out of the XForm, as a platform needs it to show answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from shakti.demo.instances import children, local, parse

XFORMS = "{http://www.w3.org/2002/xforms}"
JAVAROSA = "{http://openrosa.org/javarosa}"


@dataclass(frozen=True)
class Field:
    """A node of the form. kind: "leaf", "group" or "repeat"; type: the bind's ("string", "int", "date", …)."""

    name: str
    path: str
    kind: str
    type: str = "string"
    fields: tuple[Field, ...] = ()

    def walk(self) -> Iterator[Field]:
        """This field and all below it, in document order."""
        yield self
        for field in self.fields:
            yield from field.walk()


@dataclass(frozen=True)
class Shape:
    """A form as a platform knows it. `media` are the names of the files the form asks for."""

    form_id: str
    version: str
    title: str
    fields: tuple[Field, ...]
    media: tuple[str, ...]

    def walk(self) -> Iterator[Field]:
        """Every field in document order."""
        for field in self.fields:
            yield from field.walk()

    @property
    def repeats(self) -> frozenset[str]:
        """The paths of the repeats."""
        return frozenset(field.path for field in self.walk() if field.kind == "repeat")


def read_shape(xform: str) -> Shape:
    """The shape of an XForm. Raises InstanceError when it is not XML, ValueError when it has no instance."""
    root = parse(xform)
    model = next(root.iter(f"{XFORMS}model"), None)
    data = None if model is None else _primary_instance(model)
    if model is None or data is None:
        raise ValueError("the XForm has no primary instance")
    prefix = f"/{local(data)}/"
    types = {
        bind.get("nodeset", "").removeprefix(prefix): bind.get("type", "string")
        for bind in model.iter(f"{XFORMS}bind")
    }
    repeats = {
        repeat.get("nodeset", "").removeprefix(prefix)
        for repeat in root.iter(f"{XFORMS}repeat")
        if repeat.get("nodeset")
    }
    title = next(root.iter("{http://www.w3.org/1999/xhtml}title"), None)
    return Shape(
        form_id=data.get("id", ""),
        version=data.get("version", ""),
        title="" if title is None else (title.text or ""),
        fields=_fields(data, "", types, repeats),
        media=tuple(_media(model)),
    )


def _primary_instance(model: etree._Element) -> etree._Element | None:
    instance = next(iter(model.iter(f"{XFORMS}instance")), None)
    return None if instance is None else next(children(instance), None)


def _fields(
    element: etree._Element, path: str, types: dict[str, str], repeats: set[str]
) -> tuple[Field, ...]:
    fields: dict[str, Field] = {}
    for child in children(element):
        name = local(child)
        here = f"{path}/{name}" if path else name
        below = _fields(child, here, types, repeats)
        kind = "repeat" if here in repeats else "group" if below else "leaf"
        # A repeat stands twice in the form, as template and as first instance: it is one field.
        fields.setdefault(name, Field(name, here, kind, types.get(here, "string"), below))
    return tuple(fields.values())


def _media(model: etree._Element) -> Iterator[str]:
    for instance in model.iter(f"{XFORMS}instance"):
        source = instance.get("src", "")
        if source.startswith("jr://file"):
            yield source.rsplit("/", 1)[1]
