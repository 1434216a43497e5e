"""The arguments of an action: from what came over the wire to what the function takes.

Owns: which parameters a page can fill, defaults, and letters for what does not fit. Refuses to know: HTTP, rows.
pydantic does the validating and is imported with the first call, so that `import flightwire` stays light.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flightwire.elements import UNDEFINED
from flightwire.errors import ArgumentError, InvalidArgumentError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

MAX_PROBLEMS = 5
MAX_ECHO_CHARS = 60
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ArgumentSchema:
    """The parameters of one action that a page fills, in order.

    Raises:
        InvalidArgumentError: the function takes `**kwargs`, or a keyword-only parameter without a default.
    """

    def __init__(self, fn: Callable[..., object], action: str) -> None:
        self._fn = fn
        self._action = action
        self._adapters: list[TypeAdapter[Any]] | None = None
        parameters = list(inspect.signature(fn).parameters.values())
        self._positional = [p for p in parameters if p.kind in _POSITIONAL]
        self._rest = next((p for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
        for parameter in parameters:
            _refuse_unfillable(parameter, action)

    def bind(self, arguments: Sequence[object]) -> tuple[list[object], dict[str, object]]:
        """Validate the arguments of a call.

        `undefined` and missing ones mean the default. Returns positional and keyword arguments.

        Raises:
            ArgumentError: too many, too few, or not what the annotations say; names argument and path.
        """
        self._check_count(arguments)
        adapters = self._adapters if self._adapters is not None else self._build()
        bound: list[object] = []
        problems: list[str] = []
        path = ""
        for index, parameter in enumerate(self._positional):
            given = arguments[index] if index < len(arguments) else UNDEFINED
            if given is UNDEFINED:
                bound.append(self._default(parameter))
                continue
            path = self._validate(adapters[index], given, parameter.name, bound, problems) or path
        for index, given in enumerate(arguments[len(self._positional) :]):
            assert self._rest is not None
            name = f"{self._rest.name}[{index}]"
            path = self._validate(adapters[-1], given, name, bound, problems) or path
        if problems:
            raise ArgumentError(f"action '{self._action}': {'; '.join(problems[:MAX_PROBLEMS])}.", path=path)
        return bound, {}

    # --- inside --------------------------------------------------------------------------------------------------

    def _check_count(self, arguments: Sequence[object]) -> None:
        most = len(self._positional)
        if self._rest is None and len(arguments) > most:
            raise ArgumentError(
                f"action '{self._action}' takes {_count(most)}, got {len(arguments)}.",
                path=f"[{most}]",
            )

    def _default(self, parameter: inspect.Parameter) -> object:
        if parameter.default is inspect.Parameter.empty:
            raise ArgumentError(
                f"action '{self._action}' needs the argument '{parameter.name}'; it was not given.",
                path=parameter.name,
            )
        return parameter.default

    def _validate(
        self, adapter: TypeAdapter[Any], given: object, name: str, bound: list[object], problems: list[str]
    ) -> str:
        from pydantic import ValidationError

        try:
            bound.append(adapter.validate_python(given))
        except ValidationError as error:
            found = _problems(error, name)
            problems += [letter for _, letter in found]
            return found[0][0]
        return ""

    def _build(self) -> list[TypeAdapter[Any]]:
        from flightwire.actions.adapters import adapter_for

        hints = _type_hints(self._fn, self._action)
        parameters = [*self._positional, *([] if self._rest is None else [self._rest])]
        self._adapters = [adapter_for(hints.get(p.name, Any), self._action, p.name) for p in parameters]
        return self._adapters


def _refuse_unfillable(parameter: inspect.Parameter, action: str) -> None:
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        raise InvalidArgumentError(
            f"action '{action}' takes **{parameter.name}, but a page passes arguments by position. "
            f"Write one parameter with a TypedDict or a dict: `{parameter.name}: dict[str, str]`."
        )
    required = parameter.default is inspect.Parameter.empty
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY and required:
        raise InvalidArgumentError(
            f"action '{action}' has the keyword-only parameter '{parameter.name}' without a default; a page passes "
            "arguments by position and can never fill it. Move it before the `*`, or give it a default."
        )


def _type_hints(fn: Callable[..., object], action: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(fn, include_extras=True)
    except Exception as error:
        module = sys.modules.get(getattr(fn, "__module__", ""))
        where = getattr(module, "__name__", "its module").rpartition(".")[2]
        raise InvalidArgumentError(
            f"the annotations of action '{action}' cannot be resolved in {where}: {error}. Types used in them must be "
            "importable when the action is called, so not inside `if TYPE_CHECKING:`."
        ) from error


def _problems(error: ValidationError, name: str) -> list[tuple[str, str]]:
    """Path and letter of each problem, without pydantic's words for the places inside unions."""
    found: list[tuple[str, str]] = []
    for item in error.errors(include_url=False, include_context=False):
        path = name + "".join(_step(step) for step in item["loc"])
        letter = f"{path}: {_lower(item['msg'])}, got {_echo(item['input'])}"
        if all(letter != other for _, other in found):
            found.append((path, letter))
    return found


def _step(step: int | str) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step}"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _echo(given: object) -> str:
    """What was given, in at most 60 characters; containers by their kind, for they may be large or private."""
    if isinstance(given, Mapping):
        return "an object"
    if isinstance(given, (list, tuple, set)):
        return f"a list of {len(given)}"
    if given is UNDEFINED:
        return "undefined"
    if given is None:
        return "null"
    text = repr(given)
    return text if len(text) <= MAX_ECHO_CHARS else f"{text[:MAX_ECHO_CHARS]}…"


def _count(number: int) -> str:
    return "no arguments" if number == 0 else f"at most {number} argument{'s' * (number != 1)}"
