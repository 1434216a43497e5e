"""Groq's models.

Owns: what https://console.groq.com/docs/api-reference does otherwise than the rest of the dialect. Refuses to know: the
dialect itself, transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypedDict

from flightwire.events import CallWarning, Usage
from flightwire.providers.answering import Request
from flightwire.providers.base import ModelCall, ProviderToolSpec, ResponseFormat, ToolChoice, ToolSpec
from flightwire.providers.chat_dialect import ChatDialect, MessageWriter
from flightwire.providers.chat_dialect.answers import count_of, make_usage
from flightwire.providers.chat_dialect.dialect import IMAGES_BY_URL, mapped_effort
from flightwire.providers.chat_dialect.messages import Fields, unsupported
from flightwire.providers.media import Media
from flightwire.providers.options import Options
from flightwire.providers.provider import ChatProvider

__all__ = ["GroqOptions", "groq"]

_NEEDS_NOT_REASON = ("qwen/qwen3.6-27b",)
_ALWAYS_REASON_PREFIX = "openai/gpt-oss"
# Documented models without browser search; unknown ones may have it.
_NO_BROWSER_PREFIXES = (
    "gemma", "llama", "meta-llama/", "deepseek-r1", "moonshotai/", "qwen", "mixtral",
)  # fmt: skip


class GroqOptions(TypedDict, total=False):
    """What `provider_options={"groq": …}` may say; camelCase is read too."""

    reasoning_format: Literal["parsed", "raw", "hidden"]
    reasoning_effort: Literal["none", "default", "low", "medium", "high"]
    parallel_tool_calls: bool
    user: str
    structured_outputs: bool
    strict_json_schema: bool
    service_tier: Literal["on_demand", "performance", "flex", "auto"]


class GroqChat(ChatDialect):
    """One of Groq's models."""

    provider = "groq.chat"
    service = "Groq"
    options_key = "groq"
    supported_urls = IMAGES_BY_URL
    has_stream_usage = False  # Groq sends it unasked

    def request(self, call: ModelCall, *, stream: bool) -> Request:
        """Groq takes no schema beside functions: then the answer is asked for as one more function."""
        wanted, functions = call.response_format, [tool for tool in call.tools if isinstance(tool, ToolSpec)]
        if wanted.type != "json" or wanted.schema is None or not functions:
            return super().request(call, stream=stream)
        name = _free_name([tool.name for tool in call.tools])
        asked = ToolSpec(name, wanted.schema, wanted.description or "Respond with a JSON object.")
        choice = call.tool_choice
        if choice.type == "none":
            choice = ToolChoice("tool", name)
        elif choice.type != "tool":
            choice = ToolChoice("required")
        instead = replace(
            call, tools=(*call.tools, asked), tool_choice=choice, response_format=ResponseFormat()
        )
        request = super().request(instead, stream=stream)
        request.body["parallel_tool_calls"] = False
        return Request(request.body, request.warnings, json_tool=name)

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The dialect's fields, and Groq's own."""
        return {
            **super().body(call, options, warnings),
            "user": options["user"],
            "parallel_tool_calls": options["parallelToolCalls"],
            "reasoning_format": options["reasoningFormat"],
            "service_tier": options["serviceTier"],
        }

    def response_format(
        self, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> Fields | None:
        """A schema, unless the options say that the model takes none."""
        wants_schema = options.get("structuredOutputs", True)
        options.known("strictJsonSchema")
        if wants_schema or call.response_format.schema is None:
            return super().response_format(call, options, warnings)
        why = "structured_outputs is off; only JSON was asked for."
        warnings.append(unsupported("response_format", why))
        return {"type": "json_object"}

    def reasoning(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The effort in the words of the model."""
        chosen = options["reasoningEffort"]
        if chosen is not None or call.reasoning == "provider-default":
            return {"reasoning_effort": chosen}
        can_stop = self.model_id in _NEEDS_NOT_REASON
        if call.reasoning == "none" and not can_stop and not self.model_id.startswith(_ALWAYS_REASON_PREFIX):
            warnings.append(unsupported("reasoning", f"{self.model_id} cannot be told not to reason."))
            return {}
        efforts = {name: name for name in ("low", "medium", "high")}
        if can_stop:
            efforts["none"] = "none"
        return {"reasoning_effort": mapped_effort(call, efforts, warnings, service=self.service)}

    def own_tool(
        self, tool: ProviderToolSpec, options: Options, warnings: list[CallWarning]
    ) -> Fields | None:
        """Groq's browser search, where the model has it."""
        if tool.id != "groq.browser_search":
            return super().own_tool(tool, options, warnings)
        if self.model_id.startswith(_NO_BROWSER_PREFIXES):
            why = f"{self.model_id} has no browser search; it was left out."
            warnings.append(unsupported(tool.id, why))
            return None
        return {"type": "browser_search"}

    def writer(self, call: ModelCall, options: Options) -> MessageWriter:
        """Groq's messages."""
        return _Messages(self.options_key, self.service)

    def finish_body(
        self, body: Fields, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> None:
        """Options that we do not know."""
        self.add_unknown(body, options, warnings)

    def usage(self, raw: Mapping[str, object] | None) -> Usage:
        """Details that Groq does not send stay unknown."""
        if not raw:
            return Usage()
        return make_usage(
            raw,
            sent=count_of(raw, "prompt_tokens") or 0,
            written=count_of(raw, "completion_tokens") or 0,
            cached=count_of(raw.get("prompt_tokens_details"), "cached_tokens"),
            cache_written=None,
            reasoned=count_of(raw.get("completion_tokens_details"), "reasoning_tokens"),
        )


class _Messages(MessageWriter):
    """Groq's messages: images only, reasoning goes back as `reasoning`."""

    def file(self, media: Media, index: int) -> Fields:
        """An image."""
        if media.kind != "image" or media.reference is not None:
            raise self.refused(media, "send an image, as bytes or by its address")
        return self.image(media)

    def assistant_text(self, text: str, *, has_calls: bool) -> str | None:
        """Always text."""
        return text

    def reasoning(self, text: str) -> Fields:
        """As Groq calls it."""
        return {"reasoning": text}


def _free_name(taken: list[str]) -> str:
    name, suffix = "json", 1
    while name in taken:
        name, suffix = f"json_{suffix}", suffix + 1
    return name


class GroqTools:
    """Makes Groq's tools."""

    def browser_search(self) -> ProviderToolSpec:
        """Search the web and read what was found."""
        return ProviderToolSpec("groq.browser_search", "browser_search", {})


class Groq(ChatProvider):
    """Makes Groq's models: `groq("llama-3.3-70b-versatile")`.

    Attributes:
        tools: Groq's own tools, as in `groq.tools.browser_search()`.
    """

    tools = GroqTools()


groq = Groq(
    GroqChat,
    name="groq",
    service="Groq",
    base_url="https://api.groq.com/openai/v1",
    key_variables=("GROQ_API_KEY",),
)
