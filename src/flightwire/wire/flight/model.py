"""From a Python value to the model of a row: the JSON in which `$…` strings stand for what JSON cannot say.

Owns: ids, identity and cycles, the walk through containers, which slots a value opens. Refuses to know: when anything is
sent or awaited. How each kind of value is written is in `encoders.py`, which registers itself here by class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from flightwire.elements import ClientReference
from flightwire.errors import EncodeError
from flightwire.wire.flight import rows
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.values import MAX_SAFE_INTEGER, Slot, SlotKind

LONG_TEXT_CHARS: Final = 1024  # React's own threshold: longer texts get a row, where nothing is escaped
MAX_DEPTH: Final = 500  # clients up to 19.2 overflow between 1,000 and 3,000 levels

Node: TypeAlias = tuple[Any, Any, object, object]
"""Where an object was written: (the node it is in or None, its key there or its row, the object, its model)."""

Handler: TypeAlias = "Callable[[ModelEncoder, Any, Node | None, Any], object]"
"""Writes one value: (encoder, value, the node it is in or None, its key there or its row) → model."""

_ODD_KEYS: Final = frozenset(("__proto__", "constructor", "then"))


class ModelEncoder:
    """Turns values into models. One per response: ids and identity last as long as it does.

    Attributes:
        rows: rows that must be written before the model that was made last.
        opened: slots opened since somebody took them.
    """

    __slots__ = (
        "_handler_of",
        "_manifest",
        "_next_id",
        "_refs",
        "_slots",
        "_unfinished",
        "depth",
        "has_referred",
        "opened",
        "rows",
    )

    def __init__(self, handler_of: Callable[[type], Handler], manifest: Manifest | None = None) -> None:
        self._handler_of = handler_of
        self._manifest = manifest
        self._next_id = 1
        self._refs: dict[int, Node] = {}
        self._slots: dict[object, tuple[str, object]] = {}
        self.rows: list[bytes] = []
        self.opened: list[Slot] = []
        self.depth = 0
        self.has_referred = False
        self._unfinished: set[int] = set()

    # ids and rows

    def take_id(self) -> int:
        """A row id nobody has used."""
        taken = self._next_id
        self._next_id += 1
        return taken

    def add_row(self, write: Callable[..., bytes], *args: object) -> str:
        """Write a row of its own before the current one; returns its id in hex."""
        row_id = b"%x" % self.take_id()
        self.rows.append(write(row_id, *args))
        return row_id.decode()

    def outline(self, value: object) -> str:
        """Write a value as a row of its own; returns the row's id in hex."""
        row_id = f"{self.take_id():x}"
        self.rows.append(rows.model_row(row_id.encode(), self.encode(value, None, row_id)))
        return row_id

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what an EncodeError interrupts leaves no row, slot or reference behind."""
        refs, slots = len(self._refs), len(self._slots)
        row_count, opened = len(self.rows), len(self.opened)
        try:
            yield
        except BaseException:
            for table, size in ((self._refs, refs), (self._slots, slots)):
                while len(table) > size:
                    table.popitem()
            del self.rows[row_count:], self.opened[opened:]
            raise
        finally:
            self.depth = 0
            self._unfinished.clear()

    @contextmanager
    def detached(self) -> Iterator[None]:
        """For values that come many times and may be changed in between: identity holds inside one value only."""
        refs, self._refs = self._refs, {}
        self.has_referred = False
        try:
            yield
        finally:
            self._refs = refs

    # identity

    def seen(self, value: object) -> str | None:
        """The reference to an object that was written before."""
        node = self._refs.get(id(value))
        if node is None:
            return None
        if id(value) in self._unfinished:
            raise EncodeError(
                f"a {type(value).__name__} that contains itself, which browsers cannot read; break the cycle"
            )
        self.has_referred = True
        return reference(node)

    @contextmanager
    def unfinished(self, value: object) -> Iterator[None]:
        """While the content of a Map or Set is written, which no reference may enter."""
        self._unfinished.add(id(value))
        yield
        self._unfinished.discard(id(value))

    def register(self, value: object, parent: Node | None, key: object, model: object) -> Node:
        """Remember where an object is written; keeps it alive, so that its identity stays its own."""
        node: Node = (parent, key, value, model)
        self._refs[id(value)] = node
        return node

    def shared(self, key: object, owner: object, make: Callable[[], str]) -> str:
        """What was made once for this key; `owner` is kept alive as long as the key is its identity."""
        found = self._slots.get(key)
        if found is not None:
            return found[0]
        made = make()
        self._slots[key] = (made, owner)
        return made

    def knows(self, source: object) -> bool:
        """Whether a slot was opened for an object."""
        return id(source) in self._slots

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
            slot = Slot(self.take_id(), kind, source, python_path(parent, key))
            self.opened.append(slot)
            return f"{slot.id:x}"

        return self.shared(id(source), source, make)

    # the walk

    def encode(self, value: object, parent: Node | None, key: object) -> object:
        """The model of any value; a root has no parent and its row's id (hex) as key.

        Raises:
            EncodeError: the value, or one inside it, cannot be sent.
        """
        try:
            return self._handler_of(type(value))(self, value, parent, key)
        except RecursionError:
            raise EncodeError(_too_deep()) from None

    def enter(self) -> None:
        """One level deeper.

        Raises:
            EncodeError: this is deeper than clients can read.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise EncodeError(_too_deep())

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
        found = self.seen(value)
        if found is not None:
            return found
        model: dict[str, object] = {}
        self.fields(value, self.register(value, parent, key, model), model)
        return model

    def fields(
        self, value: Mapping[Any, Any], node: Node, model: dict[str, object], step: str = "[{!r}]"
    ) -> None:
        """Fill the model of an object from a mapping; `step` is how Python reaches a field of it."""
        self.enter()
        handler_of = self._handler_of
        name: Any = None
        try:
            for name, item in value.items():
                if type(name) is not str:
                    name = _text_key(name)  # noqa: PLW2901  # a subclass of str, made plain
                cls = type(item)
                if name in _ODD_KEYS:
                    self._odd_field(model, name, item, node)
                elif cls is str:
                    is_plain = len(item) < LONG_TEXT_CHARS and item[:1] != "$"
                    model[name] = item if is_plain else self.text(item)
                elif item is None or cls is bool:
                    model[name] = item
                elif ":" in name and cls not in _SCALARS:
                    model[name] = self._unaddressable(item)
                else:
                    model[name] = handler_of(cls)(self, item, node, name)
        except EncodeError as error:
            error.path = step.format(name) + error.path
            raise
        self.depth -= 1

    def array(self, value: list[Any] | tuple[Any, ...], parent: Node | None, key: object) -> object:
        """The model of a list or tuple, as an array. Tuples have no identity: Python shares equal ones."""
        is_list = isinstance(value, list)
        if is_list:
            found = self.seen(value)
            if found is not None:
                return found
        self.enter()
        model: list[object] = []
        node: Node = self.register(value, parent, key, model) if is_list else (parent, key, value, model)
        handler_of = self._handler_of
        add = model.append
        try:
            for item in value:
                cls = type(item)
                if cls is str:
                    add(item if len(item) < LONG_TEXT_CHARS and item[:1] != "$" else self.text(item))
                elif item is None or cls is bool:
                    add(item)
                else:
                    add(handler_of(cls)(self, item, node, len(model)))
        except EncodeError as error:
            error.path = f"[{len(model)}]{error.path}"
            raise
        self.depth -= 1
        return model

    def _odd_field(self, model: dict[str, object], name: str, item: object, node: Node) -> None:
        """Fields that JavaScript gives a meaning to: `__proto__` and `constructor.prototype` are left out."""
        if name == "__proto__":
            return
        if name == "constructor" and isinstance(item, Mapping) and "prototype" in item:
            item = {inner: item[inner] for inner in item if inner != "prototype"}
        field = self.encode(item, node, name)
        if name == "then" and isinstance(field, str) and field.startswith(("$h", "$L")):
            raise EncodeError(
                "a function under the key 'then' would be called by `await` in the browser; use another key"
            )
        model[name] = field

    def _unaddressable(self, item: object) -> object:
        """A field whose name has a colon: no path leads there, so what may be referred to again gets its own row."""
        return self.seen(item) or "$" + self.outline(item)


_SCALARS: Final = frozenset((int, float))


def reference(node: Node) -> str:
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
        steps.append(f"[{key!r}]")
        parent, key = parent[0], parent[1]
    return "".join(reversed(steps))


def _text_key(name: object) -> str:
    if isinstance(name, str):
        return str.__str__(name)
    raise EncodeError(
        f"a key of a dict is {type(name).__name__}, and JavaScript objects have text keys only; "
        "use str(key), or flightwire's JSMap to send a Map"
    )


def _too_deep() -> str:
    return f"it is nested more than {MAX_DEPTH} levels deep, which browsers cannot read; send it in flatter pieces"


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
