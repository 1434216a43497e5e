"""React elements as Python values.

Owns: what UI code builds: elements, fragments, Suspense, references to client components and to server actions,
and `undefined`. Refuses to know: rows, bytes, the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeAlias

from flightwire._frozen import value


class _Undefined(Enum):
    UNDEFINED = "undefined"

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


class _Unset(Enum):
    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = _Undefined.UNDEFINED
"""JavaScript's `undefined`."""
Undefined: TypeAlias = _Undefined

UNSET: Final = _Unset.UNSET
"""An argument that was not given, where `None` is a value."""
Unset: TypeAlias = _Unset


@value
class Symbol:
    """JavaScript's `Symbol.for(name)`."""

    name: str


FRAGMENT: Final = Symbol("react.fragment")
SUSPENSE: Final = Symbol("react.suspense")


@value
class ClientReference:
    """An export of a client module: a component, or any other value the browser has.

    `module_id` is the path of the module relative to the app folder, `name` its export; `chunks` what the browser
    loads before it can have the module.
    """

    module_id: str
    name: str
    chunks: tuple[str, ...] = ()


ElementType: TypeAlias = str | Symbol | ClientReference


class Element:
    """A React element: a type, an optional key, and props (children are a prop).

    Compared by identity: two elements with the same content are two places on the page.
    """

    __slots__ = ("key", "props", "type")

    def __init__(
        self, type: ElementType, props: Mapping[str, object] | None = None, key: str | None = None
    ) -> None:
        self.type = type
        self.props = props or {}
        self.key = key

    def __repr__(self) -> str:
        """`<div key='a'>`: never the props, which may be large or private."""
        name = self.type if isinstance(self.type, str) else self.type.name
        return f"<{name}>" if self.key is None else f"<{name} key={self.key!r}>"
