"""From a Python value to the model of a row: the JSON in which `$…` strings stand for what JSON cannot say.

Owns: ids, the walk through containers, which slots a value opens. Refuses to know: when anything is
sent or awaited. How each kind of value is written is in `encoders.py`, which registers itself here by class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain, repeat
from typing import Any, Final, TypeAlias

from msgspec import Raw

from flightwire.elements import ClientReference
from flightwire.errors import EncodeError
from flightwire.wire.flight import rows
from flightwire.wire.flight.identity import Identity, Node, python_path
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.plain import MIN_ENTRIES, MIN_VALUES, plain_json
from flightwire.wire.flight.sharing import Names
from flightwire.wire.flight.survey import has_values
from flightwire.wire.flight.transaction import TOO_DEEP, Transaction
from flightwire.wire.flight.values import LONG_TEXT_CHARS, MAX_DEPTH, MAX_SAFE_INTEGER, Slot, SlotKind

Handler: TypeAlias = "Callable[[ModelEncoder, Any, Node | None, Any], object]"
"""Writes one value: (encoder, value, the node it is in or None, its key there or its row) → model."""

_MOST: Final = MAX_SAFE_INTEGER
_LEAST: Final = -MAX_SAFE_INTEGER
_MOST_SMALL_TRIES: Final = 8  # per call of the writer
_flat = chain.from_iterable
_ODD_KEYS: Final = frozenset(("__proto__", "constructor", "then"))


class ModelEncoder:
    """Turns values into models. One per response: ids and identity last as long as it does.

    Attributes:
        rows: rows that must be written before the model that was made last.
        opened: slots opened since somebody took them.
        small_tries: how many containers of few entries may still be tried as plain JSON in this call of the writer.
    """

    __slots__ = (
        "_handlers",
        "_made",
        "_manifest",
        "_outer",
        "_small",
        "depth",
        "identity",
        "next_id",
        "opened",
        "rows",
        "small_tries",
    )

    def __init__(self, handlers: Mapping[type, Handler], manifest: Manifest | None = None) -> None:
        self._handlers = handlers
        self._manifest = manifest
        self.next_id = 1
        self._made: dict[object, tuple[str, Any]] = {}
        self.rows: list[bytes] = []
        self.opened: list[Slot] = []
        self.depth = 0
        self._outer: list[str] = []
        self.small_tries = 0
        self._small: object = None  # a root that has few values, so that what is in it needs no try
        self.identity = Identity(self._made)  # not a method: no response should need the garbage collector

    # ids and rows

    def take_id(self) -> int:
        """A row id nobody has used."""
        taken = self.next_id
        self.next_id += 1
        return taken

    def add_row(self, write: Callable[..., bytes], *args: object) -> str:
        """Write a row of its own before the current one; returns its id in hex."""
        row_id = b"%x" % self.take_id()
        self.rows.append(write(row_id, *args))
        return row_id.decode()

    def outline(self, value: object, parent: Node | None, key: object, step: str = "") -> str:
        """Write a value as a row of its own; returns the row's id in hex.

        Args:
            value: what the row holds.
            parent: where the reference to the row will be.
            key: its key there.
            step: how Python reaches the value from there: `.entries`.
        """
        row_id = f"{self.take_id():x}"
        self._outer.append(python_path(parent, key) + step)
        try:
            model = self.encode(value, None, row_id)
        except EncodeError as error:
            error.path = step + error.path
            raise
        self._outer.pop()
        self.rows.append(rows.model_row(row_id.encode(), model))
        return row_id

    def transaction(self, path: str) -> Transaction:
        """All or nothing: what fails inside the block (`with`) leaves no row, slot or reference behind.

        Args:
            path: where in the response it is written; an EncodeError is told.
        """
        self.depth = 0
        self.small_tries = _MOST_SMALL_TRIES
        self._small = None
        self._outer.clear()
        self.identity.begin_turn()
        return Transaction(self, path, (len(self._made), len(self.opened), len(self.rows)))

    def roll_back(self, made: int, opened: int, row_count: int) -> None:
        """Go back to when there were so many of these."""
        self.identity.forget_turn()
        while len(self._made) > made:
            self._made.popitem()
        del self.opened[opened:], self.rows[row_count:]

    def forget_values(self) -> None:
        """No value that was written will be met again; client modules stay known."""
        self.identity.forget()
        self._small = None
        for key in [key for key, (_, owner) in self._made.items() if owner is not None]:
            del self._made[key]

    # what is written once

    def shared(self, key: object, owner: object, make: Callable[[], str]) -> str:
        """What was made once for this key; `owner` is kept alive as long as the key is its identity."""
        found = self._made.get(key)
        if found is not None:
            return found[0]
        made = make()
        self._made[key] = (made, owner)
        return made

    def remember(self, source: object, make: Callable[[], object]) -> object:
        """What was made of an object the first time it was met."""
        found = self._made.get(("of", id(source)))
        if found is None:
            found = self._made["of", id(source)] = ("", (make(), source))
        return found[1][0]

    def made_for(self, source: object) -> str | None:
        """The row id, in hex, of a promise, stream or function that was written before."""
        found = self._made.get(id(source))
        return None if found is None else found[0]

    def import_client(self, reference: ClientReference) -> str:
        """The row id, in hex, of a client module's export.

        Raises:
            EncodeError: the build has no such export.
        """
        if self._manifest is not None:
            reference = self._manifest.resolve(reference)
        write = rows.import_row
        facts = (reference.module_id, reference.chunks, reference.name)
        return self.shared(("import", *facts), None, lambda: self.add_row(write, *facts))

    def open_slot(self, kind: SlotKind, source: object, parent: Node | None, key: object) -> str:
        """The row id, in hex, of what somebody has to wait for; the same object gives the same row."""

        def make() -> str:
            path = "".join(self._outer) + python_path(parent, key)
            slot = Slot(self.take_id(), kind, source, path)
            self.opened.append(slot)
            return f"{slot.id:x}"

        return self.shared(id(source), source, make)

    # the walk

    def encode(self, value: object, parent: Node | None, key: object) -> object:
        """The model of any value; a root has no parent and its row's id (hex) as key.

        Raises:
            EncodeError: the value, or one inside it, cannot be sent.
        """
        return self._handlers[type(value)](self, value, parent, key)

    def enter(self) -> None:
        """One level deeper.

        Raises:
            EncodeError: this is deeper than clients can read.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise EncodeError(TOO_DEEP)

    def text(self, text: str) -> str:
        """The model of a text: inline and escaped, or a row of its own when it is long."""
        if len(text) < LONG_TEXT_CHARS:
            return rows.escape(text)
        try:
            data = text.encode()
        except UnicodeEncodeError:  # lone surrogates exist in JSON escapes only
            return rows.escape(text)
        return "$" + self.add_row(rows.text_row, data)

    def plain_object(self, value: Mapping[Any, object], parent: Node | None, key: object) -> object:
        """The model of a mapping, as a plain object."""
        identity = self.identity
        if id(value) in identity.nodes and (found := identity.find(value)) is not None:
            return found
        if (len(value) >= MIN_ENTRIES or parent is None or parent[0] is None) and (
            raw := self._raw(value, parent, key)
        ) is not None:
            return raw
        model: dict[str, object] = {}
        identity.nodes[id(value)] = node = (parent, key, value, model, identity.turn)
        self.fields(value, node, model)
        return model

    def fields(
        self,
        value: Mapping[Any, Any],
        node: Node,
        model: dict[str, object],
        step: Callable[[str], str] = "[{!r}]".format,
    ) -> None:
        """Fill the model of an object from a mapping; `step` says how Python reaches a field of it."""
        self.enter()
        handlers = self._handlers
        has_odd_key = "__proto__" in value or "constructor" in value or "then" in value
        name: Any = None
        try:
            for name, item in value.items():
                if type(name) is not str:
                    name = _text_key(name)  # noqa: PLW2901  # a subclass of str, made plain
                cls = type(item)
                if has_odd_key and name in _ODD_KEYS:
                    self._odd_field(model, name, item, node)
                elif cls is str:
                    is_plain = len(item) < LONG_TEXT_CHARS and item[:1] != "$"
                    model[name] = item if is_plain else self.text(item)
                elif item is None or cls is bool or (cls is int and _LEAST <= item <= _MOST):
                    model[name] = item
                elif ":" in name and cls not in _SCALARS:
                    model[name] = self._unaddressable(item, node, name)
                else:
                    model[name] = handlers[cls](self, item, node, name)
        except EncodeError as error:
            error.path = step(name) + error.path
            raise
        self.depth -= 1

    def array(self, value: list[Any] | tuple[Any, ...], parent: Node | None, key: object) -> object:
        """The model of a list or tuple, as an array. Tuples have no identity: Python shares equal ones."""
        identity = self.identity
        has_identity = isinstance(value, list)
        if has_identity:
            if id(value) in identity.nodes and (found := identity.find(value)) is not None:
                return found
            if (len(value) >= MIN_ENTRIES or parent is None or parent[0] is None) and (
                raw := self._raw(value, parent, key)
            ) is not None:
                return raw
        model: list[object] = []
        node: Node = (parent, key, value, model, identity.turn)
        if has_identity:
            identity.nodes[id(value)] = node
        self.enter()
        handlers = self._handlers
        add = model.append
        try:
            for item in value:
                cls = type(item)
                if cls is str:
                    add(item if len(item) < LONG_TEXT_CHARS and item[:1] != "$" else self.text(item))
                elif item is None or cls is bool or (cls is int and _LEAST <= item <= _MOST):
                    add(item)
                else:
                    add(handlers[cls](self, item, node, len(model)))
        except EncodeError as error:
            error.path = f"[{len(model)}]{error.path}"
            raise
        self.depth -= 1
        return model

    def _raw(self, value: Any, parent: Node | None, key: object) -> Raw | None:
        """A large container that is plain JSON; what is inside it cannot be referred to from elsewhere."""
        if type(value) is not dict and type(value) is not list:
            return None
        min_values = 0
        if len(value) < MIN_ENTRIES:
            if not value or not self.small_tries or (parent is not None and parent[2] is self._small):
                return None
            self.small_tries -= 1
            if not has_values(value, MIN_VALUES):
                self._small = value if parent is None else self._small
                return None
            min_values = MIN_VALUES
        following = self.next_id
        plain = plain_json(value, MAX_DEPTH - self.depth, min_values, self._name_shared)
        if plain is None:
            self.next_id = following
            return None
        if names := plain.rows.names:
            self.identity.register_rows(plain.rows.values, names, plain.jsons)
            self.rows.append(b"".join(_flat(zip(names, repeat(b":"), plain.jsons, repeat(b"\n")))))
        self.identity.register(value, parent, key, plain.json)
        return plain.json

    def _name_shared(self, values: list[Any]) -> Names | None:
        """How to refer to what stands in several places of a plain container: where it is, or by a row of its own."""
        nodes = self.identity.nodes
        if nodes.keys().isdisjoint(map(id, values)):
            following = self.next_id
            self.next_id += len(values)
            return Names(list(map(b"%x".__mod__, range(following, self.next_id))), None)
        names: list[bytes] = []
        are_new: list[bool] = []
        for value in values:
            known = id(value) in nodes
            if known and not self.identity.is_whole(value):
                return None
            found = self.identity.find(value) if known else None
            names.append(rows.dump(found)[2:-1] if found else b"%x" % self.take_id())  # a path has keys in it
            are_new.append(found is None)
        return Names(names, are_new)

    def _odd_field(self, model: dict[str, object], name: str, item: object, node: Node) -> None:
        """Fields that JavaScript gives a meaning to: `__proto__` and `constructor.prototype` are left out."""
        if name == "__proto__":
            return
        if name == "constructor" and isinstance(item, Mapping) and "prototype" in item:
            item = {inner: item[inner] for inner in item if inner != "prototype"}
        field = self.encode(item, node, name)
        is_function = isinstance(field, str) and field.startswith("$h")
        if name == "then" and (is_function or isinstance(item, ClientReference)):
            raise EncodeError(
                "a function under the key 'then' would be called by `await` in the browser; use another key"
            )
        model[name] = field

    def _unaddressable(self, item: object, node: Node, name: str) -> object:
        """A field whose name has a colon: no path leads there, so what may be referred to again gets its own row."""
        return self.identity.find(item) or "$" + self.outline(item, node, name)


_SCALARS: Final = frozenset((int, float))


def _text_key(name: object) -> str:
    if isinstance(name, str):
        return str.__str__(name)
    raise EncodeError(
        f"a key of a dict is {type(name).__name__}, and JavaScript objects have text keys only; "
        "use str(key), or flightwire's JSMap to send a Map"
    )


def safe_integer(value: int) -> int:
    """An int that is a JavaScript number.

    Raises:
        EncodeError: it is not.
    """
    if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return value
    raise EncodeError(
        "an int beyond 2**53, which JavaScript numbers round; send BigInt(…) to make it a BigInt there, or str(…)"
    )
