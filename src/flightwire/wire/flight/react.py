"""How React's own things are written: elements, references, and what comes later.

Owns: their models (react-server-dom-webpack 19.3.1, `renderModelDestructive`), and where an awaitable is a part of the page.
Refuses to know: ids and identity, rows' bytes, awaiting. Every function here is a `Handler`, which `encoders.py` lists.
"""

from __future__ import annotations

from typing import Final

from flightwire import elements
from flightwire.elements import FRAGMENT, UNDEFINED, UNSET, ClientReference, Element, Symbol
from flightwire.errors import EncodeError
from flightwire.wire.flight import rows, values
from flightwire.wire.flight.identity import Node
from flightwire.wire.flight.model import ModelEncoder

STREAMABLE_VALUE_TYPE: Final = "$Sui.streamable.value"

_NODE_PROPS: Final = ("children", "fallback")

# elements and references


def element(encoder: ModelEncoder, value: Element, parent: Node | None, key: object) -> object:
    """The seven items of an element; an unkeyed fragment is its children."""
    if value.type == FRAGMENT and value.key is None:
        return encoder.encode(value.props.get("children", UNDEFINED), parent, key)
    found = encoder.identity.find(value)
    if found is not None and parent is not None:
        return found
    if found is not None:  # as the root of another row React writes a new element with the same props
        key_model = None if value.key is None else rows.escape(str(value.key))
        return ["$", _element_type(encoder, value.type), key_model, f"{found}:props", None, None, 1]
    if "ref" in value.props:
        raise EncodeError(f"{value!r} has a ref, and only a client component can have one; set it there")
    encoder.enter()
    # Seven items serve every client: four crash the 19.1 development client, the last says that keys were checked.
    props: dict[str, object] = {}
    model: list[object] = ["$", None, None, props, None, None, 1]
    node = encoder.identity.register(value, parent, key, model)
    model[1] = _element_type(encoder, value.type)
    model[2] = None if value.key is None else rows.escape(str(value.key))
    try:
        encoder.fields(value.props, (node, "props", value, props, 0), props)
    except EncodeError as error:
        error.path = f".props{error.path}"
        raise
    encoder.depth -= 1
    return model


def _element_type(encoder: ModelEncoder, type: elements.ElementType) -> str:
    if isinstance(type, ClientReference):
        return "$L" + encoder.import_client(type)
    return "$S" + type.name if isinstance(type, Symbol) else rows.escape(type)


def client_reference(
    encoder: ModelEncoder, value: ClientReference, parent: Node | None, key: object
) -> object:
    """An export of a client module, as a value."""
    return "$" + encoder.import_client(value)


def action(
    encoder: ModelEncoder, value: values.SupportsReference, parent: Node | None, key: object
) -> object:
    """A function that the browser can call."""
    return "$h" + encoder.shared(
        id(value), value, lambda: _function_row(encoder, value.to_server_reference(), parent, key)
    )


def server_reference(
    encoder: ModelEncoder, value: values.ServerReference, parent: Node | None, key: object
) -> object:
    """A function that the browser can call, described."""
    return "$h" + encoder.shared(id(value), value, lambda: _function_row(encoder, value, parent, key))


def _function_row(
    encoder: ModelEncoder, value: values.ServerReference, parent: Node | None, key: object
) -> str:
    bound = None
    if value.bound is not None:
        bound = "$@" + encoder.outline(tuple(value.bound), parent, key, ".bound")
    return encoder.add_row(rows.model_row, {"id": rows.escape(value.id), "bound": bound})


def temporary_reference(
    encoder: ModelEncoder, value: values.TemporaryReference, parent: Node | None, key: object
) -> object:
    """What the browser kept for itself, given back."""
    return "$T" + ":".join(value.steps)


def failure(encoder: ModelEncoder, value: values.Failure, parent: Node | None, key: object) -> object:
    """An error as a value; both builds read the row."""
    return "$Z" + encoder.outline(rows.failure_fields(value), parent, key)


# what comes later


def streamable(encoder: ModelEncoder, value: values.Streamable, parent: Node | None, key: object) -> object:
    """The first object of a streamable value; the same one again has the same `next`."""
    first: dict[str, object] = {}
    if value.error is not UNSET:
        first["error"] = value.error
    else:
        first["curr"] = UNDEFINED if value.curr is UNSET else value.curr
    model: dict[str, object] = {}
    encoder.fields(first, (parent, key, value, model, 0), model)
    if value.is_open or encoder.made_for(value) is not None:
        model["next"] = "$@" + encoder.open_slot("streamable", value, parent, key)
    model["type"] = STREAMABLE_VALUE_TYPE
    return model


def streamable_source(
    encoder: ModelEncoder, value: values.StreamableSource, parent: Node | None, key: object
) -> object:
    """A source of a streamable value: its value, taken once."""
    return encoder.encode(encoder.remember(value, lambda: value.value), parent, key)


def coroutine(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    """A node where an element shows it, else a promise."""
    return (node if _is_node_place(parent, key) else promise)(encoder, value, parent, key)


def promise(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    """A promise."""
    return "$@" + encoder.open_slot("promise", value, parent, key)


def node(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    """A part of the page that comes later."""
    return "$L" + encoder.open_slot("node", value, parent, key)


def _is_node_place(parent: Node | None, key: object) -> bool:
    """Whether a value is what an element shows: its children or fallback, or an item of an array there."""
    while parent is not None and not isinstance(parent[2], Element):
        if not isinstance(parent[2], list | tuple):
            return False
        parent, key = parent[0], parent[1]
    return parent is not None and parent[1] == "props" and key in _NODE_PROPS


def iterable(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    """Items that come later: one-shot iterators begin once, iterables for each reader."""
    tag = b"x" if hasattr(value, "__anext__") else b"X"
    return "$" + _stream(encoder, value, tag, parent, key)


def readable_stream(
    encoder: ModelEncoder, value: values.ReadableStream, parent: Node | None, key: object
) -> object:
    """Items that come later, as a ReadableStream."""
    return "$" + _stream(encoder, value.source, b"R", parent, key)


def _stream(encoder: ModelEncoder, source: object, tag: bytes, parent: Node | None, key: object) -> str:
    is_new = encoder.made_for(source) is None
    row_id = encoder.open_slot("iterable", source, parent, key)
    if is_new:
        encoder.rows.append(rows.stream_row(row_id.encode(), tag))
    return row_id
