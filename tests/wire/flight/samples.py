"""The values of `spec/flight/server_rows.json`, in Python: name → the rows our writer makes of it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from datetime import UTC, datetime
from typing import Any

from flightwire.elements import FRAGMENT, SUSPENSE, UNDEFINED, ClientReference, Element, Symbol
from flightwire.wire.flight import values
from flightwire.wire.flight.rows import hint_row
from flightwire.wire.flight.values import Failure, ServerReference, Slot
from flightwire.wire.flight.writer import Writer

Script = Callable[[], bytes]
FAILURE = Failure("")
CLIENT = "./client.js"


class Deferred(Awaitable[object]):
    """A promise that a test settles itself."""

    def __await__(self) -> Generator[None, None, object]:
        raise AssertionError("a codec awaits nothing")
        yield


class LazyPart(values.LazyNode):
    """A node that a test settles itself."""


class Items:
    """An async iterable whose items a test pushes itself."""

    def __aiter__(self) -> AsyncIterator[object]:
        raise AssertionError("a codec awaits nothing")


class OneShotItems(Items):
    """The same, as an iterator."""

    async def __anext__(self) -> object:
        raise AssertionError("a codec awaits nothing")


class Snapshot(values.Streamable):
    """A streamable value as the encoder sees it."""

    def __init__(
        self, curr: object = values.UNSET, *, is_open: bool = True, error: object = values.UNSET
    ) -> None:
        self._facts = (curr, error, is_open)

    @property
    def curr(self) -> object:
        return self._facts[0]

    @property
    def error(self) -> object:
        return self._facts[1]

    @property
    def is_open(self) -> bool:
        return bool(self._facts[2])


class Body:
    """Writes a response step by step; slots by the object that waits."""

    def __init__(self, root: object) -> None:
        self.writer = Writer()
        self.slots: dict[int, Slot] = {}
        self.rows = self.writer.start(root)
        self._take()

    def _take(self) -> None:
        self.slots |= {id(slot.source): slot for slot in self.writer.take_pending()}

    def __getattr__(self, name: str) -> Callable[..., Body]:
        def step(source: object, *args: Any) -> Body:
            self.rows += getattr(self.writer, name)(self.slots[id(source)], *args)
            self._take()
            return self

        return step

    def done(self) -> bytes:
        """The whole body; every slot must be settled."""
        assert self.writer.open_slots == 0
        return self.rows


def rows(root: object) -> bytes:
    """The body of a value with nothing pending."""
    return Body(root).done()


def el(type: Any, /, *children: object, key: str | None = None, **props: object) -> Element:
    """An element with its children as React would have them."""
    if children:
        props["children"] = children[0] if len(children) == 1 else list(children)
    return Element(type, props, key)


def client(name: str, module_id: str = CLIENT, chunks: tuple[str, ...] = ()) -> ClientReference:
    return ClientReference(module_id, name, chunks)


def _nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def _cycle() -> bytes:
    a: dict[str, object] = {"n": "a"}
    b: dict[str, object] = {"n": "b"}
    a["b"], b["a"] = b, a
    return rows({"a": a})


def _shared_in_promise() -> bytes:
    shared, promise = {"v": 1}, Deferred()
    return Body({"a": shared, "p": promise}).resolve(promise, {"o": shared}).done()


def _promise(value: object) -> bytes:
    promise = Deferred()
    return Body({"p": promise}).resolve(promise, value).done()


def _set_of_promises() -> bytes:
    promise = Deferred()
    return Body({"s": values.JSSet([promise])}).resolve(promise, 1).done()


def _promise_of_promise() -> bytes:
    outer, inner = Deferred(), Deferred()
    return Body({"p": outer}).resolve(outer, {"q": inner}).resolve(inner, "deep").done()


def _stream_that_fails() -> bytes:
    items = OneShotItems()
    return Body({"s": items}).push(items, ["one"]).reject(items, FAILURE).done()


def _root_promise(settle: Callable[[Body, Deferred], Body]) -> bytes:
    promise = Deferred()
    return settle(Body(promise), promise).done()


def _rejected() -> bytes:
    promise = Deferred()
    return Body({"p": promise}).reject(promise, FAILURE).done()


def _two_promises() -> bytes:
    a, b = Deferred(), Deferred()
    return Body({"a": a, "b": b}).resolve(a, "A").resolve(b, "B").done()


def _same_promise() -> bytes:
    promise = Deferred()
    return Body([promise, promise]).resolve(promise, 1).done()


def _promise_of_shared() -> bytes:
    shared, promise = {"big": "o"}, Deferred()
    return Body({"o": shared, "p": promise}).resolve(promise, [shared, {"again": shared}]).done()


def _many_promises() -> bytes:
    promises = [Deferred() for _ in range(20)]
    script = Body(promises)
    for number, promise in enumerate(promises):
        script.resolve(promise, number)
    return script.done()


def _failing_component() -> bytes:
    node = LazyPart()
    return Body(el("div", node)).reject(node, FAILURE).done()


def _client_promise() -> bytes:
    promise = Deferred()
    return Body(el(client("ClientInfo"), p=promise)).resolve(promise, {"patch": 1}).done()


def _refused(value: object) -> bytes:
    """React sends the object with a hole that rejects; we refuse the whole result, and reject the root."""
    writer = Writer()
    try:
        writer.start(value)
    except TypeError:
        return writer.reject(writer.root, FAILURE)
    raise AssertionError("was not refused")


def _stream(source: object, *items: object, end: tuple[object, ...] = ()) -> bytes:
    held = source.source if isinstance(source, values.ReadableStream) else source
    return Body({"s": source}).push(held, list(items)).close(held, *end).done()


def _stream_later() -> bytes:
    items = OneShotItems()
    script = Body({"s": items})
    for item in ("one", "two", "x" * 1100):
        script.push(items, [item])
    return script.close(items).done()


def _interleaved() -> bytes:
    a, b = OneShotItems(), OneShotItems()
    script = Body({"a": a, "b": b}).push(a, ["a1"]).push(b, ["b1"]).push(a, ["a2"]).close(a)
    return script.push(b, ["b2"]).close(b).done()


def _streamable() -> bytes:
    source = Snapshot("hello")
    script = Body(source).extend(source, [(values.DIFF, ", world")]).extend(source, [(values.DIFF, "!")])
    script.extend(source, [(values.CURR, {"value": "I am a JSON"})])
    return script.extend(source, [(values.DONE_CURR, ["Finished"])]).done()


def _streamable_in_result() -> bytes:
    source = Snapshot()
    script = Body({"messages": [{"role": "user", "content": "hi"}], "newMessage": source})
    return script.extend(source, [(values.CURR, "Hel")]).extend(source, [(values.DONE, None)]).done()


def _suspended(current: object, node: LazyPart) -> Element:
    return Element(SUSPENSE, {"fallback": current, "children": node})


def _streamable_ui() -> bytes:
    info = client("ClientInfo")
    first, second, last = LazyPart(), LazyPart(), LazyPart()
    button = el(info, el("button", "I am a button"))
    script = Body(_suspended(UNDEFINED, first))
    script.resolve(first, _suspended(el(info, el("p", "I am a paragraph")), second))
    return script.resolve(second, _suspended(button, last)).resolve(last, button).done()


def _streamable_ui_append() -> bytes:
    first, second, last = LazyPart(), LazyPart(), LazyPart()
    script = Body(_suspended("hello", first))
    script.resolve(first, ["hello", _suspended(" world", second)])
    return script.resolve(second, [" world", _suspended("!", last)]).resolve(last, "!").done()


def _ai_action_result() -> bytes:
    delta = Deferred()
    script = Body([delta, {"id": 1, "display": el("p", "hi")}])
    return script.resolve(delta, {"messages": {"0": [{"role": "user", "content": "hi"}], "_t": "a"}}).done()


def _hints() -> bytes:
    hints: list[tuple[str, object]] = [
        ("D", "//d.example"),
        ("C", ["//c.example", ""]),
        ("L", ["/f.woff2", "font", {"crossOrigin": "", "type": "font/woff2"}]),
        ("m", "/m.js"),
        ("S", ["/s.css", "high"]),
        ("X", "/x.js"),
        ("M", "/mm.js"),
    ]
    return b"".join(hint_row(code, model) for code, model in hints) + rows(el("b"))


def _wrapped_actions() -> Element:
    submit = ServerReference("actions#inner", [{"action": ServerReference("actions#submit"), "options": {}}])
    props = {
        "wrappedActions": {"submit": submit},
        "wrappedSyncUIState": UNDEFINED,
        "initialUIState": [],
        "initialAIState": {"messages": []},
        "initialAIStatePatch": UNDEFINED,
        "children": el(client("Chat")),
    }
    return Element(client("InternalAIProvider"), props)


def _many_elements() -> Element:
    def row(i: int) -> Element:
        title = f"some title text that takes space {i}"
        return el("li", f"Row number {i}", key=str(i), className=f"item-class-name-{i}", title=title)

    return el("ul", *(row(i) for i in range(40)))


GO = ServerReference("actions#go")
BOLD = el("b", "x")
CHUNKS = ("chunk-1", "static/chunk-1.js", "chunk-2", "static/chunk-2.js")
FORM = values.FormData([("a", "1"), ("a", "2"), ("f", values.Blob(b"z", "application/x"))])

VALUES: dict[str, object] = {
    "null": None,
    "false": False,
    "float_exp": 1e21,
    "float_tiny": 5e-324,
    "nan": math.nan,
    "undefined": UNDEFINED,
    "empty_string": "",
    "string": "hello",
    "string_dollar_prefixed": "$undefined",
    "string_double_dollar": "$$x",
    "string_controls": 'a"b\\c\nd\te\u2028f\0',
    "string_1024_root": "x" * 1024,
    "string_1024_in_object": {"t": "x" * 1024},
    "string_big_unicode": {"t": "é" * 2000},
    "string_big_dollar": {"t": "$" + "y" * 2000},
    "empty_array": [],
    "empty_object": {},
    "array_mixed": [1, "a", None, True, UNDEFINED],
    "object_mixed": {"a": 1, "b": [2, {"c": 3}]},
    "object_special_numbers": {"a": math.nan, "b": math.inf, "c": -math.inf, "d": -0.0},
    "object_key_dollar": {"$x": 1, "": 2},
    "object_int_keys": {"b": 1, "2": "two", "1": "one"},
    "object_proto_key": {"__proto__": {"x": 1}, "ok": 1},
    "nested_deep": _nested(50),
    "date": datetime(2024, 1, 2, 3, 4, 5, 678000, UTC),
    "map": values.JSMap([("a", 1), ({"k": 2}, [3])]),
    "set": values.JSSet([1, "a", {"o": 1}]),
    "symbol_in_object_twice": {"a": Symbol("k"), "b": Symbol("k")},
    "arraybuffer": {"b": values.TypedArray("ArrayBuffer", b"\0\1\2\n")},
    "uint8array_root": b"\1\2\xff",
    "uint8array_empty": {"b": b""},
    "uint8array_subview": {"b": memoryview(bytearray(b"\1\2\3\4"))[1:3]},
    "formdata": {"f": FORM},
    "generator": {"i": values.JSIterator([1, {"a": 2}])},
    "error_value": {"e": FAILURE},
    "element": el("div"),
    "element_nested": el("ul", el("li", "1", key="1"), el("li", "2", key="2")),
    "element_children_mixed": el("p", "a", 1, None, True, el("b")),
    "element_shared": [BOLD, BOLD],
    "fragment_in_div": el("div", el(FRAGMENT, "a", el("b"))),
    "suspense": el(SUSPENSE, el("b", "ok"), fallback="loading"),
    "strict_profiler_activity": [
        el(Symbol("react.strict_mode"), "a", key="1"),
        el(Symbol("react.profiler"), "a", key="2", id="p"),
    ],
    "server_component": el("b", 3),
    "server_component_keyed_array": Element(FRAGMENT, {"children": [el("b", key="1")]}, "k"),
    "element_many": _many_elements(),
    "client_ref_element": el(client("ClientInfo"), el("p", "I am a paragraph")),
    "client_ref_default": el(client("default")),
    "client_ref_chunks": el(client("Chunky", "./chunky.js", CHUNKS)),
    "server_ref": {"f": GO},
    "server_ref_bound": {"f": ServerReference("actions#go", [1, {"a": [2]}, "x"])},
    "server_ref_bound_undefined": {"f": ServerReference("actions#go", [None, UNDEFINED])},
    "server_ref_same_twice": [GO, GO],
    "server_ref_in_props": _wrapped_actions(),
    "server_ref_form_action": el("form", "x", action=GO),
    "ai_action_result_no_delta": [UNDEFINED, "ok"],
    "bigint": {"a": values.BigInt(2**70), "b": values.BigInt(-5)},
    "symbol": Symbol("k"),
    "numbers": [math.nan, math.inf, -math.inf, -0.0, 2**53, 1e21, 5e-324],
    "date_invalid": {"d": None},
    "date_early": datetime(1, 1, 1, tzinfo=UTC),
    "lone_surrogates": {"a": "\ud800", "b": "x\udfff", "\ud800": 1},
    "typed_arrays": [
        values.TypedArray("Int8Array", b"\xff"),
        values.TypedArray("Uint8ClampedArray", b"\2"),
        values.TypedArray("Int16Array", b"\xfe\xff"),
        values.TypedArray("Uint16Array", b"\3\0"),
        values.TypedArray("Int32Array", b"\xfd\xff\xff\xff"),
        values.TypedArray("Uint32Array", b"\4\0\0\0"),
        values.TypedArray("Float32Array", b"\0\0\xc0\x3f"),
        values.TypedArray("Float64Array", b"\0\0\0\0\0\0\4\x40"),
        values.TypedArray("BigInt64Array", b"\xfc" + b"\xff" * 7),
        values.TypedArray("BigUint64Array", b"\5" + b"\0" * 7),
        values.TypedArray("DataView", b"\6"),
    ],
    "blob": {"b": values.Blob(b"hi\n", "text/plain")},
    "blob_empty": {"b": values.Blob(b"")},
    "formdata_empty": {"f": values.FormData()},
    "map_and_set_nested": values.JSMap(
        [("s", values.JSSet([values.JSMap([(1, 2)])])), (None, values.JSMap())]
    ),
    "element_key_dollar": el("ul", el("li", "$1", key="$k"), el("li", values.BigInt(1), key="a:b")),
    "temporary_reference_roundtrip": {"back": values.TemporaryReference(("0", "0", "fn"))},
}

SCRIPTS: dict[str, Script] = {
    "dedupe_cycle_child": _cycle,
    "dedupe_across_promises": _shared_in_promise,
    "server_component_throws": _failing_component,
    "client_ref_promise_prop": _client_promise,
    "promise_root": lambda: _root_promise(lambda script, promise: script.resolve(promise, {"a": 1})),
    "promise_later": lambda: _promise("v"),
    "promise_two_in_order": _two_promises,
    "promise_same_twice": _same_promise,
    "promise_of_undefined": lambda: _promise(UNDEFINED),
    "promise_of_big_string": lambda: _promise("q" * 2000),
    "promise_of_element": lambda: _promise(el("b")),
    "promise_rejected": _rejected,
    "promise_rejected_later": _rejected,
    "promise_shared_object": _promise_of_shared,
    "error_root": lambda: _root_promise(lambda script, promise: script.reject(promise, FAILURE)),
    "error_unsupported_class": lambda: _refused({"x": object()}),
    "error_local_symbol": lambda: _refused({"x": object()}),
    "async_generator": lambda: _stream(OneShotItems(), "a", "b"),
    "async_generator_return": lambda: _stream(OneShotItems(), 1, end=("end",)),
    "async_generator_later": _stream_later,
    "async_iterable": lambda: _stream(Items(), 0, 1),
    "readable_stream_bytes": lambda: _stream(values.ReadableStream(OneShotItems()), b"\1\2", b"\n\3"),
    "readable_stream_u8_default": lambda: _stream(values.ReadableStream(OneShotItems()), b"\1\2"),
    "readable_stream_empty": lambda: _stream(values.ReadableStream(OneShotItems())),
    "two_streams_interleaved": _interleaved,
    "streamable_value": _streamable,
    "streamable_value_in_result": _streamable_in_result,
    "streamable_ui": _streamable_ui,
    "streamable_ui_append": _streamable_ui_append,
    "ai_action_result": _ai_action_result,
    "set_of_promises": _set_of_promises,
    "promise_of_promise": _promise_of_promise,
    "readable_stream_text": lambda: _stream(values.ReadableStream(OneShotItems()), "one", "$two\n", {"a": 1}),
    "async_generator_of_values": lambda: _stream(
        OneShotItems(), {"a": datetime(1970, 1, 1, tzinfo=UTC)}, [values.BigInt(1)], None, b"\1", "$x"
    ),
    "async_generator_throws": _stream_that_fails,
    "hints": _hints,
    "many_ids": _many_promises,
}


def written(name: str) -> bytes:
    """Our rows for a vector."""
    return rows(VALUES[name]) if name in VALUES else SCRIPTS[name]()
