"""From our messages to Google's `contents`.

Owns: the shape of each part, thought signatures, where instructions go. Refuses to know: settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flightwire.errors import UnsupportedFunctionalityError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONValue, dumps, loads
from flightwire.messages import (
    AssistantContentPart,
    AssistantMessage,
    FilePart,
    ImagePart,
    ModelMessage,
    ProviderOptions,
    ReasoningFilePart,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserContentPart,
    UserMessage,
)
from flightwire.providers.google.gemini import Gemini
from flightwire.providers.media import Media, base64_of, full_media_type, media_in_output, media_of
from flightwire.providers.options import option_of

__all__ = ["Prompt"]

# What Google documents for calls whose signature got lost: https://ai.google.dev/gemini-api/docs/thought-signatures
SKIP_SIGNATURE = "skip_thought_signature_validator"

Part = dict[str, object]


class Prompt:
    """The messages of one request.

    Attributes:
        instructions: `systemInstruction`, or None.
        contents: the turns.
    """

    def __init__(self, messages: Sequence[ModelMessage], model: Gemini, warnings: list[CallWarning]) -> None:
        """Write them.

        Raises:
            InvalidPromptError: a file that cannot be read.
            UnsupportedFunctionalityError: instructions in the middle, or files by address in the model's own turns.
        """
        self.contents: list[dict[str, object]] = []
        self._model = model
        self._unsigned: list[str] = []
        instructions: list[Part] = []
        for index, message in enumerate(messages):
            where = f"messages[{index}]"
            if isinstance(message, SystemMessage):
                if self.contents:
                    raise UnsupportedFunctionalityError(
                        f"{where} holds instructions; Google takes them at the beginning of a conversation only."
                    )
                instructions.append({"text": message.content})
            elif isinstance(message, UserMessage):
                self._add("user", self._said(message, where))
            elif isinstance(message, AssistantMessage):
                self._add("model", self._answered(message, where))
            else:
                self._add("user", self._results(message, where))
        self.instructions = self._placed(instructions)
        self._warn_of_the_unsigned(warnings)

    def _add(self, role: str, parts: Iterator[Part]) -> None:
        self.contents.append({"role": role, "parts": list(parts)})

    def _placed(self, instructions: list[Part]) -> dict[str, object] | None:
        if self._model.takes_instructions:
            return {"parts": instructions} if instructions else None
        if instructions and self.contents and self.contents[0]["role"] == "user":
            text = "\n\n".join(str(part["text"]) for part in instructions)
            first: list[Part] = self.contents[0]["parts"]  # type: ignore[assignment] # see _add
            first.insert(0, {"text": f"{text}\n\n"})
        return None

    def _warn_of_the_unsigned(self, warnings: list[CallWarning]) -> None:
        if self._unsigned:
            names = ", ".join(sorted(set(self._unsigned)))
            message = (
                f"calls of {names} came back without their thought signature; keep the provider_options of the messages "
                "that an answer consists of. They were sent with Google's mark for that"
            )
            warnings.append(CallWarning("other", message))

    # people

    def _said(self, message: UserMessage, where: str) -> Iterator[Part]:
        parts: Sequence[UserContentPart] = (
            (TextPart(message.content),) if isinstance(message.content, str) else message.content
        )
        for index, part in enumerate(parts):
            if isinstance(part, TextPart):
                yield {"text": part.text}
            else:
                yield self._file(part, f"{where}.content[{index}]")

    def _file(self, part: FilePart | ImagePart, where: str) -> Part:
        media = media_of(part, where)
        video = option_of(part.provider_options, "google", "videoMetadata")
        return {**_media(media), **({} if video is None else {"videoMetadata": video})}

    # the model

    def _answered(self, message: AssistantMessage, where: str) -> Iterator[Part]:
        parts: Sequence[AssistantContentPart] = (
            (TextPart(message.content),) if isinstance(message.content, str) else message.content
        )
        has_signed_call = False
        for index, part in enumerate(parts):
            options = getattr(part, "provider_options", None)
            signature = option_of(options, "google", "thoughtSignature")
            if isinstance(part, ToolCallPart) and not _is_code(part):
                if signature is None and self._model.is_third and (_server(options) or not has_signed_call):
                    self._unsigned.append(part.tool_name)
                    signature = SKIP_SIGNATURE
                elif signature is not None and not _server(options):
                    has_signed_call = True
            found = self._model_part(part, signature, f"{where}.content[{index}]")
            if found is not None:
                signed = (
                    signature is not None
                    and "executableCode" not in found
                    and "codeExecutionResult" not in found
                )
                yield {**found, "thoughtSignature": str(signature)} if signed else found

    def _model_part(self, part: AssistantContentPart, signature: JSONValue, where: str) -> Part | None:
        if isinstance(part, (TextPart, ReasoningPart)):
            if not part.text and signature is None:
                return None
            return {"text": part.text, **({"thought": True} if isinstance(part, ReasoningPart) else {})}
        if isinstance(part, (FilePart, ReasoningFilePart)):
            return self._made_file(part, where)
        if isinstance(part, ToolCallPart):
            return self._call(part)
        if isinstance(part, ToolResultPart):
            return _own_result(part)
        return None

    def _made_file(self, part: FilePart | ReasoningFilePart, where: str) -> Part:
        media = media_of(part, where)
        if media.url is not None:
            raise UnsupportedFunctionalityError(
                f"{where} is a file by its address; send its bytes to Google."
            )
        is_thought = (
            isinstance(part, ReasoningFilePart)
            or option_of(part.provider_options, "google", "thought") is True
        )
        return {**_media(media), **({"thought": True} if is_thought else {})}

    def _call(self, part: ToolCallPart) -> Part:
        if _is_code(part):
            return {"executableCode": _parsed(part.input)}
        if server := _server(part.provider_options):
            return {"toolCall": {"toolType": server[1], "args": _parsed(part.input), "id": server[0]}}
        return {
            "functionCall": {"id": part.tool_call_id, "name": part.tool_name, "args": _parsed(part.input)}
        }

    # tools

    def _results(self, message: ToolMessage, where: str) -> Iterator[Part]:
        for index, part in enumerate(message.content):
            if not isinstance(part, ToolResultPart):
                continue
            if _server(part.provider_options) and self.contents and self.contents[-1]["role"] == "model":
                self._give_back(part)
            elif part.output.get("type") == "content":
                yield from self._content(part, f"{where}.content[{index}]")
            else:
                yield _response(part, _answer(part.output))

    def _give_back(self, part: ToolResultPart) -> None:
        """A result of a tool that Google runs belongs to the model's turn."""
        found = _own_result(part)
        signature = option_of(part.provider_options, "google", "thoughtSignature")
        turn: list[Part] = self.contents[-1]["parts"]  # type: ignore[assignment] # see _add
        if found is not None:
            turn.append(found if signature is None else {**found, "thoughtSignature": str(signature)})

    def _content(self, part: ToolResultPart, where: str) -> Iterator[Part]:
        items = part.output.get("value")
        texts: list[str] = []
        files: list[Part] = []
        for index, item in enumerate(
            items if isinstance(items, Sequence) and not isinstance(items, str) else ()
        ):
            text, media = _read_item(item, f"{where}.value[{index}]")
            if not self._model.is_third:
                yield from _older(part, text, media, is_text=_is_text(item))
            elif media is not None:
                files.append(_media(media))
            else:
                texts.append(text)
        if self._model.is_third:
            said = "\n".join(texts) if texts else "Tool executed successfully."
            yield _response(part, {"content": said}, files)


def _read_item(item: JSONValue, where: str) -> tuple[str, Media | None]:
    """The text of one piece of a tool's output, or the file that it is."""
    if not isinstance(item, Mapping):
        return str(item), None
    if _is_text(item):
        return str(item["text"]), None
    media = media_in_output(item, where)
    if media is None or media.data is None:
        return dumps(item), None
    return "", media


def _is_text(item: JSONValue) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "text"


def _older(part: ToolResultPart, text: str, media: Media | None, *, is_text: bool) -> Iterator[Part]:
    """How models before Gemini 3 are told: a part of its own for each piece."""
    if media is not None:
        yield _media(media)
        kind = "image" if media.kind == "image" else "file"
        yield {"text": f"Tool executed successfully and returned this {kind} as a response"}
    elif is_text:
        yield _response(part, {"content": text})
    else:
        yield {"text": text}


def _media(media: Media) -> Part:
    if media.data is not None:
        return {"inlineData": {"mimeType": full_media_type(media), "data": base64_of(media)}}
    address = media.url if media.url is not None else media.reference_for("google")
    return {"fileData": {"mimeType": full_media_type(media), "fileUri": address}}


def _response(part: ToolResultPart, answer: Part, files: Sequence[Part] = ()) -> Part:
    response: Part = {
        "id": part.tool_call_id,
        "name": part.tool_name,
        "response": {"name": part.tool_name, **answer},
    }
    return {"functionResponse": {**response, "parts": list(files)} if files else response}


def _answer(output: Mapping[str, JSONValue]) -> Part:
    kind, said = output.get("type"), output.get("value")
    if kind == "execution-denied":
        return {"error": output.get("reason") or "Tool call execution denied."}
    # "$ref" in an answer means a file of it to Google
    content = dumps(said) if _has_reference(said) else said
    return {"error" if kind in ("error-text", "error-json") else "content": content}


def _has_reference(value: JSONValue) -> bool:
    if isinstance(value, Mapping):
        return "$ref" in value or any(map(_has_reference, value.values()))
    return isinstance(value, Sequence) and not isinstance(value, str) and any(map(_has_reference, value))


def _is_code(part: ToolCallPart) -> bool:
    return part.provider_executed and part.tool_name == "code_execution"


def _own_result(part: ToolResultPart) -> Part | None:
    kind, said = part.output.get("type"), part.output.get("value")
    if part.tool_name == "code_execution" and kind == "json":
        return {"codeExecutionResult": said}
    server = _server(part.provider_options)
    if server is None:
        return None
    return {
        "toolResponse": {"toolType": server[1], "response": said if kind == "json" else {}, "id": server[0]}
    }


def _server(options: ProviderOptions | None) -> tuple[str, str] | None:
    """Id and kind of a call of a tool that Google runs."""
    call_id, kind = (
        option_of(options, "google", "serverToolCallId"),
        option_of(options, "google", "serverToolType"),
    )
    return (str(call_id), str(kind)) if call_id is not None and kind is not None else None


def _parsed(given: JSONValue) -> JSONValue:
    if not isinstance(given, str):
        return given
    try:
        return loads(given)
    except ValueError:
        return given
