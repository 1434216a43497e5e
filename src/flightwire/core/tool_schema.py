"""From a function's parameters to what a model must send, and from what it sent to a call.

Owns: JSON Schema from annotations, docstrings and defaults; checking an input. Refuses to know: models, running tools.
pydantic is imported when a tool is first used.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args, get_origin

from flightwire.annotations import Namespace, signature_of
from flightwire.core.docstrings import read_docstring
from flightwire.core.typed_dicts import pydantic_ready
from flightwire.errors import InvalidArgumentError
from flightwire.jsontypes import JSONObject, JSONValue

if TYPE_CHECKING:
    import pydantic
    from pydantic import BaseModel

_EMPTY: Final = Parameter.empty
MAX_PROBLEMS: Final = 10


class FunctionSchema:
    """What a function takes from a model.

    Arguments:
        fn: the function.
        name: the tool's name, for messages.
        context: the class whose parameters are filled by us; the model does not see them.
        local_names: names that the annotations may use, beside those of the function's module.

    Attributes:
        description: the docstring up to its first section.
    """

    def __init__(
        self, fn: Callable[..., Any], name: str, *, context: type, local_names: Mapping[str, object]
    ) -> None:
        self.description, self._said = read_docstring(inspect.getdoc(fn))
        self._fn = fn
        self._name = name
        self._context = context
        self._namespace = Namespace(fn, local_names)
        self._lock = threading.Lock()
        self._model: type[BaseModel] | None = None
        self._schema: JSONObject = {}
        self._fields: dict[str, Parameter] = {}  # field of the model → parameter
        self._rest: str | None = None
        self._context_parameter: str | None = None

    def json_schema(self) -> JSONObject:
        """The input's JSON Schema.

        Raises:
            InvalidArgumentError: an annotation that is none, or that has no JSON Schema.
        """
        self._prepare()
        return self._schema

    def bind(self, given: JSONValue, context: object) -> tuple[list[object], dict[str, object]]:
        """The arguments of a call.

        Raises:
            ValueError: the input does not fit; the text says what and where.
            InvalidArgumentError: as `json_schema`.
        """
        model = self._prepare()
        if not isinstance(given, Mapping):
            raise ValueError(f"expected an object, got {_kind(given)}")
        import pydantic

        try:
            values = model.model_validate(dict(given))
        except pydantic.ValidationError as error:
            raise ValueError(_letter(error)) from None
        return self._arguments(values, context)

    def _arguments(self, values: BaseModel, context: object) -> tuple[list[object], dict[str, object]]:
        args: list[object] = []
        kwargs: dict[str, object] = dict(values.model_extra or {})
        for field, parameter in self._fields.items():
            is_given = field in values.model_fields_set
            found = (
                getattr(values, field) if is_given or _is_field_info(parameter.default) else parameter.default
            )
            if parameter.kind is Parameter.POSITIONAL_ONLY:
                args.append(found)
            else:
                kwargs[parameter.name] = found
        if self._context_parameter is not None:
            kwargs[self._context_parameter] = context
        return args, kwargs

    # --- building ------------------------------------------------------------------------------------------------

    def _prepare(self) -> type[BaseModel]:
        with self._lock:
            model = self._model
            if model is None:
                model = self._model = self._built()
            return model

    def _built(self) -> type[BaseModel]:
        import pydantic

        fields: dict[str, Any] = {}
        for parameter in signature_of(self._fn).parameters.values():
            self._add(parameter, fields)
        config = pydantic.ConfigDict(extra="allow" if self._rest else "ignore")
        try:
            model: type[BaseModel] = pydantic.create_model(self._name, __config__=config, **fields)
            schema = model.model_json_schema(by_alias=True, schema_generator=_without_titles())
        except (pydantic.errors.PydanticUserError, TypeError) as error:
            raise InvalidArgumentError(
                f"the parameters of tool '{self._name}' have no JSON Schema: {str(error).splitlines()[0]} "
                "Annotate them with JSON types, TypedDicts, dataclasses or pydantic models."
            ) from error
        self._schema = _tidied(schema, closed=not self._rest)
        return model

    def _add(self, parameter: Parameter, fields: dict[str, Any]) -> None:
        name = parameter.name
        annotation = self._resolved(parameter)
        if _is_context(annotation, self._context):
            if parameter.kind is Parameter.POSITIONAL_ONLY:
                raise self._unfit(name, "Write the context parameter without `/`.")
            self._context_parameter = name
        elif parameter.kind is Parameter.VAR_POSITIONAL:
            raise self._unfit(f"*{name}", "A model names what it sends. Take a list instead.")
        elif parameter.kind is Parameter.VAR_KEYWORD:
            self._rest = name
        else:
            # A model's field may neither begin with an underscore nor be called as pydantic's own methods are.
            field = f"p{len(fields)}"
            self._fields[field] = parameter
            fields[field] = self._field(parameter, annotation)

    def _field(self, parameter: Parameter, annotation: Any) -> Any:
        """The type and the default of a model's field."""
        import pydantic

        metadata = (*getattr(annotation, "__metadata__", ()), parameter.default)
        infos = [each for each in metadata if _is_field_info(each)]
        own: dict[str, Any] = {}
        if all(info.alias is None for info in infos):
            own["alias"] = parameter.name
        if all(info.description is None for info in infos):
            texts = [each for each in metadata[:-1] if isinstance(each, str)]
            own["description"] = texts[0] if texts else self._said.get(parameter.name)
        if (
            parameter.default is not _EMPTY
            and not _is_field_info(parameter.default)
            and not _is_json(parameter.default)
        ):
            own["default_factory"] = lambda: (
                parameter.default
            )  # it is no JSON, so the schema does not show it
            return Annotated[annotation, pydantic.Field(**own)]
        typed = Annotated[annotation, pydantic.Field(**own)]
        return typed if parameter.default is _EMPTY else (typed, parameter.default)

    def _resolved(self, parameter: Parameter) -> Any:
        if parameter.annotation is _EMPTY:
            return Any
        try:
            return pydantic_ready(self._namespace.resolve(parameter.annotation))
        except NameError as error:
            missing = getattr(error, "name", None) or str(error)
            raise InvalidArgumentError(
                f"parameter '{parameter.name}' of tool '{self._name}' is annotated with '{missing}', which module "
                f"{self._namespace.module} does not have when it runs. Define it there, or import it outside "
                "`if TYPE_CHECKING:`."
            ) from error

    def _unfit(self, parameter: str, why: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"No model could fill the parameter '{parameter}' of tool '{self._name}'. {why}"
        )


def _is_context(annotation: Any, context: type) -> bool:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation is context or get_origin(annotation) is context


def _is_field_info(thing: object) -> Any:
    return type(thing).__module__ == "pydantic.fields" and type(thing).__name__ == "FieldInfo"


def _is_json(thing: object) -> bool:
    if isinstance(thing, (list, tuple)):
        return all(_is_json(each) for each in thing)
    if isinstance(thing, dict):
        return all(isinstance(key, str) and _is_json(each) for key, each in thing.items())
    return thing is None or type(thing) in (str, bool, int, float)


def _kind(given: object) -> str:
    names: dict[type, str] = {type(None): "null", str: "text", bool: "a boolean", list: "an array"}
    return names.get(type(given), "a number")


def _letter(error: pydantic.ValidationError) -> str:
    """What does not fit, for the model to read."""
    problems = []
    for each in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_PROBLEMS]:
        path = ".".join(str(step) for step in each["loc"])
        problems.append(f"{path}: {each['msg']}" if path else each["msg"])
    more = error.error_count() - len(problems)
    return "; ".join(problems) + (f"; and {more} more" if more > 0 else "")


def _without_titles() -> Any:
    from pydantic.json_schema import GenerateJsonSchema

    class WithoutTitles(GenerateJsonSchema):
        """Titles that repeat a field's name cost tokens and tell nothing."""

        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    return WithoutTitles


def _tidied(schema: dict[str, Any], *, closed: bool) -> JSONObject:
    schema.pop("title", None)
    schema.pop("description", None)
    schema.setdefault("properties", {})
    if not closed:
        schema["additionalProperties"] = True
    close_objects(schema)
    return schema


def close_objects(schema: Any) -> None:
    """Say of every object with known properties that it has no others, as the AI SDK does for its schemas."""
    if isinstance(schema, list):
        for each in schema:
            close_objects(each)
    elif isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for each in schema.values():
            close_objects(each)
