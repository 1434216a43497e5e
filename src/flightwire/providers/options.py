"""A provider's own options, in either spelling.

Owns: finding them in `provider_options`; `parallelToolCalls` and `parallel_tool_calls` are one. Refuses to know: what any
option means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import ProviderOptions

__all__ = ["Options", "camel_case", "option_of", "options_of", "snake_case"]

T = TypeVar("T")

_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_JOINT = re.compile(r"[_-]([a-z])")


def snake_case(name: str) -> str:
    """`parallel_tool_calls` for `parallelToolCalls`."""
    return _CAPITAL.sub(r"_\1", name).lower()


def camel_case(name: str) -> str:
    """`parallelToolCalls` for `parallel_tool_calls`."""
    return _JOINT.sub(lambda joint: joint[1].upper(), name)


class Options:
    """The options of one provider, read by their camelCase name; what nobody asked for is `rest`."""

    __slots__ = ("_given", "_read", "_spelt")

    def __init__(self, given: Mapping[str, JSONValue]) -> None:
        self._given = {camel_case(name): option for name, option in given.items()}
        self._spelt = {camel_case(name): name for name in given}
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> JSONValue:
        """The option, or None."""
        self._read.add(name)
        return self._given.get(name)

    def __contains__(self, name: str) -> bool:
        """Whether it was given, be it as None."""
        self._read.add(name)
        return name in self._given

    def get(self, name: str, default: T) -> T:
        """The option, or the default when it is not given or None."""
        found = self[name]
        return default if found is None else cast("T", found)

    def fields(self, names: Mapping[str, str]) -> dict[str, JSONValue]:
        """Those that were given, by the name of the field that each becomes.

        Arguments:
            names: field → option.
        """
        if not self._given:
            return {}
        return {field: self[name] for field, name in names.items() if name in self}

    def known(self, *names: str) -> None:
        """These mean something, be it elsewhere."""
        self._read.update(names)

    def rest(self) -> dict[str, JSONValue]:
        """What nobody asked for, as it was spelt."""
        return {self._spelt[name]: option for name, option in self._given.items() if name not in self._read}


def options_of(provider_options: ProviderOptions | None, *providers: str) -> Options:
    """The options under these names; later names win."""
    merged: dict[str, JSONValue] = {}
    for provider in providers:
        found = (provider_options or {}).get(provider)
        if isinstance(found, Mapping):
            merged.update(found)
    return Options(merged)


def option_of(provider_options: ProviderOptions | None, provider: str, name: str) -> JSONValue:
    """One option of a message or part, by its camelCase name; None when it is not there."""
    found: JSONObject | None = (provider_options or {}).get(provider)
    if not isinstance(found, Mapping):
        return None
    option = found.get(name)
    return found.get(snake_case(name)) if option is None else option


def without_none(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that are something."""
    return {name: field for name, field in fields.items() if field is not None}


def known_only(fields: Mapping[str, JSONValue], names: Iterable[str]) -> dict[str, JSONValue]:
    """These of the fields."""
    return {name: fields[name] for name in names if name in fields}
