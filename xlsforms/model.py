"""An XForm as data: what its XML says, before any expression is understood. Read by `xlsforms.xform`.

The small parts are named tuples, as frozen as dataclasses: a form has thousands, and they are made four times as fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import NamedTuple

NOTHING: Mapping[str, str] = MappingProxyType({})


class Output(NamedTuple):
    """A value inside a label."""

    expression: str


class Words(NamedTuple):
    """A label, hint or message: an id in the form's translations, or the same parts for all languages."""

    itext: str | None = None
    parts: tuple[str | Output, ...] = ()


class Bind(NamedTuple):
    """What a `<bind>` says of one question or group; expressions are still text, '' when absent."""

    path: str
    type: str = "string"
    relevant: str = ""
    required: str = ""
    constraint: str = ""
    calculate: str = ""
    readonly: str = ""
    preload: str = ""
    preload_params: str = ""
    constraint_message: Words | None = None
    required_message: Words | None = None
    eval: Mapping[str, str] = NOTHING


class Itemset(NamedTuple):
    """Where a question's choices come from: a path into a list, and the columns of name and label."""

    nodeset: str
    value: str
    label: str


class Control(NamedTuple):
    """How a question is asked. `section` is the label of the nearest group that has one."""

    path: str
    tag: str
    appearance: str | None
    label: Words | None
    hint: Words | None
    section: Words | None
    itemset: Itemset | None
    items: tuple[tuple[str, Words], ...]
    parameters: Mapping[str, str]
    media: str


class SetValue(NamedTuple):
    """A value given to `path` at an event.

    The event: the question `on` changes; a new instance of a repeat is made (`new`); else the form is opened.
    """

    path: str
    expression: str
    on: str | None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part that can stand several times.

    `count`: an expression that says how often, '' when the person adds as many as there are; `fixed`: nobody
    may add any; `first`: instances the empty form has; `label`: of the group around it.
    """

    path: str
    count: str
    fixed: bool
    first: int
    label: Words | None


class Node(NamedTuple):
    """One element of the primary instance, without the root; a leaf has no children."""

    tag: str
    path: str
    default: str
    children: tuple[Node, ...]


class ListSource(NamedTuple):
    """A secondary instance: its rows if they are in the form, else the address of the file."""

    id: str
    src: str | None
    items: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Model:
    """Everything the engine needs of an XForm. Paths have no root element and no prefixes.

    `itext`: language to text id to the plain text; `itext_forms`: language to text id to the other forms of
    that text (`audio`, `image`, `video`, `big-image`, `guidance`). `entities`: whether filled forms make or
    change entities on the server.
    """

    form_id: str
    version: str
    title: str
    root_tag: str
    namespaces: Mapping[str, str]
    nodes: tuple[Node, ...]
    binds: Mapping[str, Bind]
    controls: tuple[Control, ...]
    lists: tuple[ListSource, ...]
    set_values: tuple[SetValue, ...]
    repeats: tuple[Repeat, ...]
    itext: Mapping[str, Mapping[str, tuple[str | Output, ...]]]
    itext_forms: Mapping[str, Mapping[str, Mapping[str, tuple[str | Output, ...]]]]
    default_language: str | None
    entities: bool

    @property
    def root(self) -> str:
        return local(self.root_tag)

    def leaves(self) -> Iterator[Node]:
        """All questions of the primary instance, in document order."""
        return (node for node in self.all_nodes if not node.children)

    @cached_property
    def all_nodes(self) -> tuple[Node, ...]:
        """All questions and groups of the primary instance, in document order."""
        return tuple(walk(self.nodes))


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Nodes and all below them, in document order."""
    for node in nodes:
        yield node
        if node.children:
            yield from walk(node.children)


@lru_cache(maxsize=1024)
def local(tag: str) -> str:
    """A tag or name without its namespace or prefix."""
    return tag.rpartition("}")[2].rpartition(":")[2]
