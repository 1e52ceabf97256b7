"""A form with its repeats written out: as many instances as an interview has, each with paths of its own.

`visit/day` of two visits becomes `visit[1]/day` and `visit[2]/day`. Everything behind it (rules, their order,
relevance) then works as for a form without repeats, and costs nothing where there are none.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from types import MappingProxyType

from .model import Bind, Control, Model, Node, Repeat, SetValue

MAX_INSTANCES = 50
"""Of one repeat in a conversation. Nobody tells of more; a larger count is a slip of the finger."""

REPEAT = "repeat"
"""The kind of the question that asks for another instance; its answers are ADD and DONE."""

ADD, DONE = "add", "done"

Counts = Mapping[str, int]
"""How many instances each repeat has, by its path."""

_NUMBER = re.compile(r"\[[0-9]+\]")


def unnumbered(path: str) -> str:
    """`visit/day` of `visit[2]/day`: the question as the form knows it."""
    return _NUMBER.sub("", path) if "[" in path else path


def number_of(path: str) -> int | None:
    """2 of `visit[2]/day`; None outside repeats. There is one number at most: nested repeats are refused."""
    return int(path.partition("[")[2].partition("]")[0]) if "[" in path else None


def instance(repeat: str, number: int) -> str:
    """The path of one instance, counted from 1."""
    return f"{repeat}[{number}]"


def nested(repeats: Iterable[Repeat]) -> tuple[str, str] | None:
    """A repeat inside another, and that other; None where there is none."""
    paths = [repeat.path for repeat in repeats]
    return next(((p, q) for p in paths for q in paths if p.startswith(f"{q}/")), None)


def written_out(model: Model, counts: Counts) -> Model:
    """The model with every repeat standing `counts` times."""
    if not counts:
        return model
    return dataclasses.replace(
        model,
        nodes=tuple(_nodes(model.nodes, counts)),
        binds=MappingProxyType(dict(_binds(model.binds, counts))),
        controls=tuple(_controls(model, counts)),
        set_values=tuple(_set_values(model.set_values, counts)),
    )


def _owner(path: str, counts: Counts) -> str | None:
    """The repeat a path is, or stands in."""
    return next((repeat for repeat in counts if path == repeat or path.startswith(f"{repeat}/")), None)


def _at(path: str, repeat: str, number: int) -> str:
    return instance(repeat, number) + path[len(repeat) :]


def each(path: str, counts: Counts) -> list[str]:
    """The path in every instance there is; the path itself outside repeats."""
    repeat = _owner(path, counts)
    if repeat is None:
        return [path]
    return [_at(path, repeat, number) for number in range(1, counts[repeat] + 1)]


def _nodes(nodes: tuple[Node, ...], counts: Counts) -> Iterator[Node]:
    for node in nodes:
        if node.path in counts:
            for number in range(1, counts[node.path] + 1):
                yield _moved(node, node.path, number)
        elif node.children:
            yield node._replace(children=tuple(_nodes(node.children, counts)))
        else:
            yield node


def _moved(node: Node, repeat: str, number: int) -> Node:
    children = tuple(_moved(child, repeat, number) for child in node.children)
    return node._replace(path=_at(node.path, repeat, number), children=children)


def _binds(binds: Mapping[str, Bind], counts: Counts) -> Iterator[tuple[str, Bind]]:
    for path, bind in binds.items():
        if path in counts:
            yield path, bind  # decides whether another instance is asked for
        for place in each(path, counts):
            yield place, bind._replace(path=place)


def _controls(model: Model, counts: Counts) -> Iterator[Control]:
    """The questions instance by instance; behind the last one that which asks for another."""
    repeats = {repeat.path: repeat for repeat in model.repeats}
    for repeat, controls in groupby(model.controls, key=lambda control: _owner(control.path, counts)):
        if repeat is None:
            yield from controls
            continue
        inside = tuple(controls)
        for number in range(1, counts[repeat] + 1):
            for control in inside:
                yield control._replace(path=_at(control.path, repeat, number))
        if not repeats[repeat].fixed and counts[repeat] < MAX_INSTANCES:
            yield _another(repeats[repeat])


def _another(repeat: Repeat) -> Control:
    nothing: Mapping[str, str] = MappingProxyType({})
    return Control(repeat.path, REPEAT, None, repeat.label, None, None, None, (), nothing, "")


def _set_values(actions: Iterable[SetValue], counts: Counts) -> Iterator[SetValue]:
    """A value set by a question of the same repeat is set in the same instance, else in all of them."""
    for action in actions:
        repeat = _owner(action.path, counts)
        for place in each(action.path, counts):
            if action.on is None:
                yield action._replace(path=place)
            elif repeat is not None and _owner(action.on, counts) == repeat:
                yield action._replace(path=place, on=_at(action.on, repeat, number_of(place) or 1))
            else:
                yield from (action._replace(path=place, on=on) for on in each(action.on, counts))
