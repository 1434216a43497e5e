"""From our messages to those of the dialect.

Owns: the shape of each message and content part. Refuses to know: settings, transport.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from flightwire.errors import InvalidPromptError
from flightwire.jsontypes import JSONValue, dumps
from flightwire.messages import (
    AssistantMessage,
    FilePart,
    ImagePart,
    ModelMessage,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserContentPart,
    UserMessage,
)

_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}
_IMAGE_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def to_chat_messages(
    messages: Sequence[ModelMessage], *, system_role: Literal["system", "developer"], options_key: str
) -> list[dict[str, object]]:
    """The messages as the dialect writes them.

    Raises:
        InvalidPromptError: a part that the API has no form for; names the message and the part.
    """
    out: list[dict[str, object]] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if isinstance(message, SystemMessage):
            out.append({"role": system_role, "content": message.content})
        elif isinstance(message, UserMessage):
            out.append({"role": "user", "content": _user_content(message, options_key, where)})
        elif isinstance(message, AssistantMessage):
            out.append(_assistant(message, where))
        else:
            out.extend(_tool_results(message))
    return out


def _user_content(message: UserMessage, options_key: str, where: str) -> object:
    content = message.content
    if isinstance(content, str):
        return content
    if len(content) == 1 and isinstance(content[0], TextPart):
        return content[0].text  # the form that every API of the dialect knows
    return [_user_part(part, options_key, f"{where}.content[{index}]") for index, part in enumerate(content)]


def _user_part(part: UserContentPart, options_key: str, where: str) -> dict[str, object]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, ImagePart):
        return _image(part.image, part.media_type, part, options_key, where)
    if part.media_type.startswith("image/"):
        return _image(part.data, part.media_type, part, options_key, where)
    if part.media_type in _AUDIO_FORMATS:
        return _audio(part, where)
    if part.media_type == "application/pdf":
        return _pdf(part, where)
    if part.media_type.startswith("text/") and isinstance(part.data, bytes):
        return {"type": "text", "text": part.data.decode("utf-8", "replace")}
    raise InvalidPromptError(
        f"{where} is a file of type {part.media_type!r}, which chat completions do not take; "
        f"send an image, audio (wav, mp3), a PDF or text."
    )


def _image(
    image: bytes | str | Mapping[str, str],
    media_type: str | None,
    part: ImagePart | FilePart,
    options_key: str,
    where: str,
) -> dict[str, object]:
    if isinstance(image, bytes):
        image = _data_url(image, _image_type(image, media_type, where))
    elif not isinstance(image, str) or not image.startswith(("http://", "https://", "data:")):
        raise InvalidPromptError(
            f"{where} is an image given as text; expected a URL or a data URL, or bytes."
        )
    image_url: dict[str, object] = {"url": image}
    options = (part.provider_options or {}).get(options_key, {})
    if detail := options.get("imageDetail", options.get("image_detail")):
        image_url["detail"] = detail
    return {"type": "image_url", "image_url": image_url}


def _image_type(image: bytes, media_type: str | None, where: str) -> str:
    if media_type is not None and media_type != "image/*":
        return media_type
    for signature, found in _IMAGE_SIGNATURES:
        if image.startswith(signature):
            return found
    raise InvalidPromptError(f"{where} is an image of an unknown kind; pass media_type='image/…'.")


def _audio(part: FilePart, where: str) -> dict[str, object]:
    data = _base64_of(part.data, where, "audio")
    return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMATS[part.media_type]}}


def _pdf(part: FilePart, where: str) -> dict[str, object]:
    data = _base64_of(part.data, where, "a PDF")
    file = {
        "filename": part.filename or "document.pdf",
        "file_data": f"data:application/pdf;base64,{data}",
    }
    return {"type": "file", "file": file}


def _base64_of(data: bytes | str | Mapping[str, str], where: str, what: str) -> str:
    if isinstance(data, bytes):
        return b64encode(data).decode()
    head, mark, rest = (data if isinstance(data, str) else "").partition(";base64,")
    if not (mark and head.startswith("data:")):
        raise InvalidPromptError(
            f"{where} is {what} given as text; chat completions take bytes or a data URL."
        )
    return rest


def _data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{b64encode(data).decode()}"


def _assistant(message: AssistantMessage, where: str) -> dict[str, object]:
    """Reasoning, approvals and results of tools that the provider ran itself have no place in this dialect."""
    if isinstance(message.content, str):
        return {"role": "assistant", "content": message.content}
    texts: list[str] = []
    calls: list[dict[str, object]] = []
    for index, part in enumerate(message.content):
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif isinstance(part, ToolCallPart) and not part.provider_executed:
            calls.append(_tool_call(part))
        elif isinstance(part, FilePart):
            raise InvalidPromptError(
                f"{where}.content[{index}] is a file in an assistant message, which chat completions do not take."
            )
    out: dict[str, object] = {"role": "assistant", "content": "".join(texts) or (None if calls else "")}
    if calls:
        out["tool_calls"] = calls
    return out


def _tool_call(part: ToolCallPart) -> dict[str, object]:
    function = {"name": part.tool_name, "arguments": _json(part.input)}
    return {"id": part.tool_call_id, "type": "function", "function": function}


def _tool_results(message: ToolMessage) -> Iterable[dict[str, object]]:
    for part in message.content:
        if isinstance(part, ToolResultPart):
            yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": _output_text(part.output)}


def _output_text(output: Mapping[str, JSONValue]) -> str:
    """The AI SDK's tagged tool outputs as text (`packages/provider/src/language-model/v4/…prompt.ts`)."""
    kind, answer = output.get("type"), output.get("value")
    if kind in ("text", "error-text") and isinstance(answer, str):
        return answer
    if kind == "execution-denied":
        return str(output.get("reason") or "Tool execution denied.")
    return _json(answer if "value" in output else output)


def _json(answer: JSONValue) -> str:
    try:
        return dumps(answer)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPromptError(f"a tool's input or output in the messages is not JSON: {error}.") from None
