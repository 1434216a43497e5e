"""The fields of pydantic models, for arguments and for results.

Owns: aliases, defaults, excluded and computed fields, root models, serializers. Refuses to know: pydantic itself; models
are recognised by what they carry.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flightwire.actions.declarations.reading import Reader, sent_by, serialized_as
from flightwire.actions.declarations.shapes import Field, Fields, Shape
from flightwire.annotations import own_annotations
from flightwire.wire.flight.declared import camel_case, wire_name


def model_body(cls: Any, reader: Reader) -> Shape:
    """What a model is: an object, or what its root is.

    Arguments:
        cls: a class with `__pydantic_fields__`.
        reader: reads in the model's module.
    """
    _complete(cls)
    fields = cls.__pydantic_fields__
    decorators = getattr(cls, "__pydantic_decorators__", None)
    whole = list(getattr(decorators, "model_serializers", {}).values())
    if whole and reader.way == "out":
        return reader.read(serialized_as(whole[0].func, whole[0].info.return_type), "its serializer")
    if getattr(cls, "__pydantic_root_model__", False):
        return _shape(cls, "root", fields["root"], reader)
    made = _arguments(cls, fields, reader) if reader.way == "in" else _results(cls, fields, reader)
    return Fields(tuple(made), getattr(cls, "model_config", {}).get("extra") == "allow")


def _complete(cls: Any) -> None:
    """Let a model that was defined before a class it mentions look again."""
    if not getattr(cls, "__pydantic_complete__", True):
        cls.model_rebuild(raise_errors=False)


def _arguments(cls: Any, fields: Any, reader: Reader) -> Iterator[Field]:
    for name, field in fields.items():
        if field.init is not False:
            alias = _alias_in(field.validation_alias) or _alias_in(field.alias)
            doc = field.description or ""
            yield Field(
                alias or camel_case(name), _shape(cls, name, field, reader), not field.is_required(), doc
            )


def _results(cls: Any, fields: Any, reader: Reader) -> Iterator[Field]:
    for name, field in fields.items():
        if not field.exclude:
            yield Field(
                wire_name(cls, name), _shape(cls, name, field, reader), False, field.description or ""
            )
    for name, computed in getattr(cls, "__pydantic_computed_fields__", {}).items():
        shape = reader.read(computed.return_type, f"the computed field '{name}'")
        yield Field(wire_name(cls, name), shape, False, computed.description or "")


def _alias_in(alias: Any) -> str | None:
    """The name that a page gives: of several choices the first that is a name."""
    if isinstance(alias, str) or alias is None:
        return alias
    return next((each for each in getattr(alias, "choices", ()) if isinstance(each, str)), None)


def _shape(cls: Any, name: str, field: Any, reader: Reader) -> Shape:
    annotation = field.annotation
    if reader.way == "out":
        for each in getattr(getattr(cls, "__pydantic_decorators__", None), "field_serializers", {}).values():
            if name in each.info.fields or "*" in each.info.fields:
                annotation = serialized_as(each.func, each.info.return_type)
        for each in field.metadata:
            sent = sent_by(each, reader.way)
            annotation = annotation if sent is None else sent
    owner = next((each for each in cls.__mro__ if name in own_annotations(each)), cls)
    inner = Reader(
        reader.book, reader.way, reader.home.of_class(owner), reader.about, reader.given, is_model=True
    )
    return inner.read(annotation, f"the field '{name}'")
