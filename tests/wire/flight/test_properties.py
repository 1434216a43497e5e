"""Any value with any text in it: exactly that value in React's client, no row more; and back."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flightwire.elements import Element
from flightwire.errors import DecodeError
from flightwire.wire.flight import values
from flightwire.wire.flight.framing import RowCutter
from flightwire.wire.flight.reader import Reader
from flightwire.wire.flight.reply import FileField, TextField, decode_call
from flightwire.wire.flight.values import CURR, DIFF, DONE
from flightwire.wire.flight.writer import Writer

from .canon import canon, plain
from .react import React
from .samples import Body, Deferred, Snapshot
from .test_reply import body_of

COMMON = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def in_utf16(text: str) -> str:
    """Halves of a pair that stand side by side are one character in JavaScript."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


# What somebody who controls a text would try: what begins rows, references, elements, escapes.
LONG = "<long>"  # stands for what is longer than React's threshold for a row of its own
PIECES = [
    "$",
    "$$",
    "$@1",
    "$L1",
    "$h1",
    "$E1",
    "$0:a",
    "\n",
    "1:I[]\n",
    ":HS[]\n",
    "1:T5,",
    "0:E{}\n",
    '"',
    "\\",
    "\0",
]
PIECES += [
    "\ud800",
    "\udfff",
    "🦜",
    "\u2028",
    "é",
    "x",
    "\r",
    "__proto__",
    "</script>",
    "\x7f",
    ":",
    ",",
    "{}",
    LONG,
]
pieces = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=6)
nasty = st.deferred(lambda: pieces.map(lambda found: in_utf16("".join(found).replace(LONG, "x" * 600))))
keys = nasty.filter(lambda key: key not in ("__proto__", "then", "constructor", "toJSON"))
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=True, allow_infinity=True)
dates = st.datetimes(
    datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)
).map(  # bounds are naive
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
bigints = st.integers(-(10**40), 10**40).map(values.BigInt)
scalars = st.deferred(
    lambda: st.none() | st.booleans() | numbers | nasty | dates | bigints | st.binary(max_size=20)
)


def distinct(items: list[object]) -> values.JSSet:
    """A Set without what JavaScript takes for the same; 0 and -0 are."""
    by_shape = {str(canon(expand(item))): item for item in items if item != 0}
    return values.JSSet(by_shape.values())


def expand(value: object) -> object:
    if isinstance(value, values.JSSet):
        return [expand(item) for item in value.items]
    if isinstance(value, values.JSMap):
        return values.JSMap([(key, expand(item)) for key, item in value.entries])
    if isinstance(value, dict):
        return {key: expand(item) for key, item in value.items()}
    return [expand(item) for item in value] if isinstance(value, list) else value


trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(nasty, inner, max_size=3).map(values.JSMap)
        | st.lists(inner, max_size=3).map(distinct)
    ),
    max_leaves=25,
)


def decoded_as(value: object) -> Any:
    """What React must make of a value."""
    return plain(canon(expand(value)))


def rows_of(body: bytes) -> list[tuple[int | None, str]]:
    return [(row_id, tag) for row_id, tag, _ in RowCutter().feed(body)]


@COMMON
@given(value=trees)
def test_any_value_arrives_as_it_is(value: object, react: React) -> None:
    body = Writer().start(value)
    answer = react.ask({"do": "decode", "rows": b64encode(body).decode()})
    assert plain(answer["value"]) == decoded_as(value)
    assert plain(answer["bytewise"]) == decoded_as(value)
    assert (answer["hints"], answer["loads"], answer["errors"]) == ([], [], [])
    assert {tag for _, tag in rows_of(body)} <= {"", "T", "o"}


@COMMON
@given(value=trees)
def test_any_value_is_read_back_in_python_at_any_split(value: object) -> None:
    body = Writer().start(value)
    reader = Reader()
    for i in range(len(body)):
        reader.feed(body[i : i + 1])
    assert plain(canon(reader.root)) == decoded_as(value)


@COMMON
@given(texts=st.lists(nasty, min_size=1, max_size=8), size=st.integers(1, 8))
def test_any_deltas_are_the_values_at_the_reader(texts: list[str], size: int, react: React) -> None:
    source = Snapshot("")
    body = Body(source)
    for start in range(0, len(texts), size):
        body.extend(source, [(DIFF, text) for text in texts[start : start + size]])
    body.extend(source, [*((CURR, text) for text in texts), (DONE, None)])
    joined = ["".join(texts[: n + 1]) for n in range(len(texts))]
    whole = [in_utf16(text) for text in joined]
    assert react.read(body.done())["yields"] == ["", *whole, *texts]
    assert {tag for _, tag in rows_of(body.rows)} <= {"", "T"}


@COMMON
@given(text=nasty, key=keys.filter(lambda key: key != "ref"))  # which has a letter of its own
def test_any_text_in_an_element_is_text(text: str, key: str, react: React) -> None:
    promise = Deferred()
    element = Element("p", {"children": [text, promise], "title": text, key: text}, key)
    body = Body(element).resolve(promise, text).done()
    found = react.decode(body)["$element"]
    assert found["key"] == key
    props = dict(found["props"]["$object"]) if "$object" in found["props"] else found["props"]
    assert (props["title"] if key != "title" else text) == text
    if key != "children":
        assert props["children"] == [text, {"$promise": text}]


@COMMON
@given(value=trees)
def test_any_argument_is_decoded_as_it_was(value: object, react: React) -> None:
    arguments = decode_call(body_of(react.encode(f"[{javascript(value)}]")))
    assert plain(canon(arguments)) == [decoded_as(value)]


def javascript(value: object) -> str:
    """A JavaScript expression for a value."""
    if isinstance(value, values.BigInt):
        return f"{int(value)}n"
    if isinstance(value, bytes):
        return f"new Uint8Array({list(value)})"
    if isinstance(value, datetime):
        return f"new Date('{value.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}')"
    if isinstance(value, values.JSMap):
        return f"new Map([{','.join(f'[{javascript(k)},{javascript(v)}]' for k, v in value.entries)}])"
    if isinstance(value, values.JSSet):
        return f"new Set([{','.join(map(javascript, value.items))}])"
    if isinstance(value, dict):
        return "({" + ",".join(f"[{json.dumps(k)}]:{javascript(v)}" for k, v in value.items()) + "})"
    if isinstance(value, list):
        return f"[{','.join(map(javascript, value))}]"
    return json.dumps(value)


words = st.sampled_from([*"0123a:$@QWKBhFioLRxTnD", "$$"])
references = st.lists(words, max_size=6).map("".join)
models = st.recursive(
    references | references.map(lambda text: "$" + text) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(references, inner, max_size=3),
    max_leaves=12,
).map(json.dumps)
names = st.sampled_from(["0", "1", "2", "3", "S1", "S2", "_1_a", "1_b", "_2_", "x", "01"])
parts = st.lists(
    st.builds(TextField, names, models | st.text(max_size=5) | st.just("C"))
    | st.builds(FileField, names, nasty, nasty, st.binary(max_size=9)),
    max_size=6,
)


@settings(COMMON, max_examples=400)
@given(first=models, others=parts)
def test_any_form_is_decoded_or_refused(first: str, others: list[Any]) -> None:
    try:
        found = decode_call([TextField("0", first), *others], allow_temporary_references=True)
    except DecodeError as error:
        found = [str(error)]
    assert isinstance(found, list)


row_ids = st.sampled_from(["0", "1", "2", ""])
tags = st.sampled_from(["", "E", "I", "X", "x", "C", "T2,", "Q"])
rows_with_a_tag = st.lists(st.tuples(row_ids, tags, models), max_size=6)


@settings(COMMON, max_examples=400)
@given(rows=rows_with_a_tag)
def test_any_rows_are_read_or_refused(rows: list[tuple[str, str, str]]) -> None:
    reader = Reader()
    try:
        for row_id, tag, model in rows:
            reader.feed(f"{row_id}:{tag}{model}\n".encode())
    except DecodeError:
        assert reader.root.state != "pending"
    reader.close()
    assert reader.root.state != "pending"
