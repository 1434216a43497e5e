"""What a model is asked to answer with: text, an object, a list, one of several options, any JSON.

Owns: the modes of `packages/ai/src/generate-text/output.ts` (AI SDK v7): what the model is told, what its whole text means.
Refuses to know: streams, models, how partials are found (`partials.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Never, NoReturn, overload

from typing_extensions import TypeVar

from flightwire.core.partials import (
    ArrayPartials,
    ChoicePartials,
    ElementReader,
    JSONPartials,
    Partials,
    TextPartials,
)
from flightwire.core.schemas import DRAFT_7, Schema
from flightwire.errors import (
    InvalidArgumentError,
    JSONParseError,
    NoObjectGeneratedError,
    TypeValidationError,
)
from flightwire.jsontypes import JSONValue, loads
from flightwire.providers.base import ResponseFormat

if TYPE_CHECKING:
    from flightwire.core.results import StepResult
    from flightwire.events import FinishReason, ResponseMetadata, Usage

T_co = TypeVar("T_co", covariant=True)
P_co = TypeVar("P_co", covariant=True, default=Any)
E_co = TypeVar("E_co", covariant=True, default=Never)
S = TypeVar("S")
C = TypeVar("C", bound=str)

PartialObject = dict[str, Any]
"""An object in the making: any of its fields may be missing or half written."""

_NOT_PARSED = "No object generated: could not parse the response."
_NO_MATCH = "No object generated: response did not match schema."


class Output(ABC, Generic[T_co, P_co, E_co]):
    """What to answer with: `output=Output.object(Recipe)`.

    The three types are those of the whole value, of the partials while it is written, and of the elements of a list.
    """

    name: str

    # --- the modes -----------------------------------------------------------------------------------------------

    @staticmethod
    def text() -> Output[str, str]:
        """Text, which is what models answer with when nothing else is asked for."""
        return _Text()

    @overload
    @staticmethod
    def object(
        schema: type[S], *, name: str | None = None, description: str | None = None
    ) -> Output[S, PartialObject]: ...

    @overload
    @staticmethod
    def object(
        schema: Mapping[str, Any], *, name: str | None = None, description: str | None = None
    ) -> Output[Any, PartialObject]: ...

    @overload
    @staticmethod
    def object(
        schema: Any, *, name: str | None = None, description: str | None = None
    ) -> Output[Any, PartialObject]: ...

    @staticmethod
    def object(
        schema: Any, *, name: str | None = None, description: str | None = None
    ) -> Output[Any, PartialObject]:
        """An object that fits a schema.

        Arguments:
            schema: a pydantic model, dataclass, TypedDict, another type that pydantic knows, or a JSON Schema; the last
                is told to the model, and what comes back is not checked against it.
            name: of the object, which some providers tell the model.
            description: likewise.
        """
        return _Object(Schema(schema), name, description)

    @overload
    @staticmethod
    def array(
        element: type[S],
        *,
        min_items: int | None = None,
        max_items: int | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Output[list[S], list[S], S]: ...

    @overload
    @staticmethod
    def array(
        element: Mapping[str, Any],
        *,
        min_items: int | None = None,
        max_items: int | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Output[list[Any], list[Any], Any]: ...

    @overload
    @staticmethod
    def array(
        element: Any,
        *,
        min_items: int | None = None,
        max_items: int | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Output[list[Any], list[Any], Any]: ...

    @staticmethod
    def array(
        element: Any,
        *,
        min_items: int | None = None,
        max_items: int | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Output[list[Any], list[Any], Any]:
        """A list of elements that fit a schema; the model writes `{"elements": […]}`.

        Arguments:
            element: the schema of one element, as for `object`.
            min_items: how many there must be at least.
            max_items: how many there may be.
            name: of the list, which some providers tell the model.
            description: likewise.

        Raises:
            InvalidArgumentError: bounds that are negative, or the wrong way round.
        """
        return _Array(Schema(element), min_items, max_items, name, description)

    @staticmethod
    def choice(
        options: Sequence[C], *, name: str | None = None, description: str | None = None
    ) -> Output[C, C]:
        """One of several texts; the model writes `{"result": "…"}`.

        Raises:
            InvalidArgumentError: no options.
        """
        return _Choice(options, name, description)

    @staticmethod
    def json(*, name: str | None = None, description: str | None = None) -> Output[JSONValue, JSONValue]:
        """Any JSON."""
        return _JSON(name, description)

    # --- what the functions ask of a mode ------------------------------------------------------------------------

    @property
    @abstractmethod
    def response_format(self) -> ResponseFormat:
        """What the model is told.

        Raises:
            InvalidArgumentError: the type has no schema.
        """

    @abstractmethod
    def parse(
        self, text: str, *, response: ResponseMetadata, usage: Usage, finish_reason: FinishReason
    ) -> T_co:
        """The value of a whole answer.

        Raises:
            NoObjectGeneratedError: the text is not what was asked for; the cause is a JSONParseError or a
                TypeValidationError.
        """

    def parse_step(self, step: StepResult) -> T_co:
        """The value of an answer whose last step this is.

        Raises:
            NoObjectGeneratedError: as `parse`.
        """
        return self.parse(
            step.text, response=step.response, usage=step.usage, finish_reason=step.finish_reason
        )

    @abstractmethod
    def partials(self) -> Partials:
        """A reader of partials for one text."""

    def elements(self) -> ElementReader[E_co] | None:
        """A reader of elements for one text; None where there are none."""
        return None

    @property
    def max_elements(self) -> int | None:
        """How many elements there may be."""
        return None


class _Text(Output[str, str]):
    name = "text"

    @property
    def response_format(self) -> ResponseFormat:
        return ResponseFormat()

    def parse(self, text: str, **_: Any) -> str:
        return text

    def partials(self) -> Partials:
        return TextPartials()


class _JSONMode(Output[T_co, P_co, E_co]):
    """What the modes that ask for JSON share."""

    def __init__(self, name: str | None, description: str | None) -> None:
        self._name = name
        self._description = description

    @property
    def response_format(self) -> ResponseFormat:
        return ResponseFormat("json", self._schema(), self._name, self._description)

    def _schema(self) -> Mapping[str, Any] | None:
        return None

    def parse(
        self, text: str, *, response: ResponseMetadata, usage: Usage, finish_reason: FinishReason
    ) -> T_co:
        def fail(message: str, cause: Exception) -> NoReturn:
            raise NoObjectGeneratedError(
                message, text=text, response=response, usage=usage, finish_reason=finish_reason
            ) from cause

        try:
            value = loads(text)
        except ValueError as error:
            unread = JSONParseError(text)
            unread.__cause__ = error
            fail(_NOT_PARSED, unread)
        try:
            return self._value(text, value)
        except TypeValidationError as error:
            fail(_NO_MATCH, error)

    @abstractmethod
    def _value(self, text: str, value: JSONValue) -> T_co:
        """What the JSON means.

        Raises:
            TypeValidationError: it does not fit.
        """

    def partials(self) -> Partials:
        return JSONPartials()


class _Object(_JSONMode[S, PartialObject]):
    name = "object"

    def __init__(self, schema: Schema[S], name: str | None, description: str | None) -> None:
        super().__init__(name, description)
        self._type = schema

    def _schema(self) -> Mapping[str, Any]:
        return self._type.json_schema

    def _value(self, text: str, value: JSONValue) -> S:
        return self._type.validate(text)


class _Array(_JSONMode[list[S], list[S], S]):
    name = "array"

    def __init__(
        self,
        schema: Schema[S],
        min_items: int | None,
        max_items: int | None,
        name: str | None,
        description: str | None,
    ) -> None:
        super().__init__(name, description)
        _check_bounds(min_items, max_items)
        self._type = schema
        self._min = min_items
        self._max = max_items

    def _schema(self) -> Mapping[str, Any]:
        item: dict[str, Any] = dict(self._type.json_schema)
        item.pop("$schema", None)
        # References are relative to the root, so what they refer to moves there.
        hoisted: dict[str, Any] = {key: item.pop(key) for key in ("definitions", "$defs") if key in item}
        bounds = {"minItems": self._min, "maxItems": self._max}
        array = {
            "type": "array",
            "items": item,
            **{key: bound for key, bound in bounds.items() if bound is not None},
        }
        return {"$schema": DRAFT_7, **hoisted, **_closed("elements", array)}

    def _value(self, text: str, value: JSONValue) -> list[S]:
        elements = value.get("elements") if isinstance(value, Mapping) else None
        if not isinstance(elements, list):
            raise TypeValidationError("response must be an object with an elements array", value=value)
        if self._min is not None and len(elements) < self._min:
            raise TypeValidationError(
                f"elements array must contain at least {self._min} items", value=elements
            )
        if self._max is not None and len(elements) > self._max:
            raise TypeValidationError(
                f"elements array must contain at most {self._max} items", value=elements
            )
        return [self._element(number, element) for number, element in enumerate(elements)]

    def _element(self, number: int, element: JSONValue) -> S:
        try:
            return self._type.validate_value(element)
        except TypeValidationError as error:
            raise TypeValidationError(f"elements[{number}]: {error}", value=element) from error.__cause__

    def partials(self) -> Partials:
        return ArrayPartials(self._type)

    def elements(self) -> ElementReader[S]:
        return ElementReader(self._type)

    @property
    def max_elements(self) -> int | None:
        return self._max


class _Choice(_JSONMode[C, C]):
    name = "choice"

    def __init__(self, options: Sequence[C], name: str | None, description: str | None) -> None:
        super().__init__(name, description)
        if isinstance(options, str) or not options:
            raise InvalidArgumentError(
                "Output.choice needs a list of texts; write Output.choice(['yes', 'no'])."
            )
        self._options = tuple(options)

    def _schema(self) -> Mapping[str, Any]:
        result = {"type": "string", "enum": [str(option) for option in self._options]}
        return {"$schema": DRAFT_7, **_closed("result", result)}

    def _value(self, text: str, value: JSONValue) -> C:
        result = value.get("result") if isinstance(value, Mapping) else None
        for option in self._options:
            if isinstance(result, str) and option == result:
                return option
        raise TypeValidationError("response must be an object that contains a choice value.", value=value)

    def partials(self) -> Partials:
        return ChoicePartials(self._options)


class _JSON(_JSONMode[JSONValue, JSONValue]):
    name = "json"

    def _value(self, text: str, value: JSONValue) -> JSONValue:
        return value


def _closed(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: schema},
        "required": [name],
        "additionalProperties": False,
    }


def _check_bounds(min_items: int | None, max_items: int | None) -> None:
    for name, bound in (("min_items", min_items), ("max_items", max_items)):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int) or bound < 0):
            raise InvalidArgumentError(f"{name} must be an integer of at least 0, got {bound!r}.")
    if min_items is not None and max_items is not None and min_items > max_items:
        raise InvalidArgumentError(f"min_items={min_items} is more than max_items={max_items}.")


TEXT: Output[str, str] = _Text()
