"""An app folder: its actions and the names of its public types.

Owns: what pages may import from Python files, and telling the bundler. Refuses to know: HTTP, pages, which files are
loaded (sources.py), how (imports.py).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from flightwire.actions.declarations.providers import ProviderFacts
from flightwire.actions.imports import AppPackage
from flightwire.actions.load_letters import letter_at, load_letter, stranger_letter
from flightwire.actions.public_types import PublicTypes
from flightwire.actions.registry import Action, ActionRegistry, wire_id
from flightwire.actions.sources import ACTIONS, files_with_actions
from flightwire.actions.state_files import write_changed
from flightwire.actions.typescript import TYPES_FOLDER, Declarations, PythonFile, declare, write_declarations
from flightwire.errors import AppLoadError, InvalidArgumentError
from flightwire.markup import ClientComponent

ACTIONS_FILE: Final = "actions.json"
AUTH_FILE: Final = "auth.py"
Users: TypeAlias = Callable[[Callable[[], ModuleType | None]], Collection[type]]
log = logging.getLogger("flightwire.actions")

_SCRIPTS: Final = (".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", ".json")


def load_folder(
    path: Path, previous: AppFolder | None = None, *, users: Users = lambda load: ()
) -> AppFolder:
    """Import an app folder anew. When that fails, what was imported before stays as it was.

    Arguments:
        path: the folder; files with actions may be anywhere in it.
        previous: what was loaded from it earlier; closed once the new one is there.
        users: says what the app's users are, once the files are imported; it may import `auth.py` with what it is given.

    Raises:
        InvalidArgumentError: there is no such folder.
        AppLoadError: a file cannot be imported; one sentence says which, where and what to do.
    """
    folder = path.resolve()
    if not folder.is_dir():
        raise InvalidArgumentError(f"There is no such folder: {path}")
    package = AppPackage(folder)
    with package.importing():
        for file in files_with_actions(folder):
            try:
                package.load(file)
            except (Exception, SystemExit) as error:
                raise load_letter(error, package, file) from error
        try:
            user_types = users(lambda: _auth_module(package))
        except (Exception, SystemExit) as error:
            raise load_letter(error, package, Path(AUTH_FILE)) from error
        loaded = AppFolder(package, user_types)
    if plain := package.plain_imports():
        package.remove()
        raise stranger_letter(plain[0], package, loaded.files)
    if previous is not None:
        previous.close()
    return loaded


@runtime_checkable
class ServesActions(Protocol):
    """Something in a module that has actions of its own: what `create_ai` returns."""

    module: str

    def server_actions(self) -> Sequence[Action[Any, Any]]:
        """Its actions."""
        ...

    @property
    def written(self) -> tuple[Mapping[str, Any], Callable[..., object] | None, Callable[..., object] | None]:
        """What the app wrote: actions by name, the callback that takes the AI state, the one that makes the UI state."""
        ...


def _auth_module(package: AppPackage) -> ModuleType | None:
    return package.load(Path(AUTH_FILE)) if (package.folder / AUTH_FILE).is_file() else None


class AppFolder:
    """What an app folder holds.

    Attributes:
        folder: its absolute path.
        files: the Python files that were imported, relative to the folder.
        registry: its actions, under ids such as `actions#continueConversation`.
        components: the client components that its modules name.
    """

    def __init__(self, package: AppPackage, user_types: Collection[type] = ()) -> None:
        modules = package.files()
        self.folder = package.folder
        self.files = tuple(modules)
        self._by_file = modules
        self.registry = ActionRegistry(user_types)
        self.components = _components(modules.values())
        self._package = package
        self._modules: dict[str, dict[str, Any]] = {}
        self._python_files: dict[str, PythonFile] = {}
        types = PublicTypes(package, modules)
        for file, module in modules.items():
            exports = self._exports(file, module)
            names = [name for name in types.of(module) if name not in exports]
            providers = self._providers(file, module)
            has_types = bool(names or providers) and not self._has_script_beside(file)
            if exports or file.name == ACTIONS or has_types:
                self._modules[file.as_posix()] = {"exports": exports, "types": names}
                self._python_files[file.as_posix()] = _python_file(module, names, providers)

    def module(self, file: str) -> ModuleType | None:
        """The module of a file, `chat/page.py`; None when it was not imported."""
        return self._by_file.get(Path(file))

    def letter(self, file: str, line: int | None, text: str) -> AppLoadError:
        """A letter about a place in a file of the app; `file` is absolute, or relative to the folder."""
        return letter_at(self._package, self.folder / file, line, text)

    def _exports(self, file: Path, module: ModuleType) -> dict[str, str]:
        exports: dict[str, str] = {}
        for name, member in sorted(vars(module).items()):
            if isinstance(member, Action):
                action_id = self._served(member, file)
                if not name.startswith("_"):
                    exports[member.name] = action_id
            elif isinstance(member, ServesActions):
                self._serve_all(member, name, file)
        return exports

    def _providers(self, file: Path, module: ModuleType) -> dict[str, ProviderFacts]:
        """What `create_ai` made in this file, by name."""
        home = file.with_suffix("").as_posix()
        return {
            name: ProviderFacts(*member.written)
            for name, member in vars(module).items()
            if isinstance(member, ServesActions)
            and not name.startswith("_")
            and self._package.owns(member.module)
            and self._package.relative(member.module) == home
        }

    def _serve_all(self, server: ServesActions, name: str, file: Path) -> None:
        """Register the actions of a provider, under the name that it has where it was made."""
        if not self._package.owns(server.module):
            return
        home = self._package.relative(server.module)
        if home == file.with_suffix("").as_posix():
            for each in server.server_actions():
                self.registry.add(each, wire_id(home, f"{name}:{each.name}"))

    def _has_script_beside(self, file: Path) -> bool:
        """Whether `import … from './chart'` means chart.tsx, not the types in chart.py."""
        return any((self.folder / file).with_suffix(ending).is_file() for ending in _SCRIPTS)

    def _served(self, action: Action[Any, Any], file: Path) -> str:
        """Register an action and return its id; one that was imported belongs to the module that defines it."""
        home = file.with_suffix("").as_posix()
        if self._package.owns(action.module):
            home = self._package.relative(action.module)
        action_id = wire_id(home, action.name)
        try:
            self.registry.add(action, action_id)
            action.schema.check_names()
        except InvalidArgumentError as error:
            raise self._letter(action, error) from error
        return action_id

    def prepare(self) -> None:
        """Build what checks the arguments of its actions now, which imports pydantic; otherwise their first calls do it.

        Raises:
            AppLoadError: an annotation that cannot be checked.
        """
        for action in self.registry:
            try:
                action.schema.prepare()
            except InvalidArgumentError as error:
                raise self._letter(action, error) from error

    def _letter(self, action: Action[Any, Any], error: Exception) -> AppLoadError:
        code = action.fn.__code__
        return letter_at(self._package, Path(code.co_filename), code.co_firstlineno, str(error))

    def describe(self) -> dict[str, Any]:
        """What a page may import, as `actions.json` says it.

        `{"version": 1, "modules": {"actions.py": {"exports": {"getAnswer": "actions#getAnswer"}, "types": ["Answer"]}}}`
        """
        described = json.loads(json.dumps(self._modules))
        declared = {} if self.declarations is None else self.declarations.types
        for file, module in described.items():
            names = {*module["types"], *declared.get(file, ())} - module["exports"].keys()
            module["types"] = sorted(names)
        return {"version": 1, "modules": described}

    @cached_property
    def declarations(self) -> Declarations | None:
        """What pages may import, in TypeScript; None, and a line in the log, when that cannot be said."""
        try:
            return declare(self._python_files)
        except Exception as error:  # pages run without declarations, so nothing here may stop an app
            log.error(
                "The TypeScript declarations of %s/ could not be made (%s: %s). Its pages work without them; please "
                "report this with the annotations of your actions.",
                self.folder.name,
                type(error).__name__,
                error,
                exc_info=error,
            )
            return None

    def write_state(self, state_folder: Path) -> bool:
        """Write what the bundler and editors must know, atomically and only when it has changed.

        These are `actions.json`, for the bundler, and `types/`, the declarations in TypeScript.

        Returns:
            Whether `actions.json` had changed.

        Raises:
            AppLoadError: the folder cannot be written to.
        """
        try:
            state_folder.mkdir(parents=True, exist_ok=True)
            if not (state_folder / ".gitignore").exists():
                write_changed(state_folder / ".gitignore", "*\n")
            self._write_declarations(state_folder / TYPES_FOLDER)
            return write_changed(state_folder / ACTIONS_FILE, json.dumps(self.describe(), indent=1) + "\n")
        except OSError as error:
            raise AppLoadError(
                f"{state_folder} cannot be written ({error.strerror}). Flightwire keeps there what the bundler must "
                "know; make the folder writable.",
                path=str(state_folder),
            ) from error

    def _write_declarations(self, folder: Path) -> None:
        if self.declarations is None:
            return
        try:
            write_declarations(self.declarations, folder)
        except OSError as error:
            log.error(
                "%s cannot be written (%s), so editors do not know what pages may import. Make it writable.",
                folder,
                error.strerror,
            )

    def close(self) -> None:
        """Forget its modules, unless the folder has been loaded again since; who holds an action may still call it."""
        self._package.remove()


def _components(modules: Iterable[ModuleType]) -> tuple[ClientComponent, ...]:
    found = {
        id(member): member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, ClientComponent)
    }
    return tuple(found.values())


def _python_file(module: ModuleType, types: list[str], providers: Mapping[str, ProviderFacts]) -> PythonFile:
    """What pages may import from a module, in the order in which it is written there."""
    names = dict(vars(module))
    actions = {
        member.name: member
        for name, member in names.items()
        if isinstance(member, Action) and not name.startswith("_")
    }
    order = {name: index for index, name in enumerate(names)}
    return PythonFile(
        names, tuple(actions.values()), tuple(sorted(types, key=lambda name: order[name])), providers
    )
