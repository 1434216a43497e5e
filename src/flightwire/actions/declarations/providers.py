"""What `create_ai` returned, as pages use it: a type, as in `useUIState<typeof AI>()`.

Owns: the type of a provider. Refuses to know: how it serves actions, what a state is.

Its states are those that the app's callbacks name: what `on_set_ai_state` takes first, what `on_get_ui_state` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flightwire._frozen import value
from flightwire.actions.declarations.book import Book
from flightwire.actions.declarations.hints import Home
from flightwire.actions.declarations.naming import Naming
from flightwire.actions.declarations.reading import Reader
from flightwire.actions.declarations.shapes import ANY, Imported, Shape, Slot
from flightwire.actions.declarations.words import NODE
from flightwire.annotations import signature_of

_ELEMENT: Final = Imported("ReactElement", "react")
DOC: Final = (
    "/** The provider that layout.py puts around pages; here it is a type: `useUIState<typeof {name}>()`. */"
)


@value
class ProviderFacts:
    """What is declared of a provider.

    Attributes:
        actions: its actions, by the names that pages call them.
        on_set_ai_state: the callback that takes the AI state.
        on_get_ui_state: the callback that makes the UI state.
    """

    actions: Mapping[str, Any]
    on_set_ai_state: Callable[..., object] | None
    on_get_ui_state: Callable[..., object] | None


@value
class ReadProvider:
    """A provider's types, before there are names for them."""

    ai_state: Shape
    ui_state: Shape


def read_provider(facts: ProviderFacts, book: Book) -> ReadProvider:
    """Note the types that it needs."""
    return ReadProvider(_first_argument(facts.on_set_ai_state, book), _result(facts.on_get_ui_state, book))


def declare_provider(
    name: str, read: ReadProvider, actions: Mapping[str, tuple[list[Slot], Shape]], naming: Naming
) -> list[str]:
    """Its declaration: what `createAI` of `@ai-sdk/rsc` has for the same."""
    lines = [
        f"    {each}: ({', '.join(slot.text(naming) for slot in slots)}) => {result.text(naming)};"
        for each, (slots, result) in actions.items()
    ]
    return [
        DOC.format(name=name),
        f"export const {name}: (props: {{",
        f"  children: {NODE.text(naming)};",
        f"  initialAIState?: {read.ai_state.text(naming)};",
        f"  initialUIState?: {read.ui_state.text(naming)};",
        "  $ActionTypes?: {",
        *lines,
        "  };",
        f"}}) => Promise<{_ELEMENT.text(naming)}>;",
        "",
    ]


def _first_argument(callback: Callable[..., object] | None, book: Book) -> Shape:
    if callback is None:
        return ANY
    for parameter in signature_of(callback).parameters.values():
        return _read(callback, parameter.annotation, parameter.empty, book, "the AI state")
    return ANY


def _result(callback: Callable[..., object] | None, book: Book) -> Shape:
    if callback is None:
        return ANY
    signature = signature_of(callback)
    return _read(callback, signature.return_annotation, signature.empty, book, "the UI state")


def _read(callback: Callable[..., object], annotation: Any, empty: Any, book: Book, place: str) -> Shape:
    if annotation is empty:
        return ANY
    home = Home(getattr(callback, "__globals__", {}))
    about = getattr(callback, "__name__", "create_ai")
    return Reader(book, "out", home, about).read(annotation, place)
