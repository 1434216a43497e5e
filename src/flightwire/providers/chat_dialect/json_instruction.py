"""Asking for JSON in words, where an API wants that beside the format.

Owns: the sentences, as the AI SDK v7 has them (`packages/provider-utils/src/inject-json-instruction.ts`). Refuses to know:
which API wants it.
"""

from __future__ import annotations

import json
from dataclasses import replace

from flightwire.messages import SystemMessage
from flightwire.providers.base import ModelCall

__all__ = ["with_json_instruction"]


def with_json_instruction(call: ModelCall) -> ModelCall:
    """The call with an instruction to answer in JSON, added to the first system message or before everything."""
    schema = call.response_format.schema
    if schema is None:
        lines = ["You MUST answer with JSON."]
    else:
        written = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        wanted = "You MUST answer with a JSON object that matches the JSON schema above."
        lines = ["JSON schema:", written, wanted]
    first, rest = (call.messages[0] if call.messages else None), call.messages
    options = None
    if isinstance(first, SystemMessage):
        rest, options = call.messages[1:], first.provider_options
        if first.content:
            lines = [first.content, "", *lines]
    system = SystemMessage("\n".join(lines), options)
    return replace(call, messages=(system, *rest))
