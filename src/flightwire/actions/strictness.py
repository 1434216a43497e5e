"""How strictly a value from a page is taken for what an annotation says.

Owns: the changes to pydantic's core schemas: text is never taken for a number, 3.0 is a whole number, extra keys of a
TypedDict are kept, dataclasses and models are also known by their camelCase names. Refuses to know: annotations, messages.

A pydantic model keeps its own rules for everything else; keys of objects are text in JavaScript, so they are converted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flightwire.wire.flight.declared import camel_case

CoreSchema = dict[str, Any]

# Where a core schema holds others (pydantic_core.core_schema). What is not listed is left as it is.
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
_STRICT_LEAVES: Final = frozenset({"str", "bool", "float", "bytes", "datetime"})
_WHOLE_NUMBER: Final = {
    "type": "union",
    "choices": [
        {"type": "int", "strict": True},
        {"type": "chain", "steps": [{"type": "float", "strict": True}, {"type": "int"}]},
    ],
    "custom_error_type": "whole_number",
    "custom_error_message": "Input should be a whole number",
}
_EXACT: Final = {
    "int": _WHOLE_NUMBER,
    "float": {"type": "float", "strict": True},
    "str": {"type": "str", "strict": True},
}


def adapted(schema: Any, originals: Mapping[type, type], *, is_own: bool = False) -> CoreSchema:
    """A copy of a core schema for values that came from a page.

    Arguments:
        schema: made by pydantic; never changed, models share it.
        originals: dataclass in the schema → the class whose values are wanted.
        is_own: whether this is inside a pydantic model, which has rules of its own.
    """
    made: CoreSchema = dict(schema)
    kind = made["type"]
    if kind == "model" or (kind == "dataclass" and hasattr(made["cls"], "__pydantic_validator__")):
        is_own = True
    for key in _INNER:
        if isinstance(made.get(key), dict):
            made[key] = adapted(made[key], originals, is_own=is_own)
    for key in _INNER_LISTS:
        if key in made:
            made[key] = [adapted(each, originals, is_own=is_own) for each in made[key]]
    _adapt_collections(made, originals, is_own)
    return _own_rules(made, originals) if is_own else _strict(_own_rules(made, originals))


def _adapt_collections(made: CoreSchema, originals: Mapping[type, type], is_own: bool) -> None:
    items = made.get("items_schema")
    if isinstance(items, dict):
        made["items_schema"] = adapted(items, originals, is_own=is_own)
    elif items is not None:
        made["items_schema"] = [adapted(item, originals, is_own=is_own) for item in items]
    choices = made.get("choices")
    if isinstance(choices, dict):
        made["choices"] = {
            tag: adapted(each, originals, is_own=is_own) if isinstance(each, dict) else each
            for tag, each in choices.items()
        }
    elif choices is not None:
        made["choices"] = [
            (adapted(each[0], originals, is_own=is_own), *each[1:])
            if isinstance(each, tuple)
            else adapted(each, originals, is_own=is_own)
            for each in choices
        ]
    arguments = made.get("arguments_schema")
    if isinstance(arguments, dict):
        made["arguments_schema"] = adapted(arguments, originals, is_own=is_own)
    elif arguments is not None:
        made["arguments_schema"] = [_field(each, originals, is_own) for each in arguments]
    _adapt_fields(made, originals, is_own)


def _adapt_fields(made: CoreSchema, originals: Mapping[type, type], is_own: bool) -> None:
    fields = made.get("fields")
    if made["type"] == "dataclass-args":
        made["fields"] = [_renamed(_field(each, originals, is_own), each["name"]) for each in fields or ()]
    elif made["type"] == "model-fields":
        made["fields"] = {
            name: _renamed(_field(each, originals, is_own), name) for name, each in (fields or {}).items()
        }
    elif made["type"] == "typed-dict":
        made["fields"] = {name: _field(each, originals, is_own) for name, each in (fields or {}).items()}


def _field(field: Any, originals: Mapping[type, type], is_own: bool) -> CoreSchema:
    return {**field, "schema": adapted(field["schema"], originals, is_own=is_own)}


def _renamed(field: CoreSchema, name: str) -> CoreSchema:
    """A field without an alias also goes by the name that it has when it is sent to the page."""
    wire_name = camel_case(name)
    if wire_name != name and field.get("validation_alias") is None:
        field["validation_alias"] = [[wire_name], [name]]
    return field


def _own_rules(made: CoreSchema, originals: Mapping[type, type]) -> CoreSchema:
    """What holds everywhere, also inside a model."""
    kind = made["type"]
    if kind == "typed-dict":
        own_config = getattr(made.get("cls"), "__pydantic_config__", {})
        if made.get("extra_behavior") != "forbid" and "extra" not in own_config:
            made["extra_behavior"] = "allow"
    elif kind == "dataclass":
        cls = made["cls"] = originals.get(made["cls"], made["cls"])
        if cls.__module__.startswith("flightwire."):
            return _as_place_of(made, {"type": "is-instance", "cls": cls})
        made["post_init"] = hasattr(cls, "__post_init__")
        made["slots"] = "__slots__" in vars(cls)
    elif kind == "tagged-union" and isinstance(made["discriminator"], str):
        name = made["discriminator"]
        made["discriminator"] = [[camel_case(name)], [name]]
    return made


def _strict(made: CoreSchema) -> CoreSchema:
    kind = made["type"]
    if kind in _STRICT_LEAVES:
        made.setdefault("strict", True)
    elif kind == "int" and "strict" not in made:
        return _after(_WHOLE_NUMBER, made)
    elif kind == "enum" and made.get("sub_type") in _EXACT:
        # Members of an IntEnum are numbers: neither "1" nor true is one of them.
        members = {"expected": " or ".join(repr(member.value) for member in made["members"])}
        exact = {"type": "custom-error", "schema": _EXACT[made["sub_type"]]}
        return _after({**exact, "custom_error_type": "enum", "custom_error_context": members}, made)
    return made


def _after(first: CoreSchema, made: CoreSchema) -> CoreSchema:
    inner = {key: each for key, each in made.items() if key != "ref"}
    return _as_place_of(made, {"type": "chain", "steps": [first, inner]})


def _as_place_of(made: CoreSchema, other: CoreSchema) -> CoreSchema:
    """What takes a schema's place takes over its reference."""
    return {**other, "ref": made["ref"]} if "ref" in made else other
