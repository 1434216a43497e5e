"""OpenAI's models.

Owns: OpenAI's address, key, headers, and what its models can take. Refuses to know: the dialect itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from flightwire.errors import InvalidArgumentError, LoadAPIKeyError
from flightwire.providers.base import LanguageModel
from flightwire.providers.chat_dialect import ChatModel, ChatProfile, Endpoint
from flightwire.providers.proxies import is_loopback
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Timeouts

__all__ = ["OpenAI", "openai"]

KEY_VARIABLE = "OPENAI_API_KEY"
BASE_URL_VARIABLE = "OPENAI_BASE_URL"
DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL_ID = "gpt-5.4-mini"

# Names as in https://platform.openai.com/docs/guides/reasoning; gpt-5-chat answers without reasoning.
_REASONING_PREFIXES = ("o1", "o3", "o4", "gpt-5")
_CHAT_PREFIXES = ("gpt-5-chat", "gpt-5.1-chat", "gpt-5.2-chat", "gpt-5.3-chat")
# https://platform.openai.com/docs/guides/latest-model, "parameter compatibility": only with reasoning effort "none",
# and only from GPT-5.1 on.
_SAMPLING = ("temperature", "top_p", "logprobs", "top_logprobs")
_NEVER_WITH_REASONING = ("frequency_penalty", "presence_penalty", "logit_bias")
# https://platform.openai.com/docs/api-reference/chat/create, "stop": not supported with o3 and o4-mini.
_NO_STOP_PREFIXES = ("o3", "o4")


class OpenAI:
    """Makes OpenAI's models, and those of servers that speak like OpenAI: `openai("gpt-5.4-mini")`."""

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
        """A model, by OpenAI's name for it.

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
        return self.chat(
            model_id,
            base_url=base_url,
            api_key=api_key,
            organization=organization,
            project=project,
            headers=headers,
            timeouts=timeouts,
        )

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
        if not model_id:
            raise InvalidArgumentError("a model needs a name, as in openai('gpt-5.4-mini').")
        if base_url is not None:
            _check_url(base_url, "base_url")

        def endpoint() -> Endpoint:
            return _endpoint(base_url, api_key, organization, project, headers or {})

        return ChatModel(model_id, profile_of(model_id), endpoint, timeouts=timeouts)


openai = OpenAI()


def missing_key() -> LoadAPIKeyError | None:
    """What the first call would raise if the environment stays as it is, or None."""
    try:
        _endpoint(None, None, None, None, {})
    except LoadAPIKeyError as error:
        return error
    return None


def profile_of(model_id: str) -> ChatProfile:
    """What OpenAI's public reference says about a model; names it does not know are taken as plain chat models."""
    name = model_id.rpartition("/")[2]
    name = name.removeprefix("ft:")
    if not name.startswith(_REASONING_PREFIXES) or name.startswith(_CHAT_PREFIXES):
        return ChatProfile("openai.chat", "OpenAI", "openai", takes_reasoning_effort=not _is_openais(name))
    no_stop = ("stop",) if name.startswith(_NO_STOP_PREFIXES) else ()
    return ChatProfile(
        "openai.chat",
        "OpenAI",
        "openai",
        system_role="developer",
        max_tokens_field="max_completion_tokens",
        unsupported=(*_SAMPLING, *_NEVER_WITH_REASONING, *no_stop),
        without_reasoning=_SAMPLING if name.startswith("gpt-5.") else (),
    )


def _is_openais(name: str) -> bool:
    return name.startswith(("gpt-3", "gpt-4", "gpt-5", "chatgpt-"))


def _endpoint(
    base_url: str | None,
    api_key: str | None,
    organization: str | None,
    project: str | None,
    headers: Mapping[str, str],
) -> Endpoint:
    if base_url is None:
        base_url = _environment(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
        _check_url(base_url, BASE_URL_VARIABLE)
    key = (api_key or "").strip() or _environment(KEY_VARIABLE)
    if key is None and not is_loopback(urlsplit(base_url).hostname):
        raise LoadAPIKeyError("OpenAI", KEY_VARIABLE)
    sent = {
        "authorization": f"Bearer {key}" if key else None,
        "openai-organization": organization or _environment("OPENAI_ORG_ID"),
        "openai-project": project or _environment("OPENAI_PROJECT_ID"),
        **headers,
    }
    return Endpoint(base_url, {name: text for name, text in sent.items() if text is not None}, KEY_VARIABLE)


def _environment(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None  # a key pasted into a file often ends in a line break


def _check_url(url: str, where: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidArgumentError(
            f"{where} is {url!r}; expected an address such as {DEFAULT_BASE_URL} or http://127.0.0.1:8080/v1."
        )
