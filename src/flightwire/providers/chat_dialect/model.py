"""A model behind a chat-completions API.

Owns: one call from `ModelCall` to parts, or to a `ModelResult`. Refuses to know: which provider it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flightwire.events import StreamStart
from flightwire.providers.answering import Question, Request, metadata_of, with_body
from flightwire.providers.api_model import APIModel
from flightwire.providers.base import ModelCall, ModelResult
from flightwire.providers.chat_dialect.dialect import ChatDialect
from flightwire.providers.chat_dialect.stream import ChatStream
from flightwire.providers.chat_dialect.whole import to_result
from flightwire.providers.endpoint import Endpoint
from flightwire.providers.retries import SYSTEM_CLOCK, Clock
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Outgoing, Reply, Timeouts, post_json

__all__ = ["ChatModel", "Endpoint"]


class ChatModel(APIModel):
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
        super().__init__(endpoint, timeouts=timeouts, clock=clock)
        self._dialect = dialect

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

    def question(self, call: ModelCall) -> Question:
        """See `APIModel.question`."""
        request = self._dialect.request(call, stream=True)
        outgoing = self._outgoing(call, request)

        def open_reader(reply: Reply) -> ChatStream:
            return ChatStream(
                service=outgoing.service,
                url=outgoing.address,
                headers=reply.headers,
                include_raw=call.include_raw,
                dialect=self._dialect,
                json_tool=request.json_tool,
            )

        return Question(outgoing, StreamStart(request.warnings, metadata_of(call, request)), open_reader)

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
