"""`generate_text`: a whole answer at once.

Owns: the function and its result. Refuses to know: concrete providers, the wire, HTTP.
Follows `packages/ai/src/generate-text/generate-text.ts` (AI SDK v7).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Generic, cast, overload

from typing_extensions import TypeVar

from flightwire._frozen import value
from flightwire.core.models import ModelLike, resolve_model
from flightwire.core.results import Answer
from flightwire.core.run import Run
from flightwire.core.settings import TextSettings, to_request
from flightwire.errors import InvalidArgumentError, NoOutputGeneratedError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from flightwire.core.output import Output

O_co = TypeVar("O_co", covariant=True, default=Any)
_NO_OUTPUT: Final = object()


@value
class GenerateTextResult(Answer, Generic[O_co]):
    """A finished answer; the type is that of its output."""

    _output: object = _NO_OUTPUT

    @property
    def output(self) -> O_co:
        """What was asked for with `output=`, validated; without it the text.

        Raises:
            NoOutputGeneratedError: the model ended with tool calls, or without a word.
        """
        if self._output is _NO_OUTPUT:
            raise NoOutputGeneratedError(
                f"No output generated: the last step ended with the finish reason '{self.finish_reason}'"
                + (" and calls of tools." if self.final_step.tool_calls else " and no text.")
            )
        return cast("O_co", self._output)


class _GenerateText:
    """Ask a model and wait for the whole answer.

    `await generate_text(prompt="…")` inside async code, `generate_text.sync(prompt="…")` in scripts.
    """

    @overload
    async def __call__(
        self, *, model: ModelLike = None, output: Output[O_co, Any, Any], **settings: Unpack[TextSettings]
    ) -> GenerateTextResult[O_co]: ...

    @overload
    async def __call__(
        self, *, model: ModelLike = None, output: None = None, **settings: Unpack[TextSettings]
    ) -> GenerateTextResult[str]: ...

    async def __call__(
        self,
        *,
        model: ModelLike = None,
        output: Output[Any, Any, Any] | None = None,
        **settings: Unpack[TextSettings],
    ) -> GenerateTextResult[Any]:
        """Ask a model and wait for the whole answer. Cancelling closes the connection to the model.

        Arguments:
            model: `"provider/model"`, a model object, or nothing for the default model.
            output: what to answer with instead of text, as in `Output.object(Recipe)`.
            settings: prompt, call settings, tools, steps and callbacks, see `TextSettings`.

        Raises:
            InvalidPromptError: prompt or messages that no model could answer.
            InvalidArgumentError: a setting out of its range.
            NoSuchModelError: nobody knows this model.
            APICallError: the provider refused or failed; RetryError when it kept failing.
            AbortError: `abort_signal` fired; GenerationTimeoutError when a time limit was over.
            ToolApprovalError: a decision in the messages that this server did not ask for, or that was used before.
            ToolChoiceViolationError: the model did not do what `tool_choice` demands.
            NoObjectGeneratedError: the model's text is not what `output` asks for.
        """
        request = to_request(settings, known=TextSettings)
        run = Run(resolve_model(model), request, output=output, is_whole=True)
        try:
            await run.wait_finished()
        except asyncio.CancelledError:
            run.abort("the call of generate_text was cancelled")
            raise
        finally:
            await run.wait_stopped()  # callbacks may still be told of the end
        answer = run.answer
        return GenerateTextResult(answer.steps, answer.preamble, _output_of(answer, output))

    @overload
    def sync(
        self, *, model: ModelLike = None, output: Output[O_co, Any, Any], **settings: Unpack[TextSettings]
    ) -> GenerateTextResult[O_co]: ...

    @overload
    def sync(
        self, *, model: ModelLike = None, output: None = None, **settings: Unpack[TextSettings]
    ) -> GenerateTextResult[str]: ...

    def sync(
        self,
        *,
        model: ModelLike = None,
        output: Output[Any, Any, Any] | None = None,
        **settings: Unpack[TextSettings],
    ) -> GenerateTextResult[Any]:
        """The same for scripts: blocks until the answer is there.

        Raises:
            InvalidArgumentError: inside a running event loop, which it would block; and as `generate_text`.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self(model=model, output=output, **settings))
        raise InvalidArgumentError(
            "generate_text.sync() inside async code would block it; write `await generate_text(…)`."
        )


def _output_of(answer: Answer, output: Output[Any, Any, Any] | None) -> object:
    """What the last step says, if it says anything."""
    step = answer.final_step
    if step.finish_reason != "stop" and (step.finish_reason == "tool-calls" or not step.text):
        return _NO_OUTPUT
    return step.text if output is None else output.parse_step(step)


generate_text = _GenerateText()
