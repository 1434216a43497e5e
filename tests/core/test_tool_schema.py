"""From a function to what a model is told of it, and back to a call."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Generic, Literal, NotRequired, TypedDict, TypeVar

import pytest
from pydantic import BaseModel, Field

from flightwire import ToolContext, client_tool, dynamic_tool, tool
from flightwire.core.docstrings import read_docstring
from flightwire.errors import InvalidArgumentError

T = TypeVar("T")


class Place(TypedDict):
    name: str
    zip_code: NotRequired[int]


class Unit(enum.Enum):
    C = "C"
    F = "F"


class Query(BaseModel):
    text: str
    limit: int = 5


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


def schema_of(fn: Any) -> Any:
    return tool(fn).input_schema


def call(fn: Any, **given: Any) -> Any:
    context: Any = "the context"
    return tool(fn).run(given, context)


def test_names_types_defaults_and_descriptions_come_from_the_function() -> None:
    def get_weather(
        city: Annotated[str, "The city"], unit: Literal["C", "F"] = "C", days: int | None = None
    ) -> None:
        """Get the weather for a location.

        It may rain.

        Args:
            city: not used, the annotation says more.
            days: How many days.

        Returns:
            Nothing.
        """

    made = tool(get_weather)
    assert (made.name, made.description) == ("get_weather", "Get the weather for a location.\n\nIt may rain.")
    assert made.input_schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city"},
            "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
            "days": {
                "anyOf": [{"type": "integer"}, {"type": "null"}],
                "default": None,
                "description": "How many days.",
            },
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    def now() -> None: ...

    assert schema_of(now) == {"type": "object", "properties": {}, "additionalProperties": False}


def test_fields_of_pydantic_describe_and_bound() -> None:
    def search(
        limit: Annotated[int, Field(ge=1, le=10, description="How many")],
        minutes_ago: Annotated[float, Field(alias="minutesAgo")],
        order: str = Field("asc", description="Which way"),
    ) -> Any:
        return limit, minutes_ago, order

    properties = schema_of(search)["properties"]
    assert properties["limit"] == {"type": "integer", "minimum": 1, "maximum": 10, "description": "How many"}
    assert properties["minutesAgo"] == {"type": "number"}
    assert properties["order"] == {"type": "string", "default": "asc", "description": "Which way"}
    assert call(search, limit=3, minutesAgo=1) == (3, 1.0, "asc")
    with pytest.raises(ValueError, match="limit: Input should be less than or equal to 10"):
        call(search, limit=99, minutesAgo=1)


def test_structured_parameters_arrive_as_what_they_are() -> None:
    def plan(place: Place, point: Point, query: Query, unit: Unit, when: date, tags: set[str]) -> Any:
        return place, point, query, unit, when, tags

    got = call(
        plan,
        place={"name": "Rome"},
        point={"x": 1},
        query={"text": "a"},
        unit="F",
        when="2026-11-25",
        tags=["a", "a"],
    )
    assert got == ({"name": "Rome"}, Point(1.0), Query(text="a"), Unit.F, date(2026, 11, 25), {"a"})
    assert schema_of(plan)["$defs"]["Place"]["required"] == ["name"]
    assert schema_of(plan)["$defs"]["Query"]["additionalProperties"] is False


def test_typed_dicts_inside_other_types_are_understood() -> None:
    def visit(places: list[Place], home: Place | None = None) -> Any:
        return places, home

    assert call(visit, places=[{"name": "a", "zip_code": "7"}]) == ([{"name": "a", "zip_code": 7}], None)
    with pytest.raises(ValueError, match=r"places\.0\.name: Field required"):
        call(visit, places=[{}])


def test_names_that_pydantic_keeps_for_itself_are_fine() -> None:
    def act(model_config: str, json: str, _private: int, copy: bool = False) -> Any:
        return model_config, json, _private, copy

    assert call(act, model_config="a", json="b", _private=1) == ("a", "b", 1, False)


def test_positional_only_keyword_only_and_further_arguments() -> None:
    def act(a: int, /, b: int, *, c: int, **rest: Any) -> Any:
        return a, b, c, rest

    assert call(act, a=1, b=2, c=3, d=4) == (1, 2, 3, {"d": 4})
    assert schema_of(act)["additionalProperties"] is True


def test_defaults_are_the_functions_own() -> None:
    marker: Any = object()

    def act(items: list[int] = [], other: Any = marker) -> Any:  # noqa: B006 - it is what is tested
        return items, other

    items, other = call(act)
    assert (items, other is marker) == ([], True)
    assert "default" not in schema_of(act)["properties"]["other"]


def test_unknown_keys_are_left_out() -> None:
    def act(a: int) -> int:
        return a

    assert call(act, a=1, b=2) == 1


def test_without_annotation_anything_goes() -> None:
    def act(a):  # type: ignore[no-untyped-def]
        return a

    assert call(act, a=[{"b": 1}]) == [{"b": 1}]


def test_the_context_is_filled_by_us_wherever_it_stands() -> None:
    def first(ctx: ToolContext[Any], a: int) -> Any:
        return ctx, a

    def last(a: int, *, ctx: Annotated[ToolContext[int], "mine"]) -> Any:
        return ctx, a

    def bare(ctx: ToolContext) -> Any:  # type: ignore[type-arg]
        return ctx

    assert call(first, a=1) == call(last, a=1) == ("the context", 1)
    assert call(bare) == "the context"
    assert list(schema_of(first)["properties"]) == ["a"]


def test_names_of_the_function_around_are_found() -> None:
    class Local(TypedDict):
        a: int

    @tool
    def act(value: Local) -> Any:
        return value

    context: Any = None
    assert act.run({"value": {"a": "1"}}, context) == {"a": 1}


@pytest.mark.parametrize(
    ("make", "letter"),
    [
        (lambda: tool(5), "decorates a function"),  # type: ignore[call-overload]
        (lambda: tool(name="with blank")(print), "no name for a tool"),
        (lambda: tool(colour="red"), "no option 'colour'"),  # type: ignore[call-overload]
        (lambda: tool(tool(name="print")(print)), "a tool already"),
        (lambda: tool(timeout_s=0)(print), "positive"),
        (lambda: client_tool("x" * 65, input_schema={}), "no name for a tool"),
        (lambda: dynamic_tool(name="x", input_schema="no", execute=print), "must be a JSON Schema"),  # type: ignore[arg-type]
        (lambda: client_tool("x", input_schema=5), "no type"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_tool_is_refused_with_a_letter(make: Callable[[], Any], letter: str) -> None:
    with pytest.raises(InvalidArgumentError, match=letter):
        found = make()
        assert found.input_schema


def test_what_no_model_could_fill_is_refused() -> None:
    def star(*args: int) -> None: ...

    def strange(connection: Callable[[], int]) -> None: ...

    def unknown(a: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    for fn, letter in [(star, r"\*args"), (strange, "no JSON Schema"), (unknown, "'Missing'")]:
        with pytest.raises(InvalidArgumentError, match=letter):
            schema_of(fn)


def test_a_tool_is_called_as_it_was_written() -> None:
    @tool(title="Adder")
    def add(a: int, b: int = 1) -> int:
        return a + b

    assert (add(1, b=2), add.title, repr(add)) == (3, "Adder", "<tool add>")
    with pytest.raises(InvalidArgumentError, match="client answers"):
        client_tool("ask", input_schema={"type": "object"})()


def test_the_schema_of_a_client_tool_may_be_a_type() -> None:
    assert client_tool("ask", input_schema=Query).input_schema["required"] == ["text"]
    assert client_tool("ask", input_schema=Place).input_schema["additionalProperties"] is False


class Generic_(BaseModel, Generic[T]):
    value: T


def test_generic_models_are_understood() -> None:
    def act(box: Generic_[int]) -> Any:
        return box.value

    assert call(act, box={"value": "3"}) == 3


# --- docstrings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Do it.\n\nArgs:\n    a: The first.\n    b (int): The second,\n        which goes on.\n\nReturns:\n    c: no",
        "Do it.\n\nArguments:\n    a: The first.\n    b: The second, which goes on.\nRaises:\n    ValueError: never",
        "Do it.\n\nParameters\n----------\na : str\n    The first.\nb : int, optional\n    The second,\n    which goes on."
        "\n\nReturns\n-------\nc",
        "Do it.\n\n:param a: The first.\n:param int b: The second,\n    which goes on.\n:returns: c\n:rtype: int",
    ],
)
def test_docstrings_of_all_kinds_are_read(text: str) -> None:
    assert read_docstring(text) == ("Do it.", {"a": "The first.", "b": "The second, which goes on."})


@pytest.mark.parametrize(
    ("text", "description"), [(None, None), ("", None), ("   ", None), ("One: two.", "One: two.")]
)
def test_docstrings_without_sections(text: Any, description: Any) -> None:
    assert read_docstring(text) == (description, {})
