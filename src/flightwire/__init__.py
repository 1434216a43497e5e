"""Streaming AI interfaces served from Python: React server actions, streamable values and generative UI.

The front door: what users import. No logic. A name is loaded when it is asked for, so that importing this costs next to
nothing, and loads no HTTP client, database driver, model runtime or pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flightwire import wiring

if TYPE_CHECKING:
    from flightwire.actions.bound import BoundAction
    from flightwire.actions.files import FileLimits
    from flightwire.actions.form_fields import FromForm
    from flightwire.actions.injection import Provide
    from flightwire.actions.registry import Action, action
    from flightwire.assembly import app, create_ai, safe_download
    from flightwire.client import Client
    from flightwire.core.abort import AbortController, AbortSignal
    from flightwire.core.approvals import Approvals
    from flightwire.core.callbacks import EndEvent
    from flightwire.core.downloads import Download, Downloaded, DownloadRequest
    from flightwire.core.fallback import fallback
    from flightwire.core.generate_text import GenerateTextResult, generate_text
    from flightwire.core.middleware import (
        LanguageModelMiddleware,
        add_tool_input_examples_middleware,
        default_instructions_middleware,
        default_settings_middleware,
        extract_json_middleware,
        extract_reasoning_middleware,
        simulate_streaming_middleware,
        wrap_language_model,
    )
    from flightwire.core.output import Output
    from flightwire.core.partial_json import parse_partial_json
    from flightwire.core.prepare_step import PreparedStep, PrepareStepOptions
    from flightwire.core.provider_registry import create_provider_registry, custom_provider, wrap_provider
    from flightwire.core.results import StepResult
    from flightwire.core.stop import has_tool_call, is_loop_finished, is_step_count, step_count_is
    from flightwire.core.stream_text import StreamTextResult, stream_text
    from flightwire.core.timeouts import Timeout
    from flightwire.core.tools import Tool, ToolContext, client_tool, dynamic_tool, provider_tool, tool
    from flightwire.core.transforms import TransformContext, smooth_stream
    from flightwire.elements import UNDEFINED, UNSET, Element
    from flightwire.errors import (
        AbortError,
        ActionNotFoundError,
        APICallError,
        ArgumentError,
        CallError,
        CallFailedError,
        CallTimeoutError,
        ConnectionClosedError,
        FlightwireError,
        ForbiddenError,
        GenerationTimeoutError,
        InvalidArgumentError,
        InvalidPromptError,
        InvalidToolInputError,
        Navigation,
        NoObjectGeneratedError,
        NoOutputGeneratedError,
        NoSuchModelError,
        NoSuchProviderError,
        NoSuchToolError,
        NotFound,
        Redirect,
        RemoteError,
        RetryError,
        SealError,
        ToolApprovalError,
        ToolTimeoutError,
        UnauthorizedError,
        UserError,
    )
    from flightwire.events import Usage
    from flightwire.ids import generate_id
    from flightwire.markup import Fragment, Node, Suspense, client_component
    from flightwire.messages import (
        AssistantMessage,
        FilePart,
        ImagePart,
        ModelMessage,
        SystemMessage,
        TextPart,
        ToolMessage,
        UserMessage,
    )
    from flightwire.navigation import not_found, redirect
    from flightwire.providers.base import LanguageModel
    from flightwire.providers.registry import register_provider
    from flightwire.rsc.ai_provider import AIProvider
    from flightwire.rsc.ai_state import MutableAIState, current_chat_id, get_ai_state, get_mutable_ai_state
    from flightwire.rsc.reading import is_streamable_value, read_streamable_value
    from flightwire.rsc.safe_ui import safe_ui
    from flightwire.rsc.stream_ui import StreamUIEnd, StreamUIResult, stream_ui
    from flightwire.rsc.streamable import StreamableValue, StreamableValueSource, create_streamable_value
    from flightwire.rsc.streamable_ui import StreamableUI, create_streamable_ui
    from flightwire.rsc.ui_tools import UITool, ui_tool
    from flightwire.scope import after, start_soon
    from flightwire.server.request import Request
    from flightwire.tags import html
    from flightwire.wire.flight.values import File, FormData

__version__ = "0.1.0.dev0"

__all__ = [
    "UNDEFINED",
    "UNSET",
    "AIProvider",
    "APICallError",
    "AbortController",
    "AbortError",
    "AbortSignal",
    "Action",
    "ActionNotFoundError",
    "Approvals",
    "ArgumentError",
    "AssistantMessage",
    "BoundAction",
    "CallError",
    "CallFailedError",
    "CallTimeoutError",
    "Client",
    "ConnectionClosedError",
    "Download",
    "DownloadRequest",
    "Downloaded",
    "Element",
    "EndEvent",
    "File",
    "FileLimits",
    "FilePart",
    "FlightwireError",
    "ForbiddenError",
    "FormData",
    "Fragment",
    "FromForm",
    "GenerateTextResult",
    "GenerationTimeoutError",
    "ImagePart",
    "InvalidArgumentError",
    "InvalidPromptError",
    "InvalidToolInputError",
    "LanguageModel",
    "LanguageModelMiddleware",
    "ModelMessage",
    "MutableAIState",
    "Navigation",
    "NoObjectGeneratedError",
    "NoOutputGeneratedError",
    "NoSuchModelError",
    "NoSuchProviderError",
    "NoSuchToolError",
    "Node",
    "NotFound",
    "Output",
    "PrepareStepOptions",
    "PreparedStep",
    "Provide",
    "Redirect",
    "RemoteError",
    "Request",
    "RetryError",
    "SealError",
    "StepResult",
    "StreamTextResult",
    "StreamUIEnd",
    "StreamUIResult",
    "StreamableUI",
    "StreamableValue",
    "StreamableValueSource",
    "Suspense",
    "SystemMessage",
    "TextPart",
    "Timeout",
    "Tool",
    "ToolApprovalError",
    "ToolContext",
    "ToolMessage",
    "ToolTimeoutError",
    "TransformContext",
    "UITool",
    "UnauthorizedError",
    "Usage",
    "UserError",
    "UserMessage",
    "action",
    "add_tool_input_examples_middleware",
    "after",
    "app",
    "client_component",
    "client_tool",
    "create_ai",
    "create_provider_registry",
    "create_streamable_ui",
    "create_streamable_value",
    "current_chat_id",
    "custom_provider",
    "default_instructions_middleware",
    "default_settings_middleware",
    "dynamic_tool",
    "extract_json_middleware",
    "extract_reasoning_middleware",
    "fallback",
    "generate_id",
    "generate_text",
    "get_ai_state",
    "get_mutable_ai_state",
    "has_tool_call",
    "html",
    "is_loop_finished",
    "is_step_count",
    "is_streamable_value",
    "not_found",
    "parse_partial_json",
    "provider_tool",
    "read_streamable_value",
    "redirect",
    "register_provider",
    "safe_download",
    "safe_ui",
    "simulate_streaming_middleware",
    "smooth_stream",
    "start_soon",
    "step_count_is",
    "stream_text",
    "stream_ui",
    "tool",
    "ui_tool",
    "wrap_language_model",
    "wrap_provider",
]

_MODULES = {
    "actions.bound": ("BoundAction",),
    "actions.files": ("FileLimits",),
    "actions.form_fields": ("FromForm",),
    "actions.injection": ("Provide",),
    "actions.registry": (
        "Action",
        "action",
    ),
    "assembly": (
        "app",
        "create_ai",
        "safe_download",
    ),
    "client": ("Client",),
    "core.abort": (
        "AbortController",
        "AbortSignal",
    ),
    "core.approvals": ("Approvals",),
    "core.callbacks": ("EndEvent",),
    "core.downloads": (
        "Download",
        "DownloadRequest",
        "Downloaded",
    ),
    "core.fallback": ("fallback",),
    "core.generate_text": (
        "GenerateTextResult",
        "generate_text",
    ),
    "core.middleware": (
        "LanguageModelMiddleware",
        "add_tool_input_examples_middleware",
        "default_instructions_middleware",
        "default_settings_middleware",
        "extract_json_middleware",
        "extract_reasoning_middleware",
        "simulate_streaming_middleware",
        "wrap_language_model",
    ),
    "core.output": ("Output",),
    "core.partial_json": ("parse_partial_json",),
    "core.prepare_step": (
        "PrepareStepOptions",
        "PreparedStep",
    ),
    "core.provider_registry": (
        "create_provider_registry",
        "custom_provider",
        "wrap_provider",
    ),
    "core.results": ("StepResult",),
    "core.stop": (
        "has_tool_call",
        "is_loop_finished",
        "is_step_count",
        "step_count_is",
    ),
    "core.stream_text": (
        "StreamTextResult",
        "stream_text",
    ),
    "core.timeouts": ("Timeout",),
    "core.tools": (
        "Tool",
        "ToolContext",
        "client_tool",
        "dynamic_tool",
        "provider_tool",
        "tool",
    ),
    "core.transforms": (
        "TransformContext",
        "smooth_stream",
    ),
    "elements": (
        "Element",
        "UNDEFINED",
        "UNSET",
    ),
    "errors": (
        "APICallError",
        "AbortError",
        "ActionNotFoundError",
        "ArgumentError",
        "CallError",
        "CallFailedError",
        "CallTimeoutError",
        "ConnectionClosedError",
        "FlightwireError",
        "ForbiddenError",
        "GenerationTimeoutError",
        "InvalidArgumentError",
        "InvalidPromptError",
        "InvalidToolInputError",
        "Navigation",
        "NoObjectGeneratedError",
        "NoOutputGeneratedError",
        "NoSuchModelError",
        "NoSuchProviderError",
        "NoSuchToolError",
        "NotFound",
        "Redirect",
        "RemoteError",
        "RetryError",
        "SealError",
        "ToolApprovalError",
        "ToolTimeoutError",
        "UnauthorizedError",
        "UserError",
    ),
    "events": ("Usage",),
    "ids": ("generate_id",),
    "markup": (
        "Fragment",
        "Node",
        "Suspense",
        "client_component",
    ),
    "messages": (
        "AssistantMessage",
        "FilePart",
        "ImagePart",
        "ModelMessage",
        "SystemMessage",
        "TextPart",
        "ToolMessage",
        "UserMessage",
    ),
    "navigation": (
        "not_found",
        "redirect",
    ),
    "providers.base": ("LanguageModel",),
    "providers.registry": ("register_provider",),
    "rsc.ai_provider": ("AIProvider",),
    "rsc.ai_state": (
        "MutableAIState",
        "current_chat_id",
        "get_ai_state",
        "get_mutable_ai_state",
    ),
    "rsc.reading": (
        "is_streamable_value",
        "read_streamable_value",
    ),
    "rsc.safe_ui": ("safe_ui",),
    "rsc.stream_ui": (
        "StreamUIEnd",
        "StreamUIResult",
        "stream_ui",
    ),
    "rsc.streamable": (
        "StreamableValue",
        "StreamableValueSource",
        "create_streamable_value",
    ),
    "rsc.streamable_ui": (
        "StreamableUI",
        "create_streamable_ui",
    ),
    "rsc.ui_tools": (
        "UITool",
        "ui_tool",
    ),
    "scope": (
        "after",
        "start_soon",
    ),
    "server.request": ("Request",),
    "tags": ("html",),
    "wire.flight.values": (
        "File",
        "FormData",
    ),
}
_HOMES = {name: f"flightwire.{module}" for module, names in _MODULES.items() for name in names}
_ROOMS = frozenset({"client", "errors", "events", "messages", "providers", "storage", "testing"})

wiring.resolve_model = lambda model_id: import_module("flightwire.assembly").resolve(model_id)
wiring.make_download = lambda: import_module("flightwire.assembly").safe_download()


if not TYPE_CHECKING:  # type checkers would believe that any name is here

    def __getattr__(name: str) -> object:
        """Load a name, and keep it."""
        if name in _HOMES:
            found = getattr(import_module(_HOMES[name]), name)
            globals()[name] = found
            return found
        if name in _ROOMS:
            return import_module(f"flightwire.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """What there is, for those who look around."""
        return sorted({*__all__, *_ROOMS, *globals()})
