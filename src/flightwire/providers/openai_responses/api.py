"""How one of OpenAI's models is asked over the Responses API, and its whole answers.

Owns: the request's fields, and the warnings for what cannot be said in them. Refuses to know: transport, addresses, keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, cast

from flightwire.errors import UnsupportedFunctionalityError
from flightwire.events import CallWarning, RequestMetadata, ResponseMetadata
from flightwire.jsontypes import JSONValue
from flightwire.providers.answering import Request
from flightwire.providers.base import ContentBlock, ModelCall, ModelResult
from flightwire.providers.chat_dialect.dialect import mapped_effort
from flightwire.providers.openai_models import capabilities_of
from flightwire.providers.openai_responses.answers import final_metadata, finish_reason_of, usage_of
from flightwire.providers.openai_responses.input import InputRules, InputWriter, text_format
from flightwire.providers.openai_responses.items import Items
from flightwire.providers.openai_responses.reader import OpenAIReader
from flightwire.providers.openai_responses.tool_settings import options_in
from flightwire.providers.openai_responses.tools import Names, prepare_tools
from flightwire.providers.openai_schema import openai_schema
from flightwire.providers.options import Options, option_of, options_of, without_none
from flightwire.providers.responses_dialect.events import list_of, response_info

__all__ = ["OpenAIResponses"]

Fields = dict[str, object]

_ALL_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_LEFT_OUT = ("top_k", "seed", "presence_penalty", "frequency_penalty", "stop_sequences")
_LOGPROBS = "message.output_text.logprobs"
MAX_TOP_LOGPROBS = 20
# Options that are sent as they are: our name → OpenAI's.
_PASSED_ON = {
    "conversation": "conversation",
    "maxToolCalls": "max_tool_calls",
    "metadata": "metadata",
    "parallelToolCalls": "parallel_tool_calls",
    "previousResponseId": "previous_response_id",
    "store": "store",
    "user": "user",
    "instructions": "instructions",
    "serviceTier": "service_tier",
    "promptCacheKey": "prompt_cache_key",
    "promptCacheRetention": "prompt_cache_retention",
    "safetyIdentifier": "safety_identifier",
    "truncation": "truncation",
}


class OpenAIResponses:
    """One of OpenAI's models over the Responses API."""

    provider = "openai.responses"
    service = "OpenAI"
    supported_urls: Mapping[str, Sequence[str]] = {
        "image/*": (r"^https?://.*$",),
        "application/pdf": (r"^https?://.*$",),
    }

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id
        self._can = capabilities_of(model_id)

    # --- asking --------------------------------------------------------------------------------------------------

    def request(self, call: ModelCall, *, stream: bool) -> Request:
        """Write the request for one call.

        Raises:
            InvalidPromptError: a message that the API has no form for.
            UnsupportedFunctionalityError: settings that exclude each other.
        """
        body, warnings = _Writing(self.model_id, call).write()
        if stream:
            body["stream"] = True
        return Request(body, tuple(warnings))

    # --- reading -------------------------------------------------------------------------------------------------

    def reader(
        self, call: ModelCall, *, url: str, headers: Mapping[str, str], include_raw: bool
    ) -> OpenAIReader:
        """What reads the stream that answers the call."""
        return OpenAIReader(call, service=self.service, url=url, headers=headers, include_raw=include_raw)

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
        items, content = Items(call, whole=True), cast("list[ContentBlock]", [])
        output = list_of(body, "output")
        # Searches first: whether a citation names a new source depends on all of them.
        looking = Items(call)
        for item in output:
            list(looking.blocks_of(item))
        items.searched, items.found_files = looking.searched, looking.found_files
        for item in output:
            content += items.blocks_of(item)
        info = response_info(body)
        wants_logprobs = option_of(call.provider_options, "openai", "logprobs")
        logprobs: list[object] = [
            part["logprobs"]
            for item in output
            for part in list_of(item, "content")
            if wants_logprobs and part.get("logprobs")
        ]
        return ModelResult(
            content=tuple(content),
            finish_reason=finish_reason_of(info, items),
            usage=usage_of(info.usage),
            raw_finish_reason=info.incomplete_reason,
            warnings=request.warnings,
            request=metadata,
            response=ResponseMetadata(info.id, info.model, info.created_at, headers),
            provider_metadata=final_metadata(info, info.id, logprobs),
        )


class _Writing:
    """One request that is being written."""

    def __init__(self, model_id: str, call: ModelCall) -> None:
        self._model_id = model_id
        self._call = call
        self._can = capabilities_of(model_id)
        self._options: Options = options_of(call.provider_options, "openai")
        self._reasons = bool(self._options.get("forceReasoning", self._can.reasons))
        self._names = Names(call.tools)
        self._warnings: list[CallWarning] = []

    def write(self) -> tuple[Fields, list[CallWarning]]:
        """The body and what could not be said in it."""
        options, call = self._options, self._call
        for name in _LEFT_OUT:
            if getattr(call, name) not in (None, ()):
                self._left_out(name, f"The Responses API has no {name}; it was left out.")
        if options["conversation"] and options["previousResponseId"]:
            self._left_out("conversation", "conversation and previous_response_id exclude each other.")
        effort = self._effort()
        tool_warnings: list[CallWarning] = []
        tools = prepare_tools(call, options, self._names, tool_warnings, takes_async=self._can.async_tools)
        items = self._input(tools.with_output_schema)
        body: Fields = {
            "model": self._model_id,
            "input": items,
            "temperature": call.temperature,
            "top_p": call.top_p,
            "max_output_tokens": call.max_output_tokens,
            "text": self._text(),
            **{theirs: options[ours] for ours, theirs in _PASSED_ON.items()},
            "include": self._include(),
            "prompt_cache_options": _prompt_cache(options["promptCacheOptions"]),
            "top_logprobs": self._top_logprobs(),
            "context_management": _context_management(options["contextManagement"]),
            "reasoning": self._reasoning(effort),
            "tools": tools.tools if call.tools else None,
            "tool_choice": tools.choice,
        }
        self._add_unknown(body)
        self._drop(body, effort, items)
        return without_none(body), self._warnings + tool_warnings

    def _left_out(
        self, feature: str, why: str, kind: Literal["unsupported", "other"] = "unsupported"
    ) -> None:
        self._warnings.append(CallWarning(kind, why, feature))

    def _add_unknown(self, body: Fields) -> None:
        """Options we do not know: the API's own spelling goes into the body, anything else is a typing error."""
        for name, option in self._options.rest().items():
            if name.islower():
                body[name] = option
            else:
                self._left_out(
                    name, f"There is no option {name}; a field of the API is written as the API does."
                )

    # --- input ---------------------------------------------------------------------------------------------------

    def _input(self, with_output_schema: set[str]) -> list[Fields]:
        options = self._options
        default_role = "developer" if self._reasons else "system"
        rules = InputRules(
            system_role=str(options.get("systemMessageMode", default_role)),
            store=bool(options.get("store", True)),
            reasons=self._reasons,
            has_conversation=options["conversation"] is not None,
            has_previous=options["previousResponseId"] is not None,
            passes_files=bool(options["passThroughUnsupportedFiles"]),
            no_updates=self._no_updates(),
        )
        writer = InputWriter(rules, self._names, with_output_schema)
        items = writer.write(self._call.messages)
        self._warnings += writer.warnings
        self._update_effort(items, rules.no_updates)
        if options["compactionTrigger"]:
            items.append({"type": "compaction_trigger"})
        return items

    def _no_updates(self) -> str | None:
        options = self._options
        if not self._can.configuration_updates:
            return "only GPT-6 and later models can change their configuration on the way."
        if (
            options["reasoningMode"] == "pro"
            or options["contextManagement"] is not None
            or options["truncation"] == "auto"
        ):
            return (
                "the configuration cannot change on the way in pro mode, with compaction or with truncation."
            )
        return None

    def _update_effort(self, items: list[Fields], no_updates: str | None) -> None:
        """The effort from this answer on; OpenAI takes no two updates in a row."""
        for item in items:
            if item.get("type") == "configuration_update" and (why := self._unknown_effort(_effort_in(item))):
                raise UnsupportedFunctionalityError(why)
        wanted = self._options["reasoningEffortUpdate"]
        if wanted is not None:
            why = no_updates or self._unknown_effort(wanted)
            if why is not None:
                self._left_out("reasoning_effort_update", why)
            elif not items or _effort_in(items[0]) != wanted:
                items.insert(0, {"type": "configuration_update", "reasoning": {"effort": wanted}})
        kinds = [item.get("type") for item in items]
        if any(pair == ("configuration_update",) * 2 for pair in pairwise(kinds)):
            raise UnsupportedFunctionalityError(
                "two changes of the configuration follow each other; write them into one empty system message."
            )

    def _unknown_effort(self, effort: object) -> str | None:
        known = self._can.efforts
        if effort is None or known is None or effort in known:
            return None
        return f"{self._model_id} knows the reasoning efforts {', '.join(known)}, not {effort!r}."

    # --- fields --------------------------------------------------------------------------------------------------

    def _text(self) -> Fields | None:
        options, wanted = self._options, self._call.response_format
        strict, verbosity, form = (
            options.get("strictJsonSchema", True), options["textVerbosity"], options["textFormat"],
        )  # fmt: skip
        text: Fields = {}
        if isinstance(form, Mapping):
            text["format"] = text_format(form, self._warnings)
        elif wanted.type == "json" and wanted.schema is not None:
            text["format"] = without_none(
                {
                    "type": "json_schema",
                    "strict": strict,
                    "name": wanted.name or "response",
                    "description": wanted.description,
                    "schema": openai_schema(wanted.schema, self._warnings),
                }
            )
        elif wanted.type == "json":
            text["format"] = {"type": "json_object"}
        if verbosity:
            text["verbosity"] = verbosity
        return text or None

    def _effort(self) -> JSONValue:
        chosen = self._options["reasoningEffort"]
        if chosen is not None:
            return chosen
        efforts = {name: name for name in self._can.efforts or _ALL_EFFORTS}
        return mapped_effort(self._call, efforts, self._warnings, service="OpenAI")

    def _reasoning(self, effort: JSONValue) -> Fields | None:
        options = self._options
        summary = options["reasoningSummary"]
        if "reasoningSummary" not in options and effort is not None and effort != "none":
            summary = "detailed"
        fields = {
            "effort": effort, "summary": summary, "mode": options["reasoningMode"],
            "context": options["reasoningContext"],
        }  # fmt: skip
        if self._reasons:
            return without_none(fields) or None
        for name in ("reasoningEffort", "reasoningSummary", "reasoningMode", "reasoningContext"):
            if options[name] is not None:
                self._left_out(name, f"{self._model_id} does not reason; {name} was left out.")
        return None

    def _top_logprobs(self) -> JSONValue:
        wanted = self._options["logprobs"]
        return MAX_TOP_LOGPROBS if wanted is True else None if wanted is False else wanted

    def _include(self) -> list[str] | None:
        options, names = self._options, self._names
        include = list(options.get("include", cast("Sequence[str]", ())))
        wanted = (
            (_LOGPROBS, bool(self._top_logprobs())),
            (
                "web_search_call.action.sources",
                names.has_web_search and options["includeWebSearchSources"] is not False,
            ),
            ("code_interpreter_call.outputs", names.has("code_interpreter")),
            ("reasoning.encrypted_content", options["store"] is False and self._reasons),
        )
        include += [name for name, is_wanted in wanted if is_wanted and name not in include]
        return include or None

    # --- what the model refuses ----------------------------------------------------------------------------------

    def _drop(self, body: Fields, effort: JSONValue, items: list[Fields]) -> None:
        if not self._can.cache_retention:
            self._drop_fields(body, "prompt_cache_retention")
        if self._reasons:
            efforts = [effort, *(_effort_in(item) for item in items)]
            last = [each for each in efforts if each is not None]
            if not (last and last[-1] == "none" and self._can.samples_without_reasoning):
                self._drop_fields(body, "temperature", "top_p")
                self._drop_logprobs(body)
        tier = body.get("service_tier")
        if (tier == "flex" and not self._can.flex) or (
            tier in ("priority", "fast") and not self._can.priority
        ):
            self._drop_fields(body, "service_tier")

    def _drop_fields(self, body: Fields, *names: str) -> None:
        for name in names:
            if body.get(name) is not None:
                del body[name]
                self._left_out(name, f"{self._model_id} does not take {name}; it was left out.")

    def _drop_logprobs(self, body: Fields) -> None:
        include = cast("list[str] | None", body.get("include")) or []
        is_asked = body.get("top_logprobs") is not None or _LOGPROBS in include
        if self._can.logprobs_while_reasoning or not is_asked:
            return
        body["top_logprobs"] = None
        body["include"] = [name for name in include if name != _LOGPROBS] or None
        self._left_out(
            "logprobs", f"{self._model_id} gives no logprobs while it reasons; they were left out."
        )


def _effort_in(item: Fields) -> object:
    reasoning = item.get("reasoning") if item.get("type") == "configuration_update" else None
    return reasoning.get("effort") if isinstance(reasoning, Mapping) else None


def _prompt_cache(given: JSONValue) -> Fields | None:
    if not isinstance(given, Mapping):
        return None
    said = options_in(given)
    return without_none(
        {
            "mode": said["mode"],
            "ttl": said["ttl"],
            "prewarm": said["prewarm"],
            "comparison_response_id": said["comparisonResponseId"],
        }
    )


def _context_management(given: JSONValue) -> list[Fields] | None:
    if not isinstance(given, (list, tuple)):
        return None
    said = [options_in(each) for each in given]
    return [{"type": each["type"], "compact_threshold": each["compactThreshold"]} for each in said]
