"""From a `ModelCall` to the body of a request to Google.

Owns: the fields, and the warnings for what cannot be said. Refuses to know: transport, answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flightwire._frozen import value
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.providers.answering import Request
from flightwire.providers.base import ModelCall, ProviderToolSpec, ResponseFormat, ToolChoice, ToolSpec
from flightwire.providers.google.gemini import Gemini, gemini
from flightwire.providers.google.messages import Prompt
from flightwire.providers.google.options import GoogleOptions
from flightwire.providers.google.tools import write_tools
from flightwire.providers.options import Options, camel_case, options_of, snake_case

__all__ = ["Question", "write_request"]

LEVELS = ("minimal", "low", "medium", "high", "xhigh")
BUDGETS = {"minimal": 0.02, "low": 0.1, "medium": 0.3, "high": 0.6, "xhigh": 0.9}  # of the longest answer
LONGEST_ANSWER_TOKENS = 65_536
HARMS = (
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
)
_OF_VERTEX = ("personGeneration", "prominentPeople", "imageOutputOptions")


@value
class Question:
    """A request and what must be known to read its answer.

    Attributes:
        code_name: what the tool that runs code is called by the user.
        json_tool: a function of ours whose input is the answer.
    """

    request: Request
    code_name: str
    json_tool: str | None


def write_request(call: ModelCall, model_id: str, *, stream: bool = False) -> Question:
    """Write the request for one call; the same body whether or not it is streamed.

    Raises:
        InvalidPromptError: a message that cannot be written.
        UnsupportedFunctionalityError: something in the messages that Google does not take.
    """
    return _Writer(call, gemini(model_id)).write()


class _Writer:
    """Writes one request."""

    def __init__(self, call: ModelCall, model: Gemini) -> None:
        self._call = call
        self._model = model
        self._options: Options = options_of(call.provider_options, "google")
        self._warnings: list[CallWarning] = []

    def write(self) -> Question:
        call, options = self._call, self._options
        json_tool = self._json_tool()
        asked = call if json_tool is None else _through_tool(call, json_tool)
        self._warn_of_vertex()
        penalties = self._penalties()
        prompt = Prompt(call.messages, self._model, self._warnings)
        tool_warnings: list[CallWarning] = []
        tools, config = write_tools(asked.tools, asked.tool_choice, self._model, tool_warnings)
        retrieval = options["retrievalConfig"]
        if retrieval is not None:
            config = {**(config or {}), "retrievalConfig": _camel(retrieval)}
        body: dict[str, object] = {
            "generationConfig": self._generation(asked, penalties),
            "contents": prompt.contents,
            "systemInstruction": prompt.instructions,
            "safetySettings": self._safety(),
            "tools": tools,
            "toolConfig": config,
            "cachedContent": options["cachedContent"],
            "labels": options["labels"],
            "serviceTier": options["serviceTier"],
            "continuationToken": options["continuationToken"],
            **self._further_options(),
        }
        warnings = (*self._warnings, *tool_warnings)
        request = Request({name: field for name, field in body.items() if field is not None}, warnings)
        return Question(request, _code_name(call), json_tool)

    def _warn(self, feature: str | None, message: str, kind: str = "unsupported") -> None:
        self._warnings.append(CallWarning(kind, message, feature))  # type: ignore[arg-type] # one of the literals

    # settings

    def _generation(self, asked: ModelCall, penalties: dict[str, object]) -> dict[str, object]:
        call, options, wanted = self._call, self._options, asked.response_format
        is_json = wanted.type == "json"
        has_schema = is_json and wanted.schema is not None and options["structuredOutputs"] is not False
        fields: dict[str, object] = {
            "maxOutputTokens": call.max_output_tokens,
            "temperature": call.temperature,
            "topK": call.top_k,
            "topP": call.top_p,
            **penalties,
            "stopSequences": list(call.stop_sequences) or None,
            "seed": call.seed,
            "responseMimeType": "application/json" if is_json else None,
            "responseJsonSchema": _sendable(wanted.schema)
            if has_schema and wanted.schema is not None
            else None,
            "audioTimestamp": options["audioTimestamp"] or None,
            "responseModalities": options["responseModalities"],
            "thinkingConfig": self._thinking(),
            "mediaResolution": options["mediaResolution"] or None,
            "imageConfig": self._image(),
        }
        return {name: field for name, field in fields.items() if field is not None}

    def _penalties(self) -> dict[str, object]:
        given = {
            "frequencyPenalty": self._call.frequency_penalty,
            "presencePenalty": self._call.presence_penalty,
        }
        given = {name: penalty for name, penalty in given.items() if penalty is not None}
        if self._model.takes_penalties:
            return dict(given)
        for name in given:
            self._warn(snake_case(name), f"this model takes no {snake_case(name)}; it was left out")
        return {}

    def _thinking(self) -> JSONValue:
        given = _camel(self._options["thinkingConfig"])
        given = given if isinstance(given, Mapping) else {}
        if given.get("thinkingBudget") is None and given.get("thinkingLevel") is None:
            given = {**self._asked_thinking(), **given}
        return given or None

    def _asked_thinking(self) -> dict[str, JSONValue]:
        reasoning = self._call.reasoning
        if reasoning == "provider-default":
            return {}
        if self._model.levels:
            return {"thinkingLevel": self._level(reasoning)}
        least = self._model.min_budget
        if reasoning == "none":
            if least:
                self._warn(
                    "reasoning",
                    f"this model always thinks; its least budget is {least} tokens",
                    "compatibility",
                )
            return {"thinkingBudget": least}
        budget = int(LONGEST_ANSWER_TOKENS * BUDGETS[reasoning] + 0.5)
        return {"thinkingBudget": min(self._model.max_budget, max(least, budget))}

    def _level(self, reasoning: str) -> str:
        """The level asked for, else the next lower one, else the next higher one."""
        index = LEVELS.index(reasoning) if reasoning in LEVELS else -1
        tried = [reasoning, *reversed(LEVELS[: max(index, 0)]), *LEVELS[index + 1 :]]
        level = next(level for level in tried if level in self._model.levels)
        if level != reasoning:
            self._warn("reasoning", f"this model knows no {reasoning!r}; {level!r} was sent", "compatibility")
        return level

    def _image(self) -> JSONValue:
        config = _camel(self._options["imageConfig"])
        if not isinstance(config, Mapping):
            return None
        if dropped := [name for name in _OF_VERTEX if config.get(name) is not None]:
            self._warn(
                None, f"{', '.join(dropped)} of imageConfig are for Vertex AI; they were left out", "other"
            )
        return {name: field for name, field in config.items() if name not in _OF_VERTEX}

    def _safety(self) -> JSONValue:
        given, threshold = self._options["safetySettings"], self._options["threshold"]
        if given is not None or threshold is None:
            return given
        return [{"category": category, "threshold": threshold} for category in HARMS]

    # JSON

    def _json_tool(self) -> str | None:
        """The name of a function whose input is the answer, where a format cannot stand beside functions."""
        call, wanted = self._call, self._call.response_format
        functions = [tool for tool in call.tools if isinstance(tool, ToolSpec)]
        if wanted.type != "json" or wanted.schema is None or not functions or not self._model.takes_json_tool:
            return None
        if self._model.is_third and call.tool_choice.type not in ("required", "tool"):
            return None
        taken = {tool.name for tool in call.tools}
        return next(
            name for name in ("json", *(f"json_{n}" for n in range(1, len(taken) + 2))) if name not in taken
        )

    # options

    def _warn_of_vertex(self) -> None:
        options = self._options
        if any(
            tool.id == "google.vertex_rag_store"
            for tool in self._call.tools
            if isinstance(tool, ProviderToolSpec)
        ):
            self._warn(None, "vertex_rag_store is for Vertex AI; it may not work here", "other")
        if options["streamFunctionCallArguments"]:
            self._warn(None, "streamFunctionCallArguments is for Vertex AI; it was left out", "other")
        if options["sharedRequestType"] or options["requestType"]:
            self._warn(
                None, "sharedRequestType and requestType are for Vertex AI; they were left out", "other"
            )

    def _further_options(self) -> dict[str, object]:
        """Fields of the API that are not known here have the names that the API has for them: camelCase."""
        self._options.known(
            *map(camel_case, GoogleOptions.__annotations__), "sharedRequestType", "requestType"
        )
        return dict(self._options.rest())


def _through_tool(call: ModelCall, name: str) -> ModelCall:
    wanted = call.response_format
    assert wanted.schema is not None, "without a schema there is no such function"
    kept = [tool for tool in call.tools if call.tool_choice.type != "none" or isinstance(tool, ToolSpec)]
    tool = ToolSpec(name, wanted.schema, wanted.description or "Respond with a JSON object.")
    choices = {"tool": call.tool_choice, "none": ToolChoice("tool", name)}
    choice = choices.get(call.tool_choice.type, ToolChoice("required"))
    return replace(call, tools=[*kept, tool], tool_choice=choice, response_format=ResponseFormat())


def _code_name(call: ModelCall) -> str:
    own = [
        tool
        for tool in call.tools
        if isinstance(tool, ProviderToolSpec) and tool.id == "google.code_execution"
    ]
    return own[0].name if own else "code_execution"


def _sendable(schema: JSONObject) -> dict[str, JSONValue]:
    """The schema as Google takes it: a constant is an enumeration of one."""
    out: dict[str, JSONValue] = {key: field for key, field in schema.items() if key != "const"}
    if "const" in schema:
        out["enum"] = [schema["const"]]
    for key in ("properties", "$defs"):
        if isinstance(found := out.get(key), Mapping):
            out[key] = {name: _inner(inner) for name, inner in found.items()}
    for key in ("anyOf", "oneOf"):
        if isinstance(found := out.get(key), list):
            out[key] = [_inner(inner) for inner in found]
    for key in ("items", "additionalProperties"):
        found = out.get(key)
        out.update(
            {key: [_inner(one) for one in found] if isinstance(found, list) else _inner(found)}
            if found is not None
            else {}
        )
    return out


def _inner(schema: JSONValue) -> JSONValue:
    return _sendable(schema) if isinstance(schema, Mapping) else schema


def _camel(found: JSONValue) -> JSONValue:
    """An object with its names in camelCase, all the way down."""
    if not isinstance(found, Mapping):
        return found
    return {camel_case(name): _camel(field) for name, field in found.items()}
