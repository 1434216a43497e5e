"""Which objects a response holds already, and where.

Owns: identity, cycles, and the check that an object is still what was sent. Refuses to know: how values are written.

React writes an object that it meets again as the path to its first place (`"$0:a:1"`), also from a later row. Python code
likes to change a list or dict and return it once more, so a path is only used while the object is unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias, cast

from msgspec import Raw

from flightwire.elements import Element
from flightwire.errors import EncodeError
from flightwire.wire.flight.plain import plain_json
from flightwire.wire.flight.rows import dump, escape
from flightwire.wire.flight.sharing import Names

Node: TypeAlias = tuple[Any, Any, object, object, int]
"""Where an object was written: (the node it is in or None, its key there or its row, the object, its model, when)."""


class _Rows(NamedTuple):
    """Rows of their own that were written together."""

    values: dict[int, Any]  # by id
    row_ids: list[bytes]
    jsons: list[bytes]


class Identity:
    """The objects written so far, kept alive so that their identity stays their own.

    Args:
        made: by `id(value)`, the row id (hex) of each promise, function and stream that was written, and its owner.

    Attributes:
        has_referred: whether any reference was made since `detached` began.
    """

    __slots__ = ("_made", "_paths", "_unfinished", "has_referred", "nodes", "turn")

    def __init__(self, made: Mapping[object, tuple[str, Any]]) -> None:
        self._made = made
        self._unfinished: dict[int, None] = {}
        self._paths: dict[
            int, tuple[Node, str]
        ] = {}  # of this turn; one small list may be in ten thousand places
        self.nodes: dict[int, Node] = {}
        self.turn = 0  # one per call of the writer: nothing changes during a call
        self.has_referred = False

    def begin_turn(self) -> None:
        """A call of the writer begins."""
        self.turn += 1
        self._unfinished.clear()
        self._paths.clear()

    def forget_turn(self) -> None:
        """It has failed: nothing that it wrote can be referred to."""
        self.nodes = {key: node for key, node in self.nodes.items() if node[4] != self.turn}

    def forget(self) -> None:
        """Nothing that was written will be met again."""
        self.nodes.clear()
        self._paths.clear()

    @contextmanager
    def detached(self) -> Iterator[None]:
        """For values that come many times: identity holds inside one value only, and nothing is kept."""
        nodes, self.nodes = self.nodes, {}
        self.has_referred = False
        try:
            yield
        finally:
            self.nodes = nodes

    @contextmanager
    def unfinished(self, value: object) -> Iterator[None]:
        """While the content of a Map or Set is written, which no path may enter."""
        self._unfinished[id(value)] = None
        yield
        self._unfinished.pop(id(value), None)

    def register(self, value: object, parent: Node | None, key: object, model: object) -> Node:
        """Remember where an object is written."""
        node: Node = (parent, key, value, model, self.turn)
        self.nodes[id(value)] = node
        return node

    def register_rows(self, values: dict[int, Any], row_ids: list[bytes], jsons: list[bytes]) -> None:
        """Remember rows of their own, with their ids in hex. Few are ever asked for: until one is, they share a node."""
        node: Node = (None, _Rows(values, row_ids, jsons), None, None, self.turn)
        self.nodes |= dict.fromkeys(values, node)

    def node(self, value: object) -> Node | None:
        """Where an object is written."""
        node = self.nodes.get(id(value))
        if node is not None and type(node[1]) is _Rows:
            self._tell_apart(node, node[1])
            node = self.nodes[id(value)]
        return node

    def _tell_apart(self, shared: Node, made: _Rows) -> None:
        """Give each row a node of its own."""
        nodes = self.nodes
        for (key, value), row_id, json in zip(made.values.items(), made.row_ids, made.jsons, strict=True):
            if nodes.get(key) is shared:
                nodes[key] = (None, row_id.decode(), value, Raw(json), shared[4])

    def is_whole(self, value: object) -> bool:
        """Whether the row that something is in was written to its end, so that an earlier row may refer to it."""
        node = self.node(value)
        if node is None:
            return False
        parent, _, _, model, turn = node
        return turn != self.turn or (parent is None and isinstance(model, Raw))

    def find(self, value: object) -> str | None:
        """The path to an object that was written before and is still the same.

        Raises:
            EncodeError: it is a Map or Set around this very place.
        """
        node = self.node(value)
        if node is None:
            return None
        if id(value) in self._unfinished:
            name = type(value).__name__
            raise EncodeError(f"a {name} that contains itself, which browsers cannot read; break the cycle")
        if node[4] != self.turn and not self._confirm(node):
            return None
        self.has_referred = True
        known = self._paths.get(id(value))
        if known is None or known[0] is not node:
            known = self._paths[id(value)] = (node, path_of(node))
        return known[1]

    def _confirm(self, node: Node) -> bool:
        """Whether an object from an earlier call is what was sent then; if not, what led there is forgotten."""
        confirmed: list[Node] = []
        if self._is_same(node, confirmed):
            return True
        for changed in confirmed:
            self.nodes.pop(id(changed[2]), None)
        return False

    def _is_same(self, node: Node, confirmed: list[Node]) -> bool:
        parent, key, value, model, turn = node
        if turn == self.turn or isinstance(value, Element):  # elements are values: made once, never changed
            return True
        self.nodes[id(value)] = (parent, key, value, model, self.turn)  # so that a cycle ends
        confirmed.append(node)
        if isinstance(model, Raw) and isinstance(value, dict | list):
            return self._is_same_plain(value, model, confirmed)
        if type(value) is dict and isinstance(model, Mapping):
            return len(value) == len(model) and all(
                name in model and self._is_item(item, model[name], confirmed) for name, item in value.items()
            )
        if type(value) is list and isinstance(model, list):
            return len(value) == len(model) and all(
                self._is_item(item, part, confirmed) for item, part in zip(value, model, strict=True)
            )
        return False

    def _is_same_plain(self, value: Any, model: Raw, confirmed: list[Node]) -> bool:
        """Whether plain JSON would be written as it was, and what stands in several places of it too."""

        def name(values: list[Any]) -> Names | None:
            named = [self._name_again(each, confirmed) for each in values]
            if None in named:
                return None
            names, are_new = zip(*cast("list[tuple[bytes, bool]]", named), strict=True)
            return Names(list(names), list(are_new))

        plain = plain_json(value, name=name)
        return (
            plain is not None
            and bytes(plain.json) == bytes(model)
            and all(map(self._has_model, plain.rows.values.values(), plain.jsons))
        )

    def _has_model(self, value: object, json: bytes) -> bool:
        node = self.node(value)
        return node is not None and isinstance(node[3], Raw) and bytes(node[3]) == json

    def _name_again(self, shared: object, confirmed: list[Node]) -> tuple[bytes, bool] | None:
        """How something shared was referred to, and whether it has to be compared."""
        node = self.node(shared)
        if node is None:
            return None
        if node[0] is None and isinstance(node[3], Raw):
            return str(node[1]).encode(), True
        return (dump(path_of(node))[2:-1], False) if self._is_same(node, confirmed) else None

    def _is_item(self, item: object, model: object, confirmed: list[Node]) -> bool:
        """Whether an item would be written as it was; what cannot be told cheaply counts as changed."""
        if item is model:
            return True
        if isinstance(item, str):
            return escape(item) == model
        if type(item) in (int, float):
            return type(item) is type(model) and item == model
        node = self.node(item)
        if node is not None:
            return (node[3] is model or path_of(node) == model) and self._is_same(node, confirmed)
        made = self._made.get(id(item))
        return isinstance(model, str) and made is not None and made[0] in (model[1:], model[2:])


def path_of(node: Node) -> str:
    """The path to an object from the row it is in: `$0:a:1`."""
    keys: list[str] = []
    while node[0] is not None:
        keys.append(str(node[1]))
        node = node[0]
    return ":".join([f"${node[1]}", *reversed(keys)])


def python_path(parent: Node | None, key: object) -> str:
    """The place of a value as Python would index it: `['a'][1]`."""
    steps: list[str] = []
    while parent is not None:
        is_attribute = key == "props" and isinstance(parent[2], Element)
        steps.append(f".{key}" if is_attribute else f"[{key!r}]")
        parent, key = parent[0], parent[1]
    return "".join(reversed(steps))
