"""A model behind a chat-completions API.

Owns: one call from `ModelCall` to parts, or to a `ModelResult`. Refuses to know: which provider it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing

from flightwire.errors import LoadAPIKeyError
from flightwire.events import ProviderPart, StreamStart
from flightwire.providers.answering import Request, metadata_of, stream_answer, with_body
from flightwire.providers.base import ModelCall, ModelResult
from flightwire.providers.chat_dialect.dialect import ChatDialect
from flightwire.providers.chat_dialect.stream import ChatStream
from flightwire.providers.chat_dialect.whole import to_result
from flightwire.providers.endpoint import Endpoint
from flightwire.providers.retries import SYSTEM_CLOCK, Clock
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Outgoing, Reply, Timeouts, post_json

__all__ = ["ChatModel", "Endpoint"]


class ChatModel:
    """A language model; see `flightwire.providers.base.LanguageModel`.

    Args:
        dialect: how this model of this API is asked and read.
        endpoint: asked at every call, so that a key may change; it may raise `LoadAPIKeyError`.
        timeouts: how long the provider may be silent.
        clock: for tests.
    """

    def __init__(
        self,
        dialect: ChatDialect,
        endpoint: Callable[[], Endpoint],
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._dialect = dialect
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._clock = clock

    @property
    def provider(self) -> str:
        """As in "openai.chat"."""
        return self._dialect.provider

    @property
    def model_id(self) -> str:
        """The provider's name of the model."""
        return self._dialect.model_id

    @property
    def supported_urls(self) -> Mapping[str, Sequence[str]]:
        """Which addresses the API fetches itself: media type → patterns."""
        return self._dialect.supported_urls

    def missing_key(self) -> LoadAPIKeyError | None:
        """What the first call would raise if the environment stays as it is, or None."""
        try:
            self._endpoint()
        except LoadAPIKeyError as error:
            return error
        return None

    def __repr__(self) -> str:
        """`<openai.chat gpt-5.4-mini>`."""
        return f"<{self.provider} {self.model_id}>"

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        """Answer in batches: what one read of the socket delivered.

        Raises:
            APICallError: the API could not be reached, refused the call, or broke off before its own end mark.
            RetryError: it failed several times before it answered.
            LoadAPIKeyError: there is no key.
            InvalidPromptError: the messages hold something the API cannot take.
        """
        request = self._dialect.request(call, stream=True)
        outgoing = self._outgoing(call, request)

        def reader(reply: Reply) -> ChatStream:
            return ChatStream(
                service=outgoing.service,
                url=outgoing.address,
                headers=reply.headers,
                include_raw=call.include_raw,
                dialect=self._dialect,
                json_tool=request.json_tool,
            )

        start = StreamStart(request.warnings, metadata_of(call, request))
        async with aclosing(stream_answer(outgoing, start, reader)) as batches:
            async for batch in batches:
                yield batch

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once.

        Raises: as `stream`.
        """
        request = self._dialect.request(call, stream=False)
        outgoing = self._outgoing(call, request)
        headers, document = await post_json(outgoing)
        result = to_result(
            document,
            dialect=self._dialect,
            service=outgoing.service,
            url=outgoing.address,
            headers=headers,
            request=request,
            metadata=metadata_of(call, request),
        )
        return with_body(result, call, document)

    def _outgoing(self, call: ModelCall, request: Request) -> Outgoing:
        return self._endpoint().outgoing(
            "/chat/completions",
            request,
            call,
            service=self._dialect.service,
            timeouts=self._timeouts,
            clock=self._clock,
        )
