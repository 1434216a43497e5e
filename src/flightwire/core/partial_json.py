"""JSON that is still being written: what it says so far.

Owns: reading a growing JSON text, delta by delta, and which value is visible at each moment. Refuses to know: models,
schemas, who reads.

What is visible follows `packages/ai/src/util/parse-partial-json.ts` and `fix-json.ts` (AI SDK v7): open strings, lists
and objects are closed where the text ends, `tru` is true, `1.` is 1, half an escape and a key without a value are left
out. They read the whole text again for every delta; here a delta costs what the delta is long. `snapshot()` copies the
containers that are still open, shares those that are complete, and says beforehand what it will cost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from flightwire._frozen import value

ParseState: TypeAlias = Literal["undefined-input", "successful-parse", "repaired-parse", "failed-parse"]

MAX_DEPTH = 500  # deeper nesting is not shown: neither json.dumps nor a browser's page could take it
MAX_NUMBER_CHARS = 600  # below every limit that CPython can be set to for digits

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER_CHARS = re.compile(r"[0-9eE.+\-]*")
_NUMBER_BEGUN = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*(?:(?<=\d)[eE][+-]?\d*)?|[eE][+-]?\d*)?)?", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_ESCAPE_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_VALUE_BEGINS = '"{[-0123456789tfn'
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: dict[str, tuple[str, object]] = {
    "t": ("true", True),
    "f": ("false", False),
    "n": ("null", None),
}
# What a snapshot copies for one unit of cost, about 0.1 µs. Text and items are dearer than the time it takes to copy them, for
# the sake of readers that keep every snapshot: those pay with memory.
COPIED_ITEMS, COPIED_CHARS = 20, 500


class _Nothing:
    """Stands where there is no value, which `None` would not say."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = _Nothing()


class _Open:
    """A container that has not been closed; `key` is where its next value goes when it is an object."""

    __slots__ = ("items", "key")

    def __init__(self, items: dict[str, Any] | list[Any]) -> None:
        self.items = items
        self.key: str | None = None

    def put(self, item: Any) -> None:
        if isinstance(self.items, list):
            self.items.append(item)
        else:
            assert self.key is not None
            self.items[self.key] = item
            self.key = None

    def with_item(self, item: Any) -> Any:
        """A copy of the container that also has this item."""
        copy = self.items.copy()
        if isinstance(copy, list):
            copy.append(item)
        else:
            assert self.key is not None
            copy[self.key] = item
        return copy

    @property
    def cost(self) -> int:
        return 1 + len(self.items) // COPIED_ITEMS


class PartialJSON:
    """Reads a JSON text that comes in pieces; `feed()` each of them, then look.

    Attributes:
        complete: whether the text so far is a whole JSON document.
        broken: whether the text can become JSON no more; what was visible before stays.
    """

    def __init__(self) -> None:
        self.broken = False
        self._root: Any = NOTHING
        self._open: list[_Open] = []
        self._keys: dict[str, str] = {}  # objects of a list repeat their keys: keep each once
        self._pieces: list[str] = []  # the open string …
        self._length = 0
        self._is_key = False
        self._escape = ""  # … and an escape that is not complete
        self._token = ""  # the open number or literal
        self._scalar: Any = NOTHING  # what it is worth
        self._begins_list = False
        self._changed = False
        self._read: Callable[[str, int], int] = self._read_value

    # --- looking -------------------------------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Whether the text so far is a whole JSON document."""
        if self.broken or self._open:
            return False
        if self._root is not NOTHING:
            return True
        if self._read == self._read_number:
            return _NUMBER.fullmatch(self._token) is not None
        return self._read == self._read_literal and self._token in ("true", "false", "null")

    @property
    def is_visible(self) -> bool:
        """Whether there is a value to look at."""
        if self._begins_list and self._token == "-":  # noqa: S105 # `[-` is what fix-json.ts cannot repair
            return False
        return bool(self._open) or self._root is not NOTHING or self._shows_scalar

    @property
    def cost(self) -> int:
        """What `snapshot()` costs now, in units of about 0.1 µs."""
        return 1 + sum([frame.cost for frame in self._open]) + self._length // COPIED_CHARS

    def snapshot(self) -> Any:
        """The value so far, which later deltas do not change; complete parts of it are shared with other snapshots.

        Raises:
            ValueError: there is none; `is_visible` says so.
        """
        item = self._open_scalar()
        for frame in reversed(self._open):
            item = frame.items.copy() if item is NOTHING else frame.with_item(item)
        if item is NOTHING:
            item = self._root
        if item is NOTHING:
            raise ValueError("nothing of the JSON text is visible yet")
        return item

    def list_of(self, key: str) -> list[Any] | None:
        """The list under a key of the root object, without the item that is still open; not a copy."""
        if self._open and self._open[0].key == key:
            items = self._open[1].items if len(self._open) > 1 else None
        else:
            items = self._root_object().get(key)
        return items if isinstance(items, list) else None

    def has_open_item(self, key: str) -> bool:
        """Whether the list under a key of the root object has an item that is visible and still open."""
        if len(self._open) < 2 or self._open[0].key != key:
            return False
        return len(self._open) > 2 or self._shows_scalar

    def text_of(self, key: str) -> str | None:
        """The text under a key of the root object, as far as it has come."""
        is_open = len(self._open) == 1 and self._open[0].key == key
        text = self._open_scalar() if is_open else self._root_object().get(key)
        return text if isinstance(text, str) else None

    def _root_object(self) -> dict[str, Any]:
        root = self._open[0].items if self._open else self._root
        return root if isinstance(root, dict) else {}

    @property
    def _shows_scalar(self) -> bool:
        """Whether a string, number or literal is being written and shows."""
        if self._read == self._read_string:
            return not self._is_key
        return self._scalar is not NOTHING

    def _open_scalar(self) -> Any:
        """The string, number or literal that is being written, as far as it shows."""
        if self._read == self._read_string:
            return NOTHING if self._is_key else self._text()
        return self._scalar

    def _text(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    # --- reading -------------------------------------------------------------------------------------------------

    def feed(self, text: str) -> bool:
        """Read more of the text; says whether the visible value has changed.

        Takes time in proportion to the length of `text` alone. Nothing can be wrong with it: a text that is no JSON
        ends what is visible, see `broken`.
        """
        self._changed = False
        at, end = 0, len(text)
        while at < end and not self.broken:
            at = self._read(text, at)
        return self._changed

    def _break(self, text: str, *, forget: bool = False) -> int:
        """Stop for good; `forget` where fix-json.ts can repair the text no more, not even to what it said before."""
        self.broken = True
        if forget:
            self._open, self._root, self._scalar, self._pieces = [], NOTHING, NOTHING, []
            self._read = self._read_end
        return len(text)

    def _read_value(self, text: str, at: int) -> int:
        """A value must come: at the root, after a colon, after a comma in a list."""
        at = _skip(text, at)
        if at == len(text):
            return at
        char = text[at]
        if char == '"':
            self._begin_string(is_key=False)
            self._changed = True
        elif char in "-0123456789":
            self._token, self._scalar, self._read = "", NOTHING, self._read_number
            return at
        elif char in _LITERALS:
            self._token, self._scalar, self._read = "", _LITERALS[char][1], self._read_literal
            self._changed = True
            return at
        elif char in "{[" and len(self._open) < MAX_DEPTH:
            self._open.append(_Open({} if char == "{" else []))
            self._read = self._read_first_key if char == "{" else self._read_first_item
            self._changed = True
        else:
            return self._break(text)
        return at + 1

    def _read_first_item(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        if text[at] == "]":
            self._close()
            return at + 1
        if text[at] not in _VALUE_BEGINS:
            return self._break(text, forget=True)
        self._begins_list = text[at] == "-"
        return self._read_value(text, at)

    def _read_first_key(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        if text[at] == "}":
            self._close()
            return at + 1
        return self._read_next_key(text, at)

    def _read_next_key(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        if text[at] != '"':
            return self._break(text)
        self._begin_string(is_key=True)
        return at + 1

    def _read_colon(self, text: str, at: int) -> int:
        at = _skip(text, at)
        if at == len(text):
            return at
        if text[at] != ":":
            return self._break(text)
        self._read = self._read_value
        return at + 1

    def _read_after_item(self, text: str, at: int) -> int:
        """A comma or the end of the container must come."""
        at = _skip(text, at)
        if at == len(text):
            return at
        char, is_list = text[at], isinstance(self._open[-1].items, list)
        if char == ",":
            self._read = self._read_value if is_list else self._read_next_key
        elif char == ("]" if is_list else "}"):
            self._close()
        else:
            return self._break(text, forget=is_list)
        return at + 1

    def _read_end(self, text: str, at: int) -> int:
        at = _skip(text, at)
        return at if at == len(text) else self._break(text)

    def _close(self) -> None:
        self._end_value(self._open.pop().items)

    def _end_value(self, item: Any) -> None:
        if self._open:
            self._open[-1].put(item)
            self._read = self._read_after_item
        else:
            self._root, self._read = item, self._read_end

    # --- strings and keys ----------------------------------------------------------------------------------------

    def _begin_string(self, *, is_key: bool) -> None:
        self._pieces, self._length, self._is_key, self._read = [], 0, is_key, self._read_string

    def _read_string(self, text: str, at: int) -> int:
        if self._escape:
            return self._read_escape(text, at)
        match = _PLAIN.match(text, at)
        assert match is not None
        if (end := match.end()) > at:
            self._add(match[0])
        if end == len(text):
            return end
        char = text[end]
        if char == '"':
            self._end_string()
        elif char == "\\":
            self._escape = "\\"
        else:
            return self._break(text, forget=not self._is_key)
        return end + 1

    def _read_escape(self, text: str, at: int) -> int:
        self._escape += text[at]
        if _ESCAPE.fullmatch(self._escape):
            self._add(_unescaped(self._escape))
            self._escape = ""
        elif not _ESCAPE_BEGUN.fullmatch(self._escape):
            return self._break(text, forget=not self._is_key and self._escape[1] != "u")
        return at + 1

    def _add(self, piece: str) -> None:
        last = self._pieces[-1] if self._pieces else ""
        if last and "\ud800" <= last[-1] <= "\udbff" and "\udc00" <= piece[0] <= "\udfff":
            pair = (last[-1] + piece[0]).encode("utf-16", "surrogatepass").decode("utf-16")
            self._pieces[-1], piece = last[:-1], pair + piece[1:]
        self._pieces.append(piece)
        self._length += len(piece)
        self._changed |= not self._is_key

    def _end_string(self) -> None:
        text = self._text()
        self._pieces, self._length = [], 0
        if self._is_key:
            self._is_key = False
            self._open[-1].key = self._keys.setdefault(text, text)
            self._read = self._read_colon
        else:
            self._end_value(text)

    # --- numbers and literals ------------------------------------------------------------------------------------

    def _read_number(self, text: str, at: int) -> int:
        match = _NUMBER_CHARS.match(text, at)
        assert match is not None
        token = self._token = self._token + match[0]
        if len(token) > MAX_NUMBER_CHARS:
            return self._break(text, forget=True)
        begun = _NUMBER_BEGUN.match(token)
        assert begun is not None
        self._show(_number(begun[0].rstrip("eE.+-")))
        if begun.end() < len(token):
            return self._break(text, forget=any(char.isdigit() for char in token[begun.end() :]))
        if match.end() < len(text):
            if not _NUMBER.fullmatch(token):
                return self._break(text)
            self._end_token()
        return match.end()

    def _show(self, number: Any) -> None:
        if number is not NOTHING and (self._scalar is NOTHING or number != self._scalar):
            self._scalar = number
            self._changed = True

    def _read_literal(self, text: str, at: int) -> int:
        token = self._token + text[at]
        word, _ = _LITERALS[token[0]]
        if token == word:
            self._token = token
            self._end_token()
        elif word.startswith(token):
            self._token = token
        else:
            return self._break(text, forget=True)
        return at + 1

    def _end_token(self) -> None:
        item, self._scalar, self._token, self._begins_list = self._scalar, NOTHING, "", False
        self._end_value(item)


@value
class ParsedPartialJSON:
    """What a JSON text that may be cut off says; `state` in the AI SDK's words."""

    value: Any
    state: ParseState


def parse_partial_json(text: str | None) -> ParsedPartialJSON:
    """Read a JSON text that may be cut off anywhere (`parsePartialJson`).

    For a text that grows, `PartialJSON` does the same without reading what it has read before.
    """
    if text is None:
        return ParsedPartialJSON(None, "undefined-input")
    reader = PartialJSON()
    reader.feed(text)
    if not reader.is_visible:
        return ParsedPartialJSON(None, "failed-parse")
    return ParsedPartialJSON(reader.snapshot(), "successful-parse" if reader.complete else "repaired-parse")


def _skip(text: str, at: int) -> int:
    if text[at] > " ":
        return at
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _unescaped(escape: str) -> str:
    if escape[1] == "u":
        return chr(int(escape.removeprefix("\\u"), 16))
    return _ESCAPED.get(escape[1], escape[1])


def _number(token: str) -> Any:
    match = _NUMBER.fullmatch(token)
    if match is None:
        return NOTHING
    return int(token) if match.lastindex is None else float(token)
