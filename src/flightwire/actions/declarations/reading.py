"""From an annotation to a TypeScript type.

Owns: everything that stands inside an annotation: unions, collections, streams, generics, literals. Refuses to know: the
fields of classes (classes.py), files, names.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import typing_extensions
from typing_extensions import is_typeddict

from flightwire.actions.bound import BoundAction
from flightwire.actions.declarations import words
from flightwire.actions.declarations.book import Book
from flightwire.actions.declarations.hints import (
    ALIAS_TYPES,
    Hint,
    Home,
    alias_content,
    type_parameters,
    unpacked,
    unwrapped,
)
from flightwire.actions.declarations.shapes import (
    ANY,
    NEVER,
    NUMBER,
    STRING,
    UNKNOWN,
    Function,
    Global,
    Imported,
    Index,
    ListOf,
    Shape,
    Slot,
    TupleOf,
    Way,
    Word,
    literal,
    promise,
    union,
)
from flightwire.actions.form_fields import FromForm
from flightwire.actions.registry import Action
from flightwire.elements import Element
from flightwire.wire.flight.values import FormData

_STREAMABLES: Final = (
    "flightwire.rsc.streamable.StreamableValue",
    "flightwire.rsc.streamable.StreamableValueSource",
)

Read: TypeAlias = "Callable[[Reader, Any, tuple[Any, ...]], Shape]"


class Reader:
    """Reads the annotations of one place: an action, a class or an alias.

    Arguments:
        book: where classes and aliases are noted.
        way: whether these are arguments or results.
        home: where names are looked up.
        about: the action or type, for remarks.
        given: what type variables stand for.
        is_alias: whether this is the content of an alias, which must not stand in its own type arguments.
        is_model: whether pydantic turns the values into what is sent, so that its serializers run.
    """

    __slots__ = ("_place", "about", "book", "free", "given", "home", "is_alias", "is_model", "way")

    def __init__(
        self,
        book: Book,
        way: Way,
        home: Home,
        about: str,
        given: Mapping[Any, Shape] | None = None,
        *,
        is_alias: bool = False,
        is_model: bool = False,
    ) -> None:
        self.book = book
        self.way = way
        self.home = home
        self.about = about
        self.given = given or {}
        self.free: dict[Any, None] = {}
        self.is_alias = is_alias
        self.is_model = is_model
        self._place = ""

    def read(self, annotation: Any, place: str) -> Shape:
        """The type of an annotation; `any` and a remark where it has none.

        Arguments:
            annotation: as it is written.
            place: for remarks: "argument 'history'", "the result".
        """
        self._place = place
        return self.shape(annotation)

    def shape(self, annotation: Any) -> Shape:
        """The type of an annotation inside the one that is being read."""
        try:
            meant = self.home.evaluated(annotation)
            self._learn_name(annotation, meant)
            if self.book.aliases.name_of(meant) is not None:
                return self.book.refer(meant, self.way)
            return self.hinted(unwrapped(meant, self.home))
        except NameError as error:
            name = getattr(error, "name", None) or str(error)
            self.remark(
                f"is annotated with '{name}', which cannot be found. Import it outside `if TYPE_CHECKING:`."
            )
        except RecursionError:
            self.remark("is nested too deeply. Give its parts names.")
        except Exception as error:  # evaluating what strangers wrote as an annotation can raise anything
            self.remark(f"has an annotation that cannot be evaluated ({type(error).__name__}: {error}).")
        return ANY

    def _learn_name(self, annotation: Any, meant: Any) -> None:
        """What an annotation calls by a name is called so here, too: otherwise one that mentions itself had no end."""
        name = getattr(annotation, "__forward_arg__", annotation)
        is_name = isinstance(name, str) and name.isidentifier()
        if is_name and get_args(meant) and not _is_node(meant) and not isinstance(meant, ALIAS_TYPES):
            self.book.aliases.add(name, meant)

    def content(self, alias: Any) -> Shape:
        """What an alias is made of, not its name."""
        self._place = "it"
        try:
            hint = unwrapped(alias, self.home)
            if hint.inner is not alias:
                return self.hinted(hint)
            return self._with_arguments(get_origin(alias), get_args(alias))
        except Exception as error:  # as in `shape`
            self.remark(f"has an annotation that cannot be evaluated ({type(error).__name__}: {error}).")
            return ANY

    def hinted(self, hint: Hint) -> Shape:
        """The type of an annotation that was unwrapped."""
        for each in hint.metadata if self.is_model else ():
            if (sent := sent_by(each, self.way)) is not None:
                return self.shape(sent)
        annotation = FormData if any(isinstance(each, FromForm) for each in hint.metadata) else hint.inner
        if self.book.aliases.name_of(annotation) is not None:
            return self.book.refer(annotation, self.way)
        if isinstance(annotation, TypeVar):
            return self._variable(annotation)
        if alias_content(annotation) is not None:
            return self._generic_reference(annotation, ())
        origin = get_origin(annotation)
        if origin is None:
            return self._plain(annotation)
        is_empty = origin is tuple and not get_args(annotation)  # tuple[()]
        return TupleOf(()) if is_empty else self._with_arguments(origin, get_args(annotation))

    def remark(self, text: str) -> None:
        """Note what is wrong in the place that is being read."""
        self.book.remark(self.about, f"{self._place} {text}")

    def unfit(self, what: str) -> Shape:
        """Note that a type does not travel."""
        if self.way == "out":
            self.remark(
                f"holds {what}, which cannot be sent to a page. "
                "Return JSON values, dataclasses, pydantic models, elements or streamable values."
            )
        else:
            self.remark(
                f"takes {what}, which no page can give. Use JSON types, TypedDict, dataclasses or pydantic models."
            )
        return ANY

    def _union(self, members: tuple[Any, ...]) -> Shape:
        """A union; `Node`, alone or in a larger one, is React's word for what can be shown."""
        if {*members} >= words.NODE_MEMBERS:
            rest = [each for each in members if each not in words.NODE_MEMBERS]
            return self._union((Element, *rest))
        shapes = [self.shape(each) for each in members]
        if words.NODE in shapes:
            shapes = [each for each in shapes if each not in words.NODE_HOLDS]
        return union(*shapes)

    # --- without anything inside ---------------------------------------------------------------------------------

    def _plain(self, annotation: object) -> Shape:
        if annotation in _NEVER:
            return NEVER
        if annotation is typing_extensions.LiteralString or annotation is getattr(
            typing, "LiteralString", None
        ):
            return STRING
        if annotation in _ANYTHING:  # a class since Python 3.11
            return ANY
        return self._class(annotation) if isinstance(annotation, type) else UNKNOWN

    def _class(self, cls: type) -> Shape:
        if is_typeddict(cls) or self._is_declared(cls):
            return self._generic_reference(cls, ())
        if _full_name(cls) in _STREAMABLES:
            return self._with_arguments(cls, ())
        if issubclass(cls, enum.Enum) and cls not in words.EXACT:
            return self.book.refer(cls, self.way)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return self._generic_reference(cls, ())
        entry = words.word_of(cls)
        if entry is not None and not (self.way == "in" and _is_made_by_nobody(cls)):
            return entry.shape(self.way) or self.unfit(f"a {cls.__name__}")
        return self._collection_class(cls)

    def _is_declared(self, cls: type) -> bool:
        """Whether a class has fields or a form that the file declares."""
        if cls in words.OUR_FORMS:
            return self.way == "out"
        is_model = hasattr(cls, "__pydantic_fields__")
        if not is_model and (not dataclasses.is_dataclass(cls) or words.word_of(cls) is not None):
            return False
        return self.way == "out" or not cls.__module__.startswith("flightwire.")

    def _collection_class(self, cls: type) -> Shape:
        if cls in _BY_ORIGIN:
            return self._with_arguments(cls, ())
        for bases in (
            words.SETS,
            tuple(words.ASYNC_ITERABLES),
            words.PROMISES,
            collections.abc.Mapping,
            tuple,
        ):
            if issubclass(cls, bases):
                return self._with_arguments(_first_base(cls, bases), ())
        if cls in words.LISTS_IN or cls in words.LISTS or issubclass(cls, list):
            return self._with_arguments(cls if cls in words.LISTS_IN else list, ())
        return self._foreign(cls)

    def _foreign(self, cls: type) -> Shape:
        """A class that only pydantic may know, by the JSON Schema it gives."""
        if hasattr(cls, "__get_pydantic_core_schema__"):
            from flightwire.actions.declarations.foreign import shape_of_foreign  # imports pydantic

            found = shape_of_foreign(cls, self.way)
            if found is not None:
                return found
        if cls.__module__ == "builtins" and self.way == "in":
            return self.unfit(f"a {cls.__name__}")
        return self.unfit(f"<{cls.__name__}>")

    # --- with something inside -----------------------------------------------------------------------------------

    def _with_arguments(self, origin: Any, args: tuple[Any, ...]) -> Shape:
        if origin in _BY_ORIGIN:
            return _BY_ORIGIN[origin](self, origin, args)
        if isinstance(origin, ALIAS_TYPES):
            return self._generic_reference(origin, args)
        if not isinstance(origin, type):
            return UNKNOWN
        if _full_name(origin) in _STREAMABLES:
            return self._streamable(args)
        if issubclass(origin, collections.abc.Mapping) and not is_typeddict(origin):
            return self._mapping(args)
        return self._list_or_class(origin, args)

    def _list_or_class(self, origin: Any, args: tuple[Any, ...]) -> Shape:
        if origin in words.LISTS or (isinstance(origin, type) and issubclass(origin, list)):
            return ListOf(self._item(args))
        if origin in words.LISTS_IN:
            return ListOf(self._item(args)) if self.way == "in" else self.unfit(f"a {origin.__name__}")
        if origin is type:
            return self.unfit("a class")
        if is_typeddict(origin) or self._is_declared(origin) or hasattr(origin, "_fields"):
            return self._generic_reference(origin, args)
        return self._class(origin)

    def _item(self, args: tuple[Any, ...]) -> Shape:
        return self.shape(args[0]) if args else ANY

    def _generic_reference(self, thing: Any, args: tuple[Any, ...]) -> Shape:
        metadata = getattr(thing, "__pydantic_generic_metadata__", None)
        if metadata and metadata["origin"] is not None:
            thing, args = metadata["origin"], metadata["args"]
        wanted = len(type_parameters(thing))
        shapes = [self.shape(each) for each in args[:wanted]]
        return self.book.refer(thing, self.way, (*shapes, *(ANY for _ in range(wanted - len(shapes)))))

    def _variable(self, variable: TypeVar) -> Shape:
        if variable in self.given:
            return self.given[variable]
        self.free[variable] = None
        return Word(variable.__name__)

    def _literal(self, constant: Any) -> Shape:
        if isinstance(constant, enum.Enum):
            constant = constant.value
        return literal(constant) or self._class(type(constant))

    def _streamable(self, args: tuple[Any, ...]) -> Shape:
        if self.way == "in":
            return self.unfit("a streamable value")
        return Imported("StreamableValue", "@ai-sdk/rsc", (self.shape(args[0]),) if args else ())

    def _stream(self, origin: Any, args: tuple[Any, ...]) -> Shape:
        item = self._item(args)
        if self.way == "in":
            return union(Global("AsyncIterable", (item,)), Global("ReadableStream", (item,)))
        return Global(words.ASYNC_ITERABLES[origin], (item,))

    def _function(self, args: tuple[Any, ...], *, is_action: bool) -> Shape:
        if self.way == "in" and not is_action:
            return ANY
        parameters = args[0] if args else ...
        if isinstance(parameters, list | tuple):
            slots = tuple(Slot(f"arg{index}", self.shape(each)) for index, each in enumerate(parameters))
        else:
            slots = (Slot("args", Word("any[]"), is_rest=True),)
        return Function(slots, promise(self.shape(args[1]) if args else ANY))

    def _tuple(self, args: tuple[Any, ...]) -> Shape:
        if len(args) == 2 and args[1] is ...:
            return ListOf(self.shape(args[0]))
        if not args:
            return ListOf(ANY)
        return TupleOf(tuple(slot for each in args for slot in self._slots(each)) if args != ((),) else ())

    def _slots(self, annotation: Any) -> tuple[Slot, ...]:
        """One place of a tuple; `*tuple[int, ...]` is several."""
        inner = unpacked(annotation)
        if inner is None:
            return (Slot("", self.shape(annotation)),)
        shape = self.shape(inner)
        return shape.slots if isinstance(shape, TupleOf) else (Slot("", shape, is_rest=True),)

    def _mapping(self, args: tuple[Any, ...]) -> Shape:
        if len(args) < 2:
            return Global("Record", (STRING, NUMBER if args else ANY))  # Counter[str] has one argument
        key = unwrapped(args[0], self.home).inner
        item = self.shape(args[1])
        shape = self._key(key)
        if shape == STRING and self.is_alias:
            return Index(item)
        record = Global("Record", (shape, item))
        return Global("Partial", (record,)) if _is_closed(key) else record

    def _key(self, key: Any) -> Shape:
        inner = alias_content(key)
        if inner is not None:
            return self._key(unwrapped(inner, self.home).inner)
        if get_origin(key) in (Literal, Union, types.UnionType):
            return self.shape(key)
        cls = key if isinstance(key, type) else object
        if issubclass(cls, enum.Enum) and (issubclass(cls, str) or (self.way == "in" and _are_keys(cls))):
            return self.shape(cls)
        if key is Any or isinstance(key, TypeVar) or issubclass(cls, str):
            return STRING
        return self._number_key(key) if self.way == "in" else self._unfit_key(key)

    def _number_key(self, key: Any) -> Shape:
        return NUMBER if isinstance(key, type) and issubclass(key, int | float) else STRING

    def _unfit_key(self, key: Any) -> Shape:
        self.remark(
            f"holds a dict with {getattr(key, '__name__', key)} keys, and JavaScript objects have text keys only. "
            "Use str keys, or return flightwire's JSMap."
        )
        return STRING


_BY_ORIGIN: Final[Mapping[Any, Read]] = {
    **dict.fromkeys((Union, types.UnionType), lambda reader, _, args: reader._union(args)),
    Literal: lambda reader, _, args: union(*map(reader._literal, args)),
    **dict.fromkeys(
        (Action, BoundAction, collections.abc.Callable),
        lambda reader, origin, args: reader._function(args, is_action=origin is not collections.abc.Callable),
    ),
    tuple: lambda reader, _, args: reader._tuple(args),
    **dict.fromkeys(words.SETS, lambda reader, _, args: Global("Set", (reader._item(args),))),
    **dict.fromkeys(words.ASYNC_ITERABLES, lambda reader, origin, args: reader._stream(origin, args)),
    **dict.fromkeys(words.PROMISES, lambda reader, _, args: promise(reader._item(args[-1:]))),
}
_ANYTHING: Final[tuple[object, ...]] = (Any,)
_NEVER: Final = (typing.NoReturn, typing.Never, typing_extensions.Never)


def _is_node(annotation: Any) -> bool:
    """Whether it is `Node`, for which TypeScript has a word."""
    return (
        get_origin(annotation) in (Union, types.UnionType) and {*get_args(annotation)} == words.NODE_MEMBERS
    )


def _is_closed(key: Any) -> bool:
    """Whether only some keys can be there, so that none of them must be."""
    return get_origin(key) is Literal or (isinstance(key, type) and issubclass(key, enum.Enum))


def _is_made_by_nobody(cls: type) -> bool:
    """Whether pydantic makes only the class that this one inherits from: `class Word(str)`."""
    is_known = cls.__module__.partition(".")[0] in (*sys.stdlib_module_names, "flightwire")
    return not is_known and not hasattr(cls, "__get_pydantic_core_schema__")


def _are_keys(cls: type[enum.Enum]) -> bool:
    """Whether the values of all members can be keys of an object."""
    return all(isinstance(each.value, str | int) for each in cls)


def _first_base(cls: type, bases: Any) -> Any:
    """Which of the classes this is one of: the narrowest."""
    candidates = bases if isinstance(bases, tuple) else (bases,)
    found = [each for each in candidates if issubclass(cls, each)]
    return cls if cls in found else found[-1]


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def sent_by(metadata: Any, way: Way) -> Any:
    """What a serializer of pydantic's says it returns: that is what is sent; None for other metadata."""
    if way == "in" or type(metadata).__name__ not in ("PlainSerializer", "WrapSerializer"):
        return None
    return serialized_as(metadata.func, metadata.return_type)


def serialized_as(function: Any, return_type: Any) -> Any:
    """The type that a serializer returns; `Any` when it does not say."""
    if isinstance(return_type, type) or get_origin(return_type) is not None:
        return return_type
    return getattr(function, "__annotations__", {}).get("return", Any)
