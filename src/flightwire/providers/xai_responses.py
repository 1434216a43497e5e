"""XAI's Responses API: what is asked, and whole answers.

Owns: what https://docs.x.ai/docs/api-reference#create-new-response takes. Refuses to know: transport, streams.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypedDict, cast

from flightwire.errors import InvalidPromptError
from flightwire.events import CallWarning, RequestMetadata, ResponseMetadata
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import (
    AssistantContentPart,
    AssistantMessage,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserContentPart,
    UserMessage,
)
from flightwire.providers.answering import Request
from flightwire.providers.base import ContentBlock, ModelCall, ModelResult, ProviderToolSpec, ToolSpec
from flightwire.providers.chat_dialect.dialect import mapped_effort
from flightwire.providers.chat_dialect.messages import Fields, json_text, output_text, unsupported
from flightwire.providers.media import base64_of, full_media_type, media_in_output, media_of
from flightwire.providers.options import Options, option_of, options_of, without_none
from flightwire.providers.responses_dialect.events import list_of, response_info
from flightwire.providers.xai_items import (
    Items,
    Names,
    final_metadata,
    finish_reason_of,
    usage_of,
)
from flightwire.providers.xai_reader import XaiReader

__all__ = ["XaiOptions", "XaiResponses"]

_NO_EFFORT = re.compile(r"grok-4\.20(-\d{4})?-(non-)?reasoning")
_LEFT_OUT = ("frequency_penalty", "presence_penalty", "stop_sequences")
_PASSED_ON = {
    "previousResponseId": "previous_response_id",
    "maxTurns": "max_turns",
    "parallelToolCalls": "parallel_tool_calls",
    "promptCacheKey": "prompt_cache_key",
    "safetyIdentifier": "safety_identifier",
    "serviceTier": "service_tier",
    "user": "user",
    "topLogprobs": "top_logprobs",
    "minP": "min_p",
}


class XaiOptions(TypedDict, total=False):
    """What `provider_options={"xai": …}` may say; camelCase is read too."""

    reasoning_effort: Literal["none", "low", "medium", "high", "xhigh"]
    logprobs: bool
    top_logprobs: int
    min_p: float
    max_turns: int
    parallel_tool_calls: bool
    prompt_cache_key: str
    safety_identifier: str
    service_tier: Literal["default", "priority"]
    store: bool
    previous_response_id: str
    user: str
    include: Sequence[str]


class XaiResponses:
    """One of xAI's models over its Responses API."""

    provider = "xai.responses"
    service = "xAI"
    supported_urls: Mapping[str, Sequence[str]] = dict.fromkeys(
        ("image/*", "application/pdf", "text/*"), (r"^https?://.*$",)
    )

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id

    def request(self, call: ModelCall, *, stream: bool) -> Request:
        """Write the request for one call.

        Raises:
            InvalidPromptError: a message that the API has no form for.
        """
        options = options_of(call.provider_options, "xai")
        warnings = [
            unsupported(name, f"xAI has no {name}; it was left out.")
            for name in _LEFT_OUT
            if getattr(call, name) not in (None, ())
        ]
        is_asked = options["logprobs"] is True or options["topLogprobs"] is not None
        effort = self._effort(call, options, warnings)
        body: Fields = {
            "model": self.model_id,
            "input": list(_input(call, warnings)),
            "logprobs": True if is_asked else None,
            "max_output_tokens": call.max_output_tokens,
            "temperature": call.temperature,
            "top_p": call.top_p,
            "top_k": call.top_k,
            "seed": call.seed,
            "text": _text(call),
            "reasoning": None if effort is None else {"effort": effort},
            "store": False if options["store"] is False else None,
            "include": _include(options),
            **{theirs: options[ours] for ours, theirs in _PASSED_ON.items()},
            **_tools(call, warnings),
        }
        options.known("reasoningSummary")  # xAI always writes a detailed one
        for name, option in options.rest().items():
            if name.islower():
                body[name] = option
            else:
                warnings.append(unsupported(name, f"There is no option {name}; it was left out."))
        if stream:
            body["stream"] = True
        return Request(without_none(body), tuple(warnings))

    def _effort(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> JSONValue:
        chosen = options["reasoningEffort"]
        if chosen is not None or call.reasoning == "provider-default":
            return chosen
        if _NO_EFFORT.fullmatch(self.model_id):
            warnings.append(unsupported("reasoning", f"{self.model_id} takes no effort; it was left out."))
            return None
        highest = "xhigh" if self.model_id == "grok-4.6" else "high"
        efforts = {"none": "none", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}
        return mapped_effort(call, {**efforts, "xhigh": highest}, warnings, service=self.service)

    def reader(
        self, call: ModelCall, *, url: str, headers: Mapping[str, str], include_raw: bool
    ) -> XaiReader:
        """What reads the stream that answers the call."""
        names = Names(call.tools)
        return XaiReader(names, service=self.service, url=url, headers=headers, include_raw=include_raw)

    def result(
        self,
        body: Mapping[str, object],
        call: ModelCall,
        *,
        headers: Mapping[str, str],
        request: Request,
        metadata: RequestMetadata,
        url: str,
    ) -> ModelResult:
        """Read the document that answers the call."""
        items, content = Items(Names(call.tools)), cast("list[ContentBlock]", [])
        for item in list_of(body, "output"):
            content += items.blocks_of(item)
        info = response_info(body)
        raw = info.incomplete_reason or info.status
        return ModelResult(
            content=tuple(content),
            finish_reason="tool-calls" if items.calls_here else finish_reason_of(raw),
            usage=usage_of(info.usage),
            raw_finish_reason=info.status,
            warnings=request.warnings,
            request=metadata,
            response=ResponseMetadata(info.id, info.model, info.created_at, headers),
            provider_metadata=final_metadata(info),
        )


# --- fields ------------------------------------------------------------------------------------------------------


def _include(options: Options) -> list[str] | None:
    include = list(options.get("include", cast("Sequence[str]", ())))
    if options["store"] is False:  # what is not kept there must come back with the next call
        include.append("reasoning.encrypted_content")
    return include or None


def _text(call: ModelCall) -> Fields | None:
    wanted = call.response_format
    if wanted.type == "text":
        return None
    if wanted.schema is None:
        return {"format": {"type": "json_object"}}
    return {
        "format": without_none(
            {
                "type": "json_schema",
                "strict": True,
                "name": wanted.name or "response",
                "description": wanted.description,
                "schema": wanted.schema,
            }
        )
    }


# --- tools -------------------------------------------------------------------------------------------------------

_OWN: dict[str, tuple[str, dict[str, str]]] = {
    "xai.web_search": (
        "web_search",
        {
            "allowedDomains": "allowed_domains",
            "excludedDomains": "excluded_domains",
            "enableImageSearch": "enable_image_search",
            "enableImageUnderstanding": "enable_image_understanding",
        },
    ),
    "xai.x_search": (
        "x_search",
        {
            "allowedXHandles": "allowed_x_handles",
            "excludedXHandles": "excluded_x_handles",
            "fromDate": "from_date",
            "toDate": "to_date",
            "enableImageUnderstanding": "enable_image_understanding",
            "enableVideoUnderstanding": "enable_video_understanding",
        },
    ),
    "xai.code_execution": ("code_interpreter", {}),
    "xai.view_image": ("view_image", {}),
    "xai.view_x_video": ("view_x_video", {}),
    "xai.image_generation": ("image_generation", {"action": "action"}),
    "xai.file_search": (
        "file_search",
        {"vectorStoreIds": "vector_store_ids", "maxNumResults": "max_num_results"},
    ),
    "xai.mcp": (
        "mcp",
        {
            "serverUrl": "server_url",
            "serverLabel": "server_label",
            "serverDescription": "server_description",
            "allowedTools": "allowed_tools",
            "headers": "headers",
            "authorization": "authorization",
        },
    ),
}


def _tools(call: ModelCall, warnings: list[CallWarning]) -> Fields:
    written: list[Fields] = []
    for tool in call.tools:
        if isinstance(tool, ToolSpec):
            written.append(
                without_none(
                    {
                        "type": "function",
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.input_schema,
                        "strict": tool.strict,
                    }
                )
            )
        elif tool.id in _OWN:
            kind, names = _OWN[tool.id]
            args = Options(tool.args)
            settings = {theirs: args[ours] for ours, theirs in names.items()}
            written.append({"type": kind, **without_none(settings)})
        else:
            warnings.append(unsupported(tool.id, f"xAI has no tool {tool.id}; it was left out."))
    return {"tools": written or None, "tool_choice": _choice(call, warnings) if call.tools else None}


def _choice(call: ModelCall, warnings: list[CallWarning]) -> object:
    choice = call.tool_choice
    if choice.type != "tool":
        return choice.type
    chosen = next((tool for tool in call.tools if tool.name == choice.tool_name), None)
    if isinstance(chosen, ProviderToolSpec):
        why = f"xAI cannot be made to call its own tool {chosen.name}; the choice was left out."
        warnings.append(unsupported("tool_choice", why))
    return {"type": "function", "name": chosen.name} if isinstance(chosen, ToolSpec) else None


# --- input -------------------------------------------------------------------------------------------------------


def _input(call: ModelCall, warnings: list[CallWarning]) -> Iterable[Fields]:
    for index, message in enumerate(call.messages):
        where = f"messages[{index}]"
        if isinstance(message, SystemMessage):
            yield {"role": "system", "content": message.content}
        elif isinstance(message, UserMessage):
            yield {"role": "user", "content": list(_user_parts(message, where))}
        elif isinstance(message, AssistantMessage):
            yield from _turn(message, where, warnings)
        else:
            yield from _answers(message, where)


def _user_parts(message: UserMessage, where: str) -> Iterable[Fields]:
    content = message.content
    parts: Sequence[UserContentPart] = (TextPart(content),) if isinstance(content, str) else content
    for index, part in enumerate(parts):
        if isinstance(part, TextPart):
            yield {"type": "input_text", "text": part.text}
            continue
        media = media_of(part, f"{where}.content[{index}]")
        if media.reference is not None:
            yield {"type": "input_file", "file_id": media.reference_for("xai")}
        elif media.kind == "image":
            url = media.url or f"data:{full_media_type(media)};base64,{base64_of(media)}"
            detail = option_of(media.provider_options, "xai", "imageDetail")
            yield without_none({"type": "input_image", "image_url": url, "detail": detail})
        elif media.url is not None:
            yield {"type": "input_file", "file_url": media.url}
        else:
            raise InvalidPromptError(
                f"{media.where} is a file of type {media.media_type!r} given as bytes; xAI takes images so, and "
                f"other files by their address or uploaded, {{'xai': 'file-…'}}."
            )


def _turn(message: AssistantMessage, where: str, warnings: list[CallWarning]) -> Iterable[Fields]:
    content = message.content
    parts: Sequence[AssistantContentPart] = (TextPart(content),) if isinstance(content, str) else content
    for index, part in enumerate(parts):
        item_id = option_of(getattr(part, "provider_options", None), "xai", "itemId")
        if isinstance(part, TextPart):
            yield without_none({"role": "assistant", "content": part.text, "id": item_id})
        elif isinstance(part, ToolCallPart):
            if not part.provider_executed:
                yield {
                    "type": "function_call",
                    "id": item_id or part.tool_call_id,
                    "call_id": part.tool_call_id,
                    "name": part.tool_name,
                    "arguments": json_text(part.input),
                    "status": "completed",
                }
        elif isinstance(part, ReasoningPart):
            yield from _thoughts(part, item_id, warnings)
        elif part.__class__.__name__ in ("FilePart", "ReasoningFilePart", "CustomPart"):
            warnings.append(
                CallWarning("other", f"{where}.content[{index}] has no form at xAI; it was left out.")
            )


def _thoughts(part: ReasoningPart, item_id: JSONValue, warnings: list[CallWarning]) -> Iterable[Fields]:
    encrypted = option_of(part.provider_options, "xai", "reasoningEncryptedContent")
    if item_id is None and encrypted is None:
        why = "Reasoning without an id or encrypted content cannot be sent back to xAI; it was left out."
        warnings.append(CallWarning("other", why))
        return
    yield without_none(
        {
            "type": "reasoning",
            "id": item_id or "",
            "summary": [{"type": "summary_text", "text": part.text}] if part.text else [],
            "status": "completed",
            "encrypted_content": encrypted,
        }
    )


def _answers(message: ToolMessage, where: str) -> Iterable[Fields]:
    for index, part in enumerate(message.content):
        if isinstance(part, ToolResultPart):
            output = _output(part.output, f"{where}.content[{index}]")
            yield {"type": "function_call_output", "call_id": part.tool_call_id, "output": output}


def _output(output: JSONObject, where: str) -> object:
    if output.get("type") == "execution-denied":
        return str(output.get("reason") or "tool execution denied")
    content = output.get("value")
    if output.get("type") != "content" or not isinstance(content, list):
        return output_text(output)
    written: list[Fields] = []
    for item in content:
        media = media_in_output(item, where) if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and item.get("type") == "text":
            written.append({"type": "input_text", "text": item.get("text")})
        elif media is not None and media.kind == "image" and media.reference is None:
            url = media.url or f"data:{full_media_type(media)};base64,{base64_of(media)}"
            written.append({"type": "input_image", "image_url": url})
    return written
