"""What tools return, in the form that models read.

Owns: turning Python values into JSON for the model, what is refused there, and the AI SDK's tagged outputs (v7,
`packages/ai/src/prompt/create-tool-model-output.ts`). Refuses to know: running tools, messages.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from flightwire.core.tools import ModelOutputOptions, Tool
from flightwire.errors import ToolOutputError
from flightwire.jsontypes import JSONObject, JSONValue, dumps
from flightwire.providers.base import ProviderToolSpec

MAX_TOOL_OUTPUT_BYTES: Final = 4 * 1024 * 1024
MAX_TOOL_OUTPUT_DEPTH: Final = 64
_SECRETS: Final = ("SecretStr", "SecretBytes", "Secret")


def check_output(name: str, tool: Tool[..., Any], output: object) -> None:
    """See whether an output can be handed on.

    Raises:
        ToolOutputError: it is no JSON, holds itself or a secret, or is too large.
    """
    if tool.to_model_output is not None:
        return
    if isinstance(output, str):
        size = len(output.encode("utf-8", "replace"))
    else:
        try:
            size = len(dumps(to_json_output(output)).encode("utf-8", "replace"))
        except ValueError as error:
            raise ToolOutputError(name, str(error)) from error
    if size > MAX_TOOL_OUTPUT_BYTES:
        raise ToolOutputError(
            name, f"it has {size} bytes; at most {MAX_TOOL_OUTPUT_BYTES} are allowed. Return an excerpt."
        )


async def to_model_output(
    tool: Tool[..., Any] | ProviderToolSpec | None, tool_call_id: str, given: JSONValue, output: Any
) -> JSONObject:
    """A tagged output, `{"type": "text", "value": …}`.

    Raises:
        Exception: whatever the tool's own `to_model_output` raises.
    """
    if isinstance(tool, Tool) and tool.to_model_output is not None:
        made = tool.to_model_output(ModelOutputOptions(tool_call_id, given, output))
        return await made if inspect.isawaitable(made) else made
    if isinstance(output, str):
        return {"type": "text", "value": output}
    return {"type": "json", "value": to_json_output(output)}


def error_text(error: object) -> str:
    """The kind of an error and what it says, as Python shows it in the last line of a traceback."""
    kind, said = type(error).__name__, str(error)
    return f"{kind}: {said}" if said else kind


def to_json_output(value: Any) -> JSONValue:
    """JSON for a model: dates in ISO form, dataclasses and pydantic models as objects, what is not a number as null.

    Raises:
        ValueError: no JSON, a value that holds itself, a secret, or nested too deeply; the text says where.
    """
    return _to_json(value, "output", MAX_TOOL_OUTPUT_DEPTH, [])


def _to_json(value: Any, path: str, depth: int, parents: list[object]) -> JSONValue:
    if isinstance(value, enum.Enum):
        return _to_json(value.value, path, depth, parents)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _composite(value, path, depth, parents)


def _composite(value: Any, path: str, depth: int, parents: list[object]) -> JSONValue:
    if any(value is parent for parent in parents):
        raise ValueError(f"{path} holds itself")
    if depth == 0:
        raise ValueError(f"{path} is nested deeper than {MAX_TOOL_OUTPUT_DEPTH} levels")
    inside = [*parents, value]
    if isinstance(value, Mapping):
        return {
            _key(key, path): _to_json(each, f"{path}[{key!r}]", depth - 1, inside)
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_to_json(each, f"{path}[{index}]", depth - 1, inside) for index, each in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return _to_json(fields, path, depth, inside)
    if type(value).__name__ in _SECRETS:
        raise ValueError(f"{path} is a secret ({type(value).__name__})")
    if hasattr(value, "model_dump"):  # a pydantic model; with its aliases, and secrets still to be seen
        return _to_json(value.model_dump(by_alias=True), path, depth, inside)
    return _scalar(value, path)


def _scalar(value: Any, path: str) -> JSONValue:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    raise ValueError(
        f"{path} is <{type(value).__name__}>, which is no JSON. Return JSON values, dataclasses or pydantic models"
    )


def _key(key: object, path: str) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise ValueError(f"{path} has the key {key!r:.80}; keys are text")
    return str(key)
