"""The one form of dataclasses, pydantic models and our own values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    RootModel,
    SecretStr,
    computed_field,
    field_serializer,
)
from pydantic.alias_generators import to_pascal

from flightwire.errors import EncodeError
from flightwire.events import Usage
from flightwire.wire.flight.declared import camel_case
from flightwire.wire.flight.writer import Writer


@dataclass
class Point:
    x_axis: int
    tags: list[str] = field(default_factory=list)


class Line(BaseModel):
    start_point: Point
    minutes_ago: float = Field(default=0, alias="minutesAgo")
    renamed: int = Field(default=1, serialization_alias="its_name")
    secret_key: str = Field(default="hidden", exclude=True)
    price: Annotated[int, PlainSerializer(lambda cents: f"{cents / 100:.2f}")] = 150
    upper_text: str = "a"

    @field_serializer("upper_text")
    def shout(self, text: str) -> str:
        return text.upper()

    @computed_field  # type: ignore[prop-decorator]  # mypy cannot see through two decorators
    @property
    def is_long(self) -> bool:
        return True


class Group(BaseModel):
    model_config = ConfigDict(extra="allow")
    all_lines: list[Line]
    by_name: dict[str, Line]


class Pascal(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True)
    user_name: str


class Lines(RootModel[list[Line]]):
    pass


def sent(value: object) -> Any:
    return json.loads(Writer().start(value)[2:])


LINE = {
    "startPoint": {"xAxis": 1, "tags": []},
    "minutesAgo": 0,
    "its_name": 1,
    "price": "1.50",
    "upperText": "A",
    "isLong": True,
}


def test_dataclass_is_an_object_in_camel_case() -> None:
    assert sent([Point(1, ["a"])]) == [{"xAxis": 1, "tags": ["a"]}]


def test_model_follows_aliases_exclusions_serializers_and_computed_fields() -> None:
    assert sent(Line(start_point=Point(1))) == LINE


def test_models_inside_models_have_the_same_form() -> None:
    line = Line(start_point=Point(1))
    group = Group(all_lines=[line], by_name={"a_b": line}, extra_key=5)
    assert sent(group) == {"allLines": [LINE], "byName": {"a_b": LINE}, "extra_key": 5}
    assert sent(Lines([line])) == [LINE]


def test_alias_generator_wins_over_camel_case() -> None:
    assert sent(Pascal(user_name="Ann")) == {"UserName": "Ann"}


def test_our_own_values_have_their_own_form() -> None:
    assert sent({"usage": Usage(input_tokens=1, output_tokens=2)})["usage"]["inputTokens"] == 1


def test_secret_is_refused() -> None:
    class Login(BaseModel):
        password: SecretStr

    with pytest.raises(EncodeError, match="SecretStr") as caught:
        Writer().start(Login(password=SecretStr("hunter2")))
    assert caught.value.path == ".password"
    assert "hunter2" not in str(caught.value)


def test_model_that_cannot_be_dumped_is_refused() -> None:
    class Broken(BaseModel):
        value: int

        @field_serializer("value")
        def fail(self, value: int) -> int:
            raise RuntimeError("secret")

    with pytest.raises(EncodeError, match="<Broken> cannot be dumped") as caught:
        Writer().start({"b": Broken(value=1)})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "camel"),
    [
        ("a", "a"),
        ("minutes_ago", "minutesAgo"),
        ("_private_thing", "_privateThing"),
        ("x1_y2", "x1Y2"),
        ("a__b", "aB"),
        ("URL", "URL"),
        ("_", "_"),
    ],
)
def test_camel_case(name: str, camel: str) -> None:
    assert camel_case(name) == camel
