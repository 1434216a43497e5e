"""Parameters that the server fills, never the browser.

Owns: which types those are, by name, so that none of them is imported here. Refuses to know: where their values come from.
"""

from __future__ import annotations

import types
import typing
from typing import Any, Final, ForwardRef, get_args, get_origin

_INJECTABLE: Final = {"starlette.requests.Request"}  # FastAPI's is the same class


def register_injectable(qualified_name: str) -> None:
    """Let parameters of this type be filled by the server from now on: `"myapp.users.User"`."""
    _INJECTABLE.add(qualified_name)


def injectable(annotation: Any) -> str | None:
    """The qualified name of the type that the server will supply, or None for an argument of the call.

    A name that cannot be looked up (imported under `if TYPE_CHECKING:`) counts when it ends like one of them.
    """
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return _by_last_name(annotation)
    if isinstance(annotation, type):
        name = f"{annotation.__module__}.{annotation.__qualname__}"
        return name if name in _INJECTABLE else None
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return injectable(get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return next(filter(None, map(injectable, get_args(annotation))), None)
    return None


def _by_last_name(annotation: str) -> str | None:
    words = [word.strip().rpartition(".")[2] for word in annotation.split("|")]
    return next((name for name in _INJECTABLE if name.rpartition(".")[2] in words), None)
