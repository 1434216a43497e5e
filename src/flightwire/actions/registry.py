"""Actions: Python functions that a page may call.

Owns: the decorator, what an action is known by, the table of those that exist. Refuses to know: HTTP, how arguments are
validated (schema.py), how it is run (call.py).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, overload

from flightwire.actions.schema import ArgumentSchema
from flightwire.errors import InvalidArgumentError
from flightwire.wire.flight.values import ServerReference

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")


class Action(Generic[P, R]):
    """A function that a page may call; from Python it is called as it was written.

    Attributes:
        name: what the page imports, `continueConversation`.
        id: what the wire calls it, `actions#continueConversation`; known once it is registered.
        max_duration_s: how long a call may run, or None for the app's limit.
        max_body_bytes: how large a call may be, or None for the app's limit.
    """

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        max_duration_s: float | None = None,
        max_body_bytes: int | None = None,
    ) -> None:
        self.fn = fn
        self.python_name = getattr(fn, "__name__", "action")
        self.module = getattr(fn, "__module__", "")
        self.name = _checked_name(name or camel_case(self.python_name))
        self.id = f"{self.module.rpartition('.')[2]}#{self.name}"
        self.max_duration_s = _positive(max_duration_s, "max_duration_s")
        self.max_body_bytes = (
            None if max_body_bytes is None else int(_positive(max_body_bytes, "max_body_bytes") or 0)
        )
        self.is_async = inspect.iscoroutinefunction(fn)
        self.docstring = inspect.getdoc(fn)
        self.schema = ArgumentSchema(fn, self.name)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, as any Python code would."""
        return self.fn(*args, **kwargs)

    def to_server_reference(self) -> ServerReference:
        """What stands for this action in a result, so that the page can call it."""
        return ServerReference(self.id, None)

    def __repr__(self) -> str:
        """Never a path, a default or a line of source (CVE-2025-55183)."""
        return f"<action {self.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled; refer to it by its id.")


@overload
def action(fn: Callable[P, R], /) -> Action[P, R]: ...
@overload
def action(
    *, name: str | None = None, max_duration_s: float | None = None, max_body_bytes: int | None = None
) -> Callable[[Callable[P, R]], Action[P, R]]: ...
def action(
    fn: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    max_duration_s: float | None = None,
    max_body_bytes: int | None = None,
) -> Action[P, R] | Callable[[Callable[P, R]], Action[P, R]]:
    """Let pages call this function. It is a public URL: whoever can reach the server can call it with any arguments.

    Arguments:
        fn: the function, async or not.
        name: what the page imports; by default the function's name in camelCase.
        max_duration_s: how long a call may run, in seconds.
        max_body_bytes: how large the body of a call may be.

    Raises:
        InvalidArgumentError: the function takes what a page cannot give, or a name or limit that cannot be.
    """

    def decorate(decorated: Callable[P, R]) -> Action[P, R]:
        if not callable(decorated) or isinstance(decorated, type):
            raise InvalidArgumentError(f"@action decorates a function, got {decorated!r}.")
        return Action(decorated, name=name, max_duration_s=max_duration_s, max_body_bytes=max_body_bytes)

    return decorate if fn is None else decorate(fn)


class ActionRegistry:
    """The actions that exist. A call is looked up here and nowhere else."""

    def __init__(self) -> None:
        self._actions: dict[str, Action[Any, Any]] = {}

    @classmethod
    def of(cls, actions: Iterable[Action[Any, Any]]) -> ActionRegistry:
        """A registry of these actions, each under its own id.

        Raises:
            InvalidArgumentError: something that is no action, or two with one id.
        """
        registry = cls()
        for each in actions:
            if not isinstance(each, Action):
                raise InvalidArgumentError(f"{each!r} is not an action; write @action above its `def`.")
            registry.add(each, each.id)
        return registry

    def add(self, added: Action[Any, Any], id: str) -> None:
        """Register an action under an id; the same action under the same id again is fine.

        Raises:
            InvalidArgumentError: another action has this id.
        """
        other = self._actions.get(id)
        if other is not None and other is not added:
            raise InvalidArgumentError(
                f"two actions have the id {id!r}: the functions {other.python_name!r} and {added.python_name!r}. "
                "Give one of them another name: @action(name='…')."
            )
        added.id = id
        self._actions[id] = added

    def merged_with(self, other: ActionRegistry) -> ActionRegistry:
        """A registry of both.

        Raises:
            InvalidArgumentError: two actions have one id.
        """
        merged = ActionRegistry()
        for registry in (self, other):
            for each in registry:
                merged.add(each, each.id)
        return merged

    def get(self, id: str) -> Action[Any, Any] | None:
        """The action with this id: a look-up, never an import."""
        return self._actions.get(id)

    def ids(self) -> list[str]:
        """All ids, sorted."""
        return sorted(self._actions)

    def __iter__(self) -> Iterator[Action[Any, Any]]:
        return iter(self._actions.values())

    def __len__(self) -> int:
        return len(self._actions)


def camel_case(name: str) -> str:
    """`continue_conversation` → `continueConversation`; leading underscores stay."""
    bare = name.lstrip("_")
    head, *rest = bare.split("_")
    return name[: len(name) - len(bare)] + head + "".join(part[:1].upper() + part[1:] for part in rest)


def _checked_name(name: str) -> str:
    if not _NAME.match(name):
        raise InvalidArgumentError(
            f"{name!r} cannot be imported in TypeScript; use letters, digits, _ and $."
        )
    return name


def _positive(number: float | None, what: str) -> float | None:
    if number is not None and (
        isinstance(number, bool) or not isinstance(number, (int, float)) or number <= 0
    ):
        raise InvalidArgumentError(f"{what} must be a positive number, got {number!r}.")
    return number
