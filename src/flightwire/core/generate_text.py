"""`generate_text`: a whole answer at once.

Owns: the function and its result. Refuses to know: concrete providers, the wire, HTTP.
Follows `packages/ai/src/generate-text/generate-text.ts` (AI SDK v7).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flightwire._frozen import value
from flightwire.core.models import ModelLike, resolve_model
from flightwire.core.results import Answer
from flightwire.core.run import Run
from flightwire.core.settings import TextSettings, to_request
from flightwire.errors import InvalidArgumentError

if TYPE_CHECKING:
    from typing_extensions import Unpack


@value
class GenerateTextResult(Answer):
    """A finished answer."""


class _GenerateText:
    """Ask a model and wait for the whole answer.

    `await generate_text(prompt="…")` inside async code, `generate_text.sync(prompt="…")` in scripts.
    """

    async def __call__(
        self, *, model: ModelLike = None, **settings: Unpack[TextSettings]
    ) -> GenerateTextResult:
        """Ask a model and wait for the whole answer. Cancelling closes the connection to the model.

        Arguments:
            model: `"provider/model"`, a model object, or nothing for the default model.
            settings: prompt, call settings, tools, steps and callbacks, see `TextSettings`.

        Raises:
            InvalidPromptError: prompt or messages that no model could answer.
            InvalidArgumentError: a setting out of its range.
            NoSuchModelError: nobody knows this model.
            APICallError: the provider refused or failed; RetryError when it kept failing.
            AbortError: `abort_signal` fired; GenerationTimeoutError when a time limit was over.
            ToolApprovalError: a decision in the messages that this server did not ask for, or that was used before.
            ToolChoiceViolationError: the model did not do what `tool_choice` demands.
        """
        request = to_request(settings, known=TextSettings)
        run = Run(resolve_model(model), request, is_whole=True)
        try:
            await run.wait_finished()
        except asyncio.CancelledError:
            run.abort("the call of generate_text was cancelled")
            raise
        finally:
            await run.wait_stopped()  # callbacks may still be told of the end
        return GenerateTextResult(run.answer.steps, run.answer.preamble)

    def sync(self, *, model: ModelLike = None, **settings: Unpack[TextSettings]) -> GenerateTextResult:
        """The same for scripts: blocks until the answer is there.

        Raises:
            InvalidArgumentError: inside a running event loop, which it would block; and as `generate_text`.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(_in_script(self, model, settings))
        raise InvalidArgumentError(
            "generate_text.sync() inside async code would block it; write `await generate_text(…)`."
        )


async def _in_script(generate: _GenerateText, model: ModelLike, settings: TextSettings) -> GenerateTextResult:
    return await generate(model=model, **settings)


generate_text = _GenerateText()
