"""Servers that speak like OpenAI: any, by its address, and presets for those people have.

Owns: what such servers take in common, and the addresses, keys and habits of OpenRouter, Together, Fireworks, Ollama, vLLM,
LM Studio and llama.cpp. Refuses to know: the dialect itself, transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import ProviderOptions
from flightwire.providers.base import LanguageModel, ModelCall
from flightwire.providers.chat_dialect import ChatDialect, MessageWriter
from flightwire.providers.chat_dialect.answers import Facts, to_metadata
from flightwire.providers.chat_dialect.messages import Fields
from flightwire.providers.options import Options, camel_case, options_of
from flightwire.providers.provider import ChatProvider
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Timeouts

__all__ = [
    "CompatibleOptions",
    "fireworks",
    "llamacpp",
    "lmstudio",
    "ollama",
    "openai_compatible",
    "openrouter",
    "togetherai",
    "vllm",
]

_KNOWN = ("user", "reasoningEffort", "textVerbosity", "strictJsonSchema")


class CompatibleOptions(TypedDict, total=False):
    """What `provider_options` may say under the provider's name or `openai_compatible`; camelCase is read too.

    Anything else under the provider's own name goes into the body as it is.
    """

    user: str
    reasoning_effort: str | None
    text_verbosity: str
    strict_json_schema: bool


class CompatibleChat(ChatDialect):
    """One model of a server that speaks like OpenAI."""

    def __init__(
        self, model_id: str, *, name: str, service: str, structured_outputs: bool, stream_usage: bool = True
    ) -> None:
        super().__init__(model_id)
        self.provider = f"{name}.chat"
        self.service = service
        self.options_key = name
        self.has_json_schema = structured_outputs
        self.has_stream_usage = stream_usage

    def options(self, call: ModelCall) -> Options:
        """Under any of its names; options that only one server has stand under its own."""
        shared = options_of(
            call.provider_options, "openai-compatible", "openaiCompatible", "openai_compatible"
        )
        own: dict[str, JSONValue] = {name: shared[name] for name in _KNOWN if name in shared}
        for name in dict.fromkeys((self.options_key, camel_case(self.options_key))):
            own.update((call.provider_options or {}).get(name, {}))
        return Options(own)

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The dialect's fields."""
        given = call.provider_options or {}
        for name in dict.fromkeys(("openai-compatible", self.options_key)):
            if name in given and camel_case(name) != name:
                why = f"provider_options of {name!r} are written {camel_case(name)!r}."
                warnings.append(CallWarning("deprecated", why, name))
        return {
            **super().body(call, options, warnings),
            "user": options["user"],
            "verbosity": options["textVerbosity"],
        }

    def writer(self, call: ModelCall, options: Options) -> MessageWriter:
        """Messages that may carry fields of the server's own."""
        return _Messages(self.options_key, self.service)


class _Messages(MessageWriter):
    """Options under `openai_compatible` become fields of the message or part that has them."""

    def extras(self, options: ProviderOptions | None) -> Fields:
        """Fields of the server's own."""
        given = options or {}
        found = given.get("openaiCompatible", given.get("openai_compatible", {}))
        return dict(found) if isinstance(found, Mapping) else {}


def openai_compatible(
    model_id: str,
    *,
    base_url: str,
    api_key: str | None = None,
    name: str = "openaiCompatible",
    headers: Mapping[str, str] | None = None,
    structured_outputs: bool = False,
    stream_usage: bool = True,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> LanguageModel:
    """A model of any server that speaks chat completions: `openai_compatible("m", base_url="https://…/v1", api_key="…")`.

    Args:
        model_id: the server's name of the model.
        base_url: up to, but without, `/chat/completions`.
        api_key: sent as a bearer token; nothing is taken from the environment.
        name: what the provider is called, in `provider_options` and metadata.
        headers: further headers of every call.
        structured_outputs: whether the server takes a JSON schema.
        stream_usage: whether the server is asked for the usage of streams.
        timeouts: how long the server may be silent.

    Raises:
        InvalidArgumentError: an empty model id, or a base_url that is not an http(s) address.
    """

    def dialect(model_id: str) -> CompatibleChat:
        return CompatibleChat(
            model_id,
            name=name,
            service=name if name != "openaiCompatible" else "The server",
            structured_outputs=structured_outputs,
            stream_usage=stream_usage,
        )

    provider = ChatProvider(dialect, name=name, service=name, base_url=base_url)
    return provider(model_id, base_url=base_url, api_key=api_key, headers=headers, timeouts=timeouts)


# --- presets in the cloud ----------------------------------------------------------------------------------------


class OpenRouterChat(CompatibleChat):
    """OpenRouter: one way of saying how to reason for all models, and what the answer cost."""

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id, name="openrouter", service="OpenRouter", structured_outputs=True)

    def reasoning(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """As https://openrouter.ai/docs/use-cases/reasoning-tokens has it."""
        effort = super().reasoning(call, options, warnings).get("reasoning_effort")
        return {} if effort is None else {"reasoning": {"effort": effort}}

    def metadata(self, facts: Facts) -> JSONObject | None:
        """With the cost, in credits."""
        metadata, cost = to_metadata(facts), (facts.usage or {}).get("cost")
        if isinstance(cost, (int, float)):
            metadata["cost"] = cost
        return metadata or None


class TogetherChat(CompatibleChat):
    """Together."""

    def __init__(self, model_id: str) -> None:
        takes_schema = model_id == "deepseek-ai/DeepSeek-V4-Flash-0731"
        super().__init__(model_id, name="togetherai", service="Together", structured_outputs=takes_schema)


class FireworksChat(CompatibleChat):
    """Fireworks: three efforts, thoughts that may stay, and names of its own for some options."""

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id, name="fireworks", service="Fireworks", structured_outputs=True)

    def finish_body(
        self, body: Fields, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> None:
        """Fireworks' own fields."""
        thinking = options["thinking"]
        if isinstance(thinking, Mapping):
            budget = thinking.get("budgetTokens", thinking.get("budget_tokens"))
            body["thinking"] = {
                **({"type": thinking["type"]} if thinking.get("type") is not None else {}),
                **({"budget_tokens": budget} if budget is not None else {}),
            }
        body["reasoning_history"] = options["reasoningHistory"]
        body["prompt_cache_key"] = options["promptCacheKey"]
        body["service_tier"] = options["serviceTier"]
        effort = body.get("reasoning_effort")
        body["reasoning_effort"] = {"minimal": "low", "xhigh": "high"}.get(str(effort), effort)
        super().finish_body(body, call, options, warnings)


openrouter = ChatProvider(
    OpenRouterChat,
    name="openrouter",
    service="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    key_variables=("OPENROUTER_API_KEY",),
)
togetherai = ChatProvider(
    TogetherChat,
    name="togetherai",
    service="Together",
    base_url="https://api.together.xyz/v1",
    key_variables=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"),
)
fireworks = ChatProvider(
    FireworksChat,
    name="fireworks",
    service="Fireworks",
    base_url="https://api.fireworks.ai/inference/v1",
    key_variables=("FIREWORKS_API_KEY",),
)

# --- presets on this machine, or wherever NAME_BASE_URL says ------------------------------------------------------


def _local(name: str, service: str, base_url: str) -> ChatProvider:
    """A server that people run themselves: it takes schemas, and a key only if it was started with one."""

    def dialect(model_id: str) -> CompatibleChat:
        return CompatibleChat(model_id, name=name, service=service, structured_outputs=True)

    key = f"{name.upper()}_API_KEY"
    return ChatProvider(
        dialect, name=name, service=service, base_url=base_url, key_variables=(key,), needs_key=False
    )


ollama = _local("ollama", "Ollama", "http://127.0.0.1:11434/v1")
vllm = _local("vllm", "vLLM", "http://127.0.0.1:8000/v1")
lmstudio = _local("lmstudio", "LM Studio", "http://127.0.0.1:1234/v1")
llamacpp = _local("llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1")
