"""Parameters that the server fills, never the browser.

Owns: which annotations those are: a Request, the app's user, what is provided. Refuses to know: where their values come
from, HTTP: requests are known by the names of their classes, so that none is imported here.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Final, ForwardRef, Literal, get_args, get_origin
from weakref import WeakSet

from flightwire._frozen import value
from flightwire.annotations import Namespace
from flightwire.errors import InvalidArgumentError

_REQUESTS: Final = frozenset(
    {"starlette.requests.Request", "flightwire.server.request.Request"}
)  # FastAPI's is the first
_FOREIGN_PROVIDERS: Final = frozenset({"Depends", "Security"})  # of FastAPI and its relatives
_WORD: Final = re.compile(r"[^\W\d]\w*")


class Provide:
    """In an annotation, says who makes the value: `db: Annotated[Db, Provide(get_db)]`.

    Arguments:
        fn: a function, async function, or (async) generator that yields once and cleans up after that, when the response is
            complete. It may ask for a Request, the user, and what others provide, in the same way.

    Raises:
        InvalidArgumentError: it cannot be called.
    """

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[..., Any]) -> None:
        if not callable(fn):
            raise InvalidArgumentError(
                f"Provide(…) takes a function, got {type(fn).__name__}. Write Provide(get_db), without calling it."
            )
        self.fn = fn

    def __repr__(self) -> str:
        """`Provide(get_db)`."""
        return f"Provide({getattr(self.fn, '__name__', type(self.fn).__name__)})"


@value
class Injected:
    """What the server fills a parameter with.

    Attributes:
        kind: "request", "user" or "provide".
        types: the classes that a user may be of.
        is_optional: whether None will do.
        provide: who provides it.
    """

    kind: Literal["request", "user", "provide"]
    types: tuple[type, ...] = ()
    is_optional: bool = False
    provide: Provide | None = None


_user_types: WeakSet[type] = WeakSet()


def register_user_types(users: Iterable[type]) -> None:
    """Let parameters of these types, and of those derived from them, be filled by the server from now on.

    It holds for every app of the process: what is a user for one must not be an argument for another.
    """
    _user_types.update(users)


def injected(annotation: object, namespace: Namespace) -> Injected | None:
    """What the server fills a parameter with, or None for an argument of the call.

    Names that cannot be looked up (imported under `if TYPE_CHECKING:`) count when they are those of a request or user.

    Raises:
        InvalidArgumentError: it says that somebody provides it, and nobody could.
    """
    return _found(_evaluated(annotation, namespace))


def _found(annotation: Any) -> Injected | None:
    if isinstance(annotation, ForwardRef):
        return _by_last_name(annotation.__forward_arg__)
    if isinstance(annotation, type):
        return _by_class(annotation)
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return _provided(annotation) or _found(get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return _of_union(get_args(annotation))
    for inner in get_args(annotation):
        if get_origin(inner) is typing.Annotated and _provided(inner):
            raise InvalidArgumentError(
                "Provide(…) stands inside another type. Write Annotated[list[…], Provide(…)]."
            )
    return None


def _of_union(members: tuple[Any, ...]) -> Injected | None:
    found = [each for each in map(_found, members) if each is not None]
    if not found:
        return None
    first = found[0]
    return Injected(
        first.kind,
        tuple(cls for each in found for cls in each.types),
        type(None) in members,
        first.provide,
    )


def _by_class(cls: type) -> Injected | None:
    if isinstance(cls, _Missing):
        return _by_last_name(cls.__name__)
    if f"{cls.__module__}.{cls.__qualname__}" in _REQUESTS:
        return Injected("request")
    return Injected("user", (cls,)) if any(_is_same_kind(cls, user) for user in _user_types) else None


def _is_same_kind(cls: type, user: type) -> bool:
    """Whether a value of this class could pass for a user: the class itself, one derived from it, or one of its bases.

    Of the bases only those of the same package count: everything may be derived from a pydantic model.
    """
    if cls is user or (cls.__module__, cls.__qualname__) == (user.__module__, user.__qualname__):
        return True
    if user in cls.__mro__:
        return True
    return cls in user.__mro__ and cls.__module__.partition(".")[0] == user.__module__.partition(".")[0]


def _by_last_name(text: str) -> Injected | None:
    words = {word.strip().rpartition(".")[2] for word in text.split("|")}
    if "Request" in words:
        return Injected("request")
    users = tuple(user for user in _user_types if user.__name__ in words)
    return Injected("user", users, "None" in words) if users else None


def _provided(annotation: Any) -> Injected | None:
    for said in annotation.__metadata__:
        if isinstance(said, Provide):
            if isinstance(said.fn, _Missing):
                raise InvalidArgumentError(
                    f"Provide({said.fn.__name__}) names something that is not there when it runs. Import it outside "
                    "`if TYPE_CHECKING:`."
                )
            return Injected("provide", provide=said)
        if isinstance(said, _Missing) and said.__name__ == "Provide":
            raise InvalidArgumentError(
                "Import Provide outside `if TYPE_CHECKING:`; it is needed when the app runs."
            )
        if is_foreign_provider(said):
            raise InvalidArgumentError(
                f"{type(said).__name__}(…) is another framework's, and would be filled by the browser here. "
                "Write Annotated[…, Provide(…)]."
            )
    return None


def is_foreign_provider(said: object) -> bool:
    """Whether this is how FastAPI and its relatives say who makes a value."""
    return type(said).__name__ in _FOREIGN_PROVIDERS


# --- annotations that cannot be evaluated whole ----------------------------------------------------------------------


class _Missing(type):
    """The class of names that cannot be found: they stand in an annotation as any class would."""

    def __getattr__(cls, name: str) -> Any:
        return _missing(name)

    def __getitem__(cls, item: object) -> Any:
        return cls

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        return cls


def _missing(name: str) -> Any:
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(name)
    return _Missing(name, (), {})


def _evaluated(annotation: object, namespace: Namespace) -> Any:
    try:
        return namespace.resolve(annotation)
    except Exception:
        text = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
        return _leniently(text, namespace) if isinstance(text, str) else annotation


def _leniently(text: str, namespace: Namespace) -> Any:
    """What an annotation means as far as its names can be found; the text itself when even that fails."""
    try:
        names = namespace.names(_WORD.findall(text), _missing)
        return eval(text, names)  # noqa: S307 - what the app's author wrote as an annotation, as typing does
    except Exception:
        return ForwardRef(text) if _is_expression(text) else None


def _is_expression(text: str) -> bool:
    try:
        compile(text, "annotation", "eval")
    except SyntaxError:
        return False
    return True
