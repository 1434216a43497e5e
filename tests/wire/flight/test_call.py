"""Calls from Python: what encode_call writes is what React writes, and decodes to what was given."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import HttpUrl

from flightwire.elements import UNDEFINED, UNSET, Element, Symbol
from flightwire.errors import ArgumentEncodeError
from flightwire.server.body import parse_body
from flightwire.toolchain.node import find_or_install_node
from flightwire.wire.flight import values
from flightwire.wire.flight.call import encode_call
from flightwire.wire.flight.form import encode_form
from flightwire.wire.flight.parts import FileField, Part, TextField
from flightwire.wire.flight.pending import Pending
from flightwire.wire.flight.reply import decode_call

from .canon import canon, plain
from .react import NEWEST, SPEC

BOUNDARY = "x" * 32


def promised(value: object) -> Pending:
    pending = Pending()
    pending.settle(value)
    return pending


def shared() -> dict[str, int]:
    return {"v": 1}


def cyclic() -> list[Any]:
    arguments: list[Any] = [1]
    arguments.append(arguments)
    return arguments


def thrice() -> list[Any]:
    one = shared()
    return [one, one, {"o": one}]


def twice(one: Any) -> list[Any]:
    return [one, [one]]


def in_map() -> list[Any]:
    one = shared()
    return [values.JSMap([(1, one)]), one]


def after_colon() -> list[Any]:
    one = shared()
    return [{"a:b": one, "c": one}]


def promise_of_shared() -> list[Any]:
    one = shared()
    return [one, promised(one)]


GO = values.ServerReference("actions#go")

# The names are those of spec/flight/reply.json: calls that React's encodeReply wrote.
SAME_AS_REACT: dict[str, list[Any]] = {
    "chat_history": [
        [
            {"role": "user", "content": "Why is the sky blue?"},
            {"role": "assistant", "content": "$5"},
        ]
    ],
    "bool_null_undefined": [True, None, UNDEFINED],
    "bigint": [values.BigInt(123), values.BigInt(-5)],
    "string_dollar": ["$", "$1", "$$x", "a$", "@", "#", ""],
    "string_unicode": ['h\u00e9 \U0001f600 \u2028 "q" \\ \n'],
    "string_lone_surrogate": ["\ud800"],
    "string_big": ["x" * 5000],
    "object_dollar_key": [{"$a": 1}],
    "date": [datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)],
    "map": [values.JSMap([("a", 1), ("b", {"c": 2})])],
    "set": [values.JSSet([1, "x"])],
    "map_nested": [values.JSMap([("s", values.JSSet([values.JSMap([(1, 2)])]))])],
    "dedupe": thrice(),
    "dedupe_root": cyclic(),
    "arraybuffer": [values.TypedArray("ArrayBuffer", b"\1\2\3")],
    "uint8array": [b"\0\xff\n"],
    "blob": [values.Blob(b"hi", "text/plain")],
    "file": [values.File("a b.txt", "text/plain", b"hello file")],
    "formdata": [values.FormData([("name", "Ann"), ("tag", "a"), ("tag", "b")])],
    "formdata_with_file": [
        values.FormData([("name", "Ann"), ("up", values.File("d.txt", "text/plain", b"data"))])
    ],
    "formdata_two": [values.FormData([("x", "1")]), values.FormData([("x", "2")])],
    "promise_nested": [{"p": promised({"q": promised(2)})}],
    "promise_of_shared": promise_of_shared(),
    "promise_undefined": [promised(UNDEFINED)],
    "async_iterable": [values.ReceivedStream([0, 1])],
    "server_ref": [GO],
    "ai_wrapped_action": [
        {"action": values.ServerReference("actions#submit"), "options": {}},
        {"messages": []},
        "hi",
    ],
    "streamable_value": [
        {"curr": "a", "next": promised({}), "type": Symbol("ui.streamable.value")},
    ],
}


def as_case(body: str | list[Part]) -> dict[str, Any]:
    """A body in the notation of spec/flight/reply.json."""
    if isinstance(body, str):
        return {"kind": "string", "body": body}
    return {"kind": "formdata", "parts": [as_part(part) for part in body]}


def as_part(part: Part) -> dict[str, Any]:
    if isinstance(part, TextField):
        return {"name": part.name, "text": part.text}
    data = b64encode(part.data).decode()
    return {"name": part.name, "filename": part.filename, "type": part.content_type, "base64": data}


def captured() -> list[dict[str, Any]]:
    cases = json.loads((SPEC / "flight" / "reply.json").read_text())["cases"]
    return [case for case in cases if case["name"] in SAME_AS_REACT]


def parsed(case: dict[str, Any]) -> Any:
    """JSON as values, parts by name: spaces, escapes and what comes first do not matter."""
    if case["kind"] == "string":
        return json.loads(case["body"])
    return sorted((parsed_part(part) for part in case["parts"]), key=lambda part: part["name"])


def parsed_part(part: dict[str, Any]) -> dict[str, Any]:
    is_json = part.get("text", "")[:1] in ("[", "{", '"')
    return {**part, "text": json.loads(part["text"])} if is_json else part


@pytest.mark.parametrize("case", captured(), ids=lambda case: case["name"])
def test_python_values_are_written_as_react_writes_theirs(case: dict[str, Any]) -> None:
    assert parsed(as_case(encode_call(SAME_AS_REACT[case["name"]]))) == parsed(case)


def test_every_captured_call_that_python_can_say_is_compared() -> None:
    assert len(captured()) == len(SAME_AS_REACT)


# and back

nasty = st.text(st.sampled_from('$@hQW:0a1{}"\\\n\0é🦜\ud800_TC,'), max_size=8).map(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
keys = nasty.filter(lambda key: key not in ("__proto__", "then"))
numbers = st.integers(-(2**53), 2**53) | st.floats()
dates = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
scalars = (
    st.none()
    | st.booleans()
    | numbers
    | nasty
    | dates
    | st.binary(max_size=10)
    | st.integers(-(10**40), 10**40).map(values.BigInt)
    | st.builds(values.TypedArray, st.just("Int16Array"), st.binary(max_size=4).map(lambda data: data * 2))
    | st.builds(values.File, st.just("a.txt"), st.just("text/plain"), st.binary(max_size=10))
    | st.lists(st.tuples(nasty, nasty), max_size=3).map(values.FormData)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.lists(st.tuples(inner, inner), min_size=1, max_size=3).map(
            lambda entries: values.JSMap([([key], content) for key, content in entries])
        )
        | st.lists(inner, max_size=3).map(values.JSSet)
        | st.lists(inner, max_size=3).map(values.ReceivedStream)
        | inner.map(lambda one: [one, one])
    ),
    max_leaves=20,
)


def arrived(value: Any) -> Any:
    """What the other side has in place of a value: Sets are lists there."""
    if isinstance(value, values.JSSet):
        return [arrived(item) for item in value.items]
    if isinstance(value, values.JSMap):
        return values.JSMap([(arrived(key), arrived(item)) for key, item in value.entries])
    if isinstance(value, values.ReceivedStream):
        return values.ReceivedStream([arrived(item) for item in value.items])
    if isinstance(value, dict):
        return {key: arrived(item) for key, item in value.items()}
    return [arrived(item) for item in value] if isinstance(value, list) else value


def unshared(value: Any) -> Any:
    """Canonical notation, where every place has a copy of its own."""
    if isinstance(value, list):
        return [unshared(item) for item in value]
    if isinstance(value, values.JSMap):
        return {"$map": [[unshared(key), unshared(item)] for key, item in value.entries]}
    if isinstance(value, values.ReceivedStream):
        return {"$items": [unshared(item) for item in value.items]}
    if isinstance(value, dict):
        return {key: unshared(item) for key, item in value.items()}
    return canon(value)


@settings(max_examples=150, deadline=None)
@given(st.lists(trees, max_size=4))
def test_any_arguments_arrive_as_they_were(arguments: list[Any]) -> None:
    assert unshared(decode_call(encode_call(arguments))) == unshared(arrived(arguments))


@settings(max_examples=60, deadline=None)
@given(st.lists(trees, max_size=3))
def test_any_arguments_arrive_through_a_form(arguments: list[Any]) -> None:
    body = encode_call(arguments)
    if not isinstance(body, str):
        sent = encode_form(body, BOUNDARY)
        received = parse_body(f"multipart/form-data; boundary={BOUNDARY}", sent)
        assert [as_part(part) for part in received] == [as_part(in_form(part)) for part in body]


def in_form(part: Part) -> Part:
    """A part as browsers change it: line ends, lone surrogates, a type where there is none."""
    if isinstance(part, FileField):
        content_type = part.content_type or "application/octet-stream"
        return FileField(part.name, part.filename, content_type, part.data)
    return TextField(in_field(part.name), in_field(part.text))


def in_field(text: str) -> str:
    text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def test_form_escapes_names_as_chromium_does() -> None:
    body = encode_form([FileField('a"b\nc', 'd"e\\f.txt', "", b"x")], BOUNDARY)
    assert b'name="a%22b%0D%0Ac"; filename="d%22e\\f.txt"\r\n' in body


def test_media_type_cannot_add_headers() -> None:
    body = encode_form([FileField("1", "a", "text/plain\r\nx-evil: 1", b"x")], BOUNDARY)
    assert b"x-evil" not in body


# against React's own server

FOR_REACT: dict[str, list[Any]] = {
    **{name: each for name, each in SAME_AS_REACT.items() if name != "ai_wrapped_action"},
    "numbers": [1.5, -0.0, float("inf"), float("-inf"), float("nan"), 2**53, 1e300],
    "shared_in_map": in_map(),
    "shared_after_colon": after_colon(),
    "bytes_twice": twice(b"12"),
    "bound": [values.ServerReference("actions#go", [1, {"a": 2}])],
    "map_twice": twice(values.JSMap([("a", 1)])),
    "set_twice": twice(values.JSSet(["a"])),
    "form_twice": twice(values.FormData([("a", "1")])),
    "stream_twice": twice(values.ReceivedStream([1])),
    "typed_twice": twice(values.TypedArray("Int8Array", b"1")),
    "empty": [[], {}, values.JSSet(), values.JSMap(), values.FormData(), b""],
    "typed": [values.TypedArray("Float64Array", b"\0" * 16), values.TypedArray("DataView", b"\1")],
    "iterator": [values.JSIterator([1, [2]])],
    "stream_with_a_key_like_a_place": [values.ReceivedStream([{"$": twice([]), "$0": twice({})}])],
    "stream_of_things": [values.ReceivedStream([{"a": b"1"}, "$x", None], returned="end")],
    "tuples": [(1, ("a",))],
}


@pytest.mark.node
def test_react_decodes_what_python_encodes(react_folder: Path, tmp_path: Path) -> None:
    cases = [
        {"name": name, "temporary_references": True, **as_case(encode_call(arguments))}
        for name, arguments in FOR_REACT.items()
    ]
    (tmp_path / "in.json").write_text(json.dumps({"cases": cases}))
    program = [find_or_install_node(), "--conditions=react-server", SPEC / "tools" / "decode_reply.cjs"]
    subprocess.run(
        [*program, react_folder / NEWEST, tmp_path / "in.json", tmp_path / "out.json"],
        env={"NODE_ENV": "production"},
        check=True,
        capture_output=True,
        timeout=60,
    )
    react = json.loads((tmp_path / "out.json").read_text())["cases"]
    ours = {case["name"]: as_python_decodes(FOR_REACT[case["name"]]) for case in react}
    assert {case["name"]: plain(case.get("decoded", case.get("error"))) for case in react} == ours


def as_python_decodes(arguments: list[Any]) -> Any:
    decoded = decode_call(
        encode_call(arguments), resolve_reference=lambda found: found, allow_temporary_references=True
    )
    return canon(decoded)


# what Python has of its own


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    half_x: int
    colour: Colour = Colour.RED


def test_dataclasses_enums_and_decimals_have_their_declared_form() -> None:
    body = encode_call([Point(1), Decimal("1.50"), date(2024, 1, 2), {1}])
    assert decode_call(body) == [{"halfX": 1, "colour": "red"}, "1.50", "2024-01-02", [1]]


def test_paths_and_addresses_are_text() -> None:
    sent = [PurePosixPath("$a"), ip_address("::1"), HttpUrl("https://example.com"), Path]
    assert decode_call(encode_call(sent[:3])) == ["$a", "::1", "https://example.com/"]
    with pytest.raises(ArgumentEncodeError):
        encode_call(sent)


def test_same_dataclass_twice_is_one_object() -> None:
    point = Point(1)
    first, second = decode_call(encode_call([point, point]))
    assert first is second


def test_what_stands_deep_and_again_arrives_as_one() -> None:
    """Lists in lists, and at the bottom one that is shared, and the way back to the top: paths of as many steps."""
    bottom: list[Any] = [1]
    top: list[Any] = [bottom]
    for _ in range(55):
        top = [top]
    bottom.append(top)
    body = encode_call([top, bottom])
    assert isinstance(body, str)
    assert ":0" * 55 in body
    call: Any = decode_call(body)
    again, end = call
    assert end[1] is again
    for _ in range(56):
        again = again[0]
    assert again is end


def test_same_file_twice_is_sent_once() -> None:
    file = values.File("a.txt", "text/plain", b"1")
    body = encode_call([file, [file]])
    assert len(body) == 2
    assert decode_call(body) == [file, [file]]


def test_equal_tuples_are_two_lists() -> None:
    pair = (1, 2)
    first, second = decode_call(encode_call([pair, pair]))
    assert first == second
    assert first is not second


def test_dates_keep_their_moment_in_any_zone() -> None:
    moment = datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=5)))
    assert decode_call(encode_call([moment])) == [moment]


async def coroutine() -> None: ...


async def stream() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("argument", "letter"),
    [
        (2**60, "BigInt"),
        (datetime(2024, 1, 2), "time zone"),
        (object(), "<object>"),
        (Point, "the class Point"),
        (len, "a function"),
        (Element("b"), "an element"),
        (UNSET, "UNSET"),
        (ValueError("x"), "<ValueError>"),
        (Pending(), "promise"),
        (stream(), "a stream"),
        ({1: 2}, "text keys"),
        ({"__proto__": 2}, "__proto__"),
        (values.FormData([("a", 1)]), "FormData"),
        (values.TypedArray("Int16Array", b"1"), "multiple of 2"),
    ],
    ids=str,
)
def test_what_cannot_be_an_argument_is_refused_with_its_place(argument: object, letter: str) -> None:
    with pytest.raises(ArgumentEncodeError, match=letter) as caught:
        encode_call([0, {"deep": [argument]}])
    assert caught.value.path.startswith("[1]['deep'][0]")


def test_awaitables_are_refused_by_name() -> None:
    waiting = coroutine()
    with pytest.raises(ArgumentEncodeError, match="`await` it"):
        encode_call([waiting])
    waiting.close()


def test_endless_nesting_is_refused() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = (deep,)
    with pytest.raises(ArgumentEncodeError, match="levels deep"):
        encode_call([deep])


def test_cycle_that_leads_through_a_key_with_a_colon_is_refused() -> None:
    ring: dict[str, Any] = {}
    ring["a:b"] = {"inner": ring}
    assert decode_call(encode_call([ring]))[0]["a:b"]["inner"] is not None
