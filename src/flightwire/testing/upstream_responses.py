"""What a scripted upstream sends to who asks in OpenAI's Responses API: the same answers, in that API's events.

Owns: the shape of OpenAI's responses. Refuses to know: sockets, threads, what is answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count

from flightwire.testing.upstream_script import CREATED_S, DEFAULT_USAGE, ChatAnswer, Step, event

__all__ = ["ResponsesAnswer"]

Fields = dict[str, object]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponsesAnswer:
    """An answer of `ScriptedUpstream.answer`, as the Responses API gives it."""

    def __init__(self, answer: ChatAnswer) -> None:
        self._answer = answer
        self._numbers = count()

    def stream(self) -> Iterator[Step]:
        """The events, token by token; the gate stands before every token but the first."""
        answer = self._answer
        yield self._event("response.created", response=self._response("in_progress", []))
        yield from answer.gated(self._items())
        if answer.ending is not None:
            yield answer.ending
        kind = "incomplete" if answer.finish_reason in _INCOMPLETE else "completed"
        if answer.finish_reason is not None:
            yield self._event(f"response.{kind}", response=self._response(kind, []))

    def _event(self, kind: str, **fields: object) -> bytes:
        body = {"type": kind, "sequence_number": next(self._numbers), **fields}
        return f"event: {kind}\n".encode() + event(body)

    def _items(self) -> Iterator[bytes]:
        """Each piece of the answer as one write; what begins an item goes with its first piece, its end with the last."""
        index = count()
        if reasoning := tuple(self._answer.reasoning):
            yield from self._reasoning(reasoning, next(index))
        yield from self._message(index)
        for number, call in enumerate(self._answer.tool_calls):
            yield from self._call(call, number, next(index))

    def _reasoning(self, texts: tuple[str, ...], index: int) -> Iterator[bytes]:
        item: Fields = {"id": "rs_scripted", "type": "reasoning", "summary": []}
        begin = self._event("response.output_item.added", output_index=index, item=item)
        for text in texts:
            delta = {"item_id": "rs_scripted", "output_index": index, "summary_index": 0, "delta": text}
            yield begin + self._event("response.reasoning_summary_text.delta", **delta)
            begin = b""
        yield self._event("response.output_item.done", output_index=index, item=item)

    def _message(self, numbers: Iterator[int]) -> Iterator[bytes]:
        begin, index = b"", -1
        for text in self._answer.tokens:
            if index < 0:
                index = next(numbers)
                item = {"id": "msg_scripted", "type": "message", "role": "assistant", "content": []}
                begin = self._event("response.output_item.added", output_index=index, item=item)
            where = {"item_id": "msg_scripted", "output_index": index, "content_index": 0}
            yield begin + self._event("response.output_text.delta", **where, delta=text, logprobs=[])
            begin = b""
        if index >= 0:
            item = {"id": "msg_scripted", "type": "message", "role": "assistant", "content": []}
            yield self._event("response.output_item.done", output_index=index, item=item)

    def _call(self, call: Mapping[str, object], number: int, index: int) -> Iterator[bytes]:
        item = _call_item(call, number)
        arguments = str(item["arguments"])
        half = len(arguments) // 2
        empty = {**item, "arguments": ""}
        yield self._event("response.output_item.added", output_index=index, item=empty)
        for piece in (arguments[:half], arguments[half:]):
            where = {"item_id": item["id"], "output_index": index}
            yield self._event("response.function_call_arguments.delta", **where, delta=piece)
        yield self._event("response.output_item.done", output_index=index, item=item)

    def whole(self) -> Fields:
        """The same answer for a client that did not ask for a stream."""
        answer = self._answer
        output: list[Fields] = []
        if reasoning := "".join(answer.reasoning):
            summary = [{"type": "summary_text", "text": reasoning}]
            output.append({"id": "rs_scripted", "type": "reasoning", "summary": summary})
        if text := "".join(answer.tokens):
            content = [{"type": "output_text", "text": text, "annotations": []}]
            output.append({"id": "msg_scripted", "type": "message", "role": "assistant", "content": content})
        output += [_call_item(call, number) for number, call in enumerate(answer.tool_calls)]
        return self._response("incomplete" if answer.finish_reason in _INCOMPLETE else "completed", output)

    def _response(self, status: str, output: list[Fields]) -> Fields:
        usage = self._answer.usage or DEFAULT_USAGE
        reason = _INCOMPLETE.get(self._answer.finish_reason or "") if status == "incomplete" else None
        return {
            "id": "resp_scripted",
            "object": "response",
            "created_at": CREATED_S,
            "model": self._answer.model,
            "status": status,
            "error": None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "output": output,
            "usage": None if status == "in_progress" else _usage(usage),
        }


def _call_item(call: Mapping[str, object], number: int) -> Fields:
    arguments = call.get("arguments", "{}")
    return {
        "id": f"fc_scripted_{number}",
        "type": "function_call",
        "call_id": call.get("id", "call_1"),
        "name": call["name"],
        "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
    }


def _usage(usage: Mapping[str, object]) -> Fields:
    """Chat completions' words in those of the Responses API."""
    renamed = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
    return {
        renamed.get(name, name.replace("prompt_", "input_").replace("completion_", "output_")): each
        for name, each in usage.items()
    }
