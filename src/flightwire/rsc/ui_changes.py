"""What changes between two trees of elements, so that only that travels.

Owns: `changes`, the list of edits that turns one tree into the other. Refuses to know: rows, streams, who applies the edits
(`web/client/streamed.ts`, which has the same table).

An edit is a list: `[SET, path, node]`, `[GROW, path, text]`, `[DROP, path]`, `[SPLICE, path, at, removed, …nodes]`. A path
leads through lists by index and through elements and objects by the names of their props. It never leads through what is
not there yet: a coroutine, a promise, a streamable is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from flightwire.elements import Element

SET: Final = 0
GROW: Final = 1
DROP: Final = 2
SPLICE: Final = 3

Path: TypeAlias = tuple[str | int, ...]
Edit: TypeAlias = list[object]

_ITSELF: Final = (str, int, float, bool, type(None))


def changes(old: object, new: object, path: Path = ()) -> list[Edit]:
    """The edits, in the order in which they must be made; none when there is nothing to change.

    Components and DOM nodes whose type, key and place are the same stay mounted.
    """
    edits: list[Edit] = []
    _compare(old, new, path, edits)
    return edits


def _compare(old: object, new: object, path: Path, edits: list[Edit]) -> None:
    if old is new or _is_same_value(old, new):
        return
    if isinstance(old, str) and isinstance(new, str) and old and new.startswith(old):
        edits.append([GROW, path, new[len(old) :]])
    elif isinstance(old, Element) and isinstance(new, Element) and _is_same_place(old, new):
        _compare_props(old.props, new.props, path, edits)
    elif _is_list(old) and _is_list(new):
        _compare_lists(old, new, path, edits)  # type: ignore[arg-type] # _is_list has checked
    elif _is_object(old) and _is_object(new):
        _compare_props(old, new, path, edits)  # type: ignore[arg-type] # _is_object has checked
    else:
        edits.append([SET, path, new])


def _compare_props(
    old: Mapping[str, object], new: Mapping[str, object], path: Path, edits: list[Edit]
) -> None:
    edits.extend([DROP, (*path, name)] for name in old if name not in new)
    for name, value in new.items():
        if name in old:
            _compare(old[name], value, (*path, name), edits)
        else:
            edits.append([SET, (*path, name), value])


def _compare_lists(old: Sequence[object], new: Sequence[object], path: Path, edits: list[Edit]) -> None:
    if len(old) == len(new):
        head, tail = len(old), 0
    else:  # where items came or went, those around them stay mounted
        head = _alike(old, new)
        tail = min(_alike(old[::-1], new[::-1]), min(len(old), len(new)) - head)
    for at in range(head):
        _compare(old[at], new[at], (*path, at), edits)
    if len(old) != len(new):
        removed = len(old) - head - tail
        edits.append([SPLICE, path, head, removed, *new[head : len(new) - tail]])
    for back in range(tail, 0, -1):
        at = len(new) - back
        _compare(old[len(old) - back], new[at], (*path, at), edits)


def _alike(old: Sequence[object], new: Sequence[object]) -> int:
    """How many items at the beginning stand for the same thing."""
    count = 0
    for a, b in zip(old, new, strict=False):
        if not (a is b or _is_same_value(a, b) or _is_same_place(a, b)):
            break
        count += 1
    return count


def _is_same_place(old: object, new: object) -> bool:
    """Whether React would keep what is mounted."""
    if not (isinstance(old, Element) and isinstance(new, Element)):
        return isinstance(old, str) and isinstance(new, str)
    return old.key == new.key and (old.type is new.type or old.type == new.type)


def _is_same_value(old: object, new: object) -> bool:
    if type(old) is not type(new):
        return False
    if isinstance(old, _ITSELF):
        return old == new
    if isinstance(old, Element) or _is_list(old) or _is_object(old):
        return False  # compared inside
    bound, other = getattr(old, "args", None), getattr(new, "args", None)
    # `save.bind(id)` is written anew with each tree: the same action with equal arguments is the same.
    if isinstance(bound, tuple) and getattr(old, "action", None) is getattr(new, "action", old):
        return _are_equal(bound, other)
    return False


def _are_equal(a: object, b: object) -> bool:
    try:
        return bool(a == b)
    except Exception:  # somebody's own comparison
        return False


def _is_list(node: object) -> bool:
    return isinstance(node, (list, tuple))


def _is_object(node: object) -> bool:
    return isinstance(node, Mapping)
