"""Arguments: what a call may hold for an annotation, defaults, and letters with paths."""

from __future__ import annotations

import dataclasses
import enum
import math
import subprocess
import sys
import timeit
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence  # noqa: F401 - in annotations that are text
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import (  # noqa: F401 - in annotations that are text
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import pytest
import typing_extensions
from held import Held
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request

from flightwire.actions.registry import action
from flightwire.elements import UNDEFINED
from flightwire.errors import ArgumentError, InvalidArgumentError
from flightwire.jsontypes import JSONObject, JSONValue  # noqa: F401 - in annotations that are text
from flightwire.wire.flight.values import BigInt, File, FormData, JSMap, ReceivedStream, TypedArray

if TYPE_CHECKING:
    from nowhere import Nowhere  # noqa: F401 - which is not there when this runs

T = TypeVar("T")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class Draft(TypedDict, total=False):
    title: Required[str]
    words: int


class Letter(Draft):
    to: str
    copies: NotRequired[int]


class Box(TypedDict, Generic[T]):
    item: T
    label: NotRequired[str]


class IntBox(Box[int]):
    size: float


class LabelledIntBox(IntBox):
    label: str


class Tree(TypedDict):
    name: str
    children: NotRequired[list[Tree]]


class Modern(typing_extensions.TypedDict):
    id: typing_extensions.ReadOnly[int]


class Strictest(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    id: int


@dataclasses.dataclass
class Point:
    x: int
    in_metres: float = 1.0


@dataclasses.dataclass(slots=True, frozen=True)
class Chat:
    first_message: Message
    attachment: File | None = None
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Positive:
    n: int
    times: dataclasses.InitVar[int] = 1

    def __post_init__(self, times: int) -> None:
        self.n *= times
        if self.n < 0:
            raise ValueError("must not be negative")


@dataclasses.dataclass
class Listed(Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Labelled(Listed[T], Generic[T]):
    label: str


@dataclasses.dataclass
class Counted(Labelled[int]):
    pass


@dataclasses.dataclass
class Elsewhere(Held[int]):
    """Its base is written in another module, with names that this one does not have."""


@dataclasses.dataclass
class Branch:
    leaf: Message | None = None
    branches: list[Branch] = dataclasses.field(default_factory=list)


class Settings(BaseModel):
    max_tokens: int = Field(gt=0)
    nested: list[Settings] = []
    minutes_ago: float = Field(default=0, alias="minutesAgo")


class Forbidding(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    n: int

    @field_validator("n")
    @classmethod
    def _odd(cls, n: int) -> int:
        if n % 2 == 0:
            raise ValueError("must be odd")
        return n


class Cat(BaseModel):
    pet_type: Literal["cat"]
    lives: int


class Dog(BaseModel):
    pet_type: Literal["dog"]


class Color(enum.Enum):
    RED = "red"
    TWO = 2


class Odd(enum.Enum):
    UP = (0, 1.5)
    DAY = date(2026, 11, 23)
    WORD = "word"


class Raw(enum.Enum):
    BYTE = b"\xff"
    WHEN = datetime(2026, 11, 23, tzinfo=UTC)
    BOTH = frozenset({1, 2})


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.StrEnum):
    FAST = "fast"


class Pair(NamedTuple):
    a: int
    b: str = "b"


UserId = NewType("UserId", str)
Json = Union[str, int, list["Json"], dict[str, "Json"]]  # noqa: UP007 - text cannot be joined with |
ANY = object()


def bind(annotation: Any, *arguments: object, default: object = ANY) -> object:
    async def f(x): ...

    f.__annotations__ = {"x": annotation}
    f.__defaults__ = () if default is ANY else (default,)
    args, kwargs = action(f).schema.bind(list(arguments))
    assert kwargs == {}
    return args[0]


def refused(annotation: Any, argument: object) -> str:
    with pytest.raises(ArgumentError) as caught:
        bind(annotation, argument)
    assert "pydantic" not in str(caught.value)
    return str(caught.value).removeprefix("Action 'f' was called with arguments that do not fit:")


# --- values that fit ---------------------------------------------------------------------------------------------

USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("annotation", "argument", "bound"),
    [
        ("str", "\ud800 \0", "\ud800 \0"),
        ("int", 3, 3),
        ("int", 3.0, 3),
        ("int", -0.0, 0),
        ("int", BigInt(2**70), 2**70),
        ("float", 3, 3.0),
        ("float", math.inf, math.inf),
        ("bool", True, True),
        ("None", None, None),
        ("bytes", b"\0", b"\0"),
        ("datetime", NOON, NOON),
        ("date", datetime(2026, 11, 23, tzinfo=UTC), date(2026, 11, 23)),
        ("date", "2026-11-23", date(2026, 11, 23)),
        ("UUID", "12345678123456781234567812345678", UUID("12345678123456781234567812345678")),
        ("Decimal", "1.10", Decimal("1.10")),
        ("Any", [UNDEFINED], [UNDEFINED]),
        ("object", {"a": 1}, {"a": 1}),
        ("list", [1, "a"], [1, "a"]),
        ("dict", {"a": [1]}, {"a": [1]}),
        ("list[int]", [1, 2.0], [1, 2]),
        ("tuple[int, str]", [1, "a"], (1, "a")),
        ("tuple[int, ...]", [1, 2], (1, 2)),
        ("set[str]", ["a", "a"], {"a"}),
        ("Sequence[int]", [1], [1]),
        ("Mapping[str, int]", {"a": 1}, {"a": 1}),
        ("dict[int, bool]", {"3": True}, {3: True}),
        ("dict[str, Message]", {"\ud800": USER}, {"\ud800": USER}),
        ("str | None", None, None),
        ("Optional[int]", 2, 2),
        ("int | str", "3", "3"),
        ("bool | int", 1, 1),
        ("Literal['a', 1]", 1, 1),
        ("Annotated[int, Field(ge=1)]", 1.0, 1),
        ("UserId", "u", "u"),
        ("Color", "red", Color.RED),
        ("Color", 2.0, Color.TWO),
        ("Odd", [0, 1.5], Odd.UP),
        ("Odd", "2026-11-23", Odd.DAY),
        ("Odd", "word", Odd.WORD),
        ("Raw", b"\xff", Raw.BYTE),
        ("Raw", datetime(2026, 11, 23, tzinfo=UTC), Raw.WHEN),
        ("Raw", {2, 1}, Raw.BOTH),
        ("list[Odd | None]", [[0.0, 1.5], None], [Odd.UP, None]),
        ("Level", 1.0, Level.LOW),
        ("Mode", "fast", Mode.FAST),
        ("Pair", [1], Pair(1, "b")),
        ("JSONValue", {"a": [1, None]}, {"a": [1, None]}),
        ("JSONObject", {"a": [1, None]}, {"a": [1, None]}),
        ("Json", {"a": ["b", {"c": []}]}, {"a": ["b", {"c": []}]}),
        ("Message", USER, USER),
        ("Message", USER | {"id": 7, "then": [1]}, USER | {"id": 7, "then": [1]}),
        ("list[Message | None]", [USER | {"id": 7}, None], [USER | {"id": 7}, None]),
        ("Annotated[list[Message], Field(max_length=1)]", [USER | {"id": 7}], [USER | {"id": 7}]),
        ("Union[str, dict[str, Message]]", {"a": USER | {"id": 7}}, {"a": USER | {"id": 7}}),
        ("tuple[Message, ...]", [USER | {"id": 7}], (USER | {"id": 7},)),
        ("Draft", {"title": "t"}, {"title": "t"}),
        ("Letter", {"title": "t", "to": "u"}, {"title": "t", "to": "u"}),
        ("Box[str]", {"item": "a", "z": 1}, {"item": "a", "z": 1}),
        ("Box[Message]", {"item": USER | {"id": 7}}, {"item": USER | {"id": 7}}),
        ("Box", {"item": ["any"]}, {"item": ["any"]}),
        ("IntBox", {"item": 1.0, "size": 2}, {"item": 1, "size": 2.0}),
        (
            "Tree",
            {"name": "a", "children": [{"name": "b", "children": [], "z": 1}]},
            {"name": "a", "children": [{"name": "b", "children": [], "z": 1}]},
        ),
        ("Modern", {"id": 1, "z": 2}, {"id": 1, "z": 2}),
        ("Point", {"x": 1, "inMetres": 2}, Point(1, 2.0)),
        ("Point", {"x": 1, "in_metres": 2}, Point(1, 2.0)),
        ("list[Point]", [{"x": 1}], [Point(1)]),
        ("Chat", {"firstMessage": USER | {"id": 7}}, Chat(USER | {"id": 7})),  # type: ignore[arg-type]
        ("Positive", {"n": 2, "times": 3}, Positive(2, 3)),
        ("Branch", {"branches": [{"leaf": USER | {"id": 7}}]}, Branch(None, [Branch(USER | {"id": 7})])),  # type: ignore[arg-type]
        ("Settings", {"maxTokens": "3", "minutesAgo": 1}, Settings(max_tokens=3, minutesAgo=1)),
        (
            "Settings",
            {"max_tokens": 3, "nested": [{"maxTokens": 4}]},
            Settings(max_tokens=3, nested=[Settings(max_tokens=4)]),
        ),
        ("Counted", {"items": [1], "label": "a"}, Counted([1], "a")),
        ("Listed[str]", {"items": ["a"]}, Listed(["a"])),
        ("Elsewhere", {"value": "5", "item": 1}, Elsewhere(Decimal(5), 1)),
        ("Annotated[Cat | Dog, Field(discriminator='pet_type')]", {"petType": "dog"}, Dog(pet_type="dog")),
        ("Cat | Dog", {"petType": "cat", "lives": 9}, Cat(pet_type="cat", lives=9)),
    ],
)
def test_what_fits_is_passed_on(annotation: str, argument: object, bound: object) -> None:
    got = bind(annotation, argument)
    assert got == bound
    assert type(got) is type(bound) or isinstance(argument, BigInt)


@pytest.mark.parametrize(
    ("annotation", "argument"),
    [
        ("File", File("a.txt", "text/plain", b"")),
        ("FormData", FormData([("a", "b")])),
        ("JSMap", JSMap({1: 2})),
        ("TypedArray", TypedArray("Int16Array", b"\0\0")),
        ("BigInt", BigInt(3)),
        ("ReceivedStream", ReceivedStream([1])),
        ("AsyncIterable[int]", ReceivedStream([1])),
        ("list[File]", [File("a.txt", "text/plain", b"")]),
        ("dict[str, File | str]", {"a": File("a.txt", "text/plain", b"")}),
    ],
)
def test_files_forms_and_streams_are_passed_as_they_are(annotation: str, argument: Any) -> None:
    got: Any = bind(annotation, argument)
    inner = got[0] if isinstance(got, list) else got["a"] if isinstance(got, dict) else got
    wanted = (
        argument[0]
        if isinstance(argument, list)
        else argument["a"]
        if isinstance(argument, dict)
        else argument
    )
    assert inner is wanted


def test_a_slotted_frozen_dataclass_is_made_with_all_its_fields() -> None:
    chat: Any = bind("Chat", {"firstMessage": USER, "tags": ["a"], "attachment": File("a", "", b"")})
    assert (type(chat), chat.first_message, chat.tags, chat.attachment.filename) == (Chat, USER, ["a"], "a")


def test_unannotated_parameters_take_anything() -> None:
    assert bind(Any, {"a": UNDEFINED}) == {"a": UNDEFINED}

    @action
    def f(x, y=2): ...

    assert f.schema.bind([FormData()]) == ([FormData(), 2], {})


# --- values that do not fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "argument", "says"),
    [
        ("int", "3", "x: expected a whole number, got '3'."),
        ("int", True, "x: expected a whole number, got true."),
        ("int", 2.5, "x: expected a whole number, got 2.5."),
        ("int", math.nan, "x: expected a whole number, got nan."),
        ("int", math.inf, "x: expected a whole number, got inf."),
        ("int", None, "x: expected a whole number, got null."),
        ("float", "3", "x: expected a number, got '3'."),
        ("float", False, "x: expected a number, got false."),
        ("str", 3, "x: expected text, got 3."),
        ("str", b"a", "x: expected text, got 1 bytes."),
        ("str", UNDEFINED, "needs the argument 'x'"),
        ("bool", 1, "x: expected true or false, got 1."),
        ("bool", "true", "x: expected true or false, got 'true'."),
        ("bytes", "a", "x: expected bytes (a Uint8Array or an ArrayBuffer), got 'a'."),
        ("datetime", "2026-11-23T12:00:00Z", "x: expected a Date, got '2026-11-23T12:00:00Z'."),
        ("datetime", 0, "x: expected a Date, got 0."),
        ("None", 0, "x: expected null, got 0."),
        ("list[int]", {"a": 1}, "x: expected a list, got an object."),
        ("list[int]", "12", "x: expected a list, got '12'."),
        ("list[int]", [1, UNDEFINED], "x[1]: expected a whole number, got undefined."),
        ("dict[str, int]", [], "x: expected an object, got a list of 0."),
        ("dict[str, int]", {"a b": "1"}, "x['a b']: expected a whole number, got '1'."),
        ("int | str", [], "x: expected a whole number or text, got a list of 0."),
        ("str | None", 1, "x: expected text, got 1."),
        (
            "str | list[Message]",
            [{"role": "robot"}],
            "x[0].role: expected 'user' or 'assistant', got 'robot'",
        ),
        ("Literal['a', 'b']", "c", "x: expected 'a' or 'b', got 'c'."),
        ("Color", "blue", "x: expected 'red' or 2, got 'blue'."),
        ("Odd", [0, 1], "x: expected [0, 1.5] or '2026-11-23' or 'word', got a list of 2."),
        ("Odd", {"a": []}, "x: expected [0, 1.5] or '2026-11-23' or 'word', got an object."),
        ("Level", "1", "x: expected 1, got '1'."),
        ("Level", True, "x: expected 1, got true."),
        ("Mode", 3, "x: expected 'fast', got 3."),
        ("Annotated[int, Field(ge=1)]", 0, "x: should be greater than or equal to 1, got 0."),
        (
            "Annotated[str, Field(max_length=2)]",
            "abc",
            "x: String should have at most 2 characters, got 'abc'.",
        ),
        ("Message", {"role": "user"}, "x.content: expected a value, got undefined."),
        ("Message", [], "x: expected an object, got a list of 0."),
        ("dict[str, str]", FormData(), "x: expected an object, got a FormData."),
        ("Draft", {"words": 1}, "x.title: expected a value, got undefined."),
        ("Letter", {"title": "t", "to": "u", "copies": "1"}, "x.copies: expected a whole number, got '1'."),
        ("Letter", {"title": "t"}, "x.to: expected a value, got undefined."),
        ("IntBox", {"item": "1", "size": 1}, "x.item: expected a whole number, got '1'."),
        (
            "Tree",
            {"name": "a", "children": [{"name": "b", "children": [{"name": 3}]}]},
            "x.children[0].children[0].name: expected text, got 3.",
        ),
        ("Strictest", {"id": 1, "z": 1}, "x.z: Extra inputs are not permitted, got 1."),
        ("Point", {}, "x.x: expected a value, got undefined."),
        (
            "Point",
            {"x": "1", "inMetres": "2"},
            "\n  x.x: expected a whole number, got '1'\n  x.inMetres: expected a number",
        ),
        ("Positive", {"n": -1}, "x: must not be negative, got an object."),
        ("Branch", {"branches": [{"leaf": {}}]}, "x.branches[0].leaf.role: expected a value"),
        ("Settings", {"maxTokens": 0}, "x.maxTokens: should be greater than 0, got 0."),
        ("Counted", {"items": ["1"], "label": "a"}, "x.items[0]: expected a whole number, got '1'."),
        ("Labelled[int]", {"items": ["1"], "label": "a"}, "x.items[0]: expected a whole number, got '1'."),
        ("Elsewhere", {"value": "1", "item": "1"}, "x.item: expected a whole number, got '1'."),
        ("Forbidding", {"n": 2}, "x.n: must be odd, got 2."),
        ("Forbidding", {"n": "3"}, "x.n: expected a whole number, got '3'."),
        ("Forbidding", {"n": 3, "m": 3}, "x.m: Extra inputs are not permitted, got 3."),
        ("File", {"filename": "a", "content_type": "", "data": b""}, "x: expected a file, got an object."),
        ("FormData", {}, "x: expected a FormData, got an object."),
        ("AsyncIterable[int]", [1], "x: expected a stream, got a list of 1."),
        ("int", File("a", "b", b""), "x: expected a whole number, got a file."),
        ("int", NOON, "x: expected a whole number, got the Date 2026-11-23T12:00:00+00:00."),
        ("int", JSMap(), "x: expected a whole number, got a JSMap."),
        ("str", 10**30, "x: expected text, got a very large number."),
    ],
)
def test_what_does_not_fit_is_refused_with_path_and_expectation(
    annotation: str, argument: object, says: str
) -> None:
    assert says in refused(annotation, argument)


def test_the_letter_names_the_action_and_the_error_its_path() -> None:
    @action
    async def continue_conversation(history: list[Message]) -> None: ...

    with pytest.raises(ArgumentError) as caught:
        continue_conversation.schema.bind([[USER, USER, {"role": "robot", "content": ""}]])
    assert str(caught.value) == (
        "Action 'continueConversation' was called with arguments that do not fit: "
        "history[2].role: expected 'user' or 'assistant', got 'robot'."
    )
    assert caught.value.path == "history[2].role"
    assert caught.value.status_code == 400


def test_at_most_five_problems_are_told() -> None:
    text = refused("list[int]", ["a"] * 9)
    assert text.count("expected") == 5
    assert text.endswith("and 4 more")


def test_problems_of_several_arguments_are_told_together() -> None:
    @action
    def f(a: int, b: str, *rest: bool): ...

    with pytest.raises(ArgumentError, match=r"(?s)a: .* b: .* rest\[1\]: "):
        f.schema.bind(["1", 2, True, 3])


def test_input_is_echoed_in_sixty_characters_at_most() -> None:
    for argument in ("y" * 10_000, "\0" * 10_000, "\U0001f600" * 10_000, "'" * 100):
        got = refused("int", argument).partition("got ")[2].removesuffix(".")
        assert len(got) <= 60


def test_long_keys_and_deep_paths_are_cut() -> None:
    assert len(refused("dict[str, int]", {"k" * 100_000: "1"})) < 200
    deep: object = {"name": 3}
    for _ in range(50):
        deep = {"name": "n", "children": [deep]}
    assert len(refused("Tree", deep)) < 400


def test_hostile_keys_are_not_taken_for_paths() -> None:
    assert refused("dict[str, int]", {"].x\n": "1"}).startswith(r" x['].x\n']: ")


# --- how many ----------------------------------------------------------------------------------------------------


@action
async def mixed(a: int, /, b: str = "b", *, c: int = 3) -> None:
    """Take some."""


@pytest.mark.parametrize(
    ("arguments", "bound"),
    [
        ([1], [1, "b"]),
        ([1, "x"], [1, "x"]),
        ([1, UNDEFINED], [1, "b"]),
        ([1, UNDEFINED, UNDEFINED], [1, "b"]),
        ((1,), [1, "b"]),
    ],
)
def test_undefined_and_missing_mean_the_default(arguments: list[object], bound: list[object]) -> None:
    assert mixed.schema.bind(arguments) == (bound, {})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([1, "x", 3], "Action 'mixed' takes at most 2 arguments (a, b=…), got 3."),
        ([1, "x", 3, UNDEFINED], "got 4"),
        ([], "Action 'mixed' needs the argument 'a', which was not given. It takes (a, b=…)."),
        ([UNDEFINED, "x"], "needs the argument 'a'"),
        ([1, None], "b: expected text, got null."),
    ],
)
def test_too_many_and_too_few_are_refused(arguments: list[object], says: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        mixed.schema.bind(arguments)
    assert says in str(caught.value)


def test_an_action_without_parameters_says_so() -> None:
    @action
    def ping(): ...

    assert ping.schema.bind([]) == ([], {})
    with pytest.raises(ArgumentError, match="takes no arguments, got 1"):
        ping.schema.bind([{"type": "click"}])


def test_keyword_only_parameters_are_never_filled() -> None:
    assert mixed.schema.bind([1, "b"])[1] == {}


def test_any_number_of_arguments_can_be_taken() -> None:
    @action
    def f(a: str, *rest: int): ...

    assert f.schema.bind(["a"]) == (["a"], {})
    assert f.schema.bind(["a", 1, 2.0]) == (["a", 1, 2], {})
    with pytest.raises(ArgumentError, match=r"rest\[1\]: expected a whole number, got 'x'"):
        f.schema.bind(["a", 1, "x"])


def test_the_default_is_the_object_itself_as_in_python() -> None:
    default: list[int] = []
    assert bind("list[int]", default=default) is default
    assert bind("int", default=None) is None


# --- what is injected --------------------------------------------------------------------------------------------


def test_a_request_is_never_filled_by_a_call() -> None:
    @action
    async def f(request: Request, question: str, count: int = 1): ...

    assert f.schema.bind(["why"]) == ([], {"question": "why", "count": 1})
    assert {name: each.kind for name, each in f.schema.injected.items()} == {"request": "request"}
    with pytest.raises(ArgumentError, match=r"at most 2 arguments \(question, count=…\)"):
        f.schema.bind([{"url": "x"}, "why", 1])


@pytest.mark.parametrize(
    "annotation", ["Request", "Request | None", "Optional[Request]", "Annotated[Request, 1]"]
)
def test_a_request_is_known_however_it_is_written(annotation: str) -> None:
    async def f(question: str, *, request): ...

    f.__annotations__ = {"question": "str", "request": annotation}
    made = action(f)
    assert made.schema.bind(["why"]) == (["why"], {})
    assert list(made.schema.injected) == ["request"]


def test_a_request_imported_for_type_checking_only_is_known_by_its_name() -> None:
    namespace: dict[str, Any] = {}
    source = "from __future__ import annotations\nasync def f(q: str, r: Request, s: web.Request | None = None): ..."
    exec(compile(source, "f.py", "exec", dont_inherit=True), namespace)
    made = action(namespace["f"])
    assert made.schema.bind(["why"]) == (["why"], {})
    assert list(made.schema.injected) == ["r", "s"]


# --- letters to the developer ------------------------------------------------------------------------------------


def _extra(**options: int): ...


def _named(*, key): ...


def _positional_request(request: Request, /): ...


def _rest_after_request(request: Request, *rest: int): ...


@pytest.mark.parametrize(
    ("fn", "says"),
    [
        (_extra, r"'\*\*options' of action '_extra'.*TypedDict"),
        (_named, "'key'.*Give it a default"),
        (_positional_request, "'request'.*without `/`"),
        (_rest_after_request, r"'request'.*after `\*args`"),
    ],
)
def test_parameters_that_nobody_could_fill_get_a_letter(fn: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        action(fn).schema.check()


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        ("Nowhere", "'x' of action 'f' is annotated with 'Nowhere'.*TYPE_CHECKING"),
        ("list[Nowhere]", "'Nowhere'"),
        ("list[", "cannot be evaluated"),
        ("1 / 0", "cannot be evaluated"),
        ("Service", "cannot be checked"),
        ("list[Service]", "cannot be checked"),
        ("Unfindable", "annotated with 'Lost'"),
        ("Holder", "annotated with 'Lost'"),
    ],
)
def test_annotations_that_cannot_be_checked_get_a_letter(annotation: str, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        bind(annotation, "x")


class Service:
    """No data."""


class Unfindable(TypedDict):
    lost: Lost  # noqa: F821 - on purpose


@dataclasses.dataclass
class Holder:
    lost: Lost  # noqa: F821 - on purpose


def test_names_are_checked_without_pydantic() -> None:
    code = (
        "import sys\nfrom flightwire.actions.registry import action, ActionRegistry\n"
        "@action\ndef f(x: 'list[int]', *rest: 'str'): ...\n"
        "ActionRegistry.of([f]); f.schema.check_names(); assert 'pydantic' not in sys.modules\n"
        "f.schema.bind([[1]]); assert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# --- where names are found ---------------------------------------------------------------------------------------


def test_types_of_the_function_around_are_found() -> None:
    class Local(TypedDict):
        n: int
        more: NotRequired[Local]

    @action
    def bare(x: Local): ...

    @action(name="given")
    def called(x: list[Local | None]): ...

    assert bare.schema.bind([{"n": 1, "more": {"n": 2}}])[0] == [{"n": 1, "more": {"n": 2}}]
    with pytest.raises(ArgumentError, match=r"x\[0\].n: expected a whole number"):
        called.schema.bind([[{"n": "1"}]])


def test_annotations_that_are_objects_work_as_well_as_text() -> None:
    namespace: dict[str, Any] = {"Message": Message, "Optional": Optional}
    source = "def f(a: list[Message], b: Optional['Message'] = None, c: 'str' = ''): ..."
    exec(compile(source, "f.py", "exec", dont_inherit=True), namespace)
    assert action(namespace["f"]).schema.bind([[USER], USER]) == ([[USER], USER, ""], {})


def test_a_decorated_function_is_known_by_what_it_wraps() -> None:
    import functools

    def guarded(fn):
        @functools.wraps(fn)
        def run(*args, **kwargs):
            return fn(*args, **kwargs)

        return run

    @action
    @guarded
    def f(x: int, y: str = "y"): ...

    assert f.schema.bind([1.0]) == ([1, "y"], {})


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before, a TypedDict does not know its bases")
def test_type_arguments_are_inherited_over_several_classes() -> None:
    assert "x.item: expected a whole number" in refused(
        "LabelledIntBox", {"item": "1", "size": 1, "label": ""}
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are 3.12's")
def test_type_parameters_and_type_statements_are_understood() -> None:
    namespace: dict[str, Any] = {"Message": Message}
    source = (
        "type Many[T] = list[T]\ntype Tree = dict[str, Tree] | int\n"
        "def f[T](a: Many[Message], b: T, c: Tree = 1): ...\n"
    )
    exec(compile(source, "f.py", "exec", dont_inherit=True), namespace)
    made = action(namespace["f"])
    extra = USER | {"id": 7}
    assert made.schema.bind([[extra], "b", {"a": {"b": 2}}])[0] == [[extra], "b", {"a": {"b": 2}}]
    with pytest.raises(ArgumentError):
        made.schema.bind([[extra], "b", {"a": {"b": "x"}}])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are 3.12's")
@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_a_dataclass_inherits_from_one_with_type_parameters(future: str) -> None:
    namespace: dict[str, Any] = {"dataclass": dataclasses.dataclass, "__name__": __name__}
    source = (
        f"{future}@dataclass\nclass Leaf[T, U]:\n    value: T\n    other: U | None = None\n"
        "@dataclass\nclass Sub[V](Leaf[int, list[V]]):\n    more: V | None = None\n"
        "def f(a: Sub[bool]): ...\n"
    )
    exec(compile(source, "f.py", "exec", dont_inherit=True), namespace)
    made = action(namespace["f"])
    given: dict[str, object] = {"value": 1, "other": [True], "more": False}
    assert made.schema.bind([given])[0] == [namespace["Sub"](1, [True], False)]
    for wrong in ({"value": "1"}, {"other": [1]}, {"more": "x"}):
        with pytest.raises(ArgumentError):
            made.schema.bind([given | wrong])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type statements are 3.12's")
def test_a_recursive_alias_may_hold_what_is_converted() -> None:
    namespace: dict[str, Any] = {"Message": Message, "Iterable": Iterable, "File": File}
    source = (
        "type Deep = Iterable[Deep] | int\n"
        "type Files[T] = dict[str, Files[T]] | File | T\n"
        "def f(a: Deep, b: Files[int]): ...\n"
    )
    exec(compile(source, "f.py", "exec", dont_inherit=True), namespace)
    made = action(namespace["f"])
    file = File("a.txt", "", b"")
    assert made.schema.bind([[1, [2]], {"a": {"b": file, "c": 1}}])[0] == [
        [1, [2]],
        {"a": {"b": file, "c": 1}},
    ]
    with pytest.raises(ArgumentError, match=r"a\[1\]\[0\]: expected a list or a whole number, got 'x'"):
        made.schema.bind([[1, ["x"]], 1])
    with pytest.raises(ArgumentError, match=r"b\['a'\]|b\.a"):
        made.schema.bind([1, {"a": "x"}])


def test_named_aliases_are_understood_on_every_python() -> None:
    alias = typing_extensions.TypeAliasType("Alias", list[Message])
    assert bind(alias, [USER | {"id": 7}]) == [USER | {"id": 7}]
    assert "x[0].role" in refused(alias, [{}])


# --- speed -------------------------------------------------------------------------------------------------------


def test_a_chat_history_is_bound_in_microseconds() -> None:
    @action
    async def chat(history: list[Message]) -> None: ...

    arguments = [[{"role": "user", "content": "Why is the sky blue? " * 10} for _ in range(10)]]
    chat.schema.bind(arguments)
    per_call_s = min(timeit.repeat(lambda: chat.schema.bind(arguments), number=200, repeat=5)) / 200
    assert per_call_s < 50e-6  # 2 µs on the machine it was written on
