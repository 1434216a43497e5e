"""Actions: Python functions that a page may call, and the table that says which ones exist.

Owns: the decorator, names, wire ids. Refuses to know: HTTP, how arguments are checked (schema.py), how an action is run
(call.py).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from inspect import isfunction
from pathlib import Path
from typing import Any, Concatenate, Final, Generic, NoReturn, ParamSpec, SupportsIndex, TypeVar, overload
from urllib.parse import quote

from flightwire.actions.bound import BOUND, BoundAction
from flightwire.actions.schema import ArgumentSchema
from flightwire.annotations import names_around
from flightwire.errors import InvalidArgumentError
from flightwire.wire.flight.declared import camel_case
from flightwire.wire.flight.values import ServerReference

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
Number = TypeVar("Number", int, float)

# ECMAScript 2026, 12.7.2: words that no import can be called; a module with an export `then` would look like a promise.
RESERVED_IN_JAVASCRIPT: Final = frozenset(
    "arguments await break case catch class const continue debugger default delete do else enum eval export extends "  # noqa: SIM905 - fifty lines otherwise
    "false finally for function if implements import in instanceof interface let new null package private protected "
    "public return static super switch then this throw true try typeof undefined var void while with yield".split()
)
_ID_SAFE: Final = (
    "/#[]()@$!&'*+,;=:"  # everything else outside letters and digits is %-escaped: ids go into a header
)


class Action(Generic[P, R]):
    """A function that a page may call; from Python it is called as it was written.

    Attributes:
        fn: the function.
        name: what the page imports, `continueConversation`.
        id: what the wire calls it, `actions#continueConversation`; settled once a registry has it.
        module: the Python module it was defined in.
        docstring: the function's docstring, cleaned; None without one.
        is_async: whether it runs on the event loop; others run in a thread.
        max_duration_s: how long one call may take, or None for the app's limit.
        max_body_bytes: how large one call may be, or None for the app's limit.
        public: whether people may call it who are not signed in, in an app that has `auth`.
        schema: what its arguments must be.
    """

    __slots__ = (
        "__weakref__",
        "_is_registered",
        "docstring",
        "fn",
        "id",
        "is_async",
        "max_body_bytes",
        "max_duration_s",
        "module",
        "name",
        "public",
        "schema",
    )

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        max_duration_s: float | None = None,
        max_body_bytes: int | None = None,
        public: bool = False,
        local_names: dict[str, object] | None = None,
    ) -> None:
        _check_function(fn)
        self.fn = fn
        self.name = _checked_name(camel_case(fn.__name__) if name is None else name, written=fn.__name__)
        self.module: str = fn.__module__ or "actions"  # code made by exec() has none
        self.docstring = inspect.getdoc(fn)
        self.is_async = inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn)
        self.max_duration_s = _checked_limit(max_duration_s, "max_duration_s", self.name)
        self.max_body_bytes = _checked_limit(max_body_bytes, "max_body_bytes", self.name)
        self.public = public
        self.id = wire_id(_last_part(self.module), self.name)
        self.schema = ArgumentSchema(fn, self.name, local_names=local_names)
        self._is_registered = False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, as any Python code would."""
        return self.fn(*args, **kwargs)

    @overload
    def bind(self) -> BoundAction[P, R]: ...

    @overload
    def bind(self: Action[Concatenate[A, Q], R], a: A, /) -> BoundAction[Q, R]: ...

    @overload
    def bind(self: Action[Concatenate[A, B, Q], R], a: A, b: B, /) -> BoundAction[Q, R]: ...

    @overload
    def bind(self: Action[Concatenate[A, B, C, Q], R], a: A, b: B, c: C, /) -> BoundAction[Q, R]: ...

    @overload
    def bind(self, a: Any, b: Any, c: Any, d: Any, /, *args: Any) -> BoundAction[..., R]: ...

    def bind(self, *args: Any) -> BoundAction[..., R]:
        """The action with its first arguments given: `on_click=save.bind(id)`.

        In Python it is called with the others. As a prop or in a result it becomes a function in the browser, which keeps the
        arguments encrypted: nobody there can read or change them, or use them for another action or user.

        Raises:
            InvalidArgumentError: more arguments than the action takes.
        """
        return BoundAction(self, args)

    def to_server_reference(self) -> ServerReference:
        """What stands for this action in a result, so that the page can call it.

        Raises:
            InvalidArgumentError: no app serves this action, so no page could call it.
        """
        if not self._is_registered:
            raise InvalidArgumentError(
                f"action '{self.name}' is not served by any app, so the page could not call it. "
                "Put it into a module of the app folder, or write flightwire.app(actions=[…])."
            )
        return ServerReference(self.id, None)

    # What is not said about an action cannot leak: React's CVE-2025-55183 gave away the source of server functions.

    def __repr__(self) -> str:
        """`<action getAnswer>`: never a path, a default or a line of source."""
        return f"<action {self.name}>"

    def __format__(self, spec: str) -> str:
        """As any text."""
        return format(repr(self), spec)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError(f"{self!r} cannot be pickled; refer to it by its id.")

    def __getstate__(self) -> NoReturn:
        """Refuse to be taken apart."""
        raise TypeError(f"{self!r} cannot be pickled; refer to it by its id.")

    def __copy__(self) -> Action[P, R]:
        """An action is one thing: copies of what holds it hold the same one."""
        return self

    def __deepcopy__(self, memo: object) -> Action[P, R]:
        """As `__copy__`."""
        return self


@overload
def action(fn: Callable[P, R], /) -> Action[P, R]: ...


@overload
def action(
    *,
    name: str | None = None,
    max_duration_s: float | None = None,
    max_body_bytes: int | None = None,
    public: bool = False,
) -> Callable[[Callable[P, R]], Action[P, R]]: ...


def action(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    max_duration_s: float | None = None,
    max_body_bytes: int | None = None,
    public: bool = False,
) -> Any:
    """Let pages call this function. It is a public URL: whoever can reach the server can call it with any arguments.

    Used bare (`@action`) or with options (`@action(max_duration_s=30)`). The function may be `async def` or `def`; a
    plain one runs in a thread. Arguments are checked against the annotations before it runs.

    Arguments:
        fn: the function.
        name: what the page imports; by default the function's name in camelCase.
        max_duration_s: how long one call may take, in seconds.
        max_body_bytes: how large one call may be, in bytes.
        public: whether people may call it who are not signed in, in an app that has `auth`.

    Raises:
        InvalidArgumentError: this is no function, nobody could fill one of its parameters, no page could import it
            under this name, or a limit is no positive number.
    """

    def decorate(fn: Callable[..., Any]) -> Action[..., Any]:
        return Action(
            fn,
            name=name,
            max_duration_s=max_duration_s,
            max_body_bytes=max_body_bytes,
            public=public,
            local_names=names_around(fn, sys._getframe(1 if is_called else 2)),
        )

    is_called = fn is None
    return decorate if fn is None else decorate(fn)


class ActionRegistry:
    """The actions that one app serves. A call is looked up here and nowhere else: an id is never imported or evaluated.

    Arguments:
        user_types: what the app's users are, as its `auth` says; without them no action can ask for one.
    """

    def __init__(self, user_types: Collection[type] = ()) -> None:
        self._user_types = user_types
        self._by_id: dict[str, Action[Any, Any]] = {}
        self._aliases: dict[str, Action[Any, Any]] = {}

    @classmethod
    def of(cls, actions: Iterable[Action[Any, Any]], *, user_types: Collection[type] = ()) -> ActionRegistry:
        """A registry of actions that are given one by one, named after the last part of their modules.

        Raises:
            InvalidArgumentError: one is no action, or two have one id.
        """
        registry = cls(user_types)
        for each in actions:
            if not isinstance(each, Action):
                raise InvalidArgumentError(_no_action(each))
            registry.add(each, wire_id(_last_part(each.module), each.name))
        return registry

    def add(self, added: Action[Any, Any], id: str) -> None:
        """Serve an action under a wire id; doing it twice is fine.

        An action keeps its first id for good, because references to it carry that one: a second app that serves it under
        another id answers to both.

        Raises:
            InvalidArgumentError: another action has this id, or nobody could fill one of its parameters.
        """
        added.schema.check()
        if added.schema.needs.users and not self._user_types:
            raise InvalidArgumentError(
                f"Action '{added.name}' asks for a user, and this app has no auth that could say who it is. Write "
                "flightwire.app(…, auth=current_user)."
            )
        if not added._is_registered:
            added.id, added._is_registered = id, True
        for each in {id, added.id}:
            other = self.get(each)
            if other is not None and other is not added:
                raise InvalidArgumentError(_same_id(each, added, other))
        self._by_id[id] = added
        if added.id != id:
            self._aliases[added.id] = added

    def merged_with(self, other: ActionRegistry) -> ActionRegistry:
        """A registry that serves what both serve.

        Raises:
            InvalidArgumentError: they have different actions under one id.
        """
        merged = ActionRegistry((*self._user_types, *other._user_types))
        for registry in (self, other):
            for action_id, each in registry._by_id.items():
                merged.add(each, action_id)
        return merged

    def get(self, id: str) -> Action[Any, Any] | None:
        """The action with this id, or None: a look-up, never an import."""
        return self._by_id.get(id) or self._aliases.get(id)

    def find(self, id: str) -> tuple[Action[Any, Any] | None, bool]:
        """The action that a call means, or None; and whether its first argument is what was bound to it, sealed."""
        found = self.get(id)
        if found is None and id.endswith(BOUND):
            return self.get(id.removesuffix(BOUND)), True
        return found, False

    def ids(self) -> list[str]:
        """All ids, sorted."""
        return sorted(self._by_id)

    def prepare(self) -> None:
        """Build every argument schema now (it imports pydantic); otherwise the first call of each action does it.

        Raises:
            InvalidArgumentError: an annotation that cannot be checked.
        """
        for each in self:
            each.schema.prepare()

    def __iter__(self) -> Iterator[Action[Any, Any]]:
        """The actions, in the order they were added."""
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        """How many actions there are."""
        return len(self._by_id)

    def __contains__(self, id: object) -> bool:
        """Whether an action has this wire id."""
        return id in self._by_id or id in self._aliases


def wire_id(module: str, name: str) -> str:
    """`recipes/stream/actions#getAnswer`; what a header could not carry is %-escaped.

    Arguments:
        module: the path of the module relative to the app folder, without `.py`.
        name: of the action.
    """
    return quote(f"{module}#{name}", safe=_ID_SAFE)


def _check_function(fn: object) -> None:
    if isinstance(fn, Action):
        raise InvalidArgumentError(f"{fn!r} is an action already. Write @action once.")
    if not isfunction(fn):
        raise InvalidArgumentError(
            f"@action decorates a function, got {_kind_of(fn)}. Write `@action` above `async def …` in a module."
        )
    if inspect.isgeneratorfunction(fn):
        raise InvalidArgumentError(
            f"action '{fn.__name__}' is a generator. Return a list, or stream with create_streamable_value()."
        )
    outer = fn.__qualname__.rpartition(".")[0]
    if outer and not outer.endswith("<locals>"):
        raise InvalidArgumentError(
            f"action '{fn.__name__}' is a method of {outer}. A page calls functions: move it out of the class."
        )


def _checked_name(name: str, *, written: str) -> str:
    if not isinstance(name, str) or not name.replace("$", "_").isidentifier():
        raise InvalidArgumentError(
            f"{name!r} is no name that a page could import. Write @action(name='getAnswer') with letters and digits."
        )
    if name in RESERVED_IN_JAVASCRIPT:
        raise InvalidArgumentError(
            f"action '{written}' would be called '{name}' in JavaScript, where that word means something else. "
            f"Rename it, or write @action(name='{name}Item')."
        )
    return name


def _checked_limit(limit: Number | None, option: str, name: str) -> Number | None:
    if limit is None:
        return None
    wanted = int if option == "max_body_bytes" else (int, float)
    if isinstance(limit, bool) or not isinstance(limit, wanted) or not 0 < limit < float("inf"):
        raise InvalidArgumentError(f"{option} of action '{name}' must be a positive number, got {limit!r}.")
    return limit


def _last_part(module: str) -> str:
    if module != "__main__":
        return module.rpartition(".")[2]
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).stem if file else "main"  # a worker that imports the file must come to the same id


def _same_id(id: str, action: Action[Any, Any], other: Action[Any, Any]) -> str:
    if action.module == other.module:
        where = f"Module {action.module.rpartition('.')[2]} has"
    else:
        where = f"Modules {other.module} and {action.module} have"
    return (
        f"{where} two actions with the id '{id}', so a call could not say which one it means. "
        f"Rename one, or write @action(name='{action.name}2')."
    )


def _no_action(thing: object) -> str:
    if isinstance(thing, BoundAction):
        return f"actions=[…] holds {thing!r}. Serve the action itself, and bind it where you hand it to the page."
    return f"actions=[…] holds {_kind_of(thing)}, which is not an action. Write @action above its `def`."


def _kind_of(thing: object) -> str:
    if isfunction(thing):
        return f"the function '{thing.__name__}'"
    return f"the class '{thing.__name__}'" if isinstance(thing, type) else f"a {type(thing).__name__}"
