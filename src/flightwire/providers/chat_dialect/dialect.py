"""How one API of the dialect, and one model of it, is asked and read.

Owns: the request's fields and the warnings for what cannot be said in them; what the words at the end of an answer mean.
The defaults are those of a plain compatible server; a provider is a subclass that overrides what it does otherwise.
Refuses to know: transport, streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flightwire.events import CallWarning, FinishReason, Usage
from flightwire.jsontypes import JSONObject
from flightwire.providers.answering import Request
from flightwire.providers.base import ModelCall, ProviderToolSpec, ToolSpec
from flightwire.providers.chat_dialect import answers
from flightwire.providers.chat_dialect.messages import Fields, MessageWriter, unsupported
from flightwire.providers.options import Options, options_of, without_none

__all__ = ["IMAGES_BY_URL", "ChatDialect", "mapped_effort"]

IMAGES_BY_URL: Mapping[str, Sequence[str]] = {"image/*": (r"^https?://.*$",)}
EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")


class ChatDialect:
    """How to talk to one model of one API.

    Attributes:
        provider: the provider's name, as in "openai.chat".
        service: its name in error messages.
        options_key: the key of its own options in `provider_options`, and of its metadata.
        supported_urls: which addresses the API fetches itself: media type → patterns.
        has_json_schema: whether `response_format` may carry a schema.
        strict_schema: whether a schema is kept to the letter unless an option says otherwise.
        has_stream_usage: whether `stream_options` may ask for the usage of a stream.
        max_tokens_field: what the limit of the answer is called.
        left_out: settings the API does not know; each is left out with a warning.
    """

    provider: str = "openai-compatible.chat"
    service: str = "The server"
    options_key: str = "openaiCompatible"
    supported_urls: Mapping[str, Sequence[str]] = {}
    has_json_schema = True
    strict_schema = True
    has_stream_usage = True
    max_tokens_field = "max_tokens"
    left_out: tuple[str, ...] = ("top_k",)

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id

    # --- asking --------------------------------------------------------------------------------------------------

    def request(self, call: ModelCall, *, stream: bool) -> Request:
        """Write the request for one call.

        Raises:
            InvalidPromptError: a message that the API has no form for.
        """
        warnings: list[CallWarning] = []
        options = self.options(call)
        warnings += [
            unsupported(name, f"{self.service} has no {name}; it was left out.")
            for name in self.left_out
            if getattr(call, name) not in (None, ())
        ]
        body = self.body(call, options, warnings)
        body.update(self.tools(call, options, warnings))
        if stream:
            body["stream"] = True
            if self.has_stream_usage:
                body["stream_options"] = {"include_usage": True}
        self.finish_body(body, call, options, warnings)
        return Request(without_none(body), tuple(warnings))

    def options(self, call: ModelCall) -> Options:
        """The call's options for this provider."""
        return options_of(call.provider_options, self.options_key)

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The fields of the request; None is left out."""
        return {
            "model": self.model_id,
            "messages": self.messages(call, options, warnings),
            self.max_tokens_field: call.max_output_tokens,
            "temperature": call.temperature,
            "top_p": call.top_p,
            "frequency_penalty": call.frequency_penalty,
            "presence_penalty": call.presence_penalty,
            "stop": list(call.stop_sequences) or None,
            "seed": call.seed,
            "response_format": self.response_format(call, options, warnings),
            **self.reasoning(call, options, warnings),
        }

    def finish_body(
        self, body: Fields, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> None:
        """The last look at the body: here options that nobody asked for go in as they are."""
        body.update(options.rest())

    def add_unknown(self, body: Fields, options: Options, warnings: list[CallWarning]) -> None:
        """Options we do not know: the API's own spelling goes into the body, anything else is a typing error."""
        for name, option in options.rest().items():
            if name.islower():
                body[name] = option
            else:
                why = f"There is no option {name}; a field of the API is written as the API does."
                warnings.append(unsupported(name, why))

    def writer(self, call: ModelCall, options: Options) -> MessageWriter:
        """Who writes the messages."""
        return MessageWriter(self.options_key, self.service)

    def messages(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> list[Fields]:
        """The messages as the API reads them."""
        writer = self.writer(call, options)
        written = writer.write(call.messages)
        warnings += writer.warnings
        return written

    def reasoning(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """How hard to think."""
        if "reasoningEffort" in options:
            return {"reasoning_effort": options["reasoningEffort"]}
        return {} if call.reasoning == "provider-default" else {"reasoning_effort": call.reasoning}

    def response_format(
        self, call: ModelCall, options: Options, warnings: list[CallWarning]
    ) -> Fields | None:
        """Text, or JSON with an optional schema."""
        strict = options.get("strictJsonSchema", self.strict_schema)
        wanted = call.response_format
        if wanted.type == "text":
            return None
        if wanted.schema is None:
            return {"type": "json_object"}
        if not self.has_json_schema:
            why = f"{self.service} takes no schema; only JSON was asked for."
            warnings.append(unsupported("response_format", why))
            return {"type": "json_object"}
        schema: Fields = {
            "name": wanted.name or "response",
            "schema": self.schema(wanted.schema, warnings),
            "strict": strict,
        }
        if wanted.description is not None:
            schema["description"] = wanted.description
        return {"type": "json_schema", "json_schema": schema}

    def schema(self, schema: JSONObject, warnings: list[CallWarning]) -> JSONObject:
        """A JSON schema as the API takes it."""
        return schema

    def tools(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The tools, and whether the model may, must or must not call them."""
        if not call.tools:
            return {}
        tools = []
        for tool in call.tools:
            written = (
                self.function(tool, warnings)
                if isinstance(tool, ToolSpec)
                else self.own_tool(tool, options, warnings)
            )
            if written is not None:
                tools.append(written)
        return {"tools": tools, "tool_choice": self.tool_choice(call, warnings)}

    def function(self, tool: ToolSpec, warnings: list[CallWarning]) -> Fields:
        """A tool of the caller's."""
        function: Fields = {"name": tool.name, "parameters": self.schema(tool.input_schema, warnings)}
        if tool.description is not None:
            function["description"] = tool.description
        if tool.strict is not None:
            function["strict"] = tool.strict
        return {"type": "function", "function": function}

    def own_tool(
        self, tool: ProviderToolSpec, options: Options, warnings: list[CallWarning]
    ) -> Fields | None:
        """A tool of the provider's."""
        warnings.append(unsupported(tool.id, f"{self.service} has no tool {tool.id}; it was left out."))
        return None

    def tool_choice(self, call: ModelCall, warnings: list[CallWarning]) -> object:
        """As the API writes it."""
        choice = call.tool_choice
        if choice.type == "tool":
            return {"type": "function", "function": {"name": choice.tool_name}}
        return choice.type

    # --- reading -------------------------------------------------------------------------------------------------

    def usage(self, raw: Mapping[str, object] | None) -> Usage:
        """What the tokens are."""
        return answers.to_usage(raw)

    def finish_reason(self, raw: str | None, *, refused: bool = False) -> FinishReason:
        """One word for all providers."""
        return answers.to_finish_reason(raw, refused=refused)

    def metadata(self, facts: answers.Facts) -> JSONObject | None:
        """What else the answer said, for `provider_metadata[options_key]`."""
        return answers.to_metadata(facts) or None


def mapped_effort(
    call: ModelCall, efforts: Mapping[str, str], warnings: list[CallWarning], *, service: str
) -> str | None:
    """The wanted effort in the words of a model that knows only some: the next lower one, else the next higher.

    "none" is no fallback: a model that cannot stop thinking thinks as little as it can (AI SDK v7,
    `packages/provider-utils/src/map-reasoning-to-provider.ts`).
    """
    wanted = call.reasoning
    if wanted == "provider-default":
        return None
    place = EFFORTS.index(wanted) if wanted in EFFORTS else -1
    order = (wanted, *reversed(EFFORTS[: max(place, 0)]), *EFFORTS[place + 1 :])
    found = next((efforts[level] for level in order if level in efforts), None)
    if found is None:
        warnings.append(unsupported("reasoning", f"{service} cannot be told how to reason; it was left out."))
    elif found != wanted:
        why = f"reasoning {wanted!r} is not known to this model; {found!r} was sent."
        warnings.append(CallWarning("compatibility", why, "reasoning"))
    return found
