"""TypeScript declarations: how they are spelled, what is remarked on, how they are written."""

from __future__ import annotations

import json
import logging
import textwrap
import time
from pathlib import Path

import pytest

from flightwire.actions import folder as folders
from flightwire.actions.folder import AppFolder, load_folder

OPENING = """
from __future__ import annotations
import enum
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Optional, TypedDict, TypeVar
from pydantic import BaseModel, Field, NaiveDatetime
from flightwire import StreamableValue, StreamableValueSource, Usage, action
T = TypeVar("T")
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


def loaded(app: Path, source: str, name: str = "actions.py") -> AppFolder:
    (app / name).write_text(OPENING + textwrap.dedent(source) + "\n")
    return load_folder(app)


def text(app: Path, source: str) -> str:
    declarations = loaded(app, source).declarations
    assert declarations is not None
    return declarations.files["actions.d.ts"]


def remarks(app: Path, source: str) -> list[str]:
    declarations = loaded(app, source).declarations
    assert declarations is not None
    return [f"{each.action}: {each.text}" for each in declarations.remarks.get("actions.py", ())]


def signature(app: Path, source: str) -> str:
    """The first function."""
    return next(line for line in text(app, source).splitlines() if line.startswith("export function"))


# --- spelling ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("Element | None", "ReactNode"),
        ("Element | str | None", "ReactNode"),
        ("Element", "ReactNode"),
        ("Node", "ReactNode"),
        ("Node | list[datetime]", "ReactNode | Date[]"),
    ],
)
def test_what_pages_show_is_a_react_node(app: Path, annotation: str, expected: str) -> None:
    source = f"from flightwire import Element, Node\n@action\nasync def show() -> {annotation}: ..."
    assert signature(app, source) == f"export function show(): Promise<{expected}>;"


def test_a_typed_dict_is_an_interface_as_one_would_write_it(app: Path) -> None:
    declared = text(
        app,
        """
        class Message(TypedDict):
            role: Literal["user", "assistant"]
            content: str
            at: NotRequired[datetime]
        @action
        async def ask(history: list[Message]) -> Message: ...
        """,
    )
    assert (
        "export interface Message {\n  role: 'user' | 'assistant';\n  content: string;\n  at?: Date;\n}\n"
        in declared
    )
    assert "export function ask(history: Message[]): Promise<Message>;\n" in declared


def test_what_is_read_only_in_a_typed_dict_is_readonly(app: Path) -> None:
    declared = text(
        app,
        """
        from typing_extensions import ReadOnly, Required
        class Row(TypedDict, Generic[T], total=False):
            id: ReadOnly[Required[int]]
            item: ReadOnly[T]
            name: str
        class Rows(Row[str]):
            more: ReadOnly[list[Row[int]]]
        @action
        async def go(row: Rows) -> Row[int]: ...
        """,
    )
    fields = "  readonly id: number;\n  readonly item?: {};\n  name?: string;\n"
    assert "export interface Row<T> {\n" + fields.format("T") + "}\n" in declared
    own = "  readonly more: Row<number>[];\n"
    assert "export interface Rows {\n" + fields.format("string") + own + "}\n" in declared


def test_a_streamable_value_is_imported_as_a_type(app: Path) -> None:
    declared = text(app, "@action\nasync def go() -> StreamableValue[str]: ...")
    assert "import type { StreamableValue } from '@ai-sdk/rsc';" in declared
    assert "Promise<StreamableValue<string>>" in declared


@pytest.mark.parametrize(
    ("python", "typescript"),
    [
        ("(first_name: str, age: int = 3)", "(firstName: string, age?: number): Promise<any>"),
        ("(a: int, *rest: str)", "(a: number, ...rest: string[]): Promise<any>"),
        ("(a: str | None = None)", "(a?: string | null): Promise<any>"),
        ("(new: int, class_: int, *, tone: str = '')", "(new_: number, class_: number): Promise<any>"),
        ("() -> None", "(): Promise<void>"),
        ("() -> None | str", "(): Promise<string | null>"),
        ("() -> bytes", "(): Promise<Uint8Array<ArrayBuffer>>"),
        ("() -> list[str | None]", "(): Promise<(string | null)[]>"),
        ("() -> AsyncIterator[int]", "(): Promise<AsyncIterableIterator<number>>"),
        ("() -> Literal[\"it's\", 'a\\n', True, False]", "(): Promise<'it\\'s' | 'a\\n' | boolean>"),
        ("(it: T) -> list[T]", "<T>(it: T): Promise<T[]>"),
        ("() -> StreamableValueSource[int]", "(): Promise<StreamableValue<number>>"),
        ("() -> dict[str, Any]", "(): Promise<Record<string, any>>"),
        ("() -> tuple[int, str]", "(): Promise<[number, string]>"),
    ],
)
def test_a_signature_is_spelled(python: str, typescript: str, app: Path) -> None:
    head, arrow, result = python.partition(" -> ")
    written = signature(app, f"@action\ndef go{head}{arrow}{result}: ...")
    assert written == f"export function go{typescript};"


def test_what_the_server_fills_is_no_argument(app: Path) -> None:
    declared = signature(
        app,
        "from starlette.requests import Request\n@action\ndef go(request: Request, a: int) -> None: ...",
    )
    assert declared == "export function go(a: number): Promise<void>;"


def test_a_long_signature_has_a_line_per_parameter(app: Path) -> None:
    declared = text(app, f"@action\ndef go({', '.join(f'argument{n}: str' for n in range(9))}) -> None: ...")
    assert "export function go(\n  argument0: string,\n" in declared
    assert "\n): Promise<void>;\n" in declared


def test_docstrings_become_jsdoc(app: Path) -> None:
    declared = text(
        app,
        '''
        class Message(BaseModel):
            """One message."""
            text: str = Field(description="What was said.")
            tone: Annotated[str, "How it was said."]
        @action
        def go(user_name: str) -> Message:
            """Answer */ somebody.

            Args:
                user_name: who asks
                    and waits

            Returns:
                a message

            Raises:
                ValueError: never
            """
        ''',
    )
    assert (
        "/** One message. */\nexport interface Message {\n  /** What was said. */\n  text: string;\n"
        in declared
    )
    assert " * Answer *\\/ somebody.\n" in declared
    assert " * @param userName - who asks\n * and waits\n" in declared
    assert " * @returns a message\n * @throws ValueError: never\n */\nexport function go(" in declared


@pytest.mark.parametrize(
    "section",
    [
        "Attributes:\n    user_name: who asks\n        and waits\n    at (datetime): when",
        "Attributes\n----------\nuser_name : str\n    who asks\n    and waits\nat\n    when",
    ],
    ids=["google", "numpy"],
)
def test_what_a_docstring_says_of_attributes_is_said_of_fields(app: Path, section: str) -> None:
    doc = textwrap.indent(f"A question.\n\n{section}\n", "    ")
    declared = text(
        app,
        f"""
@dataclass
class Question:
    \"""{doc.lstrip()}    \"""
    user_name: str
    at: Annotated[datetime, "when it was asked"]
@dataclass
class Answer(Question):
    text: str
@action
async def go() -> tuple[Question, Answer]: ...
        """,
    )
    fields = "  /**\n   * who asks\n   * and waits\n   */\n  userName: string;\n  /** when it was asked */\n  at: Date;\n"
    assert "/** A question. */\nexport interface Question {\n" + fields + "}\n" in declared
    assert "export interface Answer {\n" + fields + "  text: string;\n}\n" in declared


def test_a_section_on_what_is_no_field_stays_text(app: Path) -> None:
    doc = "A question.\n\n    Attributes:\n        other: not a field\n    "
    declared = text(
        app, f'@dataclass\nclass Q:\n    """{doc}"""\n    a: int\n@action\nasync def go() -> Q: ...'
    )
    assert " * Attributes:\n *     other: not a field\n */\nexport interface Q {\n  a: number;\n}" in declared


def test_a_default_makes_two_types_only_where_both_are_needed(app: Path) -> None:
    both = "@dataclass\nclass Look:\n    is_dark: bool = False\n@action\ndef go(look: Look) -> Look: ..."
    declared = text(app, both)
    assert "export interface Look {\n  isDark: boolean;\n}" in declared
    assert "export interface LookInput {\n  isDark?: boolean;\n}" in declared
    assert "go(look: LookInput): Promise<Look>" in declared
    declared = text(app, both.replace("-> Look", "-> None"))
    assert "export interface Look {\n  isDark?: boolean;\n}" in declared
    assert "LookInput" not in declared


def test_what_holds_a_type_with_two_forms_has_two_forms(app: Path) -> None:
    declared = text(
        app,
        """
        @dataclass
        class Inner:
            a: int = 1
        class Outer(TypedDict):
            inner: Inner
            outer: Outer | None
        @action
        def go(it: Outer) -> Outer: ...
        """,
    )
    assert "export interface OuterInput {\n  inner: InnerInput;\n  outer: OuterInput | null;\n}" in declared


def test_a_recursive_alias_names_itself(app: Path) -> None:
    declared = text(
        app,
        "JSON = dict[str, 'JSON'] | list['JSON'] | str | None\n@action\ndef go(it: JSON) -> JSON: ...",
    )
    assert "export type JSON = { [key: string]: JSON } | JSON[] | string | null;" in declared
    assert "go(it: JSON): Promise<JSON>" in declared


def test_a_private_recursive_alias_has_an_end(app: Path) -> None:
    declared = text(
        app, "_Tree = dict[str, '_Tree'] | list['_Tree'] | str\n@action\ndef go(it: _Tree) -> None: ..."
    )
    assert "\ntype _Tree = { [key: string]: _Tree } | _Tree[] | string;" in declared


def test_an_annotated_alias_keeps_its_name(app: Path) -> None:
    declared = text(
        app,
        """
        class Cat(BaseModel):
            kind: Literal["cat"]
        class Dog(BaseModel):
            kind: Literal["dog"]
            is_loud: bool = True
        Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
        @action
        def go(pets: list[Pet]) -> Pet: ...
        """,
    )
    assert "export type Pet = Cat | Dog;" in declared
    assert "export type PetInput = Cat | DogInput;" in declared
    assert "go(pets: PetInput[]): Promise<Pet>" in declared


def test_serializers_count_where_pydantic_runs_them(app: Path) -> None:
    declared = text(
        app,
        """
        from pydantic import PlainSerializer
        class Model(BaseModel):
            years: list[Annotated[datetime, PlainSerializer(lambda moment: moment.year, return_type=int)]]
        class Plain(TypedDict):
            year: Annotated[datetime, PlainSerializer(lambda moment: moment.year, return_type=int)]
        @action
        def go() -> tuple[Model, Plain]: ...
        """,
    )
    assert "interface Model {\n  years: number[];\n}" in declared
    assert "interface Plain {\n  year: Date;\n}" in declared


def test_an_enum_is_the_union_of_its_values(app: Path) -> None:
    declared = text(
        app,
        "class Color(enum.Enum):\n    RED = 'red'\n    NONE = None\n    ONE = 1\n@action\ndef go() -> Color: ...",
    )
    assert "export type Color = 'red' | 1 | null;" in declared


def test_a_member_that_is_a_tuple_is_that_tuple(app: Path) -> None:
    declared = text(
        app,
        "class Step(enum.Enum):\n    UP = (0, (1.5, None))\n    WHEN = (object(),)\n@action\ndef go() -> Step: ...",
    )
    assert "export type Step = [0, [1.5, null]] | any[];" in declared


def test_types_of_flightwire_that_an_action_reaches_are_exported(app: Path) -> None:
    read = loaded(app, "@action\nasync def go() -> Usage: ...")
    assert read.describe()["modules"]["actions.py"]["types"] == ["Usage"]
    assert read.declarations is not None
    assert "export interface Usage {\n  inputTokens?: number;\n" in read.declarations.files["actions.d.ts"]


def test_every_name_of_a_declaration_can_be_imported_without_type(app: Path) -> None:
    read = loaded(
        app, "@dataclass\nclass Look:\n    dark: bool = False\n@action\ndef go(look: Look) -> Look: ..."
    )
    assert read.describe()["modules"]["actions.py"]["types"] == ["Look", "LookInput"]


def test_types_no_action_reaches_are_declared_too(app: Path) -> None:
    assert "export interface Alone {\n  a: number;\n}" in text(app, "class Alone(TypedDict):\n    a: int")


def test_a_file_with_types_alone_is_declared(app: Path) -> None:
    (app / "models.py").write_text("from typing import TypedDict\nclass Item(TypedDict):\n    a: int\n")
    read = loaded(app, "from .models import Item\n@action\ndef go() -> Item: ...")
    assert read.declarations is not None
    assert "export interface Item {" in read.declarations.files["models.d.ts"]
    assert "export interface Item {" in read.declarations.files["actions.d.ts"]


def test_hostile_texts_cannot_leave_their_place(app: Path) -> None:
    declared = text(
        app,
        r"""
        Odd = TypedDict("Odd", {"it's */ \n`x`": Literal["'; evil(); '", "\ud800", "a\\"]})
        @action
        def go() -> Odd: ...
        """,
    )
    assert "  'it\\'s */ \\n`x`': '\\'; evil(); \\'' | '\\ud800' | 'a\\\\';\n" in declared


# --- remarks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "remark"),
    [
        ("def go(): ...", "go: has no return annotation, so pages see `any`. Write `-> str`, or what it returns."),
        ("def go(a) -> None: ...", "go: argument 'a' has no annotation, so a page may pass anything. Write its type."),
        ("def go() -> Nowhere: ...", "go: the result is annotated with 'Nowhere', which cannot be found."),
        ("def go() -> 1 / 0: ...", "go: the result has an annotation that cannot be evaluated (ZeroDivisionError"),
        ("def go() -> list[timedelta]: ...", "go: the result holds a timedelta, which cannot be sent to a page."),
        ("def go() -> dict[int, str]: ...", "go: the result holds a dict with int keys, and JavaScript objects have text"),
        ("def go() -> dict[tuple[int, int], str]: ...", "go: the result holds a dict with tuple keys, and JavaScript"),
        ("class W(str): ...\n@action\ndef go(a: W) -> None: ...", "go: argument 'a' takes <W>, which no page can give."),
        ("def go(a: bytearray) -> None: ...", "go: argument 'a' takes a bytearray, which no page can give."),
        ("def go(a: NaiveDatetime) -> None: ...", "go: argument 'a' takes <NaiveDatetime>, which no page can give."),
        ("def go() -> NaiveDatetime: ...", "go: the result holds <NaiveDatetime>, which cannot be sent to a page."),
        ("def go(a: Usage) -> None: ...", "go: argument 'a' takes <Usage>, which no page can give."),
        ("def go(a: StreamableValue[str]) -> None: ...", "go: argument 'a' takes a streamable value, which no page"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_remarked_on(source: str, remark: str, app: Path) -> None:
    found = remarks(app, source if source.startswith("class") else f"@action\n{source}")
    assert len(found) == 1
    assert found[0].startswith(remark)


def test_a_field_that_cannot_be_sent_names_its_class(app: Path) -> None:
    found = remarks(app, "@dataclass\nclass Job:\n    took: timedelta\n@action\ndef go() -> list[Job]: ...")
    assert found[0].startswith("Job: the field 'took' holds a timedelta, which cannot be sent")


def test_a_good_file_has_no_remarks(app: Path) -> None:
    assert remarks(app, "@action\nasync def go(a: timedelta, b: dict[int, str]) -> str: ...") == []


# --- files -------------------------------------------------------------------------------------------------------


def test_declarations_are_written_once(app: Path) -> None:
    read = loaded(app, "@action\nasync def go() -> str: ...")
    read.write_state(app / ".flightwire")
    file = app / ".flightwire" / "types" / "actions.d.ts"
    written = file.stat().st_mtime_ns
    read.write_state(app / ".flightwire")
    assert file.stat().st_mtime_ns == written
    assert read.declarations is not None
    assert file.read_text() == read.declarations.files["actions.d.ts"]


def test_a_changed_body_changes_no_declaration(app: Path) -> None:
    loaded(app, "@action\nasync def go() -> str:\n    return 'a'").write_state(app / ".flightwire")
    file = app / ".flightwire" / "types" / "actions.d.ts"
    before = file.stat().st_mtime_ns
    loaded(app, "@action\nasync def go() -> str:\n    return 'b'").write_state(app / ".flightwire")
    assert file.stat().st_mtime_ns == before
    loaded(app, "@action\nasync def go() -> int:\n    return 1").write_state(app / ".flightwire")
    assert "Promise<number>" in file.read_text()


def test_the_declaration_of_a_file_that_is_gone_goes_too(app: Path) -> None:
    loaded(app, "@action\nasync def go() -> str: ...", "more.py").write_state(app / ".flightwire")
    assert (app / ".flightwire" / "types" / "more.d.ts").is_file()
    (app / "more.py").unlink()
    loaded(app, "@action\nasync def go() -> str: ...").write_state(app / ".flightwire")
    assert [file.name for file in (app / ".flightwire" / "types").iterdir()] == ["actions.d.ts"]


def test_a_fault_in_declaring_stops_nothing(
    app: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(folders, "declare", broken)
    with caplog.at_level(logging.ERROR, "flightwire.actions"):
        loaded(app, "@action\nasync def go() -> str: ...").write_state(app / ".flightwire")
    assert "could not be made (RuntimeError: a fault of ours)" in caplog.text
    described = json.loads((app / ".flightwire" / "actions.json").read_text())
    assert described["modules"]["actions.py"]["exports"] == {"go": "actions#go"}


def test_a_types_folder_that_cannot_be_written_stops_nothing(
    app: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (app / ".flightwire").mkdir()
    (app / ".flightwire" / "types").write_text("in the way")
    with caplog.at_level(logging.ERROR, "flightwire.actions"):
        loaded(app, "@action\nasync def go() -> str: ...").write_state(app / ".flightwire")
    assert "cannot be written" in caplog.text
    assert (app / ".flightwire" / "actions.json").is_file()


def test_fifty_actions_and_types_are_declared_within_a_moment(app: Path) -> None:
    source = "\n".join(
        f"class Item{n}(TypedDict):\n    a: int\n    b: list[Item{n}] | None\n"
        f"@action\nasync def go_{n}(a: Item{n}, b: str = '') -> dict[str, Item{n}]: ..."
        for n in range(50)
    )
    read = loaded(app, source)
    started = time.process_time()
    assert read.declarations is not None
    assert (
        time.process_time() - started < 0.5
    )  # 20 ms; a bound for busy machines that still finds a quadratic one


# --- what the server fills, forms, files, actions ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "from flightwire import Provide, Request\n@action\nasync def go(request: Request, a: int, "
            "db: Annotated[dict[str, str], Provide(lambda: {})], *, r: Request | None = None) -> None: ...",
            "export function go(a: number): Promise<void>;",
        ),
        (
            "from flightwire import FromForm\nclass Signup(BaseModel):\n    name: str\n"
            "@action\nasync def go(form: Annotated[Signup, FromForm()]) -> None: ...",
            "export function go(form: FormData): Promise<void>;",
        ),
        (
            "from flightwire import File, FileLimits\n"
            "@action\nasync def go(photos: Annotated[list[File], FileLimits(max_files=2)]) -> int: ...",
            "export function go(photos: (File | Blob)[]): Promise<number>;",
        ),
        (
            "from flightwire import FormData\n@action\nasync def go(previous: str, form: FormData) -> str: ...",
            "export function go(previous: string, form: FormData): Promise<string>;",
        ),
        (
            "from flightwire import Action\n@action\nasync def go(f: Action[[str], int]) -> int: ...",
            "export function go(f: (arg0: string) => Promise<number>): Promise<number>;",
        ),
        (
            "from flightwire import BoundAction\n@action\nasync def go() -> BoundAction[[int], str]: ...",
            "export function go(): Promise<(arg0: number) => Promise<string>>;",
        ),
    ],
)
def test_what_pages_give_is_declared_and_nothing_else(app: Path, source: str, expected: str) -> None:
    assert signature(app, source) == expected


DOCSTRINGS = {
    "google": """Say it.

                Args:
                    user_name (str): who asks
                        and waits
                    *rest: more

                Returns:
                    str: what was said

                Raises:
                    ValueError: never
                """,
    "numpy": """Say it.

                Parameters
                ----------
                user_name : str
                    who asks
                    and waits
                rest : int, optional
                    more

                Returns
                -------
                str
                    what was said

                Raises
                ------
                ValueError
                    never
                """,
    "sphinx": """Say it.

                :param user_name: who asks
                    and waits
                :type user_name: str
                :param int rest: more
                :returns: what was said
                :rtype: str
                :raises ValueError: never
                """,
}


@pytest.mark.parametrize("style", DOCSTRINGS)
def test_sections_of_every_style_become_tags(app: Path, style: str) -> None:
    docstring = DOCSTRINGS[style]
    declared = text(
        app,
        f'''
            @action
            def go(user_name: str, *rest: int) -> str:
                """{docstring}"""
        ''',
    )
    expected = """/**
 * Say it.
 *
 * @param userName - who asks
 * and waits
 * @param rest - more
 * @returns what was said
 * @throws ValueError: never
 */
export function go("""
    assert expected in declared


def test_sections_that_are_none_stay_text(app: Path) -> None:
    declared = text(
        app,
        '''
            @action
            def go(a: int) -> None:
                """Note:

                Returns early. A list
                -----
                of things
                """
        ''',
    )
    assert " * Returns early. A list\n * -----\n * of things\n" in declared


def test_empty_tuple_is_empty(app: Path) -> None:
    assert (
        signature(app, "@action\ndef go(a: tuple[()]) -> None: ...")
        == "export function go(a: []): Promise<void>;"
    )


def test_types_that_pydantic_makes_are_not_exported(app: Path) -> None:
    source = """
        from pydantic import RootModel
        class Ids(RootModel[list[int]]): ...
        class Page(BaseModel, Generic[T]):
            items: list[T]
        class Texts(Page[str]): ...
        @action
        def go(ids: Ids, texts: Texts) -> None: ...
    """
    exported = [line for line in text(app, source).splitlines() if line.startswith("export ")]
    assert [line.split()[2].partition("<")[0] for line in exported[:-2]] == ["Ids", "Page", "Texts"]


def test_function_as_an_argument_is_declared(app: Path) -> None:
    """An annotation that is text, as every one is after `from __future__ import annotations`."""
    assert remarks(app, "@action\nasync def go(run: Callable[[int], str]) -> None: ...") == []
