"""OpenAI's own chat completions.

Owns: what OpenAI's models take over chat completions, and the options they know. Refuses to know: addresses, keys, the
dialect itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypedDict

from flightwire.events import CallWarning, Usage
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import ProviderOptions, SystemMessage, ToolResultPart
from flightwire.providers.base import ModelCall, ToolSpec
from flightwire.providers.chat_dialect import ChatDialect, MessageWriter
from flightwire.providers.chat_dialect.answers import count_of, make_usage
from flightwire.providers.chat_dialect.dialect import IMAGES_BY_URL, mapped_effort
from flightwire.providers.chat_dialect.messages import Fields, json_text, output_text, unsupported
from flightwire.providers.media import Media
from flightwire.providers.openai_models import capabilities_of
from flightwire.providers.openai_schema import openai_schema
from flightwire.providers.options import Options, option_of

__all__ = ["OpenAIChat", "OpenAIChatOptions"]

_ALL_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


class OpenAIChatOptions(TypedDict, total=False):
    """What `provider_options={"openai": …}` may say to `openai.chat(…)`; camelCase is read too."""

    logit_bias: Mapping[str, float]
    logprobs: bool | int
    parallel_tool_calls: bool
    user: str
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
    max_completion_tokens: int
    store: bool
    metadata: Mapping[str, str]
    prediction: Mapping[str, Any]
    service_tier: Literal["auto", "flex", "priority", "fast", "ultrafast", "default"]
    strict_json_schema: bool
    text_verbosity: Literal["low", "medium", "high"]
    prompt_cache_key: str
    prompt_cache_options: Mapping[str, Any]
    prompt_cache_retention: Literal["in_memory", "24h"]
    safety_identifier: str
    system_message_mode: Literal["system", "developer", "remove"]
    force_reasoning: bool


_OPTIONS: Final = {
    "logit_bias": "logitBias",
    "user": "user",
    "parallel_tool_calls": "parallelToolCalls",
    "verbosity": "textVerbosity",
    "max_completion_tokens": "maxCompletionTokens",
    "store": "store",
    "metadata": "metadata",
    "prediction": "prediction",
    "service_tier": "serviceTier",
    "prompt_cache_key": "promptCacheKey",
    "prompt_cache_options": "promptCacheOptions",
    "prompt_cache_retention": "promptCacheRetention",
    "safety_identifier": "safetyIdentifier",
}


class OpenAIChat(ChatDialect):
    """One of OpenAI's models over chat completions, or one of a server that speaks like OpenAI."""

    provider = "openai.chat"
    service = "OpenAI"
    options_key = "openai"
    supported_urls = IMAGES_BY_URL

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id)
        self._can = capabilities_of(model_id)

    # --- asking --------------------------------------------------------------------------------------------------

    def writer(self, call: ModelCall, options: Options) -> MessageWriter:
        """OpenAI's messages, with instructions marked as the model wants them."""
        role = options.get("systemMessageMode", "developer" if self._reasons(options) else "system")
        return _Messages(self.options_key, self.service, str(role))

    def _reasons(self, options: Options) -> bool:
        return bool(options.get("forceReasoning", self._can.reasons))

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The dialect's fields, and OpenAI's own."""
        body = {**super().body(call, options, warnings), **options.fields(_OPTIONS)}
        logprobs = options["logprobs"]
        if logprobs is True:
            body |= {"logprobs": True, "top_logprobs": 0}
        elif isinstance(logprobs, (int, float)) and not isinstance(logprobs, bool):
            body |= {"logprobs": True, "top_logprobs": logprobs}
        return body

    def reasoning(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The effort; GPT-5.6 and its like do not reason over chat completions while they have tools."""
        if options["reasoningSummary"] is not None:
            warnings.append(
                unsupported("reasoning_summary", "Chat completions give no summary; it was left out.")
            )
        chosen = options["reasoningEffort"]
        if chosen is not None:
            return {"reasoning_effort": chosen}
        has_functions = any(isinstance(tool, ToolSpec) for tool in call.tools)
        if has_functions and not self._can.reasons_with_tools:
            if call.reasoning not in ("provider-default", "none"):
                why = f"{self.model_id} does not reason while it has tools; use the Responses API for both."
                warnings.append(CallWarning("compatibility", why, "reasoning"))
            return {"reasoning_effort": "none"}
        efforts = {name: name for name in self._can.efforts or _ALL_EFFORTS if name != "max"}
        return {"reasoning_effort": mapped_effort(call, efforts, warnings, service=self.service)}

    def schema(self, schema: JSONObject, warnings: list[CallWarning]) -> JSONObject:
        """Without what OpenAI's structured outputs do not know."""
        return openai_schema(schema, warnings)

    def finish_body(
        self, body: Fields, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> None:
        """Take out what the model refuses; options of the API that we do not know go in as they are."""
        options.known("reasoningSummary", "strictJsonSchema", "systemMessageMode", "forceReasoning")
        self.add_unknown(body, options, warnings)
        drop = _Dropper(body, warnings, self.model_id)
        if not self._can.cache_retention:
            drop("prompt_cache_retention")
        if self._reasons(options):
            if body.get("reasoning_effort") != "none" or not self._can.samples_without_reasoning:
                drop("temperature", "top_p", "logprobs")
            drop("frequency_penalty", "presence_penalty", "logit_bias", "top_logprobs")
            if (limit := body.pop("max_tokens", None)) is not None and body.get(
                "max_completion_tokens"
            ) is None:
                body["max_completion_tokens"] = limit
        elif not self._can.takes_temperature:
            drop("temperature")
        drop_service_tier(body, self._can.flex, self._can.priority, drop)

    # --- reading -------------------------------------------------------------------------------------------------

    def usage(self, raw: Mapping[str, object] | None) -> Usage:
        """With what was written to the cache."""
        if not raw:
            return Usage()
        details = raw.get("prompt_tokens_details")
        cached = count_of(details, "cached_tokens")
        if cached is None:  # servers that speak like OpenAI, with DeepSeek's word for it
            cached = count_of(raw, "prompt_cache_hit_tokens")
        return make_usage(
            raw,
            sent=count_of(raw, "prompt_tokens") or 0,
            written=count_of(raw, "completion_tokens") or 0,
            cached=cached or 0,
            cache_written=count_of(details, "cache_write_tokens"),
            reasoned=count_of(raw.get("completion_tokens_details"), "reasoning_tokens") or 0,
        )


class _Dropper:
    """Takes fields out of a body, with a warning each."""

    def __init__(self, body: Fields, warnings: list[CallWarning], model_id: str) -> None:
        self._body = body
        self._warnings = warnings
        self._model_id = model_id

    def __call__(self, *names: str) -> None:
        for name in names:
            if self._body.get(name) is not None:
                del self._body[name]
                kind: Literal["other", "unsupported"] = (
                    "other" if name in ("logprobs", "top_logprobs", "logit_bias") else "unsupported"
                )
                self._warnings.append(
                    CallWarning(kind, f"{self._model_id} does not take {name}; it was left out.", name)
                )


def drop_service_tier(body: Fields, flex: bool, priority: bool, drop: _Dropper) -> None:
    """Take out a service tier that the model is not served in."""
    tier = body.get("service_tier")
    if (tier == "flex" and not flex) or (tier in ("priority", "fast") and not priority):
        drop("service_tier")


class _Messages(MessageWriter):
    """OpenAI's messages: instructions with a role of their own, breakpoints of the prompt cache."""

    takes_names = True

    def __init__(self, options_key: str, service: str, system_role: str) -> None:
        super().__init__(options_key, service)
        self._system_role = system_role

    def system(self, message: SystemMessage) -> Fields | None:
        """Instructions, as the model marks them; some early models take none."""
        if self._system_role == "remove":
            self.warnings.append(CallWarning("other", "System messages were left out for this model."))
            return None
        content = self._marked(message.content, [message.provider_options])
        return {"role": self._system_role, "content": content}

    def user(self, message: Any, where: str) -> Fields:
        """A text alone is written short, unless it marks the end of what is cached."""
        content = message.content
        if not isinstance(content, str) and len(content) == 1 and self.extras(content[0].provider_options):
            return {"role": "user", "content": self.user_parts(content, where)}
        return super().user(message, where)

    def extras(self, options: ProviderOptions | None) -> Fields:
        """Where the prompt cache may end."""
        found = option_of(options, self.options_key, "promptCacheBreakpoint")
        return {} if found is None else {"prompt_cache_breakpoint": found}

    def _write_one(self, message: Any, index: int) -> list[Fields]:
        written = super()._write_one(message, index)
        for each in written:  # a breakpoint stands in a part, not beside the role
            each.pop("prompt_cache_breakpoint", None)
        return written

    def _marked(self, text: str, options: Iterable[ProviderOptions | None]) -> object:
        for each in options:
            if extras := self.extras(each):
                return [{"type": "text", "text": text, **extras}]
        return text

    def image(self, media: Media) -> Fields:
        """An image, and how closely to look at it."""
        url: Fields = {"url": self.url(media)}
        if (detail := option_of(media.provider_options, self.options_key, "imageDetail")) is not None:
            url["detail"] = detail
        return {"type": "image_url", "image_url": url}

    def file(self, media: Media, index: int) -> Fields:
        """OpenAI takes no video."""
        if media.kind == "video":
            raise self.refused(media, "send images, audio (wav, mp3), text, or a PDF")
        return super().file(media, index)

    def document_name(self, index: int) -> str:
        """As the AI SDK calls it."""
        return f"part-{index}.pdf"

    def keeps_reasoning(self, index: int) -> bool:
        """Reasoning stays with OpenAI."""
        return False

    def arguments(self, given: JSONValue) -> str:
        """An object, whatever became of the call."""
        text = super().arguments(given)
        return text if text.lstrip().startswith("{") else "{}"

    def output(self, part: ToolResultPart, where: str) -> object:
        """A tool's output; failures are marked as such."""
        output = part.output
        if output.get("type") in ("error-text", "error-json"):
            text = json_text({"error": output.get("value")})
        else:
            text = output_text(output)
        return self._marked(text, [*_options_in(output), part.provider_options])


def _options_in(output: JSONObject) -> Iterable[ProviderOptions | None]:
    """The options of an output's parts, or its own."""
    parts = output.get("value") if output.get("type") == "content" else [output]
    for part in parts if isinstance(parts, list) else ():
        options = (
            part.get("providerOptions", part.get("provider_options")) if isinstance(part, Mapping) else None
        )
        yield options if isinstance(options, Mapping) else None
