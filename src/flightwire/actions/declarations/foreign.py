"""Classes that only pydantic knows: dates and addresses with rules; for others their JSON Schema says what a page may give.

Owns: the use of pydantic for declarations; nothing else here imports it. Refuses to know: results of other classes, which
are of no form that can be sent.
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
    Way,
    union,
)
from flightwire.wire.flight.declared import is_its_text

_WORDS: Final[Mapping[str, Shape]] = {
    "string": STRING,
    "integer": NUMBER,
    "number": NUMBER,
    "boolean": BOOLEAN,
    "null": NULL,
    "array": ListOf(ANY),
    "object": Global("Record", (STRING, ANY)),
}


_DATES: Final[Mapping[str, Shape]] = {"datetime": Global("Date"), "date": STRING, "time": STRING}
_TEXTS: Final = ("EmailStr", "IPvAnyAddress", "IPvAnyInterface", "IPvAnyNetwork")


def shape_of_foreign(cls: Any, way: Way) -> Shape | None:
    """The type of what pydantic makes this class from, or of what it makes; None when that does not travel.

    Arguments:
        cls: `AwareDatetime`, `HttpUrl`, a class with `__get_pydantic_core_schema__`.
        way: whether values come from the page; then it is `any` when pydantic does not say.
    """
    if is_its_text(cls) or (cls.__module__ == "pydantic.networks" and cls.__name__ in _TEXTS):
        return STRING
    try:
        adapter = TypeAdapter(cls)
        if (date := _DATES.get(adapter.core_schema["type"])) is not None:
            is_naive = (
                adapter.core_schema.get("tz_constraint") == "naive"
            )  # what a page gives and gets has a zone
            return None if is_naive else date
        return _shape(adapter.json_schema()) if way == "in" else None
    except Exception:  # a class without a JSON form, or one that breaks while it is asked
        return ANY if way == "in" else None


def _shape(schema: Any) -> Shape:
    if "anyOf" in schema:
        return union(*(_shape(each) for each in schema["anyOf"]))
    return _WORDS.get(schema.get("type", ""), ANY)
