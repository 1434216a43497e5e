"""Running an action.

Owns: awaiting async functions, and the bounded pool that sync ones run in. Refuses to know: requests, rows.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flightwire.actions.registry import Action
from flightwire.scope import instead_of_the_end
from flightwire.threads import DaemonThreads

MAX_SYNC_ACTIONS: Final = 40

_threads = DaemonThreads(MAX_SYNC_ACTIONS, "flightwire action")


async def call_action(
    called: Action[Any, Any], args: Sequence[object], kwargs: Mapping[str, object]
) -> object:
    """Run an action with arguments that were checked; a plain `def` runs in a thread, of which there are at most 40.

    The request scope of the caller is the action's too. When the call is cancelled, a thread that has begun is abandoned: it
    runs on, nobody sees what it does, and it counts against the 40 until it ends. One that waits for its turn never begins.

    Arguments:
        called: the action.
        args: positional arguments, as `called.schema.bind` returned them.
        kwargs: keywords, with what the server injects.

    Returns:
        What the action returns; awaitables in it are left for whoever sends it.

    Raises:
        Exception: what the action raises.
    """
    try:
        result = await _result(called, args, kwargs)
        # Async functions have given us a coroutine, and so have plain ones that wrap one. An async generator is returned as
        # it is: its items are sent as they come.
        return await result if asyncio.iscoroutine(result) else result
    except (SystemExit, KeyboardInterrupt) as error:  # asyncio would end the whole server
        raise instead_of_the_end(error, f"action '{called.name}'") from error
    except (GeneratorExit, BaseExceptionGroup) as error:
        if (
            isinstance(error, Exception) or not _is_running()
        ):  # a coroutine that is thrown away gets a GeneratorExit, too
            raise
        raise RuntimeError(f"action '{called.name}' raised {type(error).__name__}") from error


def _is_running() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


async def _result(called: Action[Any, Any], args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    if called.is_async:
        return called.fn(*args, **kwargs)
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, lambda: context.run(_run, called, args, kwargs))


def _run(called: Action[Any, Any], args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    try:
        return called.fn(*args, **kwargs)
    except StopIteration as error:  # a future cannot carry it, and its awaiter would wait for ever (PEP 479)
        raise RuntimeError(f"action '{called.name}' raised StopIteration") from error
    except (SystemExit, KeyboardInterrupt) as error:
        raise instead_of_the_end(error, f"action '{called.name}'") from error
