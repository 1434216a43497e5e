"""OpenAI's models.

Owns: OpenAI's address, key and headers, and which API a model is asked over. Refuses to know: the APIs themselves.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from urllib.parse import urlsplit

from flightwire.errors import (
    APICallError,
    InvalidArgumentError,
    LoadAPIKeyError,
    RetryError,
    WrongAPIError,
)
from flightwire.events import ProviderPart, ResponseMetadata
from flightwire.providers.answering import Answer, Takers
from flightwire.providers.base import HandedOver, LanguageModel, ModelCall, ModelResult
from flightwire.providers.chat_dialect import ChatModel
from flightwire.providers.endpoint import Endpoint, check_url, endpoint_of, from_environment
from flightwire.providers.openai_chat import OpenAIChat, OpenAIChatOptions
from flightwire.providers.openai_responses import OpenAIResponses, OpenAIResponsesOptions
from flightwire.providers.openai_tools import OpenAITools
from flightwire.providers.responses_dialect import ResponsesModel
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Timeouts

__all__ = ["OpenAI", "OpenAIChatOptions", "OpenAIResponsesOptions", "openai"]

KEY_VARIABLE = "OPENAI_API_KEY"
BASE_URL_VARIABLE = "OPENAI_BASE_URL"
DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL_ID = "gpt-5.4-mini"


class OpenAI:
    """Makes OpenAI's models: `openai("gpt-5.4-mini")` over the Responses API, `openai.chat(…)` over chat completions.

    Attributes:
        tools: OpenAI's own tools, as in `openai.tools.web_search()`.
    """

    tools = OpenAITools()

    def __call__(
        self,
        model_id: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> LanguageModel:
        """A model, by OpenAI's name for it, over the Responses API.

        A server that `OPENAI_BASE_URL` names is asked in chat completions, and a server that does not know the API it is
        asked in is asked in the other one; `openai.responses` and `openai.chat` are one API and nothing else.

        Args:
            model_id: as in "gpt-5.4-mini".
            base_url: where the API is; else `OPENAI_BASE_URL`, else OpenAI's own. Read at every call.
            api_key: else `OPENAI_API_KEY`, read at every call. A server on this machine needs none.
            organization: for people with several; else `OPENAI_ORG_ID`.
            project: likewise; else `OPENAI_PROJECT_ID`.
            headers: further headers of every call.
            timeouts: how long the API may be silent.

        Raises:
            InvalidArgumentError: an empty model id, or a base_url that is not an http(s) address.
        """
        endpoint = _endpoint_maker(model_id, base_url, api_key, (organization, project), headers)
        return _EitherAPI(
            ResponsesModel(OpenAIResponses(model_id), endpoint, timeouts=timeouts),
            ChatModel(OpenAIChat(model_id), endpoint, timeouts=timeouts),
            endpoint,
            prefers_responses=base_url is not None,
        )

    def responses(
        self,
        model_id: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> LanguageModel:
        """The same, over the Responses API and nothing else."""
        endpoint = _endpoint_maker(model_id, base_url, api_key, (organization, project), headers)
        return ResponsesModel(OpenAIResponses(model_id), endpoint, timeouts=timeouts)

    def chat(
        self,
        model_id: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> LanguageModel:
        """The same, over chat completions, which most servers that speak like OpenAI know."""
        endpoint = _endpoint_maker(model_id, base_url, api_key, (organization, project), headers)
        return ChatModel(OpenAIChat(model_id), endpoint, timeouts=timeouts)


openai = OpenAI()


class _EitherAPI:
    """A model over the API that the server knows.

    OpenAI, and whatever a `base_url` was passed for, is asked over the Responses API. A server that only `OPENAI_BASE_URL`
    names is asked in chat completions: most that copy OpenAI know nothing else. A server that does not know what it is
    asked (404, 405, 501, or an answer of the other API) is asked the other way, and so from then on; so is one that knows
    the Responses API by half.
    """

    def __init__(
        self,
        responses: ResponsesModel,
        chat: ChatModel,
        endpoint: Callable[[], Endpoint],
        *,
        prefers_responses: bool,
    ) -> None:
        self._models: dict[str, ResponsesModel | ChatModel] = {"responses": responses, "chat": chat}
        self._endpoint = endpoint
        self._prefers_responses = prefers_responses
        self._known: dict[str, str] = {}  # base URL → the API that its server knows

    @property
    def provider(self) -> str:
        """As in "openai.responses"."""
        return self._models[self._api()].provider

    @property
    def model_id(self) -> str:
        """OpenAI's name of the model."""
        return self._models["responses"].model_id

    @property
    def supported_urls(self) -> Mapping[str, Sequence[str]]:
        """Which addresses the API fetches itself: media type → patterns."""
        return self._models[self._api()].supported_urls

    def missing_key(self) -> LoadAPIKeyError | None:
        """What the first call would raise if the environment stays as it is, or None."""
        return self._models["responses"].missing_key()

    def __repr__(self) -> str:
        """`<openai.responses gpt-5.4-mini>`."""
        return repr(self._models[self._api()])

    def _api(self) -> str:
        try:
            base_url = self._endpoint().base_url
        except (LoadAPIKeyError, InvalidArgumentError):
            return "responses"
        if self._prefers_responses or _is_openais(base_url):
            return self._known.get(base_url, "responses")
        return self._known.get(base_url, "chat")

    def stream(self, call: ModelCall) -> HandedOver:
        """Answer in batches; see `LanguageModel.stream`."""
        return Answer(partial(self._batches, call))

    async def _batches(self, call: ModelCall, takers: Takers) -> AsyncGenerator[Sequence[ProviderPart], None]:
        api, other, has_begun = self._api(), None, False
        try:
            async with aclosing(self._models[api].stream(call)) as batches:
                async for batch in batches:
                    said = [part for part in batch if isinstance(part, ResponseMetadata)]
                    if said and (other := self._fuller_api(api, call, said[0])) is not None:
                        break  # what it answers begins after this
                    has_begun = True
                    if said and takers:
                        batches.hand_to(takers[0])
                    yield batch
        except (APICallError, RetryError) as error:
            other = None if has_begun else self._other_api(api, error)
            if other is None:
                raise
        if other is None:
            return
        async with aclosing(self._models[other].stream(call)) as batches:
            if takers:
                batches.hand_to(takers[0])
            async for batch in batches:
                yield batch

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once; see `LanguageModel.generate`."""
        api = self._api()
        try:
            result = await self._models[api].generate(call)
            other = self._fuller_api(api, call, result.response)
            if other is None:
                return result
        except (APICallError, RetryError) as error:
            other = self._other_api(api, error)
            if other is None:
                raise
        return await self._models[other].generate(call)

    def _fuller_api(self, api: str, call: ModelCall, said: ResponseMetadata) -> str | None:
        """Chat completions, if the server passes over in the Responses API what this call asks for.

        llama.cpp's ignores `text.format` and `tool_choice` there, and keeps to both in chat completions.
        """
        is_plain = call.response_format.type == "text" and not call.tools
        if api == "chat" or is_plain or (said.headers or {}).get("server") != "llama.cpp":
            return None
        self._known[self._endpoint().base_url] = "chat"
        return "chat"

    def _other_api(self, api: str, error: APICallError | RetryError) -> str | None:
        """The other API, if the server does not know this one."""
        base_url = self._endpoint().base_url
        if _is_openais(base_url) or base_url in self._known or not _is_unknown_api(error):
            return None
        self._known[base_url] = "chat" if api == "responses" else "responses"
        return self._known[base_url]


def _is_unknown_api(error: APICallError | RetryError) -> bool:
    """Whether a server does not know the API it was asked in, rather than the model."""
    if isinstance(error, WrongAPIError):
        return True
    if not isinstance(error, APICallError) or error.status_code not in (404, 405, 501):
        return False
    data = error.data if isinstance(error.data, Mapping) else {}
    return "model" not in f"{data.get('code')} {data.get('param')} {data.get('message')}".lower()


def _is_openais(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host == "openai.com" or host.endswith((".openai.com", ".openai.azure.com"))


def _endpoint_maker(
    model_id: str,
    base_url: str | None,
    api_key: str | None,
    owner: tuple[str | None, str | None],
    headers: Mapping[str, str] | None,
) -> Callable[[], Endpoint]:
    if not model_id:
        raise InvalidArgumentError("a model needs a name, as in openai('gpt-5.4-mini').")
    if base_url is not None:
        check_url(base_url, "base_url", DEFAULT_BASE_URL)
    return lambda: _endpoint(base_url, api_key, owner, headers or {})


def _endpoint(
    base_url: str | None,
    api_key: str | None,
    owner: tuple[str | None, str | None],
    headers: Mapping[str, str],
) -> Endpoint:
    organization, project = owner
    return endpoint_of(
        service="OpenAI",
        default_base_url=DEFAULT_BASE_URL,
        base_url=base_url,
        base_url_variable=BASE_URL_VARIABLE,
        api_key=api_key,
        key_variables=(KEY_VARIABLE,),
        headers={
            "openai-organization": organization or from_environment("OPENAI_ORG_ID"),
            "openai-project": project or from_environment("OPENAI_PROJECT_ID"),
            **headers,
        },
    )
