"""JSON Schemas as grammars that a model is held to, for very small ones made narrower first.

Owns: the grammar (llguidance's, which llama.cpp is built with), what it cannot hold, the bounds, and a schema in words. Refuses
to know: models. What is narrowed still satisfies the schema it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..jsontypes import dumps

__all__ = ["bounded", "grammar", "in_words", "literal", "unheld"]

MAX_TEXT_CHARS = 200
MIN_ITEMS, MAX_ITEMS = 1, 5
MAX_NUMBER = 1e9
SMALLEST_STEP = 0.01
MAX_DEPTH = 32
MAX_WORDS_DEPTH = 4
MAX_WORDS_CHARS = 800

_SETTLED = ("enum", "const", "pattern")  # such a text ends by itself
_HELD_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
_UNHELD = (
    "propertyNames", "uniqueItems", "contains", "not", "if", "dependentRequired", "dependentSchemas",
    "unevaluatedProperties", "unevaluatedItems",
)  # fmt: skip
_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalProperties")

Schema = Mapping[str, Any]


def grammar(schema: Schema, *, before: str = "") -> str:
    """Give the grammar that allows what the schema allows, without spaces and line breaks, and nothing else.

    llama.cpp's own translation (`response_format`) would also allow a Markdown fence, and knows no bounds of numbers. A keyword
    that llguidance cannot hold is passed over, see `unheld`; a schema that it cannot read at all leaves the model without a
    grammar and says so only in a log: whoever uses a schema for the first time tries it with a `before` that no model would say.
    """
    options = {"whitespace_flexible": False, "lenient": True, "coerce_one_of": True}
    return f"%llguidance {{}}\nstart: {dumps(before)} %json {dumps({**schema, 'x-guidance': options})}"


def literal(text: str) -> str:
    """Give the grammar that allows one text; split into tokens as the model would split it."""
    return f"%llguidance {{}}\nstart: {dumps(text)}"


def unheld(schema: object) -> list[str]:
    """Name what no grammar holds: the answer may break it."""
    found: set[str] = set()
    _find_unheld(schema, found, 0)
    return sorted(found)


def _find_unheld(schema: object, found: set[str], depth: int) -> None:
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return
    found.update(key for key in _UNHELD if key in schema)
    shape = schema.get("format")
    if isinstance(shape, str) and shape not in _HELD_FORMATS and "string" in _kinds(schema):
        found.add(f"format {shape!r}")
    for key in _MAPS:
        if isinstance(schema.get(key), Mapping):
            for inner in schema[key].values():
                _find_unheld(inner, found, depth + 1)
    for key in (*_LISTS, *_SINGLES):
        inner = schema.get(key)
        for one in inner if isinstance(inner, list) else [inner]:
            _find_unheld(one, found, depth + 1)


def bounded(schema: Schema) -> dict[str, Any]:
    """Give everything that has no end one, and close every object that does not say whether it is open.

    Texts get 200 characters, lists one to five items, numbers at most 10⁹ and two decimals, where the schema says nothing.
    """
    return _bounded(schema, 0)


def _bounded(schema: Schema, depth: int) -> dict[str, Any]:
    out = dict(schema)
    if depth > MAX_DEPTH:
        return out
    for key in _MAPS:
        if isinstance(out.get(key), Mapping):
            out[key] = {name: _inner(inner, depth) for name, inner in out[key].items()}
    for key in _LISTS:
        if isinstance(out.get(key), list):
            out[key] = [_inner(inner, depth) for inner in out[key]]
    for key in _SINGLES:
        if isinstance(out.get(key), Mapping):
            out[key] = _inner(out[key], depth)
    kinds = _kinds(out)
    is_settled = any(word in out for word in _SETTLED)
    if "string" in kinds and not is_settled and out.get("format") not in _HELD_FORMATS:
        out.setdefault("maxLength", max(MAX_TEXT_CHARS, _count(out, "minLength")))
    if "array" in kinds:
        out.setdefault("minItems", min(MIN_ITEMS, _count(out, "maxItems", MIN_ITEMS)))
        out.setdefault("maxItems", max(MAX_ITEMS, _count(out, "minItems")))
    if kinds & {"number", "integer"} and not is_settled:
        _bound_number(out, kinds)
    if "object" in kinds and "properties" in out:
        out.setdefault("additionalProperties", False)
    return out


def _inner(schema: object, depth: int) -> object:
    return _bounded(schema, depth + 1) if isinstance(schema, Mapping) else schema


def _kinds(schema: Schema) -> set[str]:
    kind = schema.get("type")
    return {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()


def _count(schema: Schema, key: str, default: int = 0) -> int:
    count = schema.get(key, default)
    return count if isinstance(count, int) else default


def _bound_number(schema: dict[str, Any], kinds: set[str]) -> None:
    if "maximum" not in schema and "exclusiveMaximum" not in schema:
        schema["maximum"] = max(MAX_NUMBER, *_numbers(schema, "minimum", "exclusiveMinimum"))
    if "minimum" not in schema and "exclusiveMinimum" not in schema:
        schema["minimum"] = min(-MAX_NUMBER, *_numbers(schema, "maximum", "exclusiveMaximum"))
    if "number" in kinds and "multipleOf" not in schema and _is_coarse(schema):
        schema["multipleOf"] = SMALLEST_STEP


def _numbers(schema: Schema, *keys: str) -> list[float]:
    """Bounds that are there; one of them twice as far, so that something fits between."""
    found = [schema[key] for key in keys if isinstance(schema.get(key), (int, float))]
    return [number * 2 for number in found] or [0.0]


def _is_coarse(schema: Schema) -> bool:
    """Whether two decimals leave a choice: not between 0 and 0.001."""
    low, high = schema.get("minimum"), schema.get("maximum")
    return isinstance(low, (int, float)) and isinstance(high, (int, float)) and high - low >= 1


def in_words(schema: Schema) -> str:
    """Say what is wanted, as the end of a sentence: "name (of a person), tags (a list of texts)"."""
    words = _words(schema, schema, 0)
    return words if len(words) <= MAX_WORDS_CHARS else words[:MAX_WORDS_CHARS].rpartition(",")[0]


def _words(schema: Schema, root: Schema, depth: int) -> str:
    schema = _resolved(schema, root)
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties and depth < MAX_WORDS_DEPTH:
        fields = [_field(name, field, root, depth) for name, field in properties.items()]
        return ", ".join(fields) if depth == 0 else f"objects with {', '.join(fields)}"
    items = schema.get("items")
    if isinstance(items, Mapping) and depth < MAX_WORDS_DEPTH:
        return f"a list of {_words(items, root, depth + 1) or 'texts'}"
    options = schema.get("enum")
    if isinstance(options, Sequence) and not isinstance(options, str):
        return f"one of {', '.join(str(option) for option in options)}"
    return "numbers" if _kinds(schema) & {"number", "integer"} and depth > 1 else ""


def _field(name: str, schema: object, root: Schema, depth: int) -> str:
    if not isinstance(schema, Mapping):
        return name
    words = _words(schema, root, depth + 1)
    described = _resolved(schema, root).get("description", schema.get("description"))
    words = ": ".join(part for part in (str(described) if described else "", words) if part)
    if not words:
        return name
    return f"{name}: {words}" if not described and words.startswith("a list") else f"{name} ({words})"


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    _, _, name = reference.rpartition("/")
    for place in ("$defs", "definitions"):
        found = root.get(place)
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            return found[name]  # type: ignore[no-any-return] # it is a Mapping
    return schema
