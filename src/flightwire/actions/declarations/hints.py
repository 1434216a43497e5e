"""Annotations, one step at a time.

Owns: what a text or forward reference means, annotations as a class wrote them, which type variables its bases fill in.
Refuses to know: TypeScript. Unlike `typing.get_type_hints` it never replaces what is inside, so that an alias is still
the object that its module calls by a name, and one that mentions itself has an end.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final, ForwardRef, NewType, NotRequired, Required, get_args, get_origin

import typing_extensions
from typing_extensions import ReadOnly, is_typeddict

from flightwire import jsontypes
from flightwire._frozen import value

ALIAS_TYPES: Final = tuple(
    module.TypeAliasType for module in (typing_extensions, typing) if hasattr(module, "TypeAliasType")
)
_QUALIFIERS: Final = (Required, NotRequired, ReadOnly, typing.ClassVar, typing.Final)
_NOTHING_WRITTEN: Final = (object, dict, tuple, typing.Generic, typing.Protocol)
_KNOWN_ANYWHERE: Final = {"JSONValue": jsontypes.JSONValue, "JSONObject": jsontypes.JSONObject}


class Home:
    """Where names are looked up.

    Arguments:
        names: of the module.
        others: asked first: type parameters, names from the function around.
    """

    __slots__ = ("_names", "_others")

    def __init__(self, names: Mapping[str, Any], others: Mapping[str, Any] | None = None) -> None:
        self._names = names
        self._others = dict(others or {})

    def of_class(self, cls: Any) -> Home:
        """Where the annotations of a class look: its module, itself, its type parameters, and then here."""
        module = sys.modules.get(getattr(cls, "__module__", None) or "")
        own = {each.__name__: each for each in getattr(cls, "__type_params__", ())}
        name = {cls.__name__: cls} if hasattr(cls, "__name__") else {}
        names = self._names if module is None else vars(module)
        others = {key: each for key, each in {**self._names, **self._others}.items() if key not in names}
        return Home(names, {**others, **name, **own})

    def evaluated(self, annotation: Any) -> Any:
        """What a text or forward reference stands for; anything else as it is.

        Raises:
            NameError: a name cannot be found.
            Exception: whatever evaluating the text raises.
        """
        while isinstance(annotation, str | ForwardRef):
            annotation = self._evaluate(annotation)
        return type(None) if annotation is None else annotation

    def _evaluate(self, written: str | ForwardRef) -> Any:
        text = written if isinstance(written, str) else written.__forward_arg__
        names = self._names
        module = getattr(written, "__forward_module__", None)
        if module is not None:
            module = sys.modules.get(module) if isinstance(module, str) else module
            names = vars(module) if module is not None else names
        scope = {**_KNOWN_ANYWHERE, **self._names, **names, **self._others}
        try:
            return eval(text, {"__builtins__": __builtins__}, scope)  # noqa: S307 - the app's own code, as typing does it
        except NameError:
            evaluate = getattr(written, "evaluate", None)  # Python 3.14: it knows the scope it was written in
            if evaluate is None:
                raise
            found = evaluate()
            if isinstance(found, ForwardRef):
                raise
            return found


@value
class Hint:
    """An annotation without what is written around it.

    Attributes:
        inner: the annotation.
        qualifiers: `Required`, `NotRequired`, `ReadOnly`, `ClassVar`, `Final`.
        metadata: what `Annotated` adds.
    """

    inner: Any
    qualifiers: frozenset[Any]
    metadata: tuple[Any, ...]


def unwrapped(annotation: Any, home: Home) -> Hint:
    """Take off `Annotated`, `Required` and the like.

    Raises:
        Exception: what `Home.evaluated` raises.
    """
    qualifiers: set[Any] = set()
    metadata: tuple[Any, ...] = ()
    while True:
        annotation = home.evaluated(annotation)
        origin = get_origin(annotation)
        if origin is typing.Annotated:
            metadata = (*annotation.__metadata__, *metadata)
            annotation = annotation.__origin__
        elif origin in _QUALIFIERS:
            qualifiers.add(origin)
            annotation = get_args(annotation)[0]
        else:
            break
    return Hint(annotation, frozenset(qualifiers), metadata)


def alias_content(alias: Any) -> Any:
    """What a `type` alias or a NewType stands for; None when this is neither."""
    if isinstance(alias, NewType):
        return alias.__supertype__
    return alias.__value__ if isinstance(alias, ALIAS_TYPES) else None


def unpacked(annotation: Any) -> Any:
    """What stands behind a star in a tuple: `tuple[str, ...]` of `*tuple[str, ...]`; None where there is no star."""
    if getattr(annotation, "__unpacked__", False) is True:
        return types.GenericAlias(tuple, get_args(annotation))
    # Before Python 3.12 typing's and typing_extensions' are two.
    is_star = get_origin(annotation) in (typing.Unpack, typing_extensions.Unpack)
    return get_args(annotation)[0] if is_star else None


def type_parameters(thing: Any) -> tuple[Any, ...]:
    """The type variables of a generic class or alias."""
    metadata = getattr(thing, "__pydantic_generic_metadata__", None)
    if metadata:
        return tuple(metadata["parameters"])
    if isinstance(thing, ALIAS_TYPES):
        return tuple(getattr(thing, "__type_params__", ()))
    found = getattr(thing, "__parameters__", ())
    return tuple(found) if isinstance(found, tuple) else ()


def generic_bases(cls: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The bases of a class with the type arguments they are written with."""
    written = cls.__dict__.get("__orig_bases__") or getattr(cls, "__bases__", ())
    for base in written:
        origin = get_origin(base) or base
        if is_typeddict(origin) or (isinstance(origin, type) and origin not in _NOTHING_WRITTEN):
            yield origin, get_args(base)
