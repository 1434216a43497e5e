"""The tree of a pydantic core schema.

Owns: where a core schema holds others (pydantic_core.core_schema). Refuses to know: what is changed in them, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

CoreSchema: TypeAlias = dict[str, Any]

_INNER: Final = (
    "schema",
    "values_schema",
    "extras_schema",
    "lax_schema",
    "strict_schema",
    "json_schema",
    "python_schema",
    "var_args_schema",
    "var_kwargs_schema",
)
_INNER_LISTS: Final = ("steps", "definitions")
_WITH_FIELDS: Final = frozenset({"typed-dict", "model-fields", "dataclass-args"})


def with_inner(schema: CoreSchema, change: Callable[[CoreSchema], CoreSchema]) -> CoreSchema:
    """A copy of a core schema in which every schema that it holds is changed; what is not listed stays as it is."""
    made = dict(schema)
    for key in _INNER:
        if isinstance(made.get(key), dict):
            made[key] = change(made[key])
    for key in _INNER_LISTS:
        if key in made:
            made[key] = [change(each) for each in made[key]]
    if (items := made.get("items_schema")) is not None:
        made["items_schema"] = change(items) if isinstance(items, dict) else [change(each) for each in items]
    if (choices := made.get("choices")) is not None:
        made["choices"] = _choices(choices, change)
    if (arguments := made.get("arguments_schema")) is not None:
        made["arguments_schema"] = (
            change(arguments) if isinstance(arguments, dict) else [_field(each, change) for each in arguments]
        )
    if (fields := made.get("fields")) is not None and made["type"] in _WITH_FIELDS:
        made["fields"] = (
            {name: _field(each, change) for name, each in fields.items()}
            if isinstance(fields, dict)
            else [_field(each, change) for each in fields]
        )
    return made


def _choices(choices: Any, change: Callable[[CoreSchema], CoreSchema]) -> Any:
    if isinstance(choices, dict):
        return {tag: change(each) if isinstance(each, dict) else each for tag, each in choices.items()}
    return [(change(each[0]), *each[1:]) if isinstance(each, tuple) else change(each) for each in choices]


def _field(field: CoreSchema, change: Callable[[CoreSchema], CoreSchema]) -> CoreSchema:
    return {**field, "schema": change(field["schema"])}


def in_place_of(schema: CoreSchema, other: CoreSchema) -> CoreSchema:
    """What takes a schema's place takes over its reference."""
    return {**other, "ref": schema["ref"]} if "ref" in schema else other


def inside(schema: CoreSchema) -> CoreSchema:
    """What stays inside of what takes a schema's place: everything but its reference."""
    return {key: each for key, each in schema.items() if key != "ref"}
