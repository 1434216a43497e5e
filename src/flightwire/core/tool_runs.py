"""Running one tool call.

Owns: async functions, threads, generators, time limits, and that whatever goes wrong is a `ToolError` the model sees
(AI SDK v7, `packages/ai/src/generate-text/execute-tool-call.ts`). Refuses to know: which calls are run, and when.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from flightwire.core.abort import AbortController
from flightwire.core.tool_outputs import check_output
from flightwire.core.tools import AnyContext, Tool
from flightwire.errors import ToolOutputError, ToolTimeoutError
from flightwire.events import ToolCall, ToolError, ToolResult
from flightwire.threads import DaemonThreads

MAX_SYNC_TOOLS: Final = 40
CANCEL_GRACE_S: Final = 1.0  # how long a tool may clean up once its time is over

_threads = DaemonThreads(MAX_SYNC_TOOLS, "flightwire tool")
_END: Final = object()


async def run_tool(
    tool: Tool[..., Any],
    call: ToolCall,
    context: AnyContext,
    *,
    timeout_s: float | None,
    stop: AbortController,
    on_preliminary: Callable[[ToolResult], None],
) -> tuple[ToolResult | ToolError, float]:
    """Run the call; gives what came of it, and how long it took in seconds.

    A plain function that does not end in time is left behind in its thread. Cancelling cancels the tool.

    Arguments:
        tool: the tool.
        call: a call whose input fits.
        context: what the tool is told.
        timeout_s: how long it may take.
        stop: fires the signal in `context` when the time is over.
        on_preliminary: told what a generator yields.
    """
    begun = time.monotonic()
    task = asyncio.ensure_future(_outputs(tool, call, context, on_preliminary))
    try:
        done, _ = await asyncio.wait([task], timeout=timeout_s)
        if done:
            output = _result(call, task)
        else:
            error = ToolTimeoutError(call.tool_name, timeout_s or 0.0)
            stop.abort(error)
            await _leave(task)
            output = _error(call, error)
    except BaseException:
        stop.abort()
        await _leave(task)
        raise
    return output, time.monotonic() - begun


async def _outputs(
    tool: Tool[..., Any], call: ToolCall, context: AnyContext, on_preliminary: Callable[[ToolResult], None]
) -> object:
    """The tool's output; of a generator the last value."""
    try:
        return await _output(tool, call, context, on_preliminary)
    except SystemExit as error:  # asyncio would end the whole server
        raise RuntimeError(f"tool '{call.tool_name}' tried to end the process (SystemExit)") from error


async def _output(
    tool: Tool[..., Any], call: ToolCall, context: AnyContext, on_preliminary: Callable[[ToolResult], None]
) -> object:
    result = (
        tool.run(call.input, context)
        if tool.is_async
        else await _in_thread(lambda: tool.run(call.input, context))
    )
    if inspect.isawaitable(result):
        result = await result
    if isinstance(result, Iterator) and inspect.isgenerator(result):
        result = _items(result)
    if isinstance(result, AsyncIterator):
        result = await _last(tool, call, result, on_preliminary)
    check_output(call.tool_name, tool, result)
    return result


async def _last(
    tool: Tool[..., Any],
    call: ToolCall,
    items: AsyncIterator[Any],
    on_preliminary: Callable[[ToolResult], None],
) -> object:
    last: object = None
    try:
        async for last in items:
            check_output(call.tool_name, tool, last)
            on_preliminary(_of(call, last, preliminary=True))
    finally:
        if inspect.isasyncgen(items):
            await items.aclose()
    return last


async def _in_thread(fn: Callable[[], Any]) -> Any:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: context.run(_guarded, fn))


def _guarded(fn: Callable[[], Any]) -> Any:
    try:
        return fn()
    except StopIteration as error:  # a future cannot carry it, and its awaiter would wait for ever (PEP 479)
        raise RuntimeError("the tool raised StopIteration") from error


async def _items(generator: Iterator[Any]) -> AsyncIterator[Any]:
    while (item := await _in_thread(lambda: next(generator, _END))) is not _END:
        yield item


def _result(call: ToolCall, task: asyncio.Future[object]) -> ToolResult | ToolError:
    if task.cancelled():
        return _error(call, ToolOutputError(call.tool_name, "the tool cancelled itself"))
    error = task.exception()
    if error is None:
        return _of(call, task.result())
    return _error(call, error)


def _of(call: ToolCall, output: object, *, preliminary: bool = False) -> ToolResult:
    return ToolResult(
        call.tool_call_id,
        call.tool_name,
        call.input,
        output,
        preliminary=preliminary,
        dynamic=call.dynamic,
        provider_metadata=call.provider_metadata,
    )


def _error(call: ToolCall, error: BaseException) -> ToolError:
    return ToolError(
        call.tool_call_id,
        call.tool_name,
        call.input,
        error,
        dynamic=call.dynamic,
        provider_metadata=call.provider_metadata,
    )


async def _leave(task: asyncio.Future[object]) -> None:
    """Cancel, and wait a moment: what does not end then is left behind."""
    task.cancel()
    task.add_done_callback(_look)
    await asyncio.wait([task], timeout=CANCEL_GRACE_S)


def _look(task: asyncio.Future[object]) -> None:
    """Take note of how it ended, so that asyncio does not complain that nobody did."""
    if not task.cancelled():
        task.exception()
