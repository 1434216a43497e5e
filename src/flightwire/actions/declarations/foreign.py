"""Classes that only pydantic knows: their JSON Schema says what a page may give.

Owns: the use of pydantic for declarations; nothing else here imports it. Refuses to know: results, which are never of
such a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from flightwire.actions.declarations.shapes import (
    ANY,
    BOOLEAN,
    NULL,
    NUMBER,
    STRING,
    Global,
    ListOf,
    Shape,
    union,
)

_WORDS: Final[Mapping[str, Shape]] = {
    "string": STRING,
    "integer": NUMBER,
    "number": NUMBER,
    "boolean": BOOLEAN,
    "null": NULL,
    "array": ListOf(ANY),
    "object": Global("Record", (STRING, ANY)),
}


def shape_of_foreign(cls: Any) -> Shape:
    """The type of what pydantic makes this class from; `any` when it does not say."""
    try:
        schema = TypeAdapter(cls).json_schema()
    except Exception:  # a class without a JSON form, or one that breaks while it is asked
        return ANY
    return _shape(schema)


def _shape(schema: Any) -> Shape:
    if "anyOf" in schema:
        return union(*(_shape(each) for each in schema["anyOf"]))
    return _WORDS.get(schema.get("type", ""), ANY)
