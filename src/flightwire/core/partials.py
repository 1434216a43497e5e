"""What can be shown of an output while the model writes it: the partials and elements that a stream publishes.

Owns: one reader per output mode, fed with text deltas; which deltas make something new visible. Refuses to know: streams,
models. The rules are those of `parsePartialOutput` and `createOutputTransformStream` (`packages/ai/src/generate-text/`,
AI SDK v7): a partial is published when it differs from the last one.

**The total work is linear** in the length of the text, for readers that look at every partial and for those that keep
them all. A delta earns an allowance, a partial spends what it costs to copy, and one that is not covered waits for the
next. So every change of a small value is published (a text below 7,000 characters, a list below 280 items, in deltas of a
token), of a large one those that grow it by about a thousandth, and the last one always.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from flightwire.core.partial_json import COPIED_CHARS, COPIED_ITEMS, NOTHING, PartialJSON
from flightwire.core.schemas import Schema
from flightwire.errors import TypeValidationError

E = TypeVar("E")
C = TypeVar("C", bound=str)

# In units of `PartialJSON.cost`, about 0.1 µs: what a delta earns, about as much as it costs to get here.
_PER_DELTA = 12
_CHARS_PER_UNIT = 2


class Partials(Protocol):
    """Reads one text and says what of it to publish."""

    def read(self, delta: str) -> Any:
        """Read more; gives the partial to publish, or `NOTHING`."""
        ...

    def rest(self) -> Any:
        """The text has ended; gives the partial that was held back, or `NOTHING`."""
        ...


class _Allowance:
    """Keeps what is spent on copies in proportion to what was read."""

    __slots__ = ("_units",)

    def __init__(self) -> None:
        self._units = 0

    def earn(self, delta: str) -> None:
        self._units += _PER_DELTA + len(delta) // _CHARS_PER_UNIT

    def covers(self, cost: int) -> bool:
        """Whether there is enough; it is spent then."""
        if cost > self._units:
            return False
        self._units -= cost
        return True


class TextPartials:
    """The whole text so far."""

    def __init__(self) -> None:
        self._allowance = _Allowance()
        self._pieces: list[str] = []
        self._length = 0
        self._published = -1

    def read(self, delta: str) -> Any:
        """Read more; gives the text so far, or `NOTHING`."""
        self._allowance.earn(delta)
        self._pieces.append(delta)
        self._length += len(delta)
        if self._published < self._length and self._allowance.covers(1 + self._length // COPIED_CHARS):
            return self._publish()
        return NOTHING

    def rest(self) -> Any:
        """The whole text, if it was held back."""
        return self._publish() if 0 <= self._published < self._length else NOTHING

    def _publish(self) -> str:
        self._pieces = ["".join(self._pieces)]
        self._published = self._length
        return self._pieces[0]


class JSONPartials:
    """The JSON value so far, not validated."""

    def __init__(self) -> None:
        self._allowance = _Allowance()
        self._json = PartialJSON()
        self._has_changed = False

    def read(self, delta: str) -> Any:
        """Read more; gives the value so far, or `NOTHING`."""
        json = self._json
        self._allowance.earn(delta)
        self._has_changed |= json.feed(delta)
        if self._has_changed and json.is_visible and (json.complete or self._allowance.covers(json.cost)):
            return self._publish()
        return NOTHING

    def rest(self) -> Any:
        """The value at the end of the text, if it was held back."""
        return self._publish() if self._has_changed and self._json.is_visible else NOTHING

    def _publish(self) -> Any:
        self._has_changed = False
        return self._json.snapshot()


class ElementReader(Generic[E]):
    """The elements of `{"elements": […]}` that are valid, as they become complete.

    The last one is held back until the next begins or the JSON is complete, as in the original. One that does not fit
    its schema is left out.
    """

    def __init__(self, schema: Schema[E]) -> None:
        self.json = PartialJSON()
        self.valid: list[E] = []
        self.is_list = False  # whether there are elements, if only none
        self._schema = schema
        self._source: list[Any] | None = None
        self._checked = 0

    def read(self, delta: str) -> None:
        """Read more; `valid` grows."""
        self.json.feed(delta)
        elements = self.json.list_of("elements")
        if elements is None or not self.json.is_visible:
            return
        self.is_list = True
        if elements is not self._source:  # the model wrote the key a second time: the last one counts
            self._source, self._checked, self.valid = elements, 0, []
        end = len(elements) - self._held_back(elements)
        for element in elements[self._checked : end]:
            self._check(element)
        self._checked = max(end, self._checked)

    def _held_back(self, elements: list[Any]) -> int:
        is_closed = self.json.complete or not elements or self.json.has_open_item("elements")
        return 0 if is_closed else 1

    def _check(self, element: Any) -> None:
        with suppress(TypeValidationError):
            self.valid.append(self._schema.validate_value(element))


class ArrayPartials(Generic[E]):
    """The valid elements so far, as a list."""

    def __init__(self, schema: Schema[E]) -> None:
        self._allowance = _Allowance()
        self._elements = ElementReader(schema)
        self._published = -1

    def read(self, delta: str) -> Any:
        """Read more; gives the elements so far, or `NOTHING`."""
        self._allowance.earn(delta)
        self._elements.read(delta)
        cost = 1 + len(self._elements.valid) // COPIED_ITEMS
        if self._is_new and (self._elements.json.complete or self._allowance.covers(cost)):
            return self._publish()
        return NOTHING

    def rest(self) -> Any:
        """All elements, if some were held back."""
        return self._publish() if self._is_new else NOTHING

    @property
    def _is_new(self) -> bool:
        return self._elements.is_list and len(self._elements.valid) != self._published

    def _publish(self) -> list[E]:
        self._published = len(self._elements.valid)
        return self._elements.valid.copy()


class ChoicePartials(Generic[C]):
    """The option that `{"result": "…` can only mean."""

    def __init__(self, options: Sequence[C]) -> None:
        self._json = PartialJSON()
        self._options = options
        self._longest = max(len(option) for option in options)
        self._published: C | None = None
        self._is_over = False

    def read(self, delta: str) -> Any:
        """Read more; gives the option, once, or `NOTHING`."""
        if self._is_over:
            return NOTHING
        self._json.feed(delta)
        text = self._json.text_of("result")
        if text is None:
            return NOTHING
        self._is_over = len(text) > self._longest
        option = self._option(text)
        if option is None or option == self._published:
            return NOTHING
        self._published = option
        return option

    def rest(self) -> Any:
        """Nothing is ever held back."""
        return NOTHING

    def _option(self, text: str) -> C | None:
        options = [option for option in self._options if option.startswith(text)]
        if self._json.complete:
            return next((option for option in options if option == text), None)
        return options[0] if len(options) == 1 else None
