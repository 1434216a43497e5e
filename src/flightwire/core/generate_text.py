"""`generate_text`: a whole answer at once.

Owns: the function and its result. Refuses to know: concrete providers, the wire, HTTP.
Follows `packages/ai/src/generate-text/generate-text.ts` (AI SDK v7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flightwire._frozen import value
from flightwire.core.models import ModelLike, resolve_model
from flightwire.core.results import ModelInfo, StepContent, StepResult, total_usage
from flightwire.core.settings import CallSettings, to_call
from flightwire.errors import InvalidArgumentError
from flightwire.events import (
    CallWarning,
    FinishReason,
    ProviderMetadata,
    RequestMetadata,
    ResponseMetadata,
    Usage,
)
from flightwire.messages import ModelMessage
from flightwire.providers.base import LanguageModel, ModelCall, Reasoning

if TYPE_CHECKING:
    from typing_extensions import Unpack


@value
class GenerateTextResult:
    """A finished answer."""

    steps: Sequence[StepResult]

    @property
    def final_step(self) -> StepResult:
        """The last step."""
        return self.steps[-1]

    @property
    def text(self) -> str:
        """The text of the last step."""
        return self.final_step.text

    @property
    def content(self) -> tuple[StepContent, ...]:
        """Everything the model produced, of all steps."""
        return tuple(part for step in self.steps for part in step.content)

    @property
    def reasoning(self) -> tuple[Reasoning, ...]:
        """The reasoning of the last step."""
        return self.final_step.reasoning

    @property
    def reasoning_text(self) -> str | None:
        """The reasoning of the last step as text."""
        return self.final_step.reasoning_text

    @property
    def finish_reason(self) -> FinishReason:
        """Why the last step ended."""
        return self.final_step.finish_reason

    @property
    def raw_finish_reason(self) -> str | None:
        """Why the last step ended, in the provider's word."""
        return self.final_step.raw_finish_reason

    @property
    def usage(self) -> Usage:
        """The tokens of all steps."""
        return total_usage(self.steps)

    @property
    def warnings(self) -> tuple[CallWarning, ...]:
        """What the provider could not honour, in any step."""
        return tuple(warning for step in self.steps for warning in step.warnings)

    @property
    def request(self) -> RequestMetadata:
        """What was sent in the last step."""
        return self.final_step.request

    @property
    def response(self) -> ResponseMetadata:
        """What the provider said about its last answer."""
        return self.final_step.response

    @property
    def response_messages(self) -> tuple[ModelMessage, ...]:
        """The answer as messages, to be appended to a history."""
        return tuple(message for step in self.steps for message in step.response_messages)

    @property
    def provider_metadata(self) -> ProviderMetadata | None:
        """What only this provider says."""
        return self.final_step.provider_metadata


class _GenerateText:
    """Ask a model and wait for the whole answer.

    `await generate_text(prompt="…")` inside async code, `generate_text.sync(prompt="…")` in scripts.
    """

    async def __call__(
        self, *, model: ModelLike = None, **settings: Unpack[CallSettings]
    ) -> GenerateTextResult:
        """Ask a model and wait for the whole answer. Cancelling closes the connection to the model.

        Arguments:
            model: `"provider/model"`, a model object, or nothing for the default model.
            settings: prompt and call settings, see `CallSettings`.

        Raises:
            InvalidPromptError: prompt or messages that no model could answer.
            InvalidArgumentError: a setting out of its range.
            NoSuchModelError: nobody knows this model.
            APICallError: the provider refused or failed; RetryError when it kept failing.
        """
        return GenerateTextResult((await _step(resolve_model(model), to_call(settings)),))

    def sync(self, *, model: ModelLike = None, **settings: Unpack[CallSettings]) -> GenerateTextResult:
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


async def _in_script(generate: _GenerateText, model: ModelLike, settings: CallSettings) -> GenerateTextResult:
    return await generate(model=model, **settings)


async def _step(model: LanguageModel, call: ModelCall) -> StepResult:
    result = await model.generate(call)
    return StepResult(
        step_number=0,
        model=ModelInfo(model.provider, model.model_id),
        content=tuple(result.content),
        finish_reason=result.finish_reason,
        usage=result.usage,
        raw_finish_reason=result.raw_finish_reason,
        warnings=result.warnings,
        request=result.request,
        response=result.response,
        provider_metadata=result.provider_metadata,
    )


generate_text = _GenerateText()
