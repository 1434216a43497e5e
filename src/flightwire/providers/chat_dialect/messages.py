"""From our messages to those of the dialect.

Owns: the shape of each message and content part, as most APIs of the dialect take them; an API that differs overrides a
method. Refuses to know: settings, transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flightwire.errors import InvalidPromptError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONValue, dumps, loads
from flightwire.messages import (
    AssistantMessage,
    FilePart,
    ImagePart,
    ModelMessage,
    ProviderOptions,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserContentPart,
    UserMessage,
)
from flightwire.providers.media import Media, base64_of, full_media_type, media_of
from flightwire.providers.options import option_of

__all__ = ["Fields", "MessageWriter", "json_text", "json_text_unless_json", "output_text", "unsupported"]

Fields = dict[str, object]

_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}
DENIED = "Tool call execution denied."


def unsupported(feature: str, why: str) -> CallWarning:
    """The warning for something that was left out."""
    return CallWarning("unsupported", why, feature)


class MessageWriter:
    """Writes one call's messages; the defaults are what most APIs of the dialect take.

    Attributes:
        warnings: what could not be said.
    """

    takes_names = False
    """Whether a message may carry a `name` of its author, an option of the message."""

    def __init__(self, options_key: str, service: str) -> None:
        self.warnings: list[CallWarning] = []
        self.options_key = options_key
        self.service = service
        self.last_user = -1
        self.count = 0

    def write(self, messages: Sequence[ModelMessage]) -> list[Fields]:
        """The messages as the API reads them.

        Raises:
            InvalidPromptError: a part that the API has no form for; names the message and the part.
        """
        self.count = len(messages)
        users = [index for index, message in enumerate(messages) if isinstance(message, UserMessage)]
        self.last_user = users[-1] if users else -1
        out: list[Fields] = []
        for index, message in enumerate(messages):
            out += self._write_one(message, index)
        return out

    def _write_one(self, message: ModelMessage, index: int) -> list[Fields]:
        where = f"messages[{index}]"
        if isinstance(message, ToolMessage):
            return list(self.tool(message, where))
        if isinstance(message, SystemMessage):
            written = self.system(message)
        elif isinstance(message, UserMessage):
            written = self.user(message, where)
        else:
            written = self.assistant(message, index, where)
        if written is None:
            return []
        return [{**written, **self._named(message.provider_options), **self.extras(message.provider_options)}]

    def _named(self, options: ProviderOptions | None) -> Fields:
        name = option_of(options, self.options_key, "name") if self.takes_names else None
        return {} if name is None else {"name": name}

    def extras(self, options: ProviderOptions | None) -> Fields:
        """Fields that a message's or a part's own options add to it."""
        return {}

    # --- system and user -----------------------------------------------------------------------------------------

    def system(self, message: SystemMessage) -> Fields | None:
        """Instructions."""
        return {"role": "system", "content": message.content}

    def user(self, message: UserMessage, where: str) -> Fields:
        """What a person said; a text alone is written in the form that every API of the dialect knows."""
        content = message.content
        if isinstance(content, str):
            return {"role": "user", "content": content}
        if len(content) == 1 and isinstance(content[0], TextPart):
            extras = self.extras(content[0].provider_options)
            return {"role": "user", "content": content[0].text, **extras}
        return {"role": "user", "content": self.user_parts(content, where)}

    def user_parts(self, content: Sequence[UserContentPart], where: str) -> list[Fields]:
        """Each part of what a person said."""
        return [
            {
                **self.user_part(part, f"{where}.content[{index}]", index),
                **self.extras(part.provider_options),
            }
            for index, part in enumerate(content)
        ]

    def user_part(self, part: UserContentPart, where: str, index: int) -> Fields:
        """One part of what a person said."""
        if isinstance(part, TextPart):
            return {"type": "text", "text": part.text}
        return self.file(media_of(part, where), index)

    def file(self, media: Media, index: int) -> Fields:
        """A file: an image, audio, video, a PDF or text."""
        if media.reference is not None:
            return {"type": "file", "file": {"file_id": media.reference_for(self.options_key)}}
        if media.kind == "image":
            return self.image(media)
        if media.kind == "video":
            return {"type": "video_url", "video_url": {"url": self.url(media)}}
        if media.kind == "audio":
            return self.audio(media)
        if media.kind == "text":
            return {
                "type": "text",
                "text": media.url if media.data is None else media.data.decode("utf-8", "replace"),
            }
        return self.document(media, index)

    def url(self, media: Media) -> str:
        """The file's address, or the file itself as a data URL."""
        if media.url is not None:
            return media.url
        return f"data:{full_media_type(media)};base64,{base64_of(media)}"

    def image(self, media: Media) -> Fields:
        """An image."""
        return {"type": "image_url", "image_url": {"url": self.url(media)}}

    def audio(self, media: Media) -> Fields:
        """Sound, as bytes."""
        kind = _AUDIO_FORMATS.get(media.media_type if "/" in media.media_type else full_media_type(media))
        if media.data is None or kind is None:
            raise self.refused(
                media, "audio is taken as bytes or a data URL, of type audio/wav or audio/mpeg"
            )
        return {"type": "input_audio", "input_audio": {"data": base64_of(media), "format": kind}}

    def document(self, media: Media, index: int) -> Fields:
        """A document: a PDF, as bytes."""
        if media.data is None or media.media_type not in ("application/pdf", "application"):
            raise self.refused(media, "send an image, audio (wav, mp3), text, or a PDF as bytes")
        full_media_type(media)
        file = {
            "filename": media.filename or self.document_name(index),
            "file_data": f"data:application/pdf;base64,{base64_of(media)}",
        }
        return {"type": "file", "file": file}

    def document_name(self, index: int) -> str:
        """What a document without a name is called."""
        return "document.pdf"

    def refused(self, media: Media, instead: str) -> InvalidPromptError:
        """The error for a file that the API does not take."""
        given = "an address" if media.url is not None else "bytes"
        return InvalidPromptError(
            f"{media.where} is a file of type {media.media_type!r} given as {given}, which {self.service} does not "
            f"take here; {instead}."
        )

    # --- assistant -----------------------------------------------------------------------------------------------

    def assistant(self, message: AssistantMessage, index: int, where: str) -> Fields | None:
        """What the model said; results of tools that the provider ran itself have no place in this dialect."""
        if isinstance(message.content, str):
            return {"role": "assistant", "content": message.content}
        text, reasoning, calls = self.gathered(message, index, where)
        out: Fields = {"role": "assistant", "content": self.assistant_text(text, has_calls=bool(calls))}
        if reasoning is not None:
            out.update(self.reasoning(reasoning))
        if calls:
            out["tool_calls"] = calls
        return out

    def gathered(
        self, message: AssistantMessage, index: int, where: str
    ) -> tuple[str, str | None, list[Fields]]:
        """The texts, the reasoning that is to be sent back, and the tool calls."""
        texts: list[str] = []
        reasoning: list[str] = []
        calls: list[Fields] = []
        for place, part in enumerate(message.content):
            if isinstance(part, TextPart):
                texts.append(part.text)
            elif isinstance(part, ReasoningPart) and self.keeps_reasoning(index):
                reasoning.append(part.text)
            elif isinstance(part, ToolCallPart) and not part.provider_executed:
                calls.append(self.tool_call(part))
            elif isinstance(part, (FilePart, ImagePart)):
                self.warnings.append(
                    unsupported(
                        "assistant file",
                        f"{where}.content[{place}] is a file that the model made; it was left out.",
                    )
                )
        return "".join(texts), "".join(reasoning) or None, calls

    def assistant_text(self, text: str, *, has_calls: bool) -> str | None:
        """The content of a message of the model's that may have only called tools."""
        return text or (None if has_calls else "")

    def keeps_reasoning(self, index: int) -> bool:
        """Whether the reasoning of the message with this index goes back to the model."""
        return True

    def reasoning(self, text: str) -> Fields:
        """The field of an assistant message that reasoning goes back in."""
        return {"reasoning_content": text}

    def tool_call(self, part: ToolCallPart) -> Fields:
        """A call of a tool."""
        function = {"name": part.tool_name, "arguments": self.arguments(part.input)}
        return {"id": part.tool_call_id, "type": "function", "function": function}

    def arguments(self, given: JSONValue) -> str:
        """A tool's input as JSON text; text that is JSON already stays."""
        return json_text_unless_json(given)

    # --- tools ---------------------------------------------------------------------------------------------------

    def tool(self, message: ToolMessage, where: str) -> Iterable[Fields]:
        """What tools answered, a message each."""
        if self.takes_names and option_of(message.provider_options, self.options_key, "name") is not None:
            self.warnings.append(unsupported("name", "A message of tools has no name; it was left out."))
        for index, part in enumerate(message.content):
            if isinstance(part, ToolResultPart):
                yield {
                    **self.tool_result(part, f"{where}.content[{index}]"),
                    **self.extras(part.provider_options),
                }

    def tool_result(self, part: ToolResultPart, where: str) -> Fields:
        """What one tool answered."""
        content = self.output(part, where)
        return {"role": "tool", "tool_call_id": part.tool_call_id, "content": content}

    def output(self, part: ToolResultPart, where: str) -> object:
        """A tool's output."""
        return output_text(part.output)


def output_text(output: Mapping[str, JSONValue]) -> str:
    """The AI SDK's tagged tool outputs as text (`packages/provider/src/language-model/v4/…prompt.ts`)."""
    kind, answer = output.get("type"), output.get("value")
    if kind in ("text", "error-text") and isinstance(answer, str):
        return answer
    if kind == "execution-denied":
        return str(output.get("reason") or DENIED)
    return json_text(answer if "value" in output else output)


def json_text(answer: JSONValue) -> str:
    """Something from the messages as JSON text.

    Raises:
        InvalidPromptError: it is not JSON.
    """
    try:
        return dumps(answer)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPromptError(f"a tool's input or output in the messages is not JSON: {error}.") from None


def json_text_unless_json(given: JSONValue) -> str:
    """As `json_text`, but text that is JSON already stays as it is."""
    if isinstance(given, str):
        try:
            loads(given)
        except ValueError:
            return json_text(given)
        return given
    return json_text(given)
