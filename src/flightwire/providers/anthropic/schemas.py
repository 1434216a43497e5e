"""JSON Schemas as Anthropic's constrained answers take them.

Owns: what `output_config.format` refuses and what it would lose. Refuses to know: requests.
The whole schema is still what an answer is validated against.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flightwire.jsontypes import JSONObject, JSONValue, dumps

__all__ = ["is_held_natively", "without_refused"]

# Grammars take too long to compile with more (AI SDK v7, `supports-native-structured-output-schema.ts`).
MAX_OPTIONAL_PROPERTIES = 10
MAX_DEPTH = 200

_FORMATS = (
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
)
_KEPT = ("$schema", "$id", "title", "description")
_TOLD = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "pattern", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "not",
)  # fmt: skip
_CAPITAL = re.compile(r"[A-Z]")
_SCHEMAS = ("additionalProperties", "contains", "else", "if", "items", "not", "then")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("dependentSchemas", "patternProperties", "properties")


def without_refused(schema: JSONValue) -> JSONValue:
    """The schema without what Anthropic refuses; bounds are told in the description instead."""
    if not isinstance(schema, Mapping):
        return schema
    definitions = {
        place: {name: without_refused(inner) for name, inner in found.items()}
        for place in ("definitions", "$defs")
        if isinstance(found := schema.get(place), Mapping)
    }
    if schema.get("$ref") is not None:
        return {"$ref": schema["$ref"], **definitions}
    out: dict[str, JSONValue] = {key: schema[key] for key in _KEPT if schema.get(key) is not None}
    out.update({key: schema[key] for key in ("default", "const") if key in schema})
    out.update({key: schema[key] for key in ("enum", "type") if schema.get(key) is not None})
    options = schema.get("anyOf")
    options = schema.get("oneOf") if options is None else options
    for key, listed in (("anyOf", options), ("allOf", schema.get("allOf"))):
        if isinstance(listed, list):
            out[key] = [without_refused(inner) for inner in listed]
    out.update(definitions)
    out.update(_object(schema))
    items = schema.get("items")
    if items is not None:
        out["items"] = (
            [without_refused(inner) for inner in items] if isinstance(items, list) else without_refused(items)
        )
    if schema.get("format") in _FORMATS:
        out["format"] = schema["format"]
    if told := _told(schema):
        out["description"] = f"{out['description']}\n{told}" if "description" in out else told
    return out


def _object(schema: JSONObject) -> dict[str, JSONValue]:
    properties = schema.get("properties")
    if schema.get("type") != "object" and properties is None:
        return {}
    out: dict[str, JSONValue] = {}
    if isinstance(properties, Mapping):
        out["properties"] = {name: without_refused(inner) for name, inner in properties.items()}
    out["additionalProperties"] = False
    if schema.get("required") is not None:
        out["required"] = schema["required"]
    return out


def _told(schema: JSONObject) -> str:
    bounds = [
        f"{_CAPITAL.sub(lambda letter: ' ' + letter[0].lower(), key)}: {_shown(schema[key])}"
        for key in _TOLD
        if schema.get(key) is not None and schema[key] is not False
    ]
    shape = schema.get("format")
    if isinstance(shape, str) and shape not in _FORMATS:
        bounds.append(f"format: {shape}")
    return f"{'; '.join(bounds)}." if bounds else ""


def _shown(bound: JSONValue) -> str:
    return bound if isinstance(bound, str) else dumps(bound)


def is_held_natively(schema: JSONObject) -> bool:
    """Whether a constrained answer can be everything that the schema allows.

    Not with schemas that contain themselves, many optional properties, or objects that are open: they would be closed.
    """
    try:
        return sum(_optional(schema, schema, ())) <= MAX_OPTIONAL_PROPERTIES
    except _Unheld:
        return False


class _Unheld(Exception):  # noqa: N818 - never leaves this module
    pass


def _optional(node: JSONValue, root: JSONObject, path: tuple[str, ...]) -> Iterator[int]:
    """How many properties are optional, at every use of them."""
    if not isinstance(node, Mapping):
        return
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        if reference in path or len(path) > MAX_DEPTH:
            raise _Unheld
        yield from _optional(_resolved(root, reference), root, (*path, reference))
    if _is_open(node):
        raise _Unheld
    properties, required = node.get("properties"), node.get("required")
    if isinstance(properties, Mapping):
        yield sum(name not in (required if isinstance(required, list) else ()) for name in properties)
    for inner in _inner(node):
        yield from _optional(inner, root, path)


def _inner(node: JSONObject) -> Iterator[JSONValue]:
    for key in _SCHEMAS:
        found = node.get(key)
        yield from found if isinstance(found, list) else [found]
    for key in _LISTS:
        found = node.get(key)
        yield from found if isinstance(found, list) else []
    for key in _MAPS:
        found = node.get(key)
        yield from found.values() if isinstance(found, Mapping) else []


def _resolved(root: JSONObject, pointer: str) -> JSONValue:
    found: JSONValue = root
    for step in pointer.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _is_open(node: JSONObject) -> bool:
    more, patterns = node.get("additionalProperties"), node.get("patternProperties")
    if more is True or isinstance(more, Mapping) or (isinstance(patterns, Mapping) and patterns):
        return True
    kind = node.get("type")
    is_object = kind == "object" or (isinstance(kind, list) and "object" in kind)
    return is_object and node.get("properties") is None and more is not False
