"""The one JSON-like form of dataclasses, pydantic models and our own values.

Owns: names in camelCase, aliases, which classes are their text. Refuses to know: rows; pydantic itself, which is recognised
by its methods.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Final

from flightwire.errors import EncodeError
from flightwire.props import camel_case as camel_case  # noqa: PLC0414  # the rule for fields, too

_TEXTS: Final = ("pathlib", "ipaddress")
_URLS: Final = ("pydantic.networks", "pydantic_core._pydantic_core")


def has_declared_form(cls: type) -> bool:
    """Whether values of a class have a declared form."""
    return _is_ours(cls) or hasattr(cls, "model_dump") or is_dataclass(cls)


def declared_form(value: Any) -> object:
    """What a value is sent as, one level deep where it is a dataclass."""
    cls = type(value)
    if _is_ours(cls):
        return value.to_json()
    if hasattr(cls, "model_dump"):
        return _model_form(value, _dumped(value))
    return {wire_name(cls, field.name): getattr(value, field.name) for field in fields(value)}


def is_its_text(cls: type) -> bool:
    """Whether values of a class are paths, IP addresses or URLs of pydantic's: all there is to them is their text."""
    homes = {
        base.__module__.removesuffix("._local") for base in cls.__mro__
    }  # pathlib._local is Python 3.13's
    return not homes.isdisjoint(_TEXTS) or (not homes.isdisjoint(_URLS) and hasattr(cls, "unicode_string"))


def attribute_name(cls: Any, sent_as: str) -> str:
    """The attribute that a field of the declared form comes from."""
    names = (*getattr(cls, "__pydantic_fields__", ()), *getattr(cls, "__dataclass_fields__", ()))
    return next((name for name in names if wire_name(cls, name) == sent_as), sent_as)


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "flightwire" and hasattr(cls, "to_json")


def _dumped(value: Any) -> object:
    try:
        return value.model_dump(by_alias=False)
    except Exception as error:
        name = type(value).__name__
        raise EncodeError(
            f"<{name}> cannot be dumped ({type(error).__name__}); check its serializers"
        ) from error


def _model_form(value: Any, dumped: object) -> object:
    """Names for what `model_dump` gave: it knows excluded and computed fields and serializers, we know the names."""
    if getattr(type(value), "__pydantic_root_model__", False):
        return _model_form(value.root, dumped)
    if isinstance(value, list | tuple) and isinstance(dumped, list | tuple) and len(value) == len(dumped):
        return [_model_form(item, part) for item, part in zip(value, dumped, strict=True)]
    if not isinstance(dumped, dict):
        return dumped
    if isinstance(value, dict):
        return {key: _model_form(value.get(key), part) for key, part in dumped.items()}
    cls = type(value)
    if not has_declared_form(cls):
        return dumped
    return {
        wire_name(cls, name): _model_form(getattr(value, name, None), part) for name, part in dumped.items()
    }


def wire_name(cls: Any, name: str) -> str:
    """A field's name in JavaScript: its serialization alias, else camelCase; extra fields keep theirs."""
    for table in ("__pydantic_fields__", "__pydantic_computed_fields__"):
        field = getattr(cls, table, {}).get(name)
        if field is not None:
            alias = getattr(field, "serialization_alias", None) or getattr(field, "alias", None)
            return alias if isinstance(alias, str) else camel_case(name)
    return name if hasattr(cls, "__pydantic_fields__") else camel_case(name)
