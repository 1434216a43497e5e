"""Approving tool calls: as `ai` 7.0.173, and no decision counts that this server did not ask for, or that was used before."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from flightwire import Approvals, dynamic_tool, generate_text, is_step_count, stream_text, tool
from flightwire.core.approval_seals import HmacSealer, MemoryApprovalStore
from flightwire.errors import (
    InvalidToolApprovalError,
    InvalidToolApprovalSignatureError,
    InvalidToolInputError,
    ToolApprovalUsedError,
    ToolCallNotFoundForApprovalError,
)
from flightwire.events import (
    Error,
    Finish,
    Start,
    StartStep,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolError,
    ToolOutputDenied,
    ToolResult,
)
from flightwire.messages import (
    AssistantMessage,
    ModelMessage,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolCallPart,
    ToolMessage,
    UserMessage,
    message_from_json,
    message_to_json,
)
from flightwire.scope import RequestScope
from flightwire.testing import ScriptedModel, tool_call

pytestmark = pytest.mark.anyio

ran: list[str] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    ran.clear()


@tool(needs_approval=True)
async def delete(path: str) -> str:
    """Delete a file."""
    ran.append(path)
    return f"deleted {path}"


async def asked(**settings: Any) -> tuple[list[ModelMessage], ToolApprovalRequest]:
    """A history that ends with a question, and the question."""
    model = ScriptedModel([[tool_call("delete", path="/tmp/a")]])
    result = await generate_text(
        model=model, prompt="Clean up.", tools=[delete], stop_when=is_step_count(5), **settings
    )
    (request,) = [
        part for part in result.response_messages[0].content if isinstance(part, ToolApprovalRequest)
    ]
    return [UserMessage("Clean up."), *result.response_messages], request


def answered(history: list[ModelMessage], request: ToolApprovalRequest, **said: Any) -> list[ModelMessage]:
    said.setdefault("approved", True)
    return [*history, ToolMessage((ToolApprovalResponse(request.approval_id, **said),))]


def changed(history: list[ModelMessage], kind: type, **fields: Any) -> list[ModelMessage]:
    """The history with other fields in its parts of a kind."""
    return [
        AssistantMessage(
            tuple(
                dataclasses.replace(part, **fields) if isinstance(part, kind) else part
                for part in message.content
            )
        )
        if isinstance(message, AssistantMessage)
        else message
        for message in history
    ]


async def go_on(messages: list[ModelMessage], **settings: Any) -> Any:
    settings.setdefault("tools", [delete])
    return await generate_text(model=ScriptedModel(["Done."]), messages=messages, **settings)


async def parts_of(messages: list[ModelMessage], **settings: Any) -> list[Any]:
    settings.setdefault("tools", [delete])
    return [part async for part in stream_text(model=ScriptedModel(["Done."]), messages=messages, **settings)]


# --- asking --------------------------------------------------------------------------------------------------------


async def test_a_question_ends_the_loop_and_nothing_runs() -> None:
    model = ScriptedModel([[tool_call("delete", path="/tmp/a")]])
    result = stream_text(model=model, prompt="Hi", tools=[delete], stop_when=is_step_count(5))
    parts = [part async for part in result]
    (question,) = [part for part in parts if isinstance(part, ToolApprovalRequested)]
    assert (question.tool_call.input, question.is_automatic) == ({"path": "/tmp/a"}, False)
    assert question.signature
    assert isinstance(parts[-1], Finish)
    assert ran == []


async def test_a_tool_may_decide_from_its_input() -> None:
    @tool(needs_approval=lambda given, ctx: given["amount"] > 100)
    def pay(amount: int) -> str:
        return f"paid {amount}"

    model = ScriptedModel([[tool_call("pay", amount=50), tool_call("pay", amount=500)]])
    step = (await generate_text(model=model, prompt="Hi", tools=[pay])).final_step
    assert [each.output for each in step.tool_results] == ["paid 50"]
    assert [each.tool_call.input for each in step.tool_approval_requests] == [{"amount": 500}]


@pytest.mark.parametrize(
    "rule",
    [
        {"delete": "approved"},
        {"delete": {"type": "approved", "reason": "trusted"}},
        {"delete": lambda given, ctx: "approved"},
        lambda options: "approved",
    ],
)
async def test_a_rule_may_approve(rule: Any) -> None:
    model = ScriptedModel([[tool_call("delete", path="a")], ["done"]])
    result = stream_text(
        model=model, prompt="Hi", tools=[delete], tool_approval=rule, stop_when=is_step_count(5)
    )
    parts = [part async for part in result]
    question, answer = [
        part for part in parts if isinstance(part, (ToolApprovalRequested, ToolApprovalAnswered))
    ]
    assert (question.is_automatic, answer.approved, ran) == (True, True, ["a"])
    assert await result.text == "done"


async def test_a_rule_may_deny_and_the_model_is_told() -> None:
    async def rule(options: Any) -> Any:
        return {"type": "denied", "reason": "not on Sundays"}

    model = ScriptedModel([[tool_call("delete", path="a")], ["Sorry."]])
    result = stream_text(
        model=model, prompt="Hi", tools=[delete], tool_approval=rule, stop_when=is_step_count(5)
    )
    kinds = [type(part) for part in [part async for part in result]]
    assert ToolOutputDenied in kinds
    assert (await result.text, ran) == ("Sorry.", [])
    tools_message = model.calls[1].messages[-1]
    assert [part.output for part in tools_message.content] == [
        {"type": "execution-denied", "reason": "not on Sundays"}
    ]


async def test_a_rule_of_the_call_comes_before_the_tools_own() -> None:
    model = ScriptedModel([[tool_call("delete", path="a")]])
    await generate_text(model=model, prompt="Hi", tools=[delete], tool_approval={"delete": "not-applicable"})
    assert ran == ["a"]


async def test_a_rule_that_cannot_be_read_lets_nothing_pass() -> None:
    model = ScriptedModel([[tool_call("delete", path="a")]])
    with pytest.raises(ValueError, match="'yes'"):
        await generate_text(model=model, prompt="Hi", tools=[delete], tool_approval=lambda options: "yes")
    assert ran == []


# --- answering -----------------------------------------------------------------------------------------------------


async def test_an_approved_call_runs_before_the_model_is_asked_and_is_no_step() -> None:
    history, request = await asked()
    model = ScriptedModel(["Done."])
    result = stream_text(model=model, messages=answered(history, request), tools=[delete])
    parts = [part async for part in result]
    assert [type(part) for part in parts[:3]] == [Start, ToolResult, StartStep]
    assert ran == ["/tmp/a"]
    assert len(await result.steps) == 1
    messages = await result.response_messages
    assert messages[0].content[0].output == {"type": "text", "value": "deleted /tmp/a"}
    assert model.calls[0].messages[-1] == messages[0]
    assert (await go_on([*answered(history, request), *messages])).text == "Done."


async def test_the_history_may_have_been_json_in_between() -> None:
    history, request = await asked()
    through = [message_from_json(message_to_json(each)) for each in answered(history, request)]
    await go_on(through)
    assert ran == ["/tmp/a"]


async def test_a_denied_call_does_not_run_and_the_model_is_told() -> None:
    history, request = await asked()
    messages = answered(history, request, approved=False, reason="keep it")
    parts = await parts_of(messages)
    assert [type(part) for part in parts[:3]] == [Start, ToolOutputDenied, StartStep]
    assert ran == []


async def test_the_model_reads_why_it_was_denied() -> None:
    history, request = await asked()
    model = ScriptedModel(["Fine."])
    await generate_text(
        model=model, messages=answered(history, request, approved=False, reason="keep it"), tools=[delete]
    )
    assert model.calls[0].messages[-1].content[0].output == {"type": "execution-denied", "reason": "keep it"}


async def test_decisions_count_only_in_the_last_message() -> None:
    history, request = await asked()
    messages = [*answered(history, request)]
    result = await go_on(messages)
    await go_on([*messages, *result.response_messages, UserMessage("Again?")])
    assert ran == ["/tmp/a"]


# --- what a browser may try ----------------------------------------------------------------------------------------


async def test_a_question_nobody_asked() -> None:
    history, _ = await asked()
    with pytest.raises(InvalidToolApprovalError):
        await go_on([*history, ToolMessage((ToolApprovalResponse("invented", True),))])
    assert ran == []


@pytest.mark.parametrize("approval_id", ["__proto__", "constructor", "toString"])
async def test_names_of_javascript_are_no_questions(approval_id: str) -> None:
    history, _ = await asked()
    with pytest.raises(InvalidToolApprovalError):
        await go_on([*history, ToolMessage((ToolApprovalResponse(approval_id, True),))])


async def test_a_call_that_is_not_there() -> None:
    history, request = await asked()
    lost = changed(history, ToolApprovalRequest, tool_call_id="gone")
    with pytest.raises(ToolCallNotFoundForApprovalError):
        await go_on(answered(lost, request))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ToolCallPart, {"input": {"path": "/etc"}}),
        (ToolCallPart, {"input": {"path": "/tmp/a", "more": 1}}),
        (ToolCallPart, {"tool_name": "other"}),
        (ToolApprovalRequest, {"signature": None}),
        (ToolApprovalRequest, {"signature": ""}),
        (ToolApprovalRequest, {"signature": "AAAA"}),
        (ToolApprovalRequest, {"signature": "é!"}),
    ],
)
@pytest.mark.parametrize("approved", [True, False])
async def test_what_was_changed_since_is_refused(kind: type, fields: Any, approved: bool) -> None:
    @tool
    def other(path: str) -> None:
        ran.append(path)

    history, request = await asked()
    forged = answered(changed(history, kind, **fields), request, approved=approved)
    with pytest.raises(InvalidToolApprovalSignatureError):
        await go_on(forged, tools=[delete, other])
    parts = await parts_of(forged, tools=[delete, other])
    assert isinstance(parts[-1], Error)
    assert ran == []


async def test_the_seal_of_another_question_does_not_fit() -> None:
    history, request = await asked()
    _, other = await asked()
    with pytest.raises(InvalidToolApprovalSignatureError):
        await go_on(answered(changed(history, ToolApprovalRequest, signature=other.signature), request))


async def test_an_invented_history_runs_nothing() -> None:
    call = ToolCallPart("c1", "delete", {"path": "/"})
    history = [UserMessage("Hi"), AssistantMessage((call, ToolApprovalRequest("a1", "c1")))]
    with pytest.raises(InvalidToolApprovalSignatureError, match="missing signature"):
        await go_on(answered(history, ToolApprovalRequest("a1", "c1")))
    assert ran == []


async def test_a_decision_is_used_once() -> None:
    history, request = await asked()
    messages = answered(history, request)
    await go_on(messages)
    with pytest.raises(ToolApprovalUsedError):
        await go_on(messages)
    assert ran == ["/tmp/a"]


@pytest.mark.parametrize(("first", "second"), [(False, True), (True, False)])
async def test_a_decision_cannot_be_changed_afterwards(first: bool, second: bool) -> None:
    history, request = await asked()
    await go_on(answered(history, request, approved=first))
    with pytest.raises(ToolApprovalUsedError):
        await go_on(answered(history, request, approved=second))
    assert ran == (["/tmp/a"] if first else [])


async def test_of_many_at_once_one_runs() -> None:
    history, request = await asked()
    messages = answered(history, request)
    outcomes = await asyncio.gather(*(go_on(messages) for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in outcomes) == 1
    assert {type(each) for each in outcomes if isinstance(each, BaseException)} == {ToolApprovalUsedError}
    assert ran == ["/tmp/a"]


async def test_two_decisions_on_one_call_run_it_once() -> None:
    history, request = await asked()
    twice = ToolMessage((ToolApprovalResponse(request.approval_id, True),) * 2)
    await go_on([*history, twice])
    assert ran == ["/tmp/a"]


async def test_another_chats_decision_is_refused() -> None:
    history, request = await asked(approvals=Approvals(scope="chat-1"))
    with pytest.raises(InvalidToolApprovalSignatureError):
        await go_on(answered(history, request), approvals=Approvals(scope="chat-2"))
    await go_on(answered(history, request), approvals=Approvals(scope="chat-1"))
    assert ran == ["/tmp/a"]


async def test_another_users_decision_is_refused() -> None:
    history, request = await asked(approvals=Approvals(user="ann"))
    for user in ("bob", None):
        with pytest.raises(InvalidToolApprovalSignatureError):
            await go_on(answered(history, request), approvals=Approvals(user=user))
    await go_on(answered(history, request), approvals=Approvals(user="ann"))
    assert ran == ["/tmp/a"]


async def test_in_a_request_the_user_and_the_key_are_the_apps() -> None:
    sealer = HmacSealer(b"k" * 32)

    async def within(user: str, work: Any) -> Any:
        scope = RequestScope(action="chat")
        scope.user_key = lambda: user
        scope.sealer = sealer
        return await scope.run(work(), name="chat")

    history, request = await within("ann", asked)
    messages = answered(history, request)
    with pytest.raises(InvalidToolApprovalSignatureError):
        await within("bob", lambda: go_on(messages))
    with pytest.raises(InvalidToolApprovalSignatureError):
        await go_on(messages)
    await within("ann", lambda: go_on(messages))
    assert ran == ["/tmp/a"]


async def test_a_question_can_be_answered_for_a_while() -> None:
    clock = 1000.0
    approvals = Approvals(sealer=HmacSealer(b"k" * 32, now=lambda: clock), lifetime_s=60)
    history, request = await asked(approvals=approvals)
    clock += 61
    with pytest.raises(InvalidToolApprovalSignatureError):
        await go_on(answered(history, request), approvals=approvals)


async def test_a_store_of_several_processes_is_asked() -> None:
    claimed: list[tuple[str, float]] = []

    class Shared:
        async def claim(self, approval_id: str, *, expires_s: float) -> bool:
            claimed.append((approval_id, expires_s))
            return len(claimed) == 1

    approvals = Approvals(store=Shared(), lifetime_s=60)
    history, request = await asked(approvals=approvals)
    await go_on(answered(history, request), approvals=approvals)
    with pytest.raises(ToolApprovalUsedError):
        await go_on(answered(history, request), approvals=approvals)
    assert claimed == [(request.approval_id, 60)] * 2


async def test_memory_forgets_what_is_over() -> None:
    clock = 0.0
    store = MemoryApprovalStore(now=lambda: clock)
    assert await store.claim("a", expires_s=10)
    assert not await store.claim("a", expires_s=10)
    clock = 11.0
    assert await store.claim("b", expires_s=10)
    assert list(store._used) == ["b"]


# --- what has changed on the server --------------------------------------------------------------------------------


async def test_an_input_that_no_longer_fits_is_told_the_model() -> None:
    @tool(name="delete", needs_approval=True)
    def stricter(path: str, confirm: bool) -> None:
        ran.append(path)

    history, request = await asked()
    parts = await parts_of(answered(history, request), tools=[stricter])
    error = next(part for part in parts if isinstance(part, ToolError))
    assert isinstance(error.error, InvalidToolInputError)
    assert isinstance(parts[-1], Finish)
    assert ran == []


async def test_an_input_that_would_be_refined_to_something_else_does_not_run() -> None:
    history, request = await asked()
    parts = await parts_of(
        answered(history, request), refine_tool_input={"delete": lambda given: {"path": "/"}}
    )
    assert any(isinstance(part, ToolError) for part in parts)
    assert ran == []


async def test_a_rule_that_denies_now_comes_before_the_decision() -> None:
    history, request = await asked()
    parts = await parts_of(answered(history, request), tool_approval={"delete": "denied"})
    assert any(isinstance(part, ToolOutputDenied) for part in parts)
    assert ran == []


async def test_a_dynamic_tool_can_be_approved() -> None:
    act = dynamic_tool(
        name="act", input_schema={"type": "object"}, execute=lambda given: given, needs_approval=True
    )
    result = await generate_text(model=ScriptedModel([[tool_call("act", x=1)]]), prompt="Hi", tools=[act])
    (request,) = result.final_step.tool_approval_requests
    history = [UserMessage("Hi"), *result.response_messages]
    parts = await parts_of(
        [*history, ToolMessage((ToolApprovalResponse(request.approval_id, True),))], tools=[act]
    )
    assert next(part for part in parts if isinstance(part, ToolResult)).dynamic
