"""Checking one value against one annotation.

Owns: the use of pydantic; only this module imports it. Refuses to know: calls, parameters, messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic_core import SchemaValidator

from flightwire.actions.bounds import Tries, bounded
from flightwire.actions.strictness import adapted
from flightwire.actions.wire_types import WireTypes
from flightwire.annotations import Namespace, missing_name
from flightwire.errors import InvalidArgumentError

_SMALL: Final = 500


def validator_of(
    annotation: Any, namespace: Namespace, *, action: str, argument: str, is_text: bool = False
) -> Callable[[object], object]:
    """What checks a value that came from a page; it raises `pydantic.ValidationError` for one that does not fit.

    Arguments:
        annotation: with every name resolved.
        namespace: where names inside the classes it mentions are looked up.
        action: for messages.
        argument: for messages.
        is_text: whether everything came as text, from a form: then "5" is a number and "on" is true.

    Raises:
        InvalidArgumentError: pydantic cannot check this annotation.
    """
    types = WireTypes(namespace)
    try:
        core_schema = _core_schema(types.convert(annotation))
        return _checking(adapted(core_schema, types.originals, is_form=is_text))
    except (NameError, PydanticUndefinedAnnotation) as error:
        raise missing_name(
            NameError(name=error.name), action=action, argument=argument, module=namespace.module
        ) from None
    except Exception as error:  # evaluating what strangers wrote as an annotation can raise anything
        raise InvalidArgumentError(
            f"Argument '{argument}' of action '{action}' has an annotation that cannot be checked: {annotation!r}. "
            f"Use JSON types, TypedDict, dataclasses, enums or pydantic models. ({_first_line(error)})"
        ) from error


def _core_schema(annotation: Any) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    if not adapter.pydantic_complete:
        adapter.rebuild(raise_errors=True)
    return adapter.core_schema


def _checking(core_schema: Any) -> Callable[[object], object]:
    """What checks a value at a bounded cost; what is wrong with a small one is found out in full."""
    check = _built(bounded(core_schema))
    check_in_full: list[Any] = []  # made when it is needed

    def validate(given: object) -> object:
        tries = Tries()
        try:
            return check.validate_python(given, context=tries)
        except ValidationError:
            if not (tries.were_few and _is_small(given)):
                raise
        if not check_in_full:
            check_in_full.append(_built(core_schema))
        return check_in_full[0].validate_python(given)

    return validate


def _is_small(given: object) -> bool:
    """Whether a value holds so little that every mistake in it can be told."""
    waiting = [given]
    left = _SMALL
    while waiting and left > 0:
        each = waiting.pop()
        inner: Any = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        left -= len(inner)
        if left > 0:
            waiting.extend(inner)
    return left > 0


def _built(core_schema: Any) -> Any:
    try:
        # Otherwise pydantic-core takes a model's own validator, which does not know the names we added.
        return SchemaValidator(core_schema, _use_prebuilt=False)
    except TypeError:
        return SchemaValidator(core_schema)  # before pydantic 2.12 there was no such shortcut


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
