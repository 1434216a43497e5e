"""DeepSeek's models.

Owns: what https://api-docs.deepseek.com does otherwise than the rest of the dialect. Refuses to know: the dialect itself,
transport.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict, cast

from flightwire.errors import InvalidPromptError
from flightwire.events import CallWarning, FinishReason, Usage
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import (
    AssistantMessage,
    ImagePart,
    TextPart,
    ToolResultPart,
    UserContentPart,
    UserMessage,
)
from flightwire.providers.base import ModelCall
from flightwire.providers.chat_dialect import ChatDialect, MessageWriter
from flightwire.providers.chat_dialect.answers import Facts, count_of, make_usage, to_metadata
from flightwire.providers.chat_dialect.dialect import IMAGES_BY_URL, mapped_effort
from flightwire.providers.chat_dialect.messages import Fields, json_text, unsupported
from flightwire.providers.media import Media, base64_of, full_media_type, media_in_output, top_level
from flightwire.providers.options import Options, option_of
from flightwire.providers.provider import ChatProvider

__all__ = ["DeepSeekOptions", "deepseek"]

_EFFORTS = {"minimal": "low", "low": "low", "medium": "high", "high": "high", "xhigh": "max"}
_IMAGE_TYPES = ("image/gif", "image/jpeg", "image/jpg", "image/png", "image/webp")
MAX_URL_CHARS = 8192


class DeepSeekOptions(TypedDict, total=False):
    """What `provider_options={"deepseek": …}` may say; camelCase is read too."""

    logprobs: bool
    top_logprobs: int
    user_id: str
    thinking: Mapping[Literal["type"], Literal["enabled", "disabled"]]
    reasoning_effort: Literal["low", "high", "max"]


class DeepSeekChat(ChatDialect):
    """One of DeepSeek's models."""

    provider = "deepseek.chat"
    service = "DeepSeek"
    options_key = "deepseek"
    supported_urls = IMAGES_BY_URL
    left_out = ("top_k", "seed")

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id)
        self._is_v4 = "deepseek-v4" in model_id or model_id.startswith(("deepseek-flash", "deepseek-pro"))

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The dialect's fields without those DeepSeek gave up, and its own."""
        body = super().body(call, options, warnings)
        body.pop("seed")
        for name in ("frequency_penalty", "presence_penalty"):
            if body.pop(name) is not None:
                why = f"DeepSeek has given up {name}; it was left out."
                warnings.append(CallWarning("deprecated", why, name))
        if self._thinks(cast("Mapping[str, object] | None", body.get("thinking"))):
            for name in ("temperature", "top_p"):
                if body.pop(name) is not None:
                    why = f"{name} has no effect while DeepSeek thinks; it was left out."
                    warnings.append(unsupported(name, why))
        top = options["topLogprobs"]
        return {
            **body,
            "logprobs": True if options["logprobs"] is True or top is not None else None,
            "top_logprobs": top,
            "user_id": options["userId"],
        }

    def _thinks(self, thinking: Mapping[str, object] | None) -> bool:
        if thinking is not None:
            return thinking.get("type") != "disabled"
        return self.model_id == "deepseek-reasoner" or self._is_v4

    def reasoning(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """Whether to think, and how hard."""
        given = options["thinking"]
        wanted = given.get("type") if isinstance(given, Mapping) else None
        if wanted == "adaptive":
            why = "DeepSeek knows no adaptive thinking; it was enabled."
            warnings.append(CallWarning("compatibility", why, "thinking"))
            wanted = "enabled"
        if wanted is None and call.reasoning != "provider-default":
            wanted = "disabled" if call.reasoning == "none" else "enabled"
        effort = self._effort(call, options, warnings)
        return {
            "thinking": None if wanted is None else {"type": wanted},
            "reasoning_effort": None if wanted == "disabled" else effort,
        }

    def _effort(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> JSONValue:
        chosen = options["reasoningEffort"]
        if chosen is None:
            if call.reasoning in ("provider-default", "none"):
                return None
            return mapped_effort(call, _EFFORTS, warnings, service=self.service)
        meant = {"medium": "high", "xhigh": "max"}.get(str(chosen))
        if meant is not None:
            why = f"DeepSeek knows no effort {chosen!r}; {meant!r} was sent."
            warnings.append(CallWarning("compatibility", why, "reasoning_effort"))
        return meant or chosen

    def response_format(
        self, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> Fields | None:
        """JSON; a schema stands in the instructions."""
        options.known("strictJsonSchema")
        return {"type": "json_object"} if call.response_format.type == "json" else None

    def messages(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> list[Fields]:
        """With the schema in words, before everything."""
        wanted, instructions = call.response_format, cast("list[Fields]", [])
        if wanted.type == "json" and wanted.schema is None:
            instructions.append({"role": "system", "content": "Return JSON."})
        elif wanted.type == "json":
            schema = json.dumps(wanted.schema, ensure_ascii=False, separators=(",", ":"))
            text = f"Return JSON that conforms to the following schema: {schema}"
            instructions.append({"role": "system", "content": text})
            why = "DeepSeek takes no schema; it was written into the instructions."
            warnings.append(CallWarning("compatibility", why, "response_format"))
        return [*instructions, *super().messages(call, options, warnings)]

    def writer(self, call: ModelCall, options: Options) -> MessageWriter:
        """DeepSeek's messages."""
        return _Messages(self.options_key, self.service, is_v4=self._is_v4)

    def finish_body(
        self, body: Fields, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> None:
        """Options that we do not know."""
        self.add_unknown(body, options, warnings)

    def finish_reason(self, raw: str | None, *, refused: bool = False) -> FinishReason:
        """DeepSeek's words."""
        if raw == "insufficient_system_resource":
            return "error"
        return "other" if raw == "function_call" else super().finish_reason(raw)

    def usage(self, raw: Mapping[str, object] | None) -> Usage:
        """DeepSeek counts hits and misses of its cache."""
        if not raw:
            return Usage()
        return make_usage(
            raw,
            sent=count_of(raw, "prompt_tokens") or 0,
            written=count_of(raw, "completion_tokens") or 0,
            cached=count_of(raw, "prompt_cache_hit_tokens") or 0,
            cache_written=None,
            reasoned=count_of(raw.get("completion_tokens_details"), "reasoning_tokens") or 0,
        )

    def metadata(self, facts: Facts) -> JSONObject | None:
        """What the cache gave, and how likely each token was."""
        metadata = {**facts.extra, **to_metadata(facts)}
        for name, field in (("promptCacheHitTokens", "hit"), ("promptCacheMissTokens", "miss")):
            if (count := count_of(facts.usage, f"prompt_cache_{field}_tokens")) is not None:
                metadata[name] = count
        logprobs = {"content": facts.logprobs, "reasoning_content": facts.reasoning_logprobs}
        known = {name: found for name, found in logprobs.items() if found}
        if known:
            metadata["logprobs"] = cast("JSONValue", known)
        return metadata or None


class _Messages(MessageWriter):
    """DeepSeek's messages: text, and images; thoughts of earlier turns go back to V4 alone."""

    takes_names = True

    def __init__(self, options_key: str, service: str, *, is_v4: bool) -> None:
        super().__init__(options_key, service)
        self._is_v4 = is_v4

    def user(self, message: UserMessage, where: str) -> Fields:
        """Text, or parts when there are images among them."""
        if isinstance(message.content, str):
            return {"role": "user", "content": message.content}
        if any(_is_image(part) for part in message.content):
            return {"role": "user", "content": self.user_parts(message.content, where)}
        texts = [part.text for part in message.content if isinstance(part, TextPart)]
        self._leave_out(len(message.content) - len(texts), where)
        return {"role": "user", "content": "".join(texts)}

    def user_parts(self, content: Iterable[UserContentPart], where: str) -> list[Fields]:
        """Texts and images."""
        parts = list(content)
        kept = [part for part in parts if isinstance(part, TextPart) or _is_image(part)]
        self._leave_out(len(parts) - len(kept), where)
        return super().user_parts(kept, where)

    def _leave_out(self, files: int, where: str) -> None:
        why = f"{where} has a file that is no image, which DeepSeek does not take; it was left out."
        self.warnings += [unsupported("file", why)] * files

    def file(self, media: Media, index: int) -> Fields:
        """An image."""
        if media.reference is not None:
            return {"type": "file", "file_id": media.reference_for("deepseek")}
        media_type = full_media_type(media)
        if media_type not in _IMAGE_TYPES:
            raise self.refused(media, "send a JPEG, PNG, GIF or WebP")
        if media.url is not None and len(media.url) > MAX_URL_CHARS:
            raise InvalidPromptError(f"{media.where} has an address of more than {MAX_URL_CHARS} characters.")
        url = self.url(media).replace("data:image/jpg;", "data:image/jpeg;", 1)
        if option_of(media.provider_options, self.options_key, "fileData") is True and media.data is not None:
            named: Fields = {} if media.filename is None else {"filename": media.filename}
            return {"type": "file", "file_data": f"data:{media_type};base64,{base64_of(media)}", **named}
        image: Fields = {"url": url}
        if (detail := option_of(media.provider_options, self.options_key, "imageDetail")) is not None:
            image["detail"] = detail
        return {"type": "image_url", "image_url": image}

    def keeps_reasoning(self, index: int) -> bool:
        """R1 must not see thoughts of earlier turns, V4 must."""
        return self._is_v4 or index > self.last_user

    def assistant(self, message: AssistantMessage, index: int, where: str) -> Fields | None:
        """V4 wants its thoughts on every turn, be they empty; a last message may be continued."""
        written = super().assistant(message, index, where)
        if written is not None and self._is_v4:
            written.setdefault("reasoning_content", "")
        if written is not None and option_of(message.provider_options, self.options_key, "prefix") is True:
            if index != self.count - 1:
                raise InvalidPromptError(f"{where} is to be continued, but is not the last message.")
            written["prefix"] = True
        return written

    def assistant_text(self, text: str, *, has_calls: bool) -> str | None:
        """Always text."""
        return text

    def arguments(self, given: JSONValue) -> str:
        """As JSON."""
        return json_text(given)

    def output(self, part: ToolResultPart, where: str) -> object:
        """Text, or parts when there are images among them."""
        content = part.output.get("value") if part.output.get("type") == "content" else None
        items = [item for item in content if isinstance(item, Mapping)] if isinstance(content, list) else []
        medias = {place: media_in_output(item, where) for place, item in enumerate(items)}
        if not any(media is not None and media.kind == "image" for media in medias.values()):
            return super().output(part, where)
        written: list[Fields] = []
        for place, item in enumerate(items):
            media = medias[place]
            if item.get("type") == "text":
                written.append({"type": "text", "text": item.get("text")})
            elif media is not None and media.kind == "image":
                written.append(self.file(media, place))
            else:
                self._leave_out(1, where)
        return written


def _is_image(part: UserContentPart) -> bool:
    return isinstance(part, ImagePart) or (
        not isinstance(part, TextPart) and top_level(part.media_type) == "image"
    )


deepseek = ChatProvider(
    DeepSeekChat,
    name="deepseek",
    service="DeepSeek",
    base_url="https://api.deepseek.com",
    key_variables=("DEEPSEEK_API_KEY",),
)
