"""From a `ModelCall` to the body of a request.

Owns: the request's fields, and the warnings for settings the API cannot take. Refuses to know: transport, answers.
"""

from __future__ import annotations

import re

from flightwire._frozen import value
from flightwire.errors import InvalidPromptError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, dumps
from flightwire.providers.base import ModelCall, ToolSpec
from flightwire.providers.chat_dialect.messages import to_chat_messages
from flightwire.providers.chat_dialect.profile import ChatProfile

# Options of the AI SDK's OpenAI provider whose name in the API is not just the snake_case of it. None: not for the body.
_OPTION_NAMES: dict[str, str | None] = {
    "textVerbosity": "verbosity",
    "strictJsonSchema": None,
    "imageDetail": None,
}
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


@value
class ChatRequest:
    """What to send, and what could not be said in it."""

    body: dict[str, object]
    warnings: tuple[CallWarning, ...]

    def encode(self) -> bytes:
        """The body as JSON in UTF-8; half surrogate pairs, which UTF-8 cannot carry, become U+FFFD.

        Raises:
            InvalidPromptError: NaN, or something that is not JSON, in a schema or in provider_options.
        """
        try:
            text = dumps(self.body)  # type: ignore[arg-type] # checked by doing it
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidPromptError(f"the call cannot be written as JSON: {error}.") from None
        try:
            return text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def chat_request(call: ModelCall, model_id: str, profile: ChatProfile, *, stream: bool) -> ChatRequest:
    """Write the request for one call.

    Raises:
        InvalidPromptError: a message that the API has no form for.
    """
    warnings: list[CallWarning] = []
    options: JSONObject = (call.provider_options or {}).get(profile.options_key, {})
    body: dict[str, object] = {
        "model": model_id,
        "messages": to_chat_messages(
            call.messages, system_role=profile.system_role, options_key=profile.options_key
        ),
        profile.max_tokens_field: call.max_output_tokens,
        "temperature": call.temperature,
        "top_p": call.top_p,
        "frequency_penalty": call.frequency_penalty,
        "presence_penalty": call.presence_penalty,
        "stop": list(call.stop_sequences) or None,
        "seed": call.seed,
        "reasoning_effort": _effort(call, profile, warnings),
        "response_format": _response_format(call, profile, options, warnings),
        **_tools(call),
    }
    if stream:
        body["stream"] = True
        if profile.has_stream_usage:
            body["stream_options"] = {"include_usage": True}
    body.update(_options(options))
    if call.top_k is not None:
        warnings.append(
            CallWarning("unsupported", "Chat completions have no top_k; it was left out.", "top_k")
        )
    _drop_unsupported(body, profile, warnings)
    return ChatRequest({name: field for name, field in body.items() if field is not None}, tuple(warnings))


def _effort(call: ModelCall, profile: ChatProfile, warnings: list[CallWarning]) -> str | None:
    if call.reasoning == "provider-default":
        return None
    if profile.takes_reasoning_effort:
        return call.reasoning
    if call.reasoning != "none":
        warnings.append(
            CallWarning("unsupported", "This model does not reason; reasoning was left out.", "reasoning")
        )
    return None


def _response_format(
    call: ModelCall, profile: ChatProfile, options: JSONObject, warnings: list[CallWarning]
) -> dict[str, object] | None:
    wanted = call.response_format
    if wanted.type == "text":
        return None
    if wanted.schema is None:
        return {"type": "json_object"}
    if not profile.has_json_schema:
        warnings.append(
            CallWarning(
                "unsupported", "This API takes no schema; only JSON was asked for.", "response_format"
            )
        )
        return {"type": "json_object"}
    schema: dict[str, object] = {
        "name": wanted.name or "response",
        "schema": wanted.schema,
        "strict": options.get("strictJsonSchema", True),
    }
    if wanted.description is not None:
        schema["description"] = wanted.description
    return {"type": "json_schema", "json_schema": schema}


def _tools(call: ModelCall) -> dict[str, object]:
    tools = [_tool(tool) for tool in call.tools if isinstance(tool, ToolSpec)]
    if not tools:
        return {}
    choice = call.tool_choice
    if choice.type == "tool":
        return {
            "tools": tools,
            "tool_choice": {"type": "function", "function": {"name": choice.tool_name}},
        }
    return {"tools": tools, "tool_choice": choice.type}


def _tool(tool: ToolSpec) -> dict[str, object]:
    function: dict[str, object] = {"name": tool.name, "parameters": tool.input_schema}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _options(options: JSONObject) -> dict[str, object]:
    """The provider's own options, as the API names them: `parallelToolCalls` is sent as `parallel_tool_calls`."""
    body: dict[str, object] = {}
    for key, option in options.items():
        name = _OPTION_NAMES.get(key, _CAPITAL.sub(r"_\1", key).lower())
        if name is not None:
            body[name] = option
    return body


def _drop_unsupported(body: dict[str, object], profile: ChatProfile, warnings: list[CallWarning]) -> None:
    taken = profile.without_reasoning if body.get("reasoning_effort") == "none" else ()
    for name in profile.unsupported:
        if name not in taken and body.get(name) is not None:
            del body[name]
            feature = "stop_sequences" if name == "stop" else name
            why = f"{body['model']} does not take {feature}; it was left out."
            warnings.append(CallWarning("unsupported", why, feature))
