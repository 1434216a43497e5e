"""The functions of `page.py` and `layout.py`.

Owns: finding them, what they may ask for by name, running them. Refuses to know: which address they answer, what their result is.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from types import ModuleType
from typing import Any, Final

from flightwire.actions.folder import AppFolder
from flightwire.actions.injection import Injected, injected
from flightwire.annotations import Namespace, signature_of
from flightwire.errors import AppLoadError, InvalidArgumentError
from flightwire.scope import instead_of_the_end
from flightwire.threads import DaemonThreads

MAX_THREADS: Final = 40
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "page": ("params", "search_params", "request"),
    "layout": ("children", "params", "request"),
    "generate_metadata": ("params", "search_params", "request"),
}

_threads = DaemonThreads(MAX_THREADS, "flightwire page")


class PageFunction:
    """A function that takes what it asks for: by name what belongs to the page, by type what actions can ask for, too.

    Arguments:
        fn: `page`, `layout` or `generate_metadata`, async or not; a plain one runs in a thread.
        file: the file it is in.
        names: what it may ask for by name.
        refuse: makes a letter about it of (line, text).

    Attributes:
        code: of the function.
        wants: what must be supplied to it: a key in what it is given → what that is.

    Raises:
        AppLoadError: it asks for something else.
    """

    __slots__ = ("_fn", "_sources", "code", "wants")

    def __init__(
        self,
        fn: Callable[..., Any],
        file: str,
        names: Sequence[str],
        refuse: Callable[[int | None, str], AppLoadError],
    ) -> None:
        self.code = fn.__code__
        self._fn = fn
        self._sources: dict[str, str] = {}  # parameter → key in what it is given
        self.wants: dict[str, Injected] = {}
        namespace = Namespace(fn)
        for parameter in signature_of(fn).parameters.values():
            name = parameter.name
            try:
                wanted = _wanted(parameter, namespace)
            except InvalidArgumentError as error:
                raise refuse(fn.__code__.co_firstlineno, f"parameter '{name}': {error}") from None
            if wanted is not None:
                self._sources[name] = f"{file}:{fn.__name__}:{name}"
                self.wants[self._sources[name]] = wanted
            elif name in names and parameter.kind is not Parameter.POSITIONAL_ONLY:
                self._sources[name] = name
            elif parameter.default is Parameter.empty:
                raise refuse(
                    fn.__code__.co_firstlineno,
                    f"{fn.__name__}() asks for '{name}', and nobody could fill it. It may ask for {', '.join(names)}, and by "
                    "type for a Request, the app's user, and Annotated[…, Provide(…)].",
                )

    async def __call__(self, given: Mapping[str, object]) -> object:
        """Run it with what it asks for; awaitables in its result are left for whoever sends it.

        Raises:
            Exception: what it raises.
        """
        arguments = {name: given[key] for name, key in self._sources.items()}
        try:
            if inspect.iscoroutinefunction(self._fn):
                return await self._fn(**arguments)
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(_threads, lambda: context.run(self._call, arguments))
            return await result if asyncio.iscoroutine(result) else result
        except (SystemExit, KeyboardInterrupt) as error:  # asyncio would end the whole server
            raise instead_of_the_end(error, f"{self._fn.__name__}()") from error

    def _call(self, arguments: Mapping[str, object]) -> object:
        try:
            return self._fn(**arguments)
        except (
            StopIteration
        ) as error:  # a future cannot carry it, and its awaiter would wait for ever (PEP 479)
            raise RuntimeError(f"{self._fn.__name__}() raised StopIteration") from error


def _wanted(parameter: Parameter, namespace: Namespace) -> Injected | None:
    is_annotated = parameter.annotation is not Parameter.empty
    return injected(parameter.annotation, namespace) if is_annotated else None


class PythonPart:
    """One `page.py` or `layout.py`.

    Attributes:
        file: its path in the app folder.
        render: the function after which the file is named.
        metadata: what its `metadata` says.
        generate_metadata: what makes it for one request, or None.
    """

    __slots__ = ("file", "generate_metadata", "metadata", "render")

    def __init__(self, app: AppFolder, file: str) -> None:
        name = file.rpartition("/")[2].removesuffix(".py")
        module = app.module(file)
        self.file = file
        render = _function(app, file, module, name)
        if render is None:
            what = f"there is no function '{name}' in it. Write `async def {name}({NAMES[name][0]}): …`."
            raise app.letter(file, None, what)
        self.render = render
        self.generate_metadata = _function(app, file, module, "generate_metadata")
        self.metadata = _metadata(app, file, module)


def _function(app: AppFolder, file: str, module: ModuleType | None, name: str) -> PageFunction | None:
    fn = getattr(module, name, None)
    if fn is None:
        return None
    if not inspect.isfunction(fn):
        raise app.letter(file, None, f"'{name}' is a {type(fn).__name__}; it must be a function.")
    return PageFunction(fn, file, NAMES[name], lambda line, text: app.letter(file, line, text))


def _metadata(app: AppFolder, file: str, module: ModuleType | None) -> Mapping[str, object]:
    metadata = getattr(module, "metadata", None) or {}
    if not isinstance(metadata, Mapping):
        raise app.letter(
            file, None, f"'metadata' is a {type(metadata).__name__}; it must be a dict: {{'title': 'Home'}}."
        )
    return metadata
