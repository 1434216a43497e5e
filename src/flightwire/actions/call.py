"""Running an action.

Owns: awaiting async functions, and the bounded pool that sync ones run in. Refuses to know: requests, rows.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flightwire.actions.registry import Action

MAX_SYNC_ACTIONS = 40

_pool: ThreadPoolExecutor | None = None


async def call_action(called: Action[Any, Any], args: Sequence[object], kwargs: dict[str, object]) -> object:
    """Run an action; a plain `def` runs in a thread, of which there are at most 40.

    When the call is cancelled, a thread that has begun is abandoned: it runs on, nobody sees what it does, and it counts
    against the pool until it ends. One that waits for its turn never begins.

    Raises:
        Exception: what the action raises.
    """
    if called.is_async:
        return await called.fn(*args, **kwargs)
    context = contextvars.copy_context()
    run = functools.partial(context.run, called.fn, *args, **kwargs)
    result = await asyncio.get_running_loop().run_in_executor(_threads(), run)
    # A callable object, or a decorated function, may turn out to be async only when it is called.
    return await result if asyncio.iscoroutine(result) else result


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(MAX_SYNC_ACTIONS, thread_name_prefix="flightwire action")
    return _pool
