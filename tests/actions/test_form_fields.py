"""Forms for parameters that are classes: fields, lists, empty fields, numbers that are text, files."""

from __future__ import annotations

import dataclasses
import enum
from datetime import date
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from pydantic import BaseModel, EmailStr, Field  # noqa: F401 - in annotations that are text

from flightwire import Action, File, FileLimits, FormData, FromForm, action
from flightwire.errors import ArgumentError

PNG = b"\x89PNG\r\n\x1a\n1234"


class Signup(BaseModel):
    name: str = Field(min_length=1)
    age: int | None = None
    born_on: date | None = None
    is_member: bool = False
    tags: list[str] = []
    ratio: float = 1.5
    photo: File | None = None


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Vote:
    stars: Literal[1, 2, 3]
    level: Literal[Level.LOW, "none"] = "none"
    word: Literal["1", 1] = "1"


class Voting(BaseModel):
    stars: Literal[1, 2, 3]
    level: Literal[Level.LOW, "none"] = "none"
    word: Literal["1", 1] = "1"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5
    labels: list[str] = dataclasses.field(default_factory=list)


class Row(TypedDict):
    title: str
    count: NotRequired[int]
    marks: NotRequired[tuple[int, ...]]


@action
async def sign_up(signup: Annotated[Signup, FromForm()]) -> None: ...


@action
async def plain(signup: Signup) -> None: ...


@action
async def stateful(previous: dict[str, int] | None, signup: Annotated[Signup | None, FromForm()]) -> None: ...


@action
async def point(point: Point) -> None: ...


@action
async def row(row: Row) -> None: ...


@action
async def vote(vote: Vote) -> None: ...


@action
async def voting(vote: Voting) -> None: ...


@action
async def raw(form: FormData) -> None: ...


@action
async def number(count: int) -> None: ...


def bound(called: Action[..., Any], *arguments: object) -> Any:
    return called.schema.bind(arguments)[0][-1]


def form(*fields: tuple[str, object]) -> FormData:
    return FormData(fields)


@pytest.mark.parametrize("called", [vote, voting])
def test_numbers_to_choose_from_come_as_text(called: Action[..., Any]) -> None:
    made = bound(called, form(("stars", "3"), ("level", "1"), ("word", "1")))
    assert (made.stars, made.level, made.word) == (3, Level.LOW, "1")
    for stars in ("4", "x", "1.0"):
        with pytest.raises(ArgumentError, match="stars: expected 1, 2 or 3"):
            bound(called, form(("stars", stars)))
    with pytest.raises(ArgumentError):
        called.schema.bind([{"stars": "3"}])


@pytest.mark.parametrize("called", [sign_up, plain])
def test_text_becomes_what_the_model_says(called: Action[..., Any]) -> None:
    given = form(
        ("name", "Ada"),
        ("age", "36"),
        ("bornOn", "1815-12-10"),
        ("is_member", "on"),
        ("tags", "a"),
        ("tags", "b"),
        ("ratio", "0.25"),
        ("photo", File("a.png", "image/png", PNG)),
    )
    made = bound(called, given)
    assert made == Signup(
        name="Ada",
        age=36,
        born_on=date(1815, 12, 10),
        is_member=True,
        tags=["a", "b"],
        ratio=0.25,
        photo=File("a.png", "image/png", PNG),
    )


def test_an_object_is_still_checked_strictly() -> None:
    assert bound(plain, {"name": "Ada", "age": 3}).age == 3
    with pytest.raises(ArgumentError):
        bound(number, "5")
    with pytest.raises(ArgumentError):
        bound(point, {"x": "5"})


def test_empty_fields_are_missing_unless_they_are_text() -> None:
    empty = form(
        ("name", " "),
        ("age", ""),
        ("bornOn", ""),
        ("ratio", ""),
        ("photo", File("", "application/octet-stream")),
    )
    assert bound(sign_up, empty) == Signup(name=" ")
    with pytest.raises(ArgumentError, match=r"signup\.name: .*1 character"):
        bound(sign_up, form(("name", "")))


def test_a_box_that_is_not_checked_is_false_and_one_value_is_a_list() -> None:
    made = bound(sign_up, form(("name", "x"), ("tags", "only")))
    assert (made.is_member, made.tags) == (False, ["only"])


def test_of_fields_that_stand_once_the_last_counts() -> None:
    assert (
        bound(sign_up, form(("name", "x"), ("is_member", "false"), ("is_member", "true"))).is_member is True
    )


def test_what_react_adds_is_left_out() -> None:
    assert bound(row, form(("$ACTION_KEY", "k"), ("$ACTION_ID_x", ""), ("title", "a"))) == {"title": "a"}


def test_dataclasses_and_typed_dicts_have_fields_too() -> None:
    assert bound(point, form(("x", "1"), ("y", "2.5"), ("labels", "a"))) == Point(1, 2.5, ["a"])
    assert bound(row, form(("title", "a"), ("count", "3"), ("marks", "1"), ("marks", "2"))) == {
        "title": "a",
        "count": 3,
        "marks": (1, 2),
    }


def test_the_state_comes_first_with_use_action_state() -> None:
    args, _ = stateful.schema.bind([{"errors": 1}, form(("name", "x"))])
    assert args == [{"errors": 1}, Signup(name="x")]
    assert stateful.schema.bind([None, None])[0] == [None, None]


@pytest.mark.parametrize(
    ("called", "given", "says"),
    [
        (sign_up, form(("name", "x"), ("age", "old")), r"signup\.age: expected a whole number, got 'old'"),
        (sign_up, form(), r"signup\.name: expected a value, got undefined"),
        (point, form(("x", "1.5")), r"point\.x"),
        (number, form(("count", "1")), "count: expected a whole number, got a FormData"),
        (row, form(("title", File("a", "b", b"x"))), r"row\.title: expected text, got a file"),
        (sign_up, form(("name", "x"), ("photo", "text")), r"signup\.photo: expected a file"),
    ],
)
def test_what_does_not_fit_gets_the_letter_with_the_fields_name(
    called: Any, given: FormData, says: str
) -> None:
    with pytest.raises(ArgumentError, match=says):
        bound(called, given)


def test_a_form_data_stays_one_where_it_is_asked_for() -> None:
    given = form(("a", "1"), ("a", "2"))
    assert bound(raw, given) is given


class Upload(BaseModel):
    files: Annotated[list[File], FileLimits(max_files=2, accept=["image/png"])]


@action
async def upload(upload: Annotated[Upload, FromForm()]) -> None: ...


def test_files_of_a_form_are_checked_against_their_limits() -> None:
    one = File("a.png", "", PNG)
    assert bound(upload, form(("files", one), ("files", one))).files == [one, one]
    with pytest.raises(ArgumentError, match="at most 2 files"):
        bound(upload, form(*[("files", one)] * 3))
    with pytest.raises(ArgumentError, match="its content looks like text/plain"):
        bound(upload, form(("files", File("a.png", "image/png", b"hi"))))


def test_hostile_names_are_keys_and_nothing_else() -> None:
    names = ["__proto__", "__class__", "constructor", "a.b", "a[b]", "", "\0"]
    assert bound(row, form(("title", "x"), *[(name, "y") for name in names])) == {
        "title": "x",
        **dict.fromkeys(names, "y"),
    }


def test_a_form_with_a_name_ten_thousand_times_is_read_once() -> None:
    many = form(*[(f"f{n}", "x") for n in range(20_000)], ("title", "x"))
    assert len(bound(row, many)) == 20_001
