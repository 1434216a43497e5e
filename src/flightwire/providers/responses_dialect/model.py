"""A model behind a Responses API.

Owns: one call from `ModelCall` to parts, or to a `ModelResult`. Refuses to know: which provider it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from flightwire.errors import APICallError
from flightwire.events import RequestMetadata, StreamStart
from flightwire.jsontypes import loads
from flightwire.providers.answering import Question, Request, metadata_of, with_body
from flightwire.providers.api_model import APIModel
from flightwire.providers.base import ModelCall, ModelResult
from flightwire.providers.endpoint import Endpoint
from flightwire.providers.failures import reported, speaks_chat
from flightwire.providers.responses_dialect.reader import ResponsesReader
from flightwire.providers.retries import SYSTEM_CLOCK, Clock
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Outgoing, Reply, Timeouts, post_json

__all__ = ["ResponsesAPI", "ResponsesModel"]


class ResponsesAPI(Protocol):
    """How one model of one API is asked and read."""

    provider: str
    service: str
    model_id: str
    supported_urls: Mapping[str, Sequence[str]]

    def request(self, call: ModelCall, *, stream: bool) -> Request:
        """Write the request for one call."""
        ...

    def reader(
        self, call: ModelCall, *, url: str, headers: Mapping[str, str], include_raw: bool
    ) -> ResponsesReader:
        """What reads the stream that answers the call."""
        ...

    def result(
        self,
        body: Mapping[str, object],
        call: ModelCall,
        *,
        headers: Mapping[str, str],
        request: Request,
        metadata: RequestMetadata,
        url: str,
    ) -> ModelResult:
        """Read the document that answers the call."""
        ...


class ResponsesModel(APIModel):
    """A language model; see `flightwire.providers.base.LanguageModel`.

    Args:
        api: how this model of this API is asked and read.
        endpoint: asked at every call, so that a key may change; it may raise `LoadAPIKeyError`.
        timeouts: how long the provider may be silent.
        clock: for tests.
    """

    def __init__(
        self,
        api: ResponsesAPI,
        endpoint: Callable[[], Endpoint],
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(endpoint, timeouts=timeouts, clock=clock)
        self._api = api

    @property
    def provider(self) -> str:
        """As in "openai.responses"."""
        return self._api.provider

    @property
    def model_id(self) -> str:
        """The provider's name of the model."""
        return self._api.model_id

    @property
    def supported_urls(self) -> Mapping[str, Sequence[str]]:
        """Which addresses the API fetches itself: media type → patterns."""
        return self._api.supported_urls

    def question(self, call: ModelCall) -> Question:
        """See `APIModel.question`."""
        request = self._api.request(call, stream=True)
        outgoing = self._outgoing(call, request)

        def open_reader(reply: Reply) -> ResponsesReader:
            return self._api.reader(
                call, url=outgoing.address, headers=reply.headers, include_raw=call.include_raw
            )

        return Question(outgoing, StreamStart(request.warnings, metadata_of(call, request)), open_reader)

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once.

        Raises: as `stream`.
        """
        request = self._api.request(call, stream=False)
        outgoing = self._outgoing(call, request)
        headers, document = await post_json(outgoing)
        body = _document(document, outgoing)
        result = self._api.result(
            body,
            call,
            headers=headers,
            request=request,
            metadata=metadata_of(call, request),
            url=outgoing.address,
        )
        return with_body(result, call, document)

    def _outgoing(self, call: ModelCall, request: Request) -> Outgoing:
        return self._endpoint().outgoing(
            "/responses",
            request,
            call,
            service=self._api.service,
            timeouts=self._timeouts,
            clock=self._clock,
        )


def _document(document: bytes, outgoing: Outgoing) -> Mapping[str, object]:
    text = document.decode("utf-8", "replace")
    try:
        body = loads(text)
    except ValueError as error:
        raise _unusable(outgoing, text, f"a document that is not JSON ({error})") from None
    if not isinstance(body, Mapping):
        raise _unusable(outgoing, text, "a document that is not a JSON object")
    if said := body.get("error"):
        raise reported(said, service=outgoing.service, url=outgoing.address)
    if isinstance(body.get("choices"), list):
        raise speaks_chat(outgoing.service, outgoing.address)
    if not isinstance(body.get("output"), list):
        raise _unusable(outgoing, text, "an answer without output")
    return body


def _unusable(outgoing: Outgoing, text: str, what: str) -> APICallError:
    return APICallError(
        f"{outgoing.service} sent {what}", url=outgoing.address, response_body=text, is_retryable=True
    )
