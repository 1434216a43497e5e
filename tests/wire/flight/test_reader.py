"""The reader against React's own rows, our rows, every split, and every ending."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from flightwire.elements import UNDEFINED, Element
from flightwire.errors import ConnectionClosedError, DecodeError, RemoteError
from flightwire.wire.flight.framing import RowCutter
from flightwire.wire.flight.reader import Pending, Reader
from flightwire.wire.flight.values import DIFF, DONE, Failure
from flightwire.wire.flight.writer import KEEP_ALIVE_ROW

from .canon import canon, plain
from .react import SPEC
from .samples import Body, Deferred, Snapshot, el, written

VECTORS = json.loads((SPEC / "flight" / "server_rows.json").read_text())["cases"]
# React made a function of a temporary reference here, which only the browser that made it can
NOT_READ = {"temporary_reference_roundtrip"}
CASES = [case for case in VECTORS if case["name"] not in NOT_READ]


def read(*chunks: bytes) -> Reader:
    reader = Reader()
    for chunk in chunks:
        reader.feed(chunk)
    return reader


def bytewise(rows: bytes) -> list[bytes]:
    return [rows[i : i + 1] for i in range(len(rows))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_reacts_rows_are_read_as_react_reads_them(case: dict[str, Any]) -> None:
    rows = b64decode(case["rows_base64"])
    assert canon(read(rows).root) == expected(case)
    assert canon(read(*bytewise(rows)).root) == expected(case)
    assert canon(read(*map(b64decode, case["writes_base64"])).root) == expected(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_our_rows_are_read_as_react_reads_them(case: dict[str, Any]) -> None:
    assert canon(read(*bytewise(written(case["name"]))).root) == expected(case)


def expected(case: dict[str, Any]) -> Any:
    return plain(case["decoded"])


def test_value_comes_before_what_it_promises() -> None:
    reader = read(b'0:{"a":"$@1"}\n')
    promised = reader.root.result()["a"]
    seen: list[Pending] = []
    promised.add_done_callback(seen.append)
    assert promised.state == "pending"
    reader.feed(b'1:"now"\n')
    assert seen == [promised]
    assert promised.result() == "now"


def test_row_that_shows_another_waits_for_it() -> None:
    reader = read(b'0:["$1","$2:a"]\n')
    assert reader.root.state == "pending"
    reader.feed(b'2:{"a":["$3"]}\n3:"c"\n')
    assert reader.root.state == "pending"
    reader.feed(b"1:true\n")
    assert reader.root.result() == [True, ["c"]]


def test_rows_that_show_each_other_are_read() -> None:
    value = read(b'1:[["up","$0"]]\n0:{"v":1,"m":"$Q1","l":"$2"}\n2:["$0:m"]\n').root.result()
    assert value["m"]["up"] is value
    assert value["l"] == [value["m"]]


def test_ten_thousand_rows_that_wait_in_a_chain_are_read() -> None:
    rows = [b'0:"$1"\n', *(b'%x:["$%x"]\n' % (n, n + 1) for n in range(1, 10_000)), b"2710:1\n"]
    assert read(*rows).root.state == "resolved"
    assert read(*reversed(rows)).root.state == "resolved"


def test_path_into_what_is_still_missing_waits() -> None:
    reader = read(b'1:"$0:a:b"\n0:{"a":"$2"}\n')
    assert reader.root.state == "pending"
    reader.feed(b'2:{"b":7}\n')
    assert reader.root.result() == {"a": {"b": 7}}


def test_error_row_fails_what_shows_it() -> None:
    reader = read(b'0:{"a":"$1"}\n1:E{"digest":"d1","name":"KeyError","message":"no"}\n')
    with pytest.raises(RemoteError) as caught:
        reader.root.result()
    assert (caught.value.digest, caught.value.name, caught.value.message) == ("d1", "KeyError", "no")


def test_end_of_bytes_fails_what_has_not_come() -> None:
    reader = read(b'0:{"a":"$@1","s":"$2"}\n2:x\n2:1\n3:{"unfinished')
    value = reader.root.result()
    reader.close()
    with pytest.raises(ConnectionClosedError):
        value["a"].result()
    assert value["s"].items == [1]
    assert isinstance(value["s"].error, ConnectionClosedError)


def test_end_of_complete_bytes_fails_nothing() -> None:
    reader = read(b'0:{"a":"$@1"}\n1:2\n')
    reader.close()
    assert reader.root.result()["a"].result() == 2


def test_streamable_value_is_a_chain() -> None:
    source = Snapshot("a")
    rows = (
        Body({"out": source})
        .extend(source, [(DIFF, "b"), (DIFF, "$c")])
        .extend(source, [(DONE, None)])
        .done()
    )
    first = read(rows).root.result()["out"]
    assert (first["curr"], first["type"].name) == ("a", "ui.streamable.value")
    assert first["next"].result() == {
        "diff": [0, "b"],
        "next": {"diff": [0, "$c"], "next": first["next"].result()["next"]["next"]},
    }
    assert first["next"].result()["next"]["next"].result() == {}


def test_item_of_a_stream_waits_for_its_rows_and_keeps_its_place() -> None:
    reader = read(b'0:"$1"\n1:x\n1:["$2"]\n1:"later"\n1:C\n')
    stream = reader.root.result()
    assert stream.items == []
    reader.feed(b'2:"first"\n')
    assert stream.items == [["first"], "later"]
    assert stream.is_closed


def test_keep_alive_rows_and_hints_are_passed_over() -> None:
    assert read(KEEP_ALIVE_ROW, b':HL["/a.css","style"]\n', b"0:1\n", KEEP_ALIVE_ROW).root.result() == 1


def test_lone_surrogates_and_nul_arrive() -> None:
    assert read(Body(["\ud800", "\0"]).done()).root.result() == ["\ud800", "\0"]


def test_subclasses_are_made_where_things_come_later() -> None:
    class Awaited(Pending):
        pass

    reader = Reader(pending=Awaited)
    reader.feed(b'0:"$@1"\n')
    assert isinstance(reader.root, Awaited)
    assert isinstance(reader.root.result(), Awaited)


@pytest.mark.parametrize(
    "rows",
    [
        b"\n",
        b"<html>404</html>",
        b"0:{\n",
        b"0:[NaN]\n",
        b"0:1\n0:2\n",
        b"Z:1\n",
        b":1\n",
        b"0:P1\n",
        b'0:"$zz"\n',
        b'0:"$"\n',
        b'0:["$1:__class__"]\n1:{"a":1}\n',
        b'0:["$1:0:upper"]\n1:["a"]\n',
        b'0:"$Q1"\n1:{"a":1}\n',
        b'0:"$h1"\n1:{"bound":null}\n',
        b"0:Tzz,\n",
        b"0:T2,\xff\xff",
        b"0:s3,abc",
        b'0:["$"]\n',
        b"1:x\n1:C\n1:1\n",
        b'0:I["a"]\n',
        b"12345678:1\n",
    ],
)
def test_bytes_that_are_no_response_are_refused_at_every_split(rows: bytes) -> None:
    for chunks in ([rows], bytewise(rows)):
        reader = Reader()
        with pytest.raises(DecodeError):
            for chunk in chunks:
                reader.feed(chunk)
        assert reader.root.state != "pending"


def test_nothing_is_read_after_a_refusal() -> None:
    reader = Reader()
    with pytest.raises(DecodeError):
        reader.feed(b"nonsense")
    reader.feed(b"0:1\n")
    with pytest.raises(DecodeError):
        reader.root.result()


def test_row_longer_than_the_limit_is_refused_before_it_is_whole() -> None:
    cutter = RowCutter(max_row_bytes=100)
    assert list(cutter.feed(b"0:" + b"1" * 90)) == []
    with pytest.raises(DecodeError, match="more than 100 bytes"):
        list(cutter.feed(b"1" * 20))
    with pytest.raises(DecodeError, match="more than 100 bytes"):
        list(RowCutter(max_row_bytes=100).feed(b"0:Tffff,"))


def test_deep_models_are_read_without_recursion() -> None:
    value = read(b"0:" + b"[" * 900 + b"]" * 900 + b"\n").root.result()
    depth = 0
    while value:
        value, depth = value[0], depth + 1
    assert depth == 899


def test_element_whose_props_are_elsewhere_is_whole() -> None:
    element = read(
        b'0:["$","b","$$k","$1:props",null,null,1]\n1:["$","b",null,{"a":"$undefined"}]\n'
    ).root.result()
    assert isinstance(element, Element)
    assert (element.key, element.props) == ("$k", {})
    assert UNDEFINED not in element.props.values()


def test_failure_of_a_slot_is_a_remote_error() -> None:
    promise = Deferred()
    rows = Body({"p": promise, "e": el("b")}).reject(promise, Failure("d2", "ValueError", "$x")).done()
    with pytest.raises(RemoteError, match=r"ValueError: \$x"):
        read(rows).root.result()["p"].result()


@pytest.mark.parametrize(
    "rows",
    [
        b'1:[]\n0:"$B1"\n',
        b'1:[1]\n0:"$B1"\n',
        b'1:["text/plain","x"]\n0:"$B1"\n',
        b'2:[1]\n1:["text/plain","$2"]\n0:"$B1"\n',
        b'1:["a"]\n0:"$K1"\n',
        b'1:[["a",1,2]]\n0:"$K1"\n',
        b'1:[[1,"a"]]\n0:"$K1"\n',
        b'1:[1]\n0:"$Q1"\n',
        b'1:{"id":"a#b","bound":5}\n0:"$h1"\n',
        b'2:{}\n1:{"id":"a#b","bound":"$@2"}\n0:"$h1"\n',
    ],
)
def test_blobs_forms_and_functions_that_are_none_are_refused(rows: bytes) -> None:
    with pytest.raises(DecodeError):
        Reader().feed(rows)


def test_function_whose_bound_arguments_failed_fails() -> None:
    reader = Reader()
    reader.feed(b'1:{"id":"a#b","bound":"$@2"}\n0:["$h1"]\n2:E{"digest":"d"}\n')
    assert isinstance(reader.root.error, RemoteError)
