"""Mistral's models.

Owns: what https://docs.mistral.ai/api does otherwise than the rest of the dialect. Refuses to know: the dialect itself,
transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

from flightwire.events import CallWarning, FinishReason, Usage
from flightwire.jsontypes import JSONObject
from flightwire.messages import (
    AssistantMessage,
    ReasoningPart,
    TextPart,
    ToolResultPart,
    UserMessage,
)
from flightwire.providers.base import ModelCall
from flightwire.providers.chat_dialect import ChatDialect, MessageWriter
from flightwire.providers.chat_dialect.answers import Facts, count_of, make_usage
from flightwire.providers.chat_dialect.dialect import mapped_effort
from flightwire.providers.chat_dialect.json_instruction import with_json_instruction
from flightwire.providers.chat_dialect.messages import Fields, unsupported
from flightwire.providers.media import Media, full_media_type
from flightwire.providers.options import Options
from flightwire.providers.provider import ChatProvider

__all__ = ["MistralOptions", "mistral"]

# https://api.mistral.ai/v1/models; names that are not here are taken for models that may reason.
_NO_EFFORT = frozenset(
    {
        "codestral-2508", "codestral-latest", "ministral-14b-2512", "ministral-14b-latest", "ministral-3b-2512",
        "ministral-3b-latest", "ministral-8b-2512", "ministral-8b-latest", "mistral-code-fim-latest",
        "mistral-code-latest", "mistral-large-latest", "mistral-large-2512", "voxtral-small-2507",
        "voxtral-small-latest",
    }
)  # fmt: skip
_EFFORTS = {
    **dict.fromkeys(
        ("zai-glm-5", "zai-glm-5-3", "zai-glm-5-3-flash", "zai-glm-latest"), ("low", "high", "max")
    ),
    **dict.fromkeys(("mistral-large-4", "mistral-large-4-0"), ("low", "medium", "high")),
}
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool-calls",
    "error": "error",
}


class MistralOptions(TypedDict, total=False):
    """What `provider_options={"mistral": …}` may say; camelCase is read too."""

    safe_prompt: bool
    document_image_limit: int
    document_page_limit: int
    structured_outputs: bool
    strict_json_schema: bool
    parallel_tool_calls: bool
    prompt_cache_key: str
    reasoning_effort: Literal["high", "none", "low", "medium", "max"]


class MistralChat(ChatDialect):
    """One of Mistral's models."""

    provider = "mistral.chat"
    service = "Mistral"
    options_key = "mistral"
    supported_urls = {"application/pdf": (r"^https://.*$",)}  # noqa: RUF012 - as on the base
    has_stream_usage = False  # Mistral sends it unasked
    strict_schema = False

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The dialect's fields, and Mistral's own."""
        body = super().body(call, options, warnings)
        body["random_seed"] = body.pop("seed")
        return {
            **body,
            "safe_prompt": options["safePrompt"],
            "document_image_limit": options["documentImageLimit"],
            "document_page_limit": options["documentPageLimit"],
            "prompt_cache_key": options["promptCacheKey"],
            "parallel_tool_calls": options["parallelToolCalls"] if call.tools else None,
        }

    def messages(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> list[Fields]:
        """JSON without a schema must be asked for in words, too."""
        wanted = call.response_format
        if wanted.type == "json" and (wanted.schema is None or not options.get("structuredOutputs", True)):
            call = with_json_instruction(call)
        return super().messages(call, options, warnings)

    def response_format(
        self, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> Fields | None:
        """A schema, unless the options say that the model takes none."""
        options.known("strictJsonSchema", "parallelToolCalls")
        if call.response_format.type == "json" and not options.get("structuredOutputs", True):
            return {"type": "json_object"}
        return super().response_format(call, options, warnings)

    def reasoning(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The effort, of models that have one."""
        chosen = options["reasoningEffort"]
        if self.model_id in _NO_EFFORT:
            if call.reasoning != "provider-default":
                why = f"{self.model_id} cannot be told how to reason; it was left out."
                warnings.append(unsupported("reasoning", why))
            return {}
        if chosen is not None:
            return {"reasoning_effort": chosen}
        efforts = {name: name for name in _EFFORTS.get(self.model_id, ("none", "high"))}
        return {"reasoning_effort": mapped_effort(call, efforts, warnings, service=self.service)}

    def tool_choice(self, call: ModelCall, warnings: list[CallWarning]) -> object:
        """Mistral says "any" for "required"."""
        return "any" if call.tool_choice.type == "required" else super().tool_choice(call, warnings)

    def writer(self, call: ModelCall, options: Options) -> MessageWriter:
        """Mistral's messages."""
        return _Messages(self.options_key, self.service)

    def finish_body(
        self, body: Fields, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> None:
        """Options that we do not know."""
        options.known("structuredOutputs")
        self.add_unknown(body, options, warnings)

    def finish_reason(self, raw: str | None, *, refused: bool = False) -> FinishReason:
        """Mistral's words."""
        return _FINISH_REASONS.get(raw, "other")

    def usage(self, raw: Mapping[str, object] | None) -> Usage:
        """What was read from the cache has three names; reasoning is not counted apart."""
        if not raw:
            return Usage()
        cached = count_of(raw, "num_cached_tokens")
        for name in ("prompt_tokens_details", "prompt_token_details"):
            cached = count_of(raw.get(name), "cached_tokens") if cached is None else cached
        return make_usage(
            raw,
            sent=count_of(raw, "prompt_tokens") or 0,
            written=count_of(raw, "completion_tokens") or 0,
            cached=cached or None,
            cache_written=None,
            reasoned=None,
        )

    def metadata(self, facts: Facts) -> JSONObject | None:
        """Nothing beyond the answer."""
        return None


class _Messages(MessageWriter):
    """Mistral's messages: lists of parts, thoughts among them; a last message of the model's is continued."""

    def user(self, message: UserMessage, where: str) -> Fields:
        """Always a list of parts."""
        content = (TextPart(message.content),) if isinstance(message.content, str) else message.content
        return {"role": "user", "content": self.user_parts(content, where)}

    def file(self, media: Media, index: int) -> Fields:
        """An image or a PDF, by address or as it is."""
        if media.reference is None and media.kind == "image":
            return {"type": "image_url", "image_url": self.url(media)}
        is_pdf = (
            media.reference is None
            and (full_media_type(media) if media.data is not None else media.media_type) == "application/pdf"
        )
        if not is_pdf:
            raise self.refused(media, "send an image or a PDF")
        return {"type": "document_url", "document_url": self.url(media)}

    def assistant(self, message: AssistantMessage, index: int, where: str) -> Fields | None:
        """Thoughts and texts in their order, when there are thoughts."""
        written = super().assistant(message, index, where)
        if written is None:
            return None
        written.pop("thoughts", None)
        content = message.content
        if not isinstance(content, str) and any(isinstance(part, ReasoningPart) for part in content):
            written["content"] = [
                {"type": "text", "text": part.text} if isinstance(part, TextPart) else _thought(part)
                for part in content
                if isinstance(part, (TextPart, ReasoningPart))
            ]
        if index == self.count - 1:
            written["prefix"] = True
        return written

    def assistant_text(self, text: str, *, has_calls: bool) -> str | None:
        """Always text."""
        return text

    def reasoning(self, text: str) -> Fields:
        """Among the content, see `assistant`."""
        return {}

    def tool_result(self, part: ToolResultPart, where: str) -> Fields:
        """With the tool's name."""
        return {**super().tool_result(part, where), "name": part.tool_name}


def _thought(part: ReasoningPart) -> Fields:
    return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}], "closed": True}


mistral = ChatProvider(
    MistralChat,
    name="mistral",
    service="Mistral",
    base_url="https://api.mistral.ai/v1",
    key_variables=("MISTRAL_API_KEY",),
)
