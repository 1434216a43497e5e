"""Every exception of Flightwire.

Owns: the tree, the facts each error carries and the sentence made from them. Refuses to know: HTTP, React, models.

FlightwireError
├── InvalidArgumentError          a setting or argument of ours that cannot work
│   └── InvalidPromptError        prompt or messages that no model could answer
├── MissingExtraError             an optional dependency is not installed; names the extra
├── LoadAPIKeyError               no key for a provider
├── NoSuchModelError              a model id nobody knows
│   └── NoSuchProviderError       … because nobody knows the provider
├── ModelLoadError                the local model cannot be started
├── ToolchainError               Node, npm packages, Chromium: not found and not installable
├── UnsupportedFunctionalityError the model or provider cannot do what was asked
├── APICallError                  the provider's API refused, failed or broke off
│   ├── APITimeoutError           … or did not answer in time
│   └── WrongAPIError             … or speaks another API than it was asked in
├── RetryError                    it kept failing; carries every attempt
├── NoOutputGeneratedError        the model ended without any output
├── NoObjectGeneratedError        … or with a text that is not what `output=` asked for
├── JSONParseError                a text that is no JSON
├── TypeValidationError           a value that does not fit its schema
├── OutputLimitError              a stream grew past its limit
├── RecordingError                a recording of provider traffic that is missing, or does not fit
├── AbortError                    somebody called abort()
│   └── GenerationTimeoutError    … or a time limit of the call was over
├── NoSuchToolError               the model called a tool that is not there
├── InvalidToolInputError         the model called a tool with an input that does not fit
├── ToolCallRepairError           `repair_tool_call` failed itself
├── ToolChoiceViolationError      the model did not do what `tool_choice` demanded
├── ToolOutputError               a tool returned something that cannot be handed on
├── ToolTimeoutError              a tool ran longer than allowed
├── ProviderToolError             a tool that the provider runs itself failed
├── MissingToolResultsError       a tool call in the messages has no result
├── ToolApprovalError             an approval that cannot be accepted
│   ├── InvalidToolApprovalError  … of a request that nobody made
│   ├── ToolCallNotFoundForApprovalError … of a call that is not in the messages
│   ├── InvalidToolApprovalSignatureError … whose seal does not fit
│   └── ToolApprovalUsedError     … that has been used before
├── DownloadError                 a file in the messages cannot be fetched
├── StreamableClosedError         update() after done()
├── StreamableFailedError         a streamable ended with an error that is not an exception
├── StreamableAbandonedError      a streamable that nobody can finish any more
├── ActionTimeoutError            an action ran longer than its max_duration_s
├── ActionInterruptedError        an action that was ended because its server stops
├── AppLoadError                  the app folder cannot be imported
├── EncodeError                   a value that cannot be sent to the browser
│   └── ArgumentEncodeError       … or, from Python, to the server
├── CallFailedError               a call from Python that no Flightwire server answered
│   └── CallTimeoutError          … or not in time
├── ConnectionClosedError         the bytes ended before every value had come
├── RemoteError                   an error the other side reported: a digest, in development also its text
├── StorageError                  a database that cannot be reached, or refuses
│   └── SchemaError               … or whose tables are of another version
├── ChatConflictError             a chat was changed by somebody else in between
├── StateTooLargeError            a chat, or the state of one, that is larger than allowed
├── UserError                     the one error whose text reaches a production page
├── Navigation                    no failure: what the page does instead of going on
│   ├── Redirect                  … go elsewhere
│   └── NotFound                  … say that there is no such thing
└── CallError                     a call that is refused; has an HTTP status
    ├── DecodeError               400: bytes that are not a call
    ├── ArgumentError             400: arguments that do not fit the action
    ├── SealError                 400: something sealed that does not open
    ├── UnauthorizedError         401: nobody is signed in
    ├── ForbiddenError            403: a call from another site, or by somebody who may not
    ├── ActionNotFoundError       404: no such action
    ├── BodyTooLargeError         413: more bytes than allowed
    ├── BodyTimeoutError          408: the body came too slowly
    └── ServerStoppingError       503: the server is being stopped or replaced
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from flightwire.events import FinishReason, ResponseMetadata, Usage

MAX_BODY_EXCERPT_CHARS = 1000


class FlightwireError(Exception):
    """The root of every error raised on purpose by Flightwire."""


class InvalidArgumentError(FlightwireError, ValueError):
    """A setting or argument that cannot work."""


class InvalidPromptError(InvalidArgumentError):
    """A prompt or a message list that no model could answer."""


class MissingExtraError(FlightwireError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        super().__init__(
            f"{needed_for} needs an optional part. Install it: pip install 'flightwire[{extra}]'"
        )


class LoadAPIKeyError(FlightwireError):
    """No API key was given for a provider."""

    def __init__(self, provider: str, variable: str) -> None:
        self.provider = provider
        self.variable = variable
        super().__init__(f"{provider} needs an API key. Set {variable}, or pass api_key=….")


class NoSuchModelError(FlightwireError, LookupError):
    """A model id that no provider knows."""


class NoSuchProviderError(NoSuchModelError):
    """A provider that is not in the registry."""

    def __init__(self, provider: str, available_providers: Sequence[str]) -> None:
        self.provider = provider
        self.available_providers = tuple(available_providers)
        super().__init__(
            f"There is no provider {provider!r}. There are: {', '.join(available_providers) or 'none'}."
        )


class ModelLoadError(FlightwireError):
    """The local model cannot be started: no file, not a GGUF, not enough memory."""


class ToolchainError(FlightwireError):
    """Something that is not Python (Node, npm packages, Chromium) was not found and could not be installed."""


class UnsupportedFunctionalityError(FlightwireError):
    """The provider or model cannot do what was asked."""


class APICallError(FlightwireError):
    """A provider's API refused, failed, or broke off in the middle of an answer.

    Named and shaped after the AI SDK's `APICallError` (`packages/provider/src/errors/api-call-error.ts`, v7).

    Attributes:
        message: what went wrong, in the provider's words where it gave any.
        url: the address that was called, without its query.
        status_code: the HTTP status, or `None` when there was no response.
        response_headers: lower-case names.
        response_body: at most 1,000 characters of the body.
        is_retryable: whether the same call may succeed later.
        retry_after_s: how long the provider asked to wait, in seconds.
        data: the provider's error object, when it sent JSON.
    """

    def __init__(
        self,
        message: str,
        *,
        url: str,
        status_code: int | None = None,
        response_headers: Mapping[str, str] | None = None,
        response_body: str | None = None,
        is_retryable: bool | None = None,
        retry_after_s: float | None = None,
        data: object = None,
    ) -> None:
        self.message = message
        self.url = url
        self.status_code = status_code
        self.response_headers = dict(response_headers or {})
        self.response_body = None if response_body is None else response_body[:MAX_BODY_EXCERPT_CHARS]
        self.is_retryable = _retryable(status_code) if is_retryable is None else is_retryable
        self.retry_after_s = retry_after_s
        self.data = data
        super().__init__(message)

    def __str__(self) -> str:
        """The letter: message, status and address, hint when to retry, and an excerpt of the body."""
        status = "" if self.status_code is None else f" (HTTP {self.status_code})"
        where = "at" if self.status_code is None else "from"
        lines = [f"{self.message.rstrip('.')}{status} {where} {self.url}."]
        if self.retry_after_s is not None:
            lines.append(f"The provider asks to retry after {self.retry_after_s:g} s.")
        elif self.is_retryable:
            lines.append("Trying again later may help.")
        if self.response_body and self.response_body.strip() != self.message:
            lines.append(f"It said: {self.response_body}")
        return " ".join(lines)


def _retryable(status_code: int | None) -> bool:
    """408, 409, 429 and 5xx may pass (AI SDK v7, api-call-error.ts); so may a connection that failed."""
    return status_code is None or status_code in (408, 409, 429) or status_code >= 500


class APITimeoutError(APICallError):
    """A provider did not answer, or did not go on answering, in time."""


class WrongAPIError(APICallError):
    """A server answered in another API than the one it was asked in, such as chat completions for Responses."""


class RetryError(FlightwireError):
    """Every attempt failed; `errors` has them in order, `last_error` the last."""

    def __init__(self, message: str, *, errors: Sequence[BaseException]) -> None:
        self.errors = tuple(errors)
        self.last_error = self.errors[-1]
        super().__init__(message)


class NoOutputGeneratedError(FlightwireError):
    """The model ended without any output."""


class JSONParseError(FlightwireError, ValueError):
    """A text that is no JSON; `text` has it, the cause says where it breaks."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"This is no JSON: {_excerpt(text)}")


class TypeValidationError(FlightwireError, ValueError):
    """A value that does not fit its schema; `value` has it."""

    def __init__(self, problem: str, *, value: object) -> None:
        self.value = value
        super().__init__(problem)


class NoObjectGeneratedError(FlightwireError):
    """The model's text is not what `output=` asked for; the cause says why.

    Attributes:
        text: what the model wrote.
        response: what the provider said about its answer.
        usage: what it cost.
        finish_reason: why the model stopped; after "length" the text is most likely cut off.
    """

    def __init__(
        self,
        message: str = "No object generated.",
        *,
        text: str | None = None,
        response: ResponseMetadata | None = None,
        usage: Usage | None = None,
        finish_reason: FinishReason | None = None,
    ) -> None:
        self.text = text
        self.response = response
        self.usage = usage
        self.finish_reason = finish_reason
        super().__init__(message)

    def __str__(self) -> str:
        """The letter: what is wrong, why, how the model stopped, and an excerpt of its text."""
        lines = [str(self.args[0])]
        if self.__cause__ is not None:
            lines.append(str(self.__cause__))
        if self.finish_reason == "length":
            lines.append(
                "The answer was cut off (finish reason 'length'): allow more with max_output_tokens=…."
            )
        if self.text is not None and not isinstance(self.__cause__, JSONParseError):
            lines.append(f"The model wrote: {_excerpt(self.text)}")
        return "\n".join(lines)


def _excerpt(text: str) -> str:
    if not text:
        return "an empty text"
    return (
        text
        if len(text) <= MAX_BODY_EXCERPT_CHARS
        else f"{text[:MAX_BODY_EXCERPT_CHARS]}… ({len(text)} characters)"
    )


class OutputLimitError(FlightwireError):
    """A stream grew past its limit; what had come until then was delivered."""


class RecordingError(FlightwireError, AssertionError):
    """A recording of provider traffic that is missing, or does not hold the call that was made."""


class AbortError(FlightwireError):
    """The work was stopped by `abort(reason)`; `reason` says why."""

    def __init__(self, reason: object = None) -> None:
        self.reason = reason
        super().__init__("The work was aborted." if reason is None else f"The work was aborted: {reason}")


class GenerationTimeoutError(AbortError, TimeoutError):
    """A time limit of `timeout=` was over; `kind` is "Total", "Step", "First chunk" or "Chunk"."""

    def __init__(self, kind: str, timeout_s: float) -> None:
        self.kind = kind
        self.timeout_s = timeout_s
        super().__init__()
        self.reason = f"{kind} timeout of {timeout_s:g} s exceeded"

    def __str__(self) -> str:
        """Which limit, and how long it was."""
        return f"{self.reason}"


class NoSuchToolError(FlightwireError):
    """The model called a tool that it was not given; the model gets to see this.

    Attributes:
        tool_name: what it called.
        available_tools: what it was given.
    """

    def __init__(self, tool_name: str, available_tools: Sequence[str] = ()) -> None:
        self.tool_name = tool_name
        self.available_tools = tuple(available_tools)
        there = (
            f"Available tools: {', '.join(self.available_tools)}."
            if available_tools
            else "No tools are available."
        )
        super().__init__(f"Model tried to call unavailable tool '{tool_name}'. {there}")


class InvalidToolInputError(FlightwireError):
    """The model called a tool with an input that does not fit; the model gets to see this.

    Attributes:
        tool_name: the tool.
        tool_input: the input as the model wrote it.
    """

    def __init__(self, tool_name: str, tool_input: str, problem: str) -> None:
        self.tool_name = tool_name
        self.tool_input = tool_input
        super().__init__(f"Invalid input for tool {tool_name}: {problem}")


class ToolCallRepairError(FlightwireError):
    """`repair_tool_call` failed itself; `original_error` is what it should have repaired."""

    def __init__(self, error: BaseException, *, original_error: BaseException) -> None:
        self.original_error = original_error
        super().__init__(f"Error repairing tool call: {error}")


class ToolChoiceViolationError(FlightwireError):
    """The model did not call a tool that `tool_choice` demanded, or called one that it forbade."""

    def __init__(self, message: str, *, finish_reason: str) -> None:
        self.finish_reason = finish_reason
        super().__init__(message)


class ToolOutputError(FlightwireError, TypeError):
    """A tool returned something that cannot be handed to the model and the browser; the model gets to see this."""

    def __init__(self, tool_name: str, problem: str) -> None:
        self.tool_name = tool_name
        super().__init__(f"The output of tool '{tool_name}' cannot be used: {problem}")


class ToolTimeoutError(FlightwireError, TimeoutError):
    """A tool ran longer than allowed; the model gets to see this."""

    def __init__(self, tool_name: str, timeout_s: float) -> None:
        self.tool_name = tool_name
        self.timeout_s = timeout_s
        super().__init__(f"Tool '{tool_name}' timeout of {timeout_s:g} s exceeded")


class ProviderToolError(FlightwireError):
    """A tool that the provider runs itself failed; `data` is what the provider said."""

    def __init__(self, data: object) -> None:
        self.data = data
        super().__init__(data if isinstance(data, str) else repr(data))


class MissingToolResultsError(InvalidPromptError):
    """The messages hold tool calls without results, which no model takes."""

    def __init__(self, tool_call_ids: Sequence[str]) -> None:
        self.tool_call_ids = tuple(tool_call_ids)
        several = len(self.tool_call_ids) > 1
        super().__init__(
            f"Tool result{'s are' if several else ' is'} missing for tool call{'s' if several else ''} "
            f"{', '.join(self.tool_call_ids)}. Every tool call in the messages needs a tool message with its result."
        )


class ToolApprovalError(FlightwireError):
    """A decision on a tool call that the server does not accept; nothing was run."""

    def __init__(self, message: str, *, approval_id: str) -> None:
        self.approval_id = approval_id
        super().__init__(message)


class InvalidToolApprovalError(ToolApprovalError):
    """A decision on something that nobody asked for."""

    def __init__(self, approval_id: str) -> None:
        super().__init__(
            f'Tool approval response references unknown approvalId: "{approval_id}". '
            "No matching tool-approval-request stands in the messages.",
            approval_id=approval_id,
        )


class ToolCallNotFoundForApprovalError(ToolApprovalError):
    """A decision on a tool call that is not in the messages."""

    def __init__(self, approval_id: str, tool_call_id: str) -> None:
        self.tool_call_id = tool_call_id
        super().__init__(
            f'Tool call "{tool_call_id}" not found for approval request "{approval_id}".',
            approval_id=approval_id,
        )


class InvalidToolApprovalSignatureError(ToolApprovalError):
    """A decision whose seal does not fit: another input, tool, user or chat than was asked about, or too late."""

    def __init__(self, approval_id: str, tool_call_id: str, reason: str) -> None:
        self.tool_call_id = tool_call_id
        self.reason = reason
        super().__init__(
            f'Tool approval signature verification failed for approval "{approval_id}" (tool call "{tool_call_id}"): {reason}',
            approval_id=approval_id,
        )


class ToolApprovalUsedError(ToolApprovalError):
    """A decision that has been used before; a tool call runs once."""

    def __init__(self, approval_id: str) -> None:
        super().__init__(
            f'The decision on approval "{approval_id}" has been used before; a tool call runs once.',
            approval_id=approval_id,
        )


class DownloadError(FlightwireError):
    """A file in the messages cannot be fetched; `url` is without its query."""

    def __init__(self, message: str, *, url: str, status_code: int | None = None) -> None:
        self.url = url
        self.status_code = status_code
        super().__init__(f"{message.rstrip('.')}: {url}")


class StreamableClosedError(FlightwireError):
    """A streamable value was written to after it had ended."""


class StreamableFailedError(FlightwireError):
    """A streamable value ended with an error that is not an exception; `value` is what was given."""

    def __init__(self, value: object) -> None:
        self.value = value
        super().__init__(f"the streamable value ended with an error: {value!r:.200}")


class StreamableAbandonedError(FlightwireError):
    """A streamable value was left open by everybody who could have finished it."""


class ActionTimeoutError(FlightwireError):
    """An action ran longer than allowed."""

    def __init__(self, action: str, max_duration_s: float) -> None:
        self.action = action
        self.max_duration_s = max_duration_s
        super().__init__(
            f"action '{action}' ran longer than {max_duration_s:g} s. Allow more with "
            f"@action(max_duration_s=…), and with `export const maxDuration = …` in the page."
        )


class ActionInterruptedError(FlightwireError):
    """An action did not end in the time that its server had left; what had been sent stays valid."""

    def __init__(self, action: str | None) -> None:
        self.action = action
        what = "The action" if action is None else f"Action '{action}'"
        super().__init__(f"{what} was ended because its server is being restarted. Call it again.")


class AppLoadError(FlightwireError):
    """The app folder cannot be imported; `path` and `line` say where."""

    def __init__(self, message: str, *, path: str, line: int | None = None) -> None:
        self.path = path
        self.line = line
        super().__init__(message)


def named(work: str) -> str:
    """How letters call an action, or the file whose function made a page."""
    return work if work.endswith(".py") else f"action '{work}'"


class EncodeError(FlightwireError, TypeError):
    """A value that cannot be sent to the browser.

    Attributes:
        path: where inside the result it is, as Python would index it: `['db'].items[3]`.
        problem: what is wrong with it and what to send instead.
        action: the action that returned it, once known.
    """

    def __init__(self, problem: str, *, path: str = "", action: str | None = None) -> None:
        self.problem = problem
        self.path = path
        self.action = action
        super().__init__(problem)

    def __str__(self) -> str:
        """The letter: which action, what, where."""
        who = "this value" if self.action is None else f"{named(self.action)} returned a value that"
        return f"{who} cannot be sent to the browser: {self.problem}; got it at result{self.path}."


class ArgumentEncodeError(EncodeError):
    """An argument of a call from Python that cannot be sent to the server; `path` begins with its number."""

    def __str__(self) -> str:
        """The letter: which action, what, where."""
        who = "an argument" if self.action is None else f"an argument of '{self.action}'"
        return f"{who} cannot be sent: {self.problem}; got it at arguments{self.path}."


class CallFailedError(FlightwireError):
    """A call from Python that no Flightwire server answered: it is unreachable, or something else stands there.

    Attributes:
        url: the address that was called, without credentials.
        status_code: the HTTP status, or None when there was no response.
    """

    def __init__(self, message: str, *, url: str, status_code: int | None = None) -> None:
        self.url = url
        self.status_code = status_code
        super().__init__(message)


class CallTimeoutError(CallFailedError, TimeoutError):
    """The server did not answer a call from Python, or did not go on answering, in time."""


class ConnectionClosedError(FlightwireError):
    """The bytes ended before every promised value had come."""


class RemoteError(FlightwireError):
    """An error that the other side reported.

    Attributes:
        digest: what to look for in the other side's log.
        name: the kind of error there; production servers send only "Error".
        message: its text; empty from production servers.
    """

    def __init__(self, digest: str, *, name: str = "Error", message: str = "") -> None:
        self.digest = digest
        self.name = name
        self.message = message
        super().__init__(f"{name}: {message}" if message else f"the server failed (digest {digest})")


class StorageError(FlightwireError):
    """A database that cannot be reached, or refuses; what was saved before stays saved."""


class SchemaError(StorageError):
    """A database whose tables are of another version.

    Attributes:
        found: the version of the tables.
        wanted: the version that this release works with.
    """

    def __init__(self, shown_url: str, found: str, wanted: str, *, is_known: bool) -> None:
        self.found = found
        self.wanted = wanted
        what_to_do = (
            "Bring them up to date (make a backup first): flightwire db upgrade"
            if is_known
            else "A newer release of Flightwire made them: install that one, or use another database."
        )
        super().__init__(
            f"the tables in {shown_url} have version {found}, and this needs {wanted}. {what_to_do}"
        )


class ChatConflictError(FlightwireError):
    """A chat was changed by somebody else since it was loaded; nothing was overwritten."""

    def __init__(self, chat_id: str, expected: int, found: int) -> None:
        self.chat_id = chat_id
        self.expected = expected
        self.found = found
        super().__init__(
            f"chat '{chat_id}' has version {found} by now, expected {expected}: somebody else changed it. "
            "Load it again, make the change on what is there, and save."
        )


class StateTooLargeError(FlightwireError):
    """A chat, or the state of one, that is larger than allowed; what was saved before stays saved."""

    def __init__(self, chat_id: str | None, size_bytes: int, max_state_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.max_state_bytes = max_state_bytes
        what = "the AI state" if chat_id is None else f"chat '{chat_id}'"
        super().__init__(
            f"{what} has {size_bytes:,} bytes as JSON; max_state_bytes allows {max_state_bytes:,}. "
            "Keep files elsewhere and their addresses in it, start a new chat, or allow more."
        )


class UserError(FlightwireError):
    """The one error whose text is shown to the person at the browser, also in production."""


class Navigation(FlightwireError):  # noqa: N818 - no error: what the page does instead of going on
    """What an action tells the page to do instead of giving it a result; `digest` is how it crosses the wire."""

    status_code: ClassVar[int]

    @property
    def digest(self) -> str:
        """What stands for it on the wire."""
        raise NotImplementedError


class Redirect(Navigation):
    """The page goes elsewhere; raised by `redirect`.

    Attributes:
        location: a path under the app's prefix, or an address with its scheme.
    """

    status_code = 303

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(f"redirect to {location}")

    @property
    def digest(self) -> str:
        """`redirect:/chat/7`."""
        return f"redirect:{self.location}"


class NotFound(Navigation):
    """The page shows that there is no such thing; raised by `not_found`."""

    DIGEST: ClassVar[str] = "not-found"
    status_code = 404

    def __init__(self) -> None:
        super().__init__("there is no such thing here")

    @property
    def digest(self) -> str:
        """`not-found`."""
        return self.DIGEST


class CallError(FlightwireError):
    """A call that is refused before anything runs; `status_code` is its HTTP status."""

    status_code: ClassVar[int] = 400


class DecodeError(CallError):
    """Bytes that are not what React's `encodeReply` writes, or exceed a named limit."""


class ArgumentError(CallError):
    """Arguments that do not fit the action; `path` names the argument and the place inside it."""

    def __init__(self, message: str, *, path: str = "") -> None:
        self.path = path
        super().__init__(message)


class SealError(CallError):
    """Something sealed that does not open: changed, expired, or for another purpose or user. Which of these is never said."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message
            or "The call holds something sealed that does not open here. It may be too old: reload the page."
        )


class UnauthorizedError(CallError):
    """A call by nobody in particular of an action that wants to know who calls."""

    status_code = 401


class ForbiddenError(CallError):
    """A call from a page of another site, or by somebody who may not."""

    status_code = 403


class ActionNotFoundError(CallError):
    """No action has this id."""

    status_code = 404

    def __init__(self, action_id: str, message: str | None = None) -> None:
        self.action_id = action_id
        super().__init__(
            message
            or f"There is no action {action_id!r} here. If the app has changed since the page was loaded, reload the page."
        )


class BodyTooLargeError(CallError):
    """More bytes than the action accepts."""

    status_code = 413

    def __init__(self, max_body_bytes: int | None, message: str | None = None) -> None:
        self.max_body_bytes = max_body_bytes
        super().__init__(
            message
            or f"The request body is larger than {max_body_bytes} bytes. "
            "Send less, or allow more with @action(max_body_bytes=…)."
        )


class BodyTimeoutError(CallError):
    """The body came too slowly."""

    status_code = 408


class ServerStoppingError(CallError):
    """The server takes no new calls, because it is being stopped or replaced; the action has not run."""

    status_code = 503

    def __init__(self, letter: str | None = None) -> None:
        super().__init__(letter or "The server is being restarted. Try again in a few seconds.")
