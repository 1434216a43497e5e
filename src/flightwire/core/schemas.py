"""What a model's JSON must look like, and reading it as a Python type.

Owns: the JSON Schema of a type, in the form that strict providers take, and validation against the type; pydantic is
imported when either is first needed. Refuses to know: models, streams, what the JSON is for.

The AI SDK sends what zod makes of a schema (`packages/provider-utils/src/schema.ts`, v7): references inlined, objects
closed. Beyond that, OpenAI's strict mode wants every property required; a property with a default is required too, and
the default goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from flightwire.core.typed_dicts import pydantic_ready
from flightwire.errors import InvalidArgumentError, TypeValidationError
from flightwire.jsontypes import JSONObject, JSONValue, dumps, loads

T = TypeVar("T")

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_DEFS = "#/$defs/"


class Schema(Generic[T]):
    """A type, as JSON Schema and as a validator; or a JSON Schema alone, which validates nothing.

    Arguments:
        source: a pydantic model, dataclass, TypedDict, anything else that pydantic's `TypeAdapter` takes, or a JSON Schema.
    """

    def __init__(self, source: Any) -> None:
        self._source = source

    @cached_property
    def json_schema(self) -> JSONObject:
        """The JSON Schema; one that was given is left as it is.

        Raises:
            InvalidArgumentError: pydantic makes no schema of this type.
        """
        if isinstance(self._source, Mapping):
            return cast("JSONObject", self._source)
        from pydantic.errors import PydanticUserError

        try:
            written = self._adapter.json_schema(by_alias=True, mode="validation")
        except PydanticUserError as error:
            raise _no_schema(self._source, error) from error
        return {"$schema": DRAFT_7, **strict(written)}

    def validate(self, text: str) -> T:
        """Read JSON text as the type; it must be JSON.

        Raises:
            TypeValidationError: it does not fit; the cause is pydantic's error.
        """
        if isinstance(self._source, Mapping):
            return cast("T", loads(text))
        from pydantic import ValidationError

        try:
            return cast("T", self._adapter.validate_json(text))
        except ValidationError as error:
            raise TypeValidationError(_problems(error), value=text) from error

    def validate_value(self, value: JSONValue) -> T:
        """Read a JSON value as the type.

        Raises:
            TypeValidationError: it does not fit; the cause is pydantic's error.
        """
        if isinstance(self._source, Mapping):
            return cast("T", value)
        try:
            # As text, not as it is: pydantic is more lenient with JSON, where a date can be nothing but a text.
            return self.validate(dumps(value))
        except ValueError as error:  # an infinity, which JSON does not have
            if isinstance(error, TypeValidationError):
                raise
            raise TypeValidationError(str(error), value=value) from error

    @cached_property
    def _adapter(self) -> Any:
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticUserError

        try:
            return TypeAdapter(pydantic_ready(self._source))
        except (PydanticUserError, NameError, TypeError) as error:
            raise _no_schema(self._source, error) from error


def _no_schema(source: object, error: Exception) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"there is no schema for {source!r}. Give a pydantic model, a dataclass, a TypedDict, another type of JSON values, "
        f"or a JSON Schema as a dict. ({str(error).strip().partition(chr(10))[0]})"
    )


def _problems(error: Any) -> str:
    """One line per problem: where, and what was expected."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False)[:20]:
        place = ".".join(str(step) for step in problem["loc"])
        lines.append(f"{place}: {problem['msg']}" if place else str(problem["msg"]))
    return "; ".join(lines)


# --- the schema as strict providers take it ----------------------------------------------------------------------


def strict(schema: JSONObject) -> dict[str, Any]:
    """Close objects, require every property, inline references; what mentions itself stays in `$defs`."""
    definitions = cast("Mapping[str, JSONObject]", schema.get("$defs", {}))
    return _Strict(definitions).root(schema)


class _Strict:
    def __init__(self, definitions: Mapping[str, JSONObject]) -> None:
        self._definitions = definitions
        self._recursive = {name for name in definitions if self._reaches(name, name, set())}
        self._done: dict[str, dict[str, Any]] = {}

    def _reaches(self, name: str, wanted: str, seen: set[str]) -> bool:
        for other in _references(self._definitions.get(name)):
            if other == wanted:
                return True
            if other not in seen:
                seen.add(other)
                if self._reaches(other, wanted, seen):
                    return True
        return False

    def root(self, schema: JSONObject) -> dict[str, Any]:
        inner = {name: part for name, part in schema.items() if name != "$defs"}
        reference = inner.get("$ref")
        if isinstance(reference, str):  # providers want an object at the root, not a reference
            inner = {**self._definitions[reference.removeprefix(_DEFS)], **_without(inner, "$ref")}
        made: dict[str, Any] = self.schema(inner)
        if self._recursive and (used := set(_references(made)) & self._recursive):
            made["$defs"] = {name: self._definition(name) for name in self._needed(used)}
        return made

    def _needed(self, used: set[str]) -> list[str]:
        needed, new = set(used), set(used)
        while new:
            new = {other for name in new for other in _references(self._definition(name))} - needed
            needed |= new
        return [name for name in self._definitions if name in needed]

    def _definition(self, name: str) -> dict[str, Any]:
        if name not in self._done:
            self._done[name] = self.schema(self._definitions[name])
        return self._done[name]

    def schema(self, schema: Any) -> Any:
        if not isinstance(schema, Mapping):
            return schema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._referred(reference, schema)
        made = {
            "anyOf" if key == "oneOf" else key: self._part(key, part)
            for key, part in schema.items()
            if key not in ("default", "title", "discriminator")
        }
        properties = made.get("properties")
        if isinstance(properties, Mapping):
            made["required"] = list(properties)
            if not isinstance(made.get("additionalProperties"), Mapping):
                made["additionalProperties"] = False
        return made

    def _referred(self, reference: str, schema: Mapping[str, Any]) -> Any:
        name = reference.removeprefix(_DEFS)
        if name in self._recursive or name not in self._definitions:
            return {"$ref": reference}  # strict providers allow nothing beside it
        return {**self._definition(name), **self.schema(_without(schema, "$ref"))}

    def _part(self, key: str, part: Any) -> Any:
        if key in ("properties", "patternProperties"):
            return {name: self.schema(each) for name, each in part.items()}
        if key in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(part, list):
            return [self.schema(each) for each in part]
        return self.schema(part) if key in ("items", "additionalProperties", "not", "propertyNames") else part


def _references(schema: Any) -> list[str]:
    """The names of the definitions that a schema mentions."""
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        own = [reference.removeprefix(_DEFS)] if isinstance(reference, str) else []
        return own + [name for part in schema.values() for name in _references(part)]
    if isinstance(schema, list):
        return [name for part in schema for name in _references(part)]
    return []


def _without(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: part for name, part in schema.items() if name != key}
