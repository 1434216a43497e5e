"""What is wrong with the arguments of a call, in words.

Owns: paths, what was expected, what was got. Refuses to know: how it was found out. Never echoes more than 60 characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flightwire._frozen import value
from flightwire.elements import UNDEFINED
from flightwire.errors import ArgumentError
from flightwire.wire.flight.values import File, FormData

MAX_PROBLEMS: Final = 5
MAX_ECHO_CHARS: Final = 60
_MAX_KEY_CHARS: Final = 40
_MAX_PATH_CHARS: Final = 200

_EXPECTED: Final = {
    "string_type": "text",
    "string_unicode": "text without broken characters",
    "whole_number": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "null",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "an object",
    "mapping_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dataclass_type": "an object",
    "datetime_type": "a Date",
    "bytes_type": "bytes (a Uint8Array or an ArrayBuffer)",
    "missing": "a value",
}
_KINDS: Final = {"File": "a file", "FormData": "a FormData", "JSMap": "a Map", "ReceivedStream": "a stream"}


@value
class Problem:
    """One thing that is wrong: where, what was expected, what was got."""

    path: str
    expected: tuple[str, ...]
    got: str
    is_branch: bool = False

    def __str__(self) -> str:
        """`history[2].role: expected 'user' or 'assistant', got 'robot'`."""
        expected = " or ".join(
            dict.fromkeys((self.expected[0], *(e.removeprefix("expected ") for e in self.expected[1:])))
        )
        return f"{self.path}: {expected}, got {self.got}"


def refusal(action: str, problems: Sequence[Problem]) -> ArgumentError:
    """The letter about arguments of the wrong type."""
    shown = [str(problem) for problem in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        shown.append(f"and {len(problems) - MAX_PROBLEMS} more")
    text = f" {shown[0]}." if len(shown) == 1 else "".join(f"\n  {each}" for each in shown)
    return ArgumentError(
        f"Action '{action}' was called with arguments that do not fit:{text}", path=problems[0].path
    )


def problems_of(argument: str, given: object, errors: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """What pydantic found wrong with one argument, one problem per place."""
    found: dict[str, Problem] = {}
    for error in errors:
        problem = _problem(argument, given, error)
        known = found.get(problem.path)
        if known is None:
            found[problem.path] = problem
        else:
            expected = tuple(dict.fromkeys((*known.expected, *problem.expected)))
            found[problem.path] = Problem(
                known.path, expected, known.got, known.is_branch or problem.is_branch
            )
    return [problem for problem in found.values() if not _is_other_branch(problem, found)]


def too_many_tries(argument: str, given: object) -> Problem:
    """What is said of a value that could be too many things to go on looking."""
    advice = (
        "give each member of the union a field with a Literal of its own, and name it as the discriminator"
    )
    return Problem(argument, (f"expected what can be told apart sooner ({advice})",), described(given))


def too_many_problems(argument: str, given: object, count: int) -> Problem:
    """What is said of a value with more mistakes than anybody reads."""
    return Problem(argument, (f"expected other values in {count} places",), described(given))


def _is_other_branch(problem: Problem, found: Mapping[str, Problem]) -> bool:
    """Whether another member of the union came further, so that this one was not meant."""
    return problem.is_branch and any(
        path != problem.path and path.startswith((problem.path + ".", problem.path + "[")) for path in found
    )


def _problem(argument: str, given: object, error: Mapping[str, Any]) -> Problem:
    steps, is_branch = _steps(given, error)
    path = argument + "".join(_step(step) for step in steps)
    if len(path) > _MAX_PATH_CHARS:
        path = path[:_MAX_PATH_CHARS] + "…"
    got = UNDEFINED if error["type"] == "missing" else error["input"]
    return Problem(path, (_expected(error),), described(got), is_branch)


def _steps(given: object, error: Mapping[str, Any]) -> tuple[list[str | int], bool]:
    """The way into the value, without the names of union members and the like that pydantic puts between."""
    steps: list[str | int] = []
    is_branch = False
    loc = error["loc"]
    for index, step in enumerate(loc):
        inner = _inside(given, step)
        if inner is not _NOTHING:
            given = inner
            steps.append(step)
        elif error["type"] == "missing" and index == len(loc) - 1:
            steps.append(step)
        else:
            is_branch = True
    return steps, is_branch


_NOTHING: Final = object()


def _inside(container: object, step: object) -> object:
    if isinstance(container, dict):
        return container.get(step, _NOTHING)
    if isinstance(container, list) and isinstance(step, int) and step < len(container):
        return container[step]
    return _NOTHING


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if step.isidentifier() and len(step) <= _MAX_KEY_CHARS:
        return f".{step}"
    return f"[{_short(repr(step), _MAX_KEY_CHARS)}]"


def _expected(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if kind in ("literal_error", "enum"):
        return f"expected {context['expected']}"
    if kind == "is_instance_of":
        return f"expected {_KINDS.get(context['class'], context['class'])}"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}"
    message: str = error["msg"]
    for opening in ("Input should ", "Value error, ", "Assertion failed, "):
        if message.startswith(opening):
            message = ("should " if opening == "Input should " else "") + message.removeprefix(opening)
            break
    return _short(message, _MAX_PATH_CHARS)


_DESCRIPTIONS: Final[Mapping[type, Callable[[Any], str]]] = {
    bool: lambda given: "true" if given else "false",
    int: lambda given: str(given) if abs(given) < 10**18 else "a very large number",
    float: repr,
    list: lambda given: f"a list of {len(given)}",
    dict: lambda given: "an object",
    bytes: lambda given: f"{len(given)} bytes",
    datetime: lambda given: f"the Date {given.isoformat()}",
    File: lambda given: "a file",
    FormData: lambda given: "a FormData",
}


def described(given: object) -> str:
    """A value in at most 60 characters."""
    if given is None or given is UNDEFINED:
        return "null" if given is None else "undefined"
    if isinstance(given, str):
        return _short(repr(given[:MAX_ECHO_CHARS]), MAX_ECHO_CHARS, is_cut=len(given) > MAX_ECHO_CHARS)
    describe = _DESCRIPTIONS.get(type(given))
    return describe(given) if describe else f"a {type(given).__name__}"


def _short(text: str, max_chars: int, *, is_cut: bool = False) -> str:
    return text if len(text) <= max_chars and not is_cut else text[: max_chars - 1] + "…"
