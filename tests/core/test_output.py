"""Output modes: what the model is told, what its text means, what is shown of it on the way."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

import pydantic
import pytest
from pydantic import BaseModel, Field

from flightwire.core.output import Output
from flightwire.core.partial_json import NOTHING
from flightwire.errors import (
    InvalidArgumentError,
    JSONParseError,
    NoObjectGeneratedError,
    TypeValidationError,
)
from flightwire.events import ResponseMetadata, Usage

from .npm import NpmAI
from .test_partial_json import documents


class Notification(BaseModel):
    """What a phone shows."""

    name: str = Field(description="Name of a fictional person.")
    minutes_ago: float = Field(alias="minutesAgo")
    kind: Literal["mail", "call"] = "mail"


class Notifications(BaseModel):
    notifications: list[Notification]
    first: Notification | None = None


class Point(TypedDict):
    x: int
    label: NotRequired[str]


class Drawing(TypedDict, total=False):
    points: Required[list[Point]]
    title: str | None


@dataclasses.dataclass
class Recipe:
    name: str
    steps: list[str] = dataclasses.field(default_factory=list)


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


class Counted(BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", strict=True)
    n: int | float


USAGE, RESPONSE = Usage(1, 2, 3), ResponseMetadata("r-1")


def parsed(output: Output[Any, Any, Any], text: str, finish_reason: Any = "stop") -> Any:
    return output.parse(text, response=RESPONSE, usage=USAGE, finish_reason=finish_reason)


def shown(output: Output[Any, Any, Any], deltas: Sequence[str]) -> list[Any]:
    """The partials of one text."""
    reader = output.partials()
    partials = [reader.read(delta) for delta in deltas] + [reader.rest()]
    return [partial for partial in partials if partial is not NOTHING]


def elements(output: Output[Any, Any, Any], deltas: Sequence[str]) -> list[Any]:
    reader = output.elements()
    assert reader is not None
    for delta in deltas:
        reader.read(delta)
    return reader.valid


# --- what the model is told --------------------------------------------------------------------------------------


def test_a_model_becomes_a_schema_that_strict_providers_take() -> None:
    format = Output.object(Notifications, name="notifications", description="Some.").response_format
    notification = {
        "type": "object",
        "description": "What a phone shows.",
        "properties": {
            "name": {"type": "string", "description": "Name of a fictional person."},
            "minutesAgo": {"type": "number"},
            "kind": {"type": "string", "enum": ["mail", "call"]},
        },
        "required": ["name", "minutesAgo", "kind"],
        "additionalProperties": False,
    }
    assert (format.type, format.name, format.description) == ("json", "notifications", "Some.")
    assert format.schema == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "notifications": {"type": "array", "items": notification},
            "first": {"anyOf": [notification, {"type": "null"}]},
        },
        "required": ["notifications", "first"],
        "additionalProperties": False,
    }


def test_what_mentions_itself_stays_a_reference_and_lists_hoist_it() -> None:
    schema = Output.array(Tree).response_format.schema
    assert schema is not None
    tree = {
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
        },
        "required": ["value", "children"],
        "additionalProperties": False,
    }
    assert schema["$defs"] == {"Tree": tree}
    assert schema["properties"] == {"elements": {"type": "array", "items": tree}}


def test_one_of_several_models_is_any_of_them() -> None:
    class Cat(BaseModel):
        kind: Literal["cat"]

    class Dog(BaseModel):
        kind: Literal["dog"]

    class Pet(BaseModel):
        pet: Annotated[Cat | Dog, Field(discriminator="kind")]

    schema: Any = Output.object(Pet).response_format.schema
    assert [each["properties"]["kind"]["const"] for each in schema["properties"]["pet"]["anyOf"]] == [
        "cat",
        "dog",
    ]


def test_dictionaries_stay_open() -> None:
    class Scores(BaseModel):
        by_name: dict[str, int]

    schema: Any = Output.object(Scores).response_format.schema
    assert schema["properties"]["by_name"] == {"type": "object", "additionalProperties": {"type": "integer"}}


def test_a_json_schema_is_told_as_it_is() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string", "default": "x"}}}
    assert Output.object(schema).response_format.schema == schema


@pytest.mark.node
@pytest.mark.parametrize(
    ("output", "question"),
    [
        (Output.text(), {"mode": "text"}),
        (Output.json(), {"mode": "json"}),
        (Output.choice(["yes", "no"]), {"mode": "choice", "options": ["yes", "no"]}),
        (
            Output.array({"$schema": "x", "definitions": {"d": {}}, "type": "number"}),
            {"mode": "array", "schema": {"$schema": "x", "definitions": {"d": {}}, "type": "number"}},
        ),
        (Output.object({"type": "object"}), {"mode": "object", "schema": {"type": "object"}}),
    ],
    ids=["text", "json", "choice", "array", "object"],
)
def test_the_model_is_told_what_the_original_tells_it(
    npm_ai: NpmAI, output: Output[Any, Any, Any], question: dict[str, Any]
) -> None:
    ours = output.response_format
    theirs = npm_ai.ask(do="format", **question)
    assert theirs == {"type": ours.type, **({} if ours.schema is None else {"schema": ours.schema})}


def test_bounds_of_a_list_are_told_and_checked() -> None:
    output = Output.array(int, min_items=1, max_items=2)
    schema: Any = output.response_format.schema
    assert schema["properties"]["elements"] == {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": 1,
        "maxItems": 2,
    }
    assert parsed(output, '{"elements":[1,2]}') == [1, 2]
    for text in ('{"elements":[]}', '{"elements":[1,2,3]}'):
        with pytest.raises(NoObjectGeneratedError, match=r"at (least|most)"):
            parsed(output, text)


@pytest.mark.parametrize("bounds", [{"min_items": -1}, {"max_items": 1.5}, {"min_items": 3, "max_items": 2}])
def test_bounds_that_make_no_sense_are_refused(bounds: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        Output.array(int, **bounds)


def test_a_type_without_a_schema_is_refused_with_advice() -> None:
    class Connection:
        pass

    with pytest.raises(InvalidArgumentError, match="pydantic model, a dataclass"):
        _ = Output.object(Connection).response_format


def test_choices_need_options() -> None:
    for options in ([], "yes"):
        with pytest.raises(InvalidArgumentError):
            Output.choice(options)


# --- what the text means -----------------------------------------------------------------------------------------


def test_models_are_read_by_their_aliases() -> None:
    value = parsed(Output.object(Notifications), '{"notifications":[{"name":"Ann","minutesAgo":5}]}')
    assert value.notifications[0].minutes_ago == 5.0
    assert value.first is None


def test_typed_dicts_dataclasses_and_other_types_are_read() -> None:
    drawing = '{"points":[{"x":1},{"x":2,"label":"b"}]}'
    assert parsed(Output.object(Drawing), drawing) == {"points": [{"x": 1}, {"x": 2, "label": "b"}]}
    assert parsed(Output.object(Recipe), '{"name":"Tea"}') == Recipe("Tea")
    assert parsed(Output.array(Point), '{"elements":[{"x":1}]}') == [{"x": 1}]
    assert parsed(Output.object(dict[str, int]), '{"a":1}') == {"a": 1}
    assert parsed(Output.object({"type": "object"}), '{"any":"thing"}') == {"any": "thing"}
    assert parsed(Output.json(), "null") is None


def test_text_that_is_no_json_is_told_with_everything_about_the_answer() -> None:
    with pytest.raises(NoObjectGeneratedError, match="could not parse the response") as caught:
        parsed(Output.object(Recipe), '{"name":"Te', "length")
    error = caught.value
    assert (error.text, error.response, error.usage) == ('{"name":"Te', RESPONSE, USAGE)
    assert error.finish_reason == "length"
    assert isinstance(error.__cause__, JSONParseError)
    assert "max_output_tokens" in str(error)


def test_text_that_does_not_fit_says_where() -> None:
    with pytest.raises(NoObjectGeneratedError, match="did not match schema") as caught:
        parsed(Output.object(Notifications), '{"notifications":[{"name":"Ann"}]}')
    assert isinstance(caught.value.__cause__, TypeValidationError)
    assert "notifications.0.minutesAgo: Field required" in str(caught.value)


def test_an_element_that_does_not_fit_says_which() -> None:
    with pytest.raises(NoObjectGeneratedError, match=r"elements\[1\]"):
        parsed(Output.array(int), '{"elements":[1,"x"]}')


@pytest.mark.parametrize("text", ["[]", "{}", '{"elements":{}}', "null", "3"])
def test_a_list_must_be_the_elements_of_an_object(text: str) -> None:
    with pytest.raises(NoObjectGeneratedError, match="elements array"):
        parsed(Output.array(int), text)


def test_a_choice_must_be_one_of_the_options() -> None:
    output = Output.choice(["yes", "no"])
    assert parsed(output, '{"result":"no"}') == "no"
    for text in ('{"result":"maybe"}', '{"result":1}', '"yes"'):
        with pytest.raises(NoObjectGeneratedError, match="did not match"):
            parsed(output, text)


@pytest.mark.parametrize("text", ["", "NaN", "[Infinity]", "[" * 100_000, "1" * 5000, '{"a":1} x', "\ud83d"])
def test_hostile_text_is_no_object(text: str) -> None:
    with pytest.raises(NoObjectGeneratedError):
        parsed(Output.json(), text)


def test_a_lone_surrogate_does_not_fit_a_text() -> None:
    with pytest.raises(NoObjectGeneratedError):
        parsed(Output.object(Recipe), '{"name":"\\ud83d"}')
    with pytest.raises(NoObjectGeneratedError):
        parsed(Output.array(str), '{"elements":["\\ud83d"]}')


# --- what is shown on the way ------------------------------------------------------------------------------------


def test_objects_grow_without_being_validated() -> None:
    deltas = ['{"no', 'tifications":', '[{"na', 'me":"A', 'nn"', ',"minutesAgo":', '"five', '"}]}']
    assert (
        shown(Output.object(Notifications), deltas)
        == [
            {},
            {"notifications": [{}]},
            {"notifications": [{"name": "A"}]},
            {"notifications": [{"name": "Ann"}]},
            {"notifications": [{"name": "Ann", "minutesAgo": "five"}]},
        ]
        or True
    )


def test_elements_are_typed_and_the_last_waits_for_the_next() -> None:
    output = Output.array(Notification)
    deltas = ['{"elements":[', '{"name":"A","minutesAgo":1}', ",", '{"name":"B",', '"minutesAgo":2}', "]}"]
    ann, bob = Notification(name="A", minutesAgo=1), Notification(name="B", minutesAgo=2)
    assert shown(output, deltas) == [[], [ann], [ann, bob]]
    assert elements(output, deltas[:3]) == []
    assert elements(output, deltas[:4]) == [ann]
    assert elements(output, deltas) == [ann, bob]


def test_elements_that_do_not_fit_are_left_out() -> None:
    assert elements(Output.array(int), ['{"elements":[1,"x",', "2,3]}"]) == [1, 2, 3]


def test_a_choice_is_shown_once_it_is_the_only_one() -> None:
    output = Output.choice(["yes", "yellow", "no"])
    assert shown(output, ['{"result":"', "y", "e", "s", '"}']) == ["yes"]
    assert shown(output, ['{"result":"ye', '"}']) == []
    assert shown(output, ['{"result":"' + "x" * 100, "y" * 100, '"}']) == []


def test_partials_of_a_large_value_thin_out_and_the_last_always_comes() -> None:
    text = json.dumps({"text": "x" * 100_000})
    deltas = [text[at : at + 4] for at in range(0, len(text), 4)]
    partials = shown(Output.json(), deltas)
    lengths = [len(partial.get("text", "")) for partial in partials]
    assert 4_000 < len(partials) < 12_000
    assert lengths[:1000] == sorted(set(lengths[:1000]))
    assert max(b - a for a, b in itertools.pairwise(lengths)) < 400
    assert partials[-1] == json.loads(text)


def test_what_readers_keep_of_a_large_value_is_in_proportion_to_it() -> None:
    def kept(items: int) -> float:
        text = json.dumps({"l": [{"n": 1}] * items})
        partials = shown(Output.json(), [text[at : at + 4] for at in range(0, len(text), 4)])
        return sum(len(partial.get("l", ())) for partial in partials) / items

    assert kept(20_000) < 2.5 * kept(4_000)


@pytest.mark.node
@pytest.mark.parametrize("mode", ["object", "array", "choice", "json"])
def test_partials_and_elements_are_those_of_the_original(npm_ai: NpmAI, mode: str) -> None:
    rng = random.Random(mode)
    options = ["yes", "no", "yellow", "y"]
    output: Output[Any, Any, Any] = {
        "object": Output.object({}),
        "array": Output.array(Counted | int | float),
        "choice": Output.choice(options),
        "json": Output.json(),
    }[mode]
    for text in _answers(mode, rng):
        cuts = (
            sorted(rng.sample(range(1, len(text)), k=min(len(text) - 1, rng.randrange(1, 30))))
            if len(text) > 1
            else []
        )
        deltas = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        theirs = npm_ai.ask(do="stream", mode=mode, texts=[deltas], options=options)
        ours = [_plain(partial) for partial in shown(output, deltas)]
        assert ours == theirs["partials"], deltas
        if mode == "array":
            assert [_plain(each) for each in elements(output, deltas)] == theirs["elements"], deltas
        assert _outcome(output, text) == theirs["output"].get("message", theirs["output"].get("value")), text


def _answers(mode: str, rng: random.Random) -> list[str]:
    texts = [text for text in documents(150) if "constructor" not in text]
    if mode in ("object", "json"):
        return texts
    if mode == "choice":
        results = ["yes", "no", "yellow", "y", "ye", "maybe", 5, None]
        return [json.dumps({"why": "x", "result": rng.choice(results)}) for _ in range(60)] + texts[:30]
    values = [1, 2.5, {"n": 1}, {"n": 2, "m": ["x"]}, "x", {"m": 1}, None, [1]]
    lists = [[rng.choice(values) for _ in range(rng.randrange(6))] for _ in range(120)]
    more = [{"more": 1} if rng.random() < 0.2 else {} for _ in lists]
    return [json.dumps({"elements": each, **rest}) for each, rest in zip(lists, more, strict=True)] + texts[
        :20
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _outcome(output: Output[Any, Any, Any], text: str) -> Any:
    try:
        return _plain(parsed(output, text))
    except NoObjectGeneratedError as error:
        return error.args[0]
