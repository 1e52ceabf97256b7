"""The XML of forms and instances, read safely: nothing is fetched, no entity is expanded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lxml import etree

from .errors import FormError
from .model import (
    NOTHING,
    Bind,
    Control,
    Itemset,
    ListSource,
    Model,
    Node,
    Output,
    Repeat,
    SetValue,
    Words,
    local,
)

XFORMS = "http://www.w3.org/2002/xforms"
XHTML = "http://www.w3.org/1999/xhtml"
JAVAROSA = "http://openrosa.org/javarosa"
ENTITIES = "http://www.opendatakit.org/xforms/entities"
EVALUATION = "urn:shakti:evaluation:1"
"""The namespace of the attributes that say what a question means to us."""

MAX_DEPTH = 20
"""Groups within groups. The deepest of the public forms in `docs/conformance.md` has 6."""

MAX_WRITTEN = 500_000
"""Characters of all expressions of one form together. The most in those public forms are 131,000."""

_EXPRESSIONS = frozenset(("relevant", "required", "constraint", "calculate", "readonly", "value", "nodeset"))

_LABEL, _HINT, _ITEM, _ITEMSET, _SET_VALUE, _VALUE = (
    f"{{{XFORMS}}}{name}" for name in ("label", "hint", "item", "itemset", "setvalue", "value")
)
_CONSTRAINT_MESSAGE, _REQUIRED_MESSAGE = f"{{{JAVAROSA}}}constraintMsg", f"{{{JAVAROSA}}}requiredMsg"
_RULES = {
    **{name: name for name in ("relevant", "required", "constraint", "calculate", "readonly")},
    f"{{{JAVAROSA}}}preload": "preload",
    f"{{{JAVAROSA}}}preloadParams": "preload_params",
}
"""Attributes that a bind keeps as they are, and what it calls them."""

_MARK = f"{{{EVALUATION}}}"
_NO_PARAMETERS = frozenset(("ref", "bind", "appearance", "mediatype", "class"))
_PROLOG = 1024

MAX_QUESTIONS = 5_000
"""Questions and groups of one form. Ours have about a hundred."""

Element = Any  # lxml's stubs know too little of what is used here


def parse_xml(xml: str | bytes, what: str) -> Element:
    """The root element of an XML document that can reach nothing outside itself.

    Raises FormError, beginning with `what`, for XML that is broken or has a DOCTYPE.
    """
    try:
        data = _without_declaration(xml.encode()) if isinstance(xml, str) else xml
    except UnicodeEncodeError as err:
        raise FormError(f"{what} is not XML: {err}.") from err
    if b"<!DOCTYPE" in data[:_PROLOG]:  # before the parser has met what it defines
        raise FormError(f"{what} has a DOCTYPE, which no form client writes; it is not read.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as err:
        raise FormError(f"{what} is not XML: {err.msg}.") from err  # str(err) adds a file name that is none
    except ValueError as err:
        raise FormError(f"{what} is not XML: {err}.") from err
    if root.getroottree().docinfo.internalDTD is not None:
        raise FormError(f"{what} has a DOCTYPE, which no form client writes; it is not read.")
    return root


def _without_declaration(data: bytes) -> bytes:
    """Text is UTF-8 by now, whatever encoding its declaration names."""
    data = data.lstrip()
    return data.partition(b"?>")[2] if data.startswith(b"<?xml") else data


def read_model(xml: str, where: str) -> Model:
    """Reads an XForm; FormError, beginning with `where`, says what is missing or not understood."""
    html = parse_xml(xml, where)
    model = html.find(f".//{{{XFORMS}}}model")
    body = html.find(f"{{{XHTML}}}body")
    primary = _primary(model)
    if model is None or body is None or primary is None:
        raise FormError(f"{where} is not an XForm: it needs a model, a primary instance and a body.")
    if len(xml) > MAX_WRITTEN:  # a shorter document has no more characters in its expressions
        _require_bearable(html, where)
    reader = _Reader(where, local(primary.tag))
    nodes = reader.nodes(primary, "")
    binds = {bind.path: bind for bind in map(reader.bind, model.iterfind(f"{{{XFORMS}}}bind"))}
    reader.body(body, "", None)
    reader.model_set_values(model)
    itext, forms, default = _translations(model)
    return Model(
        form_id=primary.get("id") or local(primary.tag),
        version=primary.get("version") or "",
        title=html.findtext(f"{{{XHTML}}}head/{{{XHTML}}}title") or "",
        root_tag=_tag(primary),
        namespaces=MappingProxyType({p: uri for p, uri in primary.nsmap.items() if p is not None}),
        nodes=nodes,
        binds=MappingProxyType(binds),
        controls=tuple(reader.controls),
        lists=tuple(_list(item) for item in model.iterfind(f"{{{XFORMS}}}instance") if item.get("id")),
        set_values=tuple(reader.set_values),
        repeats=tuple(reader.repeats),
        itext=MappingProxyType(itext),
        itext_forms=MappingProxyType(forms),
        default_language=default,
        entities=model.get(f"{{{ENTITIES}}}entities-version") is not None,
    )


def _require_bearable(html: Element, where: str) -> None:
    """Reading expressions is what takes the time of loading a form."""
    written = sum(
        len(text)
        for element in html.iter(etree.Element)
        for name, text in element.attrib.items()
        if local(name) in _EXPRESSIONS
    )
    if written > MAX_WRITTEN:
        raise FormError(
            f"{where}: its expressions have {written:,} characters together; no form needs more than {MAX_WRITTEN:,}."
        )


def _primary(model: Element) -> Element:
    """The root of the primary instance: the first instance's only element."""
    instance = model.find(f"{{{XFORMS}}}instance") if model is not None else None
    return next(iter(instance), None) if instance is not None else None


def _tag(element: Element) -> str:
    """Elements in XForms' namespace are written without one, as JavaRosa does; others keep theirs."""
    return str(element.tag).removeprefix(f"{{{XFORMS}}}")


class _Reader:
    """Collects what is spread over the body, and knows the root's name that all paths begin with."""

    def __init__(self, where: str, root: str) -> None:
        self.where = where
        self.root = root
        self.controls: list[Control] = []
        self.set_values: list[SetValue] = []
        self.repeats: list[Repeat] = []
        self._by_id: dict[str, str] = {}
        self._own = f"/{root}/"
        self._instances: Counter[str] = Counter()
        self._questions = 0

    def path(self, ref: str, parent: str = "") -> str:
        """A reference such as `/data/core/age` or (below a group) `age`, as a path without the root."""
        ref = ref.strip()
        if ref.startswith(self._own) and ":" not in ref:
            return ref[len(self._own) :]
        steps = [local(step) for step in ref.split("/")]
        if ref.startswith("/"):
            steps = steps[2:] if steps[1:2] == [self.root] else steps[1:]
            return "/".join(steps)
        return "/".join([*parent.split("/"), *steps]) if parent else "/".join(steps)

    def nodes(self, parent: Element, path: str, depth: int = 0) -> tuple[Node, ...]:
        if depth > MAX_DEPTH:
            raise FormError(f"{self.where}: its groups are nested too deeply.")
        found: dict[str, Node] = {}
        for child in parent:
            below = f"{path}/{local(child.tag)}" if path else local(child.tag)
            self._instances[below] += child.get(f"{{{JAVAROSA}}}template") is None
            if below not in found:  # a repeat stands twice: as its template and as its first instance
                text = child.text or "" if len(child) == 0 else ""
                self._count_question()
                found[below] = Node(_tag(child), below, text, self.nodes(child, below, depth + 1))
        return tuple(found.values())

    def _count_question(self) -> None:
        self._questions += 1
        if self._questions > MAX_QUESTIONS:
            raise FormError(f"{self.where}: has more than {MAX_QUESTIONS:,} questions; no form is that long.")

    def bind(self, element: Element) -> Bind:
        says = dict(element.items())
        path = self.path(says.get("nodeset", ""))
        if says.get("id"):
            self._by_id[says["id"]] = path
        rules = {_RULES[name]: text for name, text in says.items() if name in _RULES}
        marks = {local(name): text for name, text in says.items() if name.startswith(_MARK)}
        return Bind(
            path=path,
            type=local(says.get("type") or "string"),
            constraint_message=_message(says.get(_CONSTRAINT_MESSAGE)),
            required_message=_message(says.get(_REQUIRED_MESSAGE)),
            eval=MappingProxyType(marks) if marks else NOTHING,
            **rules,
        )

    def body(self, parent: Element, path: str, section: Words | None, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise FormError(f"{self.where}: its groups are nested too deeply.")
        for element in parent:
            name = local(element.tag)
            if name == "group":
                self.body(
                    element, self._ref(element, path), _said(element.find(_LABEL)) or section, depth + 1
                )
            elif name == "repeat":
                self._repeat(element, self._ref(element, path), section)
                self._set_values(element, None)
                self.body(element, self._ref(element, path), section, depth + 1)
            elif name not in ("label", "hint", "setvalue"):
                self._control(element, self._ref(element, path), section)

    def _repeat(self, element: Element, path: str, label: Words | None) -> None:
        count = (element.get(f"{{{JAVAROSA}}}count") or "").strip()
        fixed = (element.get(f"{{{JAVAROSA}}}noAddRemove") or "").strip() in ("true()", "true")
        self.repeats.append(Repeat(path, count, fixed or bool(count), self._instances[path], label))

    def _ref(self, element: Element, parent: str) -> str:
        if element.get("bind"):
            return self._by_id.get(element.get("bind"), "")
        ref = element.get("ref") or element.get("nodeset")
        return self.path(ref, parent) if ref else parent

    def _control(self, element: Element, path: str, section: Words | None) -> None:
        says = dict(element.items())
        parts: dict[str, Element] = {}
        for child in element:
            parts.setdefault(child.tag, child)
        if _SET_VALUE in parts:
            self._set_values(element, path)
        parameters = {name: text for name, text in says.items() if name not in _NO_PARAMETERS}
        self.controls.append(
            Control(
                path=path,
                tag=local(element.tag),
                appearance=says.get("appearance"),
                label=_said(parts.get(_LABEL)),
                hint=_said(parts.get(_HINT)),
                section=section,
                itemset=_itemset(parts.get(_ITEMSET)),
                items=tuple(_items(element)) if _ITEM in parts else (),
                parameters=MappingProxyType(parameters) if parameters else NOTHING,
                media=says.get("mediatype", ""),
            )
        )

    def model_set_values(self, model: Element) -> None:
        """Dynamic defaults: values given when the form is opened for the first time."""
        self._set_values(model, None)

    def _set_values(self, parent: Element, on: str | None) -> None:
        for element in parent.iterfind(_SET_VALUE):
            events = (element.get("event") or "").split()
            value = element.get("value") or _quoted(element.text or "")
            path = self._ref(element, "")
            if "odk-instance-first-load" in events or "xforms-ready" in events:
                self.set_values.append(SetValue(path, value, None))
            if "odk-new-repeat" in events:
                self.set_values.append(SetValue(path, value, None, new=True))
            if on is not None and "xforms-value-changed" in events:
                self.set_values.append(SetValue(path, value, on))


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _itemset(found: Element | None) -> Itemset | None:
    if found is None:
        return None
    refs = {child.tag: child.get("ref") for child in reversed(found)}
    name = refs.get(_VALUE) or "name"
    return Itemset(found.get("nodeset") or "", name, refs.get(_LABEL) or name)


def _items(element: Element) -> Iterator[tuple[str, Words]]:
    for item in element.iterfind(_ITEM):
        yield (item.findtext(_VALUE) or "").strip(), _said(item.find(_LABEL)) or Words()


def _message(text: str | None) -> Words | None:
    if not text:
        return None
    name = _itext_id(text)
    return Words(itext=name) if name else Words(parts=(text,))


def _said(element: Element | None) -> Words | None:
    if element is None:
        return None
    ref = element.get("ref")
    itext = _itext_id(ref) if ref else None
    return Words(itext=itext) if itext else Words(parts=_parts(element))


def _itext_id(ref: str) -> str | None:
    """The id in `jr:itext('id')`; None for anything else."""
    inner = ref.strip().removeprefix("jr:itext(").removesuffix(")").strip()
    if inner == ref.strip() or inner[:1] not in ("'", '"') or inner[-1:] != inner[:1]:
        return None
    return inner[1:-1]


def _parts(element: Element) -> tuple[str | Output, ...]:
    """Text and outputs of a label, without the blanks around it."""
    if not len(element):
        text = (element.text or "").strip()
        return (text,) if text else ()
    parts: list[str | Output] = [element.text or ""]
    for child in element:
        if local(child.tag) == "output":
            parts.append(Output(child.get("value") or child.get("ref") or "''"))
        else:
            parts.append("".join(child.itertext()))
        parts.append(child.tail or "")
    if isinstance(parts[0], str):
        parts[0] = parts[0].lstrip()
    if isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip()
    return tuple(part for part in parts if part)


Texts = Mapping[str, tuple[str | Output, ...]]


def _translations(model: Element) -> tuple[dict[str, Texts], dict[str, Mapping[str, Texts]], str | None]:
    """Language to text id to parts; the same for sounds, pictures and guidance; and the default language."""
    itext: dict[str, Texts] = {}
    forms: dict[str, Mapping[str, Texts]] = {}
    default = None
    for translation in model.iterfind(f"{{{XFORMS}}}itext/{{{XFORMS}}}translation"):
        language = translation.get("lang") or ""
        if translation.get("default"):
            default = language
        found = [(text.get("id") or "", dict(_texts(text))) for text in translation.iterfind(_TEXT)]
        itext[language] = MappingProxyType({name: texts[""] for name, texts in found if "" in texts})
        others = {name: {f: parts for f, parts in texts.items() if f} for name, texts in found}
        forms[language] = MappingProxyType({name: texts for name, texts in others.items() if texts})
    return itext, forms, default or next(iter(itext), None)


_TEXT = f"{{{XFORMS}}}text"


def _texts(text: Element) -> Iterator[tuple[str, tuple[str | Output, ...]]]:
    """The forms of one text: '' is the plain one, others are `audio`, `image`, `guidance` …"""
    for value in text.iterfind(f"{{{XFORMS}}}value"):
        yield value.get("form") or "", _parts(value)


def _list(instance: Element) -> ListSource:
    items = [{cell.tag: cell.text or "" for cell in item} for root in instance for item in root]
    names = {tag: local(tag) for tag in {tag for item in items for tag in item}}
    items = [{names[tag]: text for tag, text in item.items()} for item in items]
    return ListSource(instance.get("id"), instance.get("src"), tuple(items))
