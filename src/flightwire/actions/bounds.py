"""What checking a value from a page may cost.

Owns: changes to pydantic's core schemas so that a check ends soon: at the first wrong item, or when a union is tried too
often. pydantic itself collects every mistake (950,000 for a body of 1 MiB, and half a gigabyte), and tries a union of objects
that hold the union again once for each member on each level (2^60 for 60 levels).
Refuses to know: annotations, messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

from flightwire.actions.core_schemas import CoreSchema, in_place_of, inside, with_inner

MAX_TRIES: Final = 5000
"""How often the unions of one argument that can be mistaken for each other are tried."""

MAX_EXTRA_KEYS: Final = 1000
_CHUNK: Final = 200
_FIRST_MISTAKE: Final = frozenset({"list", "tuple", "set", "frozenset"})
_LISTS: Final = frozenset({"list", "tuple", "set", "frozenset", "generator"})
_LEAVES: Final = frozenset({"any", "str", "int", "float", "bool", "bytes", "datetime", "literal"})
_OBJECTS: Final = frozenset({"dict", "typed-dict", "model", "model-fields", "dataclass", "dataclass-args"})


class TooManyTriesError(Exception):
    """A value could be so many things that finding out which costs too much. No ValueError: pydantic lets it through."""


class Tries:
    """How many tries are left for one value; handed to pydantic as the context of a check."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_TRIES

    @property
    def were_few(self) -> bool:
        """Whether the same may be done again without a limit."""
        return self.left > MAX_TRIES - 100


def bounded(schema: CoreSchema) -> CoreSchema:
    """A copy of a core schema whose checks end soon; to be run with a `Tries` as context."""
    definitions = {each["ref"]: each for each in schema.get("definitions", ())}
    return _bounded(schema, definitions, is_many=False)


def _bounded(schema: CoreSchema, definitions: Mapping[str, CoreSchema], *, is_many: bool) -> CoreSchema:
    kind = schema["type"]
    inner_is_many = is_many or kind in _LISTS or kind in ("dict", "definitions")
    made = with_inner(schema, lambda inner: _bounded(inner, definitions, is_many=inner_is_many))
    if kind in _FIRST_MISTAKE:
        made["fail_fast"] = True
    elif kind == "dict" and not (is_many and _is_one_mistake(schema.get("values_schema"))):
        if "min_length" not in made and "max_length" not in made:
            return _wrapped(made, {"type": "no-info", "function": _by_chunks})
    elif kind == "union" and _is_ambiguous(schema, definitions):
        return _wrapped(made, {"type": "with-info", "function": _try_once})
    elif made.get("extra_behavior") == "forbid":
        return _wrapped(made, {"type": "no-info", "function": _few_extra(len(made.get("fields", ())))})
    return made


def _is_one_mistake(schema: CoreSchema | None) -> bool:
    """Whether a value can be wrong in one way only, so that even 100,000 of them may be told."""
    if schema is not None and schema["type"] == "chain":
        return all(_is_one_mistake(step) for step in schema["steps"])
    return schema is None or schema["type"] in _LEAVES or "custom_error_type" in schema


def _wrapped(schema: CoreSchema, function: CoreSchema) -> CoreSchema:
    return in_place_of(schema, {"type": "function-wrap", "function": function, "schema": inside(schema)})


def _by_chunks(given: Any, check: Callable[[Any], Any]) -> Any:
    """End at the first mistake, for which pydantic's dict has no setting: it gets a large one in pieces."""
    if type(given) is not dict or len(given) <= _CHUNK:
        return check(given)
    made: dict[Any, Any] = {}
    items = iter(given.items())
    while chunk := dict(islice(items, _CHUNK)):
        made.update(check(chunk))
    return made


def _few_extra(known: int) -> Callable[[Any, Callable[[Any], Any]], Any]:
    def check_extra(given: Any, check: Callable[[Any], Any]) -> Any:
        if isinstance(given, dict) and len(given) > known + MAX_EXTRA_KEYS:
            raise ValueError(f"expected an object of {known} fields")
        return check(given)

    return check_extra


def _try_once(given: Any, check: Callable[[Any], Any], info: Any) -> Any:
    info.context.left -= 1
    if info.context.left < 0:
        raise TooManyTriesError
    try:
        return check(given)
    except ValueError:  # pydantic's, with what every member found wrong; as many as there were tries
        raise ValueError("expected one of the members of a union") from None


def _is_ambiguous(union: CoreSchema, definitions: Mapping[str, CoreSchema]) -> bool:
    """Whether two members lead back into a recursive type by the same kind of container."""
    members = [each[0] if isinstance(each, tuple) else each for each in union["choices"]]
    kinds = [kind for each in members if (kind := _recursive_kind(each, definitions)) is not None]
    return len(kinds) > len(set(kinds))


def _recursive_kind(schema: CoreSchema, definitions: Mapping[str, CoreSchema]) -> str | None:
    """What a member is that holds a recursive type: "list", "object", or "any" where that cannot be told."""
    seen: set[str] = set()
    while schema["type"] == "definition-ref":
        if schema["schema_ref"] in seen or schema["schema_ref"] not in definitions:
            return "any"
        seen.add(schema["schema_ref"])
        schema = definitions[schema["schema_ref"]]
    if not _holds_reference(schema):
        return None
    if schema["type"] in _LISTS:
        return "list"
    return "object" if schema["type"] in _OBJECTS else "any"


def _holds_reference(schema: CoreSchema) -> bool:
    found: bool = schema["type"] == "definition-ref"

    def look(inner: CoreSchema) -> CoreSchema:
        nonlocal found
        found = found or _holds_reference(inner)
        return inner

    if not found:
        with_inner(schema, look)
    return found
