"""A model of Google's Gemini API.

Owns: one call from our values to theirs and back. Refuses to know: what a request or an answer looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flightwire.events import StreamStart
from flightwire.providers import answering
from flightwire.providers.answering import metadata_of, with_body
from flightwire.providers.api_model import APIModel
from flightwire.providers.base import LanguageModel, ModelCall, ModelResult
from flightwire.providers.endpoint import Endpoint
from flightwire.providers.exchange import Reply
from flightwire.providers.google.gemini import gemini
from flightwire.providers.google.request import Question, write_request
from flightwire.providers.google.stream import GeminiStream
from flightwire.providers.google.whole import to_result
from flightwire.providers.outgoing import DEFAULT_TIMEOUTS, Outgoing, Timeouts
from flightwire.providers.retries import SYSTEM_CLOCK, Clock
from flightwire.providers.transport import post_json

__all__ = ["GoogleModel"]

SERVICE = "Google"
# What Gemini 2.5 and newer read by an address: https://ai.google.dev/gemini-api/docs/file-input-methods
FETCHED = (
    "text/html", "text/css", "text/plain", "text/xml", "text/csv", "text/rtf", "text/javascript", "application/json",
    "application/pdf", "image/bmp", "image/jpeg", "image/png", "image/webp", "video/mp4", "video/mpeg", "video/quicktime",
    "video/avi", "video/x-flv", "video/mpg", "video/webm", "video/wmv", "video/3gpp",
)  # fmt: skip


class GoogleModel(APIModel):
    """A model that Google runs; see `flightwire.providers.base.LanguageModel`.

    Args:
        model_id: Google's name of the model.
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
        """Always `google.generative-ai`."""
        return "google.generative-ai"

    @property
    def model_id(self) -> str:
        """Google's name of the model."""
        return self._model_id

    @property
    def supported_urls(self) -> Mapping[str, Sequence[str]]:
        """What Google fetches itself: media type → patterns."""
        files = (
            r"^https://generativelanguage\.googleapis\.com/v1beta/files/.*$",
            r"^https://(?:www\.)?youtube\.com/watch\?v=[\w-]+(?:&[\w=&.-]*)?$",
            r"^https://youtu\.be/[\w-]+(?:\?[\w=&.-]*)?$",
        )
        everything = dict.fromkeys(FETCHED, (r"^https://.*$",))
        return {"*": files, **(everything if gemini(self._model_id).fetches else {})}

    def question(self, call: ModelCall) -> answering.Question:
        """See `APIModel.question`."""
        question, outgoing = self._prepare(call, "streamGenerateContent", query="alt=sse")

        def open_reader(reply: Reply) -> GeminiStream:
            return GeminiStream(
                question,
                service=SERVICE,
                url=outgoing.address,
                headers=reply.headers,
                include_raw=call.include_raw,
            )

        start = StreamStart(question.request.warnings, metadata_of(call, question.request))
        return answering.Question(outgoing, start, open_reader)

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once.

        Raises: as `stream`.
        """
        question, outgoing = self._prepare(call, "generateContent")
        headers, document = await post_json(outgoing)
        result = to_result(
            document,
            question,
            service=SERVICE,
            url=outgoing.address,
            headers=headers,
            request=metadata_of(call, question.request),
        )
        return with_body(result, call, document)

    def _prepare(self, call: ModelCall, method: str, *, query: str = "") -> tuple[Question, Outgoing]:
        question = write_request(call, self._model_id)
        name = self._model_id if "/" in self._model_id else f"models/{self._model_id}"
        path = f"/{re.sub(r'[?#%]', '', name)}:{method}"
        outgoing = self._endpoint().outgoing(
            path, question.request, call, service=SERVICE, timeouts=self._timeouts, clock=self._clock
        )
        if query:
            outgoing = replace(outgoing, url=f"{outgoing.url}{'&' if '?' in outgoing.url else '?'}{query}")
        return question, outgoing


if TYPE_CHECKING:
    _keeps_the_contract: type[LanguageModel] = GoogleModel
