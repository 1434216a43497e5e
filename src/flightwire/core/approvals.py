"""Who must approve a tool call, and whether a decision that comes back may be believed.

Owns: the rules of `packages/ai/src/generate-text/resolve-tool-approval.ts`, `collect-tool-approvals.ts` and
`validate-tool-approvals.ts` (AI SDK v7), and that every decision is sealed and used once. Refuses to know: streams, keys.

A history comes from a browser: the request, the call and the decision in it may all be invented. What makes a decision
good is the seal the server put on its question: over the approval's id, the call's id, the tool, the exact input, the
user and the chat, for a limited time; and that nobody has used it before.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, cast

from flightwire.core.approval_seals import default_store, process_sealer
from flightwire.core.tool_calls import RefineToolInput, refine_input
from flightwire.core.tool_sets import ToolSet
from flightwire.core.tools import Tool, ToolContext
from flightwire.errors import (
    InvalidToolApprovalError,
    InvalidToolApprovalSignatureError,
    InvalidToolInputError,
    SealError,
    ToolApprovalUsedError,
    ToolCallNotFoundForApprovalError,
)
from flightwire.events import ToolCall
from flightwire.jsontypes import JSONValue, dumps
from flightwire.messages import (
    AssistantMessage,
    ModelMessage,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
)
from flightwire.scope import current_scope
from flightwire.sealing import ApprovalStore, Sealer

APPROVAL_LIFETIME_S: Final = 24 * 3600.0
_PURPOSE: Final = "tool-approval"

StatusName: TypeAlias = Literal["not-applicable", "approved", "denied", "user-approval"]
Status: TypeAlias = StatusName | Mapping[str, str] | None


@dataclass(slots=True)
class ApprovalOptions:
    """What a `tool_approval` function is told.

    Attributes:
        tool_call: the call; its input fits.
        tools: the tools of the answer.
        messages: what the model was sent, without instructions.
        tools_context, runtime_context: as they are now.
    """

    tool_call: ToolCall
    tools: ToolSet
    messages: Sequence[ModelMessage]
    tools_context: Mapping[str, Any]
    runtime_context: Any


ToolApproval: TypeAlias = (
    Callable[[ApprovalOptions], Status | Awaitable[Status]]
    | Mapping[str, StatusName | Mapping[str, str] | Callable[[Any, ToolContext[Any]], Any] | None]
    | None
)


@dataclass(frozen=True, slots=True)
class Approvals:
    """How decisions on tool calls are kept honest: `stream_text(approvals=Approvals(scope=chat_id))`.

    Attributes:
        scope: what else a decision is bound to, beside the user: a chat's id.
        store: remembers which decisions were used; by default the app's inside an action (its database, which all workers
            share), elsewhere one that lives as long as the process.
        sealer: seals the questions; by default the app's inside an action, elsewhere one that lives as long as the process.
        user: whose decisions they are; by default the request's user.
        lifetime_s: how long a question can be answered.
    """

    scope: str | None = None
    store: ApprovalStore | None = None
    sealer: Sealer | None = None
    user: str | None = None
    lifetime_s: float = APPROVAL_LIFETIME_S

    def seal(self, approval_id: str, call: ToolCall) -> str:
        """What goes with a question, for the answer to bring back."""
        sealer, user = self._sealer()
        return sealer.seal(_PURPOSE, self._facts(approval_id, call), user=user, expires_s=self.lifetime_s)

    async def accept(self, request: ToolApprovalRequest, call: ToolCall) -> None:
        """Use a decision up.

        Raises:
            InvalidToolApprovalSignatureError: it is not about this.
            ToolApprovalUsedError: it was used before.
            StorageError: nobody can tell whether it was.
        """
        self.verify(request, call)
        if not await self._store().claim(request.approval_id, expires_s=self.lifetime_s):
            raise ToolApprovalUsedError(request.approval_id)

    def verify(self, request: ToolApprovalRequest, call: ToolCall) -> None:
        """See whether a question was asked by this server, about this call, of this user in this chat, not too long ago.

        Raises:
            InvalidToolApprovalSignatureError: it was not.
        """
        if not request.signature:
            raise self._refused(request, "missing signature")
        sealer, user = self._sealer()
        try:
            is_good = sealer.open(_PURPOSE, request.signature, user=user) == self._facts(
                request.approval_id, call
            )
        except (
            SealError,
            ValueError,
            RecursionError,
        ):  # the last two: an input that cannot be written as JSON
            is_good = False
        if not is_good:
            raise self._refused(request, "invalid signature")

    def _refused(self, request: ToolApprovalRequest, reason: str) -> InvalidToolApprovalSignatureError:
        return InvalidToolApprovalSignatureError(request.approval_id, request.tool_call_id, reason)

    def _sealer(self) -> tuple[Sealer, str | None]:
        scope = current_scope()
        user = self.user
        if user is None and scope is not None:
            user = scope.user_key()
        if self.sealer is not None:
            return self.sealer, user
        return (process_sealer if scope is None or scope.sealer is None else scope.sealer), user

    def _store(self) -> ApprovalStore:
        if self.store is not None:
            return self.store
        scope = current_scope()
        return default_store if scope is None or scope.approval_store is None else scope.approval_store

    def _facts(self, approval_id: str, call: ToolCall) -> bytes:
        digest = hashlib.sha256(canonical(call.input)).hexdigest()
        return dumps([approval_id, call.tool_call_id, call.tool_name, digest, self.scope]).encode()


def canonical(given: JSONValue) -> bytes:
    """The same bytes for the same JSON value, whatever the order of its keys."""
    return json.dumps(given, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def new_approval_id() -> str:
    """An id nobody can guess."""
    return f"aitxt-{secrets.token_hex(12)}"


# --- whether to ask ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ApprovalPolicy:
    """The rules of one step."""

    tools: ToolSet
    tool_approval: ToolApproval
    messages: Sequence[ModelMessage]
    tools_context: Mapping[str, Any]
    runtime_context: Any
    make_context: Callable[[ToolCall], ToolContext[Any]]

    async def status(self, call: ToolCall) -> tuple[StatusName, str | None]:
        """Whether a call may run, and the reason that was given. What the call says comes before what the tool says."""
        if callable(self.tool_approval):
            options = ApprovalOptions(
                call, self.tools, self.messages, self.tools_context, self.runtime_context
            )
            return _status(await _awaited(self.tool_approval(options)))
        rule = (self.tool_approval or {}).get(call.tool_name)
        if rule is not None:
            return _status(
                await _awaited(rule(call.input, self.make_context(call))) if callable(rule) else rule
            )
        tool = self.tools.get(call.tool_name)
        needs = tool.needs_approval if isinstance(tool, Tool) else False
        if callable(needs):
            needs = await _awaited(needs(call.input, self.make_context(call)))
        return ("user-approval" if needs else "not-applicable"), None


def _status(given: Any) -> tuple[StatusName, str | None]:
    if isinstance(given, Mapping):
        given, reason = given.get("type"), given.get("reason")
    else:
        reason = None
    if given is None:
        return "not-applicable", None
    if given not in ("not-applicable", "approved", "denied", "user-approval"):
        # A rule that cannot be read must not let anything pass.
        raise ValueError(
            f"tool_approval said {given!r:.80}; it says 'approved', 'denied', 'user-approval', 'not-applicable' or None."
        )
    return cast("StatusName", given), reason


async def _awaited(given: Any) -> Any:
    return await given if inspect.isawaitable(given) else given


# --- what came back ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Decision:
    """A decision on a call, and the call."""

    request: ToolApprovalRequest
    response: ToolApprovalResponse
    call: ToolCall
    has_result: bool = False


@dataclass(slots=True)
class Decisions:
    """What the last message decides: calls to run, calls that were denied, calls that cannot be run after all."""

    approved: list[Decision]
    denied: list[Decision]
    invalid: list[tuple[Decision, InvalidToolInputError]]


def collect_decisions(messages: Sequence[ModelMessage]) -> list[Decision]:
    """The decisions in the last message, if it is one of tools; one for each call, in the order of the calls.

    Raises:
        InvalidToolApprovalError: a decision on something that nobody asked for.
        ToolCallNotFoundForApprovalError: a decision on a call that is not in the messages.
    """
    last = messages[-1]
    if not isinstance(last, ToolMessage):
        return []
    said = [
        part
        for message in messages
        if isinstance(message, AssistantMessage) and not isinstance(message.content, str)
        for part in message.content
    ]
    calls = {part.tool_call_id: part for part in said if isinstance(part, ToolCallPart)}
    order = {call_id: place for place, call_id in enumerate(calls)}
    requests = {part.approval_id: part for part in said if isinstance(part, ToolApprovalRequest)}
    results = {part.tool_call_id: part for part in last.content if isinstance(part, ToolResultPart)}
    found: dict[str, Decision] = {}
    for response in last.content:
        if not isinstance(response, ToolApprovalResponse):
            continue
        request = requests.get(response.approval_id)
        if request is None:
            raise InvalidToolApprovalError(response.approval_id)
        result = results.get(request.tool_call_id)
        if result is not None and (response.approved or result.output.get("type") != "execution-denied"):
            continue
        part = calls.get(request.tool_call_id)
        if part is None:
            raise ToolCallNotFoundForApprovalError(request.approval_id, request.tool_call_id)
        # Only the first decision on a call counts: others would run it twice, or both run and deny it.
        found.setdefault(part.tool_call_id, Decision(request, response, _call(part), result is not None))
    return sorted(found.values(), key=lambda each: order[each.call.tool_call_id])


def _call(part: ToolCallPart) -> ToolCall:
    return ToolCall(
        part.tool_call_id,
        part.tool_name,
        part.input,
        provider_executed=part.provider_executed,
        provider_metadata=part.provider_options,
    )


async def judge(
    decisions: Sequence[Decision],
    *,
    policy: ApprovalPolicy,
    approvals: Approvals,
    refine: RefineToolInput | None,
) -> Decisions:
    """Check everything that a browser could have invented, and use the decisions up.

    Raises:
        InvalidToolApprovalSignatureError: one was not asked for by this server, about this call.
        ToolApprovalUsedError: one was used before.
    """
    judged = Decisions([], [], [])
    ours = [each for each in decisions if not each.call.provider_executed]
    for each in ours:
        if not each.has_result:
            approvals.verify(each.request, each.call)
    for each in ours:
        tool = policy.tools.get(each.call.tool_name)
        if isinstance(tool, Tool):
            each.call = replace(each.call, dynamic=tool.is_dynamic, title=tool.title)
        if not each.response.approved:
            judged.denied.append(each)
        elif (problem := await _problem(each.call, tool, refine)) is not None:
            judged.invalid.append((each, problem))
        else:
            status, reason = await policy.status(each.call)
            if status == "denied":
                each.response = replace(each.response, approved=False, reason=reason or each.response.reason)
            (judged.denied if status == "denied" else judged.approved).append(each)
    for each in ours:
        if not each.has_result:
            await approvals.accept(each.request, each.call)
    judged.denied += [
        each for each in decisions if each.call.provider_executed and not each.response.approved
    ]
    return judged


async def _problem(
    call: ToolCall, tool: object, refine: RefineToolInput | None
) -> InvalidToolInputError | None:
    """Why the input does not fit the tool as it is now; it must not change either: something else was approved."""
    if not isinstance(tool, Tool) or not tool.is_executable:
        return None
    try:
        tool.check_input(call.input)
        refined = await refine_input(refine, call)
        if canonical(refined.input) == canonical(call.input):
            return None
        problem = "the approved input is not what would be run"
    except Exception as error:
        problem = str(error)
    return InvalidToolInputError(call.tool_name, dumps(call.input), problem)
