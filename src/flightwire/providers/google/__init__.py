"""Google's models, through the Gemini API.

Owns: Google's address, key and headers. Refuses to know: requests and answers (the modules of this folder).
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire.errors import InvalidArgumentError
from flightwire.providers.base import LanguageModel
from flightwire.providers.endpoint import Endpoint, check_url, endpoint_of
from flightwire.providers.google.model import SERVICE, GoogleModel
from flightwire.providers.google.options import GoogleOptions, ThinkingConfig
from flightwire.providers.google.tool_specs import GoogleTools
from flightwire.providers.outgoing import DEFAULT_TIMEOUTS, Timeouts

__all__ = ["Google", "GoogleOptions", "ThinkingConfig", "google"]

# The AI SDK's name first, then those of Google's own libraries.
KEY_VARIABLES = ("GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")
BASE_URL_VARIABLE = "GOOGLE_BASE_URL"
DEFAULT_BASE_URL = "https://generativelanguage.googleapis.com/v1beta"
DEFAULT_MODEL_ID = "gemini-3.5-flash"


class Google:
    """Makes Google's models: `google("gemini-3.5-flash")`; `google.tools` makes the tools that it runs itself."""

    tools = GoogleTools()

    def __call__(
        self,
        model_id: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> LanguageModel:
        """A model, by Google's name for it.

        Args:
            model_id: as in "gemini-3.5-flash".
            base_url: where the API is; else `GOOGLE_BASE_URL`, else Google's own. Read at every call.
            api_key: else `GOOGLE_GENERATIVE_AI_API_KEY`, `GEMINI_API_KEY` or `GOOGLE_API_KEY`, read at every call. A server
                on this machine needs none.
            headers: further headers of every call.
            timeouts: how long the API may be silent.

        Raises:
            InvalidArgumentError: an empty model id, or a base_url that is not an http(s) address.
        """
        if not model_id:
            raise InvalidArgumentError(f"a model needs a name, as in google('{DEFAULT_MODEL_ID}').")
        if base_url is not None:
            check_url(base_url, "base_url", DEFAULT_BASE_URL)

        def endpoint() -> Endpoint:
            return _endpoint(base_url, api_key, headers or {})

        return GoogleModel(model_id, endpoint, timeouts=timeouts)

    def __repr__(self) -> str:
        """`<provider google>`."""
        return "<provider google>"


google = Google()


def _endpoint(base_url: str | None, api_key: str | None, headers: Mapping[str, str]) -> Endpoint:
    found = endpoint_of(
        service=SERVICE,
        default_base_url=DEFAULT_BASE_URL,
        base_url=base_url,
        base_url_variable=BASE_URL_VARIABLE,
        api_key=api_key,
        key_variables=KEY_VARIABLES,
    )
    bearer = found.headers.get("authorization")
    key = {} if bearer is None else {"x-goog-api-key": bearer.removeprefix("Bearer ")}
    return Endpoint(found.base_url, {**key, **headers}, found.key_variable)
