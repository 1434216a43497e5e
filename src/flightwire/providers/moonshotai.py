"""Moonshot's models.

Owns: what https://platform.moonshot.ai/docs does otherwise than the rest of the dialect. Refuses to know: the dialect
itself, transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from flightwire.errors import InvalidPromptError, UnsupportedFunctionalityError
from flightwire.events import CallWarning, Usage
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import AssistantMessage
from flightwire.providers.base import ModelCall
from flightwire.providers.chat_dialect import ChatDialect, MessageWriter
from flightwire.providers.chat_dialect.answers import count_of, make_usage
from flightwire.providers.chat_dialect.dialect import mapped_effort
from flightwire.providers.chat_dialect.messages import Fields, json_text, unsupported
from flightwire.providers.media import Media, full_media_type
from flightwire.providers.options import Options, option_of
from flightwire.providers.provider import ChatProvider

__all__ = ["MoonshotOptions", "moonshotai"]

_EFFORTS = {"minimal": "low", "low": "low", "medium": "high", "high": "high", "xhigh": "max"}
_K27 = ("kimi-k2.7-code", "kimi-k2.7-code-highspeed")
_SAMPLING = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_STRUCTURED = frozenset(
    f"moonshot-v1-{size}{kind}" for size in ("8k", "32k", "128k") for kind in ("", "-vision-preview")
) | {"moonshot-v1-auto"}
_MEDIA_TYPES = {
    "image": ("jpeg", "png", "gif", "webp", "bmp", "heic", "heif"),
    "video": ("mp4", "mpeg", "mov", "avi", "x-flv", "mpg", "webm", "wmv", "3gpp"),
}


class MoonshotOptions(TypedDict, total=False):
    """What `provider_options={"moonshotai": …}` may say; camelCase is read too."""

    strict_json_schema: bool
    logprobs: bool
    top_logprobs: int
    reasoning_effort: Literal["low", "high", "max"]
    prediction: Mapping[str, Any]
    thinking: Mapping[Literal["type"], Literal["enabled", "disabled"]]
    reasoning_history: Literal["disabled", "interleaved", "preserved"]
    prompt_cache_key: str
    safety_identifier: str


class MoonshotChat(ChatDialect):
    """One of Moonshot's models."""

    provider = "moonshotai.chat"
    service = "Moonshot"
    options_key = "moonshotai"
    supported_urls = {"image/*": (r"^ms://",), "video/*": (r"^ms://",)}  # noqa: RUF012 - as on the base
    max_tokens_field = "max_completion_tokens"
    left_out = ("top_k", "seed")

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id)
        self._family = _family(model_id)
        self.has_json_schema = model_id.startswith("kimi-k") or model_id in _STRUCTURED

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The dialect's fields, without what Kimi has fixed, and Moonshot's own."""
        body = super().body(call, options, warnings)
        body.pop("seed")
        if self._family.startswith("kimi-"):
            warnings += [
                unsupported(name, f"{name} of {self.model_id} is fixed; it was left out.")
                for name in _SAMPLING
                if body.pop(name) is not None
            ]
        top = options["topLogprobs"]
        return {
            **body,
            "logprobs": True if options["logprobs"] is True or top is not None else None,
            "top_logprobs": top,
            "prediction": options["prediction"],
            "prompt_cache_key": options["promptCacheKey"],
            "safety_identifier": options["safetyIdentifier"],
        }

    # --- thinking ------------------------------------------------------------------------------------------------

    def reasoning(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """Whether and how to think, as the family of the model has it."""
        given, effort = options["thinking"], options["reasoningEffort"]
        thinking = given if isinstance(given, Mapping) else None
        wanted = thinking.get("type") if thinking else None
        keeps = options["reasoningHistory"] == "preserved"

        def warn(feature: str, why: str) -> None:
            warnings.append(unsupported(feature, f"{self.model_id}: {why}"))

        if thinking is not None and thinking.get("budgetTokens", thinking.get("budget_tokens")) is not None:
            why = "Moonshot knows no budget of thoughts; it was left out."
            warnings.append(CallWarning("deprecated", why, "thinking"))
        if self._family in ("kimi-k3", "unknown"):
            return self._by_effort(call, effort, wanted, thinking, keeps=keeps, warnings=warnings)
        if effort is not None:
            warn("reasoning_effort", "only Kimi K3 knows an effort; it was left out.")
        if self._family == "kimi-k2.7":
            if wanted == "disabled" or call.reasoning == "none":
                warn("thinking", "thinking cannot be switched off.")
                return {}
            return {"thinking": {"type": "enabled"}} if wanted == "enabled" else {}
        if self._family == "moonshot-v1":
            if thinking is not None:
                warn("thinking", "it does not think; the option was left out.")
            if call.reasoning not in ("provider-default", "none"):
                warn("reasoning", "it does not reason; the setting was left out.")
        elif wanted is None and call.reasoning != "provider-default":
            wanted = "disabled" if call.reasoning == "none" else "enabled"
        if keeps and self._family != "kimi-k2.6":
            warn("reasoning_history", "it keeps no thoughts; the option was left out.")
            keeps = False
        if self._family == "moonshot-v1" or (wanted is None and not keeps):
            return {}
        return {"thinking": {"type": wanted or "enabled", **({"keep": "all"} if keeps else {})}}

    def _by_effort(
        self,
        call: ModelCall,
        effort: JSONValue,
        wanted: JSONValue,
        thinking: Mapping[str, JSONValue] | None,
        *,
        keeps: bool,
        warnings: list[CallWarning],
    ) -> Fields:
        is_k3 = self._family == "kimi-k3"
        if is_k3 and thinking is not None:
            warnings.append(unsupported("thinking", "Kimi K3 always thinks; the option was left out."))
        if call.reasoning == "none":
            warnings.append(unsupported("reasoning", f"{self.model_id} cannot be told so not to think."))
        elif effort is None:
            effort = mapped_effort(call, _EFFORTS, warnings, service=self.service)
        if keeps and not is_k3:
            warnings.append(unsupported("reasoning_history", f"{self.model_id} may keep no thoughts."))
        has_thinking = not is_k3 and wanted is not None
        return {"reasoning_effort": effort, "thinking": {"type": wanted} if has_thinking else None}

    # --- formats and tools ---------------------------------------------------------------------------------------

    def response_format(
        self, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> Fields | None:
        """JSON, with a schema where the model takes one; Moonshot knows no description."""
        options.known("strictJsonSchema")
        wanted = call.response_format
        if wanted.type == "json" and wanted.schema is not None and self.has_json_schema:
            schema = {name: each for name, each in wanted.schema.items() if name != "$schema"}
            return {
                "type": "json_schema",
                "json_schema": {
                    "name": wanted.name or "response",
                    "strict": options.get("strictJsonSchema", True),
                    "schema": self.schema(schema, warnings),
                },
            }
        return {"type": "json_object"} if wanted.type == "json" else None

    def schema(self, schema: JSONObject, warnings: list[CallWarning]) -> JSONObject:
        """As Moonshot's validator wants it."""
        if schema.get("type") != "object":
            raise UnsupportedFunctionalityError(
                "a schema for Moonshot must have an object at its root; write {'type': 'object', …}."
            )
        return _moonshot_schema(schema)

    def tool_choice(self, call: ModelCall, warnings: list[CallWarning]) -> object:
        """Some models take no "required"."""
        if call.tool_choice.type == "required" and self.model_id in ("kimi-k2.6", *_K27):
            why = f"{self.model_id} cannot be made to call a tool; the choice was left out."
            warnings.append(unsupported("tool_choice", why))
            return None
        return super().tool_choice(call, warnings)

    def writer(self, call: ModelCall, options: Options) -> MessageWriter:
        """Moonshot's messages."""
        return _Messages(self.options_key, self.service)

    def finish_body(
        self, body: Fields, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> None:
        """Options that we do not know."""
        self.add_unknown(body, options, warnings)

    def usage(self, raw: Mapping[str, object] | None) -> Usage:
        """Moonshot counts what came from the cache beside the rest."""
        if not raw:
            return Usage()
        cached = count_of(raw, "cached_tokens")
        if cached is None:
            cached = count_of(raw.get("prompt_tokens_details"), "cached_tokens")
        return make_usage(
            raw,
            sent=count_of(raw, "prompt_tokens") or 0,
            written=count_of(raw, "completion_tokens") or 0,
            cached=cached or 0,
            cache_written=None,
            reasoned=count_of(raw.get("completion_tokens_details"), "reasoning_tokens") or 0,
        )


class _Messages(MessageWriter):
    """Moonshot's messages: images and video; a last message of the model's may be continued."""

    takes_names = True

    def file(self, media: Media, index: int) -> Fields:
        """An image or a video, as it is or as Moonshot's files are called."""
        if media.kind == "text" and media.reference is None:
            return super().file(media, index)
        known = _MEDIA_TYPES.get(media.kind)
        if known is None:
            raise self.refused(media, "send an image, a video or text")
        if media.reference is not None:
            url = media.reference_for("moonshotai")
            if not url.startswith("ms://"):
                raise InvalidPromptError(
                    f"{media.where} is called {url!r}; Moonshot's files begin with ms://."
                )
        else:
            media_type = full_media_type(media) if media.data is not None else media.media_type
            if "/" in media_type and media_type.partition("/")[2] not in known:
                raise self.refused(media, f"send one of {', '.join(known)}")
            url = self.url(media)
        kind = f"{media.kind}_url"
        return {"type": kind, kind: {"url": url}}

    def assistant(self, message: AssistantMessage, index: int, where: str) -> Fields | None:
        """With the mark that the model is to go on with it."""
        written = super().assistant(message, index, where)
        if written is not None and option_of(message.provider_options, self.options_key, "partial") is True:
            if index != self.count - 1:
                raise InvalidPromptError(f"{where} is partial, but is not the last message.")
            written["partial"] = True
        return written

    def arguments(self, given: JSONValue) -> str:
        """As JSON."""
        return json_text(given)


def _family(model_id: str) -> str:
    if model_id in _K27:
        return "kimi-k2.7"
    if model_id in ("kimi-k2.5", "kimi-k2.6", "kimi-k3"):
        return model_id
    return "moonshot-v1" if model_id.startswith("moonshot-v1-") else "unknown"


def _moonshot_schema(schema: JSONObject) -> dict[str, JSONValue]:
    """Tuples as `prefixItems`, and the type inside the branches of `anyOf`; the rest stays."""
    out = dict(schema)
    if isinstance(out.get("items"), list):
        first = out.get("prefixItems")
        out["prefixItems"] = [*(first if isinstance(first, list) else ()), *out.pop("items")]  # type: ignore[misc] # it is a list
    kind, branches = out.get("type"), out.get("anyOf")
    if isinstance(kind, str) and isinstance(branches, list):
        del out["type"]
        out["anyOf"] = [
            {"type": kind, **each} if isinstance(each, Mapping) and each.get("type") is None else each
            for each in branches
        ]
    for key, inner in out.items():
        if key in ("allOf", "anyOf", "oneOf", "prefixItems") and isinstance(inner, list):
            out[key] = [_moonshot_schema(each) if isinstance(each, Mapping) else each for each in inner]
        elif key in ("properties", "patternProperties", "$defs", "dependentSchemas") and isinstance(
            inner, Mapping
        ):
            out[key] = {
                name: _moonshot_schema(each) if isinstance(each, Mapping) else each
                for name, each in inner.items()
            }
        elif key in (
            "additionalProperties", "propertyNames", "items", "contains", "not", "if", "then", "else",
        ) and isinstance(inner, Mapping):  # fmt: skip
            out[key] = _moonshot_schema(inner)
    return out


moonshotai = ChatProvider(
    MoonshotChat,
    name="moonshotai",
    service="Moonshot",
    base_url="https://api.moonshot.ai/v1",
    key_variables=("MOONSHOT_API_KEY",),
)
