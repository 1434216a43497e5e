"""Anthropic's models, through the messages API.

Owns: Anthropic's address, key and headers. Refuses to know: requests and answers (the modules of this folder).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flightwire.errors import InvalidArgumentError
from flightwire.providers.anthropic.model import SERVICE, AnthropicModel
from flightwire.providers.anthropic.options import (
    AnthropicOptions,
    AnthropicPartOptions,
    AnthropicToolOptions,
)
from flightwire.providers.anthropic.tool_specs import AnthropicTools
from flightwire.providers.base import LanguageModel
from flightwire.providers.endpoint import Endpoint, check_url, endpoint_of
from flightwire.providers.outgoing import DEFAULT_TIMEOUTS, Timeouts

__all__ = ["Anthropic", "AnthropicOptions", "AnthropicPartOptions", "AnthropicToolOptions", "anthropic"]

KEY_VARIABLE = "ANTHROPIC_API_KEY"
BASE_URL_VARIABLE = "ANTHROPIC_BASE_URL"
DEFAULT_BASE_URL = "https://api.anthropic.com/v1"
DEFAULT_MODEL_ID = "claude-sonnet-5"
API_VERSION = "2023-06-01"


class Anthropic:
    """Makes Anthropic's models: `anthropic("claude-sonnet-5")`; `anthropic.tools` makes the tools that it knows itself."""

    tools = AnthropicTools()

    def __call__(
        self,
        model_id: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        auth_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> LanguageModel:
        """A model, by Anthropic's name for it.

        Args:
            model_id: as in "claude-sonnet-5".
            base_url: where the API is; else `ANTHROPIC_BASE_URL`, else Anthropic's own. Read at every call.
            api_key: else `ANTHROPIC_API_KEY`, read at every call. A server on this machine needs none.
            auth_token: instead of a key, sent as `Authorization: Bearer …`.
            headers: further headers of every call; `anthropic-beta` adds to what a call needs.
            timeouts: how long the API may be silent.

        Raises:
            InvalidArgumentError: an empty model id, both a key and a token, or a base_url that is not an http(s) address.
        """
        if not model_id:
            raise InvalidArgumentError(f"a model needs a name, as in anthropic('{DEFAULT_MODEL_ID}').")
        if api_key and auth_token:
            raise InvalidArgumentError("anthropic(…) got both api_key and auth_token; pass one of them.")
        if base_url is not None:
            check_url(base_url, "base_url", DEFAULT_BASE_URL)

        def endpoint() -> Endpoint:
            return _endpoint(base_url, api_key, auth_token, headers or {})

        return AnthropicModel(model_id, endpoint, timeouts=timeouts)

    def __repr__(self) -> str:
        """`<provider anthropic>`."""
        return "<provider anthropic>"


anthropic = Anthropic()


def _endpoint(
    base_url: str | None, api_key: str | None, auth_token: str | None, headers: Mapping[str, str]
) -> Endpoint:
    found = endpoint_of(
        service=SERVICE,
        default_base_url=DEFAULT_BASE_URL,
        base_url=base_url,
        base_url_variable=BASE_URL_VARIABLE,
        api_key=auth_token or api_key,
        key_variables=(KEY_VARIABLE,),
    )
    sent = {"anthropic-version": API_VERSION, **_credentials(found, auth_token), **headers}
    return Endpoint(_versioned(found.base_url), sent, KEY_VARIABLE)


def _credentials(found: Endpoint, auth_token: str | None) -> dict[str, str]:
    bearer = found.headers.get("authorization")
    if bearer is None:
        return {}
    return {"authorization": bearer} if auth_token else {"x-api-key": bearer.removeprefix("Bearer ")}


def _versioned(base_url: str) -> str:
    """Anthropic's own libraries take the address without its version."""
    parts = urlsplit(base_url)
    is_bare = parts.hostname == urlsplit(DEFAULT_BASE_URL).hostname and parts.path in ("", "/")
    return DEFAULT_BASE_URL if is_bare else base_url
