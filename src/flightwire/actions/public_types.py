"""Which names of a module are types that a page may import.

Owns: telling types from other things: TypedDict, dataclass, pydantic model, Enum, NamedTuple, NewType, aliases. Refuses
to know: what they look like in TypeScript.
"""

from __future__ import annotations

import dataclasses
import enum
import typing
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from typing_extensions import is_typeddict

from flightwire.actions.imports import AppPackage
from flightwire.actions.sources import assigned_names


class PublicTypes:
    """The types that an app defines, wherever in it they are imported.

    Arguments:
        package: the app.
        modules: its modules by file.
    """

    def __init__(self, package: AppPackage, modules: Mapping[Path, ModuleType]) -> None:
        self._package = package
        # `Literal["a"]` does not say where it was made: the files say which names they assign one to.
        self._aliases = [
            member
            for file, module in modules.items()
            for name in assigned_names(package.folder / file)
            if _is_alias(member := vars(module).get(name))
        ]

    def of(self, module: ModuleType) -> list[str]:
        """The names of a module's types, sorted."""
        return sorted(name for name, member in vars(module).items() if self._is_type(name, member))

    def _is_type(self, name: str, member: object) -> bool:
        if name.startswith("_") or not name.isidentifier():  # pydantic puts "Page[str]" there, too
            return False
        if isinstance(member, type) or _is_named_alias(member):
            home = getattr(member, "__module__", None) or ""
            return self._package.owns(home) and (not isinstance(member, type) or _is_data(member))
        return _is_alias(member) and any(member is alias for alias in self._aliases)


def _is_data(cls: type) -> bool:
    return (
        is_typeddict(cls)
        or dataclasses.is_dataclass(cls)
        or issubclass(cls, enum.Enum)
        or hasattr(cls, "__pydantic_fields__")
        or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
    )


def _is_named_alias(member: object) -> bool:
    """A NewType or what `type X = …` makes: both know their module."""
    return isinstance(member, typing.NewType) or type(member).__name__ == "TypeAliasType"


def _is_alias(member: Any) -> bool:
    """`Literal["a"]`, `str | int`, `list[Message]`; not `typing.List` itself."""
    return (
        not isinstance(member, type)
        and bool(typing.get_args(member))
        and typing.get_origin(member) is not None
    )
