"""A model behind a chat-completions API.

Owns: one call from `ModelCall` to parts, or to a `ModelResult`. Refuses to know: which provider it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from flightwire._frozen import value
from flightwire.errors import APICallError
from flightwire.events import ProviderPart, RequestMetadata, StreamStart
from flightwire.jsontypes import JSONValue
from flightwire.providers.base import ModelCall, ModelResult
from flightwire.providers.chat_dialect.profile import ChatProfile
from flightwire.providers.chat_dialect.request import ChatRequest, chat_request
from flightwire.providers.chat_dialect.stream import ChatStream
from flightwire.providers.chat_dialect.whole import to_result
from flightwire.providers.retries import SYSTEM_CLOCK, Clock
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Outgoing, Timeouts, post_json, post_stream


@value
class Endpoint:
    """Where the API is, and what it wants to see with every call; `headers` carry the key."""

    base_url: str
    headers: Mapping[str, str]
    key_variable: str | None = None


class ChatModel:
    """A language model; see `flightwire.providers.base.LanguageModel`.

    Args:
        model_id: the provider's name of the model.
        profile: what it can take.
        endpoint: asked at every call, so that a key may change; it may raise `LoadAPIKeyError`.
        timeouts: how long the provider may be silent.
        clock: for tests.
    """

    def __init__(
        self,
        model_id: str,
        profile: ChatProfile,
        endpoint: Callable[[], Endpoint],
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._model_id = model_id
        self._profile = profile
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._clock = clock

    @property
    def provider(self) -> str:
        """As in "openai.chat"."""
        return self._profile.provider

    @property
    def model_id(self) -> str:
        """The provider's name of the model."""
        return self._model_id

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
        request = chat_request(call, self._model_id, self._profile, stream=True)
        outgoing = self._outgoing(call, request)
        async with post_stream(outgoing) as reply:
            answer = ChatStream(
                service=outgoing.service,
                url=outgoing.address,
                headers=reply.headers,
                include_raw=call.include_raw,
            )
            yield [StreamStart(request.warnings, _request_metadata(call, request))]
            while not answer.ended:
                try:
                    parts = answer.feed(await reply.read())
                except APICallError as error:
                    parts = answer.broke_off(error)
                if parts:
                    yield parts
            if answer.failure is not None:
                raise answer.failure

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once.

        Raises: as `stream`.
        """
        request = chat_request(call, self._model_id, self._profile, stream=False)
        outgoing = self._outgoing(call, request)
        headers, document = await post_json(outgoing)
        return to_result(
            document,
            service=outgoing.service,
            url=outgoing.address,
            headers=headers,
            warnings=request.warnings,
            request=_request_metadata(call, request),
        )

    def _outgoing(self, call: ModelCall, request: ChatRequest) -> Outgoing:
        endpoint = self._endpoint()
        return Outgoing(
            url=_url(endpoint.base_url),
            body=request.encode(),
            headers={**endpoint.headers, **(call.headers or {})},
            service=self._profile.service,
            key_variable=endpoint.key_variable,
            max_retries=call.max_retries,
            timeouts=self._timeouts,
            clock=self._clock,
        )


def _url(base_url: str) -> str:
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/chat/completions"))


def _request_metadata(call: ModelCall, request: ChatRequest) -> RequestMetadata:
    body: JSONValue = request.body if call.include_request_body else None  # type: ignore[assignment] # it was encoded
    return RequestMetadata(body)
