"""YAML as Kubernetes reads it, and where everything in it stands.

Only PyYAML's parser is used: what it says comes as events, so that depth and aliases have a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from flowenv_k8s.spec.manifests.yaml_scalars import NotYaml, scalar

Path_ = tuple[str | int, ...]
"""Where something stands in a manifest: keys and indices."""

DEEPEST = 100
"""How deep lists and mappings may be nested."""


@dataclass(frozen=True)
class Place:
    """Where something stands.

    Args:
        line: its line, from 1.
        text: how the source writes it, if it is a scalar.
    """

    line: int
    text: str | None = None


@dataclass(frozen=True)
class Document:
    """One document.

    Args:
        data: what it says, as JSON data.
        places: where each part of it stands.
    """

    data: Any
    places: dict[Path_, Place]


def documents(text: str) -> list[Document]:
    """The documents in a YAML text that aren't empty.

    Raises:
        NotYaml: if it can't be read.

    >>> documents("{time: 12:30, mode: 0644, on: y}")[0].data
    {'time': '12:30', 'mode': 420, 'true': True}
    """
    found = []
    for root in _parsed(text):
        builder = _Builder()
        data = builder.build(root)
        if data is not None:
            found.append(Document(data, builder.places))
    return found


@dataclass(eq=False)
class _Node:
    """A scalar has a text; a sequence has items; a mapping has pairs; an alias has a target."""

    line: int
    tag: str = ""
    text: str | None = None
    plain: bool = False
    items: list[_Node] | None = None
    pairs: list[tuple[_Node, _Node]] | None = None
    target: _Node | None = None


def _parsed(text: str) -> Iterator[_Node]:
    """The roots of the documents; the parser itself has no depth at which it would stop."""
    anchors: dict[str, _Node] = {}
    open_: list[tuple[_Node, list[_Node]]] = []
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.DocumentStartEvent):
                anchors.clear()
            if isinstance(event, yaml.CollectionEndEvent):
                node, children = open_.pop()
                _close(node, children)
            elif isinstance(event, yaml.NodeEvent):
                node = _node(event, anchors)
                if isinstance(event, yaml.CollectionStartEvent):
                    open_.append((node, []))
                    if len(open_) > DEEPEST:
                        raise NotYaml(f"it is nested deeper than {DEEPEST} levels", node.line)
                    continue
            else:
                continue
            if open_:
                open_[-1][1].append(node)
            else:
                yield node
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise NotYaml(problem, mark.line + 1 if mark else 0) from error


def _node(event: Any, anchors: dict[str, _Node]) -> _Node:
    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise NotYaml(f"unknown anchor {event.anchor!r}", line)
        return _Node(line, target=anchors[event.anchor])
    node = _Node(line, tag=event.tag or "")
    if isinstance(event, yaml.ScalarEvent):
        node.text, node.plain = event.value, event.style in (None, "")
    elif isinstance(event, yaml.SequenceStartEvent):
        node.items = []
    else:
        node.pairs = []
    if event.anchor:
        anchors[event.anchor] = node
    return node


def _close(node: _Node, children: list[_Node]) -> None:
    if node.items is not None:
        node.items = children
    else:
        node.pairs = list(zip(children[::2], children[1::2], strict=True))


@dataclass
class _Builder:
    """Makes data of a tree; what aliases may multiply is bounded as by go-yaml."""

    places: dict[Path_, Place] = field(default_factory=dict)
    _made: int = 0
    _by_alias: int = 0
    _inside: list[_Node] = field(default_factory=list)

    def build(self, node: _Node, path: Path_ = (), line: int = 0) -> Any:
        self._count(node)
        if node.target is not None:
            return self._alias(node.target, path, line or node.line)
        if len(path) > DEEPEST:
            raise NotYaml(f"its aliases nest deeper than {DEEPEST} levels", node.line)
        self.places[path] = Place(line or node.line, node.text)
        if node.items is not None:
            return [self.build(one, (*path, index)) for index, one in enumerate(node.items)]
        if node.pairs is not None:
            return self._mapping(node.pairs, path)
        return scalar(node.text or "", node.tag, node.plain, node.line)

    def _count(self, node: _Node) -> None:
        self._made += 1
        self._by_alias += bool(self._inside)
        share = self._by_alias / self._made
        if self._by_alias > 100 and self._made > 1000 and share > _allowed(self._made):
            raise NotYaml("its aliases multiply too much", node.line)

    def _alias(self, target: _Node, path: Path_, line: int) -> Any:
        if target in self._inside:
            raise NotYaml("an anchor contains itself", line)
        self._inside.append(target)
        try:
            return self.build(target, path, line)
        finally:
            self._inside.pop()

    def _mapping(self, pairs: list[tuple[_Node, _Node]], path: Path_) -> dict[str, Any]:
        found: dict[str, Any] = {}
        own: set[str] = set()
        for key, value in pairs:
            if key.plain and key.text == "<<" and not key.tag:
                found |= self._merged(value, path)
                continue
            self._count(key)
            name = _key(key)
            if name in own:
                raise NotYaml(f"the key {name!r} comes twice", key.line)
            own.add(name)
            found[name] = self.build(value, (*path, name), key.line)
        return found

    def _merged(self, node: _Node, path: Path_) -> dict[str, Any]:
        """What `<<` brings: one mapping, or a list of which the first wins."""
        where = node.target or node
        found: dict[str, Any] = {}
        for one in reversed(where.items) if where.items is not None else [node]:
            if (one.target or one).pairs is None:
                raise NotYaml("'<<' needs a mapping, or a list of some", node.line)
            found |= self.build(one, path)
        return found


def _allowed(made: int) -> float:
    """Which share of what is made may come by aliases."""
    low, high = 400_000, 4_000_000
    return 0.99 - 0.89 * min(max((made - low) / (high - low), 0.0), 1.0)


def _key(node: _Node) -> str:
    """A key is text in JSON, whatever YAML makes of it."""
    while node.target is not None:
        node = node.target
    value = None
    if node.text is not None:
        value = scalar(node.text, node.tag, node.plain, node.line)
    if value is None:
        raise NotYaml("a key must be a text", node.line)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.8g}" if isinstance(value, float) else str(value)
