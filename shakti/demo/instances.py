"""Instance XML, as the demonstration's platforms look into it and rewrite it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

META = "meta"


class InstanceError(ValueError):
    """The text is not the XML of a filled form."""


@dataclass(frozen=True)
class Deployed:
    """What KoboToolbox makes of a form: its own id, version text, and two hidden answers."""

    uid: str
    version: str
    version_uid: str
    formhub_uuid: str


def parse(xml: str | bytes) -> etree._Element:
    """The root element. Raises InstanceError for text that is not XML or that has a DOCTYPE."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(xml.encode() if isinstance(xml, str) else xml, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InstanceError(f"not XML: {error}") from error
    if etree.ElementTree(root).docinfo.internalDTD is not None:
        raise InstanceError("a DOCTYPE is not allowed in a submission")
    return root


def write(root: etree._Element) -> str:
    """The element as text, without an XML declaration."""
    return str(etree.tostring(root, encoding="unicode"))


def local(element: etree._Element) -> str:
    """An element's name without its namespace."""
    return str(etree.QName(element).localname)


def children(element: etree._Element) -> Iterator[etree._Element]:
    """The child elements: comments and processing instructions are left out."""
    return (child for child in element if isinstance(child.tag, str))


def find(root: etree._Element, path: str) -> etree._Element | None:
    """The first element at a path of local names under the root, or None."""
    here: etree._Element | None = root
    for name in path.split("/"):
        here = None if here is None else next((c for c in children(here) if local(c) == name), None)
    return here


def text_at(root: etree._Element, path: str) -> str:
    """The text at a path, '' where there is none."""
    found = find(root, path)
    return "" if found is None else (found.text or "")


def instance_id(root: etree._Element) -> str:
    """`meta/instanceID` as written, '' if absent."""
    return text_at(root, "meta/instanceID")


def deprecated_id(root: etree._Element) -> str:
    """`meta/deprecatedID` as written, '' if this is no edit."""
    return text_at(root, "meta/deprecatedID")


def as_kobo_sends(xml: str, deployed: Deployed) -> str:
    """An instance of our form as Collect sends it after filling the form KoboToolbox deployed.

    Root element, id and version are KoboToolbox's, `formhub/uuid` comes first, `__version__` before `meta`;
    answers and instance id stay.
    """
    ours = parse(xml)
    root = etree.Element(_like(ours, deployed.uid), {"id": deployed.uid, "version": deployed.version})
    _append(_append(root, "formhub"), "uuid").text = deployed.formhub_uuid
    for child in list(children(ours)):
        if local(child) == META:
            _append(root, "__version__").text = deployed.version_uid
        root.append(child)
    return write(root)


def edited(xml: str, *, new_id: str, answers: Mapping[str, str]) -> str:
    """The instance after an edit: a new instance id, the old one deprecated, some answers replaced.

    Raises KeyError when an answer's path is not in the instance.
    """
    root = parse(xml)
    for path, answer in answers.items():
        element = find(root, path)
        if element is None:
            raise KeyError(path)
        element.text = answer
    mark = find(root, "meta/instanceID")
    meta = find(root, META)
    if mark is None or meta is None:
        raise KeyError("meta/instanceID")
    old = find(root, "meta/deprecatedID")
    if old is None:
        old = etree.SubElement(meta, _like(mark, "deprecatedID"))
    old.text, mark.text = mark.text, new_id
    return write(root)


def _like(element: etree._Element, name: str) -> str:
    """A tag of this name in the element's namespace."""
    return etree.QName(etree.QName(element).namespace, name).text


def _append(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, _like(parent, name))
