"""Tools that answer with a part of the page.

Owns: `ui_tool`, and what the loop of a model is told about one. Refuses to know: when its UI is shown (stream_ui.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, overload

from flightwire.annotations import names_around
from flightwire.core.tool_schema import FunctionSchema
from flightwire.core.tools import Description, Tool, ToolContext, ToolOptions, tool
from flightwire.errors import InvalidArgumentError
from flightwire.jsontypes import JSONValue

P = ParamSpec("P")
R = TypeVar("R")

Render: TypeAlias = Callable[..., object]


class UITool(Generic[P, R]):
    """A tool whose calls show something; from Python it is called as it was written. Made by `ui_tool`.

    Attributes:
        tool: what the loop runs; without a function where the call itself is shown, which ends the loop.
        name: what the model calls it, unless `tools` is a dict.
    """

    __slots__ = ("_shown", "name", "render", "tool")

    def __init__(self, loop_tool: Tool[..., Any], shown: Tool[P, R], render: Render | None) -> None:
        self.tool = loop_tool
        self.name = shown.name
        self.render = render
        self._shown = shown

    @property
    def gives_a_result(self) -> bool:
        """Whether the model gets to see a result, and the UI is made of it."""
        return self.render is not None

    def show(self, given: JSONValue, context: ToolContext[Any]) -> object:
        """Begin to make the UI of a call: a node, an awaitable of one, or a generator of nodes.

        Raises:
            ValueError: the input does not fit.
            Exception: whatever the function raises.
        """
        return self._shown.run(given, context)

    def show_result(self, given: JSONValue, result: object) -> object:
        """Begin to make the UI of a result."""
        assert self.render is not None
        return self.render(given, result)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, as any Python code would."""
        return self._shown(*args, **kwargs)

    def __repr__(self) -> str:
        """`<ui tool deploy>`."""
        return f"<ui tool {self.name}>"


UITools: TypeAlias = (
    Sequence[UITool[..., Any] | Tool[..., Any]] | Mapping[str, UITool[..., Any] | Tool[..., Any]] | None
)


@overload
def ui_tool(fn: Callable[P, R], /) -> UITool[P, R]: ...


@overload
def ui_tool(
    *, name: str | None = None, description: Description = None
) -> Callable[[Callable[P, R]], UITool[P, R]]: ...


@overload
def ui_tool(
    *,
    render: Render,
    execute: Callable[P, R] | Tool[P, R],
    name: str | None = None,
    description: Description = None,
) -> UITool[P, R]: ...


def ui_tool(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: Description = None,
    render: Render | None = None,
    execute: Callable[..., Any] | Tool[..., Any] | None = None,
) -> Any:
    """Let models call a function that shows something in the page: `@ui_tool`.

    The function returns a node, or yields several, each shown in the place of the one before; the model sees nothing of it,
    and the answer ends with its step. With `render` and `execute` the model gets the result of `execute` and may go on
    (`stop_when`), while the page shows what `render(input, result)` makes of it.

    Arguments:
        fn: the function; its parameters and docstring tell the model what to give, as for `@tool`.
        name: what the model calls it; by default the function's name.
        description: what the model is told; by default the docstring up to its first section.
        render: makes the UI of a result: called with the input (a dict) and what `execute` gave.
        execute: a function, or a tool, whose result the model gets.

    Raises:
        InvalidArgumentError: no function, a name no model could write, or only one of `render` and `execute`.
    """
    if (render is None) != (execute is None):
        raise InvalidArgumentError(
            "ui_tool(render=…, execute=…) takes both: what runs, and what is shown of its result."
        )
    if execute is not None:
        made = execute if isinstance(execute, Tool) else tool(name=name, description=description)(execute)
        return UITool(made, made, render)

    def decorate(fn: Callable[..., Any]) -> UITool[..., Any]:
        if isinstance(fn, (UITool, Tool)):
            raise InvalidArgumentError(
                f"{fn!r} is a tool already. Write @ui_tool once, and nothing beside it."
            )
        schema = FunctionSchema(
            fn,
            name or fn.__name__,
            context=ToolContext,
            local_names=names_around(fn, sys._getframe(1 if is_called else 2)),
        )
        called, options = name or fn.__name__, ToolOptions()
        shown = Tool(called, fn, schema, description=description or schema.description, options=options)
        # The loop must not run it: what it makes is no result for the model.
        asked: Tool[..., Any] = Tool(called, None, schema, description=shown.description, options=options)
        return UITool(asked, shown, None)

    is_called = fn is None
    return decorate if fn is None else decorate(fn)
