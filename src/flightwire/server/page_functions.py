"""The functions of `page.py` and `layout.py`.

Owns: finding them, what they may ask for by name, running them. Refuses to know: which address they answer, what their result is.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from flightwire.actions.folder import AppFolder
from flightwire.errors import AppLoadError
from flightwire.threads import DaemonThreads

MAX_THREADS: Final = 40
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "page": ("params", "search_params", "request"),
    "layout": ("children", "params", "request"),
    "generate_metadata": ("params", "search_params", "request"),
}

_threads = DaemonThreads(MAX_THREADS, "flightwire page")


class PageFunction:
    """A function that takes what it asks for by the names of its parameters.

    Arguments:
        fn: `page`, `layout` or `generate_metadata`, async or not; a plain one runs in a thread.
        names: what it may ask for.
        refuse: makes a letter about it of (line, text).

    Raises:
        AppLoadError: it asks for something else.
    """

    __slots__ = ("_fn", "_wanted")

    def __init__(
        self,
        fn: Callable[..., Any],
        names: Sequence[str],
        refuse: Callable[[int | None, str], AppLoadError],
    ) -> None:
        self._fn = fn
        self._wanted: list[str] = []
        for name, parameter in inspect.signature(fn).parameters.items():
            if name in names and parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
                self._wanted.append(name)
            elif parameter.default is inspect.Parameter.empty:
                raise refuse(
                    fn.__code__.co_firstlineno,
                    f"{fn.__name__}() asks for '{parameter}', and nobody could fill it. "
                    f"It may ask for {', '.join(names)}.",
                )

    async def __call__(self, given: Mapping[str, object]) -> object:
        """Run it with what it asks for; awaitables in its result are left for whoever sends it.

        Raises:
            Exception: what it raises.
        """
        arguments = {name: given[name] for name in self._wanted}
        try:
            if inspect.iscoroutinefunction(self._fn):
                return await self._fn(**arguments)
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(_threads, lambda: context.run(self._fn, **arguments))
            return await result if asyncio.iscoroutine(result) else result
        except (StopIteration, SystemExit) as error:  # neither may leave a coroutine of ours
            raise RuntimeError(f"{self._fn.__name__}() raised {type(error).__name__}") from error


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
    return PageFunction(fn, NAMES[name], lambda line, text: app.letter(file, line, text))


def _metadata(app: AppFolder, file: str, module: ModuleType | None) -> Mapping[str, object]:
    metadata = getattr(module, "metadata", None) or {}
    if not isinstance(metadata, Mapping):
        raise app.letter(
            file, None, f"'metadata' is a {type(metadata).__name__}; it must be a dict: {{'title': 'Home'}}."
        )
    return metadata
