"""What one API, and one model of it, can take.

Owns: the differences inside the dialect, as data. Refuses to know: how they are used.
"""

from __future__ import annotations

from typing import Literal

from flightwire._frozen import value


@value
class ChatProfile:
    """How to talk to one model.

    Attributes:
        provider: the provider's name, as in "openai.chat".
        service: its name in error messages.
        options_key: the key of its own options in `provider_options`, and of its metadata.
        system_role: how instructions are marked.
        max_tokens_field: what the limit of the answer is called.
        takes_reasoning_effort: whether `reasoning_effort` may be sent.
        unsupported: request fields that the model refuses; they are left out with a warning.
        without_reasoning: those of them that it takes when the reasoning effort is "none".
        has_json_schema: whether `response_format` may carry a schema.
        has_stream_usage: whether `stream_options` may ask for the usage of a stream.
    """

    provider: str
    service: str
    options_key: str
    system_role: Literal["system", "developer"] = "system"
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    takes_reasoning_effort: bool = True
    unsupported: tuple[str, ...] = ()
    without_reasoning: tuple[str, ...] = ()
    has_json_schema: bool = True
    has_stream_usage: bool = True
