"""A model of Anthropic's messages API.

Owns: one call from our values to theirs and back. Refuses to know: what a request or an answer looks like.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from flightwire.errors import LoadAPIKeyError
from flightwire.events import ProviderPart, StreamStart
from flightwire.providers.answering import metadata_of, stream_answer, with_body
from flightwire.providers.anthropic.request import Message, write_request
from flightwire.providers.anthropic.stream import MessageStream
from flightwire.providers.anthropic.whole import to_result
from flightwire.providers.base import LanguageModel, ModelCall, ModelResult
from flightwire.providers.endpoint import Endpoint
from flightwire.providers.outgoing import DEFAULT_TIMEOUTS, Outgoing, Timeouts
from flightwire.providers.retries import SYSTEM_CLOCK, Clock
from flightwire.providers.transport import post_json

__all__ = ["AnthropicModel"]

SERVICE = "Anthropic"
BETA = "anthropic-beta"


class AnthropicModel:
    """A model that Anthropic runs; see `flightwire.providers.base.LanguageModel`.

    Args:
        model_id: Anthropic's name of the model.
        endpoint: asked at every call, so that a key may change; it may raise `LoadAPIKeyError`.
        timeouts: how long the API may be silent.
        clock: for tests.
    """

    def __init__(
        self,
        model_id: str,
        endpoint: Callable[[], Endpoint],
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._model_id = model_id
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._clock = clock

    @property
    def provider(self) -> str:
        """Always `anthropic.messages`."""
        return "anthropic.messages"

    @property
    def model_id(self) -> str:
        """Anthropic's name of the model."""
        return self._model_id

    @property
    def supported_urls(self) -> Mapping[str, Sequence[str]]:
        """What Anthropic fetches itself: media type → patterns."""
        return {"image/*": (r"^https?://.*$",), "application/pdf": (r"^https?://.*$",)}

    def missing_key(self) -> LoadAPIKeyError | None:
        """What the first call would raise if the environment stays as it is, or None."""
        try:
            self._endpoint()
        except LoadAPIKeyError as error:
            return error
        return None

    def __repr__(self) -> str:
        """`<anthropic.messages claude-sonnet-5>`."""
        return f"<{self.provider} {self.model_id}>"

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        """Answer in batches: what one read of the socket delivered.

        Raises:
            APICallError: the API could not be reached, refused the call, or broke off before its own end mark.
            RetryError: it failed several times before it answered.
            LoadAPIKeyError: there is no key.
            InvalidPromptError: the messages hold something the API cannot take.
            InvalidArgumentError: provider options that exclude each other.
            UnsupportedFunctionalityError: a file of a type that Anthropic does not take.
        """
        message, outgoing = self._prepare(call, stream=True)
        start = StreamStart(message.request.warnings, metadata_of(call, message.request))
        parts = stream_answer(
            outgoing,
            start,
            lambda reply: MessageStream(
                message,
                service=SERVICE,
                url=outgoing.address,
                headers=reply.headers,
                include_raw=call.include_raw,
            ),
        )
        async with aclosing(parts):
            async for batch in parts:
                yield batch

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once.

        Raises: as `stream`.
        """
        message, outgoing = self._prepare(call, stream=False)
        headers, document = await post_json(outgoing)
        result = to_result(
            document,
            message,
            service=SERVICE,
            url=outgoing.address,
            headers=headers,
            request=metadata_of(call, message.request),
        )
        return with_body(result, call, document)

    def _prepare(self, call: ModelCall, *, stream: bool) -> tuple[Message, Outgoing]:
        endpoint = self._endpoint()
        given = {name.lower(): text for name, text in {**endpoint.headers, **(call.headers or {})}.items()}
        named = [beta.strip().lower() for beta in given.get(BETA, "").split(",")]
        message = write_request(
            call, self._model_id, stream=stream, given_betas=[beta for beta in named if beta]
        )
        outgoing = endpoint.outgoing(
            "/messages", message.request, call, service=SERVICE, timeouts=self._timeouts, clock=self._clock
        )
        headers = {name: text for name, text in outgoing.headers.items() if name.lower() != BETA}
        if message.betas:
            headers[BETA] = ",".join(message.betas)
        return message, replace(outgoing, headers=headers)


if TYPE_CHECKING:
    _keeps_the_contract: type[LanguageModel] = AnthropicModel
