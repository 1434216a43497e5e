"""Declarations under the real TypeScript compiler: what they accept and refuse, and that what arrives fits them.

One run of tsc checks everything: each case is a folder of one app.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.wire.flight.react import NEWEST, React

from flightwire.actions.declarations.project import write_tsconfig
from flightwire.actions.folder import AppFolder, load_folder
from flightwire.errors import ArgumentError
from flightwire.server.app import _find_vite
from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_npm_folder, ensure_packages, web_root
from flightwire.wire.flight.parts import FileField, TextField
from flightwire.wire.flight.reply import decode_call
from flightwire.wire.flight.writer import Writer

pytestmark = pytest.mark.node

ROOT = Path(__file__).parents[2]
COOKBOOK = ROOT / "tests" / "e2e" / "cookbook"
SEED_PAGE = (ROOT / "tests" / "e2e" / "seed" / "page.tsx").read_text()
SEED_ACTIONS = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

CLASSES = """
from __future__ import annotations
import enum, ipaddress, uuid
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, UTC
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, TypeVar, Union, Unpack

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl, IPvAnyAddress, PastDate, RootModel
from pydantic import computed_field, field_serializer

from flightwire import UNDEFINED, StreamableValue, Usage, action, create_streamable_value
from flightwire.elements import Element, Undefined
from flightwire.jsontypes import JSONValue
from flightwire.wire.flight.values import BigInt, Blob, File, FormData, JSMap, JSSet

T = TypeVar("T")
UserId = NewType("UserId", str)
Role = Literal["user", "assistant"]
Tree = Union[dict[str, "Tree"], list["Tree"], str, None]

class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Planet(enum.Enum):
    EARTH = (5.976e+24, "blue")
    MARS = (6.421e+23, "red")

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2

class Red(BaseModel):
    color: Literal[Color.RED]

class Blue(BaseModel):
    color: Literal[Color.BLUE]
    depth: int

class Link(BaseModel):
    url: HttpUrl
    file: Path
    host: IPvAnyAddress | None = None
    seen_at: AwareDatetime
    since: PastDate

class Message(TypedDict):
    role: Role
    content: str
    at: NotRequired[datetime]

class Partly(TypedDict, total=False):
    first_name: str

class Page(TypedDict, Generic[T]):
    items: list[T]
    next: str | None

class Messages(Page[Message]):
    total: int

class Point(NamedTuple):
    x: float
    y: float = 0

@dataclass
class Settings:
    dark_mode: bool = False
    shown: set[Color] = field(default_factory=set)
    parent: Settings | None = None

@dataclass
class Box(Generic[T]):
    top_item: T

class Address(BaseModel):
    street_name: str
    zip: str = Field(alias="ZIP")

class Person(BaseModel):
    model_config = ConfigDict(extra="allow")
    full_name: str
    home: Address | None = None
    born_on: date = date(2000, 1, 1)
    password: str = Field(default="", exclude=True)
    friends: list[Person] = []
    address_by_name: dict[str, Address] = {}

    @computed_field
    @property
    def initials(self) -> str:
        return self.full_name[:1]

    @field_serializer("born_on")
    def _year(self, born_on: date) -> int:
        return born_on.year

class Tags(RootModel[list[str]]):
    pass

class Wrapped(BaseModel, Generic[T]):
    inner_item: T
"""

# annotation → (the value that is returned, as Python, a value of the wrong type, as TypeScript)
RESULTS: list[tuple[str, str, str]] = [
    ("str", "'a$b'", "1"),
    ("int", "3", "'3'"),
    ("float", "1.5", "null"),
    ("bool", "True", "1"),
    ("str | None", "None", "1"),
    ("Optional[int]", "1", "'1'"),
    ("Literal['a', 1, True]", "'a'", "'b'"),
    ("list[str | int]", "['a', 1]", "[null]"),
    ("tuple[int, str]", "(1, 'a')", "[1]"),
    ("tuple[int, ...]", "(1, 2, 3)", "['a']"),
    ("tuple[int, *tuple[str, ...]]", "(1, 'a', 'b')", "[1, 2]"),
    ("Sequence[Mapping[str, int]]", "[{'a': 1}]", "[{ a: 'x' }]"),
    ("dict[str, list[int]]", "{'a': [1]}", "{ a: 1 }"),
    ("dict[Literal['a', 'b'], int]", "{'a': 1}", "{ c: 1 }"),
    ("set[int]", "{1, 2}", "[1]"),
    ("frozenset[Color]", "frozenset({Color.RED})", "new Set(['green'])"),
    ("bytes", "b'abc'", "'abc'"),
    ("datetime", "datetime(2024, 1, 2, tzinfo=UTC)", "'2024-01-02'"),
    ("date", "date(2024, 1, 2)", "new Date()"),
    ("time", "time(12, 30)", "12"),
    ("Decimal", "Decimal('1.50')", "1.5"),
    ("uuid.UUID", "uuid.UUID(int=1)", "1"),
    ("BigInt", "BigInt(2**70)", "1"),
    ("Color", "Color.BLUE", "'green'"),
    ("Level", "Level.HIGH", "3"),
    ("Planet", "Planet.MARS", "[6.421e+23, 'blue']"),
    ("Literal[Color.RED]", "Color.RED", "'blue'"),
    ("UserId", "UserId('u1')", "1"),
    ("Role", "'user'", "'system'"),
    ("Tree", "{'a': ['b', {'c': None}]}", "1"),
    ("JSONValue", "{'a': [1, None, 'x']}", "undefined"),
    ("Undefined", "UNDEFINED", "null"),
    ("int | Undefined", "UNDEFINED", "null"),
    ("Message", "{'role': 'user', 'content': 'x'}", "{ role: 'user' }"),
    ("Message", "{'role': 'user', 'content': 'x', 'at': datetime(2024, 1, 2, tzinfo=UTC)}", "{ role: 'robot', content: '' }"),
    ("Partly", "{}", "{ first_name: 1 }"),
    ("Page[Message]", "{'items': [], 'next': None}", "{ items: [1], next: null }"),
    ("Messages", "{'items': [{'role': 'user', 'content': 'x'}], 'next': 'n', 'total': 1}", "{ items: [], next: null }"),
    ("Point", "Point(1)", "[1]"),
    ("Settings", "Settings(parent=Settings(True, {Color.RED}))", "{ darkMode: true }"),
    ("Box[Box[int]]", "Box(Box(1))", "{ topItem: 1 }"),
    ("Address", "Address(street_name='s', ZIP='z')", "{ street_name: 's', ZIP: 'z' }"),
    ("Person", "Person(full_name='a', extra=1, friends=[Person(full_name='b')])", "{ fullName: 'a' }"),
    ("Person", "Person(full_name='a', address_by_name={'x': Address(street_name='s', ZIP='z')})", "{ initials: 'a' }"),
    ("Tags", "Tags(['a'])", "[1]"),
    ("Wrapped[Color]", "Wrapped[Color](inner_item=Color.RED)", "{ innerItem: 'green' }"),
    ("Usage", "Usage(input_tokens=1)", "{ inputTokens: 'a' }"),
    ("JSMap", "JSMap([(1, 'a')])", "[]"),
    ("JSSet", "JSSet([1])", "[]"),
    ("Blob", "Blob(b'abc', 'text/plain')", "'abc'"),
    ("Annotated[int, 'a number']", "1", "'1'"),
    ("tuple[Unpack[tuple[int, str]], bool]", "(1, 'a', True)", "[1, true]"),
    ("Path", "Path('a/b')", "1"),
    ("ipaddress.IPv4Address", "ipaddress.IPv4Address('10.0.0.1')", "1"),
    ("HttpUrl", "HttpUrl('https://example.com/a?b')", "1"),
    ("AwareDatetime", "datetime(2024, 1, 2, tzinfo=UTC)", "'2024-01-02'"),
    ("Link",
     "Link(url='https://example.com', file=Path('a'), host='::1', seen_at=datetime(2024, 1, 2, tzinfo=UTC), since='2024-01-02')",
     "{ url: 'https://example.com', file: 'a', host: null, seenAt: '2024-01-02', since: '2024-01-02' }"),
]  # fmt: skip

# annotation → (arguments that fit, arguments that do not), as TypeScript. The server must think the same.
ARGUMENTS: list[tuple[str, list[str], list[str]]] = [
    ("str", ["'a'"], ["1", "null", ""]),
    ("int | None", ["1", "null"], ["'1'"]),
    ("int = 3", ["1", "undefined", ""], ["'1'", "null"]),
    ("Optional[str] = None", ["'a'", "null", ""], ["1"]),
    ("list[Message]", ["[]", "[{ role: 'user', content: '' }]", "[{ role: 'user', content: '', at: new Date(0) }]"],
     ["[{ role: 'robot', content: '' }]", "[{ role: 'user' }]", "'a'"]),
    ("Partly", ["{}", "{ first_name: 'a' }"], ["{ first_name: 1 }"]),
    ("Settings", ["{}", "{ darkMode: true, parent: { darkMode: false } }", "{ shown: new Set(['red'] as const) }"],
     ["{ darkMode: 'yes' }", "{ parent: 1 }"]),
    ("Person", ["{ fullName: 'a', bornOn: '2024-01-02', home: { streetName: 's', ZIP: 'z' } }", "{ fullName: 'a', more: 1 }"],
     ["{}", "{ fullName: 'a', home: { streetName: 's' } }"]),
    ("Tags", ["['a']"], ["[1]"]),
    ("Wrapped[int]", ["{ innerItem: 1 }"], ["{ innerItem: 'a' }"]),
    ("Box[Color]", ["{ topItem: 'red' }"], ["{ topItem: 'green' }", "{}"]),
    ("Page[int]", ["{ items: [1], next: null }"], ["{ items: ['a'], next: null }"]),
    ("Point", ["[1]", "[1, 2]"], ["[]", "['a', 'b']"]),
    ("Color", ["'red'"], ["'green'"]),
    ("Level", ["2"], ["3", "'2'"]),
    ("Role", ["'user'"], ["'system'"]),
    ("UserId", ["'u1'"], ["1"]),
    ("datetime", ["new Date(0)"], ["'2024-01-01'"]),
    ("date", ["'2024-01-01'"], ["{}"]),
    ("Decimal", ["'1.5'", "1.5"], ["null"]),
    ("uuid.UUID", ["'00000000-0000-0000-0000-000000000001'"], ["1"]),
    ("bytes", ["new Uint8Array(2)", "new ArrayBuffer(2)"], ["'ab'"]),
    ("File", ["new File(['a'], 'a.txt')", "new Blob(['a'])"], ["'a'"]),
    ("FormData", ["new FormData()"], ["{}"]),
    ("set[int]", ["new Set([1])"], ["new Set(['a'])"]),
    ("tuple[int, str]", ["[1, 'a']"], ["[1]", "['a', 1]"]),
    ("dict[str, int]", ["{ a: 1 }"], ["{ a: 'x' }"]),
    ("dict[int, str]", ["{ 1: 'a' }"], ["{ a: 1 }"]),
    ("Literal['a', 2]", ["'a'", "2"], ["'b'", "3"]),
    ("Literal[Color.RED]", ["'red'"], ["'blue'", "1"]),
    ("Literal[Level.LOW, 'a']", ["1", "'a'"], ["2", "'1'"]),
    ("dict[Color, int]", ["{ red: 1 }", "{}"], ["{ green: 1 }", "{ red: 'a' }"]),
    ("Annotated[Red | Blue, Field(discriminator='color')]", ["{ color: 'red' }", "{ color: 'blue', depth: 1 }"],
     ["{ color: 'green' }", "{ color: 'blue' }"]),
    ("Iterable[int]", ["[1]", "[]"], ["['a']", "1"]),
    ("Iterable[Message]", ["[{ role: 'user', content: '' }]"], ["[{ role: 'robot', content: '' }]"]),
    ("tuple[int, *tuple[str, ...]]", ["[1]", "[1, 'a', 'b']"], ["[]", "[1, 2]", "[1, 'a', 2]"]),
    ("tuple[*tuple[int, str], bool]", ["[1, 'a', true]"], ["[1, true]", "[1, 'a', 'b']"]),
    ("tuple[*tuple[Message, ...], int]", ["[1]", "[{ role: 'user', content: '' }, 1]"], ["[]", "[{ role: 'robot' }, 1]"]),
    ("Planet", ["[5.976e24, 'blue']"], ["[5.976e24, 'red']", "'MARS'", "[]"]),
    ("Path", ["'a/b'"], ["1"]),
    ("HttpUrl", ["'https://example.com'"], ["1"]),
    ("AwareDatetime", ["new Date(0)"], ["1"]),
    ("Link", ["{ url: 'https://example.com', file: 'a', seenAt: new Date(0), since: '2024-01-02' }"],
     ["{ url: 'https://example.com', file: 'a', seenAt: new Date(0) }", "{ url: 1 }"]),
    ("AsyncIterator[Any]", ["(async function* () { yield 1; })()"], ["[1]"]),
    ("Any", ["1", "null"], []),
]  # fmt: skip

# Pages beside one actions.py each: (Python, TypeScript).
PAGES: dict[str, tuple[str, str]] = {
    "seed": (SEED_ACTIONS[1] if SEED_ACTIONS else "", SEED_PAGE),
    "seed_wrong": (
        SEED_ACTIONS[1] if SEED_ACTIONS else "",
        """
        import { Message, Reply, continueConversation } from './actions';
        import { readStreamableValue } from '@ai-sdk/rsc';
        // @ts-expect-error no text where messages are asked for
        void continueConversation('hello');
        // @ts-expect-error no such role
        void continueConversation([{ role: 'robot', content: '' }]);
        // @ts-expect-error no content
        const message: Message = { role: 'user' };
        // @ts-expect-error not exported
        import { Nothing } from './actions';
        export async function read(reply: Reply) {
          for await (const delta of readStreamableValue(reply.newMessage)) {
            const text: string | undefined = delta;
            // @ts-expect-error the values are text
            const number: number = delta;
          }
        }
        """,
    ),
    "forms": (
        """
        from flightwire import action
        from flightwire.wire.flight.values import FormData

        @action
        async def save(form: FormData) -> None: ...
        @action
        async def count(previous: int, form: FormData) -> int: ...
        """,
        """
        import { useActionState } from 'react';
        import { count, save } from '@/forms/actions';
        export default function Page() {
          const [state, submit] = useActionState(count, 0);
          const shown: number = state;
          return <form action={save}><button formAction={submit}>{shown}</button></form>;
        }
        """,
    ),
    "streams": (
        """
        from collections.abc import AsyncIterator, Awaitable
        from typing import Generic, TypeVar
        from flightwire import Action, Element, StreamableValue, action
        T = TypeVar("T")
        U = TypeVar("U", bound=str)

        @action
        async def numbers(*, request_id: int = 0) -> AsyncIterator[int]:
            yield 1
        @action
        async def later() -> dict[str, Awaitable[int]]: ...
        @action
        async def anything() -> StreamableValue: ...
        @action
        async def node() -> Element: ...
        @action
        async def echo(given: T, *more: U) -> list[T | U]: ...
        @action
        def ask() -> Action[[str], Awaitable[int]]: ...
        @action
        def untyped(given): ...
        """,
        """
        import { anything, ask, echo, later, node, numbers, untyped } from './actions';
        export default async function main() {
          for await (const each of await numbers()) { const it: number = each; }
          const inner: number = await (await later()).a;
          const made: number = await (await ask())('x');
          const same: (boolean | string)[] = await echo(true, 'a');
          // @ts-expect-error numbers are no texts
          void echo(true, 1);
          // @ts-expect-error takes no argument
          void numbers(1);
          const word: string = await untyped(1);
          return <p>{await node()}{String(await anything())}</p>;
        }
        """,
    ),
    "names": (
        """
        from dataclasses import dataclass
        from datetime import datetime
        from typing import TypedDict
        from flightwire import StreamableValue as Values, action
        from .models import Message as Other, Settings

        class Date(TypedDict):
            at: datetime
            tags: set[str]
            texts: Values[str]
        class Set(TypedDict):
            when: Date
        class StreamableValue(TypedDict):
            x: int
        class Message(TypedDict):
            mine: Other
        @dataclass
        class _Hidden:
            name: str = ""
        Again = Message

        @action
        async def get(new: Message, class_: Set, class_2: Settings) -> tuple[StreamableValue, _Hidden, Settings]: ...
        """,
        """
        import { Again, Date as OurDate, Message, Other, Set as OurSet, Settings, SettingsInput, get } from './actions';
        const other: Other = { text: '' };
        const message: Message & Again = { mine: other };
        export async function main(date: OurDate) {
          const at: Date = date.at;
          const tags: Set<string> = date.tags;
          const set: OurSet = { when: date };
          const [value, hidden, settings] = await get(message, set, {} satisfies SettingsInput);
          const x: number = value.x, name: string = hidden.name, size: number = settings.size;
          const again: Settings = settings;
          // @ts-expect-error a result has every field
          const empty: Settings = {};
          // @ts-expect-error what is private in Python is private here
          type H = import('./actions')._Hidden;
        }
        """,
    ),
    "words": (
        """
        import enum
        from dataclasses import dataclass
        from datetime import datetime
        from typing import Generic, Literal, Optional, TypedDict, TypeVar, Union
        from pydantic import BaseModel
        from flightwire import action
        from .models import Message as Node

        T = TypeVar("T")
        Odd = TypedDict("Odd", {"a-b": int, "1": str, "class": bool, "__proto__": int, "it's": Literal["*/", "</script>"]})
        Json = Union[dict[str, "Json"], list["Json"], str, int, None]

        @dataclass
        class Promise:
            \"\"\"Kept */ or /* not.\"\"\"
            day: datetime
        class Array(BaseModel):
            items: list[int]
            parent: "Array | None" = None
        class Map(TypedDict):
            a: dict[str, int]
        class Record(TypedDict, Generic[T]):
            a: T | None
        class delete(TypedDict):
            default: int
            function: str
        class Tone(enum.StrEnum):
            class_ = enum.auto()
            LOUD = "lo*/ud"

        @action
        async def greet(name: str, /, default: int = 1, *arguments: float, in_upper: bool = False) -> str:
            \"\"\"Say */ alert(1) /* hello.

            Args:
                name: who */ it is
            \"\"\"
        @action
        async def mix(new: Promise, eval: Array, delete: Map, void: Record[Node], it: delete) -> list[Record[Array]]: ...
        @action
        async def pick(tone: Tone, odd: Odd, json: Json = None, maybe: Optional[Union[Array, Map]] = None) -> Odd: ...
        """,
        """
        import { Array as List, Json, Map as Dict, Odd, Promise as Given, delete_, greet, mix, pick } from './actions';
        export async function main(given: Given, list: List, map: Dict, it: delete_, odd: Odd, json: Json) {
          const day: Date = given.day, parent: List | null = list.parent;
          const said: string = await greet('a', 2, 3, 4);
          // @ts-expect-error what comes after the default are numbers
          void greet('a', 2, said);
          const records: { a: List | null }[] = await mix(given, { items: [] }, map, { a: { text: '' } }, it);
          // @ts-expect-error a node has a text
          void mix(given, list, map, { a: {} }, it);
          const text: '*/' | '</script>' = (await pick('class_', odd, { a: [1, { b: json }] }, map))["it's"];
          const proto: number = odd.__proto__;
          // @ts-expect-error no such tone
          void pick('class', odd);
          // @ts-expect-error no JSON
          void pick('lo*/ud', odd, [day]);
          return [records, parent, text, proto];
        }
        """,
    ),
    "ai": (
        """
        from typing import Literal, TypedDict
        from flightwire import Node, action

        class ServerMessage(TypedDict):
            role: Literal["user", "assistant"]
            content: str
        class ClientMessage(TypedDict):
            id: str
            display: Node

        @action
        async def continue_conversation(input: str) -> ClientMessage: ...
        """,
        """
        import { useActions, useAIState, useUIState } from '@ai-sdk/rsc';
        import { AI } from './ai';
        export default function Page() {
          const [conversation, setConversation] = useUIState<typeof AI>();
          const [messages] = useAIState<typeof AI>();
          const { continueConversation } = useActions<typeof AI>();
          const role: 'user' | 'assistant' | undefined = messages[0]?.role;
          // @ts-expect-error no such field
          void messages[0].name;
          // @ts-expect-error no such action
          void useActions<typeof AI>().forget;
          // @ts-expect-error text is asked for
          void continueConversation(1);
          const send = async () => setConversation([...conversation, await continueConversation(role ?? '')]);
          // @ts-expect-error a message has an id
          const wrong = () => setConversation([{ display: 'x' }]);
          return <p onClick={send}>{conversation.map(each => each.display)}{String(wrong)}</p>;
        }
        """,
    ),
}  # fmt: skip
AI = """
from flightwire import create_ai
from .actions import ClientMessage, ServerMessage, continue_conversation

async def save(state: list[ServerMessage], *, key: str | None, done: bool) -> None: ...
async def restore() -> list[ClientMessage]: ...

AI = create_ai(actions=[continue_conversation], initial_ai_state=[], on_set_ai_state=save, on_get_ui_state=restore)
"""
MODELS = """
from dataclasses import dataclass
from typing import TypedDict
class Message(TypedDict):
    text: str
@dataclass
class Settings:
    size: int = 1
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> AppFolder:
    folder = tmp_path_factory.mktemp("declared") / "app"
    results = [
        f"@action\nasync def result_{n}() -> {annotation}:\n    return {value}\n"
        for n, (annotation, value, _) in enumerate(RESULTS)
    ]
    arguments = [
        f"@action\ndef takes_{n}(it: {annotation}) -> None: ...\n"
        for n, (annotation, *_) in enumerate(ARGUMENTS)
    ]
    _put(folder / "results" / "actions.py", CLASSES + "\n".join(results))
    _put(folder / "arguments" / "actions.py", CLASSES + "\n".join(arguments))
    for name in ("names", "words"):
        _put(folder / name / "models.py", MODELS)
    shutil.copytree(
        COOKBOOK, folder / "cookbook", ignore=shutil.ignore_patterns("__pycache__", ".flightwire")
    )
    _put(folder / "ai" / "ai.py", AI)
    _put(folder / "ai" / "layout.py", "from .ai import AI\n\nasync def layout(children): ...")
    for name, (python, page) in PAGES.items():
        _put(folder / name / "actions.py", python)
        _put(folder / name / "page.tsx", page)
    return load_folder(folder)


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(inspect.cleandoc(text) + "\n")


@pytest.fixture(scope="module")
def react() -> Iterator[React]:
    react = React(find_or_install_node(), ensure_npm_folder(ROOT / "tests" / "react") / NEWEST, "production")
    yield react
    react.close()


@pytest.fixture(scope="module")
def complaints(app: AppFolder, react: React) -> dict[str, list[str]]:
    """What tsc says, by the file it says it about."""
    _put(app.folder / "results" / "page.ts", _results_page(app, react))
    _put(app.folder / "arguments" / "page.ts", _arguments_page())
    app.write_state(app.folder / ".flightwire")
    packages = ensure_packages()
    write_tsconfig(app.folder, packages, web_root() / "client")
    said: dict[str, list[str]] = {}
    # Else nothing would be said about the declarations themselves.
    lines = _tsc(app.folder, packages, "--skipLibCheck", "false").splitlines()
    for line in (each for each in lines if not re.match(r".*node_modules|\s", each)):
        said.setdefault(line.partition("(")[0], []).append(line)
    return said


def _tsc(folder: Path, packages: Path, *options: str) -> str:
    tsc = packages / "node_modules" / "typescript" / "bin" / "tsc"
    command = [
        str(find_or_install_node()),
        str(tsc),
        "-p",
        ".flightwire/tsconfig.json",
        "--pretty",
        "false",
        *options,
    ]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    ).stdout


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(file.parent.name for file in COOKBOOK.glob("*/page.tsx")))
def test_the_pages_of_the_cookbook_compile(name: str, complaints: dict[str, list[str]]) -> None:
    assert complaints.get(f"cookbook/{name}/page.tsx", []) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_compiles_where_it_is_right_and_nowhere_else(
    name: str, complaints: dict[str, list[str]]
) -> None:
    assert complaints.get(f"{name}/page.tsx", []) == []


def test_no_declaration_is_at_fault(complaints: dict[str, list[str]]) -> None:
    assert [file for file in complaints if not file.endswith(("page.ts", "page.tsx"))] == []


def test_a_folder_with_just_a_page_and_actions_passes(tmp_path: Path) -> None:
    _put(tmp_path / "page.tsx", SEED_PAGE)
    _put(tmp_path / "actions.py", PAGES["seed"][0])
    load_folder(tmp_path).write_state(tmp_path / ".flightwire")
    packages = ensure_packages()
    write_tsconfig(tmp_path, packages)
    assert _tsc(tmp_path, packages) == ""
    _put(tmp_path / "actions.py", PAGES["seed"][0].replace('"assistant"', '"model"'))
    load_folder(tmp_path).write_state(tmp_path / ".flightwire")
    assert "page.tsx" in _tsc(tmp_path, packages)


def test_development_tells_editors_where_the_packages_are(tmp_path: Path) -> None:
    _put(tmp_path / "page.tsx", SEED_PAGE)
    _find_vite(tmp_path, "127.0.0.1")
    project = json.loads((tmp_path / ".flightwire" / "tsconfig.json").read_text())
    assert all(Path(place).is_dir() for place in project["compilerOptions"]["paths"]["@ai-sdk/rsc"])


def test_packages_of_the_app_come_before_ours(tmp_path: Path) -> None:
    (tmp_path / "node_modules" / "zod").mkdir(parents=True)
    write_tsconfig(tmp_path, ensure_packages())
    paths = json.loads((tmp_path / ".flightwire" / "tsconfig.json").read_text())["compilerOptions"]["paths"]
    assert "zod" not in paths
    assert {"react", "react/*", "@ai-sdk/rsc", "ai"} < paths.keys()


# --- results ---------------------------------------------------------------------------------------------------------


def _results_page(app: AppFolder, react: React) -> str:
    lines = ["import * as actions from './actions';"]
    for index, (_, _, wrong) in enumerate(RESULTS):
        action = app.registry.get(f"results/actions#result{index}")
        assert action is not None
        rows = Writer().start(asyncio.run(action()))
        received = _source(react.decode(rows))
        kind = f"Awaited<ReturnType<typeof actions.result{index}>>"
        lines.append(f"export const right{index}: {kind} = {received};")
        lines.append(f"// @ts-expect-error {index}")
        lines.append(f"export const wrong{index}: {kind} = {wrong};")
    return "\n".join(lines)


def _source(canon: Any) -> str:
    """The TypeScript for a value in the notation of `spec/tools/canon.cjs`."""
    if isinstance(canon, list):
        return f"[{', '.join(map(_source, canon))}]"
    if not isinstance(canon, dict):
        return json.dumps(canon)
    if len(canon) != 1 or not next(iter(canon)).startswith("$"):
        return f"{{ {', '.join(f'{json.dumps(key)}: {_source(each)}' for key, each in canon.items())} }}"
    ((kind, content),) = canon.items()
    sources = {
        "$undefined": lambda: "undefined",
        "$bigint": lambda: f"{content}n",
        "$date": lambda: f"new Date({json.dumps(content)})",
        "$map": lambda: f"new Map({_source(content)})",
        "$set": lambda: f"new Set({_source(content)})",
        "$bytes": lambda: f"new {content['type']}({len(b64decode(content['base64']))})",
        "$blob": lambda: f"new Blob([], {{ type: {json.dumps(content['type'])} }})",
        "$number": lambda: content,
    }
    return sources[kind]()


@pytest.mark.parametrize(
    "index", range(len(RESULTS)), ids=[f"{n}-{case[0]}" for n, case in enumerate(RESULTS)]
)
def test_what_arrives_fits_its_declaration(
    index: int, complaints: dict[str, list[str]], app: AppFolder
) -> None:
    lines = (app.folder / "results" / "page.ts").read_text().splitlines()
    said = complaints.get("results/page.ts", [])
    own = {
        number for number, line in enumerate(lines, 1) if re.search(rf"(right|error |wrong){index}\b", line)
    }
    assert [each for each in said if int(re.findall(r"\((\d+),", each)[0]) in own] == []


# --- arguments -------------------------------------------------------------------------------------------------------


def _arguments_page() -> str:
    lines = ["import * as actions from './actions';"]
    for index, (_, right, wrong) in enumerate(ARGUMENTS):
        lines += [f"void actions.takes{index}({each});" for each in right]
        for each in wrong:
            lines += [f"// @ts-expect-error takes{index}(", f"void actions.takes{index}({each});"]
    return "\n".join(lines)


@pytest.mark.parametrize("index", range(len(ARGUMENTS)), ids=[case[0] for case in ARGUMENTS])
def test_the_compiler_and_the_server_agree_on_an_argument(
    index: int, complaints: dict[str, list[str]], app: AppFolder, react: React
) -> None:
    lines = (app.folder / "arguments" / "page.ts").read_text().splitlines()
    own = {number for number, line in enumerate(lines, 1) if f"takes{index}(" in line}
    said = complaints.get("arguments/page.ts", [])
    assert [each for each in said if int(re.findall(r"\((\d+),", each)[0]) in own] == []
    _, right, wrong = ARGUMENTS[index]
    for source in right:
        _bind(app, index, react, source)
    for source in wrong:
        with pytest.raises(ArgumentError):
            _bind(app, index, react, source)


def _bind(app: AppFolder, index: int, react: React, source: str) -> None:
    action = app.registry.get(f"arguments/actions#takes{index}")
    assert action is not None
    sent = react.encode(f"[{source.replace(' as const', '')}]")
    assert "error" not in sent
    action.schema.bind(
        decode_call(sent["body"] if "body" in sent else [_part(each) for each in sent["parts"]])
    )


def _part(part: dict[str, Any]) -> TextField | FileField:
    if "text" in part:
        return TextField(part["name"], part["text"])
    return FileField(part["name"], part["filename"], part["type"], b64decode(part["base64"]))
