"""A model of Anthropic's messages API.

Owns: one call from our values to theirs and back. Refuses to know: what a request or an answer looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flightwire.events import StreamStart
from flightwire.providers.answering import Question, metadata_of, with_body
from flightwire.providers.anthropic.request import Message, write_request
from flightwire.providers.anthropic.stream import MessageStream
from flightwire.providers.anthropic.whole import to_result
from flightwire.providers.api_model import APIModel
from flightwire.providers.base import LanguageModel, ModelCall, ModelResult
from flightwire.providers.endpoint import Endpoint
from flightwire.providers.exchange import Reply
from flightwire.providers.outgoing import DEFAULT_TIMEOUTS, Outgoing, Timeouts
from flightwire.providers.retries import SYSTEM_CLOCK, Clock
from flightwire.providers.transport import post_json

__all__ = ["AnthropicModel"]

SERVICE = "Anthropic"
BETA = "anthropic-beta"


class AnthropicModel(APIModel):
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
        super().__init__(endpoint, timeouts=timeouts, clock=clock)
        self._model_id = model_id

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

    def question(self, call: ModelCall) -> Question:
        """See `APIModel.question`."""
        message, outgoing = self._prepare(call, stream=True)

        def open_reader(reply: Reply) -> MessageStream:
            return MessageStream(
                message,
                service=SERVICE,
                url=outgoing.address,
                headers=reply.headers,
                include_raw=call.include_raw,
            )

        start = StreamStart(message.request.warnings, metadata_of(call, message.request))
        return Question(outgoing, start, open_reader)

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
