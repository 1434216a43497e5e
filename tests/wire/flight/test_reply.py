"""Calls: what encodeReply writes is decoded, everything else is refused, in linear time."""

from __future__ import annotations

import json
import math
import re
import sys
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest

from flightwire.elements import UNDEFINED
from flightwire.errors import DecodeError
from flightwire.wire.flight.reply import FileField, Limits, Part, TextField, decode_call, decode_value
from flightwire.wire.flight.values import (
    BigInt,
    File,
    FormData,
    JSMap,
    ServerReference,
    TemporaryReference,
    TypedArray,
)

from .canon import canon, plain
from .react import SPEC, VERSIONS, React

KNOWN = {"actions#go", "actions#inner", "actions#submit"}


def resolve(reference: ServerReference) -> ServerReference | None:
    return reference if reference.id in KNOWN else None


def load(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((SPEC / "flight" / name).read_text())["cases"]
    return cases


def body_of(case: dict[str, Any]) -> str | list[Part]:
    return case["body"] if "body" in case else [part_of(part) for part in case["parts"]]


def part_of(part: dict[str, Any]) -> Part:
    if "text" in part:
        return TextField(part["name"], part["text"])
    return FileField(part["name"], part["filename"], part.get("type", ""), b64decode(part["base64"]))


def texts(**parts: str) -> list[Part]:
    """Parts by name; a leading `p` is for Python's sake: `p1="…"`."""
    return [TextField(name.removeprefix("p"), text) for name, text in parts.items()]


# what React writes

REPLIES = [case for case in load("reply.json") if case["kind"] != "error"]


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case["name"])
def test_what_react_writes_is_decoded_as_react_decodes_it(case: dict[str, Any]) -> None:
    decoded = decode_value(
        body_of(case), resolve_reference=resolve, allow_temporary_references=case["temporary_references"]
    )
    assert canon(decoded) == plain(case["server_decoded"])


CHROMIUM = load("reply_http_chromium.json")


@pytest.mark.parametrize("case", CHROMIUM, ids=lambda case: case["name"])
def test_what_chromium_sends_is_decoded(case: dict[str, Any]) -> None:
    raw = b64decode(case["body_base64"])
    is_form = case["content_type"].startswith("multipart/")
    body = multipart(raw, case["content_type"]) if is_form else raw.decode()
    assert isinstance(decode_call(body, resolve_reference=lambda reference: reference), list)


def multipart(raw: bytes, content_type: str) -> list[Part]:
    boundary = content_type.partition("boundary=")[2].encode()
    return [one_part(part[2:-2]) for part in raw.split(b"--" + boundary)[1:-1]]


def one_part(part: bytes) -> Part:
    head, _, data = part.partition(b"\r\n\r\n")
    names = dict(re.findall(r'(name|filename)="([^"]*)"', head.decode()))
    name = names["name"].replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
    if "filename" not in names:
        return TextField(name, data.decode())
    content_type = re.search(rb"Content-Type: (.*)", head)
    assert content_type
    return FileField(name, names["filename"], content_type[1].decode(), data)


SOURCES = {
    "[1, -1, 1.5, 1e21, 2**53, -0, NaN, Infinity, -Infinity]": [
        1,
        -1,
        1.5,
        1e21,
        2**53,
        -0.0,
        math.nan,
        math.inf,
        -math.inf,
    ],
    "[null, undefined, { a: undefined, b: null }, [undefined]]": [None, UNDEFINED, {"b": None}, [UNDEFINED]],
    "['$', '$$', '$@1', '$Q1', '\\ud800', '\\0', '']": ["$", "$$", "$@1", "$Q1", "\ud800", "\0", ""],
    "[new Date(0), new Date(NaN)]": [datetime(1970, 1, 1, tzinfo=UTC), None],
    "[123456789012345678901234567890n]": [BigInt(123456789012345678901234567890)],
    "[new Map([['a', 1], ['b', new Map([[1, 2]])]])]": [{"a": 1, "b": {1: 2}}],
    "[new Map([[1, 'one'], [true, 'yes']])]": [JSMap([(1, "one"), (True, "yes")])],
    "[new Map([[{ k: 1 }, [2]]])]": [JSMap([({"k": 1}, [2])])],
    "[new Set(['a', { b: 1 }])]": [["a", {"b": 1}]],
    "[[1, 2][Symbol.iterator]()]": [[1, 2]],
    "[new Uint8Array([1, 2]), new Uint8Array([3]).buffer]": [b"\1\2", b"\3"],
    "[new Float64Array([1.5])]": [TypedArray("Float64Array", b"\0\0\0\0\0\0\xf8\x3f")],
    "[new File(['x'], '../../etc/passwd', { type: 'text/plain' })]": [File("passwd", "text/plain", b"x")],
    "[Promise.resolve({ a: Promise.resolve([1]) })]": [{"a": [1]}],
    "[(() => { const f = new FormData(); f.append('1_a', 'x'); f.append('_2_', 'y'); f.append('', 'z'); return f; })()]": [
        FormData([("1_a", "x"), ("_2_", "y"), ("", "z")])
    ],
    "[Array.from({ length: 20 }, (_, i) => new Set([i]))]": [[[i] for i in range(20)]],
    "[{ ['__proto__']: 1, then: 'x', constructor: 'y' }]": [{"then": "x", "constructor": "y"}],
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_encode_reply_is_understood(
    version: str, reacts: Callable[[str, str], React]
) -> None:
    react = reacts(version, "production")
    for source, arguments in SOURCES.items():
        decoded = decode_call(body_of(react.encode(source)))
        assert canon(decoded) == canon(arguments), source


@pytest.mark.parametrize("version", VERSIONS)
def test_streams_of_every_version_are_understood(version: str, reacts: Callable[[str, str], React]) -> None:
    react = reacts(version, "production")
    source = (
        "[(async function* () { yield 'a'; yield { b: [1] }; return 'end'; })(), new Blob(['x']).stream()]"
    )
    items, chunks = decode_call(body_of(react.encode(source)))
    assert (items.items, items.returned) == (["a", {"b": [1]}], "end")
    assert chunks.items == [b"x"]


@pytest.mark.parametrize("version", VERSIONS)
def test_identity_and_cycles_arrive_from_every_version(
    version: str, reacts: Callable[[str, str], React]
) -> None:
    source = "(() => { const o = { v: 1 }; o.me = o; o.p = Promise.resolve(o); return [o, [o], new Map([['o', o]])]; })()"
    one, [two], mapped = decode_call(body_of(reacts(version, "production").encode(source)))
    assert one is two
    assert one["me"] is one
    assert one["p"] is one
    assert mapped["o"] is one


@pytest.mark.parametrize("version", VERSIONS)
def test_path_is_as_long_as_react_makes_it(version: str, reacts: Callable[[str, str], React]) -> None:
    """Something that stands sixty levels deep and in a second place: as many steps as there are containers around it."""
    source = """(() => { const o = { v: 1 }; let deep = o;
        for (let i = 0; i < 60; i++) deep = i % 2 ? { in: deep } : [deep];
        return [deep, o]; })()"""
    body = body_of(reacts(version, "production").encode(source))
    assert isinstance(body, str)
    assert body.count(":0:in") == 30
    arrived: Any = decode_call(body)
    deep, one = arrived
    for i in reversed(range(60)):
        deep = deep["in"] if i % 2 else deep[0]
    assert one is deep
    assert one == {"v": 1}


def test_paths_with_steps_in_common_lead_to_their_own_ends() -> None:
    first, second = {"a": [1, {"b": 2}]}, [{"a": [3]}]
    call = [first, second, "$0:0:a:1", "$0:0:a", "$0:1:0:a", "$0:0:a:1", "$0:1:0", "$0:1"]
    arrived: Any = decode_call(json.dumps(call))
    *_, inner, items, other, again, middle, outer = arrived
    assert (inner, items, other, middle, outer) == ({"b": 2}, [1, {"b": 2}], [3], {"a": [3]}, [{"a": [3]}])
    assert again is inner is items[1]
    for wrong in ("$0:0:a:2", "$0:0:b", "$0:1:1", "$0:0:a:01"):
        with pytest.raises(DecodeError, match="not there"):
            decode_call(json.dumps([*call, wrong]))


def test_both_spellings_of_older_clients_are_understood() -> None:
    form = texts(p0='["$K1"]', p1_name="Ann", _1_tag="b")
    assert decode_call(form) == [FormData([("name", "Ann"), ("tag", "b")])]
    stream = [TextField("0", '["$R1"]'), TextField("1", '"a"'), TextField("1", "C")]
    assert decode_call(stream)[0].items == ["a"]  # type: ignore[attr-defined]  # a ReceivedStream
    function = texts(p0='["$F1"]', p1='{"id":"actions#go","bound":null}')
    assert decode_call(function, resolve_reference=resolve) == [ServerReference("actions#go")]


def test_functions_are_given_by_the_resolver_only() -> None:
    call = texts(p0='["$h1","$h1"]', p1='{"id":"actions#go","bound":"$@2"}', p2='[1,"$$x"]')
    first, second = decode_call(call, resolve_reference=resolve)
    assert first == ServerReference("actions#go", [1, "$x"])
    assert first is second
    with pytest.raises(DecodeError, match="none is accepted"):
        decode_call(call)
    with pytest.raises(DecodeError, match="does not exist"):
        decode_call(call, resolve_reference=lambda reference: None)


def test_temporary_references_are_opaque_and_asked_for() -> None:
    body = '[{"a":["$T"]}]'
    found = decode_call(body, allow_temporary_references=True)
    assert found == [{"a": [TemporaryReference(("0", "0", "a", "0"))]}]
    with pytest.raises(DecodeError, match="only the browser"):
        decode_call(body)


# what strangers write

HOSTILE = load("hostile_reply.json")


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case["name"])
def test_hostile_reply_is_handled(case: dict[str, Any]) -> None:
    start = process_time()
    outcome = attempt(body_of(case))
    assert process_time() - start < 0.5
    if case["safe"] == "reject":
        assert isinstance(outcome, DecodeError)
    elif case["safe"] == "value":
        assert canon(outcome) == plain(case["react_19.3.1"])


def attempt(body: str | Sequence[Part]) -> list[object] | DecodeError:
    try:
        return decode_call(body, resolve_reference=resolve)
    except DecodeError as error:
        return error


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case["name"])
def test_letter_about_a_hostile_reply_is_short_and_a_400(case: dict[str, Any]) -> None:
    outcome = attempt(body_of(case))
    assert isinstance(outcome, list) or (outcome.status_code == 400 and len(str(outcome)) < 300)


BAD: list[str | Sequence[Part]] = [
    "",
    "[",
    "[1]x",
    "null",
    '["$0x1"]',
    '["$01"]',
    '["$-1"]',
    '["$1A"]',
    '["$11111111"]',
    '["$n"]',
    '["$n-"]',
    '["$n1_0"]',
    '["$n١"]',
    '["$n 1"]',
    '["$D2024-01-02"]',
    '["$D2024-13-02T03:04:05.678Z"]',
    '["$D+010000-01-01T00:00:00.000Z"]',
    '["$D0000-01-01T00:00:00.000Z"]',
    '["$Dnow"]',
    "[1e999]",
    "[-1e999]",
    '["$0:0:0:0"]',
    '["$0:١"]',
    '["a","$0:00"]',
    '["$undefinedx"]',
    '["$Tx"]',
    '["$Z"]',
    '["$L1"]',
    [],
    [TextField("1", "[]")],
    [FileField("0", "blob", "", b"[]")],
    [TextField("0", "[]"), TextField("x", "1")],
    [TextField("0", "[]"), TextField("01", "1")],
    [TextField("0", "[]"), TextField("-1", "1")],
    [TextField("0", "[]"), TextField("١", "1")],
    [TextField("0", "[]"), TextField("S", "1")],
    [TextField("0", "[]"), FileField("S1", "blob", "", b"")],
    [TextField("0", "[]"), FileField("1", "a", "", b""), FileField("1", "b", "", b"")],
    texts(p0='["$Q1"]', p1='[["a"]]'),
    texts(p0='["$Q1"]', p1='[["a",1,2]]'),
    texts(p0='["$Q1","$W1"]', p1="[]"),
    texts(p0='["$K1","$K1"]'),
    texts(p0='["$Q1","$0:0:a"]', p1='[["a",{"x":1}]]'),
    texts(p0='["$W1","$0:0:0"]', p1='[{"x":1}]'),
    texts(p0='["$@1"]', p1='"$@2"', p2='"$@1"'),
    texts(p0='["$1"]', p1='"$2"', p2='"$1"'),
    texts(p0='["$Q1"]', p1='[["self","$Q1"]]'),
    texts(p0='["$R1"]', S1='"a"'),
    texts(p0='["$R1"]'),
    texts(p0='["$R1","$R1"]', S1="C"),
    texts(p0='["$R1"]', S1="Cx"),
    texts(p0='["$h1"]', p1='"text"'),
    texts(p0='["$h1"]', p1='{"id":5,"bound":null}'),
    texts(p0='["$h1"]', p1='{"id":"actions#go","bound":"$@2"}', p2='["$h1"]'),
    texts(p0='["$h1"]', p1='{"id":"actions#go","bound":{"0":1}}'),
    [TextField("0", '["$M1"]'), FileField("1", "blob", "", b"1234")],
    [TextField("0", '["$o1","$o1"]'), FileField("1", "blob", "", b"1")],
]


@pytest.mark.parametrize("body", BAD, ids=str)
def test_what_react_does_not_write_is_refused(body: str | Sequence[Part]) -> None:
    with pytest.raises(DecodeError):
        decode_call(body, resolve_reference=resolve)


@pytest.mark.parametrize(
    "body",
    [
        '["$0:0"]',
        '["$0:1",[1]]',
        '[{"a":"$0:0:a"}]',
        '[{"a":"$0:0:b","b":1}]',
        '[{"x":0,"a":["$0:0:b"],"b":1}]',
        '[{"a":"$undefined","b":"$0:0:a"}]',
        '[{"__proto__":1,"b":"$0:0:__proto__"}]',
        '[["$0:1:0"],[1]]',
    ],
)
def test_reference_to_what_has_not_been_read_is_refused(body: str) -> None:
    with pytest.raises(DecodeError, match="not there"):
        decode_call(body)


def test_reference_to_what_has_been_read_is_the_same_value() -> None:
    (found,) = decode_call('[{"a":[1],"b":"$0:0:a","c":{"d":"$0:0:b","e":"$0:0:c","f":"$0:0:c:d:0"}}]')
    assert found["a"] is found["b"] is found["c"]["d"]  # type: ignore[index]
    assert found["c"]["e"] is found["c"]  # type: ignore[index]
    assert found["c"]["f"] == 1  # type: ignore[index]


def test_reference_into_a_part_in_progress() -> None:
    form = texts(p0='[{"a":[1],"b":"$1","c":2}]', p1='{"seen":"$0:0:a","all":"$0"}')
    (found,) = decode_call(form)
    assert found["b"]["seen"] is found["a"]  # type: ignore[index]
    with pytest.raises(DecodeError, match="not there"):
        decode_call(texts(p0='[{"a":[1],"b":"$1","c":2}]', p1='{"unseen":"$0:0:c"}'))


NAMES = ["__class__", "__dict__", "__init__", "__globals__", "mro", "get", "items", "append", "__proto__"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "target", ['{"a":1}', "[1]", '"text"', "1", "null", '"$D2024-01-02T03:04:05.678Z"', '"$n5"']
)
def test_path_to_an_attribute_is_refused(name: str, target: str) -> None:
    for step in (name, f"{name}:{name}"):
        with pytest.raises(DecodeError, match="not there"):
            decode_call(f'[{target},"$0:0:{step}"]')


# limits


@pytest.mark.parametrize(
    ("limits", "fits", "exceeds"),
    [
        (Limits(max_depth=3), "[[[1]]]", "[[[[1]]]]"),
        (Limits(max_nodes=4), "[1,[2]]", "[1,[2,3]]"),
        (Limits(max_objects=1), "[{}]", "[{},{}]"),
        (Limits(max_parts=1), '["$K1"]', '["$K1","$K2"]'),
        (Limits(max_bigint_digits=3), '["$n-123"]', '["$n1234"]'),
        (Limits(max_path_steps=2), '[[1],"$0:0"]', '[[[1]],"$0:0:0:0"]'),
        (Limits(max_parts=2), texts(p0="[]", p1="1"), texts(p0="[]", p1="1", p2="2")),
        (
            Limits(max_promise_chain=2),
            texts(p0='["$@1"]', p1='"$@2"', p2="1"),
            texts(p0='["$@1"]', p1='"$@2"', p2='"$@3"', p3="1"),
        ),
        (
            Limits(max_bound_arguments=1),
            texts(p0='["$h1"]', p1='{"id":"actions#go","bound":"$@2"}', p2="[1]"),
            texts(p0='["$h1"]', p1='{"id":"actions#go","bound":"$@2"}', p2="[1,2]"),
        ),
    ],
)
def test_limits(limits: Limits, fits: str | list[Part], exceeds: str | list[Part]) -> None:
    decode_call(fits, limits=limits, resolve_reference=resolve)
    with pytest.raises(DecodeError):
        decode_call(exceeds, limits=limits, resolve_reference=resolve)


def test_depth_is_counted_through_references() -> None:
    """Parts of 60 levels each, one inside the other by reference: nothing that recurses may be handed on."""
    parts = [TextField("0", json.dumps([f"${n:x}" for n in range(1, 30)]))]
    for n in range(1, 30):
        inner = f'"${n - 1:x}"' if n > 1 else "1"
        parts.append(TextField(str(n), "[" * 60 + inner + "]" * 60))
    with pytest.raises(DecodeError, match="levels deep"):
        decode_call(parts)


def test_value_by_reference_costs_what_it_holds() -> None:
    shared = json.dumps([[0] * 99] + ["$0:0"] * 99)
    assert len(decode_call(shared)) == 100
    with pytest.raises(DecodeError, match="more than 9000 values"):
        decode_call(shared, limits=Limits(max_nodes=9000))


def many(count: int, *parts: str) -> list[Part]:
    return [TextField(str(n), part) for n, part in enumerate(parts)]


GENERATORS: dict[str, Callable[[int], str | list[Part]]] = {
    "flat": lambda n: json.dumps([0] * n),
    "objects": lambda n: json.dumps([{"a": {}} for _ in range(n)]),
    "strings": lambda n: json.dumps(["x" * 50] * n),
    "escaped": lambda n: json.dumps(["$$x"] * n),
    "references to the root": lambda n: json.dumps(["$0"] * n),
    "references to one": lambda n: json.dumps([{"v": 1}, *["$0:0"] * n]),
    "references to all": lambda n: json.dumps([*[{"v": 1}] * n, *(f"$0:{i}" for i in range(n))]),
    "bigints": lambda n: json.dumps(["$n" + "9" * 300] * n),
    "bigints that hash alike": lambda n: many(
        n, '["$W1"]', json.dumps([f"$n{(2**61 - 1) * i}" for i in range(1, n)])
    ),
    "map keys that hash alike": lambda n: many(
        n, '["$Q1"]', json.dumps([[f"$n{(2**61 - 1) * i}", 1] for i in range(1, n)])
    ),
    "dates": lambda n: json.dumps(["$D2024-01-02T03:04:05.678Z"] * n),
    "deep": lambda n: json.dumps([json.loads("[" * 60 + "]" * 60) for _ in range(n // 60)]),
    "long key": lambda n: json.dumps([{"k" * n: [[0]] * 100}]),
    "a form": lambda n: [
        TextField("0", '["$K1"]'),
        *(TextField(f"_1_{i}", "x") for i in range(n // 50)),
    ],
    "a stream": lambda n: [
        TextField("0", '["$R1"]'),
        *(TextField("S1", "[]") for _ in range(n // 50)),
        TextField("S1", "C"),
    ],
    "maps": lambda n: [
        TextField("0", json.dumps([f"$Q{i:x}" for i in range(1, n // 50)])),
        *(TextField(str(i), "[[1,2]]") for i in range(1, n // 50)),
    ],
    "promises": lambda n: [
        TextField("0", json.dumps([f"$@{i:x}" for i in range(1, n // 50)])),
        *(TextField(str(i), f'"$@{i + 1:x}"') for i in range(1, n // 50)),
        TextField(str(n // 50), "1"),
    ],
}


@pytest.mark.parametrize("shape", GENERATORS)
def test_twice_the_body_takes_at_most_about_twice_the_steps(shape: str) -> None:
    """Counted in steps of the interpreter, so that a busy machine changes nothing."""
    small, large = (steps_to_decode(GENERATORS[shape](n)) for n in (2500, 5000))
    assert large <= 2.5 * small + 500


def steps_to_decode(body: str | list[Part]) -> int:
    steps = 0

    def count(frame: Any, event: str, arg: Any) -> Any:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        with suppress(DecodeError):
            decode_call(body, limits=Limits(max_promise_chain=10**6))
    finally:
        sys.settrace(before)
    return steps
