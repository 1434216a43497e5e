"""How strictly a value from a page is taken for what an annotation says.

Owns: the changes to pydantic's core schemas: text is never taken for a number, 3.0 is a whole number, extra keys of a
TypedDict are kept, dataclasses and models are also known by their camelCase names, members of enums by what is sent for
them. Refuses to know: annotations, messages.

A pydantic model keeps its own rules for everything else; keys of objects are text in JavaScript, so they are converted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

from pydantic_core import to_jsonable_python

from flightwire.actions.core_schemas import CoreSchema, in_place_of, inside, with_inner
from flightwire.wire.flight.declared import camel_case

_STRICT_LEAVES: Final = frozenset({"str", "bool", "float", "bytes", "datetime"})
_SCALARS: Final = (str, int, float, type(None))
_SENT_AS_THEY_ARE: Final = (bytes, bytearray, datetime, set, frozenset)
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


def adapted(
    schema: Any, originals: Mapping[type, type], *, is_own: bool = False, is_form: bool = False
) -> CoreSchema:
    """A copy of a core schema for values that came from a page.

    Arguments:
        schema: made by pydantic; never changed, models share it.
        originals: dataclass in the schema → the class whose values are wanted.
        is_own: whether this is inside a pydantic model, which has rules of its own.
        is_form: whether it comes from a form, where all is text.
    """
    kind = schema["type"]
    if kind == "model" or (kind == "dataclass" and hasattr(schema["cls"], "__pydantic_validator__")):
        is_own = True
    made = with_inner(schema, lambda inner: adapted(inner, originals, is_own=is_own, is_form=is_form))
    if kind == "dataclass-args":
        made["fields"] = [_renamed(each, each["name"]) for each in made["fields"]]
    elif kind == "model-fields":
        made["fields"] = {name: _renamed(each, name) for name, each in made["fields"].items()}
    elif kind == "literal":
        made = _literal(made, is_form=is_form)
    made = _own_rules(made, originals)
    return made if is_own or is_form else _strict(made)


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
            return in_place_of(made, {"type": "is-instance", "cls": cls})
        made["post_init"] = hasattr(cls, "__post_init__")
        made["slots"] = "__slots__" in vars(cls)
    elif kind == "tagged-union":
        made["choices"] = {_plain(tag): each for tag, each in made["choices"].items()}
        if isinstance(name := made["discriminator"], str):
            made["discriminator"] = [[camel_case(name)], [name]]
    elif kind == "enum" and not all(isinstance(each.value, _SCALARS) for each in made["members"]):
        return _by_wire_form(made)
    return made


def _by_wire_form(made: CoreSchema) -> CoreSchema:
    """An enum whose members are sent as something else than their values: a tuple as an array, a date as a text."""
    sent = [_sent(member.value) for member in made["members"]]
    members = list(zip(sent, made["members"], strict=True))

    def found(given: Any) -> Any:
        return next((member for sent, member in members if given in (sent, member.value)), given)

    by_sent = {
        "type": "function-before",
        "function": {"type": "no-info", "function": found},
        "schema": inside(made),
    }
    told = {"custom_error_type": "enum", "custom_error_context": {"expected": " or ".join(map(repr, sent))}}
    return in_place_of(made, {"type": "custom-error", "schema": by_sent, **told})


def _sent(value: Any) -> Any:
    return value if isinstance(value, _SENT_AS_THEY_ARE) else to_jsonable_python(value, fallback=repr)


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


def _literal(made: CoreSchema, *, is_form: bool) -> CoreSchema:
    """`Literal[Color.RED]` is given as a page writes the member, by its value; numbers come as text from a form."""
    expected = [_plain(each) for each in made["expected"]]
    members = {(type(each.value), each.value): each for each in made["expected"] if isinstance(each, Enum)}
    numbers = {
        str(each): each for each in expected if type(each) is int and is_form and str(each) not in expected
    }
    if not members and not numbers:
        return made

    def check(given: Any, check_value: Callable[[Any], Any]) -> Any:
        given = numbers.get(given, given) if isinstance(given, str) else _plain(given)
        found = check_value(given)
        return members.get((type(found), found), found)

    function = {"type": "no-info", "function": check}
    literal = {**inside(made), "expected": expected}
    return in_place_of(made, {"type": "function-wrap", "function": function, "schema": literal})


def _plain(constant: Any) -> Any:
    return constant.value if isinstance(constant, Enum) else constant


def _after(first: CoreSchema, made: CoreSchema) -> CoreSchema:
    return in_place_of(made, {"type": "chain", "steps": [first, inside(made)]})
