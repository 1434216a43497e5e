"""Tools: what a model may call.

Owns: `Tool`, the decorator and its siblings, what a tool is told about its call. Refuses to know: when tools run, models.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import (
    Any,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypedDict,
    Unpack,
    cast,
    overload,
)

from typing_extensions import TypeVar

from flightwire.annotations import names_around
from flightwire.core.abort import AbortSignal
from flightwire.core.tool_schema import FunctionSchema
from flightwire.errors import InvalidArgumentError
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import ModelMessage, ProviderOptions
from flightwire.providers.base import ProviderToolSpec, ToolSpec

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", default=Any)

# What every provider takes (OpenAI is the strictest).
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(slots=True)
class ToolContext(Generic[C]):
    """What a tool is told about the call it answers; ask for it with `ctx: ToolContext`. The model does not see it.

    Attributes:
        tool_call_id: which call.
        tool_name: as the model calls it.
        messages: what the model was sent before it called, without instructions.
        abort_signal: fires when the answer is stopped or the tool's time is up; look at it in plain functions.
        context: what `tools_context` has for this tool.
        runtime_context: the call's `runtime_context`.
    """

    tool_call_id: str
    tool_name: str
    messages: Sequence[ModelMessage]
    abort_signal: AbortSignal
    context: C
    runtime_context: Any = None


@dataclass(slots=True)
class ModelOutputOptions:
    """What `to_model_output` is told: the call's id, its input, and what the tool returned."""

    tool_call_id: str
    input: JSONValue
    output: Any


AnyContext: TypeAlias = ToolContext[Any]
NeedsApproval: TypeAlias = bool | Callable[[Any, AnyContext], bool | Awaitable[bool]]
ToModelOutput: TypeAlias = Callable[[ModelOutputOptions], JSONObject | Awaitable[JSONObject]]
OnInputStart: TypeAlias = Callable[[AnyContext], object]
OnInputDelta: TypeAlias = Callable[[str, AnyContext], object]
OnInputAvailable: TypeAlias = Callable[[Any, AnyContext], object]
Description: TypeAlias = str | Callable[[Any], str] | None


class _Schema(Protocol):
    def json_schema(self) -> JSONObject: ...

    def bind(self, given: JSONValue, context: object) -> tuple[list[object], dict[str, object]]: ...


class Tool(Generic[P, R]):
    """A function that a model may call; from Python it is called as it was written.

    Attributes:
        name: what the model calls it, unless `tools` is a dict.
        description: what the model is told about it; a function of the tool's context may say it.
        is_dynamic: its input is only known at run time.
        needs_approval: whether somebody must approve a call; or a function of the input and the `ToolContext` that says so.
        timeout_s: how long one run may take.
        strict: ask the provider to hold the model to the schema.
        title: for people.
        input_examples: for the model.
        provider_options: for the provider.
        to_model_output: what the model sees of an output, as one of the AI SDK's tagged outputs.
        on_input_start, on_input_delta, on_input_available: told while the model writes the input.
    """

    def __init__(
        self,
        name: str,
        fn: Callable[P, R] | None,
        schema: _Schema,
        *,
        description: Description = None,
        is_dynamic: bool = False,
        provided: ProviderToolSpec | None = None,
        options: ToolOptions,
    ) -> None:
        self.name = checked_name(name)
        self.fn = fn
        self.description = description
        self.is_dynamic = is_dynamic
        self.needs_approval: NeedsApproval = options.get("needs_approval", False)
        self.timeout_s = options.get("timeout_s")
        self.strict = options.get("strict")
        self.title = options.get("title")
        self.input_examples = tuple(options.get("input_examples") or ())
        self.provider_options = options.get("provider_options")
        self.to_model_output = options.get("to_model_output")
        self.on_input_start = options.get("on_input_start")
        self.on_input_delta = options.get("on_input_delta")
        self.on_input_available = options.get("on_input_available")
        self._schema = schema
        self._provided = provided
        if self.timeout_s is not None and not 0 < self.timeout_s < float("inf"):
            raise InvalidArgumentError(f"timeout_s of tool '{name}' must be a positive number of seconds.")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, as any Python code would.

        Raises:
            InvalidArgumentError: this tool has no function; a client answers it.
        """
        if self.fn is None:
            raise InvalidArgumentError(
                f"tool '{self.name}' has no function here; the client answers its calls."
            )
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        """`<tool get_weather>`."""
        return f"<tool {self.name}>"

    @property
    def is_executable(self) -> bool:
        """Whether a call of it is run here; others are left for the client."""
        return self.fn is not None

    @property
    def input_schema(self) -> JSONObject:
        """The JSON Schema of its input.

        Raises:
            InvalidArgumentError: an annotation that has none.
        """
        return self._schema.json_schema()

    def check_input(self, given: JSONValue) -> None:
        """See whether an input fits.

        Raises:
            ValueError: it does not; the text says what and where.
        """
        self._schema.bind(given, None)

    def run(self, given: JSONValue, context: AnyContext) -> Any:
        """Call the function with a model's input; gives what it returns, an awaitable or async iterator as it is.

        Raises:
            ValueError: the input does not fit.
            Exception: whatever the function raises.
        """
        args, kwargs = self._schema.bind(given, context)
        return cast("Callable[..., Any]", self.fn)(*args, **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether the function runs on the event loop; others run in a thread."""
        fn = inspect.unwrap(self.fn) if self.fn is not None else None
        return inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn)

    def to_spec(self, name: str, context: object) -> ToolSpec | ProviderToolSpec:
        """The tool as the model sees it, under a name."""
        if self._provided is not None:
            return dataclasses.replace(self._provided, name=name)
        description = self.description(context) if callable(self.description) else self.description
        return ToolSpec(
            name=name,
            input_schema=self.input_schema,
            description=description,
            strict=self.strict,
            input_examples=self.input_examples,
            provider_options=self.provider_options,
        )


class ToolOptions(TypedDict, total=False):
    """What `tool`, `dynamic_tool` and `client_tool` have in common; see `Tool`."""

    needs_approval: NeedsApproval
    timeout_s: float | None
    strict: bool | None
    title: str | None
    input_examples: Iterable[JSONObject]
    provider_options: ProviderOptions | None
    to_model_output: ToModelOutput | None
    on_input_start: OnInputStart | None
    on_input_delta: OnInputDelta | None
    on_input_available: OnInputAvailable | None


@overload
def tool(fn: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(
    *, name: str | None = None, description: Description = None, **options: Unpack[ToolOptions]
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: Description = None,
    **options: Unpack[ToolOptions],
) -> Any:
    """Let models call this function: `@tool`, or `@tool(needs_approval=True, timeout_s=10)`.

    The schema of its input comes from the annotations; `Annotated[str, "…"]`, pydantic's `Field` and the docstring
    describe the parameters. Async functions run on the event loop, plain ones in a thread. What an async generator yields
    are preliminary results, its last value is the result. A parameter annotated with `ToolContext` is filled by us.

    Arguments:
        fn: the function.
        name: what the model calls it; by default the function's name.
        description: what the model is told; by default the docstring up to its first section.
        options: see `Tool`.

    Raises:
        InvalidArgumentError: no function, a name no model could write, or an unknown option.
    """
    _checked(options)

    def decorate(fn: Callable[..., Any]) -> Tool[..., Any]:
        if isinstance(fn, Tool):
            raise InvalidArgumentError(f"{fn!r} is a tool already. Write @tool once.")
        if not inspect.isroutine(fn):
            raise InvalidArgumentError(f"@tool decorates a function, got {fn!r:.80}.")
        schema = FunctionSchema(
            fn,
            name or fn.__name__,
            context=ToolContext,
            local_names=names_around(fn, sys._getframe(1 if is_called else 2)),
        )
        return Tool(
            name or fn.__name__, fn, schema, description=description or schema.description, options=options
        )

    is_called = fn is None
    return decorate if fn is None else decorate(fn)


class JSONSchema:
    """An input described by a JSON Schema; any JSON object is taken, as the AI SDK's `jsonSchema()` without `validate`.

    Arguments:
        schema: the JSON Schema.
        validate: looks at an input and gives it, or another in its place; raises ValueError when it does not fit.
    """

    def __init__(self, schema: JSONObject, validate: Callable[[Any], Any] | None = None) -> None:
        self._schema = schema
        self._validate = validate

    def json_schema(self) -> JSONObject:
        """As it was given."""
        return self._schema

    def bind(self, given: JSONValue, context: object) -> tuple[list[object], dict[str, object]]:
        """The input and the context, by position."""
        return [given if self._validate is None else self._validate(given), context], {}


def dynamic_tool(
    *,
    name: str,
    input_schema: JSONObject,
    execute: Callable[[Any], Any] | Callable[[Any, AnyContext], Any],
    description: Description = None,
    validate: Callable[[Any], Any] | None = None,
    **options: Unpack[ToolOptions],
) -> Tool[..., Any]:
    """A tool whose input is only known at run time, such as one of an MCP server.

    Arguments:
        name: what the model calls it.
        input_schema: a JSON Schema. The model is shown it; inputs are checked by `validate` alone.
        execute: the function; it gets the input, and the `ToolContext` if it takes a second argument.
        description: what the model is told.
        validate: looks at an input and gives it, or another in its place; raises ValueError when it does not fit.
        options: see `Tool`.

    Raises:
        InvalidArgumentError: a name no model could write, a schema that is none, or an unknown option.
    """
    _check_schema(input_schema, name)
    schema = JSONSchema(input_schema, validate)
    given: Callable[..., Any] = execute
    fn = given if _takes_context(given) else _without_context(given)
    return Tool(name, fn, schema, description=description, is_dynamic=True, options=_checked(options))


def provider_tool(
    spec: ProviderToolSpec,
    execute: Callable[[Any], Any] | Callable[[Any, AnyContext], Any],
    **options: Unpack[ToolOptions],
) -> Tool[..., Any]:
    """A tool that a provider defines and the app runs: `provider_tool(anthropic.tools.bash_20250124(), run_bash)`.

    Arguments:
        spec: the provider's tool.
        execute: gets the input as the provider describes it, and the `ToolContext` if it takes a second argument.
        options: see `Tool`.

    Raises:
        InvalidArgumentError: something that is no tool of a provider, or an unknown option.
    """
    if not isinstance(spec, ProviderToolSpec):
        raise InvalidArgumentError(
            f"provider_tool takes a provider's tool such as anthropic.tools.bash_20250124(), got {spec!r:.80}."
        )
    given: Callable[..., Any] = execute
    fn = given if _takes_context(given) else _without_context(given)
    return Tool(spec.name, fn, JSONSchema({}), provided=spec, options=_checked(options))


def client_tool(
    name: str,
    *,
    input_schema: JSONObject | type[Any],
    description: Description = None,
    **options: Unpack[ToolOptions],
) -> Tool[..., Any]:
    """A tool that the client answers: a call of it ends the loop, and its result comes with the next request.

    Arguments:
        name: what the model calls it.
        input_schema: a JSON Schema, or a pydantic model, dataclass or TypedDict.
        description: what the model is told.
        options: see `Tool`.

    Raises:
        InvalidArgumentError: a name no model could write, a schema that is none, or an unknown option.
    """
    schema: _Schema
    if isinstance(input_schema, Mapping):
        _check_schema(input_schema, name)
        schema = JSONSchema(input_schema)
    else:
        schema = _TypeSchema(input_schema, name)
    return Tool(name, None, schema, description=description, options=_checked(options))


class _TypeSchema:
    """An input described by a type."""

    def __init__(self, annotation: Any, name: str) -> None:
        self._annotation = annotation
        self._name = name
        self._adapter: Any = None

    def _get(self) -> Any:
        if self._adapter is None:
            import pydantic

            from flightwire.core.typed_dicts import pydantic_ready

            try:
                self._adapter = pydantic.TypeAdapter(pydantic_ready(self._annotation))
            except pydantic.errors.PydanticUserError as error:
                raise InvalidArgumentError(
                    f"input_schema of tool '{self._name}' is no JSON Schema and no type that has one: "
                    f"{str(error).splitlines()[0]}"
                ) from error
        return self._adapter

    def json_schema(self) -> JSONObject:
        from flightwire.core.tool_schema import close_objects

        schema = self._get().json_schema()
        close_objects(schema)
        return dict(schema)

    def bind(self, given: JSONValue, context: object) -> tuple[list[object], dict[str, object]]:
        return [self._get().validate_python(given), context], {}


def _checked(given: ToolOptions) -> ToolOptions:
    known = ToolOptions.__annotations__
    if unknown := sorted(given.keys() - known.keys()):
        raise InvalidArgumentError(
            f"a tool has no option {unknown[0]!r}; there are: name, description, {', '.join(known)}."
        )
    return given


def checked_name(name: str) -> str:
    """The name, if every provider takes it.

    Raises:
        InvalidArgumentError: it has other characters than ASCII letters, digits, `_` and `-`, or more than 64.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} is no name for a tool. Write letters, digits, _ and -, at most 64: @tool(name='get_weather')."
        )
    return name


def _check_schema(schema: object, name: str) -> None:
    if not isinstance(schema, Mapping) or not all(isinstance(key, str) for key in schema):
        raise InvalidArgumentError(
            f"input_schema of tool '{name}' must be a JSON Schema such as "
            "{'type': 'object', 'properties': {'city': {'type': 'string'}}}."
        )


def _takes_context(fn: Callable[..., Any]) -> bool:
    try:
        inspect.signature(fn).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


def _without_context(fn: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(fn):

        async def generate(given: Any, _: object) -> AsyncIterator[Any]:
            async for each in fn(given):
                yield each

        return generate
    if inspect.iscoroutinefunction(fn):

        async def run(given: Any, _: object) -> Any:
            return await fn(given)

        return run
    return lambda given, _: fn(given)
