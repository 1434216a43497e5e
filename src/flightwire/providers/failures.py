"""What a provider's unhappy answers say, as `APICallError`s.

Owns: reading error bodies, and the sentences. Refuses to know: the HTTP client, any single API beyond the few shapes
of error objects that they share.
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire.errors import APICallError, WrongAPIError
from flightwire.jsontypes import loads
from flightwire.providers.outgoing import Outgoing
from flightwire.providers.retries import retry_after_s

_PASSING = ("overloaded", "rate_limit", "server_error", "timeout", "unavailable", "internal", "api_error")


def refused(
    call: Outgoing, status: int, reason: str, headers: Mapping[str, str], body: bytes
) -> APICallError:
    """The API answered with a status that is not 2xx."""
    if 300 <= status < 400:
        return _redirected(call, status, headers)
    text = call.redact(body.decode("utf-8", "replace"))
    data = error_object(text)
    message = error_message(data) or reason or "no reason given"
    if status in (401, 403):
        message = f"{message.rstrip('. ')}; {_key_hint(call)}"
    return APICallError(
        message,
        url=call.address,
        status_code=status,
        response_headers=headers,
        response_body=text,
        retry_after_s=retry_after_s(headers, now_s=call.clock.now()),
        data=data,
    )


def _key_hint(call: Outgoing) -> str:
    if call.key_variable is None:
        return f"check the API key for {call.service}"
    return f"check {call.key_variable}, or the api_key=… that was passed"


def _redirected(call: Outgoing, status: int, headers: Mapping[str, str]) -> APICallError:
    target = headers.get("location", "").partition("?")[0] or "another address"
    return APICallError(
        f"{call.service} redirects to {target}; redirects are not followed, because the API key belongs to the "
        f"configured address alone. Set base_url to where the API really is",
        url=call.address,
        status_code=status,
        response_headers=headers,
        is_retryable=False,
    )


def wrong_type(
    call: Outgoing, status: int, headers: Mapping[str, str], body: bytes, wanted: str
) -> APICallError:
    """The API answered 2xx with something else than what was asked for."""
    text = call.redact(body.decode("utf-8", "replace"))
    data = error_object(text)
    said = error_message(data)
    got = headers.get("content-type", "no content type").partition(";")[0]
    message = said or f"{call.service} answered with {got} instead of {wanted}; check base_url"
    return APICallError(
        message,
        url=call.address,
        status_code=status,
        response_headers=headers,
        response_body=text,
        is_retryable=said is not None and is_passing(data),
        data=data,
    )


def empty(call: Outgoing, status: int, headers: Mapping[str, str]) -> APICallError:
    """The API answered 2xx without a body."""
    return APICallError(
        f"{call.service} answered with an empty body",
        url=call.address,
        status_code=status,
        response_headers=headers,
        is_retryable=True,
    )


def error_object(text: str) -> object:
    """The error object of a JSON body: what stands under "error", else the body itself; None if it is not JSON."""
    try:
        body = loads(text)
    except ValueError:
        return None
    if isinstance(body, list) and len(body) == 1:  # Google's compatible API wraps it
        body = body[0]
    if isinstance(body, Mapping):
        return body.get("error", body)
    return None


def error_message(data: object) -> str | None:
    """The sentence in an error object, whatever the API calls it."""
    if isinstance(data, str):
        return data or None
    if not isinstance(data, Mapping):
        return None
    for key in ("message", "detail", "error", "error_description"):
        said = data.get(key)
        if isinstance(said, str) and said:
            return said
    return None


def is_passing(data: object) -> bool:
    """Whether an error object that came without a status of its own tells of something that may pass."""
    if not isinstance(data, Mapping):
        return False
    code = data.get("code")
    if isinstance(code, int):
        return code in (408, 409, 429) or code >= 500
    kind = f"{data.get('type')} {code} {data.get('status')}".lower()
    return any(word in kind for word in _PASSING)


# What an API calls an error inside a 200, and the status it would have had; the first word that is found counts.
_STATUS_OF_WORDS = (
    ("insufficient_quota", 429),
    ("rate_limit", 429),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("not_found", 404),
    ("invalid", 400),
    ("bad_request", 400),
    ("context_length", 400),
    ("overload", 503),
    ("unavailable", 503),
    ("timeout", 504),
)


def reported(error: object, *, service: str, url: str) -> APICallError:
    """An error object that came where an answer was expected, with status 200."""
    status = _status_in(error)
    is_retryable = is_passing(error) or (status is not None and (status in (408, 409, 429) or status >= 500))
    if isinstance(error, Mapping) and "insufficient_quota" in (error.get("code"), error.get("type")):
        is_retryable = False
    return APICallError(
        error_message(error) or f"{service} reported an error: {error!r:.200}",
        url=url,
        status_code=status,
        is_retryable=is_retryable,
        data=error,
    )


def _status_in(error: object) -> int | None:
    """The status that an error object names, as a number or in words."""
    if not isinstance(error, Mapping):
        return None
    code = error.get("code")
    if isinstance(code, str) and len(code) == 3 and code.isdecimal():
        code = int(code)
    if isinstance(code, int):
        return code if 400 <= code < 600 else None
    words = f"{code} {error.get('type')}".lower()
    return next((status for word, status in _STATUS_OF_WORDS if word in words), None)


def speaks_responses(service: str, url: str) -> WrongAPIError:
    """The error for an answer of the Responses API where chat completions were asked for."""
    return WrongAPIError(
        f"{service} answers in the Responses API where chat completions were asked for; write "
        f"openai.responses('model-id', base_url=…), or 'openai.responses/model-id'",
        url=url,
        is_retryable=False,
    )


def speaks_chat(service: str, url: str) -> WrongAPIError:
    """The error for an answer in chat completions where the Responses API was asked for."""
    return WrongAPIError(
        f"{service} answers in chat completions where the Responses API was asked for; write "
        f"openai.chat('model-id', base_url=…), or 'openai.chat/model-id'",
        url=url,
        is_retryable=False,
    )
