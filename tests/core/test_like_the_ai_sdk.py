"""The same model, tools and settings in the npm package `ai` and here: the same parts, messages, calls and callbacks."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from flightwire import (
    client_tool,
    generate_text,
    has_tool_call,
    is_loop_finished,
    is_step_count,
    stream_text,
    tool,
)
from flightwire.events import (
    Error,
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    Source,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    ToolResult,
    Usage,
)
from flightwire.messages import message_to_json
from flightwire.providers.base import Reasoning
from flightwire.testing import Reply, ScriptedModel
from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_npm_folder

from .npm import NpmAI

pytestmark = [pytest.mark.anyio, pytest.mark.node]


# --- the tools of spec/tools/ai_loop.mjs -----------------------------------------------------------------------------


@tool
async def add(a: float, b: float) -> float:
    return a + b


@tool
async def echo(**given: Any) -> Any:
    return {"given": given}


@tool
async def fail(**given: Any) -> Any:
    raise RuntimeError("it broke")


@tool
async def count(**given: Any) -> AsyncIterator[str]:
    yield "one"
    yield "two"


@tool(needs_approval=True)
async def guarded(**given: Any) -> str:
    return "done"


@tool(to_model_output=lambda options: {"type": "text", "value": f"{len(options.output)} items"})
async def terse(**given: Any) -> list[int]:
    return [1, 2]


ask = client_tool("ask", input_schema={"type": "object", "properties": {}})
TOOLS = {
    "add": add,
    "echo": echo,
    "fail": fail,
    "count": count,
    "ask": ask,
    "guarded": guarded,
    "terse": terse,
}
STOP = {"step": is_step_count, "loop": is_loop_finished, "tool": has_tool_call}
NAMES = (
    "on_start",
    "on_step_start",
    "on_language_model_call_start",
    "on_language_model_call_end",
    "on_tool_execution_start",
    "on_tool_execution_end",
    "on_step_end",
    "on_end",
)


# --- the scenarios ---------------------------------------------------------------------------------------------------


def said(text: str, name: str = "0") -> list[dict[str, Any]]:
    return [
        {"type": "text-start", "id": name},
        *({"type": "text-delta", "id": name, "delta": piece} for piece in re.findall(r"\S+\s*", text)),
        {"type": "text-end", "id": name},
    ]


def thought(text: str, name: str = "0") -> list[dict[str, Any]]:
    return [
        {"type": "reasoning-start", "id": name},
        {"type": "reasoning-delta", "id": name, "delta": text},
        {"type": "reasoning-end", "id": name},
    ]


def called(name: str, given: Any = None, call_id: str = "c1", **more: Any) -> list[dict[str, Any]]:
    text = given if isinstance(given, str) else json.dumps({} if given is None else given)
    return [{"type": "tool-call", "toolCallId": call_id, "toolName": name, "input": text, **more}]


def written(name: str, given: str, call_id: str = "c1") -> list[dict[str, Any]]:
    return [
        {"type": "tool-input-start", "id": call_id, "toolName": name},
        *(
            {"type": "tool-input-delta", "id": call_id, "delta": piece}
            for piece in re.findall(".{1,4}", given)
        ),
        {"type": "tool-input-end", "id": call_id},
        *called(name, given, call_id),
    ]


def ended(reason: str = "stop", read: int = 3, wrote: int = 2) -> list[dict[str, Any]]:
    usage = {"inputTokens": {"total": read}, "outputTokens": {"total": wrote}}
    return [{"type": "finish", "finishReason": {"unified": reason, "raw": f"raw {reason}"}, "usage": usage}]


def scenario(answers: list[Any], tools: str = "", **more: Any) -> dict[str, Any]:
    return {"answers": answers, "tools": tools.split(), **more}


ASKED = [
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "content": [{"type": "tool-call", "toolCallId": "c9", "toolName": "ask", "input": {}}],
    },
    {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c9",
                "toolName": "ask",
                "output": {"type": "text", "value": "yes"},
            }
        ],
    },
]
CALL = [*called("add", {"a": 1, "b": 2}), *ended("tool-calls")]
ANSWER = [*said("It is three."), *ended()]

SCENARIOS = {
    "a text": scenario([ANSWER]),
    "reasoning and text of one id": scenario([[*thought("Hm."), *said("Yes."), *ended()]]),
    "several texts": scenario(
        [[*said("a b", "0"), *said("c", "1"), *said("d", "0"), *ended()]], streamOnly=True
    ),
    "empty deltas": scenario(
        [
            [
                {"type": "text-start", "id": "0"},
                {"type": "text-delta", "id": "0", "delta": ""},
                *said("x", "1"),
                *ended(),
            ]
        ],
        streamOnly=True,
    ),
    "two steps": scenario([CALL, ANSWER], "add"),
    "an input that is streamed": scenario(
        [[*said("Let me see."), *written("add", '{"a":1,"b":2}'), *ended("tool-calls")], ANSWER], "add"
    ),
    "two calls at once": scenario(
        [[*called("add", {"a": 1, "b": 2}), *called("echo", {"x": 1}, "c2"), *ended("tool-calls")], ANSWER],
        "add echo",
    ),
    "reasoning in two steps": scenario([[*thought("One."), *CALL], [*thought("Two."), *ANSWER]], "add"),
    "finish reason stop with calls": scenario(
        [[*called("add", {"a": 1, "b": 2}), *ended("stop")], ANSWER], "add"
    ),
    "a call that was cut off": scenario(
        [[*called("add", {"a": 1, "b": 2}), *ended("length")], ANSWER], "add"
    ),
    "a call after a filter": scenario([[*called("add", {"a": 1, "b": 2}), *ended("content-filter")]], "add"),
    "a finish reason of its own": scenario([[*said("x"), *ended("other")]]),
    "no input": scenario([[*called("echo", ""), *ended("tool-calls")], ANSWER], "echo"),
    "a tool that fails": scenario([[*called("fail"), *ended("tool-calls")], ANSWER], "fail"),
    "one fails and one does not": scenario(
        [[*called("fail"), *called("echo", {}, "c2"), *ended("tool-calls")], ANSWER], "fail echo"
    ),
    "a tool that is not there": scenario(
        [[*called("nothing", {"x": 1}), *ended("tool-calls")], ANSWER], "add"
    ),
    "no tools at all": scenario([[*called("nothing", {"x": 1}), *ended("tool-calls")], ANSWER]),
    "an input that is no JSON": scenario([[*called("add", '{"a":'), *ended("tool-calls")], ANSWER], "add"),
    "an input that does not fit": scenario([[*called("add", {"a": 1}), *ended("tool-calls")], ANSWER], "add"),
    "an input with a prototype": scenario(
        [[*called("echo", '{"__proto__": {"x": 1}}'), *ended("tool-calls")], ANSWER], "echo"
    ),
    "a wrong and a right call": scenario(
        [[*called("add", "{"), *called("add", {"a": 1, "b": 2}, "c2"), *ended("tool-calls")], ANSWER], "add"
    ),
    "a generator": scenario([[*called("count"), *ended("tool-calls")], ANSWER], "count"),
    "another output for the model": scenario([[*called("terse"), *ended("tool-calls")], ANSWER], "terse"),
    "a tool of the client": scenario([[*called("ask"), *ended("tool-calls")], ANSWER], "ask"),
    "a tool of the client beside one of ours": scenario(
        [[*called("ask"), *called("add", {"a": 1, "b": 2}, "c2"), *ended("tool-calls")], ANSWER], "ask add"
    ),
    "the client's answer": scenario([ANSWER], "ask", settings={"messages": ASKED}),
    "a call that must be approved": scenario(
        [[*called("guarded", {"x": 1}), *ended("tool-calls")]], "guarded"
    ),
    "one to be approved and one not": scenario(
        [[*called("guarded"), *called("echo", {}, "c2"), *ended("tool-calls")]], "guarded echo"
    ),
    "a rule that approves": scenario(
        [[*called("guarded"), *ended("tool-calls")], ANSWER],
        "guarded",
        settings={"toolApproval": {"guarded": "approved"}},
    ),
    "a rule that denies": scenario(
        [[*called("echo"), *ended("tool-calls")], ANSWER],
        "echo",
        settings={"toolApproval": {"echo": {"type": "denied", "reason": "never"}}},
    ),
    "a rule that asks": scenario(
        [[*called("echo"), *ended("tool-calls")]],
        "echo",
        settings={"toolApproval": {"echo": "user-approval"}},
    ),
    "one step": scenario([CALL, ANSWER], "add", stop=[["step", 1]]),
    "until a tool is called": scenario([CALL, CALL, ANSWER], "add echo", stop=[["tool", "add"]]),
    "until another tool is called": scenario([CALL, CALL, ANSWER], "add echo", stop=[["tool", "echo"]]),
    "any of several conditions": scenario([CALL, CALL, ANSWER], "add", stop=[["step", 2], ["tool", "echo"]]),
    "until it is finished": scenario([CALL, CALL, ANSWER], "add", stop=[["loop"]]),
    "an order of tools": scenario([ANSWER], "fail echo add count", settings={"toolOrder": ["count", "echo"]}),
    "some of the tools": scenario([ANSWER], "fail echo add", settings={"activeTools": ["add", "echo"]}),
    "a tool that is not active": scenario(
        [[*called("echo"), *ended("tool-calls")], ANSWER], "echo add", settings={"activeTools": ["add"]}
    ),
    "a choice": scenario([CALL, CALL], "add", stop=[["step", 2]], settings={"toolChoice": "required"}),
    "a provider's own tool": scenario(
        [
            [
                *called("web", {"q": "x"}, "w1", providerExecuted=True, dynamic=True),
                {
                    "type": "tool-result",
                    "toolCallId": "w1",
                    "toolName": "web",
                    "result": {"hits": 1},
                    "dynamic": True,
                },
                *said("Found."),
                *ended(),
            ]
        ],
        "add",
    ),
    "a provider's own tool that fails": scenario(
        [
            [
                *called("web", {"q": "x"}, "w1", providerExecuted=True, dynamic=True),
                {
                    "type": "tool-result",
                    "toolCallId": "w1",
                    "toolName": "web",
                    "result": "down",
                    "isError": True,
                    "dynamic": True,
                },
                *said("Sorry."),
                *ended(),
            ]
        ],
        "add",
    ),
    "a source": scenario(
        [
            [
                {"type": "source", "sourceType": "url", "id": "s1", "url": "https://x.test", "title": "X"},
                *ANSWER,
            ]
        ]
    ),
    "instructions": scenario([CALL, ANSWER], "add", settings={"instructions": "Be brief."}),
}


# --- both sides ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def npm() -> Iterator[NpmAI]:
    """The original, running."""
    folder = ensure_npm_folder(Path(__file__).parents[1] / "react")
    process = NpmAI(find_or_install_node(), folder, "ai_loop.mjs")
    yield process
    process.close()


def to_part(part: dict[str, Any]) -> ProviderPart:
    """A part of the AI SDK's provider interface as one of ours."""
    name, kind = part.get("id", ""), part["type"]
    simple: dict[str, Any] = {
        "text-start": TextStart,
        "text-end": TextEnd,
        "reasoning-start": ReasoningStart,
        "reasoning-end": ReasoningEnd,
        "tool-input-end": ToolInputEnd,
    }
    if kind in simple:
        return simple[kind](name)  # type: ignore[no-any-return]
    if kind in ("text-delta", "reasoning-delta", "tool-input-delta"):
        deltas: dict[str, Any] = {"text-delta": TextDelta, "reasoning-delta": ReasoningDelta}
        return deltas.get(kind, ToolInputDelta)(name, part["delta"])  # type: ignore[no-any-return]
    if kind == "tool-input-start":
        return ToolInputStart(name, part["toolName"])
    if kind == "tool-call":
        return ToolCall(
            part["toolCallId"],
            part["toolName"],
            part["input"],
            provider_executed=part.get("providerExecuted", False),
            dynamic=part.get("dynamic", False),
        )
    if kind == "tool-result":
        return ToolResult(
            part["toolCallId"],
            part["toolName"],
            None,
            part["result"],
            provider_executed=True,
            dynamic=part.get("dynamic", False),
            is_error=part.get("isError", False),
        )
    if kind == "source":
        return Source("url", name, part["url"], part["title"])
    if kind == "error":
        return Error(RuntimeError(part["error"]))
    read, wrote = part["usage"]["inputTokens"]["total"], part["usage"]["outputTokens"]["total"]
    usage = Usage(input_tokens=read, output_tokens=wrote, total_tokens=read + wrote)
    return ProviderFinish(part["finishReason"]["unified"], usage, part["finishReason"]["raw"])


def to_reply(answer: list[dict[str, Any]]) -> Reply:
    parts = [to_part(part) for part in answer]
    end = parts.pop()
    assert isinstance(end, ProviderFinish)
    return Reply(
        *parts, finish_reason=end.finish_reason, usage=end.usage, raw_finish_reason=end.raw_finish_reason
    )


class Scripted(ScriptedModel):
    """Gives parts as they are; for whole answers as the other side's model does."""

    async def stream(self, call: Any) -> Any:
        reply = self._next(call)
        from flightwire.events import StreamStart

        yield [StreamStart()]
        for part in reply.items:
            yield [part]
        yield [ProviderFinish(reply.finish_reason, reply.usage, reply.raw_finish_reason)]

    async def generate(self, call: Any) -> Any:
        from flightwire.providers.base import ModelResult, Text

        reply = self._next(call)
        content: list[Any] = []
        for part in reply.items:
            if isinstance(part, TextDelta):
                content.append(Text(part.text))
            elif isinstance(part, ReasoningDelta):
                content.append(Reasoning(part.text))
            elif isinstance(part, (ToolCall, ToolResult, Source)):
                content.append(part)
        return ModelResult(content, reply.finish_reason, reply.usage, reply.raw_finish_reason)


def settings_of(given: dict[str, Any], told: list[str]) -> dict[str, Any]:
    snake = {"toolApproval": "tool_approval", "toolOrder": "tool_order", "activeTools": "active_tools"}
    snake["toolChoice"] = "tool_choice"
    settings = {snake.get(name, name): each for name, each in given.get("settings", {}).items()}
    if "messages" not in settings:
        settings["prompt"] = "Hi"
    for name in NAMES:
        settings[name] = lambda event, name=name: told.append(name)
    return {
        **settings,
        "tools": {name: TOOLS[name] for name in given["tools"]},
        "stop_when": [STOP[kind](*args) for kind, *args in given.get("stop", [["step", 20]])],
        "max_retries": 0,
    }


# --- one notation for both ---------------------------------------------------------------------------------------------


KEEP = {
    "text-start": ["id"],
    "text-delta": ["id", "text"],
    "text-end": ["id"],
    "reasoning-start": ["id"],
    "reasoning-delta": ["id", "text"],
    "reasoning-end": ["id"],
    "tool-input-start": ["id", "toolName"],
    "tool-input-delta": ["id", "delta"],
    "tool-input-end": ["id"],
    "tool-call": ["toolCallId", "toolName", "input", "invalid", "dynamic", "providerExecuted"],
    "tool-result": [
        "toolCallId",
        "toolName",
        "input",
        "output",
        "preliminary",
        "dynamic",
        "providerExecuted",
    ],
    "tool-error": ["toolCallId", "toolName", "input", "dynamic", "providerExecuted"],
    "tool-approval-request": ["isAutomatic"],
    "tool-approval-response": ["approved", "reason"],
    "tool-output-denied": ["toolCallId", "toolName"],
    "source": ["id", "url", "title"],
    "finish-step": ["finishReason", "rawFinishReason", "usage"],
    "finish": ["finishReason", "rawFinishReason", "totalUsage"],
}


def tokens(usage: Any) -> Any:
    return [usage.get("inputTokens"), usage.get("outputTokens"), usage.get("totalTokens")]


def theirs(part: dict[str, Any]) -> dict[str, Any]:
    kept = {name: part[name] for name in KEEP.get(part["type"], []) if part.get(name) not in (None, False)}
    for name in ("usage", "totalUsage"):
        if name in kept:
            kept[name] = tokens(kept[name])
    if "toolCall" in part:
        kept["toolCallId"] = part["toolCall"]["toolCallId"]
    return {"type": part["type"], **kept}


def ours(part: Any) -> dict[str, Any]:
    fields = {
        re.sub(r"_(\w)", lambda found: found[1].upper(), each.name): getattr(part, each.name)
        for each in dataclasses.fields(part)
    }
    fields["type"] = part.type
    for name in ("usage", "totalUsage"):
        if name in fields:
            fields[name] = fields[name].to_json()
    if isinstance(fields.get("toolCall"), ToolCall):
        fields["toolCall"] = {"toolCallId": fields["toolCall"].tool_call_id}
    return theirs(fields)


def renamed(thing: Any) -> Any:
    """Made-up ids are called by their order."""
    names: dict[str, str] = {}
    text = json.dumps(thing)
    return json.loads(
        re.sub(r'"aitxt-[^"]*"', lambda found: f'"made-{names.setdefault(found[0], str(len(names)))}"', text)
    )


def plain(messages: Any) -> Any:
    """Messages without seals, and with errors that can be compared."""
    found = json.loads(json.dumps(messages))
    for message in found:
        for part in message["content"] if isinstance(message["content"], list) else []:
            part.pop("signature", None)
            output = part.get("output", {})
            if output.get("type") == "error-text":
                output["value"] = _error(output["value"])
            for name in [name for name, each in part.items() if each is None or each is False]:
                if name not in ("approved", "input"):
                    del part[name]
    return found


def _error(text: str) -> str:
    """The kind of an error; what JavaScript calls Error is a RuntimeError here. Only a tool's own text is the same."""
    kind, _, said = text.partition(": ")
    kind = {"Error": "RuntimeError"}.get(kind, kind.removeprefix("AI_"))
    return f"{kind}: {said}" if kind == "RuntimeError" else kind


def prompt_of(call: Any) -> Any:
    """What a provider is sent, in the AI SDK's way: texts are parts."""
    messages = [message_to_json(message) for message in call.messages]
    for message in messages:
        if isinstance(message["content"], str) and message["role"] != "system":
            message["content"] = [{"type": "text", "text": message["content"]}]
    return {
        "prompt": plain(messages),
        "tools": [each.name for each in call.tools],
        "toolChoice": {"type": call.tool_choice.type},
    }


def snake(names: list[str]) -> list[str]:
    return [re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name) for name in names]


def check_outcome(result: Any, expected: dict[str, Any]) -> None:
    assert result.text == expected["text"]
    assert result.finish_reason == expected["finishReason"]
    assert tokens(result.usage.to_json()) == tokens(expected["usage"])
    steps = [
        {
            "text": step.text,
            "reasoning": step.reasoning_text,
            "finishReason": step.finish_reason,
            "content": [part.type for part in step.content],
        }
        for step in result.steps
    ]
    assert steps == expected["steps"]
    messages = plain([message_to_json(message) for message in result.response_messages])
    assert renamed(messages) == renamed(plain(expected["messages"]))


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_stream_is_the_same(npm: NpmAI, name: str) -> None:
    given = SCENARIOS[name]
    expected = npm.ask(**given)["stream"]
    told: list[str] = []
    model = Scripted([to_reply(answer) for answer in given["answers"]])
    result = stream_text(model=model, **settings_of(given, told))
    parts = [part async for part in result]
    assert renamed([ours(part) for part in parts]) == renamed([theirs(part) for part in expected["parts"]])
    assert [prompt_of(call) for call in model.calls] == [
        {**call, "prompt": plain(call["prompt"])} for call in expected["calls"]
    ]
    assert told == snake(expected["told"])
    check_outcome(result._run.answer, expected)


@pytest.mark.parametrize("name", [name for name, given in SCENARIOS.items() if not given.get("streamOnly")])
async def test_a_whole_answer_is_the_same(npm: NpmAI, name: str) -> None:
    given = SCENARIOS[name]
    expected = npm.ask(**given)["whole"]
    told: list[str] = []
    model = Scripted([to_reply(answer) for answer in given["answers"]])
    result = await generate_text(model=model, **settings_of(given, told))
    assert [prompt_of(call) for call in model.calls] == [
        {**call, "prompt": plain(call["prompt"])} for call in expected["calls"]
    ]
    assert told == snake(expected["told"])
    check_outcome(result, expected)
