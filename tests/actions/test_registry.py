"""Actions as things: names, ids, what they never reveal; the registry."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import pickle
import subprocess
import sys
from typing import Any

import pytest

from flightwire.actions.registry import Action, ActionRegistry, action
from flightwire.errors import ArgumentError, InvalidArgumentError
from flightwire.wire.flight.values import ServerReference

pytestmark = pytest.mark.anyio

SECRET = "postgres://user:hunter2@db"


@action
async def get_answer(question: str, dsn: str = SECRET) -> str:
    """Answer a question.

    At length.
    """
    return question + dsn[:0]


@action(name="shout", max_duration_s=3, max_body_bytes=2048)
def get_loud(text: str) -> str:
    return text.upper()


# --- from Python -------------------------------------------------------------------------------------------------


async def test_an_action_is_called_as_it_was_written() -> None:
    assert await get_answer("why") == "why"
    assert get_loud(text="hi") == "HI"


def test_arguments_from_python_are_not_checked() -> None:
    @action
    def f(x: int):
        return x

    assert f("text") == "text"  # type: ignore[arg-type]


def test_an_action_knows_what_was_said_about_it() -> None:
    assert (get_answer.name, get_answer.is_async, get_answer.docstring) == (
        "getAnswer",
        True,
        "Answer a question.\n\nAt length.",
    )
    assert (get_answer.max_duration_s, get_answer.max_body_bytes) == (None, None)
    assert (get_loud.name, get_loud.is_async, get_loud.docstring) == ("shout", False, None)
    assert (get_loud.max_duration_s, get_loud.max_body_bytes) == (3, 2048)
    assert get_answer.module == __name__


@pytest.mark.parametrize(
    ("python", "javascript"),
    [
        ("continue_conversation", "continueConversation"),
        ("getAnswer", "getAnswer"),
        ("GetAnswer", "GetAnswer"),
        ("_private_thing", "_privateThing"),
        ("get_2_items", "get2Items"),
        ("a__b", "aB"),
        ("größe_ändern", "größeÄndern"),
    ],
)
def test_names_are_in_camel_case(python: str, javascript: str) -> None:
    assert action(named(python)).name == javascript


def named(name: str) -> Any:
    def fn(): ...

    fn.__name__ = name
    return fn


# --- what is not an action ---------------------------------------------------------------------------------------


class Service:
    def method(self): ...

    def __call__(self): ...


def generator():
    yield 1


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (get_answer, "is an action already"),
        (Service, "got the class 'Service'"),
        (Service(), "got a Service"),
        (Service.method, "is a method of Service"),
        (staticmethod(len), "got a staticmethod"),
        (len, "got a builtin"),
        ("text", "got a str"),
        (generator, "is a generator.*create_streamable_value"),
        (lambda: 0, "'<lambda>' is no name"),
        (named("delete"), "'delete' in JavaScript.*deleteItem"),
        (named("import_"), "'import' in JavaScript"),
        (named("then"), "'then'"),
    ],
)
def test_what_cannot_be_an_action_gets_a_letter(thing: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        action(thing)


@pytest.mark.parametrize(
    "name", ["", "get answer", "get-answer", "1st", "a.b", "a#b", "a'b", "default", "\n"]
)
def test_names_that_no_page_could_import_get_a_letter(name: str) -> None:
    with pytest.raises(InvalidArgumentError):
        action(name=name)(named("f"))


@pytest.mark.parametrize(
    "options",
    [
        {"max_duration_s": 0},
        {"max_duration_s": -1},
        {"max_duration_s": float("inf")},
        {"max_duration_s": float("nan")},
        {"max_duration_s": "30"},
        {"max_duration_s": True},
        {"max_body_bytes": 0},
        {"max_body_bytes": 1.5},
        {"max_body_bytes": True},
    ],
)
def test_limits_are_positive_numbers(options: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="positive number"):
        action(**options)(named("f"))


def test_letters_do_not_show_the_thing_that_was_decorated() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        action({"password": SECRET})  # type: ignore[call-overload]
    assert SECRET not in str(caught.value)


# --- what an action reveals --------------------------------------------------------------------------------------


def shown() -> list[str]:
    record = logging.LogRecord("x", 20, "f", 1, "%s %r", (get_answer, get_answer), None)
    return [
        str(get_answer),
        repr(get_answer),
        f"{get_answer}",
        f"{get_answer:>40}",
        f"{get_answer!a}",
        "%s" % get_answer,  # noqa: UP031 - one of the ways
        f"{get_answer}",
        str([get_answer]),
        json.dumps({"a": get_answer}, default=str),
        record.getMessage(),
        repr(get_answer.schema),
    ]


def test_no_text_of_an_action_shows_source_paths_or_defaults() -> None:
    for text in shown():
        assert SECRET not in text
        assert __file__ not in text
        assert "return" not in text
    assert shown()[0] == "<action getAnswer>"


def test_an_action_has_none_of_a_functions_attributes() -> None:
    for name in (
        "__code__",
        "__defaults__",
        "__globals__",
        "__wrapped__",
        "__closure__",
        "__dict__",
        "__name__",
    ):
        assert not hasattr(get_answer, name)
    with pytest.raises(TypeError):
        inspect.getsource(get_answer)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        vars(get_answer)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_action_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="<action getAnswer> cannot be pickled"):
        pickle.dumps([get_answer], protocol)


def test_copies_of_what_holds_an_action_hold_the_same_action() -> None:
    assert copy.deepcopy({"on_click": [get_answer]})["on_click"][0] is get_answer
    assert copy.copy(get_answer) is get_answer


# --- the registry ------------------------------------------------------------------------------------------------


def test_an_action_is_found_by_its_id_and_nothing_else() -> None:
    registry = ActionRegistry.of([get_answer])
    assert registry.ids() == ["test_registry#getAnswer"]
    assert registry.get("test_registry#getAnswer") is get_answer
    for other in (
        "getAnswer",
        "test_registry",
        "os#system",
        "test_registry#get_answer",
        "",
        "__class__",
        "ids",
    ):
        assert registry.get(other) is None
    assert "test_registry#getAnswer" in registry
    assert "os#system" not in registry
    assert (len(registry), list(registry)) == (1, [get_answer])


def test_looking_an_id_up_imports_nothing() -> None:
    registry = ActionRegistry.of([get_answer])
    assert "antigravity" not in sys.modules
    assert registry.get("antigravity#fly") is None
    assert "antigravity" not in sys.modules


def test_a_registry_takes_actions_only() -> None:
    def plain(): ...

    with pytest.raises(InvalidArgumentError, match="the function 'plain', which is not an action"):
        ActionRegistry.of([plain])  # type: ignore[list-item]


def test_two_actions_with_one_id_get_a_letter() -> None:
    first, second = action(name="same")(named("a")), action(name="same")(named("b"))
    with pytest.raises(
        InvalidArgumentError, match=r"two actions with the id 'test_registry#same'.*name='same2'"
    ):
        ActionRegistry.of([first, second])


def test_an_action_may_be_given_twice() -> None:
    assert len(ActionRegistry.of([get_answer, get_answer])) == 1


def test_parameters_that_nobody_could_fill_are_refused_when_an_action_is_registered() -> None:
    @action
    def f(**options): ...

    with pytest.raises(InvalidArgumentError, match="options"):
        ActionRegistry.of([f])


def test_merged_registries_serve_what_both_do() -> None:
    a, b = ActionRegistry(), ActionRegistry()
    a.add(action(named("a")), "x#a")
    b.add(action(named("b")), "x#b")
    assert a.merged_with(b).ids() == ["x#a", "x#b"]
    b.add(action(named("a")), "x#a")
    with pytest.raises(InvalidArgumentError, match="two actions"):
        a.merged_with(b)


def test_a_reference_to_an_action_works_in_every_app_that_serves_it() -> None:
    served = action(named("served"))
    first, second = ActionRegistry(), ActionRegistry()
    first.add(served, "a#served")
    second.add(served, "b#served")
    reference = served.to_server_reference()
    assert reference == ServerReference("a#served", None)
    for registry in (first, second, second.merged_with(ActionRegistry())):
        assert registry.get(reference.id) is served
    assert second.get("b#served") is served
    assert second.ids() == ["b#served"]


def test_an_action_never_answers_to_the_id_of_another() -> None:
    moved, other, registry = action(named("moved")), action(named("other")), ActionRegistry()
    ActionRegistry().add(moved, "x#y")
    registry.add(other, "x#y")
    with pytest.raises(InvalidArgumentError, match="two actions"):
        registry.add(moved, "z#moved")
    assert registry.get("x#y") is other
    assert registry.get("z#moved") is None


def test_a_reference_to_an_action_that_nobody_serves_gets_a_letter() -> None:
    with pytest.raises(InvalidArgumentError, match="not served by any app"):
        action(named("lonely")).to_server_reference()


def test_schemas_can_be_prepared_before_the_first_call() -> None:
    @action
    def f(x: Service): ...

    registry = ActionRegistry.of([get_answer, f])
    with pytest.raises(InvalidArgumentError, match="cannot be checked"):
        registry.prepare()
    with pytest.raises(ArgumentError):
        get_answer.schema.bind([3])


def test_the_main_module_is_called_by_its_file() -> None:
    assert run_as_main("print(f.id)") == "script#f"


def run_as_main(line: str) -> str:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(f"from flightwire.actions.registry import action\n@action\ndef f(): ...\n{line}\n")
        done = subprocess.run(
            [sys.executable, script], capture_output=True, check=True, text=True, timeout=60
        )
    return done.stdout.strip()


def test_importing_actions_loads_neither_pydantic_nor_a_server() -> None:
    code = (
        "import sys, flightwire.actions.registry, flightwire.actions.folder, flightwire.actions.call\n"
        "assert not {'pydantic', 'starlette', 'aiohttp', 'uvicorn'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_actions_are_typed() -> None:
    def check(served: Action[[str], str]) -> str:
        return served("a")

    assert check(get_loud) == "A"
