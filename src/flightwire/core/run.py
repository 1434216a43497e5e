"""The task that pulls an answer out of a model and writes it into the log.

Owns: when the model is called, how the answer ends (done, failed, aborted), and stopping it from any thread.
Refuses to know: who reads, and how.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing

from flightwire.core.collect import DEFAULT_MAX_OUTPUT_BYTES, StepCollector, finish_step
from flightwire.core.log import PartLog
from flightwire.core.results import ModelInfo, StepResult, total_usage
from flightwire.errors import AbortError, NoOutputGeneratedError
from flightwire.events import Abort, Error, Finish, Start, StreamPart
from flightwire.providers.base import LanguageModel, ModelCall
from flightwire.scope import current_scope


class Run:
    """One answer in the making."""

    def __init__(
        self, model: LanguageModel, call: ModelCall, *, max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES
    ) -> None:
        self.log: PartLog[StreamPart] = PartLog()
        self.steps: list[StepResult] = []
        self.error: BaseException | None = None
        self.aborted = False
        self._model = model
        self._call = call
        self._max_output_bytes = max_output_bytes
        self._reason: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._lock = threading.Lock()

    # --- starting and stopping -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Call the model, once; the first reader does this."""
        if self._task is not None or self.log.closed:
            return
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        with self._lock:
            if self.aborted:
                self._end_aborted()
                return
            self._task = self._loop.create_task(self._pull(), name=f"flightwire {self._model.model_id}")
        # A task that is cancelled before its first step never runs a line of its own.
        self._task.add_done_callback(lambda _: self._end_aborted())
        scope = current_scope()
        if scope is not None:
            scope.own(self._task)

    def abort(self, reason: str | None) -> None:
        """Stop, from any thread; the first reason wins, before the start nothing is ever called."""
        with self._lock:
            if self.aborted or self.log.closed:
                return
            self.aborted = True
            self._reason = reason
        if self._task is None or self._loop is None or self._loop.is_closed():
            return
        if threading.get_ident() == self._thread:
            self._task.cancel()
        else:
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def wait_stopped(self) -> None:
        """Wait until the task has ended and its connection is closed."""
        if self._task is not None and self._task is not asyncio.current_task():
            await asyncio.wait([self._task])

    async def wait_finished(self) -> None:
        """Wait for the end of the answer.

        Raises:
            BaseException: what ended it, unless a step had been completed before an abort.
        """
        self.start()
        await self.log.wait_closed()
        if self.error is not None:
            raise self.error
        if not self.steps:
            raise AbortError(self._reason) if self.aborted else _nothing()

    # --- pulling -------------------------------------------------------------------------------------------------

    async def _pull(self) -> None:
        self.log.extend([Start()])
        try:
            await self._pull_step()
        except asyncio.CancelledError:
            stopped_by_us = self.aborted
            self._end_aborted()
            if not stopped_by_us:
                raise
        except Exception as error:
            if self.aborted:
                self._end_aborted()
            else:
                self._fail(error)
        else:
            self._finish()

    async def _pull_step(self) -> None:
        collector = StepCollector(
            number=len(self.steps),
            model=ModelInfo(self._model.provider, self._model.model_id),
            max_output_bytes=self._max_output_bytes,
        )
        log = self.log
        async with aclosing(self._model.stream(self._call)) as batches:
            async for batch in batches:
                log.extend(collector.take(batch))
                if not log.wants_more:
                    await log.wait_for_demand()
        if not collector.finished:
            raise _nothing()
        step = collector.result()
        self.steps.append(step)
        log.extend([finish_step(step)])

    def _finish(self) -> None:
        last = self.steps[-1]
        self.log.extend([Finish(last.finish_reason, total_usage(self.steps), last.raw_finish_reason)])
        self.log.close()

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self.log.extend([Error(error)])
        self.log.close()

    def _end_aborted(self) -> None:
        if not self.log.closed:
            if not self.aborted:
                self.aborted, self._reason = True, "the request it belonged to has ended"
            self.log.extend([Abort(self._reason)])
            self.log.close()


def _nothing() -> NoOutputGeneratedError:
    return NoOutputGeneratedError("The model's stream ended without an answer.")
