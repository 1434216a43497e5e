"""Alibaba's models (Qwen).

Owns: what https://www.alibabacloud.com/help/en/model-studio does otherwise than the rest of the dialect. Refuses to know:
the dialect itself, transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from flightwire.events import CallWarning, Usage
from flightwire.jsontypes import JSONValue
from flightwire.messages import (
    AssistantMessage,
    ProviderOptions,
    SystemMessage,
    TextPart,
    ToolMessage,
    ToolResultPart,
    UserContentPart,
    UserMessage,
)
from flightwire.providers.base import ModelCall
from flightwire.providers.chat_dialect import ChatDialect, MessageWriter
from flightwire.providers.chat_dialect.answers import count_of, make_usage
from flightwire.providers.chat_dialect.dialect import IMAGES_BY_URL
from flightwire.providers.chat_dialect.json_instruction import with_json_instruction
from flightwire.providers.chat_dialect.messages import Fields, json_text
from flightwire.providers.media import Media
from flightwire.providers.options import Options, option_of
from flightwire.providers.provider import ChatProvider

__all__ = ["AlibabaOptions", "alibaba"]

_SCHEMA_MODELS = ("qwen3.7-plus", "qwen3.7-flash", "qwen3.7-max", "qwen3.8-max", "qwen3.8-flash")
_KEEPS_THOUGHTS = frozenset(
    {
        "kimi-k2.7-code", "qwen3.6-max-preview", "qwen3.6-plus", "qwen3.6-plus-2026-04-02", "qwen3.7-flash",
        "qwen3.7-flash-2026-07-15", "qwen3.7-max", "qwen3.7-max-2026-05-17", "qwen3.7-max-2026-05-20",
        "qwen3.7-max-2026-06-08", "qwen3.7-max-preview", "qwen3.7-plus", "qwen3.7-plus-2026-05-26",
        "qwen3.8-flash", "qwen3.8-max", "qwen3.8-max-0902",
    }
)  # fmt: skip
MAX_THOUGHTS = 16384
MIN_THOUGHTS = 1024
_SHARE_OF_THOUGHTS = {"minimal": 0.02, "low": 0.1, "medium": 0.3, "high": 0.6, "xhigh": 0.9}
MAX_CACHE_MARKS = 4


class AlibabaOptions(TypedDict, total=False):
    """What `provider_options={"alibaba": …}` may say; camelCase is read too."""

    enable_thinking: bool
    thinking_budget: int
    preserve_thinking: bool
    parallel_tool_calls: bool


class AlibabaChat(ChatDialect):
    """One of Alibaba's models."""

    provider = "alibaba.chat"
    service = "Alibaba"
    options_key = "alibaba"
    supported_urls = IMAGES_BY_URL
    left_out = ("frequency_penalty",)

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id)
        self.has_json_schema = any(
            model_id == name or model_id.startswith(f"{name}-") for name in _SCHEMA_MODELS
        )

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The dialect's fields, and Alibaba's own."""
        body = super().body(call, options, warnings)
        body.pop("frequency_penalty")
        return {
            **body,
            "top_k": call.top_k,
            "preserve_thinking": self._keeps_thoughts(options),
            "parallel_tool_calls": options["parallelToolCalls"] if call.tools else None,
        }

    def _keeps_thoughts(self, options: Options) -> JSONValue:
        chosen = options["preserveThinking"]
        return (True if self.model_id in _KEEPS_THOUGHTS else None) if chosen is None else chosen

    def reasoning(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """Whether to think, and for how many tokens."""
        thinks, budget = options["enableThinking"], options["thinkingBudget"]
        if thinks is not None or budget is not None:
            return {"enable_thinking": thinks, "thinking_budget": budget}
        if call.reasoning in ("provider-default", "none"):
            return {"enable_thinking": False if call.reasoning == "none" else None}
        wanted = round(MAX_THOUGHTS * _SHARE_OF_THOUGHTS[call.reasoning])
        return {
            "enable_thinking": True,
            "thinking_budget": min(MAX_THOUGHTS, max(MIN_THOUGHTS, wanted)),
        }

    def messages(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> list[Fields]:
        """JSON must be asked for in words, too, where no schema is taken."""
        wanted = call.response_format
        if wanted.type == "json" and (wanted.schema is None or not self.has_json_schema):
            call = with_json_instruction(call)
        return super().messages(call, options, warnings)

    def response_format(
        self, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> Fields | None:
        """JSON, with a schema where the model takes one."""
        wanted = call.response_format
        if wanted.type == "json" and wanted.schema is not None and not self.has_json_schema:
            why = f"{self.model_id} takes no schema; it was written into the instructions."
            warnings.append(CallWarning("compatibility", why, "response_format"))
            return {"type": "json_object"}
        form = super().response_format(call, options, warnings)
        if form is not None and isinstance(schema := form.get("json_schema"), dict):
            schema.pop("strict")
        return form

    def writer(self, call: ModelCall, options: Options) -> MessageWriter:
        """Alibaba's messages."""
        keeps = self._keeps_thoughts(options) is True
        return _Messages(self.options_key, self.service, keeps_thoughts=keeps)

    def finish_body(
        self, body: Fields, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> None:
        """Options that we do not know."""
        options.known("parallelToolCalls")
        self.add_unknown(body, options, warnings)

    def usage(self, raw: Mapping[str, object] | None) -> Usage:
        """With what was written to the cache."""
        if not raw:
            return Usage()
        details = raw.get("prompt_tokens_details")
        return make_usage(
            raw,
            sent=count_of(raw, "prompt_tokens") or 0,
            written=count_of(raw, "completion_tokens") or 0,
            cached=count_of(details, "cached_tokens") or 0,
            cache_written=count_of(details, "cache_creation_input_tokens") or 0,
            reasoned=count_of(raw.get("completion_tokens_details"), "reasoning_tokens") or 0,
        )


class _Messages(MessageWriter):
    """Alibaba's messages: lists of parts, marks of what is cached, thoughts of this turn or of all."""

    def __init__(self, options_key: str, service: str, *, keeps_thoughts: bool) -> None:
        super().__init__(options_key, service)
        self._keeps_thoughts = keeps_thoughts
        self._marks = 0

    def _mark(self, options: ProviderOptions | None) -> Fields:
        """Where what is cached ends."""
        mark = option_of(options, self.options_key, "cacheControl")
        if not mark:
            return {}
        self._marks += 1
        if self._marks > MAX_CACHE_MARKS:
            why = f"Alibaba knows {MAX_CACHE_MARKS} marks of its cache; only the last ones count."
            self.warnings.append(CallWarning("other", why, "cache_control"))
        return {"cache_control": mark}

    def system(self, message: SystemMessage) -> Fields | None:
        """Instructions."""
        mark = self._mark(message.provider_options)
        content: object = [{"type": "text", "text": message.content, **mark}] if mark else message.content
        return {"role": "system", "content": content}

    def user(self, message: UserMessage, where: str) -> Fields:
        """Always a list of parts; the message's mark stands on the last of them."""
        own = self._mark(message.provider_options)
        content = (TextPart(message.content),) if isinstance(message.content, str) else message.content
        parts = self.user_parts(content, where)
        if own and parts and "cache_control" not in parts[-1]:
            parts[-1].update(own)
        return {"role": "user", "content": parts}

    def user_part(self, part: UserContentPart, where: str, index: int) -> Fields:
        """A part, with its mark."""
        return {**super().user_part(part, where, index), **self._mark(part.provider_options)}

    def file(self, media: Media, index: int) -> Fields:
        """An image."""
        if media.kind != "image" or media.reference is not None:
            raise self.refused(media, "send an image, as bytes or by its address")
        return self.image(media)

    def keeps_reasoning(self, index: int) -> bool:
        """Thoughts of this turn always go with its tool calls."""
        return self._keeps_thoughts or index > self.last_user

    def assistant(self, message: AssistantMessage, index: int, where: str) -> Fields | None:
        """What the model said; a message of nothing is left out."""
        written = super().assistant(message, index, where)
        mark = self._mark(message.provider_options)
        if written is None or not (
            written["content"] or written.get("tool_calls") or written.get("reasoning_content")
        ):
            return None
        text = written["content"] or ""
        if mark and (text or written.get("tool_calls")):
            written["content"] = [{"type": "text", "text": text, **mark}]
        return written

    def assistant_text(self, text: str, *, has_calls: bool) -> str | None:
        """No text is none."""
        return text or None

    def arguments(self, given: JSONValue) -> str:
        """As JSON."""
        return json_text(given)

    def tool(self, message: ToolMessage, where: str) -> Iterable[Fields]:
        """What tools answered; the message's mark stands on the last answer."""
        own = self._mark(message.provider_options)
        answers = [part for part in message.content if isinstance(part, ToolResultPart)]
        for place, part in enumerate(answers):
            written = self.tool_result(part, where)
            mark = self._mark(part.provider_options) or (own if place == len(answers) - 1 else {})
            if mark:
                written["content"] = [{"type": "text", "text": written["content"], **mark}]
            yield written


alibaba = ChatProvider(
    AlibabaChat,
    name="alibaba",
    service="Alibaba",
    base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    key_variables=("ALIBABA_API_KEY",),
)
