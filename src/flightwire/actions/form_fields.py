"""A form's fields as an object: for parameters that are TypedDicts, dataclasses or pydantic models.

Owns: which fields are lists, what an empty field means, fields of React's own. Refuses to know: checking values.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Final, get_args, get_origin

from typing_extensions import is_typeddict

from flightwire.actions.mentions import ALIASES
from flightwire.annotations import Namespace
from flightwire.files import File
from flightwire.wire.flight.declared import camel_case
from flightwire.wire.flight.values import FormData

_LISTS: Final = (
    list,
    tuple,
    set,
    frozenset,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Set,
)
_REACT: Final = "$ACTION_"


class FromForm:
    """In an annotation, says that pages pass a FormData: `async def sign_up(form: Annotated[Signup, FromForm()])`.

    The fields of the form become those of the class: a TypedDict, dataclass or pydantic model. TypeScript sees a FormData, as
    `<form action={signUp}>` wants it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """`FromForm()`."""
        return "FromForm()"


class FormFields:
    """Makes an object of a form.

    Arguments:
        hints: field → annotation; a field also goes by its name in camelCase.
    """

    def __init__(self, hints: Mapping[str, Any]) -> None:
        self._names = {**{camel_case(name): name for name in hints}, **{name: name for name in hints}}
        self._lists = {name for name, hint in hints.items() if _any_of(hint, _is_list)}
        self._texts = {name for name, hint in hints.items() if _any_of(hint, lambda each: each is str)}

    def object_of(self, form: FormData) -> dict[str, object]:
        """The fields of a form. Of fields that may stand once the last one counts, as when a checkbox follows a hidden field.

        Left out are empty fields that are no text, files that nobody chose, and what React adds.
        """
        found: dict[str, list[object]] = {}
        for name, content in form.entries:
            field = self._names.get(name, name)
            if not name.startswith(_REACT) and (field in self._lists or self._counts(field, content)):
                found.setdefault(field, []).append(content)
        return {field: self._content(field, contents) for field, contents in found.items()}

    def _content(self, field: str, contents: list[object]) -> object:
        if field not in self._lists:
            return contents[-1]
        return [each for each in contents if self._counts(field, each)]

    def _counts(self, field: str, content: object) -> bool:
        if isinstance(content, File):
            return bool(content.size or content.filename)
        return content != "" or field in self._texts


def form_fields(annotation: Any, namespace: Namespace) -> FormFields | None:
    """How a form becomes a value of this annotation; None when the annotation is of no class with fields."""
    for each in _members(annotation):
        cls = get_origin(each) or each
        if not isinstance(cls, type):
            continue
        model_fields = getattr(cls, "model_fields", None)
        if isinstance(model_fields, dict):
            return FormFields(_of_model(model_fields))
        if is_typeddict(cls) or (
            dataclasses.is_dataclass(cls) and not cls.__module__.startswith("flightwire.")
        ):
            return FormFields(namespace.resolve_class(cls))
    return None


def _of_model(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a pydantic model by all their names."""
    hints: dict[str, Any] = {}
    for name, field in fields.items():
        hints[name] = field.annotation
        if isinstance(field.validation_alias, str):
            hints[field.validation_alias] = field.annotation
    return hints


def _members(annotation: Any) -> list[Any]:
    """What a value of an annotation may be, without what is written around it."""
    origin = get_origin(annotation)
    if origin is typing.Annotated or origin in (typing.Required, typing.NotRequired):
        return _members(get_args(annotation)[0])
    if isinstance(annotation, ALIASES):
        return _members(annotation.__value__)
    if origin in (typing.Union, types.UnionType):
        return [each for member in get_args(annotation) for each in _members(member)]
    return [annotation]


def _any_of(hint: Any, is_it: Any) -> bool:
    return any(is_it(each) for each in _members(hint))


def _is_list(annotation: Any) -> bool:
    return (get_origin(annotation) or annotation) in _LISTS
