"""Streaming AI interfaces served from Python: React server actions, streamable values and generative UI.

The front door: what users import, and which concrete parts are wired together. No logic. Importing it loads no HTTP
client, database driver, model runtime or pydantic.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flightwire.actions.bound import BoundAction
from flightwire.actions.files import FileLimits
from flightwire.actions.form_fields import FromForm
from flightwire.actions.injection import Provide
from flightwire.actions.registry import Action, action
from flightwire.core.abort import AbortController, AbortSignal
from flightwire.core.approvals import Approvals
from flightwire.core.callbacks import EndEvent
from flightwire.core.downloads import Download, Downloaded, DownloadRequest, use_downloader
from flightwire.core.generate_text import GenerateTextResult, generate_text
from flightwire.core.models import use_resolver
from flightwire.core.prepare_step import PreparedStep, PrepareStepOptions
from flightwire.core.results import StepResult
from flightwire.core.stop import has_tool_call, is_loop_finished, is_step_count, step_count_is
from flightwire.core.stream_text import StreamTextResult, stream_text
from flightwire.core.timeouts import Timeout
from flightwire.core.tools import Tool, ToolContext, client_tool, dynamic_tool, tool
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
from flightwire.rsc.ai_provider import UNNAMED_PREFIX, AIProvider, make_provider
from flightwire.rsc.ai_state import MutableAIState, current_chat_id, get_ai_state, get_mutable_ai_state
from flightwire.rsc.reading import is_streamable_value, read_streamable_value
from flightwire.rsc.safe_ui import safe_ui
from flightwire.rsc.state_keeping import StateMode, StateStore
from flightwire.rsc.state_text import MAX_STATE_BYTES
from flightwire.rsc.stream_ui import StreamUIEnd, StreamUIResult, stream_ui
from flightwire.rsc.streamable import StreamableValue, StreamableValueSource, create_streamable_value
from flightwire.rsc.streamable_ui import StreamableUI, create_streamable_ui
from flightwire.rsc.ui_tools import UITool, ui_tool
from flightwire.scope import after, start_soon
from flightwire.sealing import SEAL_LIFETIME_S
from flightwire.tags import html
from flightwire.wire.flight.values import File, FormData

if TYPE_CHECKING:
    from flightwire.client import Client
    from flightwire.core.fallback import fallback
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
    from flightwire.core.provider_registry import create_provider_registry, custom_provider, wrap_provider
    from flightwire.core.transforms import TransformContext, smooth_stream
    from flightwire.providers.registry import register_provider
    from flightwire.server.app import App
    from flightwire.server.csp import CSP
    from flightwire.server.mode import Mode
    from flightwire.server.request import Request

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


def app(
    folder: str | Path | None = None,
    *,
    actions: Sequence[Action[Any, Any]] = (),
    mode: Mode | None = None,
    allowed_origins: Iterable[str] = (),
    max_body_bytes: int = 1024 * 1024,
    max_duration_s: float = 900.0,
    csp: CSP = None,
    drain_timeout_s: float | None = None,
    auth: Callable[[Any], Any] | None = None,
    seal_user: Callable[[Any], str] | None = None,
    seal_lifetime_s: float = SEAL_LIFETIME_S,
) -> App:
    """Make the ASGI app that serves an app folder's pages and actions, or actions alone; it mounts under any prefix.

    Arguments:
        folder: a folder with `page.tsx` and `actions.py`.
        actions: further actions, or all of them when there is no folder.
        mode: "development" or "production"; by default FLIGHTWIRE_ENV, else production when a build exists.
        allowed_origins: pages of other origins that may call, as `https://example.com`.
        max_body_bytes: the largest request body, unless an action says otherwise.
        max_duration_s: the longest an action may run, in seconds; an action or a page may say less.
        csp: the pages' Content-Security-Policy: a dict adds sources to the strict default, as
            `{"img-src": ["https://images.example.com"]}`; a text replaces it, with `{nonce}` in its place; False sends none.
        drain_timeout_s: how long calls under way may go on when the server stops, in seconds: 25 by default, 0 in development.
        auth: gets the Request and says who calls: a user, or None. With it every action needs a user, unless it is
            `@action(public=True)`. Parameters of the type that its return annotation names are given the user.
        seal_user: gives the text that stands for a user in what is sealed; by default the user's `id`.
        seal_lifetime_s: how long bound arguments can be used, in seconds.

    Raises:
        InvalidArgumentError: neither a folder nor actions, a folder that does not exist, an origin that is none, a policy
            that cannot be one, or an action that asks for what this app cannot give.
    """
    from flightwire.server.app import App
    from flightwire.server.auth import Auth
    from flightwire.server.work import Limits

    return App(
        None if folder is None else Path(folder),
        actions=actions,
        mode=mode,
        allowed_origins=allowed_origins,
        limits=Limits(max_body_bytes=max_body_bytes, max_duration_s=max_duration_s),
        csp=csp,
        drain_timeout_s=drain_timeout_s,
        auth=Auth(auth, user_text=seal_user),
        seal_lifetime_s=seal_lifetime_s,
    )


_LATER = {
    "Client": "flightwire.client",
    "fallback": "flightwire.core.fallback",
    "LanguageModelMiddleware": "flightwire.core.middleware",
    "add_tool_input_examples_middleware": "flightwire.core.middleware",
    "default_instructions_middleware": "flightwire.core.middleware",
    "default_settings_middleware": "flightwire.core.middleware",
    "extract_json_middleware": "flightwire.core.middleware",
    "extract_reasoning_middleware": "flightwire.core.middleware",
    "simulate_streaming_middleware": "flightwire.core.middleware",
    "wrap_language_model": "flightwire.core.middleware",
    "Output": "flightwire.core.output",
    "parse_partial_json": "flightwire.core.partial_json",
    "create_provider_registry": "flightwire.core.provider_registry",
    "custom_provider": "flightwire.core.provider_registry",
    "wrap_provider": "flightwire.core.provider_registry",
    "TransformContext": "flightwire.core.transforms",
    "smooth_stream": "flightwire.core.transforms",
    "register_provider": "flightwire.providers.registry",
    "Request": "flightwire.server.request",
}


def create_ai(
    *,
    actions: Sequence[Action[Any, Any]] | Mapping[str, Action[Any, Any]],
    initial_ai_state: object = None,
    initial_ui_state: object = None,
    on_set_ai_state: Callable[..., Awaitable[object] | object] | None = None,
    on_get_ui_state: Callable[..., Awaitable[object] | object] | None = None,
    state: StateMode = "server",
    store: StateStore | None = None,
    max_state_bytes: int = MAX_STATE_BYTES,
) -> AIProvider:
    """Let actions share a state with the page: what was said, as the model needs it (AI state) and as it is shown (UI state).

    The result is a component for a `layout.py`: `AI(children, chat_id=…)`. Inside it the page uses `useActions`, `useUIState`,
    `useAIState` and `useSyncUIState` of `@ai-sdk/rsc`. Follows `createAI` of that package (3.0.107).

    Arguments:
        actions: those that get the state; the page calls them through `useActions()`.
        initial_ai_state: what a chat begins with, as JSON.
        initial_ui_state: what `useUIState` begins with; anything that can be sent.
        on_set_ai_state: called as `on_set_ai_state(state, key=…, done=…)` when an action changes the state; the page hears of
            the change when it has returned. If it raises, the page keeps the state it had.
        on_get_ui_state: makes the UI state of the AI state (`get_ai_state()`) when a page is loaded and for `useSyncUIState`;
            None leaves it as it is.
        state: who keeps the AI state between calls. "server": the server, and what the browser sends is not believed.
            "signed": the browser, with a seal. "client": the browser, as in the original; whoever calls may send any.
        store: where the server keeps it: a `ChatStore`, or anything with its `get` and `save`; by default the database that
            `flightwire.storage.chat_store()` finds.
        max_state_bytes: how large the state of one chat may be, as JSON.

    Raises:
        InvalidArgumentError: something that is no action, two of one name, an unknown mode, a state that is not JSON.
    """
    from flightwire.actions.stateful import StatefulAction
    from flightwire.storage.ai_states import AIStates

    return make_provider(
        actions=actions,
        initial_ai_state=initial_ai_state,
        initial_ui_state=initial_ui_state,
        on_set_ai_state=on_set_ai_state,
        on_get_ui_state=on_get_ui_state,
        state=state,
        store=AIStates(UNNAMED_PREFIX) if store is None else store,
        max_state_bytes=max_state_bytes,
        make_action=StatefulAction,
        module=sys._getframe(1).f_globals.get("__name__", ""),
    )


if not TYPE_CHECKING:  # type checkers would believe that any name is here

    def __getattr__(name: str) -> object:
        """What not everybody needs is imported when it is asked for."""
        if name in _LATER:
            return getattr(import_module(_LATER[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _resolve(model_id: str | None) -> LanguageModel:
    from flightwire.providers import registry

    return registry.default_model()[0] if model_id is None else registry.resolve(model_id)


use_resolver(_resolve)


def safe_download(*, max_bytes: int = 20 * 1024 * 1024, timeout_s: float = 30.0) -> Download:
    """Fetch files from addresses in messages, for `download=`; `download=True` is the same with these limits.

    Only public addresses of the internet are reached, over http(s), each looked at before and after every redirect (at most 3);
    no credentials are sent, and a file must be of the kind that the message says.

    Arguments:
        max_bytes: the largest file.
        timeout_s: how long one file may take.
    """

    async def download(requests: Sequence[DownloadRequest]) -> Sequence[Downloaded | None]:
        from flightwire.providers.downloads import Downloader

        return await Downloader(Downloaded, max_bytes=max_bytes, timeout_s=timeout_s)(requests)

    return download


use_downloader(safe_download())
