"""A filled form as XML: written as ODK Collect writes it, read from whatever source it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from .errors import FormError
from .model import Model, Node, local
from .repeats import instance, unnumbered
from .xform import JAVAROSA, Element, parse_xml

MAX_BYTES = 1024 * 1024
"""The largest instance that is read. Ours are about 4 kB; attachments are not inside."""

MAX_DEPTH = 100
_TEMPLATE = f"{{{JAVAROSA}}}template"  # marks what new instances are made from; it is no instance itself
OPENROSA = "http://openrosa.org/xforms"


@dataclass(frozen=True)
class Instance:
    """A filled form. `answers`: question path without the root to text, the empty ones left out.

    Questions of a repeat have the instance's number in their path, from 1: `visit[1]/visit_date`.
    """

    form_id: str
    version: str
    instance_id: str
    deprecated_id: str | None
    answers: dict[str, str]

    @property
    def root_id(self) -> str:
        """The instance's id without "uuid:"."""
        return self.instance_id.removeprefix("uuid:")


def read_instance(xml: str | bytes, *, repeats: Collection[str] = ()) -> Instance:
    """Reads an instance, with or without namespaces and prefixes.

    `repeats`: the paths of the form's repeats (`Form.repeats`), so that one with a single instance is known for
    a repeat too; without them it looks like a group. Raises FormError for what is no XML, has a DOCTYPE, is too large or too deep.
    """
    if len(xml) > MAX_BYTES:
        raise FormError(
            f"the instance is larger than {MAX_BYTES // 1024} kB; a filled form is never that large."
        )
    root = parse_xml(xml, "the instance")
    answers = dict(_answers(root, "", repeats, 0))
    return Instance(
        form_id=root.get("id") or local(root.tag),
        version=root.get("version") or "",
        instance_id=answers.get("meta/instanceID", ""),
        deprecated_id=answers.get("meta/deprecatedID"),
        answers=answers,
    )


def _answers(parent: Element, path: str, repeats: Collection[str], depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise FormError("the instance is nested too deeply to be a filled form.")
    children = [child for child in parent.iterchildren(tag=etree.Element) if child.get(_TEMPLATE) is None]
    if not children:
        if path and parent.text and parent.text.strip():
            yield path, parent.text
        return
    count = Counter(local(child.tag) for child in children)
    number: Counter[str] = Counter()
    for child in children:
        name = local(child.tag)
        number[name] += 1
        below = f"{path}/{name}" if path else name
        if count[name] > 1 or unnumbered(below) in repeats:
            below = instance(below, number[name])
        yield from _answers(child, below, repeats, depth + 1)


def write_instance(
    model: Model, values: Mapping[str, str], relevant: Callable[[str], bool], instance_id: str
) -> str:
    """The instance of a form with these answers; what is not relevant is left out, as JavaRosa does."""
    root = etree.Element(model.root_tag, nsmap=dict(model.namespaces))
    root.set("id", model.form_id)
    if model.version:
        root.set("version", model.version)
    for node in model.nodes:
        _write(root, node, values, relevant)
    _identify(root, instance_id)
    text: str = etree.tostring(root, encoding="unicode")
    return f"<?xml version='1.0' encoding='UTF-8'?>{text}"


def _write(parent: Element, node: Node, values: Mapping[str, str], relevant: Callable[[str], bool]) -> None:
    if not relevant(node.path):
        return
    element = etree.SubElement(parent, node.tag)
    if not node.children:
        element.text = values.get(node.path) or None
    for child in node.children:
        _write(element, child, values, relevant)


def _identify(root: Element, instance_id: str) -> None:
    """Every instance has meta/instanceID, also where the form forgot to declare it."""
    meta = next((child for child in root if local(child.tag) == "meta"), None)
    if meta is None:
        meta = etree.SubElement(root, f"{{{OPENROSA}}}meta", nsmap={"orx": OPENROSA})
    found = next((child for child in meta if local(child.tag) == "instanceID"), None)
    if found is None:
        found = etree.SubElement(meta, meta.tag[: -len("meta")] + "instanceID")
    found.text = instance_id
