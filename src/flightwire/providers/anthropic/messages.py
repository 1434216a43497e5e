"""From our messages to Anthropic's.

Owns: instructions, what people say and what tools answer, grouping into turns. Refuses to know: the model's own turns
(`replay`), settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flightwire.errors import UnsupportedFunctionalityError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONValue, dumps
from flightwire.messages import (
    AssistantMessage,
    ImagePart,
    ModelMessage,
    SystemMessage,
    TextPart,
    ToolMessage,
    ToolResultPart,
    UserContentPart,
    UserMessage,
)
from flightwire.providers.anthropic.caching import CacheMarks, marked
from flightwire.providers.anthropic.replay import Replay
from flightwire.providers.anthropic.tool_names import ToolNames
from flightwire.providers.media import Media, base64_of, full_media_type, media_in_output, media_of
from flightwire.providers.options import option_of

__all__ = ["Prompt"]

FILES = "files-api-2025-04-14"
PDFS = "pdfs-2024-09-25"
LATER_SYSTEM = "mid-conversation-system-2026-04-07"
OUTPUT_CONFIG = "mid-conversation-output-config-2026-07-01"
TOOL_CHANGES = "mid-conversation-tool-changes-2026-07-01"
CLEAR_AT = "mid-conversation-system-clear-at-2026-08-21"

Block = dict[str, object]


class Prompt:
    """The messages of one request.

    Attributes:
        system: the instructions at the beginning, or None.
        messages: the turns.
    """

    def __init__(
        self,
        messages: Sequence[ModelMessage],
        *,
        names: ToolNames,
        marks: CacheMarks,
        betas: dict[str, None],
        warnings: list[CallWarning],
        sends_reasoning: bool,
    ) -> None:
        """Write them.

        Raises:
            InvalidPromptError: a file that cannot be read.
            UnsupportedFunctionalityError: a file of a type that Anthropic does not take.
        """
        self.system: list[Block] | None = None
        self.messages: list[Block] = []
        self._names = names
        self._marks = marks
        self._betas = betas
        self._warnings = warnings
        self._last_user_turn = -1
        replay = Replay(names, marks, betas, warnings, sends_reasoning=sends_reasoning)
        turns = list(_turns(messages))
        for number, (role, turn) in enumerate(turns):
            if role == "system":
                self._write_system([message for _, message in turn], is_first=number == 0)  # type: ignore[misc]
            elif role == "user":
                self._write_user(turn)
            else:
                said = [message for _, message in turn if isinstance(message, AssistantMessage)]
                if blocks := replay.write(said, is_last=number == len(turns) - 1):
                    self.messages.append({"role": "assistant", "content": blocks})
        replay.forget_lost_callers(self.messages, self._last_user_turn)

    # instructions

    def _write_system(self, messages: Sequence[SystemMessage], *, is_first: bool) -> None:
        written = [turn for message in messages if (turn := self._system_turn(message)) is not None]
        is_plain = all(set(turn) == {"content"} and not _has_changes(turn) for turn in written)
        if not is_first and (self.system is not None or not is_plain):
            self._betas[LATER_SYSTEM] = None
            for turn in written:
                self._write_later_system(turn)
            return
        texts: list[Block] = []
        for turn in written:
            content: list[Block] = turn["content"]  # type: ignore[assignment] # built below
            texts += [block for block in content if block["type"] == "text"]
            self._keep_from_first(turn, content)
        self.system = texts

    def _system_turn(self, message: SystemMessage) -> Block | None:
        def option(name: str) -> JSONValue:
            return option_of(message.provider_options, "anthropic", name)

        changes, clear_at, effort = option("toolChanges"), option("clearAt"), option("effort")
        content: list[Block] = []
        if message.content or not (changes or clear_at or effort):
            mark = self._marks.mark(message.provider_options)
            content.append(marked({"type": "text", "text": message.content}, mark))
        for change in changes if isinstance(changes, Sequence) and not isinstance(changes, str) else ():
            content += self._tool_change(change)
        if not content and not clear_at and not effort:
            return None
        turn: Block = {"content": content}
        if clear_at:
            turn["clear_at"] = clear_at
        if effort:
            turn["output_config"] = {"effort": effort}
        return turn

    def _tool_change(self, change: JSONValue) -> list[Block]:
        name = change.get("toolName", change.get("tool_name")) if isinstance(change, Mapping) else None
        if not isinstance(change, Mapping) or not isinstance(name, str):
            message = "a tool change that does not name a declared tool (toolName) was left out"
            self._warnings.append(CallWarning("other", message))
            return []
        reference = {"type": "tool_reference", "name": self._names.theirs(name)}
        return [{"type": change["type"], "tool": reference}]

    def _write_later_system(self, turn: Block) -> None:
        self.messages.append({"role": "system", **turn})
        if _has_changes(turn):
            self._betas[TOOL_CHANGES] = None
        if "clear_at" in turn:
            self._betas[CLEAR_AT] = None
        if "output_config" in turn:
            self._betas[OUTPUT_CONFIG] = None

    def _keep_from_first(self, turn: Block, content: list[Block]) -> None:
        """Of what stands beside the first instructions only an effort without text can be sent."""
        if any(block["type"] != "text" for block in content):
            message = "tool changes beside the first instructions were left out; pass tools=… instead"
            self._warnings.append(CallWarning("other", message))
        if "output_config" in turn and "clear_at" not in turn and not content:
            self.messages.append({"role": "system", "content": [], "output_config": turn["output_config"]})
            self._betas[OUTPUT_CONFIG] = None
        elif "output_config" in turn or "clear_at" in turn:
            message = "clearAt and effort beside the first instructions were left out"
            self._warnings.append(CallWarning("other", message))

    # people and tools

    def _write_user(self, turn: Sequence[tuple[int, ModelMessage]]) -> None:
        content: list[Block] = []
        for index, message in turn:
            if isinstance(message, UserMessage):
                if message.content:
                    self._last_user_turn = len(self.messages)
                content += self._said(message, f"messages[{index}]")
            elif isinstance(message, ToolMessage):
                content += self._answered(message, f"messages[{index}]")
        self.messages.append({"role": "user", "content": content})

    def _said(self, message: UserMessage, where: str) -> Iterator[Block]:
        parts = message.content
        if isinstance(parts, str):
            parts = (TextPart(parts),)
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            mark = self._marks.mark(part.provider_options, message.provider_options if is_last else None)
            yield self._user_block(part, mark, f"{where}.content[{index}]")

    def _user_block(self, part: UserContentPart, mark: JSONValue, where: str) -> Block:
        if isinstance(part, TextPart):
            return marked({"type": "text", "text": part.text}, mark)
        media = media_of(part, where)
        if media.reference is not None:
            return self._uploaded(media, mark)
        if isinstance(part, ImagePart) or media.kind == "image":
            return marked({"type": "image", "source": self._image(media)}, mark)
        return marked({**self._document(media), **_document_options(media)}, mark)

    def _uploaded(self, media: Media, mark: JSONValue) -> Block:
        self._betas[FILES] = None
        file_id = media.reference_for("anthropic")
        if option_of(media.provider_options, "anthropic", "containerUpload"):
            return {"type": "container_upload", "file_id": file_id}
        kind = "image" if media.kind == "image" else "document"
        return marked({"type": kind, "source": {"type": "file", "file_id": file_id}}, mark)

    def _image(self, media: Media) -> Block:
        if media.url is not None:
            return {"type": "url", "url": media.url}
        return {"type": "base64", "media_type": full_media_type(media), "data": base64_of(media)}

    def _document(self, media: Media) -> Block:
        is_text = media.media_type == "text/plain"
        if not is_text and (media.kind != "application" or full_media_type(media) != "application/pdf"):
            raise UnsupportedFunctionalityError(
                f"{media.where} is a file of type {media.media_type!r}; Anthropic takes images, PDFs and text/plain."
            )
        if not is_text:
            self._betas[PDFS] = None
        if media.url is not None:
            return {"type": "document", "source": {"type": "url", "url": media.url}}
        data = (media.data or b"").decode("utf-8", "replace") if is_text else base64_of(media)
        source = {"type": "text" if is_text else "base64", "media_type": media.media_type, "data": data}
        return {"type": "document", "source": source}

    def _answered(self, message: ToolMessage, where: str) -> Iterator[Block]:
        for index, part in enumerate(message.content):
            if not isinstance(part, ToolResultPart):
                continue
            is_last = index == len(message.content) - 1
            mark = self._marks.mark(
                part.provider_options,
                _options_of_output(part.output),
                message.provider_options if is_last else None,
            )
            block: Block = {"type": "tool_result", "tool_use_id": part.tool_call_id}
            if toolset := toolset_of(part, self._names):
                block["toolset_name"] = toolset
            block["content"] = self._output(part.output, f"{where}.content[{index}]")
            if part.output.get("type") in ("error-text", "error-json"):
                block["is_error"] = True
            yield marked(block, mark)

    def _output(self, output: Mapping[str, JSONValue], where: str) -> object:
        kind, said = output.get("type"), output.get("value")
        if kind == "content" and isinstance(said, Sequence) and not isinstance(said, str):
            return [
                block
                for index, item in enumerate(said)
                if isinstance(item, Mapping)
                and (block := self._output_block(item, f"{where}.value[{index}]"))
            ]
        if kind in ("text", "error-text"):
            return said
        if kind == "execution-denied":
            return output.get("reason") or "Tool call execution denied."
        return dumps(said)

    def _output_block(self, item: Mapping[str, JSONValue], where: str) -> Block | None:
        if item.get("type") == "text":
            return {"type": "text", "text": item.get("text")}
        options: JSONValue = item.get("providerOptions", item.get("provider_options"))
        own = options.get("anthropic") if isinstance(options, Mapping) else None
        if item.get("type") == "custom" and isinstance(own, Mapping) and own.get("type") == "tool-reference":
            return {"type": "tool_reference", "tool_name": own.get("toolName", own.get("tool_name"))}
        media = media_in_output(item, where)
        if media is None:
            self._warnings.append(CallWarning("other", f"{where} of type {item.get('type')!r} was left out"))
            return None
        return self._output_file(media)

    def _output_file(self, media: Media) -> Block | None:
        kind = "image" if media.kind == "image" else "document"
        if media.reference is not None:
            self._betas[FILES] = None
            return {"type": kind, "source": {"type": "file", "file_id": media.reference_for("anthropic")}}
        if media.url is not None:
            return {"type": kind, "source": {"type": "url", "url": media.url}}
        if kind == "image":
            return {"type": "image", "source": self._image(media)}
        if full_media_type(media) == "application/pdf":
            self._betas[PDFS] = None
            source = {"type": "base64", "media_type": "application/pdf", "data": base64_of(media)}
            return {"type": "document", "source": source}
        self._warnings.append(
            CallWarning("other", f"{media.where} is a file of type {media.media_type!r}; it was left out")
        )
        return None


def toolset_of(part: object, names: ToolNames) -> str | None:
    """Anthropic's name of the set that a call or its result belongs to, if to one."""
    known = names.toolsets.get(part.tool_name)  # type: ignore[attr-defined] # calls and results have one
    said = option_of(part.provider_options, "anthropic", "toolsetName")  # type: ignore[attr-defined] # as above
    return known or (said if isinstance(said, str) else None)


def _turns(messages: Sequence[ModelMessage]) -> Iterator[tuple[str, list[tuple[int, ModelMessage]]]]:
    """Neighbours that Anthropic sees as one turn; what tools answer belongs to the user's."""
    turn: list[tuple[int, ModelMessage]] = []
    role = ""
    for index, message in enumerate(messages):
        own = "user" if message.role == "tool" else message.role
        if own != role and turn:
            yield role, turn
            turn = []
        role = own
        turn.append((index, message))
    if turn:
        yield role, turn


def _has_changes(turn: Block) -> bool:
    content: list[Block] = turn["content"]  # type: ignore[assignment] # built by _system_turn
    return any(block["type"] != "text" for block in content)


def _document_options(media: Media) -> Block:
    def option(name: str) -> JSONValue:
        return option_of(media.provider_options, "anthropic", name)

    citations = option("citations")
    fields: Block = {
        "title": option("title") or media.filename,
        "context": option("context") or None,
        "citations": {"enabled": True}
        if isinstance(citations, Mapping) and citations.get("enabled")
        else None,
    }
    return {name: field for name, field in fields.items() if field is not None}


def _options_of_output(output: Mapping[str, JSONValue]) -> Mapping[str, Mapping[str, JSONValue]] | None:
    """Options of the output, or of the first of its parts that has any."""
    found = output.get("providerOptions", output.get("provider_options"))
    said = output.get("value")
    if found is None and output.get("type") == "content" and isinstance(said, Sequence):
        options = [
            item.get("providerOptions", item.get("provider_options"))
            for item in said
            if isinstance(item, Mapping)
        ]
        found = next((option for option in options if option is not None), None)
    return found if isinstance(found, Mapping) else None  # type: ignore[return-value] # checked where it is read
