"""`stream_ui`: an answer that is shown while it is being made, by functions that turn text and tool calls into nodes.

Owns: which part of an answer is shown where, when renderers run, how it ends. Refuses to know: models, how UI travels.
Follows `streamUI` of `@ai-sdk/rsc` 3.0.107 (`packages/rsc/src/stream-ui/stream-ui.tsx`), and goes further: several steps,
tools in parallel, each in a place of its own; renderers in order; every ending closes the UI and calls `on_end`.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, cast

from typing_extensions import Unpack

from flightwire._frozen import value
from flightwire.core.abort import AbortController
from flightwire.core.models import ModelLike
from flightwire.core.results import StepResult
from flightwire.core.settings import CallSettings
from flightwire.core.stream_text import StreamTextResult, stream_text
from flightwire.core.tools import Tool, ToolContext
from flightwire.elements import FRAGMENT, Element
from flightwire.errors import AbortError, InvalidArgumentError
from flightwire.events import (
    Abort,
    CallWarning,
    Error,
    FinishReason,
    FinishStep,
    ResponseMetadata,
    StreamPart,
    TextDelta,
    TextEnd,
    ToolCall,
    ToolError,
    ToolResult,
    Usage,
)
from flightwire.jsontypes import JSONValue
from flightwire.markup import Node
from flightwire.rsc.streamable_ui import StreamableUI
from flightwire.rsc.ui_tools import UITool, UITools
from flightwire.scope import contained, current_scope

MAX_RUN_S: Final = 0.01  # renderers seldom wait for anything: others have their turn, and a stop is heard
RenderText: TypeAlias = Callable[..., object]
"""Called as `render(content, done=…, delta=…)`, with those of the two that it takes."""


class UISettings(CallSettings, total=False):
    """What `stream_ui` hands on to the model's loop; see `stream_text`."""

    tool_choice: Any
    active_tools: Any
    tool_order: Any
    stop_when: Any
    prepare_step: Any
    repair_tool_call: Any
    refine_tool_input: Any
    tools_context: Any
    runtime_context: Any
    transform: Any
    on_chunk: Any
    on_error: Any
    on_step_end: Any
    on_abort: Any
    max_output_bytes: int


@value
class StreamUIEnd:
    """How an answer ended.

    Attributes:
        finish_reason: of the last step; "error" when something failed before there was one.
        usage: the tokens of all steps.
        value: what is shown in the end.
        warnings: what the provider could not honour.
        response: what the provider said about the last step.
        steps: all complete steps.
        error: what failed, the model or a renderer; None when nothing did.
        is_aborted: whether it was stopped, or its reader went away.
    """

    finish_reason: FinishReason
    usage: Usage
    value: object
    warnings: Sequence[CallWarning]
    response: ResponseMetadata
    steps: Sequence[StepResult]
    error: BaseException | None = None
    is_aborted: bool = False


OnEnd: TypeAlias = Callable[[StreamUIEnd], object]


def stream_ui(
    *,
    model: ModelLike = None,
    initial: Node = None,
    text: RenderText | None = None,
    tools: UITools = None,
    on_end: OnEnd | None = None,
    on_finish: OnEnd | None = None,
    **settings: Unpack[UISettings],
) -> StreamUIResult:
    """Ask a model, and show its answer as it is made.

    Returns at once (awaiting the result is allowed, and gives it back). Text and each tool call have a place of their own, in
    the order in which the model began them. A `@ui_tool` ends the answer with its step; tools with results let it go on for as
    long as `stop_when` says.

    Arguments:
        model: `"provider/model"`, a model object, or nothing for the default model.
        initial: what is shown until there is something else.
        text: makes a node of the text so far: `render(content, *, done, delta)`, sync or async, or a generator of nodes. One
            call after the other; the last one of each text has `done=True`. By default the text itself is shown.
        tools: a list, or a dict when the model should see other names; of `@ui_tool` and of `@tool`, which shows nothing.
        on_end: told how it ended, whichever way.
        on_finish: the older spelling of `on_end`.
        settings: prompt, call settings and steps, as for `stream_text`.

    Raises:
        InvalidPromptError: prompt or messages that no model could answer.
        InvalidArgumentError: a setting out of its range, or something that is no tool.
        NoSuchModelError: nobody knows this model.
    """
    ui_tools, loop_tools = _sorted_tools(tools)
    answer = stream_text(model=model, tools=loop_tools, **cast("Any", settings))
    driver = _Driver(answer, StreamableUI(initial), text or _as_it_is, ui_tools, on_end or on_finish)
    driver.start()
    return StreamUIResult(driver)


class StreamUIResult:
    """An answer that is being shown. Put its `value` into what the action returns."""

    __slots__ = ("_driver", "_value")

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver
        self._value = driver.ui.value

    @property
    def value(self) -> Node:
        """The node that shows the answer, from its beginning to its end."""
        return self._value

    @property
    def result(self) -> StreamTextResult[Any, Any, Any]:
        """The answer itself: its text, steps and usage, to be awaited."""
        return self._driver.answer

    def abort(self, reason: str | None = None) -> None:
        """Stop the answer and close the connection to the model; what is shown stays. From any thread."""
        self._driver.answer.abort(reason)

    def __await__(self) -> Generator[Any, Any, StreamUIResult]:
        """The result itself: `await stream_ui(…)` reads like the original."""
        yield from ()
        return self


class _Driver:
    """Reads the parts of one answer and has them shown."""

    def __init__(
        self,
        answer: StreamTextResult[Any, Any, Any],
        ui: StreamableUI,
        text: RenderText,
        tools: Mapping[str, UITool[..., Any]],
        on_end: OnEnd | None,
    ) -> None:
        self.answer = answer
        self.ui = ui
        self._render_text = _called_with_what_it_takes(text)
        self._tools = tools
        self._on_end = on_end
        self._places: list[Element] = []
        self._texts: dict[str, tuple[int, str]] = {}
        self._calls: dict[str, int] = {}
        self._showing: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._abort = AbortController()
        self._messages = answer._run._request.messages
        self._finish: FinishStep | None = None
        self._has_shown = False
        self._has_ended = False

    def start(self) -> None:
        """Begin; the request owns it, where there is one."""
        scope = current_scope()
        if scope is not None:
            scope.start_soon(self._run, name="stream_ui")
            scope.after(self._gone)
            return
        task = asyncio.get_running_loop().create_task(contained(self._run(), "stream_ui"))
        _running.add(task)
        task.add_done_callback(_running.discard)

    # --- the whole answer ----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        reading = asyncio.ensure_future(contained(self._read(), "a renderer of stream_ui"))
        try:
            ends: list[asyncio.Future[Any]] = [reading, self._failed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if (
                self._failed.done()
            ):  # the reader may have ended with the last renderer, whose failure it does not know
                await self._end(self._failed.result())
            else:
                await self._end(reading.exception())
        finally:
            for task in (reading, *self._showing):
                task.cancel()
            await asyncio.gather(reading, *self._showing, return_exceptions=True)
            self._abort.abort("the answer has ended")
            self.answer.abort("its UI has ended")
            self._let_go()

    def _let_go(self) -> None:
        """What the renderers hold is free: of an AI state that nobody can change any more the page is told at once."""
        self._render_text, self._tools = _as_it_is, {}
        if self._has_ended:
            self._on_end = None

    async def _read(self) -> None:
        scope, gave_way_s = current_scope(), time.monotonic()
        async for part in self.answer:
            await self._take(part)
            if scope is not None and scope.gate.closed:
                await scope.gate.wait()
            if time.monotonic() - gave_way_s > MAX_RUN_S:
                await asyncio.sleep(0)
                gave_way_s = time.monotonic()
        while self._showing:
            await asyncio.wait(set(self._showing))
        if not self._has_shown:
            self._raise_what_failed()
            await self._show_text(self._place(), "", delta="", done=True)

    async def _end(self, error: BaseException | None) -> None:
        steps = tuple(self.answer._run.steps)
        if isinstance(error, AbortError):
            self.ui.done()
            await self._tell(steps, None, is_aborted=True)
            return
        if error is None:
            self.ui.done()
        else:
            self.ui.fail(error)
        await self._tell(steps, error, is_aborted=False)

    def _raise_what_failed(self) -> None:
        """Nothing is shown: a call that could not be made, or whose tool failed, is why."""
        for part in self.answer._run.steps[-1].content:
            if isinstance(part, ToolError):
                raise part.error

    async def _tell(
        self, steps: Sequence[StepResult], error: BaseException | None, *, is_aborted: bool
    ) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        if self._on_end is None:
            return
        usage = sum((step.usage for step in steps[1:]), steps[0].usage) if steps else Usage()
        last = self._finish
        end = StreamUIEnd(
            finish_reason=last.finish_reason
            if last is not None
            else ("error" if error is not None else "other"),
            usage=usage,
            value=self._shown(),
            warnings=tuple(warning for step in steps for warning in step.warnings),
            response=last.response if last is not None else ResponseMetadata(),
            steps=steps,
            error=error,
            is_aborted=is_aborted,
        )
        told = self._on_end(end)
        if inspect.isawaitable(told):
            await told

    async def _gone(self) -> None:
        """The request is over: when the reader went away, nothing else has called `on_end`."""
        await self._tell(tuple(self.answer._run.steps), None, is_aborted=True)

    # --- parts ---------------------------------------------------------------------------------------------------

    async def _take(self, part: StreamPart) -> None:
        if isinstance(part, TextDelta):
            place, before = self._texts.get(part.id) or (self._place(), "")
            content = before + part.text
            self._texts[part.id] = (place, content)
            await self._show_text(place, content, delta=part.text, done=False)
        elif isinstance(part, TextEnd):
            if found := self._texts.get(part.id):
                await self._show_text(*found, delta="", done=True)
        elif isinstance(part, ToolCall):
            self._take_call(part)
        elif isinstance(part, ToolResult):
            self._take_result(part)
        elif isinstance(part, FinishStep):
            self._finish = part
        elif isinstance(part, Error):
            raise part.error
        elif isinstance(part, Abort):
            raise AbortError(part.reason)

    def _take_call(self, call: ToolCall) -> None:
        shown = self._tools.get(call.tool_name)
        if shown is None or call.invalid:  # the model is told of an invalid one
            return
        self._calls[call.tool_call_id] = place = self._place()
        if not shown.gives_a_result:
            context: ToolContext[Any] = ToolContext(
                call.tool_call_id, call.tool_name, self._messages, self._abort.signal, None
            )
            self._show_soon(place, lambda: shown.show(call.input, context))

    def _take_result(self, result: ToolResult) -> None:
        shown = self._tools.get(result.tool_name)
        if shown is not None and shown.gives_a_result:
            place = self._calls.get(result.tool_call_id)
            given: JSONValue = result.input
            self._show_soon(
                self._place() if place is None else place, lambda: shown.show_result(given, result.output)
            )

    # --- showing -------------------------------------------------------------------------------------------------

    def _place(self) -> int:
        """A new place behind all others; it stays where it is, so what is shown there stays mounted."""
        self._places.append(Element(FRAGMENT, {"children": None}, f"part-{len(self._places)}"))
        return len(self._places) - 1

    def _put(self, place: int, node: object) -> None:
        self._has_shown = True
        self._places[place] = Element(FRAGMENT, {"children": node}, self._places[place].key)
        if self.ui.is_open:
            self.ui.update(self._shown())

    def _shown(self) -> Any:
        return tuple(self._places)

    async def _show_text(self, place: int, content: str, *, delta: str, done: bool) -> None:
        async for node in _nodes_of(self._render_text(content, done=done, delta=delta)):
            self._put(place, node)

    def _show_soon(self, place: int, begin: Callable[[], object]) -> None:
        task = asyncio.get_running_loop().create_task(
            contained(self._show(place, begin), "a renderer of stream_ui")
        )
        self._showing.add(task)
        task.add_done_callback(self._has_been_shown)

    async def _show(self, place: int, begin: Callable[[], object]) -> None:
        async for node in _nodes_of(begin()):
            self._put(place, node)

    def _has_been_shown(self, task: asyncio.Task[None]) -> None:
        self._showing.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failed.done():
            self._failed.set_result(error)


_running: Final[set[asyncio.Task[None]]] = set()  # the loop itself keeps only weak references to tasks


async def _nodes_of(made: Any) -> AsyncIterator[object]:
    """The nodes of whatever a renderer gives: a node, an awaitable, a generator or async generator."""
    if inspect.isawaitable(made):
        made = await made
    if inspect.isasyncgen(made):
        try:
            async for node in made:
                yield node
        finally:
            with suppress(RuntimeError):
                await made.aclose()
    elif inspect.isgenerator(made):
        for node in cast("Iterator[object]", made):
            yield node
    else:
        yield made


def _as_it_is(content: str) -> str:
    return content


def _called_with_what_it_takes(render: RenderText) -> Callable[..., object]:
    try:
        parameters = inspect.signature(render).parameters.values()
    except (TypeError, ValueError):
        return render
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return render
    taken = {each.name for each in parameters if each.kind is not each.POSITIONAL_ONLY} & {"done", "delta"}

    def call(content: str, **given: object) -> object:
        return render(content, **{name: given[name] for name in taken})

    return call


def _sorted_tools(
    tools: UITools,
) -> tuple[dict[str, UITool[..., Any]], dict[str, Tool[..., Any]]]:
    """The UI tools, and what the loop gets, by the names that the model calls them."""
    named: dict[str, Any] = {}
    for name, each in tools.items() if isinstance(tools, Mapping) else ((None, each) for each in tools or ()):
        found = name or getattr(each, "name", None)
        if not isinstance(found, str) or not isinstance(each, (UITool, Tool)):
            kind = f"the function '{each.__name__}'" if inspect.isroutine(each) else repr(each)[:80]
            raise InvalidArgumentError(
                f"tools holds {kind}, which is no tool. Write @ui_tool above its `def`."
            )
        if found in named:
            raise InvalidArgumentError(f"two tools are named '{found}'. Rename one, or pass a dict.")
        named[found] = each
    ui_tools = {name: each for name, each in named.items() if isinstance(each, UITool)}
    return ui_tools, {name: each.tool if isinstance(each, UITool) else each for name, each in named.items()}
