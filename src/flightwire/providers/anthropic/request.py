"""From a `ModelCall` to the body of a request to Anthropic.

Owns: the fields, the betas, and the warnings for what cannot be said. Refuses to know: transport, answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flightwire._frozen import value
from flightwire.errors import InvalidArgumentError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import FilePart, UserMessage
from flightwire.providers.answering import Request
from flightwire.providers.anthropic.caching import CacheMarks
from flightwire.providers.anthropic.claude import Claude, claude
from flightwire.providers.anthropic.messages import FILES, Prompt
from flightwire.providers.anthropic.options import AnthropicOptions
from flightwire.providers.anthropic.schemas import is_held_natively, without_refused
from flightwire.providers.anthropic.thinking import Thinking
from flightwire.providers.anthropic.tool_names import ToolNames, key_of
from flightwire.providers.anthropic.tools import ToolRules, write_tools
from flightwire.providers.base import ModelCall, ToolChoice, ToolSpec
from flightwire.providers.options import Options, camel_case, option_of, options_of, snake_case

__all__ = ["CitedDocument", "Message", "write_request"]

JSON_TOOL = "json"


@value
class CitedDocument:
    """A document that an answer may cite."""

    title: str
    media_type: str
    filename: str | None = None


@value
class Message:
    """A request and what must be known to read its answer.

    Attributes:
        betas: what the header names.
        names: how the tools are called on either side.
        documents: what may be cited, in order.
        has_json_tool: the answer comes as the input of a tool of ours.
    """

    request: Request
    betas: tuple[str, ...]
    names: ToolNames
    documents: tuple[CitedDocument, ...]
    has_json_tool: bool


def write_request(
    call: ModelCall, model_id: str, *, stream: bool, given_betas: Sequence[str] = ()
) -> Message:
    """Write the request for one call.

    Raises:
        InvalidPromptError: a message that cannot be written.
        InvalidArgumentError: options that exclude each other.
        UnsupportedFunctionalityError: a file of a type that Anthropic does not take.
    """
    return _Writer(call, model_id, stream=stream).write(given_betas)


class _Writer:
    """Writes one request."""

    def __init__(self, call: ModelCall, model_id: str, *, stream: bool) -> None:
        self._call = call
        self._model_id = model_id
        self._stream = stream
        self._options: Options = options_of(call.provider_options, "anthropic")
        self._model: Claude = claude(model_id)
        self._warnings: list[CallWarning] = []
        self._betas: dict[str, None] = {}  # a set that keeps its order
        self._marks = CacheMarks()
        self._names = ToolNames(call.tools)

    def write(self, given_betas: Sequence[str]) -> Message:
        call, options = self._call, self._options
        self._warn_of_the_unknown()
        has_format, has_json_tool = self._json()
        self._check_options()
        prompt = Prompt(
            call.messages,
            names=self._names,
            marks=self._marks,
            betas=self._betas,
            warnings=self._warnings,
            sends_reasoning=options["sendReasoning"] is not False,
        )
        thinking = Thinking(call, options, self._model, self._model_id, self._warnings)
        body: dict[str, object] = {
            "model": self._model_id,
            **self._limits(thinking),
            "stop_sequences": list(call.stop_sequences) or None,
            "thinking": thinking.body(),
            "output_config": self._output_config(thinking, has_format=has_format),
            **self._plain_options(),
            "mcp_servers": self._mcp_servers(),
            "container": self._container(),
            "system": prompt.system,
            "messages": prompt.messages,
            **self._context(),
            **self._tools(thinking, has_json_tool=has_json_tool),
            "stream": True if self._stream else None,
        }
        body.update(self._thread(body))
        self._add_betas(thinking)
        body.update(self._further_options())
        named = options["anthropicBeta"]
        extra = [str(beta) for beta in named] if isinstance(named, list | tuple) else []
        betas = dict.fromkeys([*self._betas, *given_betas, *extra])
        warnings = (*self._warnings, *self._marks.warnings)
        request = Request({name: field for name, field in body.items() if field is not None}, warnings)
        return Message(request, tuple(betas), self._names, _documents(call), has_json_tool)

    def _warn(self, feature: str, message: str, kind: str = "unsupported") -> None:
        self._warnings.append(CallWarning(kind, message, feature))  # type: ignore[arg-type] # one of the literals

    # settings

    def _warn_of_the_unknown(self) -> None:
        for name in ("frequency_penalty", "presence_penalty", "seed"):
            if getattr(self._call, name) is not None:
                self._warn(name, f"Anthropic has no {name}; it was left out")
        if not self._model.is_known and self._call.max_output_tokens is None:
            message = f"{self._model_id} is not known here; at most {self._model.max_output_tokens} tokens were asked for"
            self._warn("max_output_tokens", f"{message}. Pass max_output_tokens=… for more", "compatibility")

    def _limits(self, thinking: Thinking) -> dict[str, object]:
        sampling = self._sampling(thinking)
        limit = self._model.max_output_tokens
        asked = self._call.max_output_tokens
        max_tokens = (limit if asked is None else asked) + (thinking.budget_tokens or 0)
        if self._model.is_known and max_tokens > limit:
            if asked is not None:
                self._warn(
                    "max_output_tokens", f"{self._model_id} writes at most {limit} tokens, not {max_tokens}"
                )
            max_tokens = limit
        return {"max_tokens": max_tokens, **sampling}

    def _sampling(self, thinking: Thinking) -> dict[str, object]:
        call = self._call
        temperature = call.temperature
        if temperature is not None and not 0 <= temperature <= 1:
            temperature = min(max(temperature, 0), 1)
            self._warn("temperature", f"Anthropic takes 0 to 1; {temperature} was sent")
        given: dict[str, object] = {"temperature": temperature, "top_k": call.top_k, "top_p": call.top_p}
        given = {name: setting for name, setting in given.items() if setting is not None}
        if not self._model.takes_sampling or thinking.is_on:
            why = "while it thinks" if self._model.takes_sampling else "at all"
            for name in given:
                self._warn(name, f"{self._model_id} takes no {name} {why}; it was left out")
            return {}
        is_claude = self._model.is_known or "claude-" in self._model_id
        if is_claude and "temperature" in given and "top_p" in given:
            self._warn("top_p", "top_p does not go with temperature; it was left out")
            del given["top_p"]
        return given

    # JSON

    def _json(self) -> tuple[bool, bool]:
        """Whether the answer is held to the schema, or asked for as the input of a tool."""
        wanted = self._call.response_format
        if wanted.type != "json":
            return False, False
        if wanted.schema is None:
            self._warn("response_format", "Anthropic writes JSON to a schema only; the format was left out")
            return False, False
        mode = self._options["structuredOutputMode"] or "auto"
        fits = self._model.has_json_schema and is_held_natively(wanted.schema)
        if mode == "outputFormat" or (mode == "auto" and fits):
            return True, False
        if fits and not self._model.can_be_forced:
            self._warn(
                "structuredOutputMode",
                f"{self._model_id} cannot be made to call a tool; its output is constrained",
            )
            return True, False
        if self._options["disableParallelToolUse"] is False:
            self._warn("disableParallelToolUse", "only one tool is called when the answer is JSON")
        return False, True

    def _output_config(self, thinking: Thinking, *, has_format: bool) -> dict[str, object] | None:
        config: dict[str, object] = {}
        if thinking.effort:
            config["effort"] = thinking.effort
        if budget := _snake(self._options["taskBudget"]):
            config["task_budget"] = budget
        if has_format:
            schema = without_refused(self._call.response_format.schema)
            config["format"] = {"type": "json_schema", "schema": schema}
        return config or None

    # options

    def _check_options(self) -> None:
        options = self._options
        if options["contextManagement"] is not None and options["compaction"] is not None:
            raise InvalidArgumentError(
                "provider_options['anthropic'] holds both compaction and contextManagement; they exclude each other."
            )
        if options["serviceTier"] not in (None, "auto", "standard_only"):
            self._warn(
                "serviceTier", f"Anthropic has no service tier {options['serviceTier']!r}; it was left out"
            )

    def _plain_options(self) -> dict[str, object]:
        options = self._options
        tier, metadata, fallbacks = options["serviceTier"], options["metadata"], options["fallbacks"]
        user = _snake(metadata).get("user_id") if isinstance(metadata, Mapping) else None
        return {
            "speed": options["speed"],
            "service_tier": tier if tier in ("auto", "standard_only") else None,
            "inference_geo": options["inferenceGeo"],
            "fallbacks": fallbacks or None,
            "cache_control": options["cacheControl"],
            "metadata": None if user is None else {"user_id": user},
            "safeguards": [_shallow_snake(one) for one in _list(options["safeguards"])] or None,
        }

    def _further_options(self) -> dict[str, object]:
        """Fields of the API that are not known here are sent if they are spelt as the API spells them."""
        self._options.known(*map(camel_case, AnthropicOptions.__annotations__), "includePings")
        further = self._options.rest()
        for name in [name for name in further if name != snake_case(name)]:
            del further[name]
            self._warn(
                name, f"provider_options['anthropic'] holds {name!r}, which is not known; it was left out"
            )
        return dict(further)

    def _mcp_servers(self) -> list[dict[str, object]] | None:
        servers: list[dict[str, object]] = []
        for given in _list(self._options["mcpServers"]):
            server: dict[str, object] = dict(_snake(given))
            servers.append({name: field for name, field in server.items() if field is not None})
        return servers or None

    def _container(self) -> JSONValue:
        container = self._options["container"]
        if not isinstance(container, Mapping):
            return None
        skills = _list(container.get("skills"))
        if not skills:
            return container.get("id")
        written: list[JSONValue] = [_skill(skill) for skill in skills]
        found = {"id": container.get("id"), "skills": written}
        return {name: field for name, field in found.items() if field is not None}

    def _context(self) -> dict[str, object]:
        compaction, management = self._options["compaction"], self._options["contextManagement"]
        fields: dict[str, object] = {}
        if compaction is not None:
            fields["compaction"] = _shallow_snake(compaction)
        if isinstance(management, Mapping):
            edits = [
                edit for one in _list(management.get("edits")) if (edit := self._edit(_shallow_snake(one)))
            ]
            fields["context_management"] = {"edits": edits}
        return fields

    def _edit(self, edit: JSONObject) -> JSONObject | None:
        if edit.get("type") in EDITS:
            return edit
        self._warnings.append(CallWarning("other", f"Anthropic has no context edit {edit.get('type')!r}"))
        return None

    def _thread(self, body: Mapping[str, object]) -> dict[str, object]:
        thread = self._options["thread"]
        if not isinstance(thread, Mapping):
            return {}
        edits = _list((self._options["contextManagement"] or {}).get("edits"))  # type: ignore[union-attr] # an object
        only_kept = all(
            isinstance(edit, Mapping) and edit.get("type") == KEEPS_THINKING and edit.get("keep") == "all"
            for edit in edits
        )
        if self._options["compaction"] is not None or not only_kept:
            raise InvalidArgumentError("Anthropic's message threads take no compaction and no context edits.")
        self._betas = dict.fromkeys(["message-threads-2026-08-12", *self._betas])
        fields = _snake(thread)
        if fields.get("type") != "continue":
            return {"thread": {"type": "create"}}
        if body.get("system") or body.get("tools"):
            self._warn("thread", "a thread keeps the instructions and tools it began with", "compatibility")
        return {"thread": fields, "system": None, "tools": None}

    # tools

    def _tools(self, thinking: Thinking, *, has_json_tool: bool) -> dict[str, object]:
        call, model = self._call, self._model
        only_one = self._options["disableParallelToolUse"]
        rules = ToolRules(
            takes_strict=model.has_json_schema,
            names_beta=model.has_json_schema and not has_json_tool,
            is_eager=self._stream and self._options["toolStreaming"] is not False,
            can_be_forced=model.can_be_forced and thinking.type != "enabled",
            only_one=True if has_json_tool else only_one if isinstance(only_one, bool) else None,
        )
        tools, choice = list(call.tools), call.tool_choice
        if has_json_tool:
            assert call.response_format.schema is not None, "without a schema there is no such tool"
            tools = [tool for tool in tools if _may_be_called(tool.name, choice)]
            tools.append(ToolSpec(JSON_TOOL, call.response_format.schema, "Respond with a JSON object."))
            choice = ToolChoice("required")
        return write_tools(
            tools, choice, rules, marks=self._marks, betas=self._betas, warnings=self._warnings
        )

    def _add_betas(self, thinking: Thinking) -> None:
        options = self._options
        edits = (options["contextManagement"] or {}).get("edits")  # type: ignore[union-attr] # an object
        has_compaction = any(
            isinstance(edit, Mapping) and edit.get("type") == COMPACTS for edit in _list(edits)
        )
        container = options["container"]
        has_skills = isinstance(container, Mapping) and bool(container.get("skills"))
        fallbacks = options["fallbacks"]
        needed = {
            "mcp-client-2025-04-04": bool(options["mcpServers"]),
            "dangerous-tool-use-2026-09-03": bool(options["safeguards"]),
            "compact-2026-09-04": bool(options["compaction"]),
            "context-management-2025-06-27": options["contextManagement"] is not None,
            "compact-2026-01-12": has_compaction,
            "code-execution-2025-08-25": has_skills,
            "skills-2025-10-02": has_skills,
            FILES: has_skills,
            "task-budgets-2026-03-13": bool(options["taskBudget"]),
            "fast-mode-2026-02-01": options["speed"] == "fast",
            "thinking-display-updates-2026-08-18": thinking.display == "updates",
            "thinking-binding-controls-2026-08-01": thinking.block_binding is not None,
            "server-side-fallback-2026-07-01": fallbacks == "default",
            "server-side-fallback-2026-06-01": isinstance(fallbacks, Sequence)
            and fallbacks not in ("default", [], ()),
        }
        self._betas.update({beta: None for beta, is_needed in needed.items() if is_needed})
        runs_code = any(key_of(tool) in RUNS_CODE for tool in self._call.tools)
        if has_skills and not runs_code:
            self._warnings.append(CallWarning("other", "skills need the code execution tool"))


KEEPS_THINKING = "clear_thinking_20251015"
COMPACTS = "compact_20260112"
EDITS = ("clear_tool_uses_20250919", KEEPS_THINKING, COMPACTS)
RUNS_CODE = ("code_execution_20250825", "code_execution_20260120")


def _may_be_called(name: str, choice: ToolChoice) -> bool:
    return choice.type != "none" and (choice.type != "tool" or choice.tool_name == name)


def _list(found: JSONValue) -> Sequence[JSONValue]:
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()


def _snake(found: JSONValue) -> dict[str, JSONValue]:
    """An object with every name in snake_case, all the way down."""
    if not isinstance(found, Mapping):
        return {}
    return {
        snake_case(name): _snake(field) if isinstance(field, Mapping) else field
        for name, field in found.items()
    }


def _shallow_snake(found: JSONValue) -> dict[str, JSONValue]:
    return {snake_case(name): field for name, field in found.items()} if isinstance(found, Mapping) else {}


def _skill(skill: JSONValue) -> dict[str, JSONValue]:
    fields = _shallow_snake(skill)
    reference = fields.pop("provider_reference", None)
    if fields.get("type") == "custom" and isinstance(reference, Mapping):
        fields["skill_id"] = reference.get("anthropic")
    return {name: fields[name] for name in ("type", "skill_id", "version") if fields.get(name) is not None}


def _documents(call: ModelCall) -> tuple[CitedDocument, ...]:
    found: list[CitedDocument] = []
    for message in call.messages:
        if not isinstance(message, UserMessage) or isinstance(message.content, str):
            continue
        for part in message.content:
            if isinstance(part, FilePart) and part.media_type in ("application/pdf", "text/plain"):
                citations = option_of(part.provider_options, "anthropic", "citations")
                if isinstance(citations, Mapping) and citations.get("enabled"):
                    title = part.filename or "Untitled Document"
                    found.append(CitedDocument(title, part.media_type, part.filename))
    return tuple(found)
