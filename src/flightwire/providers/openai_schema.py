"""JSON schemas as OpenAI takes them.

Owns: what its structured outputs do not know and how it is left out or said otherwise, as the AI SDK v7 does it
(`packages/openai/src/normalize-openai-json-schema.ts`). Refuses to know: requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flightwire.errors import UnsupportedFunctionalityError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue

__all__ = ["openai_schema"]

_MAPS = ("properties", "patternProperties", "definitions", "$defs", "dependencies")
_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("additionalProperties", "additionalItems", "items", "contains", "not", "if", "then", "else")
# A group that looks around, outside of a character class and not escaped.
_LOOKAROUND = re.compile(r"(?:[^\\\[(]|\\.|\[(?:[^\]\\]|\\.)*\]|\((?!\?<?[=!]))*\(\?<?[=!]", re.DOTALL)


def openai_schema(schema: JSONObject, warnings: list[CallWarning]) -> JSONObject:
    """The schema as OpenAI takes it: without `propertyNames` and patterns that look around; what goes is warned about.

    Raises:
        UnsupportedFunctionalityError: `propertyNames` that asks for something else than text.
    """
    lost: set[str] = set()
    written = _schema(schema, lost)
    written = _with_root(written)
    for what in sorted(lost):
        why = f"OpenAI knows no {what} in a schema; it was left out and is only checked here."
        warnings.append(CallWarning("compatibility", why, what))
    return written


def _schema(schema: JSONObject, lost: set[str]) -> dict[str, JSONValue]:
    out = dict(schema)
    names = out.pop("propertyNames", None)
    if names is not None:
        if not isinstance(names, Mapping) or names.get("type") not in (None, "string"):
            raise UnsupportedFunctionalityError(
                "a schema's propertyNames must be a schema of text for OpenAI; write {'type': 'string', …}."
            )
        lost.add("propertyNames")
    if isinstance(pattern := out.get("pattern"), str) and _LOOKAROUND.match(pattern):
        del out["pattern"]
        lost.add("pattern with lookaround")
    for key in _MAPS:
        if isinstance(inner := out.get(key), Mapping):
            out[key] = {name: _definition(each, lost) for name, each in inner.items()}
    for key in _LISTS:
        if isinstance(inner := out.get(key), list):
            out[key] = [_definition(each, lost) for each in inner]
    for key in _SINGLE:
        if isinstance(inner := out.get(key), list):
            out[key] = [_definition(each, lost) for each in inner]
        elif key in out:
            out[key] = _definition(inner, lost)
    return out


def _definition(schema: JSONValue, lost: set[str]) -> JSONValue:
    if not isinstance(schema, Mapping):
        return schema
    out = _schema(schema, lost)
    reference = _only_reference(out)
    if reference is not None:  # one reference alone is the same without the list, which OpenAI does not take
        del out["allOf"]
        out["$ref"] = reference
    return out


def _only_reference(schema: JSONObject) -> str | None:
    whole = schema.get("allOf")
    if not isinstance(whole, list) or len(whole) != 1 or not isinstance(whole[0], Mapping):
        return None
    reference = whole[0].get("$ref")
    return reference if len(whole[0]) == 1 and isinstance(reference, str) else None


def _with_root(schema: dict[str, JSONValue]) -> dict[str, JSONValue]:
    """OpenAI wants an object at the root: a reference there is replaced by what it names."""
    reference = _only_reference(schema)
    found = re.fullmatch(r"#/(definitions|\$defs)/(.+)", reference or "")
    if found is None:
        return schema
    definitions = schema.get(found[1])
    name = found[2].replace("~1", "/").replace("~0", "~")
    target = definitions.get(name) if isinstance(definitions, Mapping) else None
    if not isinstance(target, Mapping):
        return schema
    rest = {key: each for key, each in schema.items() if key != "allOf"}
    return {**target, **rest}
