"""The input of a function call that comes in pieces, each with its place.

Owns: `partialArgs` (https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling), put together into
one JSON text that only grows. Refuses to know: streams, calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flightwire.jsontypes import JSONObject, JSONValue, dumps

__all__ = ["PartialArgs"]

MAX_PATH_STEPS = 64
_STEP = re.compile(r"\[(\d+)\]")
_VALUES = ("stringValue", "numberValue", "boolValue")
_NOTHING = object()

Step = str | int


class _Open:
    """An object or list whose end is not written yet."""

    def __init__(self, step: Step, *, is_list: bool) -> None:
        self.step = step
        self.is_list = is_list
        self.children = 0


class PartialArgs:
    """Takes pieces and gives what they add to the JSON text."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}
        self._written: list[str] = []
        self._open: list[_Open] = []
        self._string_is_open = False
        self._texts: dict[tuple[Step, ...], list[str]] = {}  # that grow: put together once, at the end

    def take(self, pieces: Sequence[JSONValue]) -> str:
        """Give the text that these pieces add."""
        text = "".join(self._take(piece) for piece in pieces if isinstance(piece, Mapping))
        self._written.append(text)
        return text

    def finish(self) -> tuple[str, str]:
        """Give the rest of the text, and the whole input."""
        for steps, pieces in self._texts.items():
            self._put(steps, "".join(pieces))
        whole = dumps(self._root)
        return whole[len("".join(self._written)) :], whole

    def _take(self, piece: JSONObject) -> str:
        path = piece.get("jsonPath")
        steps = _steps(path) if isinstance(path, str) else []
        if not steps or len(steps) > MAX_PATH_STEPS:
            return ""
        continues = piece.get("willContinue") is True
        known, said = self._at(steps), _value(piece)
        if said is _NOTHING:
            return self._take_end(steps, known, is_list=str(path).endswith("[]"), continues=continues)
        if isinstance(said, str) and isinstance(known, str):
            self._texts.setdefault(tuple(steps), [known]).append(said)
            return dumps(said)[1:-1] + ("" if continues else self._close_string())
        if known is not _NOTHING:
            return ""  # a second value for the same place
        self._put(steps, said)
        return self._write_leaf(steps, said, continues=continues)

    def _take_end(self, steps: Sequence[Step], known: Any, *, is_list: bool, continues: bool) -> str:
        """A piece without a value ends a text; where nothing stands yet it is an object or list without anything."""
        if continues or known is not _NOTHING:
            return self._close_string() if isinstance(known, str) and not continues else ""
        self._put(steps, [] if is_list else {})
        return self._navigate(steps, 0 if is_list else "")

    # the value

    def _at(self, steps: Sequence[Step]) -> Any:
        found: Any = self._root
        for step in steps:
            if isinstance(found, dict) and isinstance(step, str):
                found = found.get(step, _NOTHING)
            elif isinstance(found, list) and isinstance(step, int) and step < len(found):
                found = found[step]
            else:
                return _NOTHING
        return found

    def _put(self, steps: Sequence[Step], said: Any) -> None:
        found: Any = self._root
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            is_leaf = following is None
            fresh = said if is_leaf else [] if isinstance(following, int) else {}
            if isinstance(found, list) and isinstance(step, int):
                if step == len(found):
                    found.append(fresh)
                elif step < len(found) and is_leaf:
                    found[step] = fresh
                elif step > len(found):
                    return
                found = found[step]
            elif isinstance(found, dict) and isinstance(step, str):
                if is_leaf or not isinstance(found.get(step), (dict, list)):
                    found[step] = fresh
                found = found[step]
            else:
                return

    # the text

    def _close_string(self) -> str:
        if not self._string_is_open:
            return ""
        self._string_is_open = False
        return '"'

    def _navigate(self, steps: Sequence[Step], leaf: Step) -> str:
        """Close and open objects and lists until the place is reached; `leaf` says what the innermost is."""
        text = self._close_string()
        if not self._open:
            self._open.append(_Open("", is_list=False))
            text += "{"
        common = 0
        while common < min(len(self._open) - 1, len(steps)) and self._open[common + 1].step == steps[common]:
            common += 1
        while len(self._open) > common + 1:
            text += "]" if self._open.pop().is_list else "}"
        for index in range(common, len(steps)):
            following = steps[index + 1] if index + 1 < len(steps) else leaf
            is_list = isinstance(following, int)
            text += self._key(steps[index]) + ("[" if is_list else "{")
            self._open.append(_Open(steps[index], is_list=is_list))
        return text

    def _key(self, step: Step) -> str:
        container = self._open[-1]
        comma = "," if container.children else ""
        container.children += 1
        return comma + (f"{dumps(step)}:" if isinstance(step, str) else "")

    def _write_leaf(self, steps: Sequence[Step], said: JSONValue, *, continues: bool) -> str:
        text = self._navigate(steps[:-1], steps[-1]) + self._key(steps[-1])
        if isinstance(said, str) and continues:
            self._string_is_open = True
            return text + dumps(said)[:-1]
        return text + dumps(said)


def _steps(path: str) -> list[Step]:
    """`$.a.b[0].c` as steps."""
    steps: list[Step] = []
    for piece in path.removesuffix("[]").removeprefix("$").removeprefix(".").split("."):
        name, bracket, _ = piece.partition("[")
        if name:
            steps.append(name)
        if bracket:
            steps += [int(number) for number in _STEP.findall(piece)]
    return steps


def _value(piece: JSONObject) -> Any:
    for name in _VALUES:
        if piece.get(name) is not None:
            return piece[name]
    return None if "nullValue" in piece else _NOTHING
