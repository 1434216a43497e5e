"""Differences between two JSON values, as jsondiffpatch writes them, and carrying one writer's change over to another's state.

Owns: `diff`, `merge`, what equal means to JavaScript. Refuses to know: states, chats, who sends the delta where.

Follows the delta format of jsondiffpatch 0.7.3 (`docs/deltas.md`), which `@ai-sdk/rsc` 3.0.107 applies in the browser:
`[new]` added, `[old, new]` replaced, `[old, 0, 0]` removed, objects by key, arrays `{"_t": "a"}` with `_3` for a place in
the old array and `3` for one in the new. Applying never looks at an old value, so 0 stands for each: it costs less, and
tells the browser nothing. Texts are replaced whole: the package has no text-diff library to patch them with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias, TypeGuard

from flightwire.elements import UNDEFINED, Undefined
from flightwire.jsontypes import JSONValue, dumps

Delta: TypeAlias = JSONValue | Undefined

_ARRAY_MARK: Final = "_t"  # a key of this name in an object's delta would make it one of an array
MAX_ALIGNED_CELLS: Final = (
    1_000_000  # of the table that finds what two arrays have in common; beyond it they pair by place
)


def diff(old: JSONValue, new: JSONValue) -> Delta:
    """What turns `old` into `new`; UNDEFINED when nothing has to change."""
    if same(old, new):
        return UNDEFINED
    if (
        isinstance(old, Mapping)
        and isinstance(new, Mapping)
        and not (_ARRAY_MARK in old or _ARRAY_MARK in new)
    ):
        return _of_objects(old, new)
    if _is_array(old) and _is_array(new):
        return _of_arrays(old, new)
    return [0, new]


def merge(base: JSONValue, mine: JSONValue, theirs: JSONValue) -> JSONValue:
    """What `theirs` becomes when the change from `base` to `mine` is made on it, too; where both changed one thing, mine wins.

    What both appended to a list stands there twice, theirs first: two answers in one chat are two messages.
    """
    if same(base, theirs):
        return mine
    if same(base, mine):
        return theirs
    if isinstance(base, Mapping) and isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return _merge_objects(base, mine, theirs)
    if _is_array(base) and _is_array(mine) and _is_array(theirs):
        return _merge_arrays(base, mine, theirs)
    return mine


def same(a: object, b: object) -> bool:
    """Whether two JSON values are equal to JavaScript: 1 is 1.0, but not true."""
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if _is_array(a):
        return _is_array(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return a == b and isinstance(a, str) == isinstance(b, str)


# --- objects -----------------------------------------------------------------------------------------------------


def _of_objects(old: Mapping[str, JSONValue], new: Mapping[str, JSONValue]) -> JSONValue:
    delta: dict[str, JSONValue] = {key: [0, 0, 0] for key in old if key not in new}
    for key, item in new.items():
        change: Delta = diff(old[key], item) if key in old else [item]
        if change is not UNDEFINED:
            delta[key] = change
    return delta


def _merge_objects(
    base: Mapping[str, JSONValue], mine: Mapping[str, JSONValue], theirs: Mapping[str, JSONValue]
) -> JSONValue:
    merged = {key: item for key, item in theirs.items() if key in mine or key not in base}
    for key, item in mine.items():
        if key not in base or key not in theirs:
            if key not in base or not same(base[key], item):
                merged[key] = item
        else:
            merged[key] = merge(base[key], item, theirs[key])
    return merged


# --- arrays ------------------------------------------------------------------------------------------------------


def _is_array(value: object) -> TypeGuard[Sequence[JSONValue]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _of_arrays(old: Sequence[JSONValue], new: Sequence[JSONValue]) -> JSONValue:
    delta: dict[str, JSONValue] = {_ARRAY_MARK: "a"}
    for from_old, from_new in _gaps(old, new):
        paired = min(len(from_old), len(from_new))
        for at in range(paired):
            change = diff(old[from_old[at]], new[from_new[at]])
            if change is not UNDEFINED:
                delta[str(from_new[at])] = change
        for at in from_old[paired:]:
            delta[f"_{at}"] = [0, 0, 0]
        for at in from_new[paired:]:
            delta[str(at)] = [new[at]]
    return delta


def _gaps(old: Sequence[JSONValue], new: Sequence[JSONValue]) -> Iterator[tuple[range, range]]:
    """Where the two differ, between the items that they have in common: places in the old, places in the new."""
    head = _common(old, new, 1)
    tail = _common(old[head:], new[head:], -1)
    old_end, new_end = len(old) - tail, len(new) - tail
    at_old, at_new = head, head
    for in_old, in_new in _aligned(old, new, head, old_end, new_end):
        yield range(at_old, in_old), range(at_new, in_new)
        at_old, at_new = in_old + 1, in_new + 1
    yield range(at_old, old_end), range(at_new, new_end)


def _common(old: Sequence[JSONValue], new: Sequence[JSONValue], step: int) -> int:
    count = 0
    for a, b in zip(old[::step], new[::step], strict=False):
        if not same(a, b):
            break
        count += 1
    return count


def _aligned(
    old: Sequence[JSONValue], new: Sequence[JSONValue], start: int, old_end: int, new_end: int
) -> list[tuple[int, int]]:
    """Pairs of equal items, in order: a longest common subsequence of what is between the equal ends."""
    rows, columns = old_end - start, new_end - start
    if not rows or not columns or rows == columns or rows * columns > MAX_ALIGNED_CELLS:
        return []
    a = [_content(item) for item in old[start:old_end]]
    b = [_content(item) for item in new[start:new_end]]
    lengths = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        below, here = lengths[row + 1], lengths[row]
        for column in range(columns - 1, -1, -1):
            if a[row] == b[column]:
                here[column] = below[column + 1] + 1
            else:
                here[column] = max(below[column], here[column + 1])
    pairs, row, column = [], 0, 0
    while row < rows and column < columns:
        if a[row] == b[column]:
            pairs.append((start + row, start + column))
            row, column = row + 1, column + 1
        elif lengths[row + 1][column] >= lengths[row][column + 1]:
            row += 1
        else:
            column += 1
    return pairs


def _content(item: JSONValue) -> str:
    """Equal for equal items; items that only JavaScript finds equal (1 and 1.0) may differ, which costs bytes, not truth."""
    if isinstance(item, Mapping):
        return "{" + ",".join(f"{dumps(key)}:{_content(item[key])}" for key in sorted(item)) + "}"
    return "[" + ",".join(map(_content, item)) + "]" if _is_array(item) else dumps(item)


def _merge_arrays(
    base: Sequence[JSONValue], mine: Sequence[JSONValue], theirs: Sequence[JSONValue]
) -> JSONValue:
    if len(mine) < len(base) or len(theirs) < len(base):
        return list(mine)  # somebody removed items: which of the others are meant is anybody's guess
    kept = [merge(*each) for each in zip(base, mine, theirs, strict=False)]
    return [*kept, *theirs[len(base) :], *mine[len(base) :]]
