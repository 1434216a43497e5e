"""stream_text and generate_text with output=: partials, elements and the whole value, in linear time, in every ending."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from flightwire.core.generate_text import generate_text
from flightwire.core.output import Output
from flightwire.core.stop import is_step_count
from flightwire.core.stream_text import StreamTextResult, stream_text
from flightwire.core.tools import tool
from flightwire.errors import (
    AbortError,
    APICallError,
    InvalidArgumentError,
    NoObjectGeneratedError,
    NoOutputGeneratedError,
    TypeValidationError,
    UnsupportedFunctionalityError,
)
from flightwire.events import TextDelta, TextEnd, TextStart
from flightwire.testing.models import ScriptedModel
from flightwire.testing.scripts import Reply, tool_call

from .npm import NpmAI

pytestmark = pytest.mark.anyio


class Person(BaseModel):
    name: str
    age: int


def streamed(*deltas: Any, output: Output[Any, Any, Any], **options: Any) -> StreamTextResult[Any, Any, Any]:
    return stream_text(model=ScriptedModel(deltas, **options), prompt="Hi", output=output)


async def partials_of(result: StreamTextResult[Any, Any, Any]) -> list[Any]:
    return [partial async for partial in result.partial_output_stream]


# --- whole values ------------------------------------------------------------------------------------------------


async def test_the_model_is_told_what_is_asked_for() -> None:
    model = ScriptedModel(['{"name":"Ann","age":5}'])
    output = Output.object(Person, name="person", description="Somebody.")
    await generate_text(model=model, prompt="Hi", output=output)
    await stream_text(model=model, prompt="Hi", output=output).output
    assert [call.response_format for call in model.calls] == [output.response_format] * 2


async def test_output_is_validated() -> None:
    result = streamed('{"name":"An', 'n","age":5}', output=Output.object(Person))
    assert await result.output == Person(name="Ann", age=5)
    assert await result.output is await result.output
    assert await result.text == '{"name":"Ann","age":5}'


async def test_generate_gives_the_output() -> None:
    model = ScriptedModel(['{"elements":[1,2]}'])
    result = await generate_text(model=model, prompt="Hi", output=Output.array(int))
    assert result.output == [1, 2]


async def test_without_output_the_text_is_the_output() -> None:
    model = ScriptedModel(["Hel", "lo"])
    assert (await generate_text(model=model, prompt="Hi")).output == "Hello"
    result = stream_text(model=model, prompt="Hi")
    assert await partials_of(result) == ["Hel", "Hello"]
    assert await result.output == "Hello"


async def test_output_that_does_not_fit_is_raised_by_both() -> None:
    model = ScriptedModel(['{"name":"Ann"}'])
    with pytest.raises(NoObjectGeneratedError, match="age: Field required") as caught:
        await generate_text(model=model, prompt="Hi", output=Output.object(Person))
    assert caught.value.text == '{"name":"Ann"}'
    assert caught.value.usage is not None
    result = stream_text(model=model, prompt="Hi", output=Output.object(Person))
    with pytest.raises(NoObjectGeneratedError, match="age: Field required"):
        await result.output
    assert await result.text == '{"name":"Ann"}'


async def test_output_that_was_cut_off_says_so() -> None:
    model = ScriptedModel(['{"name":"An'], finish_reason="length")
    with pytest.raises(NoObjectGeneratedError, match="cut off"):
        await generate_text(model=model, prompt="Hi", output=Output.object(Person))


@pytest.mark.parametrize("reply", [Reply(tool_call("confirm")), Reply(finish_reason="length")])
async def test_an_answer_without_words_has_no_output(reply: Reply) -> None:
    result = await generate_text(model=ScriptedModel([reply]), prompt="Hi", output=Output.object(Person))
    with pytest.raises(NoOutputGeneratedError, match="No output generated"):
        _ = result.output


async def test_null_is_an_output() -> None:
    model = ScriptedModel(["null"])
    assert (await generate_text(model=model, prompt="Hi", output=Output.json())).output is None
    result = stream_text(model=model, prompt="Hi", output=Output.json())
    assert await partials_of(result) == [None]
    assert await result.output is None


def test_a_type_without_a_schema_is_refused_at_the_call() -> None:
    with pytest.raises(InvalidArgumentError, match="there is no schema"):
        streamed("x", output=Output.object(asyncio.Event))


async def test_on_end_is_given_the_output() -> None:
    told: list[Any] = []

    async def read(*deltas: str) -> None:
        result = stream_text(
            model=ScriptedModel(deltas),
            prompt="Hi",
            output=Output.object(Person),
            on_end=lambda event: told.append(event.output),
        )
        await result.consume_stream()

    await read('{"name":"Ann","age":5}')
    await read("no JSON")
    assert told == [Person(name="Ann", age=5), None]


def test_scripts_get_outputs_too() -> None:
    model = ScriptedModel(['{"result":"yes"}'])
    assert generate_text.sync(model=model, prompt="Hi", output=Output.choice(["yes", "no"])).output == "yes"


# --- partials ----------------------------------------------------------------------------------------------------


async def test_partials_grow_and_are_safe_to_keep() -> None:
    result = streamed('{"na', 'me":"A', 'nn"', ',"age', '":5', "}", output=Output.object(Person))
    assert await partials_of(result) == [{}, {"name": "A"}, {"name": "Ann"}, {"name": "Ann", "age": 5}]


async def test_partials_can_be_read_by_several_also_late() -> None:
    result = streamed('{"name":"A', 'nn","age":5}', output=Output.object(Person))
    first, second = await asyncio.gather(partials_of(result), partials_of(result))
    assert first == second == await partials_of(result) == [{"name": "A"}, {"name": "Ann", "age": 5}]


async def test_partials_come_while_the_model_writes() -> None:
    model = ScriptedModel(['{"name":"A', 'nn"'], gated=True)
    result = stream_text(model=model, prompt="Hi", output=Output.object(Person))
    partials = result.partial_output_stream
    model.release()
    assert await anext(partials) == {"name": "A"}
    model.release()
    assert await anext(partials) == {"name": "Ann"}


async def test_text_is_not_held_back() -> None:
    result = streamed('{"na', "me", '":"Ann"}', output=Output.object(Person))
    assert [text async for text in result.text_stream] == ['{"na', "me", '":"Ann"}']


async def test_only_the_first_text_is_the_output_on_the_way() -> None:
    parts = [
        TextStart("a"),
        TextDelta("a", "1"),
        TextStart("b"),
        TextDelta("b", "9"),
        TextDelta("a", "2"),
        TextEnd("a"),
    ]
    result = streamed(*parts, TextEnd("b"), output=Output.json())
    assert await partials_of(result) == [1, 12]


async def test_each_step_begins_anew() -> None:
    @tool
    def look() -> str:
        """Look."""
        return "seen"

    model = ScriptedModel([Reply('{"name":"', tool_call("look")), Reply('{"name":"Ann","age":5}')])
    result = stream_text(
        model=model, prompt="Hi", tools=[look], stop_when=is_step_count(2), output=Output.object(Person)
    )
    assert await partials_of(result) == [{"name": ""}, {"name": "Ann", "age": 5}]
    assert (await result.output).name == "Ann"


async def test_a_failure_is_raised_after_the_partials_that_came() -> None:
    result = streamed('{"name":"A', APICallError("gone", url="x"), output=Output.object(Person))
    seen = []
    with pytest.raises(APICallError, match="gone"):
        async for partial in result.partial_output_stream:
            seen.append(partial)
    assert seen == [{"name": "A"}]
    with pytest.raises(APICallError):
        await result.output


async def test_after_an_abort_partials_end_normally() -> None:
    model = ScriptedModel(['{"name":"A', "nn"], gated=True)
    result = stream_text(model=model, prompt="Hi", output=Output.object(Person))
    model.release()
    partials = []
    async for partial in result.partial_output_stream:
        partials.append(partial)
        result.abort("enough")
    assert partials == [{"name": "A"}]
    with pytest.raises(AbortError, match="enough"):
        await result.output


async def test_a_reader_of_partials_keeps_the_answer_alive() -> None:
    model = ScriptedModel(['{"a":1', "}"], gated=True)
    partials = stream_text(model=model, prompt="Hi", output=Output.json()).partial_output_stream
    gc.collect()
    model.release(2)
    assert [partial async for partial in partials] == [{"a": 1}]


async def test_leaving_the_block_closes_the_model() -> None:
    model = ScriptedModel(['{"a":1', "}"], gated=True)
    async with stream_text(model=model, prompt="Hi", output=Output.json()) as result:
        model.release()
        async for _ in result.partial_output_stream:
            break
    assert (model.open_streams, model.left_early) == (0, 1)


# --- elements ----------------------------------------------------------------------------------------------------


async def test_elements_come_validated_one_by_one() -> None:
    model = ScriptedModel(
        ['{"elements":[{"name":"Ann","age":1}', ',{"name":"Bo', 'b","age":2}', "]}"], gated=True
    )
    elements = stream_text(model=model, prompt="Hi", output=Output.array(Person)).element_stream
    model.release(2)
    assert await anext(elements) == Person(name="Ann", age=1)
    model.release(2)
    assert await anext(elements) == Person(name="Bob", age=2)
    with pytest.raises(StopAsyncIteration):
        await anext(elements)


async def test_elements_that_do_not_fit_are_left_out_and_fail_the_whole() -> None:
    result = streamed('{"elements":[1,"x",3]}', output=Output.array(int))
    assert [element async for element in result.element_stream] == [1, 3]
    with pytest.raises(NoObjectGeneratedError, match=r"elements\[1\]"):
        await result.output


async def test_too_many_elements_end_the_stream() -> None:
    result = streamed('{"elements":[1,2,3]}', output=Output.array(int, max_items=2))
    seen = []
    with pytest.raises(TypeValidationError, match="at most 2 items"):
        async for element in result.element_stream:
            seen.append(element)
    assert seen == [1, 2]


async def test_a_failure_is_raised_after_the_elements_that_came() -> None:
    result = streamed('{"elements":[1,2', APICallError("gone", url="x"), output=Output.array(int))
    seen = []
    with pytest.raises(APICallError, match="gone"):
        async for element in result.element_stream:
            seen.append(element)
    assert seen == [1]


@pytest.mark.parametrize("output", [None, Output.object(Person), Output.choice(["a"]), Output.json()])
async def test_other_outputs_have_no_elements(output: Any) -> None:
    result = stream_text(model=ScriptedModel(), prompt="Hi", output=output)
    with pytest.raises(UnsupportedFunctionalityError, match="element streams in"):
        _ = result.element_stream


# --- against the original ----------------------------------------------------------------------------------------


@pytest.mark.node
@pytest.mark.parametrize(
    ("mode", "texts"),
    [
        ("object", [['{"a"', ":[-", "1,", "2.5e", '3],"b', '":"\\u00', 'e9"', "}"]]),
        ("object", [["[1", ",2"], ['{"other":1}']]),
        ("array", [['{"elements":', "[1", ",2", ',{"n":3}', ",4", "]}"]]),
        ("choice", [['{"result":"y', "es", '"}']]),
        ("json", [["nul", "l"]]),
        ("json", [['"', "a", '"']]),
        ("text", [["Hel", "lo"], [" again"]]),
        ("object", [["no JSON"]]),
    ],
)
async def test_the_whole_way_is_that_of_the_original(
    npm_ai: NpmAI, mode: str, texts: list[list[str]]
) -> None:
    options = ["yes", "no"]
    output: Any = {
        "object": Output.object({}),
        "array": Output.array({}),
        "choice": Output.choice(options),
        "json": Output.json(),
        "text": Output.text(),
    }[mode]
    theirs = npm_ai.ask(do="stream", mode=mode, texts=texts, options=options)
    parts: list[Any] = []
    for number, deltas in enumerate(texts):
        name = str(number)
        parts += [TextStart(name), *(TextDelta(name, delta) for delta in deltas), TextEnd(name)]
    result = streamed(*parts, output=output)
    partials = await partials_of(result)
    assert partials == theirs["partials"]
    assert await outcome(result) == theirs["output"].get("message", theirs["output"].get("value"))


async def outcome(result: StreamTextResult[Any, Any, Any]) -> Any:
    try:
        return await result.output
    except NoObjectGeneratedError as error:
        return error.args[0]


# --- the work ----------------------------------------------------------------------------------------------------

ITEM = {"name": "Ann Example", "message": "Hello there, how are you today?", "minutesAgo": 5}
SHAPES: dict[str, Callable[[int], Any]] = {
    "objects": lambda n: {"elements": [ITEM] * (n // len(json.dumps(ITEM)))},
    "text": lambda n: {"elements": [], "text": "word " * (n // 5)},
    "numbers": lambda n: {"elements": list(range(1000, 1000 + n // 6))},
    "keys": lambda n: {"elements": [], **{f"key{i}": i for i in range(n // 18)}},
}


async def seconds_per_char(
    value: Any, read: Callable[[StreamTextResult[Any, Any, Any]], Any], output: Any
) -> float:
    text = json.dumps(value)
    model = ScriptedModel([text[at : at + 4] for at in range(0, len(text), 4)])
    gc.collect()
    started = time.process_time()
    count = 0
    async for _ in read(stream_text(model=model, prompt="Hi", output=output)):
        count += 1
    spent = time.process_time() - started
    assert count > 0
    return spent / len(text)


async def ratio(shape: str, read: Any, output: Any, sizes: Sequence[int]) -> float:
    small, large = (SHAPES[shape](size) for size in sizes)
    costs = [await seconds_per_char(small, read, output) for _ in range(3)]
    return await seconds_per_char(large, read, output) / min(costs)


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_long_object_costs_as_much_per_byte_as_a_short_one(shape: str) -> None:
    assert (
        await ratio(shape, lambda result: result.partial_output_stream, Output.json(), (50_000, 500_000))
        < 2.5
    )


async def test_one_long_text_costs_as_much_per_byte_as_a_short_one() -> None:
    async def cost(size: int, output: Any, value: Any) -> float:
        return await seconds_per_char(
            value("word " * (size // 5)), lambda result: result.partial_output_stream, output
        )

    whole: Any = (Output.json(), lambda text: text)
    element: Any = (Output.array(str), lambda text: {"elements": ["a", text]})
    wrong: Any = (Output.array(str), lambda text: {"other": [], "elements": ["a"], "more": text})
    choice: Any = (Output.choice(["a", "b"]), lambda text: {"result": "a", "why": text})
    for kind in (whole, element, wrong, choice):
        small = min([await cost(50_000, *kind) for _ in range(3)])
        assert await cost(500_000, *kind) < 2.5 * small


@pytest.mark.parametrize("shape", ["objects", "numbers"])
@pytest.mark.parametrize("stream", ["element_stream", "partial_output_stream"])
async def test_a_long_list_costs_as_much_per_byte_as_a_short_one(shape: str, stream: str) -> None:
    element: Any = dict if shape == "objects" else int
    read = lambda result: getattr(result, stream)  # noqa: E731
    assert await ratio(shape, read, Output.array(element), (50_000, 500_000)) < 2.5
