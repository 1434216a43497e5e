"""The settings that `generate_text` and `stream_text` share.

Owns: their types and limits (`packages/ai/src/prompt/language-model-call-options.ts`, `request-options.ts`, AI SDK v7; no
setting of the model is defaulted), and what becomes of them: a `Request`. Refuses to know: providers, streams.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypedDict, get_args

from flightwire._frozen import value
from flightwire.core.abort import AbortSignal
from flightwire.core.approvals import Approvals, ToolApproval
from flightwire.core.callbacks import AnswerCallbacks, Notifier, StreamCallbacks
from flightwire.core.downloads import Download, DownloadLike, to_download
from flightwire.core.prepare_step import PrepareStep
from flightwire.core.prompt import Instructions, Prompt, standardize_prompt
from flightwire.core.stop import StopCondition, StopWhen, to_conditions
from flightwire.core.timeouts import Timeout, TimeoutLike, to_timeout
from flightwire.core.tool_calls import RefineToolInput, RepairToolCall
from flightwire.core.tool_sets import ToolChoiceLike, ToolName, Tools, ToolSet, to_tool_choice, to_tool_set
from flightwire.core.transforms import StreamTextTransform, Transforms, to_transforms
from flightwire.errors import InvalidArgumentError
from flightwire.messages import MessageLike, ModelMessage, ProviderOptions, SystemMessage
from flightwire.providers.base import ModelCall, ReasoningEffort, ToolChoice

Include = Literal["request_body", "request_messages", "raw_chunks", "response_body"]


class ModelSettings(TypedDict, total=False):
    """What shapes the model's answer; what is not given is left to the provider."""

    max_output_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    stop_sequences: Sequence[str] | None
    seed: int | None
    reasoning: ReasoningEffort


class CallSettings(ModelSettings, total=False):
    """Prompt, model and transport settings; `system` is the older spelling of `instructions`."""

    instructions: Instructions
    system: Instructions
    prompt: Prompt
    messages: Iterable[MessageLike] | None
    allow_system_in_messages: bool
    max_retries: int
    headers: Mapping[str, str] | None
    provider_options: ProviderOptions | None
    timeout: TimeoutLike
    abort_signal: AbortSignal | None
    include: Collection[Include]
    download: DownloadLike


class LoopSettings(TypedDict, total=False):
    """Tools and steps."""

    tools: Tools
    tool_choice: ToolChoiceLike
    active_tools: Sequence[ToolName] | None
    tool_order: Sequence[ToolName] | None
    tool_approval: ToolApproval
    approvals: Approvals | None
    tool_call_concurrency: int | None
    repair_tool_call: RepairToolCall | None
    refine_tool_input: RefineToolInput | None
    tools_context: Mapping[str, Any] | None
    runtime_context: Any
    stop_when: StopWhen
    prepare_step: PrepareStep | None


class TextSettings(CallSettings, LoopSettings, AnswerCallbacks, total=False):
    """All keyword arguments of `generate_text` besides its own."""


class StreamSettings(CallSettings, LoopSettings, StreamCallbacks, total=False):
    """All keyword arguments of `stream_text` besides its own."""

    transform: Transforms


@value
class Request:
    """What an answer is asked for, checked."""

    instructions: tuple[SystemMessage, ...]
    messages: tuple[ModelMessage, ...]
    call: ModelCall  # everything of it but messages and tools
    timeout: Timeout
    abort_signal: AbortSignal | None
    include: frozenset[Include]
    download: Download | None
    allow_system_in_messages: bool
    tools: ToolSet
    tool_choice: ToolChoice
    active_tools: Sequence[ToolName] | None
    tool_order: Sequence[ToolName] | None
    tool_approval: ToolApproval
    approvals: Approvals
    tool_call_concurrency: int | None
    repair_tool_call: RepairToolCall | None
    refine_tool_input: RefineToolInput | None
    tools_context: Mapping[str, Any]
    runtime_context: Any
    stop_when: tuple[StopCondition, ...]
    prepare_step: PrepareStep | None
    callbacks: Notifier
    transforms: tuple[StreamTextTransform, ...]


_OF_CALL: Final = {*ModelSettings.__annotations__, "max_retries", "headers", "provider_options"}
_CHECKED: Final = {*_OF_CALL, "tool_call_concurrency"}
_INCLUDES: Final = ("request_body", "request_messages", "raw_chunks", "response_body")
_EFFORTS: Final = get_args(ReasoningEffort)
_CALLBACKS: Final = frozenset(StreamCallbacks.__annotations__)
_APPROVALS: Final = Approvals()


def to_request(settings: Mapping[str, Any], *, known: type[Any]) -> Request:
    """Check the settings.

    Arguments:
        settings: the keyword arguments.
        known: the TypedDict of what there is.

    Raises:
        InvalidPromptError: see `standardize_prompt`.
        InvalidArgumentError: an unknown setting, or one out of its range; names it.
    """
    if unknown := sorted(settings.keys() - known.__annotations__.keys()):
        names = ", ".join(sorted(known.__annotations__))
        raise InvalidArgumentError(f"unknown setting {unknown[0]!r}; there are: {names}.")
    get = settings.get
    instructions, messages = standardize_prompt(
        instructions=get("instructions"),
        system=get("system"),
        prompt=get("prompt"),
        messages=get("messages"),
        allow_system_in_messages=get("allow_system_in_messages", False),
    )
    include = _include(get("include") or ())
    tools = to_tool_set(get("tools"))
    if not _CHECKED.isdisjoint(settings):
        check_model_settings(settings)
        check_headers(get("headers"))
        check_provider_options(get("provider_options"))
        _check_int(settings, "max_retries", least=0)
        _check_int(settings, "tool_call_concurrency", least=1)
    return Request(
        instructions=instructions,
        messages=messages,
        call=_call(settings, include),
        timeout=to_timeout(get("timeout")),
        abort_signal=_abort_signal(get("abort_signal")),
        include=include,
        download=to_download(get("download")),
        allow_system_in_messages=get("allow_system_in_messages", False),
        tools=tools,
        tool_choice=to_tool_choice(get("tool_choice"), tools),
        active_tools=get("active_tools"),
        tool_order=get("tool_order"),
        tool_approval=get("tool_approval"),
        approvals=get("approvals") or _APPROVALS,
        tool_call_concurrency=get("tool_call_concurrency"),
        repair_tool_call=get("repair_tool_call"),
        refine_tool_input=get("refine_tool_input"),
        tools_context=get("tools_context") or {},
        runtime_context=get("runtime_context"),
        stop_when=to_conditions(get("stop_when")),
        prepare_step=get("prepare_step"),
        callbacks=Notifier({name: each for name, each in settings.items() if name in _CALLBACKS}),
        transforms=to_transforms(get("transform")),
    )


def _call(settings: Mapping[str, Any], include: frozenset[Include]) -> ModelCall:
    given = {name: settings[name] for name in settings.keys() & _OF_CALL if settings[name] is not None}
    given["stop_sequences"] = tuple(settings.get("stop_sequences") or ())
    return ModelCall(
        (),
        include_raw="raw_chunks" in include,
        include_request_body="request_body" in include,
        include_response_body="response_body" in include,
        **given,
    )


def check_model_settings(given: Mapping[str, Any]) -> None:
    """Check what shapes the model's answer.

    Raises:
        InvalidArgumentError: a setting out of its range; names it.
    """
    stops = given.get("stop_sequences") or ()
    if isinstance(stops, str) or not all(isinstance(each, str) for each in stops):
        raise InvalidArgumentError("stop_sequences is a list of texts; write stop_sequences=['…'].")
    reasoning = given.get("reasoning")
    if reasoning is not None and reasoning not in _EFFORTS:
        raise InvalidArgumentError(f"reasoning is one of {', '.join(_EFFORTS)}; got {reasoning!r}.")
    _check_int(given, "max_output_tokens", least=1)
    _check_int(given, "seed", least=None)
    _check_int(given, "top_k", least=None)
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        number = given.get(name)
        if number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise InvalidArgumentError(f"{name} must be a number, got {number!r}.")


def check_headers(given: object) -> None:
    """Check headers of a call, before the first attempt to send them.

    Raises:
        InvalidArgumentError: no mapping of texts, or a text that would begin another header.
    """
    if given is not None and not isinstance(given, Mapping):
        raise InvalidArgumentError(f"headers is a dict of texts, got {given!r:.80}.")
    for name, text in (given or {}).items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise InvalidArgumentError(f"header {name!r} must be a text, got {text!r:.80}.")
        if not name or any(sign in name + text for sign in "\r\n\0"):
            raise InvalidArgumentError(f"header {name!r} is empty or holds a line break.")


def check_provider_options(given: object) -> None:
    """Check the outer shape of provider options; what is in them is the provider's.

    Raises:
        InvalidArgumentError: no mapping of mappings.
    """
    if given is None:
        return
    if not isinstance(given, Mapping) or not all(isinstance(each, Mapping) for each in given.values()):
        raise InvalidArgumentError(
            f"provider_options has a dict for each provider, as in {{'openai': {{'store': False}}}}; got {given!r:.80}."
        )


_NOTHING: Final[frozenset[Include]] = frozenset()  # an empty one takes as much memory as a full one


def _include(given: Collection[Include]) -> frozenset[Include]:
    if isinstance(given, str) or (unknown := sorted(set(given) - set(_INCLUDES))):
        got = given if isinstance(given, str) else unknown[0]
        raise InvalidArgumentError(f"include is a set of {', '.join(_INCLUDES)}; got {got!r}.")
    return frozenset(given) if given else _NOTHING


def _abort_signal(given: object) -> AbortSignal | None:
    if given is None or isinstance(given, AbortSignal):
        return given
    raise InvalidArgumentError(
        f"abort_signal is the signal of an AbortController, got {type(given).__name__}. "
        "Write controller = AbortController(), abort_signal=controller.signal."
    )


def _check_int(given: Mapping[str, Any], name: str, *, least: int | None) -> None:
    number = given.get(name)
    if number is None:
        return
    if isinstance(number, bool) or not isinstance(number, int) or (least is not None and number < least):
        bound = "" if least is None else f" of at least {least}"
        raise InvalidArgumentError(f"{name} must be an integer{bound}, got {number!r}.")
