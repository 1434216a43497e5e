"""What is provided for one call: the values of `Provide(f)`, each made once, and cleaned up when the response is complete.

Owns: asking one provider for another, generators and their endings. Refuses to know: HTTP, what the values are.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from inspect import Parameter
from typing import Any, Final, Literal, TypeAlias, cast

from flightwire._frozen import value
from flightwire.actions.injection import Injected, injected
from flightwire.annotations import Namespace, signature_of
from flightwire.errors import ForbiddenError, InvalidArgumentError, UnauthorizedError
from flightwire.scope import current_scope, instead_of_the_end
from flightwire.threads import DaemonThreads

CLEAN_UP_TIMEOUT_S: Final = 30.0
MAX_SYNC_PROVIDERS: Final = 40

log = logging.getLogger("flightwire.actions")

_threads = DaemonThreads(MAX_SYNC_PROVIDERS, "flightwire provider")
_Kind: TypeAlias = Literal["value", "async value", "generator", "async generator"]
_END: Final = object()


@value
class Provider:
    """A function that provides a value, and what it wants to be given itself."""

    fn: Callable[..., Any]
    kind: _Kind
    wants: Mapping[str, Injected]


@value
class Needs:
    """What the parameters of a function are filled with.

    Attributes:
        wants: parameter → what it is filled with.
        providers: those that are needed for it, and for each other.
        users: every wish for a user among them.
    """

    wants: Mapping[str, Injected]
    providers: Mapping[Callable[..., Any], Provider]
    users: tuple[Injected, ...]

    @property
    def has_ends(self) -> bool:
        """Whether a provider has something to clean up."""
        return any(each.kind.endswith("generator") for each in self.providers.values())


NO_NEEDS: Final = Needs({}, {}, ())


def needs_of(wants: Mapping[str, Injected]) -> Needs:
    """All that is needed to fill these parameters.

    Raises:
        InvalidArgumentError: a provider that could not be called.
    """
    providers: dict[Callable[..., Any], Provider] = {}
    _collect(wants, providers, ())
    all_wants = [*wants.values(), *(each for found in providers.values() for each in found.wants.values())]
    return Needs(dict(wants), providers, tuple(each for each in all_wants if each.kind == "user"))


def _collect(
    wants: Mapping[str, Injected],
    providers: dict[Callable[..., Any], Provider],
    above: tuple[Callable[..., Any], ...],
) -> None:
    for wanted in wants.values():
        if wanted.provide is None:
            continue
        fn = wanted.provide.fn
        if fn in above:
            raise InvalidArgumentError(f"Provide({_name(fn)}) asks for itself, through what it asks for.")
        if fn not in providers:
            provider = provider_of(fn)
            _collect(provider.wants, providers, (*above, fn))
            providers[fn] = provider


def provider_of(fn: Callable[..., Any]) -> Provider:
    """A provider, and what it asks for.

    Raises:
        InvalidArgumentError: a parameter that nobody could fill.
    """
    name = _name(fn)
    wants = {}
    parameters = _parameters(fn, name)
    called = _called(fn)
    namespace = Namespace(
        called if hasattr(called, "__module__") else _names_nothing
    )  # what is built in has no module
    for parameter in parameters:
        wanted = (
            None if parameter.annotation is Parameter.empty else injected(parameter.annotation, namespace)
        )
        if wanted is not None and parameter.kind is not Parameter.POSITIONAL_ONLY:
            wants[parameter.name] = wanted
        elif parameter.default is Parameter.empty and parameter.kind not in (
            Parameter.VAR_POSITIONAL,
            Parameter.VAR_KEYWORD,
        ):
            raise InvalidArgumentError(
                f"Nobody could fill the parameter '{parameter.name}' of Provide({name}). It may ask for a Request, the "
                "app's user, or Annotated[…, Provide(…)]; give anything else a default."
            )
    return Provider(fn, _kind_of(fn), wants)


def _parameters(fn: Callable[..., Any], name: str) -> list[Parameter]:
    try:
        return list(signature_of(fn).parameters.values())
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"Provide({name}) has no signature that Python could tell. Wrap it: `def get(): return {name}()`."
        ) from None


def _kind_of(fn: Callable[..., Any]) -> _Kind:
    called = inspect.unwrap(_called(fn))
    if inspect.isasyncgenfunction(called):
        return "async generator"
    if inspect.isgeneratorfunction(called):
        return "generator"
    return "async value" if inspect.iscoroutinefunction(called) else "value"


def _called(fn: Callable[..., Any]) -> Callable[..., Any]:
    """What runs when it is called: of an object with `__call__` that."""
    if inspect.isclass(fn):
        return fn.__init__  # where its annotations are
    return fn if inspect.isroutine(fn) else type(fn).__call__


def _names_nothing() -> None:
    """Where no name can be looked up."""


def _name(fn: Callable[..., Any]) -> str:
    return str(getattr(fn, "__name__", type(fn).__name__))


class Supply:
    """What one call is given.

    The providers of a call that have something to clean up live in one task from beginning to end, so that what they hold across
    their `yield` (time-outs, task groups, context variables) is left where it was entered.

    Arguments:
        action: its name, for letters.
        needs: what its parameters are filled with.
        request: for those that ask for one.
        user: who calls, or None.

    Attributes:
        user: the same.
    """

    __slots__ = ("_action", "_ending", "_made", "_needs", "_open", "_ready", "_request", "_task", "user")

    def __init__(self, action: str, needs: Needs, *, request: object, user: object) -> None:
        self._action = action
        self._needs = needs
        self._request = request
        self.user = user
        self._made: dict[Callable[..., Any], object] = {}
        self._open: list[tuple[Provider, Generator[Any, Any, Any] | AsyncGenerator[Any, Any]]] = []
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[dict[str, object]] | None = None
        self._ending: asyncio.Future[BaseException | None] | None = None

    def check_user(self) -> None:
        """See whether the user will do for all that ask for one.

        Raises:
            UnauthorizedError: somebody asks for a user and there is none.
            ForbiddenError: it is not the kind of user that is asked for.
        """
        for wanted in self._needs.users:
            _check_user(self.user, wanted, self._action)

    async def values(self) -> dict[str, object]:
        """Parameter → value. Called once, within the request scope of the call.

        Raises:
            Exception: what a provider raises.
        """
        try:
            if not self._needs.has_ends:
                return await self._fill(self._needs.wants)
            loop, scope = asyncio.get_running_loop(), current_scope()
            self._ready, self._ending = loop.create_future(), loop.create_future()
            context = contextvars.copy_context() if scope is None else scope.context
            self._task = loop.create_task(self._live(self._ready, self._ending), context=context)
            return await asyncio.shield(self._ready)
        except (SystemExit, KeyboardInterrupt) as error:  # asyncio would end the whole server
            raise instead_of_the_end(error, f"a provider of action '{self._action}'") from error

    async def _live(
        self, ready: asyncio.Future[dict[str, object]], ending: asyncio.Future[BaseException | None]
    ) -> None:
        how: BaseException | None = None
        try:
            values = await self._fill(self._needs.wants)
            if not ready.done():
                ready.set_result(values)
            how = await ending
        except BaseException as error:
            how = error
            if not ready.done():
                _fail(ready, error)
        await self._clean_up(how)

    @property
    def is_used(self) -> bool:
        """Whether anything was made that may have to clean up."""
        return self._task is not None

    async def aclose(self, how: BaseException | None) -> None:
        """Let everybody clean up.

        Arguments:
            how: the call ended: None when it is done, else its error; CancelledError when the client has gone. Generators get
                it raised at their `yield`.
        """
        if self._task is None or self._ready is None or self._ending is None:
            return
        if not self._ready.done():
            self._task.cancel()
        elif not self._ending.done():
            self._ending.set_result(how)
        _, late = await asyncio.wait({self._task}, timeout=CLEAN_UP_TIMEOUT_S)
        for task in late:
            log.error(
                "action '%s': what was provided is not cleaned up after %g s",
                self._action,
                CLEAN_UP_TIMEOUT_S,
            )
            task.cancel()

    # --- making --------------------------------------------------------------------------------------------------

    async def _fill(self, wants: Mapping[str, Injected]) -> dict[str, object]:
        return {name: await self._value(wanted) for name, wanted in wants.items()}

    async def _value(self, wanted: Injected) -> object:
        if wanted.kind == "request":
            return self._request
        if wanted.provide is None:
            return self.user
        fn = wanted.provide.fn
        if fn not in self._made:
            self._made[fn] = await self._make(self._needs.providers[fn])
        return self._made[fn]

    async def _make(self, provider: Provider) -> object:
        given = await self._fill(provider.wants)
        if provider.kind == "value":
            made = await _in_thread(lambda: provider.fn(**given))
            return await made if inspect.isawaitable(made) else made
        if provider.kind == "async value":
            return await provider.fn(**given)
        generator = provider.fn(**given)
        first = await _step(generator)
        if first is _END:
            raise InvalidArgumentError(f"Provide({_name(provider.fn)}) is a generator that yielded nothing.")
        self._open.append((provider, generator))
        return first

    # --- cleaning up ---------------------------------------------------------------------------------------------

    async def _clean_up(self, how: BaseException | None) -> None:
        """The last made is cleaned up first. What goes wrong there is reported and stops nobody else."""
        while self._open:
            provider, generator = self._open.pop()
            try:
                again = await _step(generator, how)
            except BaseException as error:
                if error is not how:
                    log.error("Provide(%s) failed while it cleaned up", _name(provider.fn), exc_info=error)
                continue
            if again is not _END:
                log.error("Provide(%s) yielded a second time; a provider yields once", _name(provider.fn))
                await _close(generator)
        self._made.clear()


def _check_user(user: object, wanted: Injected, action: str) -> None:
    if user is None:
        if not wanted.is_optional:
            raise UnauthorizedError(f"'{action}' is for users who are signed in.")
    elif not _is_one_of(user, wanted.types):
        raise ForbiddenError(f"'{action}' is for other users.")


def _is_one_of(user: object, classes: tuple[type, ...]) -> bool:
    names = {(cls.__module__, cls.__qualname__) for cls in classes}  # a class may have been imported anew
    if any((cls.__module__, cls.__qualname__) in names for cls in type(user).__mro__):
        return True
    try:
        return isinstance(user, classes)
    except TypeError:  # a TypedDict or a Protocol: nobody can be asked whether he is one
        return True


async def _in_thread(fn: Callable[[], Any]) -> Any:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: context.run(_run, fn))


def _run(fn: Callable[[], Any]) -> Any:
    try:
        return fn()
    except StopIteration as error:  # a future cannot carry it
        raise RuntimeError("a provider raised StopIteration") from error


async def _step(generator: Any, how: BaseException | None = None) -> object:
    """Run a generator to its next `yield`, or to its end; with `how` raised where it stands."""
    if inspect.isasyncgen(generator):
        try:
            return await (anext(generator) if how is None else generator.athrow(how))
        except StopAsyncIteration:
            return _END
    return await _in_thread(lambda: _sync_step(cast("Generator[Any, Any, Any]", generator), how))


def _sync_step(generator: Generator[Any, Any, Any], how: BaseException | None) -> object:
    try:
        return next(generator) if how is None else generator.throw(how)
    except StopIteration:
        return _END


async def _close(generator: Any) -> None:
    try:
        await (generator.aclose() if inspect.isasyncgen(generator) else _in_thread(generator.close))
    except BaseException as error:
        log.error("a provider failed while it cleaned up", exc_info=error)


def _fail(ready: asyncio.Future[Any], error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError):
        ready.cancel()
    else:
        ready.set_exception(error)
        ready.exception()  # whoever waited may have gone
