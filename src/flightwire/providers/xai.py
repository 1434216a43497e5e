"""xAI's models.

Owns: xAI's address and key, and which API a model is asked over. Refuses to know: the APIs themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire.errors import InvalidArgumentError
from flightwire.providers.base import LanguageModel
from flightwire.providers.endpoint import Endpoint, check_url, endpoint_of
from flightwire.providers.provider import ChatProvider
from flightwire.providers.responses_dialect import ResponsesModel
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Timeouts
from flightwire.providers.xai_chat import XaiChat
from flightwire.providers.xai_responses import XaiOptions, XaiResponses
from flightwire.providers.xai_tools import XaiTools

__all__ = ["Xai", "XaiOptions", "xai"]

KEY_VARIABLE = "XAI_API_KEY"
BASE_URL_VARIABLE = "XAI_BASE_URL"
DEFAULT_BASE_URL = "https://api.x.ai/v1"


class Xai:
    """Makes xAI's models: `xai("grok-4.5")` over its Responses API, `xai.chat(…)` over chat completions.

    Attributes:
        chat: makes models over chat completions, which xAI keeps for older code.
        tools: xAI's own tools, as in `xai.tools.web_search()`.
    """

    tools = XaiTools()

    chat = ChatProvider(
        XaiChat,
        name="xai",
        service="xAI",
        base_url=DEFAULT_BASE_URL,
        key_variables=(KEY_VARIABLE,),
    )

    def __call__(
        self,
        model_id: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> LanguageModel:
        """A model, by xAI's name for it.

        Args:
            model_id: as in "grok-4.5".
            base_url: where the API is; else `XAI_BASE_URL`, else xAI's own. Read at every call.
            api_key: else `XAI_API_KEY`, read at every call.
            headers: further headers of every call.
            timeouts: how long the API may be silent.

        Raises:
            InvalidArgumentError: an empty model id, or a base_url that is not an http(s) address.
        """
        if not model_id:
            raise InvalidArgumentError("a model needs a name, as in xai('grok-4.5').")
        if base_url is not None:
            check_url(base_url, "base_url", DEFAULT_BASE_URL)

        def endpoint() -> Endpoint:
            return endpoint_of(
                service="xAI",
                default_base_url=DEFAULT_BASE_URL,
                base_url=base_url,
                base_url_variable=BASE_URL_VARIABLE,
                api_key=api_key,
                key_variables=(KEY_VARIABLE,),
                headers=headers,
            )

        return ResponsesModel(XaiResponses(model_id), endpoint, timeouts=timeouts)

    responses = __call__


xai = Xai()
