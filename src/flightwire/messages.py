"""Messages between people, models and tools.

Owns: the model messages of the AI SDK v7 (`packages/provider-utils/src/types/*-message.ts`, `content-part.ts`) as
frozen values, and their JSON form. Refuses to know: providers, storage, the browser's UI messages.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal, TypeAlias

from flightwire._frozen import value
from flightwire.errors import InvalidPromptError
from flightwire.jsontypes import JSONObject, JSONValue

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
ProviderOptions: TypeAlias = Mapping[str, JSONObject]  # provider name → its own options


@value
class TextPart:
    """A piece of text."""

    text: str
    provider_options: ProviderOptions | None = None


@value
class ImagePart:
    """An image: bytes, a URL or a data URL."""

    image: bytes | str
    media_type: str | None = None
    provider_options: ProviderOptions | None = None


@value
class FilePart:
    """A file: bytes, a URL, a data URL, or what providers call it where it was uploaded, `{"openai": "file-…"}`."""

    data: bytes | str | Mapping[str, str]
    media_type: str
    filename: str | None = None
    provider_options: ProviderOptions | None = None


@value
class ReasoningPart:
    """A piece of the model's reasoning, as it must be handed back to some providers."""

    text: str
    provider_options: ProviderOptions | None = None


@value
class ReasoningFilePart:
    """A file that belongs to the model's reasoning: bytes, a URL or a data URL."""

    data: bytes | str
    media_type: str
    provider_options: ProviderOptions | None = None


@value
class CustomPart:
    """Something only one provider has; `kind` is "provider.type"."""

    kind: str
    provider_options: ProviderOptions | None = None


@value
class ToolCallPart:
    """The model asks for a tool to be run."""

    tool_call_id: str
    tool_name: str
    input: JSONValue
    provider_executed: bool = False
    provider_options: ProviderOptions | None = None


@value
class ToolResultPart:
    """What a tool answered. `output` is one of the AI SDK's tagged outputs, `{"type": "text", "value": …}`."""

    tool_call_id: str
    tool_name: str
    output: JSONObject
    provider_options: ProviderOptions | None = None


@value
class ToolApprovalRequest:
    """A tool call waits for somebody's approval; `signature` is the server's seal, to be handed back as it is.

    `is_automatic`: a rule answered it, nobody is to be asked.
    """

    approval_id: str
    tool_call_id: str
    is_automatic: bool = False
    signature: str | None = None
    reason: str | None = None


@value
class ToolApprovalResponse:
    """Somebody approved or denied a tool call."""

    approval_id: str
    approved: bool
    reason: str | None = None
    provider_executed: bool = False


UserContentPart: TypeAlias = TextPart | ImagePart | FilePart
AssistantContentPart: TypeAlias = (
    TextPart
    | ReasoningPart
    | ReasoningFilePart
    | FilePart
    | CustomPart
    | ToolCallPart
    | ToolResultPart
    | ToolApprovalRequest
)
ToolContentPart: TypeAlias = ToolResultPart | ToolApprovalResponse


@value
class SystemMessage:
    """Instructions to the model."""

    content: str
    provider_options: ProviderOptions | None = None
    role: ClassVar[Literal["system"]] = "system"

    def to_json(self) -> dict[str, object]:
        """The AI SDK's JSON form, as it goes to a page."""
        return message_to_json(self)


@value
class UserMessage:
    """What a person said."""

    content: str | tuple[UserContentPart, ...]
    provider_options: ProviderOptions | None = None
    role: ClassVar[Literal["user"]] = "user"

    def to_json(self) -> dict[str, object]:
        """The AI SDK's JSON form, as it goes to a page."""
        return message_to_json(self)


@value
class AssistantMessage:
    """What the model said."""

    content: str | tuple[AssistantContentPart, ...]
    provider_options: ProviderOptions | None = None
    role: ClassVar[Literal["assistant"]] = "assistant"

    def to_json(self) -> dict[str, object]:
        """The AI SDK's JSON form, as it goes to a page."""
        return message_to_json(self)


@value
class ToolMessage:
    """What tools answered."""

    content: tuple[ToolContentPart, ...]
    provider_options: ProviderOptions | None = None
    role: ClassVar[Literal["tool"]] = "tool"

    def to_json(self) -> dict[str, object]:
        """The AI SDK's JSON form, as it goes to a page."""
        return message_to_json(self)


ModelMessage: TypeAlias = SystemMessage | UserMessage | AssistantMessage | ToolMessage
MessageLike: TypeAlias = ModelMessage | Mapping[str, object]

_MESSAGES = (SystemMessage, UserMessage, AssistantMessage, ToolMessage)

# JSON part type → class and the JSON name of each field. One table serves both directions.
_PART_FIELDS: dict[str, tuple[type, dict[str, str]]] = {
    "text": (TextPart, {"text": "text"}),
    "image": (ImagePart, {"image": "image", "media_type": "mediaType"}),
    "file": (FilePart, {"data": "data", "media_type": "mediaType", "filename": "filename"}),
    "reasoning": (ReasoningPart, {"text": "text"}),
    "reasoning-file": (ReasoningFilePart, {"data": "data", "media_type": "mediaType"}),
    "custom": (CustomPart, {"kind": "kind"}),
    "tool-call": (
        ToolCallPart,
        {
            "tool_call_id": "toolCallId",
            "tool_name": "toolName",
            "input": "input",
            "provider_executed": "providerExecuted",
        },
    ),
    "tool-result": (
        ToolResultPart,
        {"tool_call_id": "toolCallId", "tool_name": "toolName", "output": "output"},
    ),
    "tool-approval-request": (
        ToolApprovalRequest,
        {
            "approval_id": "approvalId",
            "tool_call_id": "toolCallId",
            "is_automatic": "isAutomatic",
            "signature": "signature",
            "reason": "reason",
        },
    ),
    "tool-approval-response": (
        ToolApprovalResponse,
        {
            "approval_id": "approvalId",
            "approved": "approved",
            "reason": "reason",
            "provider_executed": "providerExecuted",
        },
    ),
}
_PART_TYPES = {cls: name for name, (cls, _) in _PART_FIELDS.items()}
_ALLOWED_PARTS: dict[str, frozenset[str]] = {
    "user": frozenset({"text", "image", "file"}),
    "assistant": frozenset(
        {
            "text",
            "reasoning",
            "reasoning-file",
            "file",
            "custom",
            "tool-call",
            "tool-result",
            "tool-approval-request",
        }
    ),
    "tool": frozenset({"tool-result", "tool-approval-response"}),
}


def to_messages(items: Iterable[MessageLike]) -> list[ModelMessage]:
    """Turn plain dicts, TypedDicts and message values into message values.

    Unknown keys (an `id` or a timestamp of the app's own) are ignored: a chat history may carry more than a model needs.

    Raises:
        InvalidPromptError: names the message, the place in it, and what was expected.
    """
    if isinstance(items, (str, bytes, Mapping)):
        raise InvalidPromptError(f"messages must be a list of messages, got {type(items).__name__}")
    return [_to_message(item, f"messages[{index}]") for index, item in enumerate(items)]


def _to_message(item: object, where: str) -> ModelMessage:
    if isinstance(item, _MESSAGES):
        return item
    if not isinstance(item, Mapping):
        raise InvalidPromptError(
            f"{where} is {type(item).__name__}; expected {{'role': 'user', 'content': '…'}} or a UserMessage"
        )
    return message_from_json(item, where=where)


def message_from_json(data: Mapping[str, object], *, where: str = "message") -> ModelMessage:
    """Read one message in the AI SDK's JSON form; snake_case field names are read too.

    Raises:
        InvalidPromptError: names `where`, and what was expected there.
    """
    role = data.get("role")
    if role not in ("system", "user", "assistant", "tool"):
        raise InvalidPromptError(
            f"{where} has role {role!r}; expected 'system', 'user', 'assistant' or 'tool'"
        )
    if "content" not in data:
        raise InvalidPromptError(f"{where} has no 'content'")
    content = data["content"]
    options = _options(data)
    if role == "system":
        if not isinstance(content, str):
            raise InvalidPromptError(f"{where}.content of a system message must be text")
        return SystemMessage(content, options)
    if role == "tool":
        return ToolMessage(_parts(content, "tool", where), options)  # type: ignore[arg-type]
    if isinstance(content, str):
        return UserMessage(content, options) if role == "user" else AssistantMessage(content, options)
    parts = _parts(content, role, where)
    return UserMessage(parts, options) if role == "user" else AssistantMessage(parts, options)  # type: ignore[arg-type]


def _parts(content: object, role: str, where: str) -> tuple[object, ...]:
    if not isinstance(content, Sequence) or isinstance(content, (str, bytes)):
        raise InvalidPromptError(
            f"{where}.content must be text or a list of parts, got {type(content).__name__}"
        )
    return tuple(_part(item, role, f"{where}.content[{index}]") for index, item in enumerate(content))


def _part(item: object, role: str, where: str) -> object:
    if type(item) in _PART_TYPES:
        kind = _PART_TYPES[type(item)]
    elif isinstance(item, Mapping):
        kind = str(item.get("type"))
    else:
        raise InvalidPromptError(
            f"{where} is {type(item).__name__}; expected {{'type': 'text', 'text': '…'}}"
        )
    if kind not in _ALLOWED_PARTS[role]:
        allowed = ", ".join(sorted(_ALLOWED_PARTS[role]))
        raise InvalidPromptError(f"{where} has type {kind!r}; a {role} message takes: {allowed}")
    return item if not isinstance(item, Mapping) else _part_from_json(item, kind, where)


def _part_from_json(data: Mapping[str, object], kind: str, where: str) -> object:
    cls, fields = _PART_FIELDS[kind]
    values = {name: data[key] for name, key in _present(data, fields)}
    if kind not in ("tool-approval-request", "tool-approval-response"):
        values["provider_options"] = _options(data)
    try:
        part = cls(**values)
    except TypeError:
        needed = ", ".join(repr(key) for key in fields.values())
        raise InvalidPromptError(f"{where} of type {kind!r} needs {needed}; got {sorted(data)}") from None
    if kind in ("text", "reasoning") and not isinstance(values.get("text"), str):
        raise InvalidPromptError(f"{where}.text must be text, got {type(values.get('text')).__name__}")
    return part


def _present(data: Mapping[str, object], fields: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, key in fields.items():
        if key in data:
            yield name, key
        elif name in data:
            yield name, name


def _options(data: Mapping[str, object]) -> ProviderOptions | None:
    options = data.get("providerOptions", data.get("provider_options"))
    return options if isinstance(options, Mapping) else None


def message_to_json(message: ModelMessage) -> dict[str, object]:
    """Write one message in the AI SDK's JSON form: fields that are None are left out, bytes are base64."""
    content: object = message.content
    if not isinstance(content, str):
        content = [_part_to_json(part) for part in message.content]
    return _with_options({"role": message.role, "content": content}, message.provider_options)


def _part_to_json(part: object) -> dict[str, object]:
    kind = _PART_TYPES[type(part)]
    data: dict[str, object] = {"type": kind}
    for name, key in _PART_FIELDS[kind][1].items():
        field = getattr(part, name)
        if isinstance(field, (bytes, bytearray, memoryview)):
            data[key] = b64encode(field).decode()  # as the AI SDK writes files
        elif field is not None and field is not False:
            data[key] = field
    if kind == "tool-approval-response":
        data["approved"] = getattr(part, "approved")  # noqa: B009 - False must be written here
    if kind == "tool-call":
        data["input"] = getattr(part, "input")  # noqa: B009 - None and False are inputs
    return _with_options(data, getattr(part, "provider_options", None))


def _with_options(data: dict[str, object], options: ProviderOptions | None) -> dict[str, object]:
    if options is not None:
        data["providerOptions"] = options
    return data
