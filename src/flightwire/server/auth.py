"""Who calls: what the app's `auth` function says of a request, asked once.

Owns: running it, the user's type, the text that stands for a user in what is sealed. Refuses to know: sessions,
passwords, bodies.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine
from types import ModuleType
from typing import Any, Final, TypeAlias, get_args, get_origin

from flightwire.actions.injection import register_user_types
from flightwire.annotations import Namespace
from flightwire.errors import InvalidArgumentError
from flightwire.scope import RequestScope
from flightwire.sealing import Sealer
from flightwire.server.request import Request
from flightwire.threads import DaemonThreads

AuthFunction: TypeAlias = Callable[[Any], Any]
"""Gets the Request; gives the user, or None for nobody, or a promise of it; or raises what the caller is told."""
UserText: TypeAlias = Callable[[Any], str]

MAX_SYNC_CHECKS: Final = 40
CURRENT_USER: Final = "current_user"
"""What `auth.py` in an app folder defines, for apps that nobody writes `flightwire.app(…, auth=…)` for."""
# Types that anything may be of: a parameter of such a type is an argument, not the user.
_COMMON_PACKAGES: Final = frozenset({"builtins", "typing", "typing_extensions", "collections", "uuid"})

_threads = DaemonThreads(MAX_SYNC_CHECKS, "flightwire auth")


class Auth:
    """The app's `auth`, or nothing: then everybody is nobody in particular.

    Arguments:
        fn: the function, sync or async.
        user_text: gives the text that stands for a user in what is sealed; by default the user's `id`.

    Attributes:
        is_given: whether the app has one.
        types: the classes that its return annotation names; parameters of these types are given the user.

    Raises:
        InvalidArgumentError: `fn` cannot be called with one argument.
    """

    def __init__(self, fn: AuthFunction | None = None, *, user_text: UserText | None = None) -> None:
        if fn is not None:
            _check_function(fn)
        self.is_given = fn is not None
        self.types: tuple[type, ...] = () if fn is None else _user_types(fn)
        self._fn = fn
        self._was_given = fn is not None
        self._user_text = user_text
        register_user_types(self.types)

    def found_in(self, load: Callable[[], ModuleType | None]) -> Auth:
        """The `current_user` of an app folder's `auth.py`, for an app that was given no function; else this one."""
        if self._was_given:
            return self
        return Auth(getattr(load(), CURRENT_USER, None), user_text=self._user_text)

    def use(self, found: Auth) -> None:
        """Ask from now on what another one asks."""
        self.is_given, self.types, self._fn = found.is_given, found.types, found._fn

    async def user(self, request: Request) -> Any:
        """Who it is, or None; the function runs once for each Request object.

        Raises:
            Exception: what the function raises, each time anew.
        """
        if self._fn is None:
            return None
        if self not in request.users:
            request.users[self] = await self._ask(self._fn, request)
        return request.users[self]

    async def _ask(self, fn: AuthFunction, request: Request) -> object:
        if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__):
            return await fn(request)
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        said = await loop.run_in_executor(_threads, lambda: context.run(_run, fn, request))
        return await said if inspect.isawaitable(said) else said

    def text_of(self, user: object) -> str | None:
        """The text that stands for a user in what is sealed, or None for nobody.

        It is what `seal_user` says, else the user itself when it is a text, a number or a UUID, else its `id` (an attribute, or a
        key of a mapping).

        Raises:
            InvalidArgumentError: users cannot be told apart.
        """
        if user is None:
            return None
        named = self._user_text(user) if self._user_text is not None else _id_of(user)
        if named is None or isinstance(named, bool) or str(named) == "":
            raise InvalidArgumentError(
                f"What is sealed for a user must not open for another, and a {type(user).__name__} has no `id` to tell them "
                "apart. Write flightwire.app(…, seal_user=lambda user: user.email)."
            )
        return str(named)

    def enter(self, scope: RequestScope, request: Request, user: object, sealer: Sealer) -> None:
        """Let the work of a request know who it is for."""
        scope.request, scope.user, scope.sealer = request, user, sealer
        scope.user_key = lambda: self.text_of(user)


def users_of_folder(load: Callable[[], ModuleType | None]) -> tuple[type, ...]:
    """What users are in an app folder that is loaded without being served: as its `auth.py` says."""
    return Auth().found_in(load).types


def _run(fn: AuthFunction, request: Request) -> Any:
    try:
        return fn(request)
    except StopIteration as error:  # a future cannot carry it
        raise RuntimeError("auth raised StopIteration") from error


def _check_function(fn: object) -> None:
    if not callable(fn):
        raise InvalidArgumentError(f"auth takes a function that gets the Request, got {type(fn).__name__}.")
    try:
        inspect.signature(fn).bind(None)
    except TypeError:
        raise InvalidArgumentError(
            "auth is called with the Request alone. Write `async def current_user(request: Request) -> User | None`."
        ) from None
    except ValueError:  # something built in: it is tried
        return


def _id_of(user: object) -> object:
    if isinstance(user, typing.Mapping):
        return user.get("id")
    if type(user) in (str, int) or type(user).__name__ == "UUID":
        return user
    return getattr(user, "id", None)


def _user_types(fn: AuthFunction) -> tuple[type, ...]:
    """The classes in a return annotation: of `User | None` User. Types that say nothing (`str`, `dict`, Any) are no users."""
    called = fn if inspect.isroutine(fn) else type(fn).__call__
    annotation = getattr(inspect.unwrap(called), "__annotations__", {}).get("return")
    if annotation is None:
        return ()
    try:
        resolved = Namespace(called).resolve(annotation)
    except Exception as error:
        raise InvalidArgumentError(
            f"The return annotation of auth, {annotation!r}, cannot be evaluated ({error}). Actions ask for the user by this "
            "type: import it outside `if TYPE_CHECKING:`."
        ) from error
    return tuple(dict.fromkeys(_classes(resolved)))


def _classes(annotation: Any) -> list[type]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _classes(args[0])
    if origin in (typing.Union, types.UnionType, Awaitable, Coroutine):
        return [cls for each in args for cls in _classes(each)]
    cls = origin or annotation
    is_own = isinstance(cls, type) and cls.__module__.partition(".")[0] not in _COMMON_PACKAGES
    return [cls] if is_own else []
